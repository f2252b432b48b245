"""Measured prediction times."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import selections as when
from espalier.analysis.labels import net_names
from espalier.analysis.speed import slow_words
from espalier.analysis.study import StudyView
from espalier.registry import TableItem, register
from espalier.report.table import Number, Table, Text, without_constant


@register(
    TableItem(
        "latency",
        scope="study",
        title="Prediction time",
        caption="Median and 90th percentile of the time of one prediction call. Measured speed-up is the median of the "
        "baseline, the dense net in the same runtime, over that of this net: same batch, same process, timed in turns. "
        "Theoretical speed-up is what the multiply-accumulates promise; they know nothing of quantization.",
        when=when.timed,
    )
)
def latency(view: StudyView) -> Table:
    """One row per net, seed and batch size; nets of one baseline and batch size together, the baseline first."""
    times = pd.concat(
        [nets.sort_values("batch_size", kind="stable") for _, nets in view.times.groupby("baseline", sort=False)]
    )
    times["per_image_ms"] = times["median_ms"] / times["batch_size"]
    times.insert(0, "name", net_names(times))
    times["against"] = times["baseline"].map(dict(zip(times["node"], times["name"], strict=True)))
    columns = (
        Text("name", "Net"),
        Text("runtime", "Run by"),
        Number("batch_size", "Images per call"),
        Number("median_ms", "Median", 3, group="Time of a call", unit="ms"),
        Number("p90_ms", "90th percentile", 3, group="Time of a call", unit="ms"),
        Number("per_image_ms", "Per image", 4, unit="ms"),
        Number("speed_up", "Measured", 2, group="Speed-up, baseline / this net"),
        Number("promised", "Theoretical", 2, group="Speed-up, baseline / this net"),
        Text("against", "Baseline"),
        Number("threads", "Threads"),
        Number("repeats", "Repeats"),
        *([Number("seed", "Seed")] if times["seed"].nunique() > 1 else []),
    )
    columns, alike = without_constant(columns, times, ("runtime", "against", "threads", "repeats"))
    notes = ["Times are of this machine, and of this run only.", *alike]
    notes += [slow] if (slow := slow_words(times)) else []
    return Table(f"{view.title}: prediction time", view.setup, columns, times, tuple(notes))
