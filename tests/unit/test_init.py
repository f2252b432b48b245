"""`espalier init`: what it asks, and what it refuses before it writes anything."""

import argparse
import runpy
from pathlib import Path

import pytest
import yaml
from PIL import Image

from espalier import plugins
from espalier.plan import grid, init


def given(**options):
    parser = init.add(argparse.ArgumentParser().add_subparsers())
    words = [word for key, value in options.items() for word in (f"--{key}", value) if word is not None]
    return parser.parse_args(words)


def test_what_is_not_given_is_asked_for_and_an_empty_answer_is_the_default():
    asked = []

    def ask(question):
        asked.append(question)
        return {0: "", 1: "digits", 2: ""}[len(asked) - 1]

    assert init.answers(given(model="resnet20"), ask) == {
        "model": "resnet20", "weights": "", "data": "digits", "budget": "10min",
    }  # fmt: skip
    assert len(asked) == 3


def test_what_is_needed_is_asked_for_again():
    answers = iter(["", "", "resnet20"])
    asked = init.answers(given(data="digits", weights="best.pt", budget="1h"), lambda question: next(answers))
    assert asked["model"] == "resnet20"


def test_without_a_terminal_the_missing_options_are_named():
    with pytest.raises(ValueError, match="--model, --data must be given"):
        init.answers(given(), None)


@pytest.mark.parametrize("budget", ["soon", "10 fortnights", "0min", "-3min"])
def test_a_budget_that_is_no_time_is_refused(budget):
    with pytest.raises(ValueError, match="90s, 10min, 2h"):
        init.seconds(budget)


def test_a_config_that_is_there_is_not_replaced(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("mine")
    with pytest.raises(ValueError, match="is there already"):
        init.write(given(model="resnet20", data="digits", out=str(file)), None)
    assert Path(file).read_text() == "mine"


NETS = """
def keras_net(pixels, num_classes):
    import tf_keras as keras
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(pixels)
    return keras.layers.Dense(num_classes, name="logits")(keras.layers.Flatten()(x))

def torch_net(num_classes):
    from torch import nn
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 30 * 30, num_classes))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch, own_register):
    """Nets of the user's own, and grey and coloured images of two classes."""
    monkeypatch.chdir(tmp_path)
    Path("own_nets_of_init.py").write_text(NETS)
    for kind, mode in (("grey", "L"), ("coloured", "RGB")):
        for place in ("train/a", "train/b", "test/a", "test/b"):
            Path(kind, place).mkdir(parents=True)
            for number in range(10):
                Image.new(mode, (40, 40), number * 20 if mode == "L" else (9, 99, number)).save(
                    f"{kind}/{place}/{number}.png"
                )
    yield tmp_path
    for plugin in plugins.loaded():
        plugins.unload(plugin)


def written(**options):
    init.write(given(out="config.yaml", budget="1min", **options), None)
    config = yaml.safe_load(Path("config.yaml").read_text())
    ((_, study),) = config["studies"].items()
    return study, grid.build(config, [Path.cwd()]).jobs


def test_a_config_for_a_net_of_keras_with_its_weights(folder):
    from espalier.keras.runtime import keras

    make_net = runpy.run_path("own_nets_of_init.py")["keras_net"]
    pixels = keras.Input((32, 32, 3))
    keras.Model(pixels, make_net(pixels, 2)).save("best.keras")
    study, jobs = written(
        model="own_nets_of_init.py:keras_net", weights="best.keras", data="coloured", preprocessing="caffe"
    )
    assert (study["backend"], study["dataset"]["preprocessing"]) == ("keras", "caffe") and "mean" not in study[
        "dataset"
    ]
    assert study["model"] == {"import": "own_nets_of_init.py:keras_net", "weights": "best.keras"}
    assert {job.step for job in jobs.values()} == {"given", "prune", "finetune", "quantize"}
    assert {job.params["prune_type"] for job in jobs.values() if job.step == "prune"} == {"weight"}


def test_grey_images_have_one_channel_unless_the_user_says_three(folder):
    study, jobs = written(model="own_nets_of_init.py:torch_net", data="grey")
    assert (study["backend"], study["dataset"]["channels"], study["dataset"]["mean"]) == ("pytorch", 1, 0.5)
    assert {job.step for job in jobs.values()} == {"train", "prune", "finetune", "quantize"}
    coloured, _ = written(model="resnet20", data="grey", force=None)  # which takes three
    assert "channels" not in coloured["dataset"] and coloured["dataset"]["mean"] == [0.485, 0.456, 0.406]


def test_the_framework_is_that_of_the_weights_or_of_the_name():
    assert init._backend("cifar10_cnn", "") == "keras"
    assert [init._backend("x.py:net", file) for file in ("a.h5", "a.keras", "a.pt", "")] == [
        "keras", "keras", "pytorch", "pytorch",
    ]  # fmt: skip


def test_a_mode_of_preprocessing_beside_a_number_is_refused(tmp_path):
    with pytest.raises(ValueError, match="--preprocessing tf says what --mean is"):
        init._normalised(given(preprocessing="tf", mean="0.5"), "keras", 3)
