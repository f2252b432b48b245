"""Which nets a study times: those that its `latency` selects, and those that they are compared with."""

from __future__ import annotations

from typing import Any

from espalier.plan import naming
from espalier.plan.explain import ConfigError
from espalier.plan.job import Job
from espalier.plan.suggest import nearest

# What `latency` selects results by. Without a scheme, nets as the framework runs them are selected.
SELECTORS = ("prune_type", "method", "ratio", "blocks", "scheme")
UNQUANTIZED = "none"  # the scheme by which these are named


def timed(wanted: dict[str, Any], jobs: list[Job]) -> dict[str, str]:
    """The nodes to time, each with its baseline, in the order of the jobs (of one study and seed).

    The baseline of a net is the net that its chain begins with; that of a quantized net a dense net in the same
    runtime.
    """
    return {node: baseline for node, baseline in _compared(wanted, jobs).items() if baseline}


def _compared(wanted: dict[str, Any], jobs: list[Job]) -> dict[str, str | None]:
    """The nodes to time, each with its baseline, None where there is none."""
    columns = {key: {naming.text(key, value) for value in wanted[key]} for key in SELECTORS if key in wanted}
    schemes = columns.pop("scheme", {UNQUANTIZED})
    nodes = {job.node: job for job in jobs}
    chosen = [job for job in jobs if _selected(job, columns, schemes)]
    baselines = {job.node: _baseline(job, nodes) for job in chosen}
    baselines |= {node: node for node in baselines.values() if node}
    return {job.node: baselines[job.node] for job in jobs if job.node in baselines}


def check(wanted: dict[str, Any], jobs: list[Job], path: list) -> None:
    """Check that a `latency` selects something, and that all of it can be compared; raises ConfigError."""
    for key in (key for key in SELECTORS if key in wanted):
        _check_values(key, wanted[key], jobs, [*path, key])
    chosen = _compared(wanted, jobs)
    alone = next((node for node, baseline in chosen.items() if baseline not in chosen), None)
    if alone:
        raise ConfigError(
            path,
            f"{alone} can be compared with nothing: no dense net is exported to its runtime",
            allowed="quantized nets of a study that has a dense net exported too: [train, quantize: {scheme: float32}]",
        )
    if all(node == baseline for node, baseline in chosen.items()):
        raise ConfigError(
            path,
            "selects no result of the study's chains",
            allowed=f"values of {', '.join(SELECTORS)} that stand together in its chains",
            corrected=_example(wanted, jobs),
        )


def _selected(job: Job, columns: dict[str, set[str]], schemes: set[str]) -> bool:
    """Whether a `latency` selects a result; its keys about pruning are about pruned nets only."""
    if (job.columns["scheme"] or UNQUANTIZED) not in schemes:
        return False
    if not job.parent or (job.step == "quantize" and not job.columns["prune_type"]):
        return True
    return all(str(job.columns[key]) in values for key, values in columns.items())


def _baseline(job: Job, nodes: dict[str, Job]) -> str | None:
    """The node of the net that a result is compared with; None if there is none."""
    trained = job
    while trained.parent:
        trained = nodes[trained.parent]
    if job.step != "quantize":
        return trained.node
    # Any dense net of the study will do, trained further or with a penalty: it is as large, and takes as long.
    exports = [n for n in nodes.values() if n.columns["scheme"] == "float32" and not n.columns["prune_type"]]
    return next((e.node for e in exports if e.columns["init"] == trained.columns["init"]), None)


def _check_values(key: str, values: list, jobs: list[Job], path: list) -> None:
    """Values that a chain of the study has."""
    there = {str(job.columns[key]): job for job in jobs if job.columns[key] is not None}
    for value in values:
        text = naming.text(key, value)
        if text in there or (key, value) == ("scheme", UNQUANTIZED):
            continue
        raise ConfigError(
            path,
            f"no chain of the study has {value!r}",
            allowed=", ".join(sorted(there)) or f"nothing: no chain has a {key}",
            corrected={key: [_given(key, there[nearest(text, list(there))])]} if there else None,
        )


def _example(wanted: dict[str, Any], jobs: list[Job]) -> dict[str, Any] | None:
    """A `latency` with the same keys that selects something: the first result that has a value for each of them."""
    keys = [key for key in SELECTORS if key in wanted]
    job = next((j for j in jobs if j.parent and all(j.columns[key] is not None for key in keys)), None)
    return {"latency": {key: [_given(key, job)] for key in keys}} if job else None


def _given(key: str, job: Job) -> Any:
    """What a config would give to select a result by."""
    return float(job.columns[key]) if key == "ratio" else job.columns[key]
