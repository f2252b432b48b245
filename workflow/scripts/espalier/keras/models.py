"""Architectures, initial weights, and model files that hold no code.

A net takes uint8 images (n, h, w, c) and returns logits (n, classes): normalising pixels is its first layer, so that a
file is all that is needed to use it. A net of two classes has one output z (n, 1), the logit of the second class, as
the published nets have: it stands for the two logits [0, z], whose softmax is the sigmoid of z. A model file is a
.keras file of an uncompiled net: configuration and weights, no optimizer. Two nets with the same weights have the same
file, byte for byte.
"""

from __future__ import annotations

import json
import math
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Annotated

import numpy as np

from espalier.registry import Init, Model, get, register

FRACTION = {"minimum": 0, "exclusiveMaximum": 1}
WEIGHTS = "model.weights.h5"  # in a .keras file


def build_model(
    model: dict, image_shape: tuple, num_classes: int, *, mean=0.0, std=1.0, init: dict | None = None, seed=0
):
    """A net with new initial weights.

    model: {"name": a registered architecture, ...its options}, of which `weights` and `fallback` are for `pretrain`;
    image_shape: (h, w, c); mean, std: pixels become (pixel / 255 - mean) / std; init: {"name": a registered
    initialisation, ...its options}, or None for the architecture's own; seed: what the weights are drawn from. Raises
    registry.UnknownName for an unknown name.
    """
    from espalier.keras.runtime import keras

    keras.utils.set_random_seed(seed)
    options = {key: value for key, value in model.items() if key not in ("name", "weights", "fallback")}
    images = keras.Input(image_shape, dtype="uint8", name="images")
    pixels = keras.layers.Rescaling(1 / (255 * std), offset=-mean / std, name="normalise")(images)
    logits = get(Model, model["name"], "keras")(pixels, num_classes, **options)
    return initialised(keras.Model(images, logits, name=model["name"]), init, seed)


def anew(net, init: dict | None = None, seed: int = 0):
    """A net of the same layers with new initial weights, as `build_model` draws them."""
    from espalier.keras.runtime import keras

    keras.utils.set_random_seed(seed)
    return initialised(keras.models.clone_model(net), init, seed)


def initialised(net, init: dict | None, seed: int):
    """The net with the weights of its matrices and filters drawn by a registered initialisation, if one is given."""
    if init:
        draw = get(Init, init["name"], "keras")(**{key: value for key, value in init.items() if key != "name"})
        generator = np.random.default_rng(seed)
        for kernel in (kernel for layer in weighted_layers(net) for kernel in kernels(layer)):
            kernel.assign(draw(generator, tuple(kernel.shape)))
    return net


def pretrain(net, model: dict) -> str:
    """Give a new net the weights that `model` asks for, in place; returns what it starts from, "random" or "imagenet".

    With `weights: imagenet` all layers but the output layer get the weights that keras.applications fetches. Raises
    ValueError for a net that has no such weights, RuntimeError if they cannot be had, unless `fallback` is "random".
    """
    if model.get("weights", "random") == "random":
        return "random"
    from espalier.keras.runtime import keras

    entry = get(Model, model["name"], "keras")
    if not entry.imagenet:
        raise ValueError(f"{entry.name} has no ImageNet weights: take `weights: {model['weights']}` out of its model")
    if model.get("width", 1.0) != 1.0 or net.input_shape[-1] != 3:
        raise ValueError(
            f"the ImageNet weights of {entry.name} are for `width: 1.0` and images of 3 channels, "
            f"not {model.get('width', 1.0)} and {net.input_shape[-1]}"
        )
    build = getattr(keras.applications, entry.application)
    try:
        source = build(include_top=False, weights="imagenet", input_shape=net.input_shape[1:])
    except Exception as error:  # Keras raises no narrower one if a download fails
        tried = f"the ImageNet weights of {entry.name} cannot be had: keras.applications says {str(error).strip()!r}"
        if model.get("fallback") == "random":
            print(f"{tried}; going on from random weights, as `fallback: random` allows", flush=True)
            return "random"
        raise RuntimeError(
            f"{tried}. With `fallback: random` under `model` the study goes on from random weights, "
            "and every table of it will say so"
        ) from error
    for layer in source.layers:
        if layer.weights:
            net.get_layer(layer.name).set_weights(layer.get_weights())
    return "imagenet"


