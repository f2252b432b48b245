"""How the nets learned: loss and accuracy, epoch by epoch."""

from __future__ import annotations

import numpy as np
import pandas as pd

from espalier import variants, when
from espalier.figures import style
from espalier.registry import register
from espalier.tidy import Tidy


@register(
    "training_curves",
    kind="figure",
    title="Training curves",
    caption="Loss (top) and accuracy (bottom) by epoch. Left: the trainings; thick lines are validation images, thin "
    "lines of the same style training images, which may be augmented, so that their accuracy can be the lower one. "
    "Right, where nets were fine-tuned: the median over all pruned nets of a prune type on validation images, the "
    "band from the worst to the best of them. A penalty is not part of the loss shown.",
    when=when.always,
)
def training_curves(tidy: Tidy, study: dict):
    """Columns: trainings, fine-tunings; rows: loss, top-1. Lines: one per training; median and range per prune type."""
    history = tidy.history.merge(tidy.results, on="node", suffixes=("_of_epoch", ""))
    trained = history[history["step"].isin(("train", "regularize"))]
    trained = trained.assign(series=variants.labels(trained, variants.training_label))
    tuned = history[(history["step"] == "finetune") & history["prune_type"].notna()]
    figure = style.figure(10.4 if len(tuned) else 6.8, 6.4)
    grid = figure.subplots(2, 2 if len(tuned) else 1, squeeze=False, sharex="col", sharey="row")
    looks = style.styles(trained["series"])
    for row, value in enumerate(("loss", "top1")):
        _trainings(grid[row][0], trained, value, looks)
        if len(tuned):
            _tunings(grid[row][1], tuned, value)
    _scale_loss(grid[0])
    grid[1][0].set_ylabel("top-1 (%)")
    grid[0][0].set_title("training")
    if len(tuned):
        count = tuned["node"].nunique()
        grid[0][1].set_title(f"fine-tuning of {count} pruned {'net' if count == 1 else 'nets'}")
    for axes in grid[1]:
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    handles = [style.proxy(**look, label=name) for name, look in looks.items()]
    handles += [
        style.proxy(color="#444444", linewidth=1.6, label="validation images"),
        style.proxy(color="#444444", linewidth=0.7, label="training images"),
    ]
    style.legend_below(figure, handles, columns=3)
    if len(tuned):
        grid[1][1].legend(loc="lower right")
    return figure


def _scale_loss(row) -> None:
    """Label the row of panels, on a logarithmic scale where a few epochs would flatten all others."""
    values = np.concatenate([line.get_ydata() for axes in row for line in axes.lines])
    wild = len(values) > 0 and values.min() > 0 and values.max() > 10 * np.median(values)
    row[0].set_yscale("log" if wild else "linear")
    row[0].set_ylabel("loss (logarithmic)" if wild else "loss")


def _trainings(axes, history: pd.DataFrame, value: str, looks: dict) -> None:
    """Mean over seeds of each training: validation thick with markers, train thin."""
    for series, lines in history.groupby("series", sort=False):
        look, mean = looks[series], lines.groupby("epoch")[[f"train_{value}", f"validation_{value}"]].mean()
        step = max(1, len(mean) // 8)
        axes.plot(
            mean.index, mean[f"validation_{value}"], **look, linewidth=1.6, markersize=4.5, markevery=step, label=series
        )
        axes.plot(mean.index, mean[f"train_{value}"], **(look | {"marker": ""}), linewidth=0.7)


def _tunings(axes, history: pd.DataFrame, value: str) -> None:
    """Median and range of the validation curves of each prune type."""
    looks = style.styles(history["prune_type"])
    for kind, lines in history.groupby("prune_type", sort=False):
        curves = lines.groupby("epoch")[f"validation_{value}"]
        look = looks[kind]
        axes.fill_between(curves.min().index, curves.min(), curves.max(), color=look["color"], alpha=0.13, linewidth=0)
        axes.plot(curves.median().index, curves.median(), **look, label=kind)
