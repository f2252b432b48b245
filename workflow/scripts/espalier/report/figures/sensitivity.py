"""What each layer alone costs by being pruned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from espalier.analysis import selections
from espalier.analysis.study import StudyView
from espalier.registry import FigureItem, register
from espalier.report.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 16  # layers that have a line of their own; of more, those that cost the most


@register(
    FigureItem(
        "sensitivity",
        title="Sensitivity of layers",
        caption="Top-1 on validation images when channels or weights are taken out of one layer alone, against the "
        "share of them that went, without training afterwards. Each layer has a line, the dense net a dashed one. "
        "A line that falls early belongs to a layer that the net cannot do without; a flat one can be cut further. Of "
        "many layers the most sensitive ones are shown, the table has them all. Of several seeds the mean, of several "
        "dense nets the first.",
        when=selections.scanned,
    )
)
def sensitivity(view: StudyView) -> Figure:
    """A line for each layer, over seeds."""
    rows = of_first_net(view)
    rows["share"] = 100 * rows["removed"] / rows["channels"]
    means = rows.groupby(["layer", "ratio"], sort=False)[["share", "top1"]].mean().reset_index()
    worst = means.groupby("layer", sort=False)["top1"].mean().sort_values(kind="stable").index[:SHOWN]
    shown = [layer for layer in dict.fromkeys(means["layer"]) if layer in worst]
    figure, dense = style.figure(7.2, 4.4), rows["dense_top1"].mean()
    axes = figure.subplots()
    for layer, look in style.styles(shown).items():
        line = means[means["layer"] == layer].sort_values("share")
        axes.plot([0, *line["share"]], [dense, *line["top1"]], **look)
    axes.axhline(dense, **style.DENSE)
    axes.set(xlabel="removed of the layer (%)", ylabel="top-1 on validation images (%)")
    handles = [style.proxy(**look, label=layer) for layer, look in style.styles(shown).items()]
    style.legend_below(figure, [*handles, style.proxy(**style.DENSE, label="dense")])
    return figure


def of_first_net(view: StudyView) -> pd.DataFrame:
    """The rows of the first dense net of the study, of all seeds."""
    rows = view.sensitivity.assign(variant=[view.variant_of(node) for node in view.sensitivity["node"]])
    return rows[rows["variant"] == rows["variant"].iloc[0]].copy()
