"""The step `finetune`: train a net further, by the study's recipe and what its `finetune` changes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from espalier.plan import recipe
from espalier.plan.explain import ConfigError
from espalier.plan.job import Job
from espalier.plan.keys import key
from espalier.plan.steps import rewinding
from espalier.plan.steps.step import Place, Planned, Step

# Keys of a recipe: its learning rates.
RATES = ("learning_rate", "warmup_epochs", "warmup_from", "milestones", "gamma", "plateau", "schedule", "rise")
SWITCHES = ("keep_penalty", "rewind", "rewind_weights")  # its own keys, off if nothing is said
WORTH = ("batch_size", "optimizer", "momentum", "nesterov")  # of a recipe: what a learning rate is worth by


class Finetune(recipe.Changes):
    """The study's `finetune`, and the keys of that step."""

    keep_penalty: Annotated[bool, key("Whether the penalty of the training before stays on.", default=False)]
    rewind: Annotated[
        bool,
        key(
            "Learning-rate rewinding (Renda et al. 2020): k epochs of fine-tuning follow the learning rates that the "
            "training had in its last k epochs, its warm-up and schedule with them; all its epochs, if none are "
            "given. Batch size and optimizer are the training's too, unless given. The weights stay as they are. Of "
            "`finetune` steps only.",
            default=False,
        ),
    ]
    rewind_weights: Annotated[
        bool,
        key(
            "With rewind: the weights that are left go back to what they were in the training k epochs before its end, "
            "to the initial ones for all its epochs (lottery tickets, Frankle et al. 2020). After pruning of single "
            "weights, with PyTorch.",
            default=False,
        ),
    ]


def plan(at: Place) -> Planned:
    """The recipe of fine-tuning, or the end of the training's own if the step rewinds."""
    draft = recipe.draft(at, "finetune").but(init=None)
    rewinds = draft.values.get("rewind", False)
    if rewinds:
        draft = _rewound(draft, at.before)
    trained = recipe.checked(penalised(draft))
    params, uses = {"recipe": trained.recipe.params(), "model": at.study["model"]}, trained.uses
    retraining = "rewind" if rewinds else "finetune"
    if draft.values.get("rewind_weights", False):
        began = rewinding.training_of_weights(draft, at.before)
        params["origin"] = {key: began.params[key] for key in ("recipe", "seed")} | {"epochs": trained.recipe.offset}
        retraining, uses = "rewind_weights", uses | set(began.uses)
    return Planned(params, recipe.further(trained, at.columns) | {"retraining": retraining}, uses, _told(at))


def _told(at: Place) -> dict[str, Any]:
    """What the chain gives the step, without switches that are so anyway: it is the same node as without them."""
    usual = dict.fromkeys(SWITCHES, False) | at.study["finetune"]
    return {key: value for key, value in at.given.items() if key not in SWITCHES or value != usual[key]}


def inside(at: Place, **given: Any) -> recipe.Trained:
    """Fine-tuning inside a step of another kind: its recipe with what that step gives, never rewound."""
    draft = recipe.draft(at, "finetune", given | {"rewind": False, "rewind_weights": False}).but(init=None)
    return recipe.checked(penalised(draft))


def penalised(draft: recipe.Draft) -> recipe.Draft:
    """The draft with the penalty of the training before if it keeps that, with its own, or without any."""
    if "penalty" in draft.own:
        return draft
    keeps = draft.values.get("keep_penalty", False)
    before = draft.columns
    kept = {"penalty": before["penalty"] if keeps else None, "prune_type": before["penalty_type"]}
    if "coefficient" not in draft.own:
        kept["coefficient"] = before["coefficient"]
    return draft.but(**kept)


def _rewound(draft: recipe.Draft, before: Sequence[Job]) -> recipe.Draft:
    """The draft with learning-rate rewinding (Renda et al. 2020, arXiv:2003.02389).

    Its schedule is that of the last training from new weights, from an `offset` (epochs) on. What a learning rate is
    worth by, the batch size and the optimizer, is as there too, unless the study's `finetune` or the step says
    otherwise.
    """
    began = next(job for job in reversed(before) if "scratch" in job.params or not job.parent)
    _check_training(draft, began)
    origin = recipe.USUAL | began.params["recipe"]
    _check_rates(draft)
    _check_schedule(draft, began)
    epochs = draft.own.get("epochs", origin["epochs"])
    if epochs > origin["epochs"]:
        raise ConfigError(
            draft.place("epochs"),
            f"{epochs}, but there are only {origin['epochs']} epochs of training to rewind",
            allowed=f"a whole number from 1 to {origin['epochs']}",
            corrected={"epochs": origin["epochs"]},
        )
    taken = {key: origin[key] for key in (*RATES, *(key for key in WORTH if key not in draft.own))}
    return draft.but(**taken, epochs=epochs, offset=origin["epochs"] - epochs)


def _check_training(draft: recipe.Draft, began: Job) -> None:
    """There is a training to rewind: none of a net that was given."""
    if "recipe" not in began.params:
        raise ConfigError(
            draft.place("rewind"),
            f"there is no training to rewind: the chain begins with {began.step}",
            allowed="false; true in a chain that begins with train",
            corrected={"rewind": False},
        )


def _check_rates(draft: recipe.Draft) -> None:
    """A schedule that is taken from the training is not given too."""
    beside = draft.given if "rewind" in draft.given else draft.own  # a step that rewinds wins over its section
    if clash := next((key for key in RATES if key in beside), None):
        raise ConfigError(
            [*draft.path, "rewind"] if clash in draft.given else draft.place("rewind"),
            f"takes the learning rates of the training, and {clash} is given too",
            allowed=f"false, or true without {', '.join(RATES)}",
            corrected={"rewind": False},
        )


def _check_schedule(draft: recipe.Draft, began: Job) -> None:
    """There is a schedule to rewind to."""
    if began.params.get("scratch") == "flops":
        raise ConfigError(
            draft.place("rewind"),
            "how many epochs there are to rewind is not known before the training from scratch, whose budget is flops",
            allowed="false, or true after scratch: {budget: epochs}",
            corrected={"rewind": False},
        )
    if began.params["recipe"]["plateau"]:
        raise ConfigError(
            draft.place("rewind"),
            "there is no schedule to rewind to: the training lowers its learning rate when it stalls (plateau)",
            allowed="false, or true after a training with plateau: null",
            corrected={"rewind": False},
        )


def words(columns: dict[str, Any]) -> Iterator[str]:
    """Whether a net was rewound; fine-tuning is what is usual."""
    if columns["retraining"] == "rewind":
        yield "rewound"
    if columns["retraining"] == "rewind_weights":
        yield "weights rewound"


FINETUNE = Step(
    kind="finetune",
    noun="fine-tuning",
    about=(
        "Trains a net further, by the study's `train` with what its `finetune` changes.\n"
        "So do gradual pruning and quantization-aware training, which are trainings, too."
    ),
    message="fine-tuning {params.label}",
    keys=Finetune,
    named=recipe.NAMED,
    trains="further",
    retraining={"finetune": "fine-tuned", "rewind": "rewound", "rewind_weights": "weights rewound"},
    plan=plan,
    words=words,
    reads=("parent", "data"),
    tensorboard=True,
)
