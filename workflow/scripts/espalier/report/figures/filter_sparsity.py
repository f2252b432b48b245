"""Zeros in each filter, and which filters are dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from espalier.analysis import selections
from espalier.analysis.study import StudyView
from espalier.analysis.zeros import zeros
from espalier.registry import FigureItem, register
from espalier.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

HALF = 0.36  # of the height of a row's cells; rows are 1 apart
EDGE = {"color": "#777777", "linewidth": 0.6}


@register(
    FigureItem(
        "filter_sparsity",
        title="Sparse weights by filter",
        caption="Each panel is a net, each row a convolution, each cell a filter, the first filter on the left. The "
        "darker a cell, the more weights of the filter are under the threshold. A triangle above a row marks a dead "
        "filter, which has no other weights; the number of dead filters stands next to the row. Of several seeds the "
        "figure shows the nets of the first one.",
        when=selections.thresholded,
    )
)
def filter_sparsity(view: StudyView) -> Figure:
    """A heat map of the share of zeros for each net, convolutions x filters, of the first seed."""
    data = zeros(view)
    data = data[data["seed"] == data["seed"].min()].assign(share=lambda rows: 100 * rows["zeros"] / rows["of"])
    nets, layers = list(dict.fromkeys(data["name"])), list(dict.fromkeys(data["layer"]))
    figure = style.figure(10.4, min(6.9, 1.3 + max(1, len(nets)) * (0.7 + 0.42 * len(layers))))
    if not nets:
        figure.text(0.5, 0.4, "No convolution of these nets was counted by filter.", ha="center")
        return figure
    grid = figure.subplots(len(nets), 1, squeeze=False, sharex=True)[:, 0]
    for axes, name in zip(grid, nets, strict=True):
        filters = data[data["name"] == name]
        image = _heatmap(axes, filters.pivot(index="layer", columns="filter", values="share").reindex(layers))
        for y, layer in enumerate(layers):
            _mark_dead(axes, y, filters[filters["layer"] == layer])
        axes.set_title(name)
    grid[-1].set_xlabel("filter")
    figure.colorbar(image, ax=list(grid), label="zeros (%)", fraction=0.03, pad=0.01)
    return figure


def _mark_dead(axes: Axes, y: int, filters: pd.DataFrame) -> None:
    """A triangle above each dead filter of the layer in row y, and at the row's end how many there are."""
    dead = filters[filters["dead"]]["filter"]
    if len(dead):
        axes.plot(dead, [y - 0.47] * len(dead), "v", color="black", markersize=4, clip_on=False)
    words, end = f" {len(dead)} of {len(filters)} dead", filters["filter"].max() + 0.6
    axes.text(end, y, words, va="center", ha="left", fontsize=8).set_in_layout(False)


def _heatmap(axes: Axes, shares: pd.DataFrame) -> QuadMesh:
    """Cells with gaps between their rows. shares: percent of zeros, layers x filters, NaN where a layer has no such
    filter."""
    layers, count = shares.shape
    edges = np.arange(count + 1) + 0.5
    for y, row in enumerate(shares.to_numpy(float)):
        row = row[~np.isnan(row)]
        top, bottom, end = y - HALF, y + HALF, len(row) + 0.5
        image = axes.pcolormesh(
            edges[: len(row) + 1], [top, bottom], row[None], cmap="Greys", vmin=0, vmax=100,
            edgecolors="none", rasterized=True,
        )  # fmt: skip
        axes.plot([0.5, end, end, 0.5, 0.5], [top, top, bottom, bottom, top], **EDGE)
    axes.set(xlim=(0, count * 1.13), ylim=(layers - 0.4, -0.7))
    axes.set_xticks([1, *range(10 * (1 + count // 100), count + 1, 10 * (1 + count // 100))])
    axes.set_yticks(range(layers), shares.index)
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return image
