"""The grid: from a config to one job per node.

A node is a chain of steps applied to a study and a seed. Every prefix of a chain is a node too, shared by all chains
that go through it, and a node is a folder: `<study>/seed<seed>/train~l2_groups~filter_wise/prune~.../finetune`. What a
step's parameters are is looked up here by the node; nobody parses them from its path.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espalier import columns as node_columns
from espalier.plan import chains, sensitivity, timed
from espalier.plan.chains import Given
from espalier.plan.config import check
from espalier.plan.explain import ConfigError, dotted
from espalier.plan.job import Job
from espalier.plan.keys import defaults, table
from espalier.plan.naming import sorted_keys
from espalier.plan.recipe import Recipe
from espalier.plan.steps import STEPS, label
from espalier.plan.steps.step import Place, kind_of
from espalier.plan.study import check_study, dataset_id
from espalier.plan.suggest import nearest
from espalier.training.pretrained import is_file

if TYPE_CHECKING:
    import pandas

ALL = node_columns.names(node_columns.NODE)
COLUMNS = node_columns.names(column for column in node_columns.NODE if not column.sparse)  # of every node
SHARED = ("seeds", "threads", "device", "memory_mb")  # keys of a study that are those of the top if it has none


@dataclass
class Grid:
    """All jobs of a run, by node, with the checked config that they come from.

    untimed: studies and seeds whose nets are not timed although the study has a `latency` (espalier.run.finished).
    """

    config: dict[str, Any]
    jobs: dict[str, Job] = field(default_factory=dict)
    untimed: frozenset[tuple[str, int]] = frozenset()

    @property
    def studies(self) -> dict[str, dict[str, Any]]:
        """The checked config of each study that is run, with its name and seeds in it."""
        return {name: self.config["studies"][name] for name in self.config["run"]}

    def of(self, study: str, seed: int | None = None) -> list[Job]:
        """The jobs of a study (and seed), parents before children."""
        return [j for j in self.jobs.values() if j.study == study and (seed is None or j.seed == seed)]

    def trained(self, job: Job) -> str:
        """The node of the trained net that a job's chain begins with."""
        while job.parent:
            job = self.jobs[job.parent]
        return job.node

    def chain(self, node: str) -> list[Any]:
        """The chain that leads to a node, as a config would list it: ["train", {"prune": {"ratio": 0.4}}]."""
        steps, job = [], self.jobs.get(node)
        while job:
            steps.append({job.step: job.given} if job.given else job.step)
            job = self.jobs[job.parent] if job.parent else None
        return steps[::-1]

    def datasets(self) -> dict[str, dict[str, Any]]:
        """Every data set to prepare: folder name -> its specification."""
        return {dataset_id(study["dataset"]): study["dataset"] for study in self.studies.values()}

    def timed(self, study: str, seed: int) -> dict[str, str]:
        """The nodes whose nets the study times, each with the node that it is compared with."""
        wanted = self.studies[study].get("latency")
        if wanted is None or (study, seed) in self.untimed:
            return {}
        return timed.timed(wanted, self.of(study, seed))

    def frame(self, study: str | None = None) -> pandas.DataFrame:
        """The columns of all jobs (of a study), one row per node."""
        import pandas

        return pandas.DataFrame([j.columns for j in self.jobs.values() if study in (None, j.study)], columns=list(ALL))


def build(config: dict[str, Any], folders: Iterable[str | Path] = ()) -> Grid:
    """Check a config wholly and lay out its jobs; raises ConfigError at the first mistake.

    folders: where relative paths of nets and weights of the user's own begin; the working directory, if nowhere else.

    Studies that are not run are checked all the same: a config is right or wrong as a whole.
    """
    checked = check(config, folders)
    checked["run"] = _studies_to_run(checked)
    grid = Grid(checked)
    prepared: dict[str, dict[str, Any]] = {}
    for name, study in checked["studies"].items():
        for key in SHARED:
            study.setdefault(key, checked[key])
        study["name"], study["title"] = name, study["title"] or name
        study["train"] = study.get("train") or _recipe_left_out(study, ["studies", name])
        check_study(study, ["studies", name])
        _check_folder(study["dataset"], prepared, ["studies", name, "dataset"])
        jobs = _jobs_of_study(study)
        if name in checked["run"]:
            grid.jobs |= jobs
    return grid


def _recipe_left_out(study: dict[str, Any], path: list) -> dict[str, Any]:
    """What trainings of a study without `train` begin with: the defaults of a recipe, which has no number of epochs."""
    if any(chain and kind_of(chain[0]) == "train" for chain in study["chains"]):
        raise ConfigError(
            [*path, "train"],
            "is missing, and a chain begins with train",
            allowed=f"keys with values: {', '.join(table(Recipe)['properties'])}; or chains that begin with given",
            corrected={"train": {"epochs": 10}},
        )
    return defaults(Recipe)


