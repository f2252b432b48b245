"""The grid: from a checked config to one job per node.

A node is a chain of steps applied to a study and a seed. Every prefix of a chain is a node too, shared by all chains
that go through it, and a node is a folder: `<study>/seed<seed>/train~l2_groups~filter_wise/prune~.../finetune`. What a
step's parameters are is looked up here by the node; nobody parses them from its path.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from espalier import config as checks
from espalier import registry
from espalier.config import ConfigError

TRAININGS = ("train", "regularize", "finetune")
STEPS = (*TRAININGS, "prune")

# The columns of a node: what its record, the tidy table and the report know it by. A later step inherits them.
COLUMNS = (
    "node", "parent", "study", "seed", "step", "chain", "label", "backend", "dataset", "model", "width", "weights",
    "epochs", "init", "penalty", "penalty_type", "coefficient", "prune_type", "method", "ratio", "blocks",
)  # fmt: skip

# What a study's `latency` selects results by.
SELECTORS = ("prune_type", "method", "ratio", "blocks")

# Values that name a step's folder without their key, in this order; any other value given in a chain is key=value.
UNNAMED = {"prune": ("prune_type", "method", "ratio", "blocks"), **dict.fromkeys(TRAININGS, ("penalty", "prune_type"))}


@dataclass(frozen=True)
class Job:
    """One step of one chain: what is run on which parent, and the registered functions that it uses."""

    node: str
    parent: str | None
    study: str
    seed: int
    step: str
    backend: str
    params: dict[str, Any]  # what the library is called with
    columns: dict[str, Any]
    uses: tuple[tuple[str, str, str], ...]  # (kind, name, backend)

    @property
    def label(self) -> str:
        return self.columns["label"]


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

    def timed(self, study: str, seed: int) -> list[Job]:
        """The jobs whose nets the study times: those its `latency` selects, and the trained nets they come from."""
        wanted = self.studies[study].get("latency")
        return [] if wanted is None else _timed(wanted, self.of(study, seed))

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
    for name in names:  # studies that are not run are checked all the same: a config is right or wrong as a whole
        study = checked["studies"][name]
        study.setdefault("seeds", checked["seeds"])
        study.setdefault("threads", checked["threads"])
        study.setdefault("memory_mb", checked["memory_mb"])
        study["name"], study["title"] = name, study["title"] or name
        _check_study(study, ["studies", name])
        chains = [(path, chain) for path, chain in _expand(study, ["studies", name, "chains"])]
        for seed in study["seeds"]:
            done: dict[str, list] = {}
            nodes: dict[str, Job] = {}
            for path, chain in chains:
                jobs = _jobs_of_chain(study, seed, chain)
                same = json.dumps([[job.step, job.params] for job in jobs], sort_keys=True)
                if same in done:  # however it is written
                    steps = " > ".join(job.node.rpartition("/")[2] for job in jobs)
                    raise ConfigError(
                        path,
                        f"the chain {steps} is there twice, first at {checks.dotted(done[same])}",
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
    changed = [key for key in ("validation", "mean", "std") if dataset[key] != keys[key]["default"]]
    return "_".join([name, *(f"{key}{dataset[key]}" for key in changed)])


def step_seed(study: str, seed: int, position: int, step: str) -> int:
    """The random seed of a step. It depends on the step's place, not on its parameters: all nets of a study start from
    the same initial weights and see the same batches, so that what differs between two rows is the method."""
    digest = hashlib.sha256(f"{study}/{seed}/{position}/{step}".encode()).hexdigest()
    return int(digest[:8], 16) % 2**31


def _check_study(study: dict, path: list) -> None:
    backend = study["backend"]
    _known("dataset", study["dataset"]["name"], backend, [*path, "dataset", "name"])
    model = _known("model", study["model"]["name"], backend, [*path, "model", "name"])
    channels = model.options.get("channels", (1, 3))
    if study["dataset"]["channels"] not in channels:
        raise ConfigError(
            [*path, "dataset", "channels"],
            f"{study['dataset']['channels']}, but {model.name} takes {' or '.join(map(str, channels))} channels",
            allowed=", ".join(map(str, channels)),
            corrected={"channels": channels[0]},
        )
    smallest = model.options.get("smallest", 1)
    if study["dataset"]["size"] < smallest:
        raise ConfigError(
            [*path, "dataset", "size"],
            f"{study['dataset']['size']}, but {model.name} needs images of {smallest} pixels or more",
            allowed=f"a whole number, at least {smallest}",
            corrected={"size": smallest},
        )
    if study["published"] is not None:
        from espalier import published

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


def _check_latency(wanted: dict, jobs: list[Job], path: list) -> None:
    def given(key: str, job: Job):
        """What a config would give to select the job by."""
        return float(job.columns[key]) if key == "ratio" else job.columns[key]

    for key in (key for key in SELECTORS if key in wanted):
        there = {str(job.columns[key]): job for job in jobs if job.columns[key] is not None}
        for value in wanted[key]:
            if _text(key, value) not in there:
                meant = there and there[checks.nearest(_text(key, value), list(there))]
                raise ConfigError(
                    [*path, key],
                    f"no chain of the study has {value!r}",
                    allowed=", ".join(sorted(there)) or f"nothing: no chain has a {key}",
                    corrected={key: [given(key, meant)]} if there else None,
                )
    pruned = [job for job in jobs if job.step == "prune"]
    if all(job.step == "train" for job in _timed(wanted, jobs)):
        raise ConfigError(
            path,
            "selects no result of the study's chains",
            allowed="values of prune_type, method, ratio and blocks that stand together in its chains",
            corrected={"latency": {key: [given(key, pruned[0])] for key in wanted if key in SELECTORS}}
            if pruned
            else None,
        )


def _timed(wanted: dict, jobs: list[Job]) -> list[Job]:
    columns = {key: {_text(key, value) for value in wanted[key]} for key in SELECTORS if key in wanted}
    return [j for j in jobs if j.step == "train" or all(str(j.columns[k]) in v for k, v in columns.items())]


def _known(kind: str, name: str, backend: str, path: list) -> registry.Entry:
    try:
        return registry.get(kind, name, backend)
    except registry.UnknownName as unknown:
        meant = unknown.nearest or next(iter(unknown.allowed), None)
        corrected = {path[-1]: meant} if isinstance(path[-1], str) else [meant]
        raise ConfigError(
            path,
            f"there is no {kind.replace('_', ' ')} {name!r} for backend {backend}",
            allowed=", ".join(unknown.allowed) or "none",
            corrected=corrected if unknown.allowed else None,
        ) from None


def _expand(study: dict, path: list) -> Iterator[tuple[list, list[tuple[str, list, dict]]]]:
    """Every chain of a study with its place: lists inside steps expanded, each step as (kind, place, given values)."""
    for number, chain in enumerate(study["chains"]):
        here = [*path, number]
        if not chain or _kind(chain[0]) != "train":
            first = f"begins with {_kind(chain[0])!r}" if chain else "is empty"
            raise ConfigError(
                here, f"the chain {first}", allowed="a chain begins with train", corrected=[["train", *chain]]
            )
        for i, step in enumerate(chain):
            if i and _kind(step) == "train":
                raise ConfigError(
                    [*here, i],
                    "train is there again: a chain trains once, at its beginning",
                    allowed="regularize, prune, finetune after train; regularize and finetune train further",
                    corrected=["finetune" if isinstance(step, str) else {"finetune": step["train"]}],
                )
        options = [[(_kind(step), *placed) for placed in _values(step, [*here, i])] for i, step in enumerate(chain)]
        for steps in itertools.product(*options):
            yield here, list(steps)


def _kind(step: Any) -> str:
    return step if isinstance(step, str) else next(iter(step))


LISTS = ("milestones", "augment")  # keys whose value is a list; to vary them give a list of lists


def _values(step: Any, path: list) -> Iterator[tuple[list, dict]]:
    """All combinations of the values given in a step, each with its place."""
    kind = _kind(step)
    given = None if isinstance(step, str) else step[kind]
    if given == []:
        raise ConfigError([*path, kind], "the list is empty", allowed="at least one alternative: keys with values")
    for number, alternative in enumerate(given if isinstance(given, list) else [given]):
        where = [*path, kind, number] if isinstance(given, list) else [*path, kind]
        alternative = {} if alternative is None else alternative
        if not isinstance(alternative, dict):
            raise ConfigError(where, f"{alternative!r} is not a set of keys with values", allowed="keys with values")
        definition = kind if kind in ("prune", "finetune") else "recipe"
        axes = []
        for key, value in alternative.items():
            many = isinstance(value, list) and (key not in LISTS or any(isinstance(v, list) for v in value))
            if many and not value:
                raise ConfigError(
                    [*where, key],
                    "the list is empty",
                    allowed="at least one value",
                    corrected=checks.example(definition, key),
                )
            axes.append([(key, v) for v in (value if many else [value])])
        for values in itertools.product(*axes):
            values = dict(values)
            checks.check_part(values, definition, where)
            yield where, values


def _jobs_of_chain(study: dict, seed: int, chain: list[tuple[str, list, dict]]) -> list[Job]:
    jobs: list[Job] = []
    root = f"{study['name']}/seed{seed}"
    inherited = dict.fromkeys(COLUMNS)
    inherited |= {"study": study["name"], "seed": seed, "backend": study["backend"], "model": study["model"]["name"]}
    inherited |= {"width": study["model"]["width"], "weights": "random", "dataset": dataset_id(study["dataset"])}
    blocks = registry.get("model", study["model"]["name"], study["backend"]).options.get("blocks", 0)
    for position, (kind, where, given) in enumerate(chain):
        given = dict(given)
        if kind == "prune":
            params, columns, names = _prune(study, given, blocks, where)
            blocks -= given.get("blocks", 0)
        else:
            params, columns, names = _training(study, kind, given, inherited, where)
            params |= {"seed": step_seed(study["name"], seed, position, kind), "model": study["model"]}
        parent = jobs[-1].node if jobs else None
        node = f"{parent or root}/{_folder(kind, given)}"
        inherited = inherited | columns | {"node": node, "parent": parent, "step": kind}
        inherited["chain"] = " > ".join(step for step, *_ in chain[: position + 1])
        inherited["label"] = _label(inherited, len(study["seeds"]) > 1)
        uses = tuple(sorted(names | {("model", study["model"]["name"], study["backend"])}))
        jobs.append(Job(node, parent, study["name"], seed, kind, study["backend"], params, dict(inherited), uses))
    return jobs


def _training(study: dict, kind: str, given: dict, inherited: dict, path: list) -> tuple[dict, dict, set]:
    """Parameters, columns and registered names of a training step: the study's recipe and what the step changes."""
    backend, model = study["backend"], registry.get("model", study["model"]["name"], study["backend"])
    recipe = {**study["train"], **(study["finetune"] if kind == "finetune" else {}), **given}

    def place(key: str) -> list:
        """Where a value of the recipe stands."""
        if key in given:
            return [*path, key]
        return [
            "studies",
            study["name"],
            "finetune" if kind == "finetune" and key in study["finetune"] else "train",
            key,
        ]

    if kind != "train":
        recipe["init"] = None
    keep, own = recipe.pop("keep_penalty", False), {**study["finetune"], **given}
    if kind == "finetune" and "penalty" not in own:  # then nothing but keep_penalty leaves one on
        recipe |= {"penalty": inherited["penalty"] if keep else None, "prune_type": inherited["penalty_type"]}
        if "coefficient" not in own:
            recipe["coefficient"] = inherited["coefficient"]
    names = set()
    suitable = [e.name for e in registry.entries("prune_type", backend).values() if _suits(e, model)]
    if kind == "regularize" and not recipe["penalty"]:
        penalties = list(registry.entries("penalty", backend))
        raise ConfigError(
            [*path, "penalty"],
            "is missing: regularize trains with a penalty",
            allowed=", ".join(penalties) or f"none: {backend} has no penalties",
            corrected={"penalty": penalties[0], "prune_type": suitable[0]} if penalties else None,
        )
    if recipe["penalty"]:
        _known("penalty", recipe["penalty"], backend, place("penalty"))
        if not recipe["prune_type"]:
            raise ConfigError(
                [*place("penalty")[:-1], "prune_type"],
                f"is missing: the penalty {recipe['penalty']} needs to know its groups",
                allowed=", ".join(suitable),
                corrected={"prune_type": suitable[0]},
            )
        _check_prune_type(study, recipe["prune_type"], place("prune_type"))
        names |= {("penalty", recipe["penalty"], backend), ("prune_type", recipe["prune_type"], backend)}
    elif given.get("prune_type"):
        raise ConfigError(
            [*path, "prune_type"],
            f"{given['prune_type']!r} says what a penalty's groups are, and there is no penalty",
            allowed=f"with it, penalty: {', '.join(registry.entries('penalty', backend)) or 'none for this backend'}",
        )
    else:
        recipe |= {"prune_type": None, "coefficient": None}
    if recipe["nesterov"] and not recipe["momentum"]:
        raise ConfigError(
            place("nesterov"),
            "Nesterov's momentum needs momentum",
            allowed="true with momentum above 0",
            corrected={"momentum": 0.9},
        )
    size = study["dataset"]["size"]
    for number, item in enumerate(recipe["augment"]):
        name, values = (item, {}) if isinstance(item, str) else next(iter(item.items()))
        where = [*place("augment"), number]
        entry = _known("augmentation", name, backend, where)
        if not isinstance(values, dict):
            values = {} if values is None else {next(iter(_parameters(entry)), "value"): values}
        examples = {"size": study["dataset"]["size"]}
        checks.check_arguments(entry, values, [*where, name], given=("images", "generator"), examples=examples)
        room = size + 2 * values.get("padding", 0)
        if values.get("size", 0) > room and entry.options.get("crops"):
            raise ConfigError(
                [*where, name, "size"],
                f"{values['size']} is more than the {room} pixels there are",
                allowed=f"a whole number, at most {room}",
                corrected={"size": study["dataset"]["size"]},
            )
        size = values.get("size", size)
        names.add(("augmentation", name, backend))
    if size != study["dataset"]["size"]:
        raise ConfigError(
            place("augment"),
            f"training would see images of {size} pixels, evaluation of {study['dataset']['size']}",
            allowed="augmentations that end at the data set's size",
        )
    if recipe["init"]:
        entry = _known("init", recipe["init"]["name"], backend, [*place("init"), "name"])
        values = {k: v for k, v in recipe["init"].items() if k != "name"}
        checks.check_arguments(entry, values, place("init"))
        names.add(("init", entry.name, backend))
    columns = {"epochs": recipe["epochs"], "penalty": recipe["penalty"], "penalty_type": recipe["prune_type"]}
    columns["coefficient"] = recipe["coefficient"]
    if kind == "train":
        columns["init"] = _slug(recipe["init"]) if recipe["init"] else None
    elif not recipe["penalty"]:  # what the net was regularised by, it stays regularised by
        columns |= {key: inherited[key] for key in ("penalty", "penalty_type", "coefficient")}
    return {"recipe": recipe}, columns, names


