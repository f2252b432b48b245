"""Distillation in the Keras backend: its loss worked out in NumPy, its zeros, and interruptions."""

import json
import shutil

import numpy as np
import pytest
from a_recipe import DEFAULTS

from espalier.datasets.prepare import write_manifest
from espalier.keras import distill, models, prune, train
from espalier.keras.runtime import start
from espalier.run import progress
from espalier.training.recipe import Keeping

RECIPE = DEFAULTS | {"epochs": 2, "batch_size": 128, "learning_rate": 0.05, "momentum": 0.9, "label_smoothing": 0.1}
STEP = {"model": {"name": "mlp", "width": 0.02}, "seed": 3}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    start(1)


@pytest.fixture(scope="module", params=[10, 2], ids=["ten classes", "binary"])
def data(request, digits, tmp_path_factory):
    """The digits, and the same as even and odd ones: a net of two classes has one output."""
    if request.param == 10:
        return digits(8, 1)
    folder = tmp_path_factory.mktemp("binary") / "data"
    shutil.copytree(digits(8, 1), folder)
    manifest = json.loads((folder / "manifest.json").read_text()) | {"classes": ["even", "odd"]}
    np.save(folder / "labels.npy", np.load(folder / "labels.npy") % 2)
    write_manifest(folder, manifest)
    return folder


@pytest.fixture(scope="module")
def nets(data, tmp_path_factory):
    """The files of a net, and of the same net with 60 % of its weights zero."""
    folder = tmp_path_factory.mktemp("nets")
    dense, pruned = folder / "dense.keras", folder / "pruned.keras"
    train.train_model(dense, data=data, recipe=RECIPE, **STEP)
    step = {"prune_type": "weight", "method": "magnitude", "ratio": "0.60"}
    prune.prune_model(pruned, data=data, parent=dense, **step)
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


@pytest.mark.parametrize(("temperature", "weight"), [(4.0, 0.9), (1.0, 0.5), (2.5, 1.0), (4.0, 0.0)])
def test_the_loss_is_that_of_the_paper(nets, data, tmp_path, temperature, weight):
    """By hand, in float64; with a learning rate of nearly 0 the net stays as it is. One output counts as two logits."""
    manifest = json.loads((data / "manifest.json").read_text())
    first, end = manifest["splits"]["train"]
    images, labels = np.load(data / "images.npy")[first:end], np.load(data / "labels.npy")[first:end]
    teacher, student = (
        models.two_logits(np.asarray(models.load(file)(images))).astype(float) for file in nets
    )  # fmt: skip
    classes = len(manifest["classes"])
    target = np.full((len(labels), classes), 0.1 / classes)
    target[np.arange(len(labels)), labels] += 0.9
    hard = -(target * log_softmax(student)).sum(1).mean()
    wanted, softened = log_softmax(teacher / temperature), log_softmax(student / temperature)
    soft = (np.exp(wanted) * (wanted - softened)).sum(1).mean()
    still = {"learning_rate": 1e-30, "momentum": 0.0, "epochs": 1}
    found = distilled(tmp_path / "net.keras", data, nets, still, None, temperature, weight)["history"][0]
    assert found["train_loss"] == pytest.approx((1 - weight) * hard + weight * temperature**2 * soft, rel=1e-5)
    assert found["train_top1"] == pytest.approx(100 * (student.argmax(1) == labels).mean())


def test_with_a_weight_of_0_it_is_fine_tuning_to_the_last_bit(nets, data, tmp_path):
    distilled(tmp_path / "one.keras", data, nets, weight=0.0)
    train.train_model(tmp_path / "other.keras", data=data, parent=nets[1], recipe=RECIPE, **STEP)
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "other.keras").read_bytes()


def test_zeros_stay_zero_and_the_net_comes_nearer_to_its_teacher(nets, data, tmp_path):
    out = tmp_path / "net.keras"
    history = distilled(out, data, nets, {"weight_decay": 0.001, "epochs": 4}, weight=1.0)["history"]
    for old, new in zip(models.load(nets[1]).get_weights()[:4], models.load(out).get_weights()[:4], strict=True):
        assert np.array_equal(old == 0, new == 0) and (old != new).any()
    assert history[-1]["train_loss"] < history[0]["train_loss"]


def test_an_interrupted_distillation_ends_as_if_it_had_not_been(nets, data, tmp_path, monkeypatch):
    distilled(tmp_path / "through.keras", data, nets)
    real = progress.line

    def line(row, epochs):
        if row["epoch"] == 2:
            raise KeyboardInterrupt
        real(row, epochs)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(progress, "line", line)
        distilled(tmp_path / "resumed.keras", data, nets, checkpoint=tmp_path / "state")
    distilled(tmp_path / "resumed.keras", data, nets, checkpoint=tmp_path / "state")
    assert (tmp_path / "resumed.keras").read_bytes() == (tmp_path / "through.keras").read_bytes()