def step_seed(study: str, seed: int, position: int, step: str) -> int:
    """The random seed of a step. It depends on the step's place, not on its parameters: all nets of a study start from
    the same initial weights and see the same batches, so that what differs between two rows is the method."""
    digest = hashlib.sha256(f"{study}/{seed}/{position}/{step}".encode()).hexdigest()
    return int(digest[:8], 16) % 2**31


def _studies_to_run(checked: dict[str, Any]) -> list[str]:
    """The names under `run`."""
    names = list(checked["studies"])
    wanted = names if checked["run"] == "all" else checked["run"]
    for name in wanted:
        if name not in names:
            raise ConfigError(
                ["run"],
                f"there is no study {name!r}",
                allowed=f"all, or a list of: {', '.join(names)}",
                corrected={"run": [nearest(name, names)]},
            )
    return wanted


def _check_folder(dataset: dict[str, Any], prepared: dict[str, dict[str, Any]], path: list) -> None:
    """Data sets that differ have folders that differ. prepared: those of the studies before, by folder."""
    if prepared.setdefault(dataset_id(dataset), dataset) != dataset:
        raise ConfigError(
            path,
            f"it and another study's would share the folder {dataset_id(dataset)}",
            allowed="values that differ in more than signs",
        )


def _jobs_of_study(study: dict[str, Any]) -> dict[str, Job]:
    """All jobs of a study, by node."""
    path = ["studies", study["name"]]
    expanded = list(chains.expand(study, [*path, "chains"]))
    if "sensitivity" in study:
        sensitivity.check(study, [*path, "sensitivity"])
    jobs: dict[str, Job] = {}
    for seed in study["seeds"]:
        nodes = _jobs_of_seed(study, seed, expanded)
        if "latency" in study:
            timed.check(study["latency"], list(nodes.values()), [*path, "latency"])
        jobs |= nodes
    return jobs


def _jobs_of_seed(study: dict[str, Any], seed: int, expanded: list[tuple[list, list[Given]]]) -> dict[str, Job]:
    """The jobs of all chains for one seed, by node."""
    done: dict[str, list] = {}
    nodes: dict[str, Job] = {}
    for path, chain in expanded:
        jobs = _jobs_of_chain(study, seed, chain)
        same = json.dumps([[job.step, job.params] for job in jobs], sort_keys=True)
        if same in done:  # however it is written
            words = " > ".join(job.node.rpartition("/")[2] for job in jobs)
            raise ConfigError(
                path,
                f"the chain {words} is there twice, first at {dotted(done[same])}",
                allowed="every chain once: take one of the two out, or make them differ",
            )
        done[same] = path
        for job in jobs:
            _add(nodes, job, path)
    return nodes


def _jobs_of_chain(study: dict[str, Any], seed: int, chain: list[Given]) -> list[Job]:
    jobs: list[Job] = []
    root, backend = f"{study['name']}/seed{seed}", study["backend"]
    columns = _columns_of_study(study, seed)
    for position, given in enumerate(chain):
        step = STEPS[given.kind]
        with given.checked():
            planned = step.plan(Place(study, given.values, given.path, jobs, columns))
        place = (0, "train") if step.like_train else (position, step.kind)
        params = sorted_keys(planned.params | {"seed": step_seed(study["name"], seed, *place)})
        parent = jobs[-1].node if jobs else None
        node = f"{parent or root}/{step.folder(given.values if planned.given is None else planned.given)}"
        columns = _without_empty(columns | planned.columns | {"node": node, "parent": parent, "step": step.kind})
        columns["chain"] = " > ".join(before.kind for before in chain[: position + 1])
        columns["label"] = label(columns)
        uses = tuple(sorted(planned.uses | {("model", study["model"]["name"], backend)}))
        kind, name = step.kind, study["name"]
        function = planned.function or step.function
        jobs.append(Job(node, parent, name, seed, kind, backend, params, columns, uses, given.values, function))
    return jobs


def _columns_of_study(study: dict[str, Any], seed: int) -> dict[str, Any]:
    """The columns before any step."""
    model = study["model"]
    columns = dict.fromkeys(COLUMNS) | {"study": study["name"], "seed": seed, "backend": study["backend"]}
    weights = "file" if is_file(model["weights"]) else model["weights"]
    columns |= {"model": model["name"], "width": model["width"], "weights": weights}
    return columns | {"dataset": dataset_id(study["dataset"])}


def _without_empty(columns: dict[str, Any]) -> dict[str, Any]:
    """The columns without those that a node has only where they apply."""
    return {name: value for name, value in columns.items() if value is not None or name in COLUMNS}


def _add(jobs: dict[str, Job], job: Job, path: list) -> None:
    """Put a job among the others, where its node is not that of another one."""
    if jobs.setdefault(job.node, job).params != job.params:
        raise ConfigError(
            path, f"two different steps would share the folder {job.node}", allowed="values that differ in their text"
        )
