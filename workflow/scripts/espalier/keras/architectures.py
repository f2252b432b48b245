"""The architectures and the initial weights that a config can name.

An architecture's function is called with the normalised pixels and the number of classes, and returns the logits (for
two classes one, see `models`). Its weights are those that Keras draws, unless a recipe names an initialisation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np

from espalier.registry import Init, Model, register

FRACTION = {"minimum": 0, "exclusiveMaximum": 1}
Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]  # a tensor of that shape


def head(features: Any, num_classes: int) -> Any:
    """The output layer: a unit for each class, a single one for two classes; no activation."""
    from espalier.keras.runtime import keras

    return keras.layers.Dense(1 if num_classes == 2 else num_classes, name="logits")(features)


def scaled(number: int, width: float) -> int:
    """A layer's width times `width`, rounded, at least 1.

    >>> scaled(64, 0.25), scaled(3, 0.1)
    (16, 1)
    """
    return max(1, round(number * width))


@register(
    Model("mlp", backend="keras", title="Multilayer perceptron 1000-1000-500-200", has=("dense_layers", "layers"))
)
def mlp(pixels: Any, num_classes: int, width: float = 1.0) -> Any:
    """Four hidden ReLU layers without biases, an output layer with them. width: factor on the hidden layers' units."""
    from espalier.keras.runtime import keras

    x = keras.layers.Flatten(name="flatten")(pixels)
    for number, units in enumerate((1000, 1000, 500, 200), start=1):
        x = keras.layers.Dense(scaled(units, width), activation="relu", use_bias=False, name=f"hidden{number}")(x)
    return head(x, num_classes)


@register(Model("cifar10_cnn", backend="keras", title="Small convolutional net", has=("layers",), smallest=4))
def cifar10_cnn(pixels: Any, num_classes: int, width: float = 1.0) -> Any:
    """Two convolutions with max pooling, a hidden layer of 256 units, an output layer. width: factor on all but that.

    The document of the CIFAR-10 study does not print its Keras net, only the size of its file, 4.11 MiB. This net has
    1,070,794 parameters at 32x32x3 and ten classes, and an .h5 file (without optimizer) of 4,310,384 bytes, 4.11 MiB.
    """
    from espalier.keras.runtime import keras

    x = pixels
    for number, filters in enumerate((32, 64), start=1):
        filters = scaled(filters, width)
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        x = keras.layers.MaxPooling2D(name=f"pool{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    return head(keras.layers.Dense(scaled(256, width), activation="relu", name="hidden")(x), num_classes)


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
def vgg16(pixels: Any, num_classes: int, width: float = 1.0) -> Any:
    """The convolutions of VGG16, named as in keras.applications, global average pooling, an output layer.

    width: factor on every convolution's filters. The ImageNet weights were trained on pixels of 0 to 255 less their
    mean, in the order blue, green, red.
    """
    from espalier.keras.runtime import keras

    x = pixels
    for block, (filters, convolutions) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1):
        for number in range(1, convolutions + 1):
            name = f"block{block}_conv{number}"
            x = keras.layers.Conv2D(scaled(filters, width), 3, padding="same", activation="relu", name=name)(x)
        x = keras.layers.MaxPooling2D(name=f"block{block}_pool")(x)
    return head(keras.layers.GlobalAveragePooling2D(name="global_average_pooling2d")(x), num_classes)


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
def mobilenet_v2(
    pixels: Any, num_classes: int, width: float = 1.0, batch_norm_momentum: Annotated[float, FRACTION] = 0.999
) -> Any:
    """The MobileNetV2 of keras.applications, global average pooling, an output layer.

    width: its `alpha`; keras.applications rounds the widths to multiples of 8. batch_norm_momentum: the share that the
    batch norms' moving averages keep at each step; with Keras's 0.999 they need thousands of steps. The ImageNet
    weights were trained on pixels from -1 to 1: mean and std 0.5.
    """
    from espalier.keras.runtime import keras

    base = keras.applications.MobileNetV2(input_tensor=pixels, alpha=width, include_top=False, weights=None)
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = batch_norm_momentum
    return head(keras.layers.GlobalAveragePooling2D(name="global_average_pooling2d")(base.output), num_classes)


@register(Init("normal", backend="keras", title="Normal distribution"))
def normal(stddev: Annotated[float, {"exclusiveMinimum": 0}] = 0.05) -> Draw:
    """N(0, stddev^2) for layers of any size."""
    return lambda generator, shape: generator.normal(0.0, stddev, shape)


@register(
    Init(
        "glorot",
        backend="keras",
        title="Glorot uniform",
        cite="Glorot and Bengio 2010, Training deep networks, AISTATS",
    )
)
def glorot() -> Draw:
    """Uniform in +-sqrt(6 / (fan in + fan out))."""

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        limit = math.sqrt(6 / (math.prod(shape[:-1]) + math.prod(shape[:-2]) * shape[-1]))
        return generator.uniform(-limit, limit, shape)

    return draw
