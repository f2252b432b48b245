"""Weight against unit pruning: accuracy against sparsity, a panel for each initialisation and the published curves."""

from __future__ import annotations

from espalier.analysis import curves
from espalier.analysis import selections as when
from espalier.analysis.study import StudyView
from espalier.registry import FigureItem, register
from espalier.report.figures import style


@register(
    FigureItem(
        "weight_vs_unit",
        title="Weight against unit pruning",
        caption="Test accuracy against sparsity, without retraining; one panel for each way to draw the initial "
        "weights, and the published curves in grey. Thin lines without markers are other ways to choose, where they "
        "were run: at random, or the smallest weights of the whole net. The rings, and the numbers above a panel, are "
        f"the knees: the largest sparsity up to which accuracy stays within {curves.KNEE:g} points of the unpruned "
        "net. Where a panel's curves part, and by how much, is in the table of findings.",
        when=when.weights_and_units,
    )
)
def weight_vs_unit(view: StudyView):
    """x: sparsity in percent, y: top-1; two lines in each panel."""
    others = curves.baselines(view.nets)
    frames = dict(curves.of_run(view.nets_of(when.weights_and_units)))
    inits = {f"this run, init {name}" if name else "this run": name for name in frames}
    panels = [(title, frames[name]) for title, name in inits.items()]
    if (there := curves.of_published(view.published)) is not None:
        panels.append(("published", there))
    figure = style.figure(max(5.5, 3.5 * len(panels)), 4.0)
    grid = figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True)[0]
    names = dict.fromkeys(name for curves_of_init in others.values() for name in curves_of_init)
    looks = style.styles([*when.WEIGHT_AND_UNIT, *names])
    for name in names:
        looks[name] |= {"linewidth": 0.9, "markersize": 4, "zorder": 3}  # small, so on top
    for axes, (title, frame) in zip(grid, panels, strict=True):
        knees = {}
        for kind in when.WEIGHT_AND_UNIT:
            curve = curves.curve(frame, kind)
            look = looks[kind] | ({"color": style.PUBLISHED} if title == "published" else {})
            knee = knees[kind] = curves.knee(curve)
            spread = curves.curve(frame, kind, "top1_sd") if "top1_sd" in frame else curve * float("nan")
            axes.errorbar(100 * curve.index, curve, yerr=spread if spread.notna().any() else None, capsize=2, **look)
            axes.plot([100 * knee], [curve[knee]], "o", markersize=12, markerfacecolor="none", color=look["color"])
        for name, curve in others.get(inits.get(title), {}).items():
            axes.plot(100 * curve.index, curve, **looks[name])
        said = ", ".join(f"{kind} {100 * knee:.3g} %" for kind, knee in knees.items())
        axes.set(title=f"{title}\nknees: {said}", xlabel="sparsity (%)", ylim=(0, 105))
    grid[0].set_ylabel("test top-1 (%)")
    style.legend_below(figure, [style.proxy(**look, label=name) for name, look in looks.items()], columns=5)
    return figure
