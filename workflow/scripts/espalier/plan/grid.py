"""The grid: from a checked config to one job per node.

A node is a chain of steps applied to a study and a seed. Every prefix of a chain is a node too, shared by all chains
that go through it, and a node is a folder: `<study>/seed<seed>/train~l2_groups~filter_wise/prune~.../finetune`. What a
step's parameters are is looked up here by the node; nobody parses them from its path.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from dataclasses import dataclass, field
from typing import Any

from espalier import columns as node_columns
from espalier import registry
from espalier.plan import chains, naming
from espalier.plan import config as checks
from espalier.plan.config import ConfigError
from espalier.plan.job import Job
from espalier.plan.lookup import known
from espalier.plan.steps import STEPS, label
from espalier.plan.steps.step import Place

COLUMNS = node_columns.names(node_columns.NODE)

# What a study's `latency` selects results by. Without a scheme, nets as the framework runs them are selected.
SELECTORS = ("prune_type", "method", "ratio", "blocks", "scheme")
UNQUANTIZED = "none"  # the scheme by which these are named


@dataclass
class Grid:
    """All jobs of a run, by node, with the checked config that they come from."""

    config: dict
    jobs: dict[str, Job] = field(default_factory=dict)

    @property
    def studies(self) -> dict[str, dict]:
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

    def datasets(self) -> dict[str, dict]:
        """Every data set to prepare: folder name -> its specification."""
        return {dataset_id(study["dataset"]): study["dataset"] for study in self.studies.values()}

    def timed(self, study: str, seed: int) -> dict[str, str]:
        """The nodes whose nets the study times: those its `latency` selects, and those they are compared with. Each
        with that baseline: the trained net that it comes from, for a quantized one a dense net in the same runtime."""
        wanted = self.studies[study].get("latency")
        return {} if wanted is None else _timed(wanted, self.of(study, seed))

    def frame(self, study: str | None = None):
        """The columns of all jobs (of a study) as a pandas DataFrame, one row per node."""
        import pandas

        return pandas.DataFrame(
            [j.columns for j in self.jobs.values() if study in (None, j.study)], columns=list(COLUMNS)
        )


def build(config: dict) -> Grid:
    """Check a config wholly and lay out its jobs; raises ConfigError at the first mistake."""
    checked = checks.check(config)
    names = list(checked["studies"])
    if checked["run"] == "all":
        checked["run"] = names
    for name in checked["run"]:
        if name not in names:
            raise ConfigError(
                ["run"],
                f"there is no study {name!r}",
                allowed=f"all, or a list of: {', '.join(names)}",
                corrected={"run": [checks.nearest(name, names)]},
            )
    grid = Grid(checked)
    prepared: dict[str, dict] = {}
    for name in names:  # studies that are not run are checked all the same: a config is right or wrong as a whole
        study = checked["studies"][name]
        study.setdefault("seeds", checked["seeds"])
        study.setdefault("threads", checked["threads"])
        study.setdefault("device", checked["device"])
        study.setdefault("memory_mb", checked["memory_mb"])
        study["name"], study["title"] = name, study["title"] or name
        _check_study(study, ["studies", name])
        if prepared.setdefault(dataset_id(study["dataset"]), study["dataset"]) != study["dataset"]:
            raise ConfigError(
                ["studies", name, "dataset"],
                f"it and another study's would share the folder {dataset_id(study['dataset'])}",
                allowed="values that differ in more than signs",
            )
        expanded = list(chains.expand(study, ["studies", name, "chains"]))
        for seed in study["seeds"]:
            done: dict[str, list] = {}
            nodes: dict[str, Job] = {}
            for path, chain in expanded:
                jobs = _jobs_of_chain(study, seed, chain)
                same = json.dumps([[job.step, job.params] for job in jobs], sort_keys=True)
                if same in done:  # however it is written
                    words = " > ".join(job.node.rpartition("/")[2] for job in jobs)
                    raise ConfigError(
                        path,
                        f"the chain {words} is there twice, first at {checks.dotted(done[same])}",
                        allowed="every chain once: take one of the two out, or make them differ",
                    )
                done[same] = path
                for job in jobs:
                    _add(nodes, job, path)
            if "latency" in study:
                _check_latency(study["latency"], list(nodes.values()), ["studies", name, "latency"])
            if name in checked["run"]:
                grid.jobs |= nodes
    return grid


def dataset_id(dataset: dict) -> str:
    """The folder name of a prepared data set, such as digits_32x32x3; keys that are not at their default are named."""
    name = f"{dataset['name']}_{dataset['size']}x{dataset['size']}x{dataset['channels']}"
    keys = checks.schema()["$defs"]["dataset"]["properties"]
    changed = [
        key for key in ("path", "fit", "classes", "validation", "mean", "std") if dataset[key] != keys[key]["default"]
    ]
    return "_".join([name, *(f"{key}{naming.slug(dataset[key])}" for key in changed)])


def step_seed(study: str, seed: int, position: int, step: str) -> int:
    """The random seed of a step. It depends on the step's place, not on its parameters: all nets of a study start from
    the same initial weights and see the same batches, so that what differs between two rows is the method."""
    digest = hashlib.sha256(f"{study}/{seed}/{position}/{step}".encode()).hexdigest()
    return int(digest[:8], 16) % 2**31


def _check_study(study: dict, path: list) -> None:
    backend = study["backend"]
    dataset = known(registry.Dataset, study["dataset"]["name"], backend, [*path, "dataset", "name"])
    _check_path(study["dataset"]["path"], dataset, [*path, "dataset", "path"])
    _check_classes(study["dataset"]["classes"] or [], dataset, [*path, "dataset", "classes"])
    model = known(registry.Model, study["model"]["name"], backend, [*path, "model", "name"])
    channels = model.channels
    if study["dataset"]["channels"] not in channels:
        raise ConfigError(
            [*path, "dataset", "channels"],
            f"{study['dataset']['channels']}, but {model.name} takes {' or '.join(map(str, channels))} channels",
            allowed=", ".join(map(str, channels)),
            corrected={"channels": channels[0]},
        )
    smallest = model.smallest
    if study["dataset"]["size"] < smallest:
        raise ConfigError(
            [*path, "dataset", "size"],
            f"{study['dataset']['size']}, but {model.name} needs images of {smallest} pixels or more",
            allowed=f"a whole number, at least {smallest}",
            corrected={"size": smallest},
        )
    _check_model(study["model"], study["dataset"], model, [*path, "model"])
    if study["published"] is not None:
        from espalier.analysis import published

        if study["published"] not in published.STUDIES:
            ids = sorted(published.STUDIES)
            raise ConfigError(
                [*path, "published"],
                f"there are no published figures {study['published']!r}",
                allowed=f"null, {', '.join(ids)}",
                corrected={"published": checks.nearest(study["published"], ids)},
            )
        theirs = published.STUDIES[study["published"]].setup.model
        if theirs and theirs != model.name:
            raise ConfigError(
                [*path, "published"],
                f"{study['published']!r} is of {theirs}, this study of {model.name}",
                allowed=f"null, or a study of {model.name}",
                corrected={"published": None},
            )


def _check_path(given: str | None, dataset: registry.Entry, path: list) -> None:
    taken = inspect.signature(dataset.function).parameters.get("path")
    if given and not taken:
        raise ConfigError(path, f"{dataset.name} is read from no file", allowed="null", corrected={"path": None})
    if not given and taken and taken.default is taken.empty:
        raise ConfigError(
            path,
            f"is missing: {dataset.name} is read from there",
            allowed="a folder or zip, below data_root or absolute",
            corrected=checks.example("dataset", "path"),
        )


def _check_classes(given: list[str], dataset: registry.Entry, path: list) -> None:
    """The names of classes, where the data set says beforehand which it has."""
    names = list(given if dataset.classes is None else dataset.classes)
    for number, name in enumerate(given):
        if name not in names:
            raise ConfigError(
                [*path, number],
                f"{dataset.name} has no class {name!r}",
                allowed=", ".join(names),
                corrected=[checks.nearest(name, [n for n in names if n not in given])],
            )


def _check_model(given: dict, dataset: dict, model: registry.Entry, path: list) -> None:
    """Options of the architecture itself, and where its weights come from."""
    own = {k: v for k, v in given.items() if k not in ("name", "width", "weights", "fallback")}
    checks.check_arguments(model, own, path, given=("pixels", "num_classes", "widths", "width"))
    if given["weights"] == "imagenet":
        refused = (
            None if model.imagenet else f"there are no ImageNet weights of {model.name}",
            None if given["width"] == 1 else "ImageNet weights are of the whole net, width 1.0",
            None if dataset["channels"] == 3 else "ImageNet weights are for images of 3 channels",
        )
        if problem := next(filter(None, refused), None):
            raise ConfigError([*path, "weights"], problem, allowed="random", corrected={"weights": "random"})


def _check_latency(wanted: dict, jobs: list[Job], path: list) -> None:
    def given(key: str, job: Job):
        """What a config would give to select the job by."""
        return float(job.columns[key]) if key == "ratio" else job.columns[key]

    for key in (key for key in SELECTORS if key in wanted):
        there = {str(job.columns[key]): job for job in jobs if job.columns[key] is not None}
        for value in wanted[key]:
            if naming.text(key, value) not in there and (key, value) != ("scheme", UNQUANTIZED):
                meant = there and there[checks.nearest(naming.text(key, value), list(there))]
                raise ConfigError(
                    [*path, key],
                    f"no chain of the study has {value!r}",
                    allowed=", ".join(sorted(there)) or f"nothing: no chain has a {key}",
                    corrected={key: [given(key, meant)]} if there else None,
                )
    timed = _timed(wanted, jobs)
    alone = next((node for node, baseline in timed.items() if baseline not in timed), None)
    if alone:
        raise ConfigError(
            path,
            f"{alone} can be compared with nothing: no dense net is exported to its runtime",
            allowed="quantized nets of a study that has a dense net exported too: [train, quantize: {scheme: float32}]",
        )
    if all(node == baseline for node, baseline in timed.items()):
        raise ConfigError(
            path,
            "selects no result of the study's chains",
            allowed=f"values of {', '.join(SELECTORS)} that stand together in its chains",
            corrected=_selecting(wanted, jobs, given),
        )


def _selecting(wanted: dict, jobs: list[Job], given) -> dict | None:
    """A `latency` with the same keys that selects something: the first result that has a value for each of them."""
    keys = [key for key in SELECTORS if key in wanted]
    job = next((j for j in jobs if j.parent and all(j.columns[key] is not None for key in keys)), None)
    return {"latency": {key: [given(key, job)] for key in keys}} if job else None


def _timed(wanted: dict, jobs: list[Job]) -> dict[str, str]:
    columns = {key: {naming.text(key, value) for value in wanted[key]} for key in SELECTORS if key in wanted}
    schemes = columns.pop("scheme", {UNQUANTIZED})
    nodes = {job.node: job for job in jobs}
    exports = [job for job in jobs if job.columns["scheme"] == "float32" and not job.columns["prune_type"]]

    def baseline(job: Job) -> str | None:
        trained = job
        while trained.parent:
            trained = nodes[trained.parent]
        if job.step != "quantize":
            return trained.node
        # Any dense net of the study will do, trained further or with a penalty: it is as large, and takes as long.
        return next((e.node for e in exports if e.columns["init"] == trained.columns["init"]), None)

    def selected(job: Job) -> bool:
        """Whether the keys say so, of which those about pruning are about pruned nets only."""
        if (job.columns["scheme"] or UNQUANTIZED) not in schemes:
            return False
        if job.step == "train" or (job.step == "quantize" and not job.columns["prune_type"]):
            return True
        return all(str(job.columns[key]) in values for key, values in columns.items())

    chosen = [job for job in jobs if selected(job)]
    baselines = {job.node: baseline(job) for job in chosen}
    baselines |= {node: node for node in baselines.values() if node}
    return {job.node: baselines[job.node] for job in jobs if job.node in baselines}


def _jobs_of_chain(study: dict, seed: int, chain: list[tuple[str, list, dict]]) -> list[Job]:
    jobs: list[Job] = []
    columns = _columns_of_study(study, seed)
    for position, (kind, where, given) in enumerate(chain):
        step = STEPS[kind]
        planned = step.plan(Place(study, given, where, jobs, columns))
        params = planned.params | {"seed": step_seed(study["name"], seed, position, kind)}
        parent = jobs[-1].node if jobs else None
        folder = step.folder(given if planned.given is None else planned.given)
        node = f"{parent or _root(study, seed)}/{folder}"
        columns = columns | planned.columns | {"node": node, "parent": parent, "step": kind}
        columns["chain"] = " > ".join(kind for kind, *_ in chain[: position + 1])
        columns["label"] = label(columns)
        uses = tuple(sorted(planned.uses | {("model", study["model"]["name"], study["backend"])}))
        jobs.append(Job(node, parent, study["name"], seed, kind, study["backend"], params, columns, uses))
    return jobs


def _root(study: dict, seed: int) -> str:
    """The folder of a study's nodes of a seed."""
    return f"{study['name']}/seed{seed}"


def _columns_of_study(study: dict, seed: int) -> dict[str, Any]:
    """The columns before any step."""
    model = study["model"]
    columns = dict.fromkeys(COLUMNS) | {"study": study["name"], "seed": seed, "backend": study["backend"]}
    columns |= {"model": model["name"], "width": model["width"], "weights": model["weights"]}
    return columns | {"dataset": dataset_id(study["dataset"])}


def _add(jobs: dict[str, Job], job: Job, path: list) -> None:
    there = jobs.setdefault(job.node, job)
    if there.params != job.params:
        raise ConfigError(
            path, f"two different steps would share the folder {job.node}", allowed="values that differ in their text"
        )
