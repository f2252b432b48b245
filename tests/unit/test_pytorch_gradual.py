"""Gradual pruning in the PyTorch backend: what is zero when, what stays zero, and interruptions."""

import numpy as np
import pytest
import torch
from a_recipe import DEFAULTS
from an_interruption import interrupted
from safetensors.torch import load_file
from torch import nn

from espalier import registry
from espalier.pytorch import gradual, models
from espalier.pytorch.runtime import start
from espalier.training.recipe import Keeping

RECIPE = DEFAULTS | {"epochs": 4, "batch_size": 128, "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 1e-3}
COURSE = {"initial": 0.0, "begin": 0.0, "end": 0.8, "every": 4}
LAYERS = {"0.weight": 8 * 9, "3.weight": 16 * 8 * 9, "7.weight": 10 * 64}


@pytest.fixture(scope="module", autouse=True)
def tiny_model(module_register):
    @registry.register(registry.Model("gradually", backend="pytorch", title="", has=("convs",)))
    def gradually(num_classes, widths=None, width=1.0):
        """Two convs and a linear layer for 8x8 grey images."""
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64, num_classes),
        )  # fmt: skip

    threads = torch.get_num_threads()
    start(1)
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.fixture
def prune(digits, tmp_path):
    """prune(name, ...): the file of a net that is pruned while it is trained, and what the job says of it."""

    def run(name, recipe=None, course=None, net=None, checkpoint=None, **options):
        torch.manual_seed(1)
        parent, out = tmp_path / "parent.safetensors", tmp_path / f"{name}.safetensors"
        models.save(net or models.build_model("gradually", 10), parent)
        step = {"prune_type": "weight", "method": "magnitude", "scope": "layer", "ratio": "0.75", "seed": 3} | options
        step |= {"gradual": COURSE | (course or {}), "recipe": RECIPE | (recipe or {})}
        return out, gradual.prune_model(out, data=digits(8, 1), parent=parent, keeping=Keeping(checkpoint), **step)

    return run


def zeros(file):
    return {name: int((tensor == 0).sum()) for name, tensor in load_file(file).items() if name in LAYERS}


def without_seconds(history):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


@pytest.mark.parametrize(
    "optimizer", [{}, {"optimizer": "adam", "learning_rate": 0.002}, {"ema": 0.9}], ids=["sgd", "adam", "average"]
)
def test_every_layer_ends_with_its_share_of_zeros_and_the_net_learns(prune, optimizer):
    out, found = prune("net", optimizer)
    assert zeros(out) == {name: number * 3 // 4 for name, number in LAYERS.items()}
    assert found["measured"] == {"actual_ratio": 0.75}
    assert found["history"][-1]["train_top1"] > found["history"][0]["train_top1"] + 20


def test_the_sparsity_of_each_epoch_is_that_of_its_last_change(prune):
    """1293 images, 128 a step: 11 steps an epoch, 44 in all, changes at the steps 4, 8, ..., 36 (0.8 * 44 is 35.2)."""
    _, found = prune("net")
    last = [8, 20, 32, 36]  # of the epochs that end with the steps 11, 22, 33 and 44
    expected = [0.75 - 0.75 * (1 - step / 36) ** 3 for step in last]
    sparsities = [row["sparsity"] / 100 for row in found["history"]]
    assert sparsities == pytest.approx(expected, abs=3 / sum(LAYERS.values()))


def test_what_was_zero_in_the_parent_stays_zero(prune):
    torch.manual_seed(0)
    net = models.build_model("gradually", 10)
    net[3].weight.data[:14] = 0  # 7/8 of the layer, more than asked for
    out, _ = prune("net", net=net)
    assert not load_file(out)["3.weight"][:14].any() and load_file(out)["3.weight"][14:].all()
    assert zeros(out)["0.weight"] == 54


def test_the_same_seed_gives_the_same_bits_interrupted_or_not(prune, tmp_path, capsys):
    whole, found = prune("whole")
    with interrupted(3):
        prune("resumed", checkpoint=tmp_path / "state")
    resumed, again = prune("resumed", checkpoint=tmp_path / "state")
    assert "going on after epoch 2" in capsys.readouterr().out
    one, other = load_file(whole), load_file(resumed)
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert without_seconds(found["history"]) == without_seconds(again["history"])
    assert not torch.equal(load_file(prune("other", seed=4)[0])["0.weight"], one["0.weight"])


@pytest.mark.parametrize(
    "options, says",
    [
        ({"scope": "global"}, "magnitude in each layer"),
        ({"method": "random"}, "magnitude in each layer"),
        ({"recipe": {"select": "best_test"}}, "ends with its last epoch"),
        ({"course": {"every": 45}}, "does not fit into a training of 44 steps"),
    ],
)
def test_what_is_not_done_gradually_is_refused(prune, options, says):
    with pytest.raises(ValueError, match=says):
        prune("net", **options)
