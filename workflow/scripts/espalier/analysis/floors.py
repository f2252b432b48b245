"""Layers that pruning left at the fewest channels that it leaves: one threshold for all layers falls on those whose
weights were small to begin with, and nothing is left to choose there."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from espalier.analysis.study import StudyView

FLOOR = 8  # channels: what pruning leaves of a layer, if nothing else is asked for


def at_floor(view: StudyView, net: pd.Series) -> tuple[int, int]:
    """How many layers of a net were narrowed to FLOOR channels or fewer, and how many it has (those of its dense net
    that have more channels), in the first seed."""
    own, dense = (_widths(view, net[key]) for key in ("end", "dense"))
    wide = dense[dense > FLOOR]
    return int((own.reindex(wide.index) <= FLOOR).sum()), len(wide)


def remark(view: StudyView, net: pd.Series) -> str:
    """A remark on a net with layers at the floor, for example "4 of 13 layers at the floor of 8 channels"; else ""."""
    count, layers = at_floor(view, net)
    return f"{count} of {layers} layers at the floor of {FLOOR} channels" if count else ""


def sentence(view: StudyView, nets: Iterable[pd.Series]) -> str:
    """A sentence on those of some nets that have layers at the floor, beginning with a space; "" if none has. nets:
    rows of nets.of with the column `net`, their name."""
    remarks = [f"{net['net']} ({words})" for net in nets if (words := remark(view, net))]
    return f" At the floor nothing is left to choose: {'; '.join(remarks)}." if remarks else ""


def _widths(view: StudyView, node: str) -> pd.Series:
    layers = view.layers[view.layers["node"] == node]
    return pd.Series(layers["width"].to_numpy(float), index=layers["layer"])
