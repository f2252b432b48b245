"""ImageNet weights as a file of the run: fetched by a job of its own, so that no training needs the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
