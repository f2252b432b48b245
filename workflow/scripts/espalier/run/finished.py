"""`only_finished`: the part of a run that is finished, to be reported although something failed.

A node is finished if its files are there, no job of it failed since they were written, and its parent is finished.
Every other node is a row that says why it is not.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espalier.backends import BACKENDS
from espalier.plan import sensitivity
from espalier.plan.study import dataset_id, weights_of
from espalier.run import failures

if TYPE_CHECKING:
    from espalier.plan.grid import Grid
    from espalier.plan.job import Job

# study, seed, node, label, step; status: "failed", "killed" or "not run"; reason; the log, or ""
Unfinished = dict[str, Any]


def only(grid: Grid, results: Path) -> tuple[Grid, list[Unfinished]]:
    """The finished part of a grid, and a row for each node that is not in it. results: the folder of the run."""
    missing: dict[str, Unfinished] = {}
    for job in grid.jobs.values():
        if row := _unfinished(job, grid, results, missing):
            missing[job.node] = _named(job) | row
    jobs = {node: job for node, job in grid.jobs.items() if node not in missing}
    studies = dict(grid.config["studies"])
    for name in grid.studies:
        seeds = {job.seed for job in jobs.values() if job.study == name}
        studies[name] = studies[name] | {"seeds": [seed for seed in studies[name]["seeds"] if seed in seeds]}
    run = [name for name in grid.config["run"] if studies[name]["seeds"]]
    finished = replace(grid, config=grid.config | {"run": run, "studies": studies}, jobs=jobs)
    return _without_failed_scans(_without_failed_times(finished, results), results), list(missing.values())


def _without_failed_times(grid: Grid, results: Path) -> Grid:
    """The grid without the timings whose jobs failed, or that nothing is left of."""
    untimed = {
        (name, seed)
        for name, study in grid.studies.items()
        for seed in study["seeds"]
        if failed(results / "logs" / name / f"seed{seed}" / "latency.log") or not grid.timed(name, seed)
    }
    studies = dict(grid.config["studies"])
    for name, study in grid.studies.items():
        if all((name, seed) in untimed for seed in study["seeds"]):
            studies[name] = {key: value for key, value in study.items() if key != "latency"}
    return replace(grid, config=grid.config | {"studies": studies}, untimed=frozenset(untimed))


def _without_failed_scans(grid: Grid, results: Path) -> Grid:
    """The grid without the `sensitivity` of studies of which a job of it failed."""
    studies = dict(grid.config["studies"])
    for name, study in grid.studies.items():
        nodes = sensitivity.roots(study, grid.of(name))
        if any(failed(results / "logs" / f"{node}.sensitivity.log") for node in nodes):
            studies[name] = {key: value for key, value in study.items() if key != "sensitivity"}
    return replace(grid, config=grid.config | {"studies": studies})


def failed(log: Path) -> bool:
    """Whether a job of the report failed. One that was killed is tried again."""
    note = failures.read(log)
    return note is not None and not note.killed


def _unfinished(job: Job, grid: Grid, results: Path, missing: dict[str, Unfinished]) -> Unfinished | None:
    """Why a node is not finished; None, if it is. missing: the nodes before it that are not."""
    if job.parent in missing:
        return _row("not run", f"it is made from {missing[job.parent]['label']}, which is not there")
    folder, form = results / "models" / job.node, BACKENDS[job.backend].format_of(job.step)
    logs = [Path(f"{results}/logs/{job.node}.{form.suffix}.log"), Path(f"{results}/logs/{job.node}.measured.log")]
    study = grid.studies[job.study]
    logs.insert(0, results / "logs" / "data" / f"{dataset_id(study['dataset'])}.log")
    if weights := weights_of(study):
        logs.insert(0, results / "logs" / "weights" / f"{weights}.log")
    for log in logs:
        if note := failures.read(log):
            return _row("killed" if note.killed else "failed", note.reason, note.log)
    files = (form.file, f"{form.file}.json", "record.json", "predictions.npz")
    return None if all((folder / file).exists() for file in files) else _row("not run", "its job was not started")


def _named(job: Job) -> Unfinished:
    return {"study": job.study, "seed": job.seed, "node": job.node, "label": job.label, "step": job.step}


def _row(status: str, reason: str, log: str = "") -> Unfinished:
    reason = re.sub("<(?=/script|!--)", "< ", reason, flags=re.IGNORECASE)  # Snakemake puts it into a script
    return {"status": status, "reason": reason, "log": log}
