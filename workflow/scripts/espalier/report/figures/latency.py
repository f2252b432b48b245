"""Measured prediction times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from espalier.analysis import selections
from espalier.analysis.labels import net_names
from espalier.analysis.study import StudyView
from espalier.registry import FigureItem, register
from espalier.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

WIDE = 20  # times as long as the shortest: from there on the scale is logarithmic


@register(
    FigureItem(
        "latency",
        title="Prediction time",
        caption="Time of one prediction call, a panel for each batch size. The marker is the median of the repeats, "
        "and the whisker ends at the 90th percentile; quantized nets have hollow markers. The dashed line next to a "
        "group of nets is their baseline, the dense net in the same runtime. All nets were timed in turns in one "
        "process, while the workflow ran no other job; other programs may have run. Times of different panels or runs "
        "cannot be compared.",
        when=selections.timed,
    )
)
def latency(view: StudyView) -> Figure:
    """y: one row per net, x: milliseconds per call; markers by prune type. Several seeds: means of medians and p90s."""
    times = _over_seeds(view.times)
    runtimes = dict(zip(times["label"], times["runtime"], strict=True))
    looks, batches = {"dense": style.of_type("not pruned")}, sorted(times["batch_size"].unique())
    looks |= {name: style.of_type(name) for name in times["type"] if name != "dense"}
    figure = style.figure(4.4 + 3 * len(batches), min(6.8, 1.8 + 0.27 * len(runtimes)))
    grid = figure.subplots(1, len(batches), squeeze=False, sharey=True)[0]
    for axes, batch in zip(grid, batches, strict=True):
        _panel(axes, times[times["batch_size"] == batch], looks)
        axes.set_title(f"batch of {batch}")
    several = len(set(runtimes.values())) > 1
    grid[0].set_yticks(range(len(runtimes)), [f"{n}  ({by})" if several else n for n, by in runtimes.items()])
    grid[0].invert_yaxis()
    style.legend_below(figure, _legend(times, looks), columns=8)
    return figure


def _over_seeds(times: pd.DataFrame) -> pd.DataFrame:
    """One row for each net, runtime and batch size, with the row `y` of the net in the figure."""
    times = times.assign(type=times["prune_type"].fillna("dense"), label=net_names(times))
    keys = ["label", "type", "kind", "runtime", "batch_size"]
    times = times.groupby(keys, sort=False)[["median_ms", "p90_ms", "dense_ms"]].mean().reset_index()
    return times.assign(y=pd.factorize(times["label"])[0])


def _panel(axes: Axes, times: pd.DataFrame, looks: dict[str, style.Look]) -> None:
    """The times of one batch size: markers and whiskers of the nets, and a line for each baseline."""
    for (name, kind), rows in times.groupby(["type", "kind"], sort=False):
        whisker = [0 * rows["median_ms"], rows["p90_ms"] - rows["median_ms"]]
        look: style.Look = looks[name] | {"linestyle": "none"}
        if "quantized" in kind:
            look |= {"markerfacecolor": "white"}
        axes.errorbar(rows["median_ms"], rows["y"], xerr=whisker, **look, capsize=3, label=name)
    for (dense, _), rows in times.groupby(["dense_ms", "runtime"], sort=False):
        axes.plot([dense, dense], [rows["y"].min() - 0.4, rows["y"].max() + 0.4], **style.DENSE)
    axes.set_xlabel("ms per call")
    if times["p90_ms"].max() > WIDE * times["median_ms"].min():
        style.logarithmic(axes, "x")
        axes.set_xlabel("ms per call (logarithmic)")
    else:
        axes.set_xlim(0, None)
    axes.grid(axis="y", visible=False)


def _legend(times: pd.DataFrame, looks: dict[str, style.Look]) -> list[Line2D]:
    shown = set(times["type"])
    handles = [style.proxy(**(look | {"linestyle": "none"}), label=n) for n, look in looks.items() if n in shown]
    if times["kind"].str.contains("quantized").any():
        hollow = {"marker": "o", "color": "#777777", "markerfacecolor": "white", "linestyle": "none"}
        handles.append(style.proxy(**hollow, label="quantized"))
    return [*handles, style.proxy(**style.DENSE, label="baseline")]
