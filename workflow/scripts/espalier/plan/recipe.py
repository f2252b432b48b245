"""The recipe of a training: put together from what the study and the step say, then checked."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypedDict

from espalier import registry
from espalier.plan import naming
from espalier.plan.augmentations import augmentations
from espalier.plan.explain import ConfigError
from espalier.plan.job import Use
from espalier.plan.keys import Table, defaults, key, limits, named
from espalier.plan.lookup import known, model_of, prune_type_of, prune_types_of
from espalier.plan.validate import check_arguments

if TYPE_CHECKING:
    from espalier.plan.steps.step import Place

NAMED = ("budget", "penalty", "prune_type")  # keys whose values name the folder of a training without the key
SCALED = "filter_wise"  # the prune type whose groups have a scale each, that of their batch norm
PENALTY = ("penalty", "penalty_type", "coefficient")  # columns: what a net was regularised by
# Keys that do not go with a schedule.
BESIDE = {"one_cycle": ("milestones", "plateau", "warmup_epochs"), "cosine": ("milestones", "plateau")}


class Plateau(TypedDict):
    """When the learning rate is lowered by what validation shows."""

    factor: Annotated[
        float,
        key("Factor on the learning rate.", required=True, exclusiveMinimum=0, exclusiveMaximum=1, examples=[0.5]),
    ]
    patience: Annotated[int, key("Epochs without improvement before that.", required=True, minimum=1, examples=[3])]
    minimum: Annotated[
        float,
        key("Learning rate below which it does not go.", required=True, minimum=0, examples=[1.0e-5]),
    ]


class Init(TypedDict):
    """Initial weights: a distribution; its values stand beside its name."""

    name: Annotated[str, key("Registered initialisation; its values beside it.", required=True), named(registry.Init)]


@dataclass(frozen=True, kw_only=True)
class Recipe(Table):
    """The study's `train`, and the keys of training steps in chains."""

    epochs: Annotated[int, key("Passes over the training images.", required=True, minimum=1, examples=[10])]
    batch_size: Annotated[int, key("Images per step.", default=128, minimum=1)]
    optimizer: Annotated[Literal["sgd", "adam"], key("Stochastic gradient descent, or Adam.", default="sgd")]
    learning_rate: Annotated[float, key("Learning rate after warm-up.", default=0.05, exclusiveMinimum=0)]
    momentum: Annotated[float, key("Momentum of sgd.", default=0.0, minimum=0, exclusiveMaximum=1)]
    nesterov: Annotated[bool, key("Nesterov's momentum.", default=False)]
    weight_decay: Annotated[float, key("Weight decay (L2, as the optimizer applies it).", default=0.0, minimum=0)]
    decay_norm_and_bias: Annotated[
        bool, key("Whether weight decay holds for biases and batch norms too.", default=True)
    ]
    schedule: Annotated[
        Literal["milestones", "one_cycle", "cosine"],
        key(
            "How the learning rate goes down after it has reached `learning_rate`: by milestones, if it is not given. "
            "milestones: times `gamma` at each. "
            "one_cycle: step by step it rises from `warmup_from` over the share `rise` of all steps, then falls "
            "to 0, both linearly. cosine: after warm-up it falls to 0 along half a cosine.",
            examples=["one_cycle"],
        ),
    ] = "milestones"
    rise: Annotated[
        float,
        key(
            "one_cycle: share of all steps over which the learning rate rises, 0.25 if it is not given.",
            exclusiveMinimum=0, exclusiveMaximum=1, examples=[0.25],
        ),
    ] = 0.25  # fmt: skip
    warmup_epochs: Annotated[
        int, key("Epochs over which the learning rate rises linearly, step by step.", default=0, minimum=0)
    ]
    warmup_from: Annotated[
        float, key("Learning rate at the first step of warm-up, or of one_cycle.", default=0.0, minimum=0)
    ]
    milestones: Annotated[
        list[Annotated[int, limits(minimum=1)]],
        key("Epochs after which the learning rate is multiplied by `gamma`.", default=[]),
    ]
    gamma: Annotated[float, key("Factor on the learning rate at each milestone.", default=0.1, exclusiveMinimum=0)]
    plateau: Annotated[
        Plateau | None,
        key(
            "Lower the learning rate when validation accuracy stalls, as {factor, patience, minimum}: times `factor` "
            "after `patience` epochs that were no better, never below `minimum`; null for no such thing.",
            default=None,
        ),
    ]
    select: Annotated[
        Literal["last", "best_validation", "best_test"],
        key(
            "Which epoch's weights the training ends with: the last one's, or those of the epoch with the highest "
            "accuracy (of equal ones the first) on validation images or, as many papers do, on the test images. The "
            "second is no measurement of unseen images any more, and tables say so. Gradual pruning always ends with "
            "its last epoch.",
            default="last",
        ),
    ]
    ema: Annotated[
        float | None,
        key(
            "Validate, test and save, instead of the weights themselves, their exponential moving average over the "
            "steps (PyTorch): at each step the average moves by 1 - `ema` towards the weights, faster in the first "
            "steps; null for no average, or no key.",
            exclusiveMinimum=0, exclusiveMaximum=1, examples=[0.999],
        ),
    ] = None  # fmt: skip
    label_smoothing: Annotated[
        float, key("Label smoothing of the cross entropy.", default=0.0, minimum=0, exclusiveMaximum=1)
    ]
    shuffle: Annotated[bool, key("Whether the training images are shuffled in every epoch.", default=True)]
    precision: Annotated[
        Literal["float32", "bf16"],
        key(
            "What a net computes with while it trains (PyTorch): float32, or bf16, bfloat16 wherever that does no harm "
            "(autocast). Weights, validation and test are float32 in either.",
            default="float32",
        ),
    ]
    augment: Annotated[
        list[str | Annotated[dict[str, Any], limits(minProperties=1, maxProperties=1)]],
        key("Augmentations in their order, each a registered name, or a name with its values.", default=[]),
    ]
    init: Annotated[
        Annotated[Init, limits(additionalProperties=True)] | None,
        key("Initial weights, as {name, ...}; null for the architecture's own.", default=None),
    ]
    penalty: Annotated[
        Annotated[str, named(registry.Penalty)] | None,
        key("Sparsity penalty added to the loss; null for none.", default=None),
    ]
    prune_type: Annotated[
        Annotated[str, named(registry.PruneType)] | None,
        key("What the penalty's groups are; needed with a penalty.", default=None),
    ]
    coefficient: Annotated[  # null in a recipe without a penalty; what a config gives is a number
        float | None, key("Factor on the penalty.", type="number", default=1.0e-5, minimum=0)
    ]
    offset: int | None = None  # epochs of the schedule that are over when the training begins

    def params(self) -> dict[str, Any]:
        """What the library is called with: without an offset, a schedule of another kind and an average of weights,
        unless there is one."""
        absent = {"offset": self.offset is None, "ema": self.ema is None, "schedule": self.schedule == "milestones"}
        absent["rise"] = self.schedule != "one_cycle"
        return {key: value for key, value in asdict(self).items() if not absent.get(key)}


