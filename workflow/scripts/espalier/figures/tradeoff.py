"""What pruning costs: accuracy against the ratio that was pruned, against computation, against parameters.

A panel for each prune type, in it a line for each method; the published figures in grey in panels of their own below
(beside, where there is one prune type): data, resolution and counts differ too often for one panel.
"""

from __future__ import annotations

import pandas as pd

from espalier import published, variants, when
from espalier.figures import style
from espalier.registry import register
from espalier.tidy import Tidy

_READ = (
    " Hollow markers: right after pruning; filled: after fine-tuning; each method has its own marker and line, and the horizontal "
    "line is the net before pruning, trained without a penalty. Published results, where there are any, are grey."
)


@register(
    "accuracy_vs_ratio",
    kind="figure",
    title="Accuracy against pruning ratio",
    caption="Test accuracy against the share of groups (filters, channels or blocks) that was really removed, which is not always "
    "the share asked for." + _READ,
    when=when.pruned_otherwise,
)
def accuracy_vs_ratio(tidy: Tidy, study: dict):
    """x: actual ratio in percent."""
    points = _points(tidy.results, "actual_ratio", 100)
    return _draw(points, "groups removed (%)", _published(study, "share", 100), "groups removed (%)")


@register(
    "accuracy_vs_macs",
    kind="figure",
    title="Accuracy against computation",
    caption="Test accuracy against the multiply-accumulates that one image costs: further left is cheaper, higher is better."
    + _READ,
    when=when.shrunk,
)
def accuracy_vs_macs(tidy: Tidy, study: dict):
    """x: millions of MACs; published: G as published."""
    points = _points(tidy.results, "macs", 1e-6)
    return _draw(points, "MACs per image (M)", _published(study, "flops_g"), "FLOPs, as published (G)")


@register(
    "accuracy_vs_params",
    kind="figure",
    title="Accuracy against parameters",
    caption="Test accuracy against the parameters that the pruned net still has: further left is smaller, higher is better."
    + _READ,
    when=when.shrunk,
)
def accuracy_vs_params(tidy: Tidy, study: dict):
    """x: millions of parameters."""
    points = _points(tidy.results, "params", 1e-6)
    return _draw(points, "parameters (M)", _published(study, "params_m"), "parameters (M)")


def _points(results: pd.DataFrame, x: str, scale: float) -> pd.DataFrame:
    """The pruned variants with their panel, series and x."""
    points = variants.pruned(results)
    series = [_series(row, points) for _, row in points.iterrows()]
    return points.assign(panel=points["prune_type"], series=series, x=points[x] * scale, x_sd=points[f"{x}_sd"] * scale)


def _series(row, points: pd.DataFrame) -> str:
    """A variant's line: its method, and its training where the methods alone do not tell variants apart."""
    usual = points["penalty"].mode().iloc[0] if points["penalty"].notna().any() else None
    parts = [row["method"]]
    if pd.notna(row["penalty"]) and row["penalty"] != usual:
        parts.append(f"after {row['penalty']} training")
    if points["init"].nunique() > 1:
        parts.append(f"init {row['init']}")
    return ", ".join(parts)


def _published(study: dict, x: str, scale: float = 1.0) -> pd.DataFrame | None:
    """The published points in the same form, if there are any."""
    if not study.get("published"):
        return None
    rows = published.frame(study["published"])
    if x not in rows:
        return None
    dense = (
        rows[(rows["kind"] == "training") & rows["penalty"].isna()]["top1"]
        if "penalty" in rows
        else pd.Series(dtype=float)
    )
    rows = rows[rows["kind"] == "pruning"]
    return pd.DataFrame(
        {
            "panel": rows["prune_type"],
            "series": rows["method"] if "method" in rows else rows["prune_type"],
            "x": rows[x].astype(float) * scale,
            "after": rows["top1"],
            "dense_top1": dense.iloc[0] if len(dense) else float("nan"),
        }
    )


def _draw(points: pd.DataFrame, label: str, there: pd.DataFrame | None, label_there: str):
    """The panels: reproduced, and published where there is something published."""
    panels = list(dict.fromkeys(points["panel"]))
    looks = style.styles([*points["series"], *(there["series"] if there is not None else ())])
    rows, columns = (1, 1) if there is None else (2, 1) if len(panels) > 1 else (1, 2)
    columns *= len(panels)
    figure = style.figure(max(6.2, 3.35 * columns), 3.9 if rows == 1 else 6.6)
    grid = figure.subplots(rows, columns, squeeze=False)
    here_axes, there_axes = (grid[0], grid[-1]) if rows == 2 else (grid[0][: len(panels)], grid[0][len(panels) :])
    _panels(here_axes, points, panels, "this run", label, looks)
    if there is not None:
        _panels(
            there_axes,
            there,
            panels,
            "published",
            label_there,
            {s: {**look, "color": style.PUBLISHED} for s, look in looks.items()},
        )
    style.legend_below(figure, _handles(points, looks))
    return figure


def _panels(grid, points: pd.DataFrame, panels: list[str], source: str, label: str, looks: dict) -> None:
    """A row of panels on the same scales, tick labels at the first."""
    for i, (axes, panel) in enumerate(zip(grid, panels, strict=True)):
        if i:
            axes.sharex(grid[0])
            axes.sharey(grid[0])
            axes.tick_params(labelleft=False)
        _panel(axes, points[points["panel"] == panel], looks)
        axes.set(title=f"{panel}: {source}", xlabel=label, ylabel="" if i else "test top-1 (%)")


def _panel(axes, points: pd.DataFrame, looks: dict) -> None:
    for series, line in points.groupby("series", sort=False):
        look, line = looks[series], line.sort_values("x")
        for column, face, alpha in (("before", "white", 0.75), ("after", look["color"], 1.0)):
            if column in line and line[column].notna().any():
                errors = _spread(line, column)
                axes.errorbar(line["x"], line[column], **errors, **look, markerfacecolor=face, alpha=alpha, capsize=2)
    dense = points["dense_top1"].mean()
    if pd.notna(dense):
        axes.axhline(dense, **style.DENSE)


def _spread(line: pd.DataFrame, column: str) -> dict:
    """Error bars, where there are several seeds."""
    bars = {"xerr": line.get("x_sd"), "yerr": line.get(f"{column}_sd")}
    return {key: bar for key, bar in bars.items() if bar is not None and bar.notna().any()}


def _handles(points: pd.DataFrame, looks: dict) -> list:
    handles = [style.proxy(**look, label=name) for name, look in looks.items()]
    if points["after"].notna().any():
        plain = {"color": "#444444", "marker": "o", "linestyle": "none"}
        handles.append(style.proxy(**plain, markerfacecolor="white", label="after pruning"))
        handles.append(style.proxy(**plain, label="after fine-tuning"))
    handles.append(style.proxy(**{k: v for k, v in style.DENSE.items() if k != "zorder"}, label="dense"))
    return handles
