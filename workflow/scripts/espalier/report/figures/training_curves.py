"""How the nets learned: loss and accuracy, epoch by epoch."""

from __future__ import annotations

import numpy as np
import pandas as pd

from espalier.analysis import selections as when
from espalier.analysis.labels import net_names, training_label
from espalier.analysis.study import StudyView
from espalier.registry import FigureItem, register
from espalier.report.figures import style

AFTER = ("finetune", "scratch")  # the trainings of a pruned net that are shown together by its prune type


@register(
    FigureItem(
        "training_curves",
        title="Training curves",
        caption="Loss (top) and accuracy (bottom) by epoch. Left: the trainings; thick lines are validation images, "
        "thin lines of the same style training images, which may be augmented, so that their accuracy can be the lower "
        "one. Right, where nets were trained on, validation images alone: of fine-tuned nets, and of pruned ones "
        "trained from scratch, the median over all nets of a prune type, the band from the worst to the best of them; "
        "of nets that were pruned while they were trained, or trained to be quantized, a line each. Of several seeds: "
        "on the left means, on the right each seed's net counts. Where weights were pruned gradually, a panel below "
        "shows the share of zeros in what is pruned. A penalty is not part of the loss shown.",
        when=when.always,
    )
)
def training_curves(view: StudyView):
    """Columns: trainings, later trainings; rows: loss, top-1, and the sparsity of gradual pruning. Lines: one per
    training; median and range per prune type; one per net that was pruned or quantized by training."""
    history = view.history.rename(columns={"sparsity": "zeros"})
    history = history.merge(view.results, on="node", suffixes=("_of_epoch", ""))
    trained = history[history["step"].isin(("train", "regularize"))]
    trained = trained.assign(series=net_names(trained, training_label))
    tuned = _later(history)
    sparse = "zeros" in tuned and bool(tuned["zeros"].notna().any())
    figure = style.figure(10.4 if len(tuned) else 6.8, 6.9 if sparse else 6.4)
    shape = {"height_ratios": [2, 2, 1]} if sparse else {}
    grid = figure.subplots(
        2 + sparse, 2 if len(tuned) else 1, squeeze=False, sharex="col", sharey="row", gridspec_kw=shape
    )
    looks = style.styles(trained["series"])
    for row, value in enumerate(("loss", "top1")):
        _trainings(grid[row][0], trained, value, looks)
        if len(tuned):
            _tunings(grid[row][1], tuned, value)
    _scale_loss(grid[0])
    grid[1][0].set_ylabel("top-1 (%)")
    grid[0][0].set_title("training")
    if len(tuned):
        grid[0][1].set_title("; ".join(_titles(tuned)))
    if sparse:
        grid[2][0].set_axis_off()
        grid[1][0].tick_params(labelbottom=True)
        looks_of_tuned = style.styles(tuned["series"])
        for series, lines in tuned[tuned["zeros"].notna()].groupby("series", sort=False):
            mean = lines.groupby("epoch")["zeros"].mean()
            grid[2][1].plot(mean.index, mean, **looks_of_tuned[series], markersize=4.5)
        grid[2][1].set_ylabel("zeros (%)")
        grid[2][1].yaxis.set_tick_params(labelleft=True)
    for axes in (grid[1][0], grid[-1][-1]):
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    handles = [style.proxy(**look, label=name) for name, look in looks.items()]
    handles += [
        style.proxy(color="#444444", linewidth=1.6, label="validation images"),
        style.proxy(color="#444444", linewidth=0.7, label="training images"),
    ]
    style.legend_below(figure, handles, columns=3)
    if len(tuned):
        names = tuned["series"].nunique()
        (grid[2][0] if sparse else grid[1][1]).legend(
            *grid[1][1].get_legend_handles_labels(),
            loc="lower center" if sparse else "lower right",
            fontsize=8.5 if names < 5 else 7.5 if names < 7 else 7,
            labelspacing=0.35,
            title="on the right" if sparse else None,
        ).set_in_layout(False)
    return figure


def _later(history: pd.DataFrame) -> pd.DataFrame:
    """The epochs after the first training: of fine-tuned nets, and of pruned ones trained from scratch, with their
    prune type as `series`, of nets that were pruned or quantized by training with their label."""
    gradual = (history["step"] == "prune") & (history["schedule"] == "gradual")
    by_training = history[gradual | (history["step"] == "quantize")]
    labels = pd.Series(net_names(by_training), by_training.index, dtype=object)
    of_types = history["step"].isin(AFTER) & history["prune_type"].notna()
    later = history[of_types | history.index.isin(labels.index)]
    alone = labels.empty and "scratch" not in set(later["step"])  # then there is nothing to tell fine-tuning apart from
    how = later["step"].map({"finetune": "" if alone else ", fine-tuned", "scratch": ", from scratch"})
    return later.assign(series=(later["prune_type"] + how).where(later["step"].isin(AFTER), labels))


def _titles(later: pd.DataFrame):
    """What the nets of the right column were trained for."""
    words = {
        "finetune": "fine-tuning of {} pruned {}",
        "scratch": "training of {} pruned {} from scratch",
        "prune": "gradual pruning of {} {}",
        "quantize": "quantization-aware training of {} {}",
    }
    for step, said in words.items():
        if count := later[later["step"] == step]["variant"].nunique():
            yield said.format(count, "net" if count == 1 else "nets")


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
    """Median and range of the validation curves of each series."""
    looks = style.styles(history["series"])
    for kind, lines in history.groupby("series", sort=False):
        curves = lines.groupby("epoch")[f"validation_{value}"]
        look = looks[kind]
        axes.fill_between(curves.min().index, curves.min(), curves.max(), color=look["color"], alpha=0.13, linewidth=0)
        axes.plot(curves.median().index, curves.median(), **look, label=kind)
