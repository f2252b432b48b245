"""The step `prune`: remove groups of weights, at once or gradually while the net is trained further."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from espalier import registry
from espalier.plan import amounts
from espalier.plan.explain import ConfigError
from espalier.plan.job import Use
from espalier.plan.keys import Table, defaults, key, named
from espalier.plan.lookup import known, model_of, prune_type_of
from espalier.plan.steps import finetune
from espalier.plan.steps.ranking import NORMALIZED, check_shares, normalization, usual_normalization
from espalier.plan.steps.step import Place, Planned, Step

SCHEDULE = ("initial", "begin", "end", "every")  # of gradual pruning
GRADUAL = (*SCHEDULE, "epochs", "learning_rate")  # keys that only gradual pruning has a use for


class Prune(Table):
    """The keys of that step in chains."""

    prune_type: Annotated[str, key("What is removed.", required=True), named(registry.PruneType)]
    method: Annotated[
        str,
        key("The importance score that decides what goes first; the prune type's own, if not given."),
        named(registry.Score),
    ]
    ratio: Annotated[float, key("Share of the groups to remove.", minimum=0, exclusiveMaximum=1, examples=[0.5])]
    blocks: Annotated[int, key("How many residual blocks to remove (depth_wise).", minimum=1)]
    threshold: Annotated[
        float,
        key("What scores below it is removed (instead of a ratio).", exclusiveMinimum=0, examples=[0.001]),
    ]
    pattern: Annotated[
        str,
        key(
            'N:M sparsity (weight); "2:4", in quotes, keeps the best 2 of each 4 weights.',
            pattern="^[1-9][0-9]*:[1-9][0-9]*$",
            examples=["2:4"],
        ),
    ]
    macs: Annotated[
        float,
        key(
            "Share of the dense net's MACs to leave (PyTorch; channels and neurons).",
            exclusiveMinimum=0, exclusiveMaximum=1, examples=[0.5],
        ),
    ]  # fmt: skip
    params: Annotated[
        float,
        key(
            "Share of the dense net's parameters to leave (PyTorch); of single weights, of those that are not zero.",
            exclusiveMinimum=0, exclusiveMaximum=1, examples=[0.25],
        ),
    ]  # fmt: skip
    speed_up: Annotated[
        float, key("MACs of the dense net / MACs to leave (PyTorch).", exclusiveMinimum=1, examples=[2.0])
    ]
    compression: Annotated[
        float, key("Parameters of the dense net / parameters to leave (PyTorch).", exclusiveMinimum=1, examples=[4.0])
    ]
    size_mib: Annotated[
        float, key("The most that the net's file may take, in MiB (PyTorch).", exclusiveMinimum=0, examples=[1.5])
    ]
    multiple: Annotated[
        Literal[1, 2, 4, 8, 16],
        key("Each layer keeps a multiple of this many channels, rounded up (PyTorch).", default=8),
    ]
    least: Annotated[
        float,
        key(
            "Share of each layer's channels in the dense net that always stays (PyTorch); rounded up to the multiple. "
            "Without it, the multiple itself is the least.",
            exclusiveMinimum=0, exclusiveMaximum=1, examples=[0.1],
        ),
    ]  # fmt: skip
    scope: Annotated[
        Literal["global", "layer", "erk"],
        key(
            "Whether one threshold is found for the whole net, or one for each layer; the prune type's own, if not "
            "given. erk: one for each layer, of which a share by its shape stays (weight, PyTorch)."
        ),
    ]
    normalize: Annotated[
        Literal["none", "layer"],
        key(
            "layer: each layer's scores are divided by their mean before the layers compete (scope global), as "
            "Torch-Pruning does by default; the score's own, if not given (PyTorch)."
        ),
    ]
    schedule: Annotated[
        Literal["at_once", "gradual"],
        key(
            "At once, or gradually while training further by the `finetune` recipe (weight).",
            default="at_once",
        ),
    ]
    initial: Annotated[float, key("gradual: sparsity to begin with.", default=0.0, minimum=0, exclusiveMaximum=1)]
    begin: Annotated[
        float,
        key("gradual: share of the steps after which pruning begins.", default=0.0, minimum=0, exclusiveMaximum=1),
    ]
    end: Annotated[
        float,
        key(
            "gradual: share of the steps at which the ratio is reached.",
            default=0.8,
            exclusiveMinimum=0,
            maximum=1,
        ),
    ]
    every: Annotated[int, key("gradual: steps between two prunings.", default=5, minimum=1)]
    epochs: Annotated[int, key("gradual: epochs, instead of those of `finetune`.", minimum=1, examples=[10])]
    learning_rate: Annotated[
        float,
        key("gradual: learning rate, instead of that of `finetune`.", exclusiveMinimum=0, examples=[0.01]),
    ]


@dataclass(frozen=True)
class Pruning:
    """What is pruned, by which importance score, and how much."""

    prune_type: registry.PruneType
    score: registry.Score
    amount: amounts.Amount
    scope: str | None  # None: the prune type has none
    normalize: str | None  # "layer": each layer's scores are divided by their mean
    gradual: bool
    kept: dict[str, Any]  # what layers keep whatever the amount, where that is not the usual: `multiple`, `least`

    def params(self) -> dict[str, Any]:
        """What the library is called with."""
        params = {"prune_type": self.prune_type.name, "method": self.score.name, self.amount.key: self.amount.value}
        optional = {"scope": self.scope, "normalize": self.normalize}
        return params | self.kept | {name: value for name, value in optional.items() if value is not None}

    def columns(self) -> dict[str, Any]:
        """What the node is known by, its amount aside."""
        scope = {"scope": NORMALIZED if self.normalize else self.scope}
        return {"prune_type": self.prune_type.name, "method": self.score.name} | scope

    def uses(self, backend: str) -> set[Use]:
        """The registered entries."""
        return {("prune_type", self.prune_type.name, backend), ("score", self.score.name, backend)}


def plan(at: Place) -> Planned:
    """The pruning, and for gradual pruning its schedule and the recipe that it trains by."""
    pruning = _pruning(at)
    params, uses = pruning.params(), pruning.uses(at.backend)
    columns = {"scope": None, **amounts.columns(pruning.amount), "schedule": None, "retraining": None, "budget": None}
    columns |= pruning.columns()
    if pruning.gradual:
        values = defaults(Prune) | at.given
        params["gradual"] = {name: values[name] for name in SCHEDULE}
        own = {key: at.given[key] for key in ("epochs", "learning_rate") if key in at.given}
        # An epoch before the last may be better, and not yet as sparse as asked.
        trained = finetune.inside(at, **own, select="last")
        params["recipe"] = trained.recipe.params()
        columns |= {"schedule": "gradual"} | {key: trained.columns[key] for key in ("epochs", "select")}
        uses |= trained.uses
    given = {key: value for key, value in at.given.items() if key not in amounts.KEPT} | pruning.kept
    given |= {"method": pruning.score.name, pruning.amount.key: pruning.amount.value}
    if pruning.normalize == usual_normalization(pruning.prune_type, pruning.score, pruning.amount.key, pruning.scope):
        given.pop("normalize", None)
    return Planned(params, columns, uses, given, _function(pruning, at.backend))


def _function(pruning: Pruning, backend: str) -> str | None:
    """The library function, where it is not the step's usual one."""
    if pruning.amount.key in registry.COSTS:
        return "amounts.prune_model"
    return "gradual.prune_model" if pruning.gradual and backend == "pytorch" else None


