"""Accuracy against the size of the saved file: pruned, quantized, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from espalier.analysis import registered, selections
from espalier.analysis.labels import net_names
from espalier.analysis.nets import NEAR as LIMIT
from espalier.analysis.nets import smallest
from espalier.analysis.study import StudyView
from espalier.analysis.tidy import MIB
from espalier.registry import FigureItem, register
from espalier.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

PENALISED = "dense, trained with a penalty"
KINDS = {  # markers of different shape, and filled or not: told apart without colour
    "dense": {"marker": "*", "color": "#000000", "markersize": 11},
    PENALISED: {"marker": "*", "color": "#000000", "markersize": 11, "markerfacecolor": "white"},
    "pruned": {"marker": "o", "color": "#0072b2"},
    "quantized": {"marker": "s", "color": "#d55e00", "markerfacecolor": "white"},
    "pruned + quantized": {"marker": "D", "color": "#6a3d9a"},
}
NEAR = 10.0  # points below dense that the second panel shows
RING = {"marker": "o", "linestyle": "none", "markersize": 14, "markerfacecolor": "none", "color": "#444444"}


@register(
    FigureItem(
        "prune_or_quantize",
        title="Prune, quantize, or both?",
        caption="Test accuracy against the size of the saved file, zipped, on a logarithmic scale: further left is "
        "smaller, higher is better. Each way to make the net smaller has its marker; stars are nets as they were "
        "trained, hollow stars nets that were trained with a penalty. A dashed line is a dense net that others "
        "are compared with, the dotted line lies one point below it; each number of epochs and each way to draw the "
        "initial weights has its own pair of lines. The smallest net of each way at most a point below its own dense "
        "net, by the means, is ringed and named. "
        f"Where nets lie more than {NEAR:g} points below dense, a second panel shows the other nets at a larger scale.",
        when=selections.pruned_and_quantized,
    )
)
def prune_or_quantize(view: StudyView) -> Figure:
    """x: MiB, logarithmic; y: top-1; one point per variant, means over seeds."""
    nets = _points(view.nets)
    near = nets[nets["drop"] <= NEAR]
    panels = {"all nets": nets}
    if len(near) < len(nets):
        panels[f"within {NEAR:g} points of dense"] = near
    best = smallest(view.compressed)
    figure = style.figure(6.7 + 3.1 * len(panels), 4.8)
    for axes, (title, shown) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        _panel(axes, shown, nets, best)
        axes.set_title(title if len(panels) > 1 else "")
    figure.axes[0].set_ylabel("test top-1 (%)")
    style.legend_below(figure, _legend(nets, best), columns=2)
    return figure


def _points(nets: pd.DataFrame) -> pd.DataFrame:
    """The nets that are drawn, with their kind (a key of KINDS), name and size. An export is no net of its own, nor is
    one that was pruned by nothing."""
    nets = nets[~registered.exported(nets) & ~((nets["kind"] == "pruned") & (nets["actual_ratio"] == 0))]
    penalised = (nets["kind"] == "dense") & nets["penalty"].notna()
    return nets.assign(
        kind=nets["kind"].mask(penalised, PENALISED), name=net_names(nets), mib=nets["zipped_bytes"] / MIB
    )


def _looks(nets: pd.DataFrame) -> dict[str, style.Look]:
    return {kind: look for kind, look in KINDS.items() if kind in set(nets["kind"])}


def _panel(axes: Axes, shown: pd.DataFrame, nets: pd.DataFrame, best: dict[str, pd.Series]) -> None:
    """shown: the nets of this panel, nets: of all; best: the smallest net of each kind, which is ringed."""
    for kind, look in _looks(nets).items():
        rows = shown[shown["kind"] == kind]
        bars = rows["top1_sd"] if rows["top1_sd"].notna().any() else None
        axes.errorbar(rows["mib"], rows["top1"], yerr=bars, **look, linestyle="none", capsize=2)
    for top1 in nets["reference_top1"].dropna().unique():
        axes.axhline(top1, **style.DENSE)
        axes.axhline(top1 - LIMIT, **style.CONTROL)
    for net in best.values():
        axes.plot(net["zipped_bytes"] / MIB, net["top1"], **RING)
    axes.set_xlabel("saved file, zipped (MiB, logarithmic)")
    axes.set_xlim(nets["mib"].min() / 1.25, nets["mib"].max() * 1.25)
    style.logarithmic(axes, "x")
    axes.margins(y=0.12)


def _legend(nets: pd.DataFrame, best: dict[str, pd.Series]) -> list[Line2D]:
    """Samples of the kinds, each with the name of its ringed net, and of the lines."""
    names = dict(zip(nets["variant"], nets["name"], strict=True))
    ringed = {kind: f"{kind}; ringed: {names[net['variant']]}" for kind, net in best.items()}
    dense = "top-1 of dense" + (", of equal epochs" if nets["control_top1"].notna().any() else "")
    return [
        *(style.proxy(**look, linestyle="none", label=ringed.get(kind, kind)) for kind, look in _looks(nets).items()),
        style.proxy(**style.DENSE, label=dense),
        style.proxy(**style.CONTROL, label="a point below it"),
    ]
