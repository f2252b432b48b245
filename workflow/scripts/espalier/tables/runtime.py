"""Where the time of a run went."""

from __future__ import annotations

import pandas as pd

from espalier import when
from espalier.html import Column, Table
from espalier.registry import register
from espalier.tidy import Tidy

PARTS = ("import", "work", "evaluate")


@register(
    "runtime",
    kind="table",
    scope="run",
    title="Run time and memory",
    caption="For each study and kind of step: how many jobs, their time in all and at the median, how it divides into "
    "importing the framework, the work itself and evaluation (counts, sizes, accuracy), and the highest memory of any "
    "of them. Times are wall-clock; jobs ran side by side, so that they add up to more than the run took.",
    when=when.always,
)
def runtime(tidy: Tidy, studies: dict[str, dict]) -> Table:
    """One row per study and step, and one for the whole."""
    jobs = pd.concat([tidy.results, _timings(tidy.latency)], ignore_index=True)
    rows = [
        {"study": studies[name]["title"], "step": step} | _sums(group)
        for (name, step), group in jobs.groupby(["study", "step"], sort=False)
    ]
    data = pd.DataFrame([*rows, {"study": "all", "step": "all"} | _sums(jobs)])
    columns = (
        Column("study", "Study"),
        Column("step", "Step"),
        Column("jobs", "Jobs"),
        Column("seconds", "All jobs", 1, "Time (s)"),
        Column("median_seconds", "Median job", 2, "Time (s)"),
        *(Column(f"{part}_percent", part.capitalize(), 1, "Share of the time (%)") for part in PARTS),
        Column("peak_memory_mib", "Peak memory (MiB)", 0),
    )
    return Table("Run time and memory", _setup(tidy), columns, data)


def _timings(latency: pd.DataFrame) -> pd.DataFrame:
    """One row for each job that measured latency: its rows share their timing."""
    timings = [column for column in latency if column.startswith("timing_")]
    return latency.drop_duplicates(["study", "seed", *timings])[["study", "seed", *timings]].assign(step="latency")


def _sums(jobs: pd.DataFrame) -> dict:
    seconds = jobs["timing_seconds"]
    shares = {
        f"{part}_percent": 100 * jobs[f"timing_{part}_seconds"].sum() / seconds.sum()
        for part in PARTS
        if jobs.get(f"timing_{part}_seconds", pd.Series(dtype=float)).notna().any()
    }
    sums = {"jobs": len(jobs), "seconds": seconds.sum(), "median_seconds": seconds.median()}
    return sums | dict.fromkeys(f"{part}_percent" for part in PARTS) | shares | {"peak_memory_mib": _peak(jobs)}


def _peak(jobs: pd.DataFrame):
    return jobs["timing_peak_memory_mib"].max() if "timing_peak_memory_mib" in jobs else None


def _setup(tidy: Tidy) -> str:
    studies = tidy.results["study"].nunique()
    words = f"{len(tidy.results)} results of {studies} {'study' if studies == 1 else 'studies'}"
    return f"{words}; one job each, preparation of data and report not counted"