def _pruning(at: Place) -> Pruning:
    """What the step says of the pruning, checked, with what it leaves open filled in."""
    given, path = at.given, at.path
    prune_type = prune_type_of(at.study, given["prune_type"], [*path, "prune_type"])
    _check_schedule(prune_type, given, path)
    score = _score(prune_type, at)
    amount = amounts.of_step(prune_type, score, given, path)
    gradual = given.get("schedule") == "gradual"
    scope = "layer" if gradual else prune_type.usual_scope(score)
    chosen = given.get("scope", scope) if prune_type.scopes else None
    normalize = normalization(prune_type, score, amount.key, chosen, given, path)
    kept = amounts.kept(prune_type, given, path)
    pruning = Pruning(prune_type, score, amount, chosen, normalize, gradual, kept)
    _check_settled(pruning, scope, given, path)
    amounts.check_before(amount, at)
    _check_scope(prune_type, given, path)
    check_shares(amount.key, chosen, path)
    return pruning


def _score(prune_type: registry.PruneType, at: Place) -> registry.Score:
    """The importance score that is given, or the prune type's own; one that its groups can be ranked by."""
    methods = _methods(at.study, prune_type)
    method = at.given.get("method", prune_type.default_method or methods[0])
    score = known(registry.Score, method, at.backend, [*at.path, "method"])
    if method not in methods:
        raise ConfigError(
            [*at.path, "method"],
            f"{prune_type.name} of {at.study['model']['name']} does not go by {method}",
            allowed=", ".join(methods),
            corrected={"method": methods[0]},
        )
    return score


def _methods(study: dict[str, Any], prune_type: registry.PruneType) -> list[str]:
    """The scores that a prune type can go by on the study's net."""
    model = model_of(study)
    return [
        score.name
        for score in registry.entries(registry.Score, study["backend"]).values()
        if set(prune_type.by) <= set(score.of) and (not score.needs or model.offers(score.needs))
    ]


