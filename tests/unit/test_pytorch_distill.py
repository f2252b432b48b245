"""Distillation in the PyTorch backend: its loss worked out in NumPy, its zeros, and interruptions."""

import numpy as np
import pytest
import torch
from a_recipe import DEFAULTS
from safetensors.torch import load_file
from torch import nn

from espalier import registry
from espalier.datasets.prepare import load as load_data
from espalier.pytorch import distill, prune, train
from espalier.pytorch.runtime import start
from espalier.run import progress
from espalier.training.recipe import Keeping

RECIPE = DEFAULTS | {"epochs": 2, "batch_size": 128, "learning_rate": 0.05, "momentum": 0.9, "label_smoothing": 0.1}
STEP = {"model": {"name": "linear", "width": 1.0}, "seed": 3}


@pytest.fixture(scope="module", autouse=True)
def linear(module_register):
    """A linear layer on the 64 pixels of a digit."""

    @registry.register(registry.Model("linear", backend="pytorch", title="", has=("convs",)))
    def linear(num_classes, dropout=0.1):
        return nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(64, num_classes))


@pytest.fixture(scope="module", autouse=True)
def deterministic():
    threads = torch.get_num_threads()
    start(1)
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.fixture(params=[0.1])
def nets(request, digits, tmp_path):
    """The files of a net (with so much dropout), and of the same net with 60 % of its weights zero."""
    dense, pruned = tmp_path / "dense.safetensors", tmp_path / "pruned.safetensors"
    model = STEP["model"] | {"dropout": request.param}
    train.train_model(dense, data=digits(8, 1), recipe=RECIPE, **STEP | {"model": model})
    step = {"prune_type": "weight", "method": "magnitude", "ratio": "0.60"}
    prune.prune_model(pruned, data=digits(8, 1), parent=dense, **step)
    return dense, pruned


def distilled(out, data, nets, changes=None, checkpoint=None, temperature=4.0, weight=0.9):
    dense, parent = nets
    return distill.distill_model(
        out, data=data, parent=parent, dense=dense, keeping=Keeping(checkpoint), temperature=temperature,
        weight=weight, recipe=RECIPE | (changes or {}), **STEP,
    )  # fmt: skip


def log_softmax(logits):
    shifted = logits - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


@pytest.mark.parametrize("nets", [0.0], indirect=True)
@pytest.mark.parametrize(("temperature", "weight"), [(4.0, 0.9), (1.0, 0.5), (2.5, 1.0), (4.0, 0.0)])
def test_the_loss_is_that_of_the_paper(nets, digits, tmp_path, temperature, weight):
    """By hand, in float64; with a learning rate of nearly 0 the net stays as it is."""
    split = load_data(digits(8, 1)).train
    pixels = (np.asarray(split.images, float).reshape(len(split), -1) / 255 - 0.45) / 0.225
    teacher, student = (
        pixels @ tensors["2.weight"].double().numpy().T + tensors["2.bias"].double().numpy()
        for tensors in map(load_file, nets)
    )
    target = np.full((len(split), 10), 0.01)
    target[np.arange(len(split)), split.labels] += 0.9
    hard = -(target * log_softmax(student)).sum(1).mean()
    wanted, softened = log_softmax(teacher / temperature), log_softmax(student / temperature)
    soft = (np.exp(wanted) * (wanted - softened)).sum(1).mean()
    still = {"learning_rate": 1e-30, "momentum": 0.0, "epochs": 1}
    found = distilled(tmp_path / "net.safetensors", digits(8, 1), nets, still, None, temperature, weight)["history"][0]
    assert found["train_loss"] == pytest.approx((1 - weight) * hard + weight * temperature**2 * soft, rel=1e-5)
    assert found["train_top1"] == pytest.approx(100 * (student.argmax(1) == split.labels).mean())


def test_with_a_weight_of_0_it_is_fine_tuning_to_the_last_bit(nets, digits, tmp_path):
    one, other = tmp_path / "one.safetensors", tmp_path / "other.safetensors"
    distilled(one, digits(8, 1), nets, weight=0.0)
    train.train_model(other, data=digits(8, 1), parent=nets[1], recipe=RECIPE, **STEP)
    assert one.read_bytes() == other.read_bytes()


def test_zeros_stay_zero_and_the_net_comes_nearer_to_its_teacher(nets, digits, tmp_path):
    out = tmp_path / "net.safetensors"
    history = distilled(out, digits(8, 1), nets, {"weight_decay": 0.001, "epochs": 4}, weight=1.0)["history"]
    before, after = load_file(nets[1])["2.weight"], load_file(out)["2.weight"]
    assert torch.equal(before == 0, after == 0) and (before != after).any()
    assert history[-1]["train_loss"] < history[0]["train_loss"]


def test_an_interrupted_distillation_ends_as_if_it_had_not_been(nets, digits, tmp_path, monkeypatch):
    through, resumed = tmp_path / "through.safetensors", tmp_path / "resumed.safetensors"
    distilled(through, digits(8, 1), nets)
    real = progress.line

    def line(row, epochs):
        if row["epoch"] == 2:
            raise KeyboardInterrupt
        real(row, epochs)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(progress, "line", line)
        distilled(resumed, digits(8, 1), nets, checkpoint=tmp_path / "state")
    distilled(resumed, digits(8, 1), nets, checkpoint=tmp_path / "state")
    assert resumed.read_bytes() == through.read_bytes()


@pytest.mark.parametrize("change", [{"temperature": 3.0}, {"weight": 0.8}, {"nets": 1}], ids=str)
def test_the_state_of_another_distillation_is_not_used(nets, digits, tmp_path, capsys, change):
    distilled(tmp_path / "one.safetensors", digits(8, 1), nets, checkpoint=tmp_path / "state")
    if "nets" in change:
        change = {"nets": (nets[1], nets[1])}  # another teacher
    capsys.readouterr()
    distilled(tmp_path / "other.safetensors", digits(8, 1), **{"nets": nets} | change, checkpoint=tmp_path / "state")
    assert "going on" not in capsys.readouterr().out
