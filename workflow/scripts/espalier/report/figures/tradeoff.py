"""What pruning costs: accuracy against the ratio that was pruned. Against computation and parameters: `equal_cost`.

A panel for each prune type, in it a line for each method. After fine-tuning, right after pruning and as published are
rows of panels of their own: the first takes a few points, the second nearly all of the scale.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from espalier.analysis import registered, selections, variants
from espalier.analysis.labels import scope_label, told_apart, way_of
from espalier.analysis.study import StudyView
from espalier.registry import FigureItem, register
from espalier.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Panels = dict[str, Axes]  # by prune type

SIZES = (7.5, 5.0)  # of the first and the last series' markers


class _Points(NamedTuple):
    """What is drawn: a frame with the columns panel (prune type), series, x, before or after (top-1), and the label of
    x by panel."""

    frame: pd.DataFrame
    labels: dict[str, str]

    def drawn(self) -> _Points:
        """Those that have a panel."""
        return _Points(self.frame[self.frame["panel"].isin(self.labels)], self.labels)


class _Strip(NamedTuple):
    """A row of panels: what it shows, its points, which column is y, how each series looks."""

    name: str
    points: _Points
    column: str
    looks: dict[str, style.Look]

    def of(self, panel: str) -> pd.DataFrame:
        """The points of one prune type."""
        frame = self.points.frame
        return frame[(frame["panel"] == panel) & frame[self.column].notna()]


_READ = (
    " Each prune type has a panel, each method a marker and line; so has each way to train and fine-tune by a method, "
    "where there are several. Filled markers: after fine-tuning, or after gradual pruning. Hollow markers, on a scale "
    "of their own: right after pruning. Grey markers: as published. The dashed line is the dense net, trained without "
    "a penalty; a dotted line, where that was run, is an unpruned net of as many epochs as fine-tuned nets, and of the "
    "same penalty, which these are compared with."
)


@register(
    FigureItem(
        "accuracy_vs_ratio",
        title="Accuracy against pruning ratio",
        caption="Test accuracy against the share of groups (filters, channels or blocks) that was really removed, or "
        "of weights that were set to zero. This is not always the share that the config asks for. Bars are 95 % "
        "intervals, "
        "over seeds; of one seed what the test images leave." + _READ,
        when=selections.pruned_otherwise,
    )
)
def accuracy_vs_ratio(view: StudyView) -> Figure:
    """x: actual ratio in percent."""
    points = points_of(view.pruned, "actual_ratio", 100)
    removed = dict.fromkeys(_shrunk(points), "groups removed (%)")
    labels = dict.fromkeys(points["panel"], "weights set to zero (%)") | removed
    return _draw(_Points(points, labels), _Points(_published(view, "share", 100), labels))


def _shrunk(points: pd.DataFrame) -> list[str]:
    """The panels of nets that something was taken out of."""
    return list(dict.fromkeys(points["panel"][~registered.masked(points)]))


def points_of(pruned: pd.DataFrame, x: str, scale: float) -> pd.DataFrame:
    """The pruned nets with their panel, series and x."""
    ways = [way_of(row, amounts=False) for _, row in pruned.iterrows()]
    series = [_series(row, pruned) + _steps(way) for (_, row), way in zip(pruned.iterrows(), ways, strict=True)]
    ways_of: dict[str, dict[str, list[list[str]]]] = {}
    for name, way in zip(series, ways, strict=True):
        ways_of.setdefault(name, {})[way] = [folder.split("~") for folder in way.split("/")]
    # Nets that went through other steps are no points of one line, even if their method is the same.
    told = {name: told_apart(name, parts) if len(parts) > 1 else {} for name, parts in ways_of.items()}
    series = [told[name].get(way, name) for name, way in zip(series, ways, strict=True)]
    return pruned.assign(panel=pruned["prune_type"], series=series, x=pruned[x] * scale)


def _steps(way: str) -> str:
    """What is added to the name of a net that was pruned more than once."""
    steps = way.count("/prune")
    return f", in {steps} steps" if steps > 1 else ""


def _series(row: pd.Series, pruned: pd.DataFrame) -> str:
    """A net's line: its method, and its training where the methods alone do not tell nets apart."""
    words = [row["method"], scope_label(row), row["schedule"]]
    words.append("N:M" if pd.notna(row["pattern"]) else "by threshold" if pd.notna(row["threshold"]) else None)
    parts = [" ".join(word for word in words if pd.notna(word) and word)]
    same = pruned[(pruned["prune_type"] == row["prune_type"]) & (pruned["method"] == row["method"])]
    counts = same["penalty"].fillna("plain").value_counts(sort=False)
    usual = max(counts.index, key=lambda name: (counts[name], name == "plain"))
    if (penalty := "plain" if pd.isna(row["penalty"]) else row["penalty"]) != usual:
        parts.append(f"after {penalty} training")
    if pruned["init"].nunique() > 1:
        parts.append(f"init {row['init']}")
    return ", ".join(parts)


