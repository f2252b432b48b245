"""Measured speed-up against the one that the counts promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from espalier.analysis import selections
from espalier.analysis.study import StudyView
from espalier.registry import FigureItem, register
from espalier.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

POINT = {"linestyle": "none"}
SIZES = (9.0, 6.0)  # of the first and the last kind's markers: large enough to see how much of them is filled
LIMIT = 1.25  # the scales go at least so far beyond 1, both ways
PROMISED = {"color": "#444444", "linewidth": 0.9}  # the line on which the time is what the counts promise


class _Scales(NamedTuple):
    """The ends of the axes, both logarithmic, the same in all panels."""

    x: tuple[float, float]
    y: tuple[float, float]


@register(
    FigureItem(
        "speed_up",
        title="Measured against promised speed-up",
        caption="Each point is a timed net, each panel a batch size. To the right: how many times fewer "
        "multiply-accumulates the net has than its baseline, the dense net in the same runtime. Upwards: how many "
        "times faster it was. On the line, the net is as fast as the counts promise; below the line it is slower than "
        "that, and below 1 slower than the dense net. Bars are 95 % intervals over the rounds of calls. Each prune "
        "type has its marker. A marker that is not wholly "
        "filled is a quantized net, and its filling tells the scheme: the counts know nothing of quantization and "
        "promise the same as before it. Later kinds have smaller markers, so that they do not hide others at the same "
        "place.",
        when=selections.timed_at_costs,
    )
)
def speed_up(view: StudyView) -> Figure:
    """x: MACs, baseline / net; y: median time, baseline / net; both logarithmic. Several seeds: a point for each."""
    times = _points(view.times)
    batches = sorted(times["batch_size"].unique())
    looks = {name: style.of_type(name) for name in dict.fromkeys(["not pruned", *times["type"]])}
    fills = {"": {}} | {fill: style.of_scheme(fill) for fill in sorted(set(times["fill"]) - {""}, key=_place)}
    figure = style.figure(max(5.4, 1.2 + 4.2 * len(batches)), 4.9)
    if not batches:
        figure.text(0.5, 0.4, "No net was timed next to its baseline.", ha="center")
        return figure
    grid = figure.subplots(1, len(batches), squeeze=False, sharex=True, sharey=True)[0]
    scales = _scales(times)
    for axes, batch in zip(grid, batches, strict=True):
        _panel(axes, times[times["batch_size"] == batch], scales, looks, fills)
        axes.set_title(f"batch of {batch}")
    grid[0].set_ylabel("measured (times faster)")
    style.legend_below(figure, _legend(times, looks, fills))
    return figure


def _points(times: pd.DataFrame) -> pd.DataFrame:
    """The nets that have a baseline; `type` and `fill` (the scheme of quantization) tell how they are marked."""
    times = times[(times["node"] != times["baseline"]) & times["speed_up"].notna() & times["promised"].notna()]
    exported = times["kind"].isin(("dense", "pruned"))  # as float32 at most
    return times.assign(type=times["prune_type"].fillna("not pruned"), fill=times["scheme"].mask(exported, ""))


def _scales(times: pd.DataFrame) -> _Scales:
    """Vertically the scale holds what was promised too, so that the line of what was promised crosses the panel."""
    values = np.concatenate([times["promised"], times["speed_up"], [1 / LIMIT, LIMIT]])
    return _Scales(
        x=(times["promised"].min() / 1.3, times["promised"].max() * 1.3), y=(values.min() / 1.15, values.max() * 1.15)
    )


def _panel(
    axes: Axes, times: pd.DataFrame, scales: _Scales, looks: dict[str, style.Look], fills: dict[str, style.Look]
) -> None:
    """The nets of one batch size."""
    axes.plot(scales.y, scales.y, **PROMISED)
    axes.axhline(1, **style.DENSE)
    kinds = list(times.groupby(["type", "fill"], sort=False))
    for ((name, fill), rows), size in zip(kinds, np.linspace(*SIZES, len(kinds)), strict=True):
        look: style.Look = looks[name] | POINT | fills[fill] | {"markersize": size}
        axes.errorbar(rows["promised"], rows["speed_up"], yerr=_bars(rows), **look, capsize=2)
    axes.set(xlim=scales.x, ylim=scales.y, xlabel="promised by MACs (times)")
    style.logarithmic(axes, "x", "y")


def _legend(times: pd.DataFrame, looks: dict[str, style.Look], fills: dict[str, style.Look]) -> list[Line2D]:
    """Samples of the prune types in their colours, of the schemes in grey, and of the lines."""
    shown = set(times["type"]) | set(times["fill"])
    grey = {"marker": "o", "color": "#777777"}
    return [
        *(style.proxy(**(look | POINT), label=name) for name, look in looks.items() if name in shown),
        *(style.proxy(**(grey | POINT | look), label=name) for name, look in fills.items() if name and name in shown),
        style.proxy(**PROMISED, label="as promised"),
        style.proxy(**style.DENSE, label="as fast as dense"),
    ]


def _bars(points: pd.DataFrame) -> list[pd.Series] | None:
    """The 95 % intervals of the measured ratios over rounds, as lengths; None where they are not known."""
    if "ratio_low" not in points or points["ratio_low"].isna().all():
        return None
    low, high = points["speed_up"] - points["ratio_low"], points["ratio_high"] - points["speed_up"]
    return [low.clip(lower=0), high.clip(lower=0)]


def _place(scheme: str) -> tuple[int, str]:
    """Where a scheme stands in the legend."""
    return (style.SCHEMES.index(scheme) if scheme in style.SCHEMES else len(style.SCHEMES)), scheme
