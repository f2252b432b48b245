"""All prune types and methods of a study in one panel: accuracy lost against the share of the dense net's cost that is
left. What verdicts at equal cost are made of (espalier.analysis.matched), next to the published points on the same
axes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from espalier.analysis import registered, selections, variants
from espalier.analysis.nets import untouched
from espalier.analysis.study import StudyView
from espalier.analysis.variants import Range
from espalier.registry import FigureItem, register
from espalier.report.figures import style
from espalier.report.figures.tradeoff import points_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

AFTER, BEFORE, PUBLISHED = "after fine-tuning", "right after pruning", "published"  # the panels
SPENT = {"macs": ("flops_g", "MACs"), "params": ("params_m", "parameters")}  # axis: published column, its name
RANDOM = {"linestyle": (0, (1, 1.2)), "linewidth": 1.6}
COLUMNS = ["prune_type", "method", "series", "random", "x", "x_low", "x_high", "y", "low", "high"]

_READ = (
    " One panel holds all prune types and methods, so that they can be compared at equal cost: the colour tells the "
    "prune type, the marker the method; where nets of one method were trained or fine-tuned in several ways, each way "
    "has a line style. Upwards: top-1 less that of the dense net of equal epochs, of the same seeds; 0 is as good as "
    "dense. All curves begin at the dense net, the star. Bars are 95 % intervals: over seeds, paired; of one seed what "
    "the test images leave. Dotted lines with a band are random choice, the baseline. Nets without a dense net of "
    "equal epochs are left out, and so are nets whose weights were only set to zero, as these cost as much as the "
    "dense net. Published points are of one run, and have no interval."
)


@register(
    FigureItem(
        "accuracy_vs_macs",
        title="Accuracy against computation, all methods",
        caption="Accuracy that was lost against the share of the dense net's multiply-accumulates that is left: "
        "further left is cheaper, higher is better." + _READ,
        when=selections.shrunk_otherwise,
    )
)
def accuracy_vs_macs(view: StudyView) -> Figure:
    """x: MACs, percent of the dense net's, logarithmic; y: points of top-1 above the reference."""
    return _draw(view, "macs")


@register(
    FigureItem(
        "accuracy_vs_params",
        title="Accuracy against parameters, all methods",
        caption="Accuracy that was lost against the share of the dense net's parameters that is left: further left is "
        "smaller, higher is better. The order of methods need not be that against computation." + _READ,
        when=selections.shrunk_otherwise,
    )
)
def accuracy_vs_params(view: StudyView) -> Figure:
    """x: parameters, percent of the dense net's, logarithmic; y: points of top-1 above the reference."""
    return _draw(view, "params")


def _draw(view: StudyView, axis: str) -> Figure:
    panels = {name: rows for name, rows in _panels(view, axis) if len(rows)}
    figure = style.figure(max(6.2, 4.3 * len(panels)), 4.4)
    if not panels:
        axes = figure.subplots()
        axes.set_axis_off()
        axes.text(0.5, 0.5, "No pruned net has a dense net of equal epochs to be compared with.", ha="center")
        return figure
    grid = figure.subplots(1, len(panels), squeeze=False, sharex=True)[0]
    drawn = dict(zip(panels, grid, strict=True))
    if AFTER in drawn and PUBLISHED in drawn:  # the same scale for what was published and what was reproduced
        drawn[PUBLISHED].sharey(drawn[AFTER])
    everything = pd.concat(panels.values(), ignore_index=True)
    lines = _lines(everything)
    for name, rows in panels.items():
        _panel(drawn[name], rows, lines)
        drawn[name].set(title=name, xlabel=f"{SPENT[axis][1]} left (% of dense, logarithmic)")
    style.logarithmic(grid[0], "x")
    grid[0].set_ylabel("top-1, net \N{MINUS SIGN} dense (points)")
    style.legend_below(figure, _legend(everything, lines), columns=5)
    return figure


