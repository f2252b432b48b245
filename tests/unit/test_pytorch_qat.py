"""Quantization-aware training of PyTorch nets: what is rounded, and that the file is the net that was trained."""

import numpy as np
import onnx
import pytest
import torch
from a_recipe import DEFAULTS
from onnx import numpy_helper
from torch import nn

from espalier import registry
from espalier.datasets import prepare as datasets
from espalier.pytorch import models, quantize, rounding, train
from espalier.pytorch.onnx_runtime import session
from espalier.run import progress
from espalier.training.recipe import Keeping

RECIPE = DEFAULTS | {"epochs": 2, "batch_size": 64, "learning_rate": 0.01, "momentum": 0.9}
MODEL = {"name": "small", "width": 1.0}


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)

    def forward(self, images):
        return (images + self.norm(self.first(images))).relu()


@pytest.fixture(scope="module", autouse=True)
def small_model(module_register):
    @registry.register(registry.Model("small", backend="pytorch", title=""))
    def small(num_classes, widths=None, width=1.0):
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), Residual(),
            nn.Flatten(), nn.Linear(128, num_classes),
        )  # fmt: skip


@pytest.fixture(scope="module")
def parent(digits, tmp_path_factory, small_model):
    """A trained net, a tenth of the weights of its second conv zero."""
    path = tmp_path_factory.mktemp("parent") / "model.safetensors"
    train.train_model(path, data=digits(8, 1), model=MODEL, seed=3, recipe=RECIPE | {"learning_rate": 0.05})
    net = models.load(path)
    with torch.no_grad():
        net[4].first.weight.view(-1)[::10] = 0
    models.save(net, path)
    return path


def made(out, parent, digits, checkpoint=None, **recipe):
    step = {"scheme": "qat_int8", "calibration_images": 70, "seed": 5, "recipe": RECIPE | recipe}
    return quantize.quantize_model(out, parent=parent, data=digits(8, 1), keeping=Keeping(checkpoint), **step)


def images_of(digits, split="test"):
    images = getattr(datasets.load(digits(8, 1)), split).images
    return ((images.transpose(0, 3, 1, 2) / 255 - 0.45) / 0.225).astype(np.float32)


def test_weights_are_rounded_by_the_largest_of_each_output_channel():
    layer = nn.Linear(3, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.27, 0.014, -0.5], [0.0, 0.0, 0.0]]))
    rounding.simulate(layer, [np.array([[-1.0, 0.5, 4.1]], np.float32)])  # 5.1 in 255 steps: 0.02
    layer.eval()
    # 0.014 is rounded to 0.01 = 1.27 / 127; inputs to multiples of 0.02 from -1 to 4.1
    inputs = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.013, 0.0, 0.0], [9.0, 0.0, 0.0], [-2.0, 0.0, 0.0]])
    expected = [0.01, 1.27, 0.02 * 1.27, 4.1 * 1.27, -1.27]
    assert layer(inputs)[:, 0].tolist() == pytest.approx(expected, abs=1e-5)
    assert not layer(inputs)[:, 1].any()


def test_the_gradient_goes_through_the_rounding_but_not_through_what_is_cut_off():
    layer = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(2.0)
    rounding.simulate(layer, [np.array([[-1.0, 1.0]], np.float32)])
    layer.eval()
    inputs = torch.tensor([[0.3, 5.0]], requires_grad=True)
    layer(inputs).sum().backward()
    assert inputs.grad.tolist() == [[2.0, 0.0]]
    assert layer.weight.grad.flatten().tolist() == pytest.approx([0.3, 1.0], abs=0.005)


def test_in_training_a_range_follows_its_input_by_a_hundredth():
    layer = nn.Linear(1, 1)
    rounding.simulate(layer, [np.array([[-1.0], [2.0]], np.float32)])
    layer.train()(torch.tensor([[-3.0], [1.0]]))
    assert rounding.plain(layer) == {"": pytest.approx((-1.02, 1.99))}
    assert not layer._buffers and "forward" not in vars(layer)


def test_batch_norms_are_folded_where_they_follow_a_conv(parent, digits):
    net, images = models.load(parent).eval(), torch.from_numpy(images_of(digits))
    with torch.no_grad():
        before = net(images)
        rounding.fold_batch_norms(net)
        assert torch.allclose(net(images), before, atol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in net.modules())


def test_the_file_computes_what_was_trained(parent, digits, tmp_path, monkeypatch):
    """Logits of the rounding net at the end of its training, and of the int8 file in ONNX Runtime."""
    simulated, real = {}, rounding.plain

    def plain(net):
        with torch.no_grad():
            simulated["logits"] = net.eval()(torch.from_numpy(images_of(digits))).numpy()
        return real(net)

    monkeypatch.setattr(rounding, "plain", plain)
    details = made(tmp_path / "model.onnx", parent, digits)
    found = session(tmp_path / "model.onnx", 1).run(None, {"images": images_of(digits)})[0]
    expected = simulated["logits"]
    assert np.square(found - expected).mean() < np.square(expected).mean() / 1000  # 30 dB
    assert (found.argmax(1) == expected.argmax(1)).mean() > 0.98
    assert len(details["history"]) == 2 and details["measured"]["int8_operators"] == 3
    assert details["history"][-1]["validation_top1"] > 80
    # the range of the second conv's input is the one that was trained, on both sides of the pooling before it
    names = {t.name: numpy_helper.to_array(t) for t in onnx.load(tmp_path / "model.onnx").graph.initializer}
    assert sum(name.endswith("_scale") for name in names) > 3


def test_zero_weights_stay_zero(parent, digits, tmp_path):
    made(tmp_path / "model.onnx", parent, digits)
    zero = (models.load(parent)[4].first.weight == 0).numpy()
    (weight,) = (
        array
        for array in map(numpy_helper.to_array, onnx.load(tmp_path / "model.onnx").graph.initializer)
        if array.shape == zero.shape and array.dtype == np.int8
    )
    assert zero.sum() == 58 and not weight[zero].any()


def test_an_interrupted_training_gives_the_same_file(parent, digits, tmp_path, monkeypatch):
    made(tmp_path / "through.onnx", parent, digits)
    real = progress.line

    def line(row, epochs):
        real(row, epochs)
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(progress, "line", line)
        made(tmp_path / "resumed.onnx", parent, digits, checkpoint=tmp_path / "state")
    made(tmp_path / "resumed.onnx", parent, digits, checkpoint=tmp_path / "state")
    assert (tmp_path / "resumed.onnx").read_bytes() == (tmp_path / "through.onnx").read_bytes()


def test_a_net_that_cannot_be_traced_is_refused():
    class Branching(nn.Module):
        def forward(self, images):
            return images if images.sum() > 0 else -images

    with pytest.raises(ValueError, match=r"cannot be traced by torch\.fx"):
        rounding.fold_batch_norms(Branching())
