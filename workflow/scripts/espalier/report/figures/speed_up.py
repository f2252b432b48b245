"""Measured speed-up against the one that the counts promise."""

from __future__ import annotations

import numpy as np
import pandas as pd

from espalier.analysis import selections as when
from espalier.analysis.study import StudyView
from espalier.registry import FigureItem, register
from espalier.report.figures import style

SCHEMES = ("static_int8", "dynamic_int8", "float16", "qat_int8")  # filled alike in all studies; others come after them
POINT = {"linestyle": "none", "markersize": 7.5}  # large enough to see how much of it is filled
MARKER = 0.03, 0.04  # its size, as a share of the panel's
LIMIT = 1.25  # the scales go at least so far beyond 1, both ways


@register(
    FigureItem(
        "speed_up",
        title="Measured against promised speed-up",
        caption="A point for each net that was timed, a panel for each batch size: to the right, how many times fewer "
        "multiply-accumulates it has than its baseline, the dense net in the same runtime; upwards, how many times "
        "faster it was. On the line the time is what the counts promise; below it the net is slower than that, and "
        "below 1 slower than the dense net. A marker for each prune type; one that is not all filled is a quantized "
        "net, and how much of it is filled tells its scheme: counts know nothing of quantization, and promise what was "
        "promised before it. Points of different kinds that would hide each other stand side by side.",
        when=when.timed_compressed,
    )
)
def speed_up(view: StudyView):
    """x: MACs, baseline / net; y: median time, baseline / net; both logarithmic. Several seeds: a point for each."""
    times = view.times
    times = times[(times["node"] != times["baseline"]) & times["speed_up"].notna() & times["promised"].notna()]
    exported = times["kind"].isin(("dense", "pruned"))  # as float32 at most
    times = times.assign(type=times["prune_type"].fillna("not pruned"), fill=times["scheme"].mask(exported, ""))
    batches = sorted(times["batch_size"].unique())
    looks = style.styles(["not pruned", *times["type"]])
    there = set(times["type"]) | set(times["fill"])
    fills = {"": {}} | style.fills([*SCHEMES, *(fill for fill in times["fill"] if fill)])
    figure = style.figure(max(5.4, 1.2 + 4.2 * len(batches)), 4.9)
    if not batches:
        figure.text(0.5, 0.4, "No net was timed beside its baseline.", ha="center")
        return figure
    grid = figure.subplots(1, len(batches), squeeze=False, sharex=True, sharey=True)[0]
    values = np.concatenate([times["promised"], times["speed_up"], [1 / LIMIT, LIMIT]])
    ends = values.min() / 1.15, values.max() * 1.15
    sides = times["promised"].min() / 1.3, times["promised"].max() * 1.3
    for axes, batch in zip(grid, batches, strict=True):
        shown = times[times["batch_size"] == batch]
        shown = shown.assign(x=_aside(shown, sides, ends))
        axes.plot(ends, ends, color="#444444", linewidth=0.9)
        axes.axhline(1, **style.DENSE)
        for (name, fill), rows in shown.groupby(["type", "fill"], sort=False):
            axes.plot(rows["x"], rows["speed_up"], **(looks[name] | POINT | fills[fill]))
        axes.set(xlim=sides, ylim=ends, title=f"batch of {batch}", xlabel="promised by MACs (times)")
        style.logarithmic(axes, "x", "y")
    grid[0].set_ylabel("measured (times faster)")
    handles = [style.proxy(**(look | POINT), label=name) for name, look in looks.items() if name in there]
    grey = {"marker": "o", "color": "#777777"}
    filled = {scheme: look for scheme, look in fills.items() if scheme and scheme in there}
    handles += [style.proxy(**(grey | POINT | look), label=scheme) for scheme, look in filled.items()]
    handles.append(style.proxy(color="#444444", linewidth=0.9, label="as promised"))
    handles.append(style.proxy(**style.DENSE, label="as fast as dense"))
    style.legend_below(figure, handles)
    return figure


def _aside(points: pd.DataFrame, sides: tuple[float, float], ends: tuple[float, float]) -> pd.Series:
    """What each point promised, moved where points that look otherwise would hide it. sides, ends: the limits of the
    panel, both logarithmic."""
    width, height = (np.log(high / low) for low, high in (sides, ends))
    right, up = np.log(points["promised"] / sides[0]) / width, np.log(points["speed_up"] / ends[0]) / height
    moved = style.aside(zip(right, up, points["type"] + points["fill"], strict=True), *MARKER)
    return points["promised"] * np.exp(np.array(moved) * width)