def _parameters(entry: registry.Entry) -> list[str]:
    import inspect

    return [name for name in inspect.signature(entry.function).parameters if name not in ("images", "generator")]


def _prune(study: dict, given: dict, blocks: int, path: list) -> tuple[dict, dict, set]:
    """Parameters, columns and registered names of a prune step. blocks: how many residual blocks the net still has."""
    backend = study["backend"]
    prune_type = _check_prune_type(study, given["prune_type"], [*path, "prune_type"])
    methods = prune_type.options.get("methods") or tuple(registry.entries("score", backend))
    method = given.setdefault("method", prune_type.options.get("default_method") or methods[0])
    _known("score", method, backend, [*path, "method"])
    if method not in methods:
        raise ConfigError(
            [*path, "method"],
            f"{prune_type.name} does not prune by {method}",
            allowed=", ".join(methods),
            corrected={"prune": {**given, "method": methods[0]}},
        )
    amount, other = ("blocks", "ratio") if prune_type.options["amount"] == "blocks" else ("ratio", "blocks")
    if amount not in given or other in given:
        wrong = f"takes {amount}, not {other}" if other in given else f"needs {amount}"
        rest = {k: v for k, v in given.items() if k not in (amount, other)}
        meaning = {
            "ratio": "ratio: the share to remove, from 0 up to, not including, 1",
            "blocks": "blocks: how many go",
        }
        example = {"ratio": 0.5, "blocks": 1}[amount]
        raise ConfigError(
            path,
            f"{prune_type.name} {wrong}",
            allowed=meaning[amount],
            corrected={"prune": {**rest, amount: given.get(amount, example)}},
        )
    if amount == "blocks" and given["blocks"] > blocks:
        raise ConfigError(
            [*path, "blocks"],
            f"{given['blocks']}, but {study['model']['name']} has {blocks} blocks" + (" left" if blocks else ""),
            allowed=f"a whole number from 1 to {blocks}" if blocks else "no block is left to remove",
            corrected={"blocks": blocks} if blocks else None,
        )
    if amount == "ratio":
        given[amount] = _text(amount, given[amount])
    params = {"prune_type": prune_type.name, "method": method, amount: given[amount]}
    columns = {"ratio": None, "blocks": None} | params
    return params, columns, {("prune_type", prune_type.name, backend), ("score", method, backend)}


