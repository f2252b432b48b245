"""What a step of a chain is run with: its parameters, checked against the register and the study, the columns that its
node is known by, and the registered functions that it uses. An impossible combination is refused here, in words."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

from espalier import registry
from espalier.plan import config as checks
from espalier.plan import naming
from espalier.plan.config import ConfigError
from espalier.registry import E

AMOUNTS = {
    "ratio": ("ratio: the share to remove, from 0 up to, not including, 1", 0.5),
    "blocks": ("blocks: how many go", 1),
    "threshold": ("threshold: what scores below it goes", 0.001),
    "pattern": ('pattern: how many of how many stay, as text in quotes: "2:4"', "2:4"),
}
NEW = ("train", "scratch")  # steps that train from new weights
SCHEDULE = ("initial", "begin", "end", "every")  # of gradual pruning
RATES = ("learning_rate", "warmup_epochs", "warmup_from", "milestones", "gamma", "plateau")  # of a recipe: its schedule
STEPS = ("batch_size", "optimizer", "momentum", "nesterov")  # of a recipe: what a learning rate is worth by
GRADUAL = (*SCHEDULE, "epochs", "learning_rate")  # keys of a prune step that only gradual pruning has a use for


@dataclass(frozen=True)
class Step:
    """params: what the library is called with; columns: what the step adds to its node's; uses: names it registers."""

    params: dict
    columns: dict
    uses: set


def known(kind: type[E], name: str, backend: str, path: list) -> E:
    """The registered entry of that name, or a ConfigError that says what there is."""
    try:
        return registry.get(kind, name, backend)
    except registry.UnknownName as unknown:
        meant = unknown.nearest or next(iter(unknown.allowed), None)
        corrected = {path[-1]: meant} if isinstance(path[-1], str) else [meant]
        raise ConfigError(
            path,
            f"there is no {kind.kind.replace('_', ' ')} {name!r} for backend {backend}",
            allowed=", ".join(unknown.allowed) or "none",
            corrected=corrected if unknown.allowed else None,
        ) from None


def model_of(study: dict) -> registry.Model:
    """The registered architecture of a study."""
    return registry.get(registry.Model, study["model"]["name"], study["backend"])


def training(study: dict, kind: str, given: dict, inherited: dict, path: list, before: Sequence = ()) -> Step:
    """A training step: the study's recipe and what the step changes. before: the jobs of the chain's steps so far."""
    backend = study["backend"]
    section = study[kind] if kind in ("finetune", "scratch") else {}
    recipe = {**(_without_penalty(study, before) if kind == "scratch" else study["train"]), **section, **given}

    def place(key: str) -> list:
        """Where a value of the recipe stands."""
        if key in given:
            return [*path, key]
        return ["studies", study["name"], kind if key in section else "train", key]

    if kind not in NEW:
        recipe["init"] = None
    budget = recipe.pop("budget", "epochs")
    if budget == "flops":
        _check_flops(before, place("budget"))
    keep, own = recipe.pop("keep_penalty", False), {**section, **given}
    if rewind := recipe.pop("rewind", False):
        recipe |= _rewound(study, given, before, place, path)
    if kind == "finetune" and "penalty" not in own:  # then nothing but keep_penalty leaves one on
        recipe |= {"penalty": inherited["penalty"] if keep else None, "prune_type": inherited["penalty_type"]}
        if "coefficient" not in own:
            recipe["coefficient"] = inherited["coefficient"]
    uses = _penalty(study, kind, recipe, given, place, path)
    if recipe["nesterov"] and not recipe["momentum"]:
        raise ConfigError(
            place("nesterov"),
            "Nesterov's momentum needs momentum",
            allowed="true with momentum above 0",
            corrected={"momentum": 0.9},
        )
    if recipe["plateau"] and not study["dataset"]["validation"]:
        raise ConfigError(
            place("plateau"),
            "goes by accuracy on validation images, and the data set keeps none",
            allowed="null, or dataset.validation above 0",
            corrected={"plateau": None},
        )
    if recipe["select"] == "best_validation" and not study["dataset"]["validation"]:
        raise ConfigError(
            place("select"),
            "chooses by accuracy on validation images, and the data set keeps none",
            allowed="last, or dataset.validation above 0",
            corrected={"select": "last"},
        )
    if recipe["precision"] != "float32" and backend != "pytorch":
        raise ConfigError(
            place("precision"),
            f"{recipe['precision']}, but {backend} trains in float32 only",
            allowed="float32; bf16 for backend pytorch",
            corrected={"precision": "float32"},
        )
    uses |= _augmentations(study, recipe["augment"], place("augment"))
    if kind == "train" and recipe["init"] and study["model"]["weights"] != "random":
        raise ConfigError(
            place("init"),
            f"draws new weights, and the model begins with those of {study['model']['weights']}",
            allowed="null, or model.weights: random",
            corrected={"init": None},
        )
    if recipe["init"]:
        entry = known(registry.Init, recipe["init"]["name"], backend, [*place("init"), "name"])
        values = {k: v for k, v in recipe["init"].items() if k != "name"}
        checks.check_arguments(entry, values, place("init"))
        uses.add(("init", entry.name, backend))
    columns = {"epochs": recipe["epochs"], "penalty": recipe["penalty"], "penalty_type": recipe["prune_type"]}
    columns["coefficient"] = recipe["coefficient"]
    columns["retraining"] = "rewind" if rewind else kind if kind in ("finetune", "scratch") else None
    # What is made of a net that was chosen by its test images has seen them, too.
    columns["select"] = "best_test" if inherited["select"] == "best_test" else recipe["select"]
    if kind in NEW:
        columns["init"] = naming.slug(recipe["init"]) if recipe["init"] else None
    elif not recipe["penalty"]:  # what the net was regularised by, it stays regularised by
        columns |= {key: inherited[key] for key in ("penalty", "penalty_type", "coefficient")}
    if kind == "scratch":
        columns |= {"weights": "random", "budget": budget}
        columns |= {"epochs": None} if budget == "flops" else {}  # the job works it out, and records it
        return Step({"recipe": recipe, "scratch": budget}, columns, uses)
    return Step({"recipe": recipe}, columns, uses)


