"""What is left of each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from espalier.analysis import selections
from espalier.analysis.labels import net_names
from espalier.analysis.study import StudyView
from espalier.registry import FigureItem, register
from espalier.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NUMBERED = 24  # at most so many layers have their widths written into the picture


@register(
    FigureItem(
        "layer_widths",
        title="Layer widths before and after pruning",
        caption="Each row is a pruned net, each column a layer, in forward order; the top row is the net before "
        "pruning. The darker a cell, the less is left of the layer; a crossed cell is a layer that is gone. Where "
        "there are few layers, the number is the width of the layer (output channels or units) after pruning. Of "
        "several seeds the figure shows the nets of the first one.",
        when=selections.shrunk,
    )
)
def layer_widths(view: StudyView) -> Figure:
    """A heat map of the width left, (pruned nets + 1) x layers, of the first seed."""
    shrunk = view.select(selections.shrunk)
    pruned = shrunk[(shrunk["step"] == "prune") & (shrunk["seed"] == view.results["seed"].iloc[0])]
    pruned = pruned.sort_values("prune_type", key=lambda kinds: pd.factorize(kinds)[0], kind="stable")
    widths = view.layers.pivot(index="node", columns="layer", values="width")
    before = view.layers[view.layers["node"] == pruned["dense"].iloc[0]].set_index("layer")["width"]
    after = widths.reindex(index=pruned["node"], columns=before.index)
    after.index = net_names(pruned)
    after = pd.concat([before.to_frame("dense").T, after])
    first_of_type = ~pruned["prune_type"].duplicated()
    return _heatmap(after, 100 * after / before, [row for row, first in enumerate(first_of_type, 1) if first])


def _heatmap(widths: pd.DataFrame, kept: pd.DataFrame, cuts: list[int]) -> Figure:
    """widths: of layers (columns) by net (rows); kept: the same in percent of the width before pruning; cuts: rows that
    a thick line stands above."""
    rows, columns = widths.shape
    figure = style.figure(10.4, min(6.9, 1.7 + 0.27 * rows))
    axes = figure.subplots()
    image = axes.imshow(kept.to_numpy(float), cmap="Greys_r", vmin=0, vmax=100, aspect="auto", interpolation="nearest")
    for y, x in np.ndindex(rows, columns):
        _mark(axes, x, y, widths.iat[y, x] if columns <= NUMBERED else None, kept.iat[y, x])
    _name_rows_and_columns(axes, widths)
    for cut in cuts:
        axes.axhline(cut - 0.5, color="black", linewidth=1.2)
    figure.colorbar(image, ax=axes, label="width left (%)", fraction=0.03, pad=0.01)
    return figure


def _mark(axes: Axes, x: int, y: int, width: float | None, share: float) -> None:
    """A cross for a layer that is gone (its share is NaN), the width of the others if it is given."""
    if np.isnan(share):
        for ends in ((-0.35, 0.35), (0.35, -0.35)):
            axes.plot([x - 0.4, x + 0.4], [y + end for end in ends], color="#b03030", linewidth=0.9)
    elif width is not None:
        color = "white" if share < 50 else "black"
        axes.text(x, y, f"{width:g}", ha="center", va="center", fontsize=7.5, color=color)


def _name_rows_and_columns(axes: Axes, widths: pd.DataFrame) -> None:
    """The names of nets and layers, and lines between the cells."""
    rows, columns = widths.shape
    few = columns <= NUMBERED
    axes.set_yticks(range(rows), widths.index)
    axes.set_xticks(range(columns), widths.columns, rotation=45 if few else 90, ha="right" if few else "center")
    axes.tick_params(length=0, labelsize=8 if few else 6.5, axis="x")
    axes.set_xticks(np.arange(-0.5, columns), minor=True)
    axes.set_yticks(np.arange(-0.5, rows), minor=True)
    axes.grid(False)
    axes.grid(which="minor", color="#bbbbbb", linewidth=0.6)
    axes.tick_params(which="minor", length=0)
