"""A net that was trained elsewhere, as the file that the steps after it read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from espalier.datasets.prepare import load as load_data
from espalier.keras.models import build_model, pretrain, save
from espalier.training.recipe import KEEP_NOTHING, Keeping


def write_model(
    out: str | Path,
    *,
    data: str | Path,
    keeping: Keeping = KEEP_NOTHING,
    model: dict[str, Any],
    seed: int,
    untrained: bool = False,
) -> dict[str, Any]:
    """Write the net as it is to `out`.

    data: a prepared data set, whose classes the net has to have. model: as `Training` has it. seed: of what the net's
    function draws, where no file has its weights. untrained: of PyTorch's chains alone. Returns {"weights": "file", or
    "random" if its function set them}.
    """
    prepared = load_data(data)
    pixels = {key: prepared.manifest[key] for key in ("mean", "std")}
    net = build_model(model, prepared.train.images.shape[1:], len(prepared.classes), **pixels, seed=seed)
    weights = pretrain(net, model)
    save(net, out)
    return {"weights": weights}
