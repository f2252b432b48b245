"""Keras nets as TFLite files: the same outputs, real int8, known sizes, zeros that stay; and training for int8."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from espalier import registry
from espalier.datasets import prepare as datasets
from espalier.keras import litert, models, profile, profile_exported, quantize
from espalier.keras.runtime import keras, start
from espalier.run import progress
from espalier.training.calibration import calibration
from espalier.training.recipe import Keeping

SCHEMES = ["float32", "float16", "dynamic_int8", "static_int8", "qat_int8"]
INT8 = SCHEMES[2:]
RECIPE = {
    "epochs": 2, "batch_size": 64, "optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": False,
    "weight_decay": 0.0, "decay_norm_and_bias": True, "warmup_epochs": 0, "warmup_from": 0.02, "milestones": [],
    "gamma": 0.1, "label_smoothing": 0.0, "shuffle": True, "augment": [], "init": None, "penalty": None,
    "prune_type": None, "coefficient": None, "plateau": None,
}  # fmt: skip
# What the net below has: its weights in the order of its operators, h * w * in * out or in * out.
WEIGHTS = {"conv": 9 * 1 * 16, "depthwise": 9 * 16, "pointwise": 16 * 32, "conv2": 9 * 32 * 32, "logits": 4 * 32 * 10}
BIASES = 16 + 16 + 32 + 32 + 10  # of each operator, where a batch norm was folded in, too


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    start(1)


def conv_net(outputs=10, seed=0):
    """Convolutions of each kind, with and without batch norm, on 8x8 images; every third weight is zero."""
    layers = keras.layers
    images = keras.Input((8, 8, 1), dtype="uint8", name="images")
    x = layers.Rescaling(1 / (255 * 0.225), offset=-0.45 / 0.225, name="normalise")(images)
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="conv")(x)
    x = layers.ReLU(name="relu")(layers.BatchNormalization(momentum=0.8, name="conv_bn")(x))
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    x = layers.ReLU(6.0, name="relu6")(layers.BatchNormalization(momentum=0.8, name="depthwise_bn")(x))
    x = shortcut = layers.Conv2D(32, 1, name="pointwise")(x)
    x = layers.Conv2D(32, 3, padding="same", activation="relu", name="conv2")(x)
    x = layers.MaxPooling2D(name="pool2")(layers.Add(name="add")([x, shortcut]))
    net = keras.Model(images, layers.Dense(outputs, name="logits")(layers.Flatten(name="flatten")(x)), name="small")
    generator = np.random.default_rng(seed)
    for layer in net.layers:
        if isinstance(layer, keras.layers.BatchNormalization):  # as after a training, other than 0 and 1
            layer.set_weights([generator.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    for kernel in (kernel for layer in models.weighted_layers(net) for kernel in models.kernels(layer)):
        values = generator.normal(0, 0.2, kernel.shape)
        values.reshape(-1)[::3] = 0
        kernel.assign(values)
    return net


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """The net in a file; filter 3 of its second plain convolution is all zero."""
    net = conv_net()
    kernel = net.get_layer("conv2").kernel.numpy()
    kernel[..., 3] = 0
    net.get_layer("conv2").kernel.assign(kernel)
    path = tmp_path_factory.mktemp("parent") / "model.keras"
    models.save(net, path)
    return path


def quantized(out, parent, data, scheme, checkpoint=None, **options):
    keeping = Keeping(checkpoint)
    return quantize.quantize_model(
        out, parent=parent, data=data, keeping=keeping, scheme=scheme, recipe=RECIPE, **options
    )


@pytest.fixture(scope="module")
def made(parent, digits, tmp_path_factory):
    """scheme -> (its file, what quantize_model returned)."""
    folder = tmp_path_factory.mktemp("made")
    files = {scheme: folder / f"{scheme}.tflite" for scheme in SCHEMES}
    return {scheme: (path, quantized(path, parent, digits(8, 1), scheme)) for scheme, path in files.items()}


@pytest.fixture(scope="module")
def images(digits):
    """Test images as they are, and normalised by hand."""
    images = np.array(datasets.load(digits(8, 1)).test.images[:65])
    return images, ((images / 255 - 0.45) / 0.225).astype(np.float32)


def constants(path):
    """The constants of a TFLite file that have two dimensions or more, by the runtime's own list of tensors."""
    interpreter = Interpreter(model_path=str(path))  # before allocate_tensors only constants can be read
    found = []
    for tensor in interpreter.get_tensor_details():
        if len(tensor["shape"]) > 1:
            try:
                found.append(interpreter.get_tensor(tensor["index"]))
            except ValueError:
                continue
    return found


