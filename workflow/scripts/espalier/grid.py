"""The grid: from a checked config to one job per node.

A node is a chain of steps applied to a study and a seed. Every prefix of a chain is a node too, shared by all chains
that go through it, and a node is a folder: `<study>/seed<seed>/train~l2_groups~filter_wise/prune~.../finetune`. What a
step's parameters are is looked up here by the node; nobody parses them from its path.
"""

from __future__ import annotations

import hashlib
import itertools
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
    "node", "parent", "study", "seed", "step", "chain", "label", "backend", "dataset", "model", "width", "weights", "epochs",
    "init", "penalty", "penalty_type", "coefficient", "prune_type", "method", "ratio", "blocks",
)  # fmt: skip

# Values that name a step's folder without their key, in this order; any other value given in a chain is key=value.
UNNAMED = {"prune": ("prune_type", "method", "ratio", "blocks"), **{s: ("penalty", "prune_type") for s in TRAININGS}}


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

    def datasets(self) -> dict[str, dict]:
        """Every data set to prepare: folder name -> its specification."""
        return {dataset_id(study["dataset"]): study["dataset"] for study in self.studies.values()}

    def timed(self, study: str, seed: int) -> list[Job]:
        """The jobs whose nets the study times: those its `latency` selects, and the trained nets they come from."""
        wanted = self.studies[study].get("latency")
        if wanted is None:
            return []
        columns = {k: {_text(k, v) for v in wanted[k]} for k in ("prune_type", "method", "ratio", "blocks") if k in wanted}
        jobs = self.of(study, seed)
        return [j for j in jobs if j.step == "train" or all(str(j.columns[k]) in v for k, v in columns.items())]

    def frame(self, study: str | None = None):
        """The columns of all jobs (of a study) as a pandas DataFrame, one row per node."""
        import pandas

        return pandas.DataFrame([j.columns for j in self.jobs.values() if study in (None, j.study)], columns=list(COLUMNS))


def build(config: dict) -> Grid:
    """Check a config wholly and lay out its jobs; raises ConfigError at the first mistake."""
    checked = checks.check(config)
    names = list(checked["studies"])
    if checked["run"] == "all":
        checked["run"] = names
    for name in checked["run"]:
        if name not in names:
            raise ConfigError(["run"], f"there is no study {name!r}", allowed=f"all, or a list of: {', '.join(names)}")
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
            ends: dict[str, list] = {}
            for path, chain in chains:
                jobs = _jobs_of_chain(study, seed, chain, path)
                end = jobs[-1].node
                if end in ends:
                    raise ConfigError(
                        path,
                        f"the chain {' > '.join(j.rpartition('/')[2] for j in _prefixes(end))} is there twice, "
                        f"first at {checks.dotted(ends[end])}",
                        allowed="every chain once: take one of the two out, or make them differ",
                    )
                ends[end] = path
                if name in checked["run"]:
                    for job in jobs:
                        _add(grid, job, path)
            if name in checked["run"] and "latency" in study and len(grid.timed(name, seed)) < 2:
                raise ConfigError(
                    ["studies", name, "latency"],
                    "selects no result of the study's chains",
                    allowed="values of prune_type, method, ratio and blocks that stand in its chains",
                )
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
            f"{model.name} takes images of {' or '.join(map(str, channels))} channels",
            allowed=", ".join(map(str, channels)),
            corrected={"channels": channels[0]},
        )


def _known(kind: str, name: str, backend: str, path: list) -> registry.Entry:
    try:
        return registry.get(kind, name, backend)
    except registry.UnknownName as unknown:
        raise ConfigError(
            path,
            f"there is no {kind.replace('_', ' ')} {name!r} for backend {backend}",
            allowed=", ".join(unknown.allowed) or "none",
            corrected={path[-1]: unknown.nearest or unknown.allowed[0]} if unknown.allowed and isinstance(path[-1], str) else None,
        ) from None