def _published(view: StudyView, x: str, scale: float = 1.0) -> pd.DataFrame:
    """The published points in the same form; empty, if there are none."""
    rows = view.published
    if rows is None or x not in rows:
        return pd.DataFrame(columns=["panel", "series", "method", "x", "after"])
    dense = rows[(rows["kind"] == "training") & rows["penalty"].isna()]["top1"]
    rows = rows[(rows["kind"] == "pruning") & rows[x].notna() & rows["top1"].notna()]
    names = zip(rows["method"].fillna(rows["prune_type"]), rows["schedule"], strict=True)
    return pd.DataFrame(
        {
            "panel": rows["prune_type"],
            "series": [" ".join(word for word in words if pd.notna(word)) for words in names],
            "method": rows["method"].fillna(rows["prune_type"]),
            "x": rows[x].astype(float) * scale,
            "after": rows["top1"],
            "dense_top1": dense.iloc[0] if len(dense) else float("nan"),
        }
    )


def _draw(points: _Points, published: _Points) -> Figure:
    """Strips of panels, one panel for each prune type that has a label. Strips are rows; with one prune type they stand
    side by side. A strip has no panel for what it has no points of."""
    rows = pd.concat([points.frame[["series", "method"]], published.frame[["series", "method"]]])
    looks = _looks(dict(zip(rows["series"], rows["method"].astype(str), strict=True)))
    points, published = points.drawn(), published.drawn()
    named = {*points.frame["series"], *published.frame["series"]}
    looks = {series: look for series, look in looks.items() if series in named}
    strips = list(_strips(points, published, looks))
    figure, places = _panels(len(strips), list(points.labels))
    drawn: list[Panels] = []
    for strip, panels in zip(strips, places, strict=True):
        same = [axes for other, axes in zip(strips, drawn, strict=False) if other.points.labels == strip.points.labels]
        beside = drawn[0] if drawn and strip.points is published and strips[0].column == strip.column else {}
        drawn.append(_row(strip, panels, same, beside))
    for panels in drawn:
        style.grounded(next(iter(panels.values())), "x")
    (_label_rows if len(points.labels) > 1 else _label_side_by_side)(strips, drawn)
    handles = [style.proxy(**look, label=series) for series, look in looks.items()]
    handles.append(style.proxy(**style.DENSE, label="dense"))
    if points.frame["control_top1"][points.frame["after"].notna()].notna().any():
        handles.append(style.proxy(**style.CONTROL, label="unpruned, of equal epochs"))
    style.legend_below(figure, handles)
    return figure


def _panels(strips: int, panels: list[str]) -> tuple[Figure, list[Panels]]:
    """A figure with places for all panels of each strip."""
    rows, columns = (strips, len(panels)) if len(panels) > 1 else (1, strips)
    width = max(6.2, min(3.4, 13.6 / columns) * columns)
    figure = style.figure(width, min(style.TALLEST, 1.6 + 1.8 * rows) if len(panels) > 1 else 4.0)
    grid = figure.subplots(rows, columns, squeeze=False).reshape(strips, len(panels))
    return figure, [dict(zip(panels, places, strict=True)) for places in grid]