def _panels(view: StudyView, axis: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """The points of each panel, with the columns COLUMNS."""
    nets = view.pruned
    nets = points_of(nets[~registered.masked(nets) & ~untouched(nets)], axis, 1.0)
    tuned = nets["after"].notna()
    yield AFTER, _points(view, nets[tuned], axis, {i: variants.drop(view, net) for i, net in nets[tuned].iterrows()})
    first = nets[nets["before"].notna()].drop_duplicates("before_variant")
    yield BEFORE, _points(view, first, axis, {i: variants.lost(view, net) for i, net in first.iterrows()})
    yield PUBLISHED, _published(view, axis)


def _points(view: StudyView, nets: pd.DataFrame, axis: str, drops: dict[int, Range]) -> pd.DataFrame:
    """Of each net that is compared with a dense one: the share of the cost that is left, and top-1 less that of dense,
    both with what they lie between. drops: by the index of the nets."""
    rows = []
    for (index, net), random in zip(nets.iterrows(), registered.random(nets), strict=True):
        drop, cost = drops[index], variants.cost(view, net, axis)
        percent = 100 / (net[axis] * net["speed_up" if axis == "macs" else "compression"])
        if pd.notna(drop.value):
            of = {"prune_type": net["prune_type"], "method": net["method"], "series": net["series"], "random": random}
            of |= {"x": percent * cost.value, "x_low": percent * cost.low, "x_high": percent * cost.high}
            rows.append(of | {"y": -drop.value, "low": -drop.high, "high": -drop.low})
    return pd.DataFrame(rows, columns=COLUMNS)


def _published(view: StudyView, axis: str) -> pd.DataFrame:
    """The published points, in the same form."""
    column, rows = SPENT[axis][0], view.published
    if rows is None or not {column, f"{column}_before"} <= {*rows}:
        return pd.DataFrame(columns=COLUMNS)
    dense = rows[(rows["kind"] == "training") & rows["penalty"].isna()]["top1"]
    rows = rows[(rows["kind"] == "pruning") & rows[column].notna() & rows["top1"].notna()]
    if dense.empty or rows.empty:
        return pd.DataFrame(columns=COLUMNS)
    left = 100 * rows[column].astype(float) / rows[f"{column}_before"].astype(float)
    names = rows["method"].fillna(rows["prune_type"])
    rows = rows.assign(method=names, series=names, random=False, x=left, y=rows["top1"] - dense.iloc[0])
    return rows.reindex(columns=COLUMNS).astype(dict.fromkeys(COLUMNS[4:], float)).reset_index(drop=True)


def _lines(points: pd.DataFrame) -> dict[tuple[str, str], style.Look]:
    """How the curve of each prune type and series looks."""
    curves = points.drop_duplicates(["prune_type", "series"])
    looks, seen = {}, {}
    for row in curves.to_dict("records"):
        key = row["prune_type"], row["method"]
        place = seen[key] = seen.get(key, -1) + 1  # several ways to train nets of one type and method
        look = {"color": style.of_type(key[0])["color"], "marker": style.of_method(key[1])["marker"]}
        look |= RANDOM if row["random"] else {"linestyle": style.LINES[(0, 1, 3, 4, 5, 6, 7)[place % 7]]}
        looks[row["prune_type"], row["series"]] = look
    return looks


def _panel(axes: Axes, points: pd.DataFrame, lines: dict[tuple[str, str], style.Look]) -> None:
    """The curves of a panel, each from the dense net on."""
    axes.axhline(0, **style.DENSE)
    for key, rows in points.groupby(["prune_type", "series"], sort=False):
        rows, look = rows.sort_values("x", ascending=False), lines[key]
        axes.plot([100.0, *rows["x"]], [0.0, *rows["y"]], **(look | {"marker": "", "linewidth": 0.9}))
        if rows["random"].iloc[0] and rows["low"].notna().all():
            ends = ([0.0, *rows["low"]], [0.0, *rows["high"]])
            axes.fill_between([100.0, *rows["x"]], *ends, color=look["color"], alpha=0.13, linewidth=0)
        marks: style.Look = look | {"linestyle": "none"}
        axes.errorbar(rows["x"], rows["y"], **_bars(rows), **marks, capsize=2)
    axes.plot([100.0], [0.0], "*", color="#000000", markersize=11)
    axes.margins(x=0.06, y=0.1)


def _bars(rows: pd.DataFrame) -> dict[str, list[pd.Series]]:
    """Intervals as lengths of bars, where they are known; NaN, where a single one is not."""
    bars = {}
    for name, value, low, high in (("xerr", "x", "x_low", "x_high"), ("yerr", "y", "low", "high")):
        if rows[low].notna().any():
            bars[name] = [(rows[value] - rows[low]).clip(lower=0), (rows[high] - rows[value]).clip(lower=0)]
    return bars


def _legend(points: pd.DataFrame, lines: dict[tuple[str, str], style.Look]) -> list[Line2D]:
    """Samples of the prune types in their colours, of the methods in grey, of the ways that have a line style."""
    grey = {"color": "#777777", "linestyle": "none"}
    kinds, methods = dict.fromkeys(points["prune_type"]), dict.fromkeys(points["method"].dropna())
    ways = {}
    for row in points.to_dict("records"):
        if row["series"] != row["method"] and not row["random"]:
            ways.setdefault(row["series"], lines[row["prune_type"], row["series"]]["linestyle"])
    return [
        *(style.proxy(color=style.of_type(kind)["color"], label=kind) for kind in kinds),
        *(style.proxy(**grey, marker=style.of_method(name)["marker"], label=name) for name in methods),
        *(style.proxy(color="#777777", linestyle=line, label=name) for name, line in ways.items()),
        *([style.proxy(**RANDOM, color="#777777", label="random choice")] if points["random"].any() else []),
        style.proxy(color="#000000", marker="*", linestyle="none", label="dense"),
    ]
