"""Architectures, initial weights and model files of the Keras backend."""

import importlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from espalier import registry
from espalier.keras import models, pretrained
from espalier.keras.runtime import keras, start, without

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


@pytest.mark.parametrize(
    "name, size", [("mlp", 8), ("cifar10_cnn", 8), ("vgg16", 32), ("mobilenet_v2", 32)], ids=lambda value: str(value)
)
def test_a_net_made_anew_has_the_weights_of_a_new_one(name, size):
    model = {"name": name, "width": 0.35}
    trained = models.build_model(model, (size, size, 3), 10, seed=1)
    trained.set_weights([weight + 1 for weight in trained.get_weights()])
    anew, wanted = models.redrawn(trained, None, 2), models.build_model(model, (size, size, 3), 10, seed=2)
    assert [layer.name for layer in anew.layers] == [layer.name for layer in wanted.layers]
    for found, weight in zip(anew.get_weights(), wanted.get_weights(), strict=True):
        assert np.array_equal(found, weight)
    assert not np.array_equal(trained.get_weights()[0], anew.get_weights()[0])


def test_glorot_weights_fill_the_asked_range():
    net = models.build_model({"name": "mlp"}, DIGITS, 10, init={"name": "glorot"}, seed=3)
    for layer in models.weighted_layers(net):
        kernel, limit = layer.kernel.numpy(), np.sqrt(6 / sum(layer.kernel.shape))
        assert 0.99 * limit < abs(kernel).max() <= limit
        assert abs(kernel.std() / (limit / np.sqrt(3)) - 1) < 0.05  # of a uniform distribution


def test_glorot_counts_the_positions_of_a_convolution():
    draw = registry.get(registry.Init, "glorot", "keras")()
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


def test_a_net_that_was_saved_compiled_is_loaded_without_its_optimizer(tmp_path):
    net = models.build_model({"name": "mlp", "width": 0.01}, DIGITS, 10)
    net.compile("adam", "mse")
    net.optimizer.build(net.trainable_variables)
    net.save(tmp_path / "compiled.keras")
    back = models.load(tmp_path / "compiled.keras")
    assert getattr(back, "optimizer", None) is None
    assert all(np.array_equal(a, b) for a, b in zip(net.get_weights(), back.get_weights(), strict=True))


def test_a_file_that_holds_code_is_refused(tmp_path):
    net = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1), keras.layers.Dense(1)])
    net.save(tmp_path / "code.keras")
    with pytest.raises(ValueError, match="arbitrary code execution"):
        models.load(tmp_path / "code.keras")


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "model.h5").write_bytes(b"\x89HDF")
    (tmp_path / "model.keras").write_bytes(b"not a zip archive")
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    for name in ("model.h5", "model.keras", "other.keras"):
        with pytest.raises(ValueError, match=f"{name} is not a .keras file"):
            models.load(tmp_path / name)


def test_threads_cannot_change_once_tensorflow_computes():
    keras.backend.zeros(1)
    start(1)
    with pytest.raises(RuntimeError, match="already runs on 1 threads and cannot change to 2"):
        start(2)


@pytest.mark.parametrize(
    "name, shape, params, trainable, h5_bytes",
    [
        ("vgg16", (150, 150, 3), 14_715_201, 14_715_201, 58_929_016),
        ("mobilenet_v2", (96, 96, 3), 2_259_265, 2_225_153, None),
    ],
)
def test_the_published_binary_nets_have_the_published_sizes(tmp_path, name, shape, params, trainable, h5_bytes):
    net = models.bare(models.build_model({"name": name}, shape, 2))
    assert net.count_params() == params
    assert sum(int(np.prod(weight.shape)) for weight in net.trainable_weights) == trainable
    assert net.layers[0].name == "input_1" and [layer.name for layer in net.layers[-2:]] == [
        "global_average_pooling2d",
        "dense",
    ]
    if h5_bytes:
        models.save_h5(net, tmp_path / "model.h5")
        assert (tmp_path / "model.h5").stat().st_size == h5_bytes


