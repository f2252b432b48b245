"""Measured prediction times."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from espalier.analysis import selections
from espalier.analysis.labels import net_names
from espalier.analysis.speed import slow_words
from espalier.analysis.study import StudyView
from espalier.registry import TableItem, register
from espalier.report.table import Column, Number, Table, Text, without_constant
from espalier.report.tables import facts

TIMES, SETTING = "times", "how it was measured"  # the choices of columns that the page offers
Time = partial(Number, digits=3, group="Time of a call", unit="ms", views=(TIMES,))
SpeedUp = partial(Number, digits=2, group="Speed-up, baseline / this net", views=(TIMES,))


@register(
    TableItem(
        "latency",
        scope="study",
        title="Prediction time",
        caption="Median and 90th percentile of the time of one prediction call. The measured speed-up is the median "
        "of the baseline, the dense net in the same runtime, divided by the median of this net; both were timed in "
        "turns in the same process, with the same batch size. The theoretical speed-up is what the "
        "multiply-accumulates promise; these know nothing of quantization.",
        when=selections.timed,
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
    times = facts.with_facts(times)
    columns = (*facts.columns(times), *_columns(times))
    columns, alike = without_constant(columns, times, ("runtime", "against", "threads", "repeats", "training"))
    slow = slow_words(times)
    notes = ("Times are of this machine, and of this run only.", *alike, *([slow] if slow else []))
    return Table(f"{view.title}: prediction time", view.setup, columns, times, notes)


def _columns(times: pd.DataFrame) -> Iterator[Column]:
    yield Text("runtime", "Run by", views=(SETTING,))
    yield Number("batch_size", "Images per call")
    yield Time("median_ms", "Median")
    yield Time("p90_ms", "90th percentile")
    yield Number("per_image_ms", "Per image", 4, unit="ms", views=(TIMES,))
    yield SpeedUp("speed_up", "Measured")
    yield SpeedUp("promised", "Theoretical")
    yield Text("against", "Baseline", views=(SETTING,))
    yield Number("threads", "Threads", views=(SETTING,))
    yield Number("repeats", "Repeats", views=(SETTING,))
    if times["seed"].nunique() > 1:
        yield Number("seed", "Seed")