def _expand(study: dict, path: list) -> Iterator[tuple[list, list[tuple[str, dict]]]]:
    """Every chain of a study with its place: lists inside steps expanded, each step as (kind, given values)."""
    for number, chain in enumerate(study["chains"]):
        here = [*path, number]
        if not chain or _kind(chain[0]) != "train":
            first = f"begins with {_kind(chain[0])!r}" if chain else "is empty"
            steps = chain if chain and _kind(chain[0]) != "regularize" else chain[1:]
            raise ConfigError(here, f"the chain {first}", allowed="a chain begins with train", corrected=[["train", *steps]])
        if again := [i for i, step in enumerate(chain) if i and _kind(step) == "train"]:
            raise ConfigError(
                [*here, again[0]],
                "a chain trains once, at its beginning",
                allowed="regularize, prune, finetune after train; regularize and finetune train further",
            )
        options = [[(_kind(step), values) for values in _values(step, [*here, i])] for i, step in enumerate(chain)]
        for steps in itertools.product(*options):
            yield here, list(steps)


def _kind(step: Any) -> str:
    return step if isinstance(step, str) else next(iter(step))


LISTS = ("milestones", "augment")  # keys whose value is a list; to vary them give a list of lists


def _values(step: Any, path: list) -> Iterator[dict]:
    """All combinations of the values given in a step."""
    given = {} if isinstance(step, str) else next(iter(step.values()))
    kind = _kind(step)
    for alternative in given if isinstance(given, list) else [given or {}]:
        where = [*path, kind]
        if not isinstance(alternative, dict):
            raise ConfigError(where, f"{alternative!r} is not a set of keys with values", allowed="keys with values")
        axes = []
        for key, value in alternative.items():
            many = isinstance(value, list) and (key not in LISTS or any(isinstance(v, list) for v in value))
            if many and not value:
                raise ConfigError([*where, key], "the list is empty", allowed="at least one value")
            axes.append([(key, v) for v in (value if many else [value])])
        for values in itertools.product(*axes):
            values = dict(values)
            checks.check_part(values, kind if kind in ("prune", "finetune") else "recipe", where)
            yield values


def _jobs_of_chain(study: dict, seed: int, chain: list[tuple[str, dict]], path: list) -> list[Job]:
    jobs: list[Job] = []
    root = f"{study['name']}/seed{seed}"
    inherited = dict.fromkeys(COLUMNS)
    inherited |= {"study": study["name"], "seed": seed, "backend": study["backend"], "model": study["model"]["name"]}
    inherited |= {"width": study["model"]["width"], "weights": "random", "dataset": dataset_id(study["dataset"])}
    for position, (kind, given) in enumerate(chain):
        where = [*path, position, kind]
        given = dict(given)
        if kind == "prune":
            params, columns, names = _prune(study, given, where)
        else:
            params, columns, names = _training(study, kind, given, inherited, where)
            params |= {"seed": step_seed(study["name"], seed, position, kind), "model": study["model"]}
        parent = jobs[-1].node if jobs else None
        node = f"{parent or root}/{_folder(kind, given)}"
        inherited = inherited | columns | {"node": node, "parent": parent, "step": kind}
        inherited["chain"] = " > ".join(step for step, _ in chain[: position + 1])
        inherited["label"] = _label(inherited, len(study["seeds"]) > 1)
        uses = tuple(sorted(names | {("model", study["model"]["name"], study["backend"])}))
        jobs.append(Job(node, parent, study["name"], seed, kind, study["backend"], params, dict(inherited), uses))
    return jobs