def bare(net):
    """A copy of a net without its `normalise` layer: it takes float images that are normalised already.

    Its input is "input_1" and its output layer "dense", as in the published nets.
    """
    from espalier.keras.runtime import keras

    def copy(layer):
        config = layer.get_config()
        return type(layer).from_config(config | ({"name": "dense"} if layer.name == "logits" else {}))

    inner = keras.Model(net.get_layer("normalise").output, net.output, name=net.name)
    images = keras.Input(net.input_shape[1:], name="input_1")
    without = keras.models.clone_model(inner, input_tensors=images, clone_function=copy)
    without.set_weights(net.get_weights())
    return without


def two_logits(outputs: np.ndarray) -> np.ndarray:
    """A net's outputs (n, classes) as they are; the one output z (n, 1) of a binary net as its two logits [0, z]."""
    return np.concatenate([np.zeros_like(outputs), outputs], axis=1) if outputs.shape[1] == 1 else outputs


def save(net, path: str | Path) -> None:
    """Write a net to a .keras file, members not compressed, without the date that Keras puts in."""
    with tempfile.TemporaryDirectory() as folder:
        dated = Path(folder) / "model.keras"
        net.save(dated)
        with zipfile.ZipFile(dated) as source, zipfile.ZipFile(path, "w") as target:
            for member in source.infolist():
                content = source.read(member)
                if member.filename == "metadata.json":
                    content = json.dumps(
                        {key: v for key, v in json.loads(content).items() if key != "date_saved"}
                    ).encode()
                target.writestr(zipfile.ZipInfo(member.filename), content)


def save_h5(net, path: str | Path, *, optimizer: bool = False) -> None:
    """Write a net as the published studies did, to an HDF5 file, with the optimizer it is compiled with or without."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file")
        net.save(path, include_optimizer=optimizer)


def load(path: str | Path):
    """The net in a .keras file, uncompiled. Raises ValueError for any other file; code in a file (Lambda layers) is
    refused.

    What keras.models.load_model does, but that the weights' file is taken out of the archive first: read through the
    archive, every step back in it begins anew, which is most of the time for a net of a few large matrices.
    """
    from espalier.keras.runtime import keras

    members = zipfile.ZipFile(path).namelist() if zipfile.is_zipfile(path) else []
    if Path(path).suffix != ".keras" or not {"config.json", WEIGHTS} <= set(members):
        raise ValueError(f"{path} is not a .keras file")
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        config = json.loads(archive.read("config.json")) | {"compile_config": None}
        net = keras.saving.deserialize_keras_object(config, safe_mode=True)
        net.load_weights(archive.extract(WEIGHTS, folder))
    return net


def weighted_layers(net) -> list:
    """The layers that carry a matrix or filters of weights, in forward order; the last one is the output layer."""
    return [layer for layer in net.layers if kernels(layer)]


def kernels(layer) -> list:
    """The variables of a layer that are matrices or filters: no biases, nothing of a batch norm."""
    return [variable for variable in layer.weights if len(variable.shape) > 1]


def _head(features, num_classes: int):
    """The output layer: a unit for each class, a single one for two classes; no activation."""
    from espalier.keras.runtime import keras

    return keras.layers.Dense(1 if num_classes == 2 else num_classes, name="logits")(features)


def _scaled(number: int, width: float) -> int:
    return max(1, round(number * width))


@register(
    Model("mlp", backend="keras", title="Multilayer perceptron 1000-1000-500-200", has=("dense_layers", "layers"))
)
def mlp(pixels, num_classes, width=1.0):
    """Four hidden ReLU layers without biases, an output layer with them. width: factor on the hidden layers' units."""
    from espalier.keras.runtime import keras

    x = keras.layers.Flatten(name="flatten")(pixels)
    for number, units in enumerate((1000, 1000, 500, 200), start=1):
        x = keras.layers.Dense(_scaled(units, width), activation="relu", use_bias=False, name=f"hidden{number}")(x)
    return _head(x, num_classes)


