"""Weight against unit pruning: accuracy against sparsity, one panel for each initialisation, one for what was published."""

from __future__ import annotations

import pandas as pd

from espalier import curves, published, variants, when
from espalier.figures import style
from espalier.registry import register
from espalier.tidy import Tidy


@register(
    "weight_vs_unit",
    kind="figure",
    title="Weight against unit pruning",
    caption="Test accuracy against sparsity, without retraining; one panel for each way to draw the initial weights, and the published "
    "curves in grey. The dotted vertical lines are the knees: the largest sparsity up to which accuracy stays within "
    f"{curves.KNEE:g} points of the unpruned net. Where a panel's curves part, and by how much, is in the table of findings.",
    when=when.weights_and_units,
)
def weight_vs_unit(tidy: Tidy, study: dict):
    """x: sparsity in percent, y: top-1; two lines in each panel."""
    panels = [(f"this run, init {name}" if name else "this run", frame) for name, frame in curves.of_run(tidy.results)]
    if study.get("published"):
        panels.append(("published", published.frame(study["published"])))
    figure = style.figure(max(5.5, 3.5 * len(panels)), 4.0)
    grid = figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True)[0]
    looks = style.styles(variants.MASKED)
    for axes, (title, frame) in zip(grid, panels, strict=True):
        for kind in variants.MASKED:
            curve = curves.curve(frame, kind)
            look = looks[kind] | ({"color": style.PUBLISHED} if title == "published" else {})
            spread = frame[frame["prune_type"] == kind].get("top1_sd", pd.Series(dtype=float))
            axes.errorbar(
                100 * curve.index, curve, yerr=spread if spread.notna().any() else None, capsize=2, **look, label=kind
            )
            knee = curves.knee(curve)
            axes.axvline(100 * knee, color=look["color"], linestyle=":", linewidth=1)
            axes.text(
                100 * knee,
                0.02 if kind == "unit" else 0.1,
                f" {knee:.0%}",
                transform=axes.get_xaxis_transform(),
                fontsize=8,
            )
        axes.set(title=title, xlabel="sparsity (%)", ylim=(0, 104))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 0.16))
    grid[0].set_ylabel("test top-1 (%)")
    return figure
