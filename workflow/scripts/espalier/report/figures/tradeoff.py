"""What pruning costs: accuracy against the ratio that was pruned, against computation, against parameters.

A panel for each prune type, in it a line for each method. After fine-tuning, right after pruning and as published are
rows of panels of their own: the first takes a few points, the second nearly all of the scale.
"""

from __future__ import annotations

import textwrap
from typing import NamedTuple

import numpy as np
import pandas as pd

from espalier.analysis import registered
from espalier.analysis import selections as when
from espalier.analysis.labels import scope_label, told_apart, way_of
from espalier.analysis.study import StudyView
from espalier.registry import FigureItem, register
from espalier.report.figures import style

SIZES = (7.5, 5.0)  # of the first and the last series' markers


class _Strip(NamedTuple):
    """A row of panels: what it shows, its points, which column is y, how each series looks, the label of x by panel."""

    name: str
    points: pd.DataFrame
    column: str
    looks: dict[str, dict]
    labels: dict[str, str]

    def of(self, panel: str) -> pd.DataFrame:
        """The points of one prune type."""
        return self.points[(self.points["panel"] == panel) & self.points[self.column].notna()]


_READ = (
    " A panel for each prune type, a marker and line for each method, and for each way to train and fine-tune by it "
    "where there are several. Filled markers: after fine-tuning, or after gradual pruning; hollow ones, on a scale of "
    "their own: right after pruning; grey ones: as published. The dashed line is the dense net, trained without a "
    "penalty; the dotted one, where that was run, the dense net trained as long as the fine-tuned ones, which all "
    "nets are compared with."
)
_SHRUNK = " Nets whose weights were only set to zero cost as much as the dense one and are left out."


@register(
    FigureItem(
        "accuracy_vs_ratio",
        title="Accuracy against pruning ratio",
        caption="Test accuracy against the share of groups (filters, channels or blocks) that was really removed, or "
        "of weights that were set to zero, which is not always the share asked for." + _READ,
        when=when.pruned_otherwise,
    )
)
def accuracy_vs_ratio(view: StudyView):
    """x: actual ratio in percent."""
    points = _points(view.pruned, "actual_ratio", 100)
    labels = dict.fromkeys(points["panel"], "weights set to zero (%)") | _shrunk(points, "groups removed (%)")
    return _draw(points, labels, _published(view, "share", 100), labels)


@register(
    FigureItem(
        "accuracy_vs_macs",
        title="Accuracy against computation",
        caption="Test accuracy against the multiply-accumulates that one image costs: further left is cheaper, higher "
        "is better." + _READ + _SHRUNK,
        when=when.shrunk_otherwise,
    )
)
def accuracy_vs_macs(view: StudyView):
    """x: millions of MACs; published: G as published."""
    points = _points(view.pruned, "macs", 1e-6)
    labels, labels_there = _shrunk(points, "MACs per image (M)"), _shrunk(points, "FLOPs, as published (G)")
    return _draw(points, labels, _published(view, "flops_g"), labels_there)


@register(
    FigureItem(
        "accuracy_vs_params",
        title="Accuracy against parameters",
        caption="Test accuracy against the parameters that the pruned net still has: further left is smaller, higher "
        "is better." + _READ + _SHRUNK,
        when=when.shrunk_otherwise,
    )
)
def accuracy_vs_params(view: StudyView):
    """x: millions of parameters."""
    points = _points(view.pruned, "params", 1e-6)
    labels = _shrunk(points, "parameters (M)")
    return _draw(points, labels, _published(view, "params_m"), labels)


def _shrunk(points: pd.DataFrame, label: str) -> dict[str, str]:
    """That label for each panel of nets that something was taken out of."""
    return dict.fromkeys(points["panel"][~registered.masked(points)], label)