class Changes(Recipe):
    """What differs from a recipe: any of its keys, none of them needed, and no defaults, since the rest is as there."""

    RULES: ClassVar[dict[str, Any]] = {"required": [], "x-inherits": "train"}


KEYS = tuple(field.name for field in fields(Recipe))
# Of keys that a config is not filled in with: what is meant where they are not given.
USUAL = {field.name: field.default for field in fields(Recipe) if field.name in ("schedule", "rise", "ema")}


@dataclass(frozen=True)
class Draft:
    """A recipe in the making: its values, and whence each of them is, so that an error can name the place.

    What the step gives wins over the study's section for its kind (`finetune`, say), and that over `train`.
    """

    study: dict[str, Any]
    section: str  # "train" for kinds without a section of their own
    given: dict[str, Any]  # by the step
    path: list  # of what the step gives
    columns: dict[str, Any]  # of the net that is trained
    values: dict[str, Any]

    @property
    def own(self) -> dict[str, Any]:
        """What the section and the step give, not `train`."""
        return {**(self.study[self.section] if self.section != "train" else {}), **self.given}

    def but(self, **values: Any) -> Draft:
        """The draft with other values."""
        return replace(self, values=self.values | values)

    def place(self, key: str) -> list:
        """Where a value of the recipe stands in the config."""
        if key in self.given:
            return [*self.path, key]
        return ["studies", self.study["name"], self.section if key in self.study[self.section] else "train", key]


