"""Architectures, initial weights, and model files that hold no code.

A net takes uint8 images (n, h, w, c) and returns logits (n, classes): normalising pixels is its first layer, so that a
file is all that is needed to use it. A model file is a .keras file of an uncompiled net: configuration and weights, no
optimizer. Two nets with the same weights have the same file, byte for byte.
"""

from __future__ import annotations

import json
import math
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated

import numpy as np

from espalier.registry import get, register


def build_model(
    model: dict, image_shape: tuple, num_classes: int, *, mean=0.0, std=1.0, init: dict | None = None, seed=0
):
    """A net with new initial weights.

    model: {"name": a registered architecture, ...its options}; image_shape: (h, w, c); mean, std: pixels become
    (pixel / 255 - mean) / std; init: {"name": a registered initialisation, ...its options}, or None for the
    architecture's own; seed: what the weights are drawn from. Raises registry.UnknownName for an unknown name.
    """
    from espalier.keras.runtime import keras

    keras.utils.set_random_seed(seed)
    options = {key: value for key, value in model.items() if key != "name"}
    images = keras.Input(image_shape, dtype="uint8", name="images")
    pixels = keras.layers.Rescaling(1 / (255 * std), offset=-mean / std, name="normalise")(images)
    logits = get("model", model["name"], "keras")(pixels, num_classes, **options)
    net = keras.Model(images, logits, name=model["name"])
    if init:
        draw = get("init", init["name"], "keras")(**{key: value for key, value in init.items() if key != "name"})
        generator = np.random.default_rng(seed)
        for kernel in (kernel for layer in weighted_layers(net) for kernel in kernels(layer)):
            kernel.assign(draw(generator, tuple(kernel.shape)))
    return net


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


def load(path: str | Path):
    """The net in a .keras file. Raises ValueError for any other file; code in a file (Lambda layers) is refused."""
    from espalier.keras.runtime import keras

    if Path(path).suffix != ".keras" or not zipfile.is_zipfile(
        path
    ):  # Keras would try older formats, which may hold code
        raise ValueError(f"{path} is not a .keras file")
    return keras.models.load_model(path, compile=False, safe_mode=True)


def weighted_layers(net) -> list:
    """The layers that carry a matrix or filters of weights, in forward order; the last one is the output layer."""
    return [layer for layer in net.layers if kernels(layer)]


def kernels(layer) -> list:
    """The variables of a layer that are matrices or filters: no biases, nothing of a batch norm."""
    return [variable for variable in layer.weights if len(variable.shape) > 1]


@register("mlp", kind="model", backend="keras", title="Multilayer perceptron 1000-1000-500-200", has=("dense_layers",))
def mlp(pixels, num_classes, width=1.0):
    """Four hidden ReLU layers without biases, an output layer with them. width: factor on the hidden layers' units."""
    from espalier.keras.runtime import keras

    x = keras.layers.Flatten(name="flatten")(pixels)
    for number, units in enumerate((1000, 1000, 500, 200), start=1):
        units = max(1, round(units * width))
        x = keras.layers.Dense(units, activation="relu", use_bias=False, name=f"hidden{number}")(x)
    return keras.layers.Dense(num_classes, name="logits")(x)


@register("normal", kind="init", backend="keras", title="Normal distribution")
def normal(stddev: Annotated[float, {"exclusiveMinimum": 0}] = 0.05):
    """N(0, stddev^2), whatever the size of the layer."""
    return lambda generator, shape: generator.normal(0.0, stddev, shape)


@register(
    "glorot",
    kind="init",
    backend="keras",
    title="Glorot uniform",
    cite="Glorot and Bengio 2010, Training deep networks, AISTATS",
)
def glorot():
    """Uniform in +-sqrt(6 / (fan in + fan out))."""

    def draw(generator, shape):
        limit = math.sqrt(6 / (math.prod(shape[:-1]) + math.prod(shape[:-2]) * shape[-1]))
        return generator.uniform(-limit, limit, shape)

    return draw
