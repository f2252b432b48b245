"""Training a pruned net from scratch. Apart from `train`, so that no other training depends on how MACs are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from espalier.datasets.prepare import load as load_data
from espalier.pytorch import train
from espalier.pytorch.macs import profile_model
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
    size = load_data(data).manifest["size"]

    def macs(net: nn.Module) -> int:
        return profile_model(net, size).macs

    return train.train_model(out, data=data, parent=parent, dense=dense, keeping=keeping, macs=macs, **step)
