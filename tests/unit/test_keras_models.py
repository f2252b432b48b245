"""Architectures, initial weights and model files of the Keras backend."""

import json
import zipfile

import numpy as np
import pytest

from espalier import registry
from espalier.keras import models
from espalier.keras.runtime import keras, start

DIGITS = (28, 28, 1)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    start(1)


def test_the_full_mlp_has_the_parameters_of_its_closed_form():
    net = models.build_model({"name": "mlp", "width": 1.0}, DIGITS, 10)
    shapes = [tuple(weight.shape) for weight in net.get_weights()]
    assert shapes == [(784, 1000), (1000, 1000), (1000, 500), (500, 200), (200, 10), (10,)]
    assert net.count_params() == 784 * 1000 + 1000 * 1000 + 1000 * 500 + 500 * 200 + 200 * 10 + 10 == 2_386_010


@pytest.mark.parametrize(
    "width, units",
    [(0.5, [500, 500, 250, 100]), (0.0126, [13, 13, 6, 3]), (0.0001, [1, 1, 1, 1])],
    ids=["half", "rounded", "at least one"],
)
def test_width_scales_the_hidden_layers(width, units):
    net = models.build_model({"name": "mlp", "width": width}, (4, 4, 3), 7)
    assert [layer.units for layer in models.weighted_layers(net)] == [*units, 7]


def test_pixels_are_normalised_by_the_first_layer():
    net = models.build_model({"name": "mlp", "width": 0.01}, (2, 1, 1), 2, mean=0.5, std=0.25)
    normalise = keras.Model(net.input, net.get_layer("normalise").output)
    images = np.array([[[[0]], [[255]]], [[[51]], [[102]]]], np.uint8)
    expected = [[-2.0, 2.0], [-1.2, -0.4]]  # (x / 255 - 0.5) / 0.25
    np.testing.assert_allclose(np.asarray(normalise(images)).reshape(2, 2), expected, atol=1e-6)


def test_normal_weights_have_the_asked_spread_in_every_layer():
    net = models.build_model({"name": "mlp"}, DIGITS, 10, init={"name": "normal", "stddev": 0.1}, seed=3)
    for layer in models.weighted_layers(net):
        kernel = layer.kernel.numpy()
        error = 0.1 / np.sqrt(2 * kernel.size)  # standard error of the standard deviation of a normal sample
        assert abs(kernel.std() - 0.1) < 4 * error
        assert abs(kernel.mean()) < 4 * 0.1 / np.sqrt(kernel.size)
    assert not net.get_layer("logits").bias.numpy().any()


def test_glorot_weights_fill_the_asked_range():
    net = models.build_model({"name": "mlp"}, DIGITS, 10, init={"name": "glorot"}, seed=3)
    for layer in models.weighted_layers(net):
        kernel, limit = layer.kernel.numpy(), np.sqrt(6 / sum(layer.kernel.shape))
        assert 0.99 * limit < abs(kernel).max() <= limit
        assert abs(kernel.std() / (limit / np.sqrt(3)) - 1) < 0.05  # of a uniform distribution


def test_glorot_counts_the_positions_of_a_convolution():
    draw = registry.get("init", "glorot", "keras")()
    kernel = draw(np.random.default_rng(0), (3, 3, 4, 8))
    assert 0.98 < abs(kernel).max() / np.sqrt(6 / (9 * 4 + 9 * 8)) <= 1


@pytest.mark.parametrize("init", [None, {"name": "glorot"}, {"name": "normal", "stddev": 0.1}])
def test_initial_weights_depend_on_the_seed_alone(init):
    first, again, other = (
        models.build_model({"name": "mlp", "width": 0.02}, DIGITS, 10, init=init, seed=seed).get_weights()
        for seed in (5, 5, 6)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first[:-1], other[:-1], strict=True))
    assert not np.array_equal(first[1].ravel()[:20], first[2].ravel()[:20])  # layers do not repeat each other


def test_a_file_gives_the_net_back_and_is_the_same_every_time(tmp_path):
    net = models.build_model({"name": "mlp", "width": 0.05}, DIGITS, 10, mean=0.1, std=0.3, seed=1)
    models.save(net, tmp_path / "a.keras")
    back = models.load(tmp_path / "a.keras")
    models.save(back, tmp_path / "b.keras")
    images = np.random.default_rng(0).integers(0, 256, (5, *DIGITS), np.uint8)
    assert np.array_equal(np.asarray(net(images)), np.asarray(back(images)))
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:  # no date of any kind in it
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert set(json.loads(archive.read("metadata.json"))) == {"keras_version"}
    assert 0 < (tmp_path / "a.keras").stat().st_size - 4 * net.count_params() < 40_000  # weights, no optimizer


def test_a_file_that_holds_code_is_refused(tmp_path):
    net = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1), keras.layers.Dense(1)])
    net.save(tmp_path / "code.keras")
    with pytest.raises(ValueError, match="arbitrary code execution"):
        models.load(tmp_path / "code.keras")


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "model.h5").write_bytes(b"\x89HDF")
    (tmp_path / "model.keras").write_bytes(b"not a zip archive")
    for name in ("model.h5", "model.keras"):
        with pytest.raises(ValueError, match=f"{name} is not a .keras file"):
            models.load(tmp_path / name)


def test_threads_cannot_change_once_tensorflow_computes():
    keras.backend.zeros(1)
    start(1)
    with pytest.raises(RuntimeError, match="already runs on 1 threads and cannot change to 2"):
        start(2)
