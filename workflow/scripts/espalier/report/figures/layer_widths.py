"""What is left of each layer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from espalier.analysis import selections as when
from espalier.analysis.labels import net_names
from espalier.analysis.study import StudyView
from espalier.registry import FigureItem, register
from espalier.report.figures import style

NUMBERED = 24  # at most so many layers have their widths written into the picture


@register(
    FigureItem(
        "layer_widths",
        title="Layer widths before and after pruning",
        caption="A row for each pruned net, a column for each layer in forward order; the number, where there are few "
        "enough layers to write it, is the layer's width (output channels or units) after pruning, in the top row "
        "before. The darker a cell, the less is left of the layer; a crossed cell is a layer that is gone. Of several "
        "seeds the first one's nets are shown.",
        when=when.shrunk,
    )
)
def layer_widths(view: StudyView):
    """A heat map of the width left, (pruned nets + 1) x layers, of the first seed."""
    results = view.results
    shrunk = view.select(when.shrunk)
    pruned = shrunk[(shrunk["step"] == "prune") & (shrunk["seed"] == results["seed"].iloc[0])]
    pruned = pruned.sort_values("prune_type", key=lambda kinds: pd.factorize(kinds)[0], kind="stable")
    widths = view.layers.pivot(index="node", columns="layer", values="width")
    before = view.layers[view.layers["node"] == pruned["dense"].iloc[0]].set_index("layer")["width"]
    after = widths.reindex(index=pruned["node"], columns=before.index)
    after.index = net_names(pruned)
    after = pd.concat([before.to_frame("dense").T, after])
    kinds = pruned["prune_type"].to_list()
    return _heatmap(
        after, 100 * after / before, [i + 1 for i in range(len(kinds)) if i == 0 or kinds[i] != kinds[i - 1]]
    )


def _heatmap(widths: pd.DataFrame, kept: pd.DataFrame, cuts: list[int]):
    """kept: percent of the width, like `widths` with a row for each net; cuts: rows that a thick line stands above."""
    rows, columns = widths.shape
    numbered = columns <= NUMBERED
    figure = style.figure(10.4, min(6.9, 1.7 + 0.27 * rows))
    axes = figure.subplots()
    image = axes.imshow(kept.to_numpy(float), cmap="Greys_r", vmin=0, vmax=100, aspect="auto", interpolation="nearest")
    for i, j in np.ndindex(rows, columns):
        width, share = widths.iat[i, j], kept.iat[i, j]
        if np.isnan(share):
            axes.plot([j - 0.4, j + 0.4], [i - 0.35, i + 0.35], color="#b03030", linewidth=0.9)
            axes.plot([j - 0.4, j + 0.4], [i + 0.35, i - 0.35], color="#b03030", linewidth=0.9)
        elif numbered:
            axes.text(
                j, i, f"{width:g}", ha="center", va="center", fontsize=7.5, color="white" if share < 50 else "black"
            )
    axes.set_yticks(range(rows), widths.index)
    axes.set_xticks(
        range(columns), widths.columns, rotation=90 if not numbered else 45, ha="center" if not numbered else "right"
    )
    axes.tick_params(length=0, labelsize=8 if numbered else 6.5, axis="x")
    axes.set_xticks(np.arange(-0.5, columns), minor=True)
    axes.set_yticks(np.arange(-0.5, rows), minor=True)
    axes.grid(False)
    axes.grid(which="minor", color="#bbbbbb", linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    for cut in cuts:
        axes.axhline(cut - 0.5, color="black", linewidth=1.2)
    figure.colorbar(image, ax=axes, label="width left (%)", fraction=0.03, pad=0.01)
    return figure