def test_the_small_conv_net_is_as_large_as_the_published_file(tmp_path):
    net = models.build_model({"name": "cifar10_cnn"}, (32, 32, 3), 10)
    convolutions = (27 * 32 + 32) + (9 * 32 * 64 + 64)
    assert net.count_params() == convolutions + (8 * 8 * 64 * 256 + 256) + (256 * 10 + 10) == 1_070_794
    models.save_h5(models.bare(net), tmp_path / "model.h5")
    assert round((tmp_path / "model.h5").stat().st_size / 2**20, 2) == 4.11


def test_vgg16_is_that_of_keras_applications():
    ours = models.build_model({"name": "vgg16"}, (40, 40, 3), 2)
    theirs = keras.applications.VGG16(weights=None, include_top=False, input_shape=(40, 40, 3))
    layers = [layer for layer in ours.layers if layer.name.startswith("block")]
    assert [layer.name for layer in layers] == [layer.name for layer in theirs.layers[1:]]
    assert [layer.output_shape for layer in layers] == [layer.output_shape for layer in theirs.layers[1:]]
    for layer in layers:
        layer.set_weights(theirs.get_layer(layer.name).get_weights())
    images = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), np.uint8)
    features = keras.Model(ours.input, ours.get_layer("block5_pool").output)
    assert np.array_equal(features(images), theirs(ours.get_layer("normalise")(images)))


@pytest.mark.parametrize("name", ["vgg16", "mobilenet_v2", "cifar10_cnn"])
def test_a_narrow_net_is_smaller_and_survives_its_file(tmp_path, name):
    net = models.build_model({"name": name, "width": 0.35}, (32, 32, 3), 2, mean=0.5, std=0.5, seed=1)
    full = {"vgg16": 14_715_201, "mobilenet_v2": 2_259_265, "cifar10_cnn": 1_070_794}[name]
    assert 0.1 * full < net.count_params() < 0.25 * full
    models.save(net, tmp_path / "model.keras")
    back = models.load(tmp_path / "model.keras")
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    assert np.array_equal(np.asarray(net(images)), np.asarray(back(images)))
    bare = models.bare(back)
    assert bare.input.dtype == "float32" and bare.count_params() == net.count_params()
    normal = (images / 255 - 0.5) / 0.5
    np.testing.assert_allclose(bare(normal.astype(np.float32)), net(images), rtol=1e-4, atol=1e-5)


def test_two_classes_have_one_output_which_stands_for_two_logits():
    for name, shape in (("mlp", (4, 4, 1)), ("cifar10_cnn", (8, 8, 1))):
        outputs = [models.build_model({"name": name, "width": 0.05}, shape, n).output_shape[1] for n in (2, 3)]
        assert outputs == [1, 3]
    logits = models.two_logits(np.array([[2.0], [-1.0]]))
    assert logits.tolist() == [[0, 2], [0, -1]]
    softmax = np.exp(logits[:, 1]) / np.exp(logits).sum(1)
    np.testing.assert_allclose(softmax, 1 / (1 + np.exp([-2.0, 1.0])))
    assert models.two_logits(np.ones((2, 3))).tolist() == np.ones((2, 3)).tolist()


def test_the_momentum_of_batch_norms_is_the_one_asked_for(tmp_path):
    net = models.build_model({"name": "mobilenet_v2", "width": 0.35, "batch_norm_momentum": 0.9}, (32, 32, 3), 2)
    models.save(net, tmp_path / "model.keras")
    norms = [x for x in models.load(tmp_path / "model.keras").layers if type(x).__name__ == "BatchNormalization"]
    assert len(norms) == 52 and {layer.momentum for layer in norms} == {0.9}


IMAGENET = {"name": "mobilenet_v2", "weights": "imagenet"}
DOWNLOADS = importlib.import_module(keras.applications.MobileNetV2.__module__).data_utils


