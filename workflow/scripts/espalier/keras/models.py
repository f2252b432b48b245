"""Keras nets: building them, and files that hold no code.

A net takes uint8 images (n, h, w, c) and returns logits (n, classes). Its first layer normalises pixels, so that the
file is all that is needed to use it. A net of two classes has one output z (n, 1), the logit of the second class, as
the published nets have: this means the two logits [0, z], whose softmax is the sigmoid of z. A model file is a .keras
file of an uncompiled net: configuration and weights, no optimizer. Nets with the same weights have the same file, byte
for byte.
"""

from __future__ import annotations

import json
import re
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from espalier.registry import Init, Model, get
from espalier.training.pretrained import is_file, is_missing

Normalisation = float | list[float]  # for all channels, or for each
WEIGHTS = "model.weights.h5"  # in a .keras file

OF_PRETRAINING = ("weights", "fallback", "pretrained")  # keys of `model` that are about the weights of a new net


def build_model(
    model: dict[str, Any],
    image_shape: tuple[int, ...],
    num_classes: int,
    *,
    mean: Normalisation = 0.0,
    std: Normalisation = 1.0,
    init: dict[str, Any] | None = None,
    seed: int = 0,
) -> Any:
    """A net with new initial weights.

    model: {"name": a registered architecture, ...its options}, of which OF_PRETRAINING are for `pretrain`;
    image_shape: (h, w, c); mean, std: pixels become (pixel / 255 - mean) / std; init: {"name": a registered
    initialisation, ...its options}, or None for the architecture's own; seed: what the weights are drawn from. Raises
    registry.UnknownName for an unknown name.
    """
    from espalier.keras.runtime import keras

    keras.utils.set_random_seed(seed)
    options = {key: value for key, value in model.items() if key not in ("name", *OF_PRETRAINING)}
    if options.get("width") == 1.0:  # an architecture need not take one
        del options["width"]
    images = keras.Input(image_shape, dtype="uint8", name="images")
    scale, offset = _rescaling(mean, std, image_shape[-1])
    pixels = keras.layers.Rescaling(scale, offset=offset, name="normalise")(images)
    logits = get(Model, model["name"], "keras")(pixels, num_classes, **options)
    name = re.sub(r"[^\w.]", "_", model["name"])  # "my_nets:make_net"
    return initialised(keras.Model(images, logits, name=name), init, seed)


def _rescaling(mean: Normalisation, std: Normalisation, channels: int) -> tuple[Normalisation, Normalisation]:
    """The factor and the offset of pixels from 0 to 255 that make (pixel / 255 - mean) / std of them."""
    if isinstance(mean, int | float) and isinstance(std, int | float):
        return 1 / (255 * std), -mean / std
    means, stds = ([v] * channels if isinstance(v, int | float) else v for v in (mean, std))
    return [1 / (255 * s) for s in stds], [-m / s for m, s in zip(means, stds, strict=True)]


def redrawn(net: Any, init: dict[str, Any] | None, seed: int) -> Any:
    """A net of the same layers with new initial weights, as `build_model` draws them."""
    from espalier.keras.runtime import keras

    keras.utils.set_random_seed(seed)
    return initialised(keras.models.clone_model(net), init, seed)


def initialised(net: Any, init: dict[str, Any] | None, seed: int) -> Any:
    """The net with the weights of its matrices and filters drawn by a registered initialisation, if one is given."""
    if init:
        draw = get(Init, init["name"], "keras")(**{key: value for key, value in init.items() if key != "name"})
        generator = np.random.default_rng(seed)
        for kernel in (kernel for layer in weighted_layers(net) for kernel in kernels(layer)):
            kernel.assign(draw(generator, tuple(kernel.shape)))
    return net


def pretrain(net: Any, model: dict[str, Any]) -> str:
    """Give a new net the weights that `model` asks for, in place; returns which they are, "random", "imagenet" or
    "file".

    With `weights: imagenet` all layers but the output layer get those of the file `pretrained` (see
    `pretrained.fetch_weights`). An empty file stands for weights that could not be had, and that `fallback: random`
    does without. Raises ValueError for a net that has no such weights, or without a file.
    """
    weights = model.get("weights", "random")
    if weights == "random":
        return "random"
    if is_file(weights):
        if "pretrained" not in model:
            raise ValueError(
                f"`weights: {weights}` of {model['name']}, and no file that they are read from: `pretrained`"
            )
        net.load_weights(str(model["pretrained"]))
        return "file"
    from espalier.keras.runtime import keras

    entry = get(Model, model["name"], "keras")
    if not entry.imagenet:
        raise ValueError(f"{entry.name} has no ImageNet weights: take `weights: {model['weights']}` out of its model")
    if model.get("width", 1.0) != 1.0 or net.input_shape[-1] != 3:
        raise ValueError(
            f"the ImageNet weights of {entry.name} are for `width: 1.0` and images of 3 channels, "
            f"not {model.get('width', 1.0)} and {net.input_shape[-1]}"
        )
    if "pretrained" not in model:
        raise ValueError(f"the ImageNet weights of {entry.name} are read from a file: `pretrained` of the model")
    if is_missing(model["pretrained"]):
        return "random"
    build = getattr(keras.applications, entry.application)
    source = build(include_top=False, weights=str(model["pretrained"]), input_shape=net.input_shape[1:])
    for layer in source.layers:
        if layer.weights:
            net.get_layer(layer.name).set_weights(layer.get_weights())
    return "imagenet"


def bare(net: Any) -> Any:
    """A copy of a net without its `normalise` layer: it takes float images that are normalised already.

    Its input is "input_1" and its output layer "dense", as in the published nets.
    """
    from espalier.keras.runtime import keras

    def copy(layer: Any) -> Any:
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


def save(net: Any, path: str | Path) -> None:
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


def save_h5(net: Any, path: str | Path, *, optimizer: bool = False) -> None:
    """Write a net to an HDF5 file, as the published studies did, with or without the optimizer it is compiled with."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file")
        net.save(path, include_optimizer=optimizer)


def load(path: str | Path) -> Any:
    """The net in a .keras file, uncompiled. Raises ValueError for any other file; code in a file (Lambda layers) is
    refused.

    As keras.models.load_model, except that the weights' file is first extracted. Inside the archive every step back in
    the file starts again at its beginning, which takes most of the time for a net of a few large matrices.
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


def weighted_layers(net: Any) -> list[Any]:
    """The layers that carry a matrix or filters of weights, in forward order; the last one is the output layer."""
    return [layer for layer in net.layers if kernels(layer)]


def kernels(layer: Any) -> list[Any]:
    """The variables of a layer that are matrices or filters: no biases, nothing of a batch norm."""
    return [variable for variable in layer.weights if len(variable.shape) > 1]