def _without_penalty(study: dict, before: Sequence) -> dict:
    """The recipe of the training that a chain begins with, its initialisation with it, but not its penalty."""
    return before[0].params["recipe"] | {
        "penalty": None, "prune_type": None, "coefficient": study["train"]["coefficient"]
    }  # fmt: skip


def _check_flops(before: Sequence, path: list) -> None:
    """A net is trained for the FLOPs of the dense one only if it has fewer of them for each image."""
    pruned = [
        registry.get(registry.PruneType, job.params["prune_type"], job.backend) for job in before if job.step == "prune"
    ]
    if all(kind.by == ("weights",) for kind in pruned):
        raise ConfigError(
            path,
            "flops, but pruning of single weights leaves the MACs of a net as they are: it would be as many epochs",
            allowed="epochs; flops after filters, channels, units or blocks were removed",
            corrected={"budget": "epochs"},
        )


def _rewound(study: dict, given: dict, before: Sequence, place, path: list) -> dict:
    """What learning-rate rewinding changes in the recipe of fine-tuning: its schedule is that of the last training from
    new weights, from an `offset` (epochs) on. What a rate is worth by, the size of batches and the optimizer, is as
    there too, unless the study's `finetune` or the step says otherwise."""
    began = next(job for job in reversed(before) if job.step in NEW)
    origin, section = began.params["recipe"], study["finetune"]
    beside = given if "rewind" in given else {**section, **given}  # a step that rewinds wins over its section
    if clash := next((key for key in RATES if key in beside), None):
        raise ConfigError(
            [*path, "rewind"] if clash in given else place("rewind"),
            f"takes the learning rates of the training, and {clash} is given too",
            allowed=f"false, or true without {', '.join(RATES)}",
            corrected={"rewind": False},
        )
    if began.params.get("scratch") == "flops":
        raise ConfigError(
            place("rewind"),
            "how many epochs there are to rewind is not known before the training from scratch, whose budget is flops",
            allowed="false, or true after scratch: {budget: epochs}",
            corrected={"rewind": False},
        )
    if origin["plateau"]:
        raise ConfigError(
            place("rewind"),
            "there is no schedule to rewind to: the training lowers its learning rate when it stalls (plateau)",
            allowed="false, or true after a training with plateau: null",
            corrected={"rewind": False},
        )
    own = {**section, **given}
    epochs = own.get("epochs", origin["epochs"])
    if epochs > origin["epochs"]:
        raise ConfigError(
            place("epochs"),
            f"{epochs}, but there are only {origin['epochs']} epochs of training to rewind",
            allowed=f"a whole number from 1 to {origin['epochs']}",
            corrected={"epochs": origin["epochs"]},
        )
    taken = {key: origin[key] for key in (*RATES, *(key for key in STEPS if key not in own))}
    return taken | {"epochs": epochs, "offset": origin["epochs"] - epochs}


