"""Where the time of a run went."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from espalier.analysis import selections
from espalier.analysis.study import RunView
from espalier.registry import TableItem, register
from espalier.report.table import Number, Table, Text
from espalier.run.integrity import read_sealed

PARTS = ("import", "work", "evaluate")


@register(
    TableItem(
        "runtime",
        scope="run",
        title="Run time and memory",
        caption="For each study and kind of step, and for each rule that prepares data or makes the report: the "
        "number of jobs, their time in all and at the median, how the time divides into importing the framework, the "
        "work itself and evaluation (counts, sizes, accuracy), and the highest memory of a job. A dash stands for "
        "what was not measured, such as the memory of the jobs that draw and tabulate. Times are wall-clock "
        "times; jobs ran side by side, so that their times add up to more than the time of the run. A job that did "
        "not run again shows its earlier time.",
        when=selections.always,
    )
)
def runtime(view: RunView, **rules: Iterable[str]) -> Table:
    """One row per study and step, one per rule of `rules`, and one for the whole.

    rules: name -> the files with the time and memory of its jobs: Snakemake's benchmarks (.tsv) or our own (.json).
    """
    steps = pd.concat([view.results, _timings(view.latency)], ignore_index=True)
    steps["study"] = steps["study"].map({name: study.title for name, study in view.studies.items()})
    others = [_job(file) | {"study": "the run", "step": rule} for rule, files in rules.items() for file in files]
    jobs = pd.concat([steps, pd.DataFrame(others)], ignore_index=True) if others else steps
    rows = [
        {"study": study, "step": step} | _sums(group)
        for study, own in jobs.groupby("study", sort=False)
        for step, group in own.groupby("step", sort=False)
    ]
    data = pd.DataFrame([*rows, {"study": "all", "step": "all"} | _sums(jobs)])
    columns = (
        Text("study", "Study"),
        Text("step", "Step or rule"),
        Number("jobs", "Jobs"),
        Number("seconds", "All jobs", 1, group="Time", unit="s"),
        Number("median_seconds", "Median job", 2, group="Time", unit="s"),
        *(Number(f"{part}_percent", part.capitalize(), 1, group="Share of the time", unit="%") for part in PARTS),
        Number("peak_memory_mib", "Peak memory", 0, unit="MiB"),
    )
    return Table("Run time and memory", _setup(view), columns, data)


def _timings(latency: pd.DataFrame) -> pd.DataFrame:
    """One row for each job that measured latency: its rows share their timing."""
    timings = [column for column in latency if column.startswith("timing_")]
    return latency.drop_duplicates(["study", "seed", *timings])[["study", "seed", *timings]].assign(step="latency")


def _job(file: str) -> dict[str, float]:
    """A job's time and memory from its own file, or its time from Snakemake's: that has the memory of the process which
    Snakemake started, not that of a warm worker's child."""
    if Path(file).suffix == ".json":
        return {f"timing_{key}": value for key, value in read_sealed(file).items()}
    return {"timing_seconds": pd.read_csv(file, sep="\t", na_values=["-"])["s"].iloc[-1]}


def _sums(jobs: pd.DataFrame) -> dict[str, Any]:
    """The row of the table for these jobs."""
    seconds = jobs["timing_seconds"]
    shares = {}
    for part in PARTS:
        spent = jobs.get(f"timing_{part}_seconds", pd.Series(dtype=float))
        if spent.sum() > 0:  # a part that none of the jobs has is 0 in their files
            shares[f"{part}_percent"] = 100 * spent.sum() / seconds[spent.notna()].sum()
    sums = {"jobs": len(jobs), "seconds": seconds.sum(), "median_seconds": seconds.median()}
    return sums | dict.fromkeys(f"{part}_percent" for part in PARTS) | shares | {"peak_memory_mib": _peak(jobs)}


def _peak(jobs: pd.DataFrame) -> float | None:
    """The highest memory of any job, in MiB; None, if none was measured."""
    return jobs["timing_peak_memory_mib"].max() if "timing_peak_memory_mib" in jobs else None


def _setup(view: RunView) -> str:
    studies = view.results["study"].nunique()
    return f"{len(view.results)} results of {studies} {'study' if studies == 1 else 'studies'}; one job each"