@dataclass(frozen=True)
class Trained:
    """A recipe that is right, the registered entries that it names, and the columns of a net that is trained by it."""

    recipe: Recipe
    uses: set[Use]
    columns: dict[str, Any]


def draft(
    at: Place, section: str = "train", given: dict[str, Any] | None = None, base: dict[str, Any] | None = None
) -> Draft:
    """The recipe of a step: `base` (the study's `train`), then the section, then what is given (by the chain)."""
    started = Draft(at.study, section, at.given if given is None else given, at.path, at.columns, {})
    return started.but(**{**USUAL, **(at.study["train"] if base is None else base), **started.own})


def checked(draft: Draft) -> Trained:
    """The recipe, if it is right; its penalty's other keys are None without a penalty. Raises ConfigError."""
    _check_epochs(draft)
    draft, uses = _penalty(draft)
    for check in (_check_momentum, _check_schedule, _check_plateau, _check_select, _check_backend):
        check(draft)
    uses |= augmentations(draft) | _initialisation(draft)
    recipe = Recipe(**{key: value for key, value in draft.values.items() if key in KEYS})
    # What is made of a net that was chosen by its test images has seen them, too.
    select = "best_test" if draft.columns["select"] == "best_test" else recipe.select
    columns = {"epochs": recipe.epochs, "select": select}
    columns |= {"penalty": recipe.penalty, "penalty_type": recipe.prune_type, "coefficient": recipe.coefficient}
    return Trained(recipe, uses, columns)


def further(trained: Trained, before: dict[str, Any]) -> dict[str, Any]:
    """The columns of a net that is trained further: what it was regularised by, it stays regularised by."""
    return trained.columns if trained.recipe.penalty else trained.columns | {key: before[key] for key in PENALTY}


def initialisation(recipe: Recipe) -> str | None:
    """The recipe's initial weights as a column: a name with its values."""
    return naming.slug(recipe.init) if recipe.init else None


def _penalty(draft: Draft) -> tuple[Draft, set[Use]]:
    """Check the penalty; without one its other keys become None."""
    backend, penalty, prune_type = draft.study["backend"], draft.values["penalty"], draft.values["prune_type"]
    if not penalty:
        _check_groups_alone(draft)
        return draft.but(prune_type=None, coefficient=None), set()
    entry = known(registry.Penalty, penalty, backend, draft.place("penalty"))
    if entry.of == "scales":
        _check_scales(draft)
    if not prune_type:
        suitable = prune_types_of(draft.study)
        raise ConfigError(
            [*draft.place("penalty")[:-1], "prune_type"],
            f"is missing: the penalty {penalty} needs to know its groups",
            allowed=", ".join(suitable),
            corrected={"prune_type": suitable[0]},
        )
    prune_type_of(draft.study, prune_type, draft.place("prune_type"))
    return draft, {("penalty", penalty, backend), ("prune_type", prune_type, backend)}


def _check_scales(draft: Draft) -> None:
    """A penalty on the scales of batch norms: of a net that has some, for pruning of the channels that they are of."""
    model, penalty = model_of(draft.study), draft.values["penalty"]
    if not model.offers("batch_norm"):
        raise ConfigError(
            draft.place("penalty"),
            f"{penalty} is a penalty on the scales of batch norms, and {model.name} has none",
            allowed="a penalty on weights, or a net with batch norms",
        )
    prune_type = draft.values["prune_type"]
    if prune_type not in (None, SCALED):
        raise ConfigError(
            draft.place("prune_type"),
            f"{penalty} is a penalty on the scales of batch norms, each of which belongs to a filter",
            allowed=SCALED,
            corrected={"prune_type": SCALED},
        )