def _penalty(study: dict, kind: str, recipe: dict, given: dict, place, path: list) -> set:
    """Check the recipe's penalty; without one its keys become None in the recipe."""
    backend = study["backend"]
    suitable = [e.name for e in registry.entries(registry.PruneType, backend).values() if _suits(e, model_of(study))]
    if kind == "regularize" and not recipe["penalty"]:
        penalties = list(registry.entries(registry.Penalty, backend))
        raise ConfigError(
            [*path, "penalty"],
            "is missing: regularize trains with a penalty",
            allowed=", ".join(penalties) or f"none: {backend} has no penalties",
            corrected={"penalty": penalties[0], "prune_type": suitable[0]} if penalties else None,
        )
    if recipe["penalty"]:
        known(registry.Penalty, recipe["penalty"], backend, place("penalty"))
        if not recipe["prune_type"]:
            raise ConfigError(
                [*place("penalty")[:-1], "prune_type"],
                f"is missing: the penalty {recipe['penalty']} needs to know its groups",
                allowed=", ".join(suitable),
                corrected={"prune_type": suitable[0]},
            )
        _check_prune_type(study, recipe["prune_type"], place("prune_type"))
        return {("penalty", recipe["penalty"], backend), ("prune_type", recipe["prune_type"], backend)}
    if given.get("prune_type"):
        raise ConfigError(
            [*path, "prune_type"],
            f"{given['prune_type']!r} says what a penalty's groups are, and there is no penalty",
            allowed="with it, penalty: "
            + (", ".join(registry.entries(registry.Penalty, backend)) or "none for this backend"),
        )
    recipe |= {"prune_type": None, "coefficient": None}
    return set()


def _augmentations(study: dict, steps: list, path: list) -> set:
    """Check a recipe's augmentations; their images must end at the data set's size."""
    size, uses = study["dataset"]["size"], set()
    for number, item in enumerate(steps):
        name, values = (item, {}) if isinstance(item, str) else next(iter(item.items()))
        where = [*path, number]
        entry = known(registry.Augmentation, name, study["backend"], where)
        if not isinstance(values, dict):
            values = {} if values is None else {next(iter(_parameters(entry)), "value"): values}
        examples = {"size": study["dataset"]["size"]}
        checks.check_arguments(entry, values, [*where, name], given=("images", "generator"), examples=examples)
        room = size + 2 * values.get("padding", 0)
        if values.get("size", 0) > room and entry.crops:
            raise ConfigError(
                [*where, name, "size"],
                f"{values['size']} is more than the {room} pixels there are",
                allowed=f"a whole number, at most {room}",
                corrected={"size": study["dataset"]["size"]},
            )
        size = values.get("size", size)
        uses.add(("augmentation", name, study["backend"]))
    if size != study["dataset"]["size"]:
        raise ConfigError(
            path,
            f"training would see images of {size} pixels, evaluation of {study['dataset']['size']}",
            allowed="augmentations that end at the data set's size",
        )
    return uses


def _parameters(entry: registry.Entry) -> list[str]:
    return [name for name in inspect.signature(entry.function).parameters if name not in ("images", "generator")]