# The files


def test_a_float32_file_gives_what_keras_gives_at_every_batch_size(parent, made, images):
    path, found = made["float32"]
    expected = np.asarray(models.load(parent)(images[0]))
    assert np.abs(expected).max() > 1
    net = litert.Net(path, 1)
    for size in (1, 7, 65, 2):
        np.testing.assert_allclose(net(images[1][:size]), expected[:size], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(litert.predict(path, images[1], 1), expected, rtol=1e-4, atol=1e-5)  # batches 32, 32, 1
    assert found["measured"]["export_difference"] < 1e-5 * np.abs(expected).max() + 1e-5


def test_a_file_that_differs_from_keras_is_refused(made, images):
    with pytest.raises(RuntimeError, match=r"differ from Keras's by .*, more than"):
        quantize._compared(made["float32"][0], conv_net(seed=1), images[0])


@pytest.mark.parametrize("scheme, closeness", [("float16", 2e-3), ("dynamic_int8", 0.1), ("static_int8", 0.1)])
def test_a_quantized_file_gives_nearly_the_same_at_every_batch_size(parent, made, images, scheme, closeness):
    expected = np.asarray(models.load(parent)(images[0]))
    net = litert.Net(made[scheme][0], 1)
    for size in (1, 65):
        difference = np.abs(net(images[1][:size]) - expected[:size]).max()
        assert 0 < difference < closeness * np.abs(expected).max()
    each = np.concatenate([net(images[1][i : i + 1]) for i in range(10)])
    np.testing.assert_allclose(each, net(images[1][:10]), rtol=1e-3, atol=0.02)  # alone as among others


def test_the_weights_in_a_file_have_the_bits_that_the_scheme_says(made):
    size, biases = {scheme: path.stat().st_size for scheme, (path, _) in made.items()}, 4 * BIASES
    weights = sum(WEIGHTS.values())
    large = WEIGHTS["conv2"] + WEIGHTS["logits"]  # the others have fewer than 1024
    frame = size["float32"] - 4 * weights - biases  # of the format: some KiB
    assert 0 < frame < 8000
    assert size["float16"] == pytest.approx(2 * weights + biases / 2 + frame, abs=3000)
    assert size["dynamic_int8"] == pytest.approx(large + 4 * (weights - large) + biases + frame, abs=3000)
    for scheme in ("static_int8", "qat_int8"):
        assert size[scheme] == pytest.approx(weights + biases + frame, abs=5000)


@pytest.mark.parametrize(
    "scheme, number", [("float32", 0), ("float16", 0), ("dynamic_int8", 2), ("static_int8", 5), ("qat_int8", 5)]
)
def test_int8_operators_are_counted_in_the_file(made, scheme, number):
    path, found = made[scheme]
    assert found["measured"]["int8_operators"] == number
    int8 = [constant for constant in constants(path) if constant.dtype == np.int8]
    assert len(int8) == number
    assert [row["name"] for row in litert.weighted_operators(path)] == [
        "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "CONV_2D", "FULLY_CONNECTED",
    ]  # fmt: skip
    interpreter = Interpreter(model_path=str(path))
    ends = interpreter.get_input_details() + interpreter.get_output_details()
    assert [end["dtype"] for end in ends] == [np.float32, np.float32]
    assert [end["shape_signature"].tolist() for end in ends] == [[-1, 8, 8, 1], [-1, 10]]


@pytest.mark.parametrize("scheme", ["static_int8", "qat_int8"])
def test_weights_that_are_zero_stay_zero(parent, made, scheme):
    net = models.load(parent)
    kernels = {layer.name: models.kernels(layer)[0].numpy() for layer in models.weighted_layers(net)}
    expected = [
        *(kernels[name].transpose(3, 0, 1, 2) for name in ("conv", "pointwise", "conv2")),
        kernels["depthwise"].transpose(3, 0, 1, 2),
        kernels["logits"].T,
    ]
    found = {constant.shape: constant for constant in constants(made[scheme][0])}
    for kernel in expected:
        assert np.all(found[kernel.shape][kernel == 0] == 0)
        assert np.mean(found[kernel.shape][kernel != 0] == 0) < 0.05
    assert sum(kernel[3].any() for kernel in expected if kernel.shape == (32, 3, 3, 32)) == 0  # the dead filter


def test_the_same_bytes_each_time_and_others_with_another_seed(parent, made, digits, tmp_path):
    for scheme in ("dynamic_int8", "static_int8", "qat_int8"):
        quantized(tmp_path / "again.tflite", parent, digits(8, 1), scheme)
        assert (tmp_path / "again.tflite").read_bytes() == made[scheme][0].read_bytes()
    quantized(tmp_path / "other.tflite", parent, digits(8, 1), "static_int8", seed=1, calibration_images=4)
    assert (tmp_path / "other.tflite").read_bytes() != made["static_int8"][0].read_bytes()


def test_how_many_images_calibrated_is_said(parent, made, digits, tmp_path):
    for scheme in SCHEMES:
        calibrated = made[scheme][1]["measured"].get("calibration_images")
        assert calibrated == (128 if scheme in ("static_int8", "qat_int8") else None)
    all_of_them = len(datasets.load(digits(8, 1)).train)
    found = quantized(tmp_path / "a.tflite", parent, digits(8, 1), "static_int8", calibration_images=10**6)
    assert found["measured"]["calibration_images"] == all_of_them


def test_calibration_images_are_of_every_class(parent, digits, tmp_path, monkeypatch):
    """By the rule that PyTorch nets have, too."""
    seen = []
    convert = quantize._converted
    monkeypatch.setattr(quantize, "_converted", lambda *given: (seen.append(given[-1]), convert(*given))[1])
    quantized(tmp_path / "a.tflite", parent, digits(8, 1), "static_int8", calibration_images=10)
    train = datasets.load(digits(8, 1)).train
    chosen = np.sort(calibration(train, 10, seed=0))
    assert len(set(train.labels[chosen])) == 10
    np.testing.assert_allclose(seen[0], (train.images[chosen] / 255 - 0.45) / 0.225, rtol=1e-4, atol=1e-5)


def test_the_converter_is_quiet(parent, digits, tmp_path, capfd):
    quantized(tmp_path / "a.tflite", parent, digits(8, 1), "static_int8")
    lines = "".join(capfd.readouterr()).splitlines()
    assert [line for line in lines if not line.startswith("INFO: Created TensorFlow Lite XNNPACK delegate")] == []


# Training for int8


def test_training_starts_from_the_ranges_that_occur(digits, images, tmp_path):
    net = models.build_model({"name": "cifar10_cnn", "width": 0.1}, (8, 8, 1), 10, mean=0.45, std=0.225)
    kernel = net.get_layer("logits").kernel
    kernel.assign(100 * kernel)  # TFMOT's own range, -6 to 6, would cut these logits off
    models.save(net, tmp_path / "model.keras")
    expected = np.asarray(net(images[0]))
    assert np.abs(expected).max() > 30
    still = RECIPE | {"epochs": 1, "learning_rate": 0.0}
    quantize.quantize_model(
        tmp_path / "a.tflite", parent=tmp_path / "model.keras", data=digits(8, 1), scheme="qat_int8", recipe=still
    )
    found = litert.predict(tmp_path / "a.tflite", images[1], 1)
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


def test_training_learns_and_gives_a_history(made, parent, digits):
    history = made["qat_int8"][1]["history"]
    assert [row["epoch"] for row in history] == [1, 2]
    assert history[1]["train_loss"] < history[0]["train_loss"]
    before, after = (profile_exported.measure_model(made[s][0], digits(8, 1), parent)["measured"] for s in INT8[1:])
    # A net with random weights, two epochs: by the draw of images and their order it ended 0.16 to 0.84 lower.
    assert after["test_loss"] < before["test_loss"] - 0.1


class Interrupted(Exception):
    pass


def test_an_interrupted_training_goes_on_and_ends_the_same(parent, made, digits, tmp_path, monkeypatch):
    def stop(row, epochs):
        if row["epoch"] == 2:
            raise Interrupted

    out, state = tmp_path / "a.tflite", tmp_path / "state"
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(progress, "line", stop)
        quantized(out, parent, digits(8, 1), "qat_int8", checkpoint=state)
    history = quantized(out, parent, digits(8, 1), "qat_int8", checkpoint=state)["history"]
    assert len(history) == 2
    assert out.read_bytes() == made["qat_int8"][0].read_bytes()


def test_training_ends_with_the_best_epoch_if_told_to(parent, digits, tmp_path):
    worse = RECIPE | {"milestones": [1], "gamma": 60.0, "momentum": 0.0}  # the second epoch unlearns
    recipes = {"best": worse | {"select": "best_validation"}, "short": worse | {"epochs": 1}, "last": worse}
    found = {
        name: quantize.quantize_model(
            tmp_path / name, parent=parent, data=digits(8, 1), scheme="qat_int8", recipe=recipe, seed=1
        )
        for name, recipe in recipes.items()
    }
    assert found["best"]["measured"]["selected_epoch"] == 1 and "selected_epoch" not in found["last"]["measured"]
    best, short, last = ((tmp_path / name).read_bytes() for name in recipes)
    assert best == short != last


def test_training_needs_a_recipe(parent, digits, tmp_path):
    with pytest.raises(ValueError, match="qat_int8 trains the net, so it needs a recipe"):
        quantize.quantize_model(tmp_path / "a.tflite", parent=parent, data=digits(8, 1), scheme="qat_int8")


# What is refused


def test_a_net_too_small_for_int8_is_refused(digits, tmp_path):
    net = models.build_model({"name": "mlp", "width": 0.01}, (8, 8, 1), 10)  # at most 64 * 10 weights
    models.save(net, tmp_path / "model.keras")
    with pytest.raises(RuntimeError, match=r"holds no int8 operator: dynamic_int8 made none of the 5 .* 1024 weights"):
        quantized(tmp_path / "a.tflite", tmp_path / "model.keras", digits(8, 1), "dynamic_int8")


def test_a_scheme_that_leaves_an_operator_in_float_is_refused(own_register, parent, digits, tmp_path):
    @registry.register(
        registry.Scheme("half_done", backend="keras", title="", int8=True, calibrated=True, trains=False)
    )
    def half_done(lite, converter, calibration):
        converter.optimizations = [lite.Optimize.DEFAULT]

    with pytest.raises(RuntimeError, match=r"computes in float where half_done should not: CONV_2D, DEPTHWISE"):
        quantized(tmp_path / "a.tflite", parent, digits(8, 1), "half_done")


# What is measured


def test_a_file_is_measured_by_what_it_gives_and_counted_as_its_parent(parent, made, digits):
    dense = profile.measure_model(parent, digits(8, 1))["measured"]
    for scheme in SCHEMES:
        found = profile_exported.measure_model(made[scheme][0], digits(8, 1), parent)["measured"]
        same = ("params", "macs", "flops", "nonzero_params", "sparsity", "test_images")
        assert {key: found[key] for key in same} == {key: dense[key] for key in same}
        assert found["size_bytes"] == made[scheme][0].stat().st_size > found["zipped_bytes"]
        if scheme == "float32":
            assert (found["top1"], found["top5"]) == (dense["top1"], dense["top5"])
            assert found["test_loss"] == pytest.approx(dense["test_loss"], rel=1e-5)


def test_one_output_of_a_binary_net_decides_between_two_classes(digits, tmp_path):
    net = conv_net(outputs=1)
    models.save(net, tmp_path / "model.keras")
    quantized(tmp_path / "a.tflite", tmp_path / "model.keras", digits(8, 1), "float32")
    source, folder = datasets.load(digits(8, 1)), tmp_path / "binary"
    folder.mkdir()
    np.save(folder / "images.npy", np.load(digits(8, 1) / "images.npy"))
    np.save(folder / "labels.npy", np.load(digits(8, 1) / "labels.npy") % 2)
    datasets.write_manifest(folder, source.manifest)
    found = profile_exported.measure_model(tmp_path / "a.tflite", folder, tmp_path / "model.keras")["measured"]
    odd = np.asarray(source.test.labels) % 2
    outputs = np.asarray(net(np.array(source.test.images)))[:, 0]
    assert found["top1"] == pytest.approx(100 * np.mean((outputs > 0) == odd))
    assert found["test_loss"] == pytest.approx(np.mean(np.log1p(np.exp(np.where(odd, -outputs, outputs)))), rel=1e-4)


# Sizes that are published: VGG16 at 150x150 with one output, not trained


@pytest.fixture(scope="module")
def vgg16():
    return models.bare(models.build_model({"name": "vgg16"}, (150, 150, 3), 2))


@pytest.mark.parametrize("scheme, mib", [("float32", 56.13), ("float16", 28.07), ("dynamic_int8", 14.09)])
def test_vgg16_has_the_published_sizes(vgg16, scheme, mib):
    assert vgg16.count_params() == 14_715_201
    content = quantize._converted(vgg16, registry.get(registry.Scheme, scheme, "keras"), None)
    assert len(content) / 2**20 == pytest.approx(mib, rel=0.005)
