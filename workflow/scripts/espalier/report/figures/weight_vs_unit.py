"""Weight against unit pruning: accuracy against sparsity, a panel for each initialisation and the published curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from espalier.analysis import curves, selections, variants
from espalier.analysis.selections import WEIGHT_AND_UNIT
from espalier.analysis.study import StudyView
from espalier.registry import FigureItem, register
from espalier.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OTHER = {"linewidth": 0.9, "markersize": 4, "zorder": 3}  # curves of other methods: small, so on top


@register(
    FigureItem(
        "weight_vs_unit",
        title="Weight against unit pruning",
        caption="Test accuracy against sparsity, without retraining. Each way to draw the initial weights has a "
        "panel; the published curves are grey. Thin lines with small markers are other ways to choose weights, where "
        "these were run: at random, or the smallest weights of the whole net. The rings, and the numbers above a "
        "panel, are the knees, by the means: "
        f"the largest sparsity up to which accuracy stays within {curves.KNEE:g} points of the unpruned net. "
        "Bars are 95 % intervals, over seeds; of one seed what the test images leave. The table of findings says "
        "where the curves of a panel part, and by how much.",
        when=selections.weights_and_units,
    )
)
def weight_vs_unit(view: StudyView) -> Figure:
    """x: sparsity in percent, y: top-1; two lines in each panel."""
    frames, others = dict(curves.of_run(view.nets_of(selections.weights_and_units))), curves.baselines(view.nets)
    published = curves.of_published(view.published)
    looks = {name: style.of_type(name) for name in WEIGHT_AND_UNIT}
    names = dict.fromkeys(name for methods in others.values() for name in methods)
    looks |= {name: _other(name, style.LINES[1 + place % 7]) for place, name in enumerate(names)}
    grey = looks | {kind: looks[kind] | {"color": style.PUBLISHED} for kind in WEIGHT_AND_UNIT}
    panels = len(frames) + (published is not None)
    figure = style.figure(max(5.5, 3.5 * panels), 4.0)
    grid = figure.subplots(1, panels, squeeze=False, sharex=True, sharey=True)[0]
    for axes, (init, frame) in zip(grid, frames.items(), strict=False):
        _panel(axes, f"this run, init {init}" if init else "this run", frame, looks)
        for name, curve in others.get(init, {}).items():
            axes.plot(100 * curve.index, curve, **looks[name])
    if published is not None:
        _panel(grid[-1], "published", published, grey)
    grid[0].set_ylabel("test top-1 (%)")
    style.legend_below(figure, [style.proxy(**look, label=name) for name, look in looks.items()], columns=5)
    return figure


def _bars(frame: pd.DataFrame, kind: str) -> list[pd.Series] | None:
    """The 95 % intervals of a curve, as lengths down and up; None of published ones, which do not say."""
    if "n" not in frame:
        return None
    down, up = variants.bars(frame)
    ends = [curves.curve(frame.assign(end=end), kind, "end") for end in (down, up)]
    return ends if ends[0].notna().any() else None


def _other(name: str, line: Any) -> style.Look:
    """How the curve of another method looks, such as "unit random": in the colour of its prune type, with the marker of
    its method, and a line style of its own."""
    kind, method = name.replace(",", "").split()[:2]
    look = style.of_method(method)
    return look | {"color": style.of_type(kind)["color"], "linestyle": line} | OTHER


def _panel(axes: Axes, title: str, frame: pd.DataFrame, looks: dict[str, style.Look]) -> None:
    """The curves of one initialisation, or the published ones, their knees ringed."""
    knees = {}
    for kind in WEIGHT_AND_UNIT:
        curve = curves.curve(frame, kind)
        knee = knees[kind] = curves.knee(curve)
        axes.errorbar(100 * curve.index, curve, yerr=_bars(frame, kind), capsize=2, **looks[kind])
        axes.plot([100 * knee], [curve[knee]], "o", markersize=12, markerfacecolor="none", color=looks[kind]["color"])
    words = ", ".join(f"{kind} {100 * knee:.3g} %" for kind, knee in knees.items())
    axes.set(title=f"{title}\nknees: {words}", xlabel="sparsity (%)", ylim=(0, 105))