@pytest.mark.parametrize("given", [True, False], ids=["a file of the user's", "fetched"])
def test_imagenet_weights_are_those_that_keras_fetches(tmp_path, monkeypatch, given):
    published = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(96, 96, 3))
    published.save_weights(tmp_path / "mobilenet_v2.h5")
    asked = []
    monkeypatch.setattr(
        DOWNLOADS, "get_file", lambda name, *_, **__: asked.append(name) or tmp_path / "mobilenet_v2.h5"
    )
    file = tmp_path / "weights.h5"
    pretrained.fetch_weights(file, model=IMAGENET, size=96, given=tmp_path / "mobilenet_v2.h5" if given else None)
    assert asked == ([] if given else ["mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_96_no_top.h5"])
    model = IMAGENET | {"pretrained": file}
    net = models.build_model(model, (96, 96, 3), 2)
    head = net.get_layer("logits").get_weights()
    assert models.pretrain(net, model) == "imagenet"
    for layer in published.layers:
        for found, wanted in zip(net.get_layer(layer.name).get_weights() if layer.weights else [], layer.get_weights(),
                                 strict=True):  # fmt: skip
            assert np.array_equal(found, wanted)
    assert all(np.array_equal(a, b) for a, b in zip(head, net.get_layer("logits").get_weights(), strict=True))


def test_without_imagenet_weights_a_training_goes_on_only_if_it_may(monkeypatch, capsys, tmp_path):
    def unreachable(name, origin, **_):
        raise Exception(f"URL fetch failure on {origin}: None -- no route to host")

    monkeypatch.setattr(DOWNLOADS, "get_file", unreachable)
    file = tmp_path / "weights.h5"
    with pytest.raises(
        RuntimeError, match=r"(?s)cannot be had: .*URL fetch failure on https.*`fallback: random` under"
    ):
        pretrained.fetch_weights(file, model=IMAGENET, size=32)
    assert not file.exists()
    pretrained.fetch_weights(file, model=IMAGENET | {"fallback": "random"}, size=32)
    said = capsys.readouterr().out
    assert "the ImageNet weights of mobilenet_v2 cannot be had" in said and "begin with random weights" in said
    net = models.build_model(IMAGENET, (32, 32, 3), 2)
    before = net.get_weights()
    assert models.pretrain(net, IMAGENET | {"fallback": "random", "pretrained": file}) == "random"
    assert all(np.array_equal(a, b) for a, b in zip(before, net.get_weights(), strict=True))


def test_a_users_file_that_does_not_fit_is_an_error(tmp_path):
    keras.applications.MobileNetV2(weights=None, include_top=False, alpha=0.35, input_shape=(32, 32, 3)).save_weights(
        tmp_path / "mobilenet_v2.h5"
    )
    with pytest.raises(RuntimeError, match="cannot be had"):
        pretrained.fetch_weights(
            tmp_path / "out.h5", model=IMAGENET | {"fallback": "random"}, size=32, given=tmp_path / "mobilenet_v2.h5"
        )


@pytest.mark.parametrize(
    "model, shape, words",
    [
        ({"name": "mlp"}, (4, 4, 3), "mlp has no ImageNet weights"),
        ({"name": "vgg16", "width": 0.1}, (32, 32, 3), "are for `width: 1.0` and images of 3 channels, not 0.1 and 3"),
        ({"name": "mobilenet_v2"}, (32, 32, 1), "not 1.0 and 1"),
    ],
)
def test_imagenet_weights_that_do_not_fit_are_refused(model, shape, words):
    net = models.build_model(model, shape, 2)
    with pytest.raises(ValueError, match=words):
        models.pretrain(net, model | {"weights": "imagenet", "fallback": "random"})
    assert models.pretrain(net, model) == models.pretrain(net, model | {"weights": "random"}) == "random"


def test_hidden_modules_cannot_be_imported_unless_they_are_loaded(monkeypatch):
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    with without("wave", "json"):
        with pytest.raises(ImportError):
            importlib.import_module("wave")
        assert importlib.import_module("json") is json
    assert importlib.import_module("wave").__name__ == "wave"


def test_tensorflow_starts_without_what_is_not_needed_and_leaves_it_to_others():
    program = (
        "import sys; from espalier.keras.runtime import toolkit, keras\n"
        "assert {'pandas', 'scipy', 'keras'}.isdisjoint(sys.modules)\n"
        "wrapper = toolkit().sparsity.keras.prune_low_magnitude(keras.layers.Dense(1))\n"
        "assert 'keras' not in sys.modules and wrapper.__class__.__name__ == 'PruneLowMagnitude'\n"
        "import keras, pandas, scipy.ndimage\n"
        "assert keras.__version__ >= '3' and pandas.DataFrame({'a': [1]}).shape == (1, 1)"
    )
    scripts = Path(models.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=scripts)
    assert done.returncode == 0, done.stderr
