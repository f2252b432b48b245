"""Weights to begin with as a file of the run: ImageNet weights, fetched by a job of its own, so that no training needs
the network, or those of a file of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from espalier.datasets.prepare import load as load_data
from espalier.keras.checkpoints import give_weights
from espalier.keras.models import build_model
from espalier.keras.runtime import keras
from espalier.registry import Model, get
from espalier.training.pretrained import do_without


def fetch_weights(out: str | Path, *, model: dict[str, Any], size: int, given: str | Path | None = None) -> None:
    """Write the ImageNet weights that keras.applications has of an architecture, but for its last layers, to `out`, an
    .h5 file.

    model: its `name`, and `fallback`, "random" for an empty file where the weights cannot be fetched. size: side of the
    images, for which MobileNetV2 has weights of its own. given: a file of such weights, one that keras.applications
    reads by `weights=FILE, include_top=False`; None to fetch them. Raises RuntimeError if that cannot be done.
    """
    entry = get(Model, model["name"], "keras")
    build = getattr(keras.applications, entry.application)
    try:
        net = build(include_top=False, weights=str(given) if given else "imagenet", input_shape=(size, size, 3))
    except Exception as error:  # Keras raises no narrower one if a download fails
        said = str(error).strip()
        do_without(out, model, given, f"the ImageNet weights of {entry.name} cannot be had: keras.applications: {said}")
    else:
        net.save_weights(str(out), save_format="h5")


def read_weights(out: str | Path, *, given: str | Path, model: dict[str, Any], data: str | Path) -> None:
    """Write the weights of a file of the user's own to `out`, an .h5 file of the layers that the net has.

    given: .h5 or .keras. model: the net's `name` and options. data: a prepared data set, whose classes the net gets.
    Raises WeightsRefused if the file is not of this net, ImportFailed if the net cannot be used.
    """
    prepared = load_data(data)
    net = build_model(model, prepared.train.images.shape[1:], len(prepared.classes))
    give_weights(net, given)
    net.save_weights(str(out), save_format="h5")
