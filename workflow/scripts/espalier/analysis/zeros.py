"""Zeros in each filter of a net: what the table and the heat map of sparse filters show."""

from __future__ import annotations

import json

import pandas as pd

from espalier.analysis.labels import net_names
from espalier.analysis.selections import thresholded
from espalier.analysis.study import StudyView


def zeros(view: StudyView) -> pd.DataFrame:
    """One row for each filter of each convolution of the nets whose weights under a threshold were set to zero:
    node, seed, name (of the net), layer, filter (from 1), zeros, of (the weights it has), dead (all of them zero)."""
    nets = view.select(thresholded)
    names = dict(zip(nets["node"], net_names(nets), strict=True))
    seeds = dict(zip(nets["node"], nets["seed"], strict=True))
    rows = []
    for layer in view.layers[view.layers["node"].isin(names)].to_dict("records"):
        counts = _filters(layer)
        if counts is None:
            continue
        place = {"node": layer["node"], "seed": seeds[layer["node"]], "name": names[layer["node"]]}
        of = int(layer["weights"] / layer["width"])
        rows += [
            place | {"layer": layer["layer"], "filter": i, "zeros": n, "of": of, "dead": n == of}
            for i, n in enumerate(counts, 1)
        ]
    return pd.DataFrame(rows, columns=["node", "seed", "name", "layer", "filter", "zeros", "of", "dead"])


def _filters(layer: dict) -> list[int] | None:
    """Zeros by filter: as recorded, none in any where a convolution has no zeros; None for what has no filters."""
    if pd.notna(layer["filter_zeros"]):
        return json.loads(layer["filter_zeros"])
    convolution = pd.notna(layer["kind"]) and "conv" in layer["kind"].lower()
    return [0] * int(layer["width"]) if convolution else None
