"""Measured prediction times."""

from __future__ import annotations

from espalier.analysis import selections as when
from espalier.analysis.labels import net_names
from espalier.analysis.study import StudyView
from espalier.registry import FigureItem, register
from espalier.report.figures import style

WIDE = 20  # times as long as the shortest: from there on the scale is logarithmic


@register(
    FigureItem(
        "latency",
        title="Prediction time",
        caption="Time of one prediction call, a panel for each batch size: the marker is the median of the repeats, "
        "the whisker ends at the 90th percentile, hollow markers are quantized nets. The dashed line beside a group of "
        "nets is its baseline, the dense net in the same runtime. All were timed in turns in one process, alone on the "
        "machine; times of different panels or runs are not comparable.",
        when=when.timed,
    )
)
def latency(view: StudyView):
    """y: one row per net, x: milliseconds per call; markers by prune type. Several seeds: means of medians and p90s."""
    times = view.times
    times = times.assign(type=times["prune_type"].fillna("dense"), label=net_names(times))
    keys = ["label", "type", "kind", "runtime", "batch_size"]
    times = times.groupby(keys, sort=False)[["median_ms", "p90_ms", "dense_ms"]].mean().reset_index()
    labels, batches = list(dict.fromkeys(times["label"])), sorted(times["batch_size"].unique())
    times["y"] = times["label"].map(labels.index)
    runtimes = dict(zip(times["label"], times["runtime"], strict=True))
    looks = style.styles(["dense", *times["type"]])
    figure = style.figure(4.4 + 3 * len(batches), min(6.8, 1.8 + 0.27 * len(labels)))
    grid = figure.subplots(1, len(batches), squeeze=False, sharey=True)[0]
    for axes, batch in zip(grid, batches, strict=True):
        shown = times[times["batch_size"] == batch]
        for (name, kind), rows in shown.groupby(["type", "kind"], sort=False):
            whisker = [0 * rows["median_ms"], rows["p90_ms"] - rows["median_ms"]]
            look = looks[name] | {"linestyle": "none"} | ({"markerfacecolor": "white"} if "quantized" in kind else {})
            axes.errorbar(rows["median_ms"], rows["y"], xerr=whisker, **look, capsize=3, label=name)
        for (dense, _), rows in shown.groupby(["dense_ms", "runtime"], sort=False):
            axes.plot([dense, dense], [rows["y"].min() - 0.4, rows["y"].max() + 0.4], **style.DENSE)
        axes.set(title=f"batch of {batch}", xlabel="ms per call")
        if shown["p90_ms"].max() > WIDE * shown["median_ms"].min():
            style.logarithmic(axes, "x")
            axes.set_xlabel("ms per call (logarithmic)")
        else:
            axes.set_xlim(0, None)
        axes.grid(axis="y", visible=False)
    several = len(set(runtimes.values())) > 1
    grid[0].set_yticks(range(len(labels)), [f"{n}  ({runtimes[n]})" if several else n for n in labels])
    grid[0].invert_yaxis()
    there = set(times["type"])
    handles = [style.proxy(**(look | {"linestyle": "none"}), label=n) for n, look in looks.items() if n in there]
    if times["kind"].str.contains("quantized").any():
        hollow = {"marker": "o", "color": "#777777", "markerfacecolor": "white", "linestyle": "none"}
        handles.append(style.proxy(**hollow, label="quantized"))
    handles.append(style.proxy(**style.DENSE, label="baseline"))
    style.legend_below(figure, handles, columns=8)
    return figure