def _strips(points: _Points, published: _Points, looks: dict[str, style.Look]) -> Iterator[_Strip]:
    """After fine-tuning, right after pruning, as published: those that there are points of."""
    trained = points.frame[points.frame["after"].notna()]["schedule"]
    if len(trained):
        ways = {"fine-tuning": trained.isna(), "gradual pruning": trained.notna()}
        yield _Strip(f"after {' or '.join(way for way, by in ways.items() if by.any())}", points, "after", looks)
    if points.frame["before"].notna().any():
        yield _Strip("right after pruning", points, "before", _changed(looks, markerfacecolor="white"))
    if len(published.frame):
        yield _Strip("published", published, "after", _changed(looks, color=style.PUBLISHED))


def _label_rows(strips: list[_Strip], drawn: list[Panels]) -> None:
    """Strips below each other: the prune type above the topmost panel, x below the last of those that show the same."""
    for strip, panels in zip(strips, drawn, strict=True):
        next(iter(panels.values())).set_ylabel(f"{textwrap.fill(strip.name, 20)}\ntop-1 (%)")
    for panel in strips[0].points.labels:
        column = [(strip, panels[panel]) for strip, panels in zip(strips, drawn, strict=True) if panel in panels]
        for i, (strip, axes) in enumerate(column):
            if i == 0:
                axes.set_title(panel)
            if i + 1 == len(column) or column[i + 1][0].points is not strip.points:
                axes.set_xlabel(strip.points.labels[panel])


def _label_side_by_side(strips: list[_Strip], drawn: list[Panels]) -> None:
    """Strips of one panel each."""
    for strip, panels in zip(strips, drawn, strict=True):
        for panel, axes in panels.items():
            axes.set(title=f"{panel}, {strip.name}", xlabel=strip.points.labels[panel], ylabel="top-1 (%)")


def _looks(methods: dict[str, str]) -> dict[str, style.Look]:
    """How each series looks. methods: of each its method. Later ones are smaller, so that they do not hide the earlier
    ones below them."""
    looks = style.of_series(methods)
    sizes = np.linspace(*SIZES, len(looks))
    return {name: look | {"markersize": size} for (name, look), size in zip(looks.items(), sizes, strict=True)}


def _changed(looks: dict[str, style.Look], **change: str) -> dict[str, style.Look]:
    return {series: look | change for series, look in looks.items()}


def _row(strip: _Strip, places: Panels, same: list[Panels], beside: Panels) -> Panels:
    """Draw the panels of a strip on the same scales, and remove the places that the strip has no points for. same: the
    panels of strips with the same x, published ones too; beside: those of a strip that has the same y."""
    drawn = {panel: axes for panel, axes in places.items() if len(strip.of(panel))}
    for panel, axes in places.items():
        if panel not in drawn:
            axes.remove()
    first, *others = drawn.values()
    if same:
        first.sharex(next(iter(same[0].values())))
    if beside:
        first.sharey(next(iter(beside.values())))
    for axes in others:
        axes.sharex(first)
        axes.sharey(first)
        axes.tick_params(labelleft=False)
    for panel, axes in drawn.items():
        _panel(axes, strip, panel)
    return drawn


def _panel(axes: Axes, strip: _Strip, panel: str) -> None:
    """The lines of one prune type."""
    points = strip.of(panel)
    shown = [series for series in strip.looks if series in set(points["series"])]
    for series in shown:
        line = points[points["series"] == series].sort_values("x")
        axes.errorbar(line["x"], line[strip.column], **_bars(line, strip.column), **strip.looks[series], capsize=2)
    lines = [("dense_top1", style.DENSE)]
    if strip.column == "after" and "control_top1" in points:  # nets right after pruning have not trained longer
        lines.append(("control_top1", style.CONTROL))
    for column, look in lines:
        for top1 in points[column].dropna().unique():  # several, where nets trained for different epochs
            axes.axhline(top1, **look)
    axes.margins(x=0.08, y=0.12)


def _bars(line: pd.DataFrame, column: str) -> dict[str, list[pd.Series]]:
    """The 95 % intervals of accuracies; none of published ones, which do not say."""
    if "n" not in line:
        return {}
    down, up = variants.bars(line, column)
    return {"yerr": [down, up]} if down.notna().any() else {}