def _check_settled(pruning: Pruning, scope: str | None, given: dict[str, Any], path: list) -> None:
    """Gradual pruning, and single weights below a threshold, go by the prune type's own score and scope."""
    prune_type = pruning.prune_type
    if pruning.gradual:
        what = "gradual pruning"
    elif pruning.amount.key == "threshold" and prune_type.by == ("weights",):
        what = f"{prune_type.name} below a threshold"
    else:
        return
    wanted = {"method": prune_type.default_method, "scope": scope}
    for name, value in {"method": pruning.score.name, "scope": given.get("scope", scope)}.items():
        if value != wanted[name]:
            own = wanted[name]
            raise ConfigError([*path, name], f"{what} goes by {own}", allowed=own or "", corrected={name: own})


def _check_scope(prune_type: registry.PruneType, given: dict[str, Any], path: list) -> None:
    if "scope" in given and given["scope"] not in prune_type.scopes:
        raise ConfigError(
            [*path, "scope"],
            f"{prune_type.name} has no scope {given['scope']}",
            allowed=", ".join(prune_type.scopes) or f"no scope: {prune_type.name} chooses among all of the net's",
        )


def _check_schedule(prune_type: registry.PruneType, given: dict[str, Any], path: list) -> None:
    """Gradual pruning: of what can be pruned so, with a schedule that goes up; its keys with nothing else."""
    if given.get("schedule") == "gradual":
        _check_gradual(prune_type, given, path)
        _check_course(given, path)
    elif spare := next((key for key in GRADUAL if key in given), None):
        raise ConfigError(
            path,
            f"{spare} says how a net is pruned gradually, and this one is pruned at once",
            allowed=f"{', '.join(GRADUAL)} with schedule: gradual",
            corrected={"prune": {**given, "schedule": "gradual"}},
        )


def _check_gradual(prune_type: registry.PruneType, given: dict[str, Any], path: list) -> None:
    if "gradual" in prune_type.schedules and "ratio" in given:
        return
    able = [e.name for e in registry.entries(registry.PruneType, prune_type.backend).values() if e.schedules]
    raise ConfigError(
        [*path, "schedule"],
        f"{prune_type.name} by {' and '.join(key for key in amounts.AMOUNTS if key in given)} is not pruned gradually",
        allowed=f"at_once; gradual for {', '.join(able)}, by ratio",
        corrected={"schedule": "at_once"},
    )


def _check_course(given: dict[str, Any], path: list) -> None:
    """From less to more, from before to after."""
    usual = defaults(Prune)
    values = usual | given
    if values["initial"] >= values["ratio"] > 0:
        raise ConfigError(
            [*path, "initial"],
            f"pruning would begin at {values['initial']}, and end at {values['ratio']}",
            allowed="a sparsity below the ratio",
            corrected={"initial": usual["initial"]},
        )
    if values["begin"] >= values["end"]:
        raise ConfigError(
            [*path, "end"],
            f"pruning would end at {values['end']} of the steps, where it has not begun",
            allowed="begin below end, both shares of all steps",
            corrected={name: usual[name] for name in ("begin", "end")},
        )


def words(columns: dict[str, Any]) -> Iterator[str]:
    """What was pruned, by which score, how much, what competed if that is not the usual, and whether gradually."""
    if columns["prune_type"]:
        kind = registry.get(registry.PruneType, columns["prune_type"], columns["backend"])
        usual = kind.usual_competition(registry.get(registry.Score, columns["method"], columns["backend"]))
        chooses = columns["threshold"] is None and columns["pattern"] is None  # among groups that compete
        scope = columns["scope"] if chooses and columns["scope"] != usual else None
        parts = (columns["prune_type"], columns["method"], amounts.words(columns), scope, columns["schedule"])
        yield " ".join(part for part in parts if part)


PRUNE = Step(
    kind="prune",
    noun="pruning",
    about=(
        "Removes groups of weights, at once or gradually while the net is trained further.\n"
        "[How much](how_much_to_prune.md) is a ratio, or what is to be left: MACs, parameters, a file size.\n"
        "`regularize`, `prune` and `finetune` may follow in any order and number, so that iterative pruning "
        "is a chain like any other:\n"
        "`[train, prune: {...}, finetune, prune: {...}, finetune]`, in short "
        "`[train, rounds: {number: 2, steps: [prune: {...}, finetune]}]`."
    ),
    message="pruning {params.label}",
    keys=Prune,
    named=("prune_type", "method", *amounts.NAMED, "scope", "schedule"),
    plan=plan,
    words=words,
    reads=("parent", "dense", "data"),
    function="prune.prune_model",
)
