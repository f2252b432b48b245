"""What jobs ask a cluster for: time, memory and disk, by kind of job.

    python -m espalier.plan.resources results/records/results.csv

prints the `resources` of a config that fit a run which has been made: what its largest jobs took, with some room.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import yaml

from espalier.plan.keys import Table, key, limits
from espalier.plan.steps import STEPS

MEMORY_OF_SNAKEMAKE = 300  # MB of the two Snakemake processes that an executor starts around a submitted job


class Asked(Table):
    """What each kind of job under `resources` asks an executor for. A [cluster](cluster.md) needs it."""

    runtime: Annotated[int, key("Minutes. A retry asks for as many again.", minimum=1, examples=[60])]
    mem_mb: Annotated[int, key("Memory, MB. A retry asks for as much again.", minimum=100, examples=[4000])]
    disk_mb: Annotated[int, key("Disk, MB.", minimum=1, examples=[1000])]


@dataclass(frozen=True)
class Resources:
    """What one job asks for at its first attempt."""

    runtime: int  # minutes
    mem_mb: int | None = None  # None: the study's memory_mb
    disk_mb: int = 1000


# A training of the default config takes at most half a minute and holds at most 1.1 GB. Real data take longer.
DEFAULTS = {
    "data": Resources(runtime=60, mem_mb=2000, disk_mb=10000),
    **{kind: Resources(runtime=step.runtime) for kind, step in STEPS.items()},
    "measure": Resources(runtime=30),
    "latency": Resources(runtime=30),
    "report": Resources(runtime=30, mem_mb=1000),
}
Kinds = Annotated[dict[str, Asked], limits(propertyNames={"enum": list(DEFAULTS)})]


def of(config: dict[str, Any], kind: str, study: str | None = None) -> Resources:
    """The resources of a kind of job, in a study: as the study says, else as the config says at its top, else DEFAULTS.

    >>> config = {"memory_mb": 2000, "resources": {"train": {"runtime": 90}}, "studies": {"a": {"memory_mb": 4000}}}
    >>> of(config, "train", "a")
    Resources(runtime=90, mem_mb=4000, disk_mb=1000)
    """
    own = config["studies"][study] if study else {}
    asked = replace(DEFAULTS[kind], **config["resources"].get(kind, {}))
    asked = replace(asked, **own.get("resources", {}).get(kind, {}))
    return asked if asked.mem_mb else replace(asked, mem_mb=own.get("memory_mb", config["memory_mb"]))


def fitting(rows: Iterable[dict[str, str]]) -> dict[str, dict[str, dict[str, int]]]:
    """The resources that fit the jobs of a run: {study: {step: {"runtime": ..., "mem_mb": ...}}}.

    rows: those of results.csv. The longest job with half as much again and two minutes; the largest memory with a
    quarter as much again and what Snakemake holds, in hundreds.

    >>> job = {"study": "a", "step": "train", "timing_seconds": "600", "timing_peak_memory_mib": "1000"}
    >>> fitting([job, job | {"timing_seconds": "60"}])
    {'a': {'train': {'runtime': 17, 'mem_mb': 1700}}}
    """
    fit: dict[str, dict[str, dict[str, int]]] = {}
    for row in rows:
        minutes = float(row["timing_seconds"]) / 60 * 1.5 + 2
        mib = float(row["timing_peak_memory_mib"]) * 1.25 + MEMORY_OF_SNAKEMAKE
        job = fit.setdefault(row["study"], {}).setdefault(row["step"], {"runtime": 0, "mem_mb": 0})
        job["runtime"] = max(job["runtime"], _up(minutes, 1))
        job["mem_mb"] = max(job["mem_mb"], _up(mib * 1.048576, 100))
    return fit


def _up(value: float, step: int) -> int:
    """The value rounded up to a multiple of `step`."""
    return int(-(-value // step) * step)


if __name__ == "__main__":
    with Path(sys.argv[1]).open(newline="") as file:
        studies = {study: {"resources": steps} for study, steps in fitting(csv.DictReader(file)).items()}
    print(yaml.safe_dump({"studies": studies}, sort_keys=False, default_flow_style=None), end="")