def prune(study: dict, given: dict, inherited: dict, blocks: int, path: list) -> Step:
    """A prune step. blocks: how many residual blocks the net still has. Fills the default method into `given`."""
    backend = study["backend"]
    kind = _check_prune_type(study, given["prune_type"], [*path, "prune_type"])
    _check_schedule(kind, given, path)
    methods = _methods(study, kind)
    method = given.setdefault("method", kind.default_method or methods[0])
    score = known(registry.Score, method, backend, [*path, "method"])
    if method not in methods:
        raise ConfigError(
            [*path, "method"],
            f"{kind.name} of {study['model']['name']} does not go by {method}",
            allowed=", ".join(methods),
            corrected={"method": methods[0]},
        )
    amount = _amount(kind, given, path)
    scopes = kind.scopes
    scope = score.scope if score.scope in scopes else next(iter(scopes), None)
    _check_amount(amount, score, given, path)
    own = {"method": kind.default_method, "scope": scope}
    if given.get("schedule") == "gradual" or (amount == "threshold" and kind.by == ("weights",)):
        for key, value in own.items():
            if given.get(key, value) != value:
                what = "gradual pruning" if given.get("schedule") == "gradual" else f"{kind.name} below a threshold"
                raise ConfigError([*path, key], f"{what} goes by {value}", allowed=value, corrected={key: value})
    if amount == "blocks" and given["blocks"] > blocks:
        raise ConfigError(
            [*path, "blocks"],
            f"{given['blocks']}, but {study['model']['name']} has {blocks} blocks" + (" left" if blocks else ""),
            allowed=f"a whole number from 1 to {blocks}" if blocks else "no block is left to remove",
            corrected={"blocks": blocks} if blocks else None,
        )
    if amount == "ratio":
        given["ratio"] = naming.text("ratio", given["ratio"])
    if "scope" in given and given["scope"] not in scopes:
        raise ConfigError(
            [*path, "scope"],
            f"{kind.name} has no scope {given['scope']}",
            allowed=", ".join(scopes) or f"no scope: {kind.name} chooses among all of the net's",
        )
    params = {"prune_type": kind.name, "method": method, amount: given[amount]}
    if scopes:
        params["scope"] = given.get("scope", scope)
    columns = {"scope": None, **dict.fromkeys(AMOUNTS), "schedule": None, "retraining": None, "budget": None} | params
    uses = {("prune_type", kind.name, backend), ("score", method, backend)}
    if given.get("schedule") == "gradual":
        defaults = checks.schema()["$defs"]["prune"]["properties"]
        params["gradual"] = {key: given.get(key, defaults[key]["default"]) for key in SCHEDULE}
        # An epoch before the last may be better, and not yet as sparse as asked.
        own = {k: given[k] for k in ("epochs", "learning_rate") if k in given} | {"select": "last", "rewind": False}
        again = training(study, "finetune", own, inherited, path)
        params["recipe"] = again.params["recipe"]
        columns |= {"schedule": "gradual"} | {key: again.columns[key] for key in ("epochs", "select")}
        uses |= again.uses
    return Step(params, columns, uses)


def _methods(study: dict, kind: registry.PruneType) -> list[str]:
    """The scores that a prune type can go by on the study's net."""
    structures = model_of(study).has
    return [
        score.name
        for score in registry.entries(registry.Score, study["backend"]).values()
        if set(kind.by) <= set(score.of) and (not score.needs or score.needs in structures)
    ]


def _amount(kind: registry.PruneType, given: dict, path: list) -> str:
    """The key that says how much is pruned: one of those that the prune type takes, and no other."""
    allowed, there = kind.amounts, [key for key in AMOUNTS if key in given]
    if len(there) == 1 and there[0] in allowed:
        return there[0]
    others = " and ".join(key for key in there if key not in allowed)
    wrong = f"takes {' or '.join(allowed)}, not {others}" if there else f"needs {' or '.join(allowed)}"
    if len(there) > 1 and set(there) <= set(allowed):
        wrong = f"takes one of {' and '.join(there)}, not both"
    use = next((key for key in there if key in allowed), allowed[0])
    rest = {k: v for k, v in given.items() if k not in AMOUNTS}
    raise ConfigError(
        path,
        f"{kind.name} {wrong}",
        allowed="; ".join(AMOUNTS[key][0] for key in allowed),
        corrected={"prune": {**rest, use: given.get(use, AMOUNTS[use][1])}},
    )


def _check_amount(amount: str, score: registry.Score, given: dict, path: list) -> None:
    """What a threshold and a pattern do not go with."""
    if amount == "pattern":
        kept, of = map(int, given["pattern"].split(":"))
        if kept >= of:
            raise ConfigError(
                [*path, "pattern"],
                f"{given['pattern']!r} keeps {kept} of {of} weights",
                allowed='fewer than there are, such as "2:4"',
                corrected={"pattern": "2:4"},
            )
    if amount in ("pattern", "threshold") and "scope" in given:
        raise ConfigError(
            [*path, "scope"],
            f"makes no difference beside a {amount}, which every layer is held to by itself",
            allowed="scope beside a ratio",
        )
    if amount == "threshold" and "generator" in inspect.signature(score.function).parameters:
        raise ConfigError(
            [*path, "method"],
            f"{score.name} draws its scores: a threshold means nothing to it",
            allowed="a score of the weights, such as max_abs",
            corrected={"method": "max_abs"},
        )


