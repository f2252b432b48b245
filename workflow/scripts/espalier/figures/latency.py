"""Measured prediction times."""

from __future__ import annotations

import pandas as pd

from espalier import variants, when
from espalier.figures import style
from espalier.registry import register
from espalier.tidy import Tidy


@register(
    "latency",
    kind="figure",
    title="Prediction time",
    caption="Time of one prediction call, a panel for each batch size: the marker is the median of the repeats, the whisker ends at the 90th "
    "percentile, the dashed line is the dense net of the same training. All were timed in turns in one process, alone on the "
    "machine; times of different panels or runs are not comparable.",
    when=when.timed,
)
def latency(tidy: Tidy, study: dict):
    """y: one row per net, x: milliseconds per call; markers by prune type. Several seeds: means of their medians and p90s."""
    results = tidy.results.set_index("node")
    times = tidy.latency.join(results[["variant", "prune_type", "step"]], on="node")
    times = times.groupby(["variant", "threads", "batch_size"], sort=False).agg(
        node=("node", "first"), baseline=("baseline", "first"), median=("median_ms", "mean"), p90=("p90_ms", "mean")
    )
    times = times.reset_index()
    nodes = list(dict.fromkeys(times["node"]))
    nodes.sort(key=lambda node: nodes.index(results.at[node, "root"]) if results.at[node, "root"] in nodes else 0)
    position = {node: i for i, node in enumerate(nodes)}
    batches = sorted(times["batch_size"].unique())
    figure = style.figure(4.6 + 3 * len(batches), min(6.9, 1.6 + 0.3 * len(nodes)))
    grid = figure.subplots(1, len(batches), squeeze=False, sharey=True)[0]
    kinds = [_kind(results.loc[node]) for node in nodes]
    looks = style.styles(["dense", *kinds])
    for axes, batch in zip(grid, batches, strict=True):
        part = times[times["batch_size"] == batch]
        for kind in dict.fromkeys(kinds):
            own = part[[_kind(results.loc[node]) == kind for node in part["node"]]]
            axes.errorbar(
                own["median"], own["node"].map(position), xerr=[0 * own["median"], own["p90"] - own["median"]],
                **(looks[kind] | {"linestyle": "none"}), capsize=3, label=kind,
            )  # fmt: skip
        for _, row in part[part["node"] == part["baseline"]].iterrows():
            own = [position[n] for n in part[part["baseline"] == row["node"]]["node"]]
            axes.plot([row["median"]] * 2, [min(own) - 0.4, max(own) + 0.4], **style.DENSE)
        axes.set(title=f"batch of {batch}", xlabel="ms per call", xlim=(0, None))
        axes.grid(axis="y", visible=False)
    grid[0].set_yticks(range(len(nodes)), [_label(results.loc[node]) for node in nodes])
    grid[0].invert_yaxis()
    style.legend_below(figure, grid[0].get_legend_handles_labels()[0])
    return figure


def _kind(row) -> str:
    return row["prune_type"] if pd.notna(row["prune_type"]) else "dense"


def _label(row) -> str:
    pruning, training = variants.pruning_label(row), variants.training_label(row)
    return ", ".join(filter(None, (training, pruning or ("" if training == "dense" else "dense"))))
