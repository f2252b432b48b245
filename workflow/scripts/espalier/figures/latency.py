"""Measured prediction times."""

from __future__ import annotations

from espalier import variants, when
from espalier.figures import style
from espalier.registry import register
from espalier.speed import speed_ups
from espalier.tidy import Tidy


@register(
    "latency",
    kind="figure",
    title="Prediction time",
    caption="Time of one prediction call, a panel for each batch size: the marker is the median of the repeats, the "
    "whisker ends at the 90th percentile, the dashed line is the dense net of the same training. All were timed in "
    "turns in one process, alone on the machine; times of different panels or runs are not comparable.",
    when=when.timed,
)
def latency(tidy: Tidy, study: dict):
    """y: one row per net, x: milliseconds per call; markers by prune type. Several seeds: means of medians and p90s."""
    times = speed_ups(tidy).assign(kind=lambda rows: rows["prune_type"].fillna("dense"))
    times = times.assign(label=variants.labels(times))
    times = (
        times.groupby(["label", "kind", "batch_size"], sort=False)[["median_ms", "p90_ms", "dense_ms"]]
        .mean()
        .reset_index()
    )
    labels, batches = list(dict.fromkeys(times["label"])), sorted(times["batch_size"].unique())
    times["y"] = times["label"].map(labels.index)
    looks = style.styles(["dense", *times["kind"]])
    figure = style.figure(4.4 + 3 * len(batches), min(6.9, 1.9 + 0.27 * len(labels)))
    grid = figure.subplots(1, len(batches), squeeze=False, sharey=True)[0]
    for axes, batch in zip(grid, batches, strict=True):
        shown = times[times["batch_size"] == batch]
        for kind, rows in shown.groupby("kind", sort=False):
            whisker = [0 * rows["median_ms"], rows["p90_ms"] - rows["median_ms"]]
            look = looks[kind] | {"linestyle": "none"}
            axes.errorbar(rows["median_ms"], rows["y"], xerr=whisker, **look, capsize=3, label=kind)
        for dense, rows in shown.groupby("dense_ms", sort=False):
            axes.plot([dense, dense], [rows["y"].min() - 0.4, rows["y"].max() + 0.4], **style.DENSE)
        axes.set(title=f"batch of {batch}", xlabel="ms per call", xlim=(0, None))
        axes.grid(axis="y", visible=False)
    grid[0].set_yticks(range(len(labels)), labels)
    grid[0].invert_yaxis()
    style.legend_below(figure, grid[0].get_legend_handles_labels()[0])
    return figure