def _suits(prune_type: registry.Entry, model: registry.Entry) -> bool:
    return prune_type.options["needs"] in model.options["has"]


def _check_prune_type(study: dict, name: str, path: list) -> registry.Entry:
    prune_type = _known("prune_type", name, study["backend"], path)
    model = registry.get("model", study["model"]["name"], study["backend"])
    if not _suits(prune_type, model):
        need = prune_type.options["needs"].replace("_", " ")
        models = [m.name for m in registry.entries("model", study["backend"]).values() if _suits(prune_type, m)]
        types = [p.name for p in registry.entries("prune_type", study["backend"]).values() if _suits(p, model)]
        raise ConfigError(
            path,
            f"{name} needs {need}, and {model.name} has none",
            allowed=f"{', '.join(types)} on {model.name}; {name} on {', '.join(models) or 'no registered model'}",
            corrected={"prune_type": types[0]},
        )
    return prune_type


def _text(column: str, value: Any) -> str:
    """A grid value as text, however it was written: the ratios 0.4 and 0.40 are both "0.40", 0.125 is itself."""
    if column != "ratio":
        return str(value)
    number = Decimal(str(value)) + 0  # + 0 makes -0 a 0
    return f"{number:.2f}" if number.as_tuple().exponent >= -2 else f"{number:f}"