def _points(points: pd.DataFrame, x: str, scale: float) -> pd.DataFrame:
    """The pruned variants with their panel, series and x."""
    ways = [way_of(row, amounts=False) for _, row in points.iterrows()]
    series = [_series(row, points) + _steps(way) for (_, row), way in zip(points.iterrows(), ways, strict=True)]
    found: dict[str, dict[str, list[list[str]]]] = {}
    for name, way in zip(series, ways, strict=True):
        found.setdefault(name, {})[way] = [folder.split("~") for folder in way.split("/")]
    # Nets that went through other steps are no points of one line, even if their method is the same.
    told = {name: told_apart(name, parts) if len(parts) > 1 else {} for name, parts in found.items()}
    series = [told[name].get(way, name) for name, way in zip(series, ways, strict=True)]
    return points.assign(panel=points["prune_type"], series=series, x=points[x] * scale, x_sd=points[f"{x}_sd"] * scale)


def _steps(way: str) -> str:
    """What is added to the name of a net that was pruned more than once."""
    steps = way.count("/prune")
    return f", in {steps} steps" if steps > 1 else ""


def _series(row, points: pd.DataFrame) -> str:
    """A variant's line: its method, and its training where the methods alone do not tell variants apart."""
    words = [row["method"], scope_label(row), row["schedule"]]
    words.append("N:M" if pd.notna(row["pattern"]) else "by threshold" if pd.notna(row["threshold"]) else None)
    parts = [" ".join(word for word in words if pd.notna(word) and word)]
    same = points[(points["prune_type"] == row["prune_type"]) & (points["method"] == row["method"])]
    counts = same["penalty"].fillna("plain").value_counts(sort=False)
    usual = max(counts.index, key=lambda name: (counts[name], name == "plain"))
    if (penalty := "plain" if pd.isna(row["penalty"]) else row["penalty"]) != usual:
        parts.append(f"after {penalty} training")
    if points["init"].nunique() > 1:
        parts.append(f"init {row['init']}")
    return ", ".join(parts)


def _published(view: StudyView, x: str, scale: float = 1.0) -> pd.DataFrame | None:
    """The published points in the same form, if there are any."""
    if view.published is None:
        return None
    rows = view.published
    if x not in rows:
        return None
    dense = rows[(rows["kind"] == "training") & rows["penalty"].isna()]["top1"]
    rows = rows[(rows["kind"] == "pruning") & rows[x].notna() & rows["top1"].notna()]
    if rows.empty:
        return None
    return pd.DataFrame(
        {
            "panel": rows["prune_type"],
            "series": [
                " ".join(word for word in words if pd.notna(word))
                for words in zip(rows["method"].fillna(rows["prune_type"]), rows["schedule"], strict=True)
            ],
            "x": rows[x].astype(float) * scale,
            "after": rows["top1"],
            "dense_top1": dense.iloc[0] if len(dense) else float("nan"),
        }
    )


def _draw(points: pd.DataFrame, labels: dict, there: pd.DataFrame | None, labels_there: dict):
    """Strips of panels, one panel for each prune type in `labels`. Strips are rows; with one prune type they stand side
    by side. A strip has no panel for what it has no points of."""
    looks = _looks([*points["series"], *(there["series"] if there is not None else ())])  # the same in all figures
    panels, points = list(labels), points[points["panel"].isin(labels)]
    there = there[there["panel"].isin(labels)] if there is not None else points[:0]
    named = {*points["series"], *there["series"]}
    looks = {series: look for series, look in looks.items() if series in named}
    strips = list(_strips(points, labels, there, labels_there, looks))
    rows = len(panels) > 1
    shape = (len(strips), len(panels)) if rows else (1, len(strips))
    width = max(6.2, min(3.4, 13.6 / shape[1]) * shape[1])
    figure = style.figure(width, min(style.TALLEST, 1.6 + 1.8 * shape[0]) if rows else 4.0)
    grid = figure.subplots(*shape, squeeze=False)
    drawn: list[dict] = []
    for i, strip in enumerate(strips):
        same = [axes for other, axes in zip(strips, drawn, strict=False) if other.points is strip.points]
        drawn.append(_row(strip, dict(zip(panels, grid[i] if rows else grid[0, i : i + 1], strict=True)), same))
    for axes in drawn:
        style.grounded(next(iter(axes.values())), "x")
    (_label_rows if rows else _label_side_by_side)(strips, drawn)
    handles = [style.proxy(**look, label=series) for series, look in looks.items()]
    handles.append(style.proxy(**style.DENSE, label="dense"))
    if points["control_top1"].notna().any():
        handles.append(style.proxy(**style.CONTROL, label="dense, trained as long"))
    style.legend_below(figure, handles)
    return figure