@register(Model("cifar10_cnn", backend="keras", title="Small convolutional net", has=("layers",), smallest=4))
def cifar10_cnn(pixels, num_classes, width=1.0):
    """Two convolutions with max pooling, a hidden layer of 256 units, an output layer. width: factor on all but that.

    The document of the CIFAR-10 study does not print its Keras net, only the size of its file, 4.11 MiB. This one, of
    1,070,794 parameters at 32x32x3 and ten classes, is as large: its .h5 file without optimizer has 4,310,384 bytes.
    """
    from espalier.keras.runtime import keras

    x = pixels
    for number, filters in enumerate((32, 64), start=1):
        filters = _scaled(filters, width)
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        x = keras.layers.MaxPooling2D(name=f"pool{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    return _head(keras.layers.Dense(_scaled(256, width), activation="relu", name="hidden")(x), num_classes)


@register(
    Model(
        "vgg16",
        backend="keras",
        title="VGG16",
        cite="Simonyan and Zisserman 2015, arXiv:1409.1556",
        has=("layers",),
        smallest=32,
        imagenet=True,
        application="VGG16",
    )
)
def vgg16(pixels, num_classes, width=1.0):
    """The convolutions of VGG16, named as in keras.applications, global average pooling, an output layer.

    width: factor on every convolution's filters. The ImageNet weights were trained on pixels of 0 to 255 less their
    mean, in the order blue, green, red.
    """
    from espalier.keras.runtime import keras

    x = pixels
    for block, (filters, convolutions) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1):
        for number in range(1, convolutions + 1):
            name = f"block{block}_conv{number}"
            x = keras.layers.Conv2D(_scaled(filters, width), 3, padding="same", activation="relu", name=name)(x)
        x = keras.layers.MaxPooling2D(name=f"block{block}_pool")(x)
    return _head(keras.layers.GlobalAveragePooling2D(name="global_average_pooling2d")(x), num_classes)


@register(
    Model(
        "mobilenet_v2",
        backend="keras",
        title="MobileNetV2",
        cite="Sandler et al. 2018, arXiv:1801.04381",
        has=("layers", "batch_norm"),
        smallest=32,
        imagenet=True,
        application="MobileNetV2",
    )
)
def mobilenet_v2(pixels, num_classes, width=1.0, batch_norm_momentum: Annotated[float, FRACTION] = 0.999):
    """The MobileNetV2 of keras.applications, global average pooling, an output layer.

    width: its `alpha`, on the widths that keras.applications rounds to multiples of 8. batch_norm_momentum: what the
    batch norms' moving averages keep at each step; of Keras's own 0.999 they need thousands of steps. The ImageNet
    weights were trained on pixels from -1 to 1: mean and std 0.5.
    """
    from espalier.keras.runtime import keras

    base = keras.applications.MobileNetV2(input_tensor=pixels, alpha=width, include_top=False, weights=None)
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = batch_norm_momentum
    return _head(keras.layers.GlobalAveragePooling2D(name="global_average_pooling2d")(base.output), num_classes)


@register(Init("normal", backend="keras", title="Normal distribution"))
def normal(stddev: Annotated[float, {"exclusiveMinimum": 0}] = 0.05):
    """N(0, stddev^2), whatever the size of the layer."""
    return lambda generator, shape: generator.normal(0.0, stddev, shape)


@register(
    Init(
        "glorot",
        backend="keras",
        title="Glorot uniform",
        cite="Glorot and Bengio 2010, Training deep networks, AISTATS",
    )
)
def glorot():
    """Uniform in +-sqrt(6 / (fan in + fan out))."""

    def draw(generator, shape):
        limit = math.sqrt(6 / (math.prod(shape[:-1]) + math.prod(shape[:-2]) * shape[-1]))
        return generator.uniform(-limit, limit, shape)

    return draw
