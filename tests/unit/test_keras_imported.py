"""Keras nets of the user's own: built, given the weights of a file, or refused in words."""

import zipfile

import numpy as np
import pytest

from espalier import plugins
from espalier.imports import ImportFailed
from espalier.keras import given, models, pretrained
from espalier.keras.checkpoints import WeightsRefused
from espalier.keras.runtime import keras

NETS = """
import tf_keras as keras

def of_pixels(pixels, num_classes, units: int = 8):
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(pixels)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Dense(units, name="hidden")(keras.layers.Flatten()(x))
    return keras.layers.Dense(num_classes, name="logits")(x)

def model(num_classes, activation=None):
    return keras.Sequential([
        keras.layers.Conv2D(4, 3, input_shape=(16, 16, 3)),
        keras.layers.Conv2D(4, 3),
        keras.layers.Flatten(),
        keras.layers.Dense(num_classes, activation=activation),
    ])

def two(pixels, num_classes):
    x = keras.layers.Flatten()(pixels)
    return keras.layers.Dense(num_classes)(x), keras.layers.Dense(num_classes)(x)

def narrow(pixels):
    return keras.layers.Dense(3)(keras.layers.Flatten()(pixels))

def raising(pixels, num_classes):
    raise RuntimeError("no licence")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch, own_register):
    (tmp_path / "own_keras_nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    plugins.load(plugins.find(["own_keras_nets.py"], [tmp_path]))
    yield tmp_path
    for plugin in plugins.loaded():
        plugins.unload(plugin)


def build(name, classes=10, **options):
    return models.build_model({"name": f"own_keras_nets:{name}", **options}, (16, 16, 3), classes)


def author(name="of_pixels"):
    """The author's own model of float pixels, with weights that no new net has."""
    nets = plugins.importlib.import_module("own_keras_nets")
    if name == "model":
        net = nets.model(10)
    else:
        pixels = keras.Input((16, 16, 3))
        net = keras.Model(pixels, nets.of_pixels(pixels, 10))
    generator = np.random.default_rng(5)
    net.set_weights([generator.uniform(0.1, 1, weight.shape).astype("float32") for weight in net.get_weights()])
    return net


def read(folder, file, digits, name="of_pixels"):
    """The net that is made of a file of weights, through the file of the run."""
    model = {"name": f"own_keras_nets:{name}", "weights": str(file)}
    pretrained.read_weights(folder / "weights.h5", given=file, model=model, data=digits(16, 3))
    step = {"model": model | {"pretrained": str(folder / "weights.h5")}, "seed": 3}
    assert given.write_model(folder / "model.keras", data=digits(16, 3), **step) == {"weights": "file"}
    return models.load(folder / "model.keras")


@pytest.mark.parametrize("name", ["of_pixels", "model"])
@pytest.mark.parametrize("form", ["weights.h5", "whole.h5", "whole.keras"])
def test_a_given_net_computes_what_its_author_s_file_does(folder, digits, name, form):
    net = author(name)
    file = folder / f"best.{form.split('.')[1]}"
    net.save_weights(str(file), save_format="h5") if form == "weights.h5" else net.save(str(file))
    made = read(folder, file, digits, name)
    images = np.random.default_rng(1).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    expected = net.predict((images / 255 - 0.45) / 0.225, verbose=0)
    np.testing.assert_allclose(made.predict(images, verbose=0), expected, rtol=1e-4, atol=1e-4)


def test_weights_of_another_net_are_listed(folder, digits):
    file = folder / "best.h5"
    author("model").save_weights(str(file), save_format="h5")
    with pytest.raises(WeightsRefused) as error:
        read(folder, file, digits)
    assert "4 missing: conv, norm, hidden, logits" in str(error.value) and "3 unexpected" in str(error.value)


@pytest.mark.parametrize("name", ["best.h5", "best.keras"])
@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 half"])
def test_damaged_files_are_refused(folder, digits, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(WeightsRefused, match=name):
        read(folder, folder / name, digits)


def test_a_lambda_layer_in_a_file_runs_nothing(folder, digits):
    """Its code is in the configuration, which is not read but for the order of the layers."""
    mark = folder / "ran"
    net = keras.Sequential([keras.layers.Flatten(input_shape=(16, 16, 3)), keras.layers.Dense(10)])
    net.add(keras.layers.Lambda(lambda x, path=str(mark): __import__("pathlib").Path(path).touch() or x))
    mark.unlink()
    for form in ("h5", "keras"):
        net.save(str(folder / f"best.{form}"))
        with pytest.raises(WeightsRefused, match="not of this net"):
            read(folder, folder / f"best.{form}", digits)
    assert not mark.exists() and zipfile.is_zipfile(folder / "best.keras")


@pytest.mark.parametrize(
    ("name", "words"),
    [("two", "2 outputs"), ("narrow", "returns (None, 3), not (images, 10) logits"), ("raising", "no licence")],
)
def test_a_function_that_makes_no_classifier_is_told(folder, name, words):
    with pytest.raises(ImportFailed) as error:
        build(name)
    assert words in str(error.value)


def test_probabilities_are_no_logits(folder):
    with pytest.raises(ImportFailed, match="ends with softmax"):
        build("model", activation="softmax")


def test_pixels_are_normalised_by_channel():
    net = models.build_model({"name": "mlp", "width": 0.01}, (2, 2, 3), 4, mean=[0.1, 0.2, 0.3], std=[0.5, 1.0, 2.0])
    pixels = net.get_layer("normalise")(np.full((1, 2, 2, 3), 255, np.uint8))
    np.testing.assert_allclose(pixels[0, 0, 0], [0.9 / 0.5, 0.8 / 1.0, 0.7 / 2.0], rtol=1e-6)
