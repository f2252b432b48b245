"""Training a pruned net from scratch. Apart from `train`, so that no other training depends on how MACs are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from espalier.keras import train
from espalier.keras.macs import count_macs
from espalier.training.recipe import KEEP_NOTHING, Keeping


def train_model(
    out: str | Path,
    *,
    data: str | Path,
    parent: str | Path,
    dense: str | Path,
    keeping: Keeping = KEEP_NOTHING,
    **step: Any,
) -> dict[str, Any]:
    """`train.train_model`, for any `scratch`."""
    return train.train_model(out, data=data, parent=parent, dense=dense, keeping=keeping, macs=count_macs, **step)
