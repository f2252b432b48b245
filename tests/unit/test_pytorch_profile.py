"""Counts, sizes and accuracy of a net, against closed forms, PyTorch's own counter and hand-made logits."""

import math
import zipfile

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from espalier import registry
from espalier.datasets.prepare import Split
from espalier.pytorch import models
from espalier.pytorch.evaluate import evaluate, to_input, to_tensor
from espalier.pytorch.profile import measure_model, profile_model


@pytest.fixture
def small():
    """For 8x8 images: a conv with bias, a strided one without, a grouped one, two poolings and two linear layers."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1, stride=2, bias=False), nn.ReLU(),
        nn.Conv2d(16, 16, 1, groups=4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(),
        nn.Linear(16, 12), nn.Linear(12, 10, bias=False),
    )  # fmt: skip


def test_counts_of_a_small_net_by_hand(small):
    profile = profile_model(small, 8)
    convs = 64 * 8 * 3 * 9 + 4 * 16 * 8 * 9 + 4 * 16 * (16 // 4)
    linears = 16 * 12 + 12 * 10
    assert profile.macs == convs + linears
    assert profile.flops == 2 * profile.macs
    biases, norm, pool = 64 * 8 + 4 * 16, 2 * 64 * 8, (2 * 2 + 1) * 16
    assert profile.published_macs == profile.macs + biases + norm + pool
    assert profile.params == (8 * 27 + 8) + 2 * 8 + 16 * 72 + (16 * 4 + 16) + (16 * 12 + 12) + 12 * 10


@pytest.mark.parametrize(
    "name, options",
    [
        ("vgg16_bn", {"width": 0.03}),
        ("resnet50", {"width": 0.04}),
        ("resnet50", {"width": 0.04, "removed_blocks": ["layer1.0"]}),
    ],
)
def test_flops_are_those_of_pytorchs_counter_in_a_real_forward_pass(name, options):
    net = models.build_model(name, 10, **options).eval()
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, 3, 64, 64))
    assert profile_model(net, 64).flops == counter.get_total_flops() > 0


def test_counting_leaves_the_net_as_it_was(small):
    before = {key: value.clone() for key, value in small.state_dict().items()}
    profile_model(small.train(), 8)
    assert small.training and not any(module._forward_hooks for module in small.modules())
    assert list(small.state_dict()) == list(before)
    assert all(torch.equal(value, before[key]) for key, value in small.state_dict().items())


def test_layers_without_multiply_accumulates_of_their_own_count_nothing():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 1), nn.AvgPool2d(2), nn.LeakyReLU(), nn.PReLU(), nn.Upsample(scale_factor=2), nn.Flatten(),
        nn.Linear(64, 5), nn.BatchNorm1d(5), nn.LayerNorm(5), nn.Softmax(1),
    )  # fmt: skip
    assert profile_model(net, 4).macs == 16 * 4 + 64 * 5


def test_multiply_accumulates_outside_of_layers_are_counted():
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(3, 4, 1)

        def forward(self, x):
            return functional.conv2d(self.layer(x), torch.ones(2, 4, 1, 1, device=x.device))

    profile = profile_model(Hidden(), 4)
    assert profile.macs == 16 * 3 * 4 + 16 * 4 * 2 and profile.published_macs is None


def test_attention_is_counted():
    class Attention(nn.Module):
        """16 tokens of 8 channels from images of 4x4, two heads of 4."""

        def __init__(self):
            super().__init__()
            self.embed, self.attention = nn.Conv2d(3, 8, 1), nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x):
            x = self.embed(x).flatten(2).transpose(1, 2)
            return self.attention(x, x, x, need_weights=False)[0]

    embedding, projections, products = 16 * 3 * 8, 4 * 16 * 8 * 8, 2 * 2 * 16 * 16 * 4
    assert profile_model(Attention(), 4).macs == embedding + projections + products


# Accuracy


class Table(nn.Module):
    """Logits looked up by the (single) pixel of an image."""

    def __init__(self, logits, mean, std):
        super().__init__()
        self.logits, self.mean, self.std = logits, mean, std

    def forward(self, x):
        return self.logits[(255 * (x * self.std + self.mean)).round().long().flatten()]


def test_loss_and_accuracies_by_hand():
    # six classes; the label's rank among the logits of the four images: first, second, fifth, sixth
    logits = torch.tensor([[9.0, 5, 4, 3, 2, 1], [9, 5, 4, 3, 2, 1], [9, 5, 4, 3, 2, 1], [9, 5, 4, 3, 2, 1]])
    labels = np.array([0, 1, 4, 5])
    split = Split(np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1), labels)
    manifest = {"mean": 0.3, "std": 0.2}
    measured = evaluate(Table(logits, 0.3, 0.2), split, manifest, batch_size=3)
    whole = math.log(sum(math.exp(x) for x in (9, 5, 4, 3, 2, 1)))
    expected = {"loss": sum(whole - x for x in (9, 5, 2, 1)) / 4, "top1": 25, "top5": 75}
    assert measured == pytest.approx(expected, abs=1e-5)


def test_with_five_classes_or_fewer_the_label_is_always_among_the_first_five():
    split = Split(np.zeros((2, 1, 1, 1), np.uint8), np.array([0, 2]))
    measured = evaluate(Table(torch.tensor([[1.0, 2, 3]]), 0.0, 1.0), split, {"mean": 0.0, "std": 1.0})
    assert (measured["top1"], measured["top5"]) == (50, 100)


def test_pixels_enter_the_net_normalised_channels_first():
    images = np.array([[[[0, 51]], [[102, 255]]]], np.uint8)  # one image, 2x1 pixels, 2 channels
    entered = to_input(to_tensor(images), {"mean": 0.5, "std": 0.25})
    assert entered.shape == (1, 2, 2, 1) and entered.dtype == torch.float32
    torch.testing.assert_close(entered.flatten(), torch.tensor([-2.0, -0.4, -1.2, 2.0]))


# A file


@pytest.fixture
def file(own_register, digits, tmp_path):
    """A registered net of two weight matrices, in a file: one conv filter and 100 of 640 weights are zero."""

    @registry.register(registry.Model("two_layers", backend="pytorch", title=""))
    def two_layers(num_classes, widths=None, width=1.0):
        return nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.Flatten(), nn.Linear(64, num_classes))

    torch.manual_seed(0)
    net = models.build_model("two_layers", 10)
    with torch.no_grad():
        net[0].weight[1] = 0
        net[2].weight.view(-1)[:100] = 0
        net[0].bias.fill_(1)
        net[2].bias.fill_(1)
    models.save(net, tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


def test_what_is_measured_of_a_file(file, digits, tmp_path):
    details = measure_model(file, digits(8, 1))
    measured = details["measured"]
    params = 4 * 9 + 4 + 64 * 10 + 10
    assert measured["params"] == params
    assert measured["macs"] == 16 * 4 * 9 + 640
    assert measured["nonzero_params"] == params - 9 - 100
    assert measured["sparsity"] == pytest.approx(100 * 109 / params)
    assert measured["size_bytes"] == file.stat().st_size > 4 * params
    with zipfile.ZipFile(tmp_path / "net.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(file, file.name)
    assert measured["zipped_bytes"] == (tmp_path / "net.zip").stat().st_size
    assert details["layers"] == [
        {"layer": "0", "kind": "Conv2d", "width": 4, "weights": 36, "zeros": 9, "biases": 4, "bias_zeros": 0}
        | {"filter_zeros": [0, 9, 0, 0]},
        {"layer": "2", "kind": "Linear", "width": 10, "weights": 640, "zeros": 100, "biases": 10, "bias_zeros": 0},
    ]


def test_zero_biases_are_counted_and_filters_only_of_convs_that_have_zeros(own_register, digits, tmp_path):
    @registry.register(registry.Model("plain", backend="pytorch", title=""))
    def plain(num_classes, widths=None, width=1.0):
        return nn.Sequential(nn.Conv2d(1, 3, 1, bias=False), nn.Flatten(), nn.Linear(192, num_classes))

    torch.manual_seed(0)
    net = models.build_model("plain", 10)
    net[2].bias.data[:4], net[2].bias.data[4:] = 1, 0
    models.save(net, tmp_path / "net.safetensors")
    assert measure_model(tmp_path / "net.safetensors", digits(8, 1))["layers"] == [
        {"layer": "0", "kind": "Conv2d", "width": 3, "weights": 3, "zeros": 0},
        {"layer": "2", "kind": "Linear", "width": 10, "weights": 1920, "zeros": 0, "biases": 10, "bias_zeros": 6},
    ]


def test_accuracy_is_that_on_the_test_images(file, digits):
    from espalier.datasets.prepare import load

    data, net = load(digits(8, 1)), models.load(file)
    with torch.no_grad():
        images = (torch.tensor(data.test.images).permute(0, 3, 1, 2) / 255 - 0.45) / 0.225
        logits = net(images).numpy()
    measured = measure_model(file, digits(8, 1))["measured"]
    best = np.argsort(-logits, axis=1)
    assert measured["top1"] == pytest.approx(100 * np.mean(best[:, 0] == data.test.labels))
    assert measured["top5"] == pytest.approx(100 * np.mean((best[:, :5] == data.test.labels[:, None]).any(1)))
    likelihood = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    loss = -likelihood[np.arange(360), data.test.labels].mean()
    assert measured["test_loss"] == pytest.approx(loss, rel=1e-4)