def _strips(points: pd.DataFrame, labels: dict, there: pd.DataFrame, labels_there: dict, looks: dict):
    """After fine-tuning, right after pruning, as published: those that there are points of."""
    if (tuned := points[points["after"].notna()]["schedule"]).size:
        ways = [way for way, some in (("fine-tuning", tuned.isna()), ("gradual pruning", tuned.notna())) if some.any()]
        yield _Strip(f"after {' or '.join(ways)}", points, "after", looks, labels)
    if points["before"].notna().any():
        yield _Strip("right after pruning", points, "before", _changed(looks, markerfacecolor="white"), labels)
    if len(there):
        yield _Strip("published", there, "after", _changed(looks, color=style.PUBLISHED), labels_there)


def _label_rows(strips: list[_Strip], drawn: list[dict]) -> None:
    """Strips below each other: the prune type above the topmost panel, x below the last of those that show the same."""
    for strip, axes in zip(strips, drawn, strict=True):
        next(iter(axes.values())).set_ylabel(f"{textwrap.fill(strip.name, 20)}\ntop-1 (%)")
    for panel in strips[0].labels:
        column = [(strip, axes[panel]) for strip, axes in zip(strips, drawn, strict=True) if panel in axes]
        for i, (strip, axes) in enumerate(column):
            if i == 0:
                axes.set_title(panel)
            if i + 1 == len(column) or column[i + 1][0].points is not strip.points:
                axes.set_xlabel(strip.labels[panel])


def _label_side_by_side(strips: list[_Strip], drawn: list[dict]) -> None:
    """Strips of one panel each."""
    for strip, panels in zip(strips, drawn, strict=True):
        for panel, axes in panels.items():
            axes.set(title=f"{panel}, {strip.name}", xlabel=strip.labels[panel], ylabel="top-1 (%)")


def _looks(series: list[str]) -> dict[str, dict]:
    """How each series looks. Later ones are smaller, so that they do not hide the earlier ones below them."""
    looks = style.styles(series)
    sizes = np.linspace(*SIZES, len(looks))
    return {name: look | {"markersize": size} for (name, look), size in zip(looks.items(), sizes, strict=True)}


def _changed(looks: dict[str, dict], **change) -> dict[str, dict]:
    return {series: look | change for series, look in looks.items()}


def _row(strip: _Strip, places: dict, same: list[dict]) -> dict:
    """Draw the panels of a strip, on the same scales; what it has no points of is taken out of `places`. same: the
    panels of strips with the same x."""
    drawn = {panel: axes for panel, axes in places.items() if len(strip.of(panel))}
    for panel, axes in places.items():
        if panel not in drawn:
            axes.remove()
    first, *others = drawn.values()
    for above in same:
        first.sharex(next(iter(above.values())))
    for axes in others:
        axes.sharex(first)
        axes.sharey(first)
        axes.tick_params(labelleft=False)
    for panel, axes in drawn.items():
        _panel(axes, strip, panel)
    return drawn


def _panel(axes, strip: _Strip, panel: str) -> None:
    """The lines of one prune type."""
    points = strip.of(panel)
    shown = [series for series in strip.looks if series in set(points["series"])]
    for series in shown:
        line = points[points["series"] == series].sort_values("x")
        axes.errorbar(line["x"], line[strip.column], **_spread(line, strip.column), **strip.looks[series], capsize=2)
    lines = [("dense_top1", style.DENSE)]
    if strip.column == "after" and "control_top1" in points:  # nets right after pruning have not trained longer
        lines.append(("control_top1", style.CONTROL))
    for column, look in lines:
        if pd.notna(top1 := points[column].mean()):
            axes.axhline(top1, **look)
    axes.margins(x=0.08, y=0.12)


def _spread(line: pd.DataFrame, column: str) -> dict:
    """Error bars, where there are several seeds."""
    bars = {"xerr": line.get("x_sd"), "yerr": line.get(f"{column}_sd")}
    return {key: bar for key, bar in bars.items() if bar is not None and bar.notna().any()}
