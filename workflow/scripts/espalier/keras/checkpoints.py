"""Files of weights that were written elsewhere, fitted to a net layer by layer. Nothing but their arrays is read: no
configuration, so no code of a Lambda layer."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from espalier.keras.models import WEIGHTS

Layers = dict[str, list[np.ndarray]]  # the weights of each layer that has any, in the order of the net
DAMAGED = (EOFError, zlib.error, zipfile.BadZipFile)  # what a file raises that is not whole
SHOWN = 6  # layers that an error lists of each kind


class WeightsRefused(ValueError):
    """A file that is no weights of this net: what it holds, and what to do."""


def give_weights(net: Any, path: str | Path) -> None:
    """Give a net the weights of a file, in place. What is not as the names say is printed.

    path: .h5 (of `save_weights`, or a whole model) or .keras. Layers are found by their names or, where none of the
    names that Keras gave by itself agrees, by their order. Raises WeightsRefused for weights that are not those of the
    net.
    """
    path = Path(path)
    layers = read(path)
    own = {layer.name: layer for layer in net.layers if layer.weights}
    expected = {name: [tuple(weight.shape) for weight in layer.weights] for name, layer in own.items()}
    if not set(layers) & set(expected) or (set(layers) != set(expected) and _in_order(layers, expected)):
        if not _in_order(layers, expected):
            _check_fits(layers, expected, path.name)
        print(f"{path.name}: its layers have other names, and are taken in their order", flush=True)
        layers = dict(zip(expected, layers.values(), strict=True))
    _check_fits(layers, expected, path.name)
    for name, layer in own.items():
        layer.set_weights(layers[name])


def read(path: Path) -> Layers:
    """The weights in a file."""
    import h5py

    try:
        if path.suffix.lower() == ".keras":
            return _read_archive(path)
        with h5py.File(path, "r") as file:
            return _read_h5(file)
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, *DAMAGED) as error:
        if isinstance(error, WeightsRefused):
            raise
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise WeightsRefused(f"{path.name} cannot be read as weights of Keras: {said}") from error


def _read_h5(file: Any) -> Layers:
    """The weights of an .h5 file, as Keras 2 writes it, of a whole model or of its weights alone."""
    group = file.get("model_weights", file)
    layers: Layers = {}
    for name in map(_text, group.attrs["layer_names"]):
        if len(weights := group[name].attrs["weight_names"]):
            layers[name] = [np.asarray(group[name][_text(weight)]) for weight in weights]
    return layers


def _read_archive(path: Path) -> Layers:
    """The weights of a .keras file, whose configuration says only in which order its layers are, and of which class."""
    import h5py

    with zipfile.ZipFile(path) as archive:
        config, content = json.loads(archive.read("config.json")), archive.read(WEIGHTS)
    layers: Layers = {}
    used: dict[str, int] = {}
    with h5py.File(io.BytesIO(content), "r") as file:
        groups = file["layers"] if "layers" in file else file["_layer_checkpoint_dependencies"]
        for layer in config["config"]["layers"]:
            name = _snake_case(layer["class_name"])
            number = used[name] = used.get(name, -1) + 1
            group = groups.get(f"{name}_{number}" if number else name)
            if group is not None and len(group.get("vars", ())):
                variables = group["vars"]
                layers[layer["config"]["name"]] = [np.asarray(variables[str(i)]) for i in range(len(variables))]
    return layers


def _snake_case(name: str) -> str:
    """The name of a class as Keras writes it in the files of weights.

    >>> _snake_case("Conv2D"), _snake_case("BatchNormalization")
    ('conv2d', 'batch_normalization')
    """
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _shapes(weights: Iterable[Any]) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in weights]


def _in_order(layers: Layers, expected: Mapping[str, list]) -> bool:
    """Whether the layers have the net's shapes in the net's order."""
    return [_shapes(weights) for weights in layers.values()] == list(expected.values())


def _check_fits(layers: Layers, expected: Mapping[str, list], file: str) -> None:
    """Raise WeightsRefused with everything that does not fit, if anything does not."""
    missing = [name for name in expected if name not in layers]
    unexpected = [name for name in layers if name not in expected]
    other = [
        f"{name} ({_shown(_shapes(layers[name]))}, not {_shown(shapes)})"
        for name, shapes in expected.items()
        if name in layers and _shapes(layers[name]) != shapes
    ]
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": other}
    if wrong := [f"{len(names)} {word}: {_listed(names)}" for word, names in kinds.items() if names]:
        raise WeightsRefused(f"{file} is not of this net. Of its layers {'; '.join(wrong)}")
    if broken := [name for name, weights in layers.items() if not all(np.isfinite(w).all() for w in weights)]:
        raise WeightsRefused(f"{file}: {_listed(broken)} hold values that are no finite numbers")


def _shown(shapes: Iterable[tuple[int, ...]]) -> str:
    return " ".join("x".join(map(str, shape)) or "a number" for shape in shapes)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