def _check_schedule(kind: registry.PruneType, given: dict, path: list) -> None:
    schedule = given.get("schedule", "at_once")
    if schedule == "gradual" and (schedule not in kind.schedules or "ratio" not in given):
        able = [e.name for e in registry.entries(registry.PruneType, "keras").values() if e.schedules]
        raise ConfigError(
            [*path, "schedule"],
            f"{kind.name} by {' and '.join(key for key in AMOUNTS if key in given)} is not pruned gradually",
            allowed=f"at_once; gradual for {', '.join(able)} of backend keras, by ratio",
            corrected={"schedule": "at_once"},
        )
    spare = [key for key in GRADUAL if key in given]
    if schedule != "gradual" and spare:
        raise ConfigError(
            path,
            f"{spare[0]} says how a net is pruned gradually, and this one is pruned at once",
            allowed=f"{', '.join(GRADUAL)} with schedule: gradual",
            corrected={"prune": {**given, "schedule": "gradual"}},
        )
    if schedule == "gradual" and given.get("initial", 0.0) >= given["ratio"] > 0:
        raise ConfigError(
            [*path, "initial"],
            f"pruning would begin at {given['initial']}, and end at {given['ratio']}",
            allowed="a sparsity below the ratio",
            corrected={"initial": 0.0},
        )
    if schedule == "gradual" and given.get("begin", 0.0) >= given.get("end", 0.8):
        raise ConfigError(
            [*path, "end"],
            f"pruning would end at {given.get('end', 0.8)} of the steps, where it has not begun",
            allowed="begin below end, both shares of all steps",
            corrected={"begin": 0.0, "end": 0.8},
        )


def quantize(study: dict, given: dict, inherited: dict, path: list) -> Step:
    """A quantize step."""
    backend = study["backend"]
    scheme = known(registry.Scheme, given["scheme"], backend, [*path, "scheme"])
    training_keys = [key for key in ("epochs", "learning_rate") if key in given]
    if training_keys and not scheme.trains:
        raise ConfigError(
            path,
            f"{scheme.name} trains nothing, and {training_keys[0]} is given",
            allowed="epochs and learning_rate with a scheme that trains: "
            + (", ".join(e.name for e in registry.entries(registry.Scheme, backend).values() if e.trains) or "none"),
            corrected={"quantize": {k: v for k, v in given.items() if k not in training_keys}},
        )
    if "calibration_images" in given and not scheme.calibrated:
        raise ConfigError(
            path,
            f"{scheme.name} needs no calibration, and calibration_images are given",
            allowed="calibration_images with a scheme that is calibrated",
            corrected={"quantize": {k: v for k, v in given.items() if k != "calibration_images"}},
        )
    params, columns, uses = {"scheme": scheme.name}, {"scheme": scheme.name}, {("scheme", scheme.name, backend)}
    if scheme.calibrated:
        default = checks.schema()["$defs"]["quantize"]["properties"]["calibration_images"]["default"]
        params["calibration_images"] = given.get("calibration_images", default)
    if scheme.trains:
        own = {key: given[key] for key in training_keys} | {"rewind": False}
        again = training(study, "finetune", own, inherited, path)
        params["recipe"] = again.params["recipe"]
        columns |= {key: again.columns[key] for key in ("epochs", "select")}
        uses |= again.uses
    return Step(params, columns, uses)


def _suits(prune_type: registry.PruneType, model: registry.Model) -> bool:
    return prune_type.needs in model.has


def _check_prune_type(study: dict, name: str, path: list) -> registry.PruneType:
    prune_type, model = known(registry.PruneType, name, study["backend"], path), model_of(study)
    if not _suits(prune_type, model):
        need = prune_type.needs.replace("_", " ")
        models = [m.name for m in registry.entries(registry.Model, study["backend"]).values() if _suits(prune_type, m)]
        types = [p.name for p in registry.entries(registry.PruneType, study["backend"]).values() if _suits(p, model)]
        raise ConfigError(
            path,
            f"{name} needs {need}, and {model.name} has none",
            allowed=f"{', '.join(types)} on {model.name}; {name} on {', '.join(models) or 'no registered model'}",
            corrected={"prune_type": types[0]},
        )
    return prune_type