def _slug(value: Any) -> str:
    """A value as part of a folder's name."""
    if isinstance(value, dict) and "name" in value:
        return "-".join(_slug(v) for v in value.values())
    if isinstance(value, dict):
        return "-".join(f"{_slug(k)}-{_slug(v)}" for k, v in value.items())
    if isinstance(value, list):
        return "-".join(_slug(v) for v in value) or "none"
    text = str(value).lower() if isinstance(value, bool) or value is None else str(value)
    return "".join(c if c.isalnum() or c in "._+" else "-" for c in text)


def _folder(kind: str, given: dict) -> str:
    """A step's folder: its kind and what the chain says of it."""
    parts = [_slug(given[key]) for key in UNNAMED[kind] if given.get(key) is not None]
    parts += [f"{key}={_slug(value)}" for key, value in sorted(given.items()) if key not in UNNAMED[kind]]
    return "~".join([kind, *parts])


def _label(columns: dict, several_seeds: bool) -> str:
    """A node in words, for messages and legends."""
    amount = columns["ratio"] if columns["ratio"] is not None else columns["blocks"]
    parts = [columns["model"]]
    if columns["init"]:
        parts.append(columns["init"])
    if columns["penalty"]:
        parts.append(f"{columns['penalty']} {columns['penalty_type']}")
    if columns["prune_type"]:
        parts.append(f"{columns['prune_type']} {columns['method']} {amount}")
    if several_seeds:
        parts.append(f"seed {columns['seed']}")
    return ", ".join(parts)


def _add(jobs: dict[str, Job], job: Job, path: list) -> None:
    known = jobs.setdefault(job.node, job)
    if known.params != job.params:
        raise ConfigError(
            path, f"two different steps would share the folder {job.node}", allowed="values that differ in their text"
        )
