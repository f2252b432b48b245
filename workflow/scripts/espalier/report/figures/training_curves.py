"""How the nets learned: loss and accuracy, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from espalier.analysis import selections
from espalier.analysis.labels import net_names, training_label
from espalier.analysis.retraining import PLAIN, TUNING
from espalier.analysis.study import StudyView
from espalier.plan.steps import STEPS
from espalier.registry import FigureItem, register
from espalier.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

AFTER = (*TUNING, "scratch")  # the trainings of a pruned net that are shown together by its prune type
VALUES = ("loss", "top1")  # the rows of panels


@register(
    FigureItem(
        "training_curves",
        title="Training curves",
        caption="Loss (top) and accuracy (bottom) by epoch. Left: the first trainings. Thick lines are validation "
        "images, thin lines of the same style are training images; these may be augmented, so that their accuracy can "
        "be the lower one. Right: later trainings, by validation images alone. Nets that were fine-tuned, or trained "
        "from scratch after pruning, share a line for each prune type: the median over these nets, with a band from "
        "the worst to the best. Nets that were pruned while they were trained, or trained to be quantized, have a "
        "line each. With several seeds, the left column shows means with a band from the lowest to the "
        "highest seed, and in the right column the net of each seed counts. Where weights were pruned gradually, a "
        "panel below shows the share of zeros among the weights that "
        "are pruned. The loss does not include a penalty.",
        when=selections.always,
    )
)
def training_curves(view: StudyView) -> Figure:
    """Columns: trainings, later trainings; rows: loss, top-1, and the sparsity of gradual pruning. Lines: one per
    training; median and range per prune type; one per net that was pruned or quantized by training."""
    history = view.history.rename(columns={"sparsity": "zeros"})
    history = history.merge(view.results, on="node", suffixes=("_of_epoch", ""))
    first = history[history["step"].isin(("train", "regularize"))]
    first = first.assign(series=net_names(first, training_label))
    later = _later(history)
    sparse = "zeros" in later and bool(later["zeros"].notna().any())
    figure, grid = _panels(bool(len(later)), sparse)
    looks = style.styles(first["series"])
    for axes, value in zip(grid[:, 0], VALUES, strict=False):
        _draw_first(axes, first, value, looks)
    if len(later):
        for axes, value in zip(grid[:, 1], VALUES, strict=False):
            _draw_later(axes, later, value)
        grid[0][1].set_title("; ".join(_titles(later)))
    _scale_loss(grid[0])
    if sparse:
        _draw_zeros(grid[2][1], later)
    _label_epochs(grid)
    style.legend_below(figure, _legend(looks), columns=3)
    if len(later):
        _legend_of_later(grid, later["series"].nunique())
    return figure


def _panels(later: bool, sparse: bool) -> tuple[Figure, np.ndarray]:
    """A figure and its panels: a column for the first trainings, one for later ones; a flat row for sparsity."""
    figure = style.figure(10.4 if later else 6.8, 6.9 if sparse else 6.4)
    shape = {"height_ratios": [2, 2, 1]} if sparse else {}
    grid = figure.subplots(2 + sparse, 1 + later, squeeze=False, sharex="col", sharey="row", gridspec_kw=shape)
    grid[0][0].set_title("training")
    grid[1][0].set_ylabel("top-1 (%)")
    if sparse:  # the first trainings have none
        grid[2][0].set_axis_off()
        grid[1][0].tick_params(labelbottom=True)
    return figure, grid


def _later(history: pd.DataFrame) -> pd.DataFrame:
    """The epochs after the first training, with their `series`: the prune type of nets that were fine-tuned, or trained
    from scratch after pruning; the label of nets that were pruned or quantized while they were trained."""
    gradual = (history["step"] == "prune") & (history["schedule"] == "gradual")
    by_training = history[gradual | (history["step"] == "quantize")]
    names = pd.Series(net_names(by_training), by_training.index, dtype=object)
    of_types = history["step"].isin(AFTER) & history["prune_type"].notna()
    later = history[of_types | history.index.isin(names.index)]
    alone = names.empty and set(later["step"]) <= {PLAIN}  # then there is nothing to tell fine-tuning apart from
    how = later["step"].map(
        {kind: "" if alone else f", {next(iter(STEPS[kind].retraining.values()))}" for kind in AFTER}
    )
    return later.assign(series=(later["prune_type"] + how).where(later["step"].isin(AFTER), names))


def _titles(later: pd.DataFrame) -> Iterator[str]:
    """What the nets of the right column were trained for."""
    words = {
        **{kind: f"{STEPS[kind].noun} of {{}} pruned {{}}" for kind in TUNING},
        "scratch": "training of {} pruned {} from scratch",
        "prune": "gradual pruning of {} {}",
        "quantize": "quantization-aware training of {} {}",
    }
    for step, title in words.items():
        if count := later[later["step"] == step]["variant"].nunique():
            yield title.format(count, "net" if count == 1 else "nets")


def _draw_first(axes: Axes, history: pd.DataFrame, value: str, looks: dict[str, style.Look]) -> None:
    """Mean and range over seeds of each first training: validation thick with markers, training thin."""
    for series, lines in history.groupby("series", sort=False):
        look, mean = looks[series], lines.groupby("epoch")[[f"train_{value}", f"validation_{value}"]].mean()
        seeds = lines.groupby("epoch")[f"validation_{value}"]
        axes.fill_between(mean.index, seeds.min(), seeds.max(), color=look["color"], alpha=0.13, linewidth=0)
        step = max(1, len(mean) // 8)
        axes.plot(
            mean.index, mean[f"validation_{value}"], **look, linewidth=1.6, markersize=4.5, markevery=step, label=series
        )
        look = look | {"marker": "", "linewidth": 0.7}
        axes.plot(mean.index, mean[f"train_{value}"], **look)


def _draw_later(axes: Axes, history: pd.DataFrame, value: str) -> None:
    """Median and range of the validation curves of each series."""
    looks = style.styles(history["series"])
    for series, lines in history.groupby("series", sort=False):
        curves = lines.groupby("epoch")[f"validation_{value}"]
        look = looks[series]
        axes.fill_between(curves.min().index, curves.min(), curves.max(), color=look["color"], alpha=0.13, linewidth=0)
        axes.plot(curves.median().index, curves.median(), **look, label=series)


def _draw_zeros(axes: Axes, later: pd.DataFrame) -> None:
    """Mean over nets of the share of zeros, for each series that has one."""
    looks = style.styles(later["series"])
    for series, lines in later[later["zeros"].notna()].groupby("series", sort=False):
        mean = lines.groupby("epoch")["zeros"].mean()
        axes.plot(mean.index, mean, **looks[series], markersize=4.5)
    axes.set_ylabel("zeros (%)")
    axes.yaxis.set_tick_params(labelleft=True)


def _scale_loss(row: np.ndarray) -> None:
    """Label the row of panels; its scale is logarithmic where a few epochs would flatten all others."""
    values = np.concatenate([line.get_ydata() for axes in row for line in axes.lines])
    wild = len(values) > 0 and values.min() > 0 and values.max() > 10 * np.median(values)
    row[0].set_yscale("log" if wild else "linear")
    row[0].set_ylabel("loss (logarithmic)" if wild else "loss")


def _label_epochs(grid: np.ndarray) -> None:
    for axes in (grid[1][0], grid[-1][-1]):
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)


def _legend(looks: dict[str, style.Look]) -> list[Line2D]:
    """The samples of the left column: each training, and how its two kinds of images look."""
    return [
        *(style.proxy(**look, label=name) for name, look in looks.items()),
        style.proxy(color="#444444", linewidth=1.6, label="validation images"),
        style.proxy(color="#444444", linewidth=0.7, label="training images"),
    ]


def _legend_of_later(grid: np.ndarray, names: int) -> None:
    """Put the legend of the right column into the empty panel below the left one, or into the panel of accuracy."""
    empty = len(grid) > len(VALUES)
    (grid[2][0] if empty else grid[1][1]).legend(
        *grid[1][1].get_legend_handles_labels(),
        loc="lower center" if empty else "lower right",
        fontsize=8.5 if names < 5 else 7.5 if names < 7 else 7,
        labelspacing=0.35,
        title="on the right" if empty else None,
    ).set_in_layout(False)
