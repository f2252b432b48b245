"""Accuracy against the size of the saved file: pruned, quantized, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from espalier.analysis import choices, selections, variants
from espalier.analysis.nets import NEAR as LIMIT
from espalier.analysis.study import StudyView
from espalier.analysis.tradeoffs import Standing
from espalier.columns import MIB
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
PALE: style.Look = {"alpha": 0.35}
STEPS = {"color": "#444444", "linestyle": (0, (3, 1, 1, 1)), "linewidth": 0.9, "drawstyle": "steps-post"}


@register(
    FigureItem(
        "prune_or_quantize",
        title="Prune, quantize, or both?",
        caption="Test accuracy against the size of the saved file, zipped, on a logarithmic scale: further left is "
        "smaller, higher is better. Each way to make the net smaller has its marker; stars are nets as they were "
        "trained, hollow ones with a penalty. A ring marks a net on the frontier: each other net has a larger file or "
        "a lower accuracy, for "
        "certain. A pale net is dominated: another one has no larger file and a higher accuracy, for certain. Of all "
        "others it cannot be told; with one seed, of all. The stepped line joins the nets that no net with a file of "
        "at most their size reaches in the mean, on validation images where their accuracies are known: a line proves "
        "nothing. Bars are 95 % intervals, over seeds; of one seed what the test images leave. A dashed line is a "
        "dense net that others are compared with, a dotted line lies a point below it. "
        f"Where nets lie more than {NEAR:g} points below dense, a second panel shows the other nets at a larger scale.",
        when=selections.pruned_and_quantized,
    )
)
def prune_or_quantize(view: StudyView) -> Figure:
    """x: MiB, logarithmic; y: top-1; one point per variant, means over seeds."""
    nets = _points(view)
    near = nets[nets["drop"] <= NEAR]
    panels = {"all nets": nets}
    if len(near) < len(nets):
        panels[f"within {NEAR:g} points of dense"] = near
    figure = style.figure(6.7 + 3.1 * len(panels), 4.8)
    for axes, (title, shown) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        _panel(axes, shown, nets)
        axes.set_title(title if len(panels) > 1 else "")
    figure.axes[0].set_ylabel("test top-1 (%)")
    style.legend_below(figure, _legend(nets))
    return figure


def _points(view: StudyView) -> pd.DataFrame:
    """The nets that are drawn, with their kind (a key of KINDS), size, the interval of their top-1, their standing, and
    whether they are among the best means. An export is no net of its own, nor is one that was pruned by nothing."""
    found = choices.standings(view, view.nets, "zipped_bytes")
    standings = {place.name: str(place.standing) for place in found.places}
    nets = found.nets
    penalised = (nets["kind"] == "dense") & nets["penalty"].notna()
    down, up = variants.bars(nets)
    return nets.assign(
        kind=nets["kind"].mask(penalised, PENALISED),
        mib=nets["zipped_bytes"] / MIB,
        down=down,
        up=up,
        standing=nets["variant"].map(standings),
        best=nets["variant"].isin(found.best),
    )


def _looks(nets: pd.DataFrame) -> dict[str, style.Look]:
    return {kind: look for kind, look in KINDS.items() if kind in set(nets["kind"])}


def _panel(axes: Axes, shown: pd.DataFrame, nets: pd.DataFrame) -> None:
    """shown: the nets of this panel, nets: of all."""
    for kind, look in _looks(nets).items():
        for dominated, pale in ((True, PALE), (False, {})):
            rows = shown[(shown["kind"] == kind) & ((shown["standing"] == Standing.DOMINATED) == dominated)]
            if len(rows):
                bars = None if rows["down"].isna().all() else [rows["down"], rows["up"]]
                axes.errorbar(rows["mib"], rows["top1"], yerr=bars, **look, **pale, linestyle="none", capsize=2)
    for top1 in nets["reference_top1"].dropna().unique():
        axes.axhline(top1, **style.DENSE)
        axes.axhline(top1 - LIMIT, **style.CONTROL)
    best = shown[shown["best"]]
    axes.plot(best["mib"], best["top1"], **STEPS)
    frontier = shown[shown["standing"] == Standing.FRONTIER]
    axes.plot(frontier["mib"], frontier["top1"], **RING)
    axes.set_xlabel("saved file, zipped (MiB, logarithmic)")
    axes.set_xlim(nets["mib"].min() / 1.25, nets["mib"].max() * 1.25)
    style.logarithmic(axes, "x")
    axes.margins(y=0.12)


def _legend(nets: pd.DataFrame) -> list[Line2D]:
    """Samples of the kinds, of the standings, and of the lines."""
    dense = "top-1 of dense" + (", of equal epochs" if nets["control_top1"].notna().any() else "")
    standings = set(nets["standing"])
    ring = [style.proxy(**(RING | {"markersize": 10}), label=Standing.FRONTIER.words)]
    pale = [style.proxy(color="#777777", marker="o", linestyle="none", **PALE, label=Standing.DOMINATED.words)]
    return [
        *(style.proxy(**look, linestyle="none", label=kind) for kind, look in _looks(nets).items()),
        *(ring if Standing.FRONTIER in standings else []),
        *(pale if Standing.DOMINATED in standings else []),
        style.proxy(**STEPS, label="best means so far"),
        style.proxy(**style.DENSE, label=dense),
        style.proxy(**style.CONTROL, label="a point below it"),
    ]