def _training(study: dict, kind: str, given: dict, inherited: dict, path: list) -> tuple[dict, dict, set]:
    """Parameters, columns and registered names of a training step: the study's recipe and what the step changes."""
    backend, model = study["backend"], registry.get("model", study["model"]["name"], study["backend"])
    recipe = {**study["train"], **(study["finetune"] if kind == "finetune" else {}), **given}
    if kind != "train":
        recipe["init"] = None
    if recipe.pop("keep_penalty", False) and not recipe["penalty"]:
        recipe |= {"penalty": inherited["penalty"], "prune_type": inherited["penalty_type"]}
        recipe["coefficient"] = inherited["coefficient"] or recipe["coefficient"]
    names = set()
    if kind == "regularize" and not recipe["penalty"]:
        penalties = ", ".join(registry.entries("penalty", backend)) or "none for this backend"
        raise ConfigError(path, "regularize needs a penalty", allowed=f"penalty: {penalties}")
    if recipe["penalty"]:
        _known("penalty", recipe["penalty"], backend, [*path, "penalty"])
        if not recipe["prune_type"]:
            suitable = [e.name for e in registry.entries("prune_type", backend).values() if _suits(e, model)]
            raise ConfigError(
                path,
                f"the penalty {recipe['penalty']} needs to know its groups",
                allowed=f"prune_type: {', '.join(suitable)}",
                corrected={kind: {**given, "prune_type": suitable[0]}},
            )
        _check_prune_type(study, recipe["prune_type"], [*path, "prune_type"])
        names |= {("penalty", recipe["penalty"], backend), ("prune_type", recipe["prune_type"], backend)}
    else:
        recipe |= {"prune_type": None, "coefficient": None}
    for number, item in enumerate(recipe["augment"]):
        name, values = (item, {}) if isinstance(item, str) else next(iter(item.items()))
        where = [*path, "augment", number] if "augment" in given else ["studies", study["name"], "train", "augment", number]
        entry = _known("augmentation", name, backend, where)
        values = values if isinstance(values, dict) else {next(iter(_parameters(entry)), "value"): values}
        checks.check_arguments(entry, values, [*where, name], given=("images", "generator"))
        names.add(("augmentation", name, backend))
    if recipe["init"]:
        entry = _known("init", recipe["init"]["name"], backend, [*path, "init", "name"])
        values = {k: v for k, v in recipe["init"].items() if k != "name"}
        checks.check_arguments(entry, values, [*path, "init"])
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


def _prune(study: dict, given: dict, path: list) -> tuple[dict, dict, set]:
    """Parameters, columns and registered names of a prune step."""
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
        meaning = {"ratio": "ratio: the share to remove, from 0 up to, not including, 1", "blocks": "blocks: how many go"}
        example = {"ratio": 0.5, "blocks": 1}[amount]
        raise ConfigError(
            path, f"{prune_type.name} {wrong}", allowed=meaning[amount], corrected={"prune": {**rest, amount: given.get(amount, example)}}
        )
    most = registry.get("model", study["model"]["name"], backend).options.get("blocks", 0)
    if amount == "blocks" and given["blocks"] > most:
        raise ConfigError(
            [*path, "blocks"],
            f"{study['model']['name']} has {most} blocks",
            allowed=f"a whole number from 1 to {most}",
            corrected={"blocks": most},
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
    """A grid value as text, the same however it was written: the ratios 0.4 and 0.40 are both "0.40", 0.125 is itself."""
    if column != "ratio":
        return str(value)
    number = Decimal(str(value))
    return f"{number:.2f}" if number == round(number, 2) else f"{number.normalize():f}"


def _slug(value: Any) -> str:
    """A value as part of a folder's name."""
    if isinstance(value, dict):
        return "-".join(_slug(v) for v in value.values())
    if isinstance(value, list):
        return "-".join(_slug(v) for v in value) or "none"
    text = str(value).lower() if isinstance(value, bool) or value is None else str(value)
    return "".join(c if c.isalnum() or c in "._" else "-" for c in text)


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


def _prefixes(node: str) -> list[str]:
    parts = node.split("/")
    return ["/".join(parts[: i + 1]) for i in range(2, len(parts))]


def _add(grid: Grid, job: Job, path: list) -> None:
    known = grid.jobs.setdefault(job.node, job)
    if known.params != job.params:
        raise ConfigError(path, f"two different steps would share the folder {job.node}", allowed="values that differ in their text")