def _check_groups_alone(draft: Draft) -> None:
    """The groups of a penalty mean nothing without one."""
    if not draft.given.get("prune_type"):
        return
    penalties = ", ".join(registry.entries(registry.Penalty, draft.study["backend"])) or "none for this backend"
    raise ConfigError(
        [*draft.path, "prune_type"],
        f"{draft.given['prune_type']!r} says what a penalty's groups are, and there is no penalty",
        allowed=f"with it, penalty: {penalties}",
    )


def _check_epochs(draft: Draft) -> None:
    """A number of epochs, which a study without `train` gives where it trains."""
    if "epochs" not in draft.values:
        place = draft.path if draft.section == "train" else ["studies", draft.study["name"], draft.section]
        raise ConfigError(
            [*place, "epochs"],
            "is missing, and the study has no `train` that it could be taken from",
            allowed="a whole number, at least 1",
            corrected={draft.section: {"epochs": 2}} if draft.section != "train" else {"epochs": 2},
        )


def _check_momentum(draft: Draft) -> None:
    if draft.values["nesterov"] and not draft.values["momentum"]:
        raise ConfigError(
            draft.place("nesterov"),
            "Nesterov's momentum needs momentum",
            allowed="true with momentum above 0",
            corrected={"momentum": 0.9},
        )


def _check_schedule(draft: Draft) -> None:
    """One schedule: neither milestones nor a plateau beside one that sets the learning rate of every step."""
    schedule, usual = draft.values["schedule"], defaults(Recipe)
    for name in BESIDE.get(schedule, ()):
        if draft.values[name] == usual[name]:
            continue
        inherited = name in draft.own and "schedule" not in draft.own
        mended = {name: draft.values[name], "schedule": "milestones"}
        raise ConfigError(
            draft.place(name if inherited else "schedule"),
            f"{schedule} sets the learning rate of every step, and {name} is {draft.values[name]!r}",
            allowed=f"{schedule} with {name}: {json.dumps(usual[name])}; or schedule: milestones",
            corrected=mended if inherited else {"schedule": schedule, name: usual[name]},
        )


def _check_plateau(draft: Draft) -> None:
    if draft.values["plateau"] and not draft.study["dataset"]["validation"]:
        raise ConfigError(
            draft.place("plateau"),
            "goes by accuracy on validation images, and the data set keeps none",
            allowed="null, or dataset.validation above 0",
            corrected={"plateau": None},
        )


def _check_select(draft: Draft) -> None:
    if draft.values["select"] == "best_validation" and not draft.study["dataset"]["validation"]:
        raise ConfigError(
            draft.place("select"),
            "chooses by accuracy on validation images, and the data set keeps none",
            allowed="last, or dataset.validation above 0",
            corrected={"select": "last"},
        )


def _check_backend(draft: Draft) -> None:
    """What only PyTorch does."""
    backend = draft.study["backend"]
    for name, usual, problem in (
        ("precision", "float32", "trains in float32 only"),
        ("ema", None, "keeps no average of weights"),
    ):
        value = draft.values[name]
        if value != usual and backend != "pytorch":
            raise ConfigError(
                draft.place(name),
                f"{value}, but {backend} {problem}",
                allowed=f"{usual or 'null'}; {value} for backend pytorch",
                corrected={name: usual},
            )


def _initialisation(draft: Draft) -> set[Use]:
    """Check the initial weights that the recipe names, if it names any."""
    init, backend = draft.values["init"], draft.study["backend"]
    if not init:
        return set()
    entry = known(registry.Init, init["name"], backend, [*draft.place("init"), "name"])
    check_arguments(entry, {k: v for k, v in init.items() if k != "name"}, draft.place("init"))
    return {("init", entry.name, backend)}
