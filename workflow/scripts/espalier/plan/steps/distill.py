"""The step `distill`: train a net further with the dense net as its teacher (Hinton et al. 2015, arXiv:1503.02531)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from espalier.plan import recipe
from espalier.plan.keys import key, table
from espalier.plan.steps import finetune
from espalier.plan.steps.step import Place, Planned, Step


class Distill(recipe.Changes):
    """The keys of a `distill` step: its own, and those of a recipe."""

    temperature: Annotated[
        float,
        key(
            "Temperature T by which the logits of both nets are divided before the softmax: the higher, the more "
            "of the teacher's small probabilities count.",
            default=4.0, exclusiveMinimum=0,
        ),
    ]  # fmt: skip
    weight: Annotated[
        float,
        key(
            "Share of the teacher in the loss, (1 - weight) x cross entropy + weight x T^2 x KL(teacher || net), both "
            "softened. 0 is fine-tuning, 1 leaves the labels out.",
            default=0.9, minimum=0, maximum=1,
        ),
    ]  # fmt: skip
    keep_penalty: Annotated[bool, key("Whether the penalty of the training before stays on.", default=False)]


OWN = ("temperature", "weight")


def plan(at: Place) -> Planned:
    """The recipe of fine-tuning with what the step changes, and how much of the loss is the teacher's."""
    keys = table(Distill)["properties"]
    own = {name: at.given.get(name, keys[name]["default"]) for name in OWN}
    trained = finetune.inside(at, **{name: value for name, value in at.given.items() if name not in OWN})
    params = {"recipe": trained.recipe.params(), "model": at.study["model"], **own}
    columns = recipe.further(trained, at.columns) | {"retraining": "distill"}
    return Planned(params, columns, trained.uses)


def words(columns: dict[str, Any]) -> Iterator[str]:
    """Whether the last training had a teacher."""
    if columns["retraining"] == "distill":
        yield "distilled"


DISTILL = Step(
    kind="distill",
    noun="distillation",
    about=(
        "Trains a net further with the dense net of its chain as the teacher (Hinton, Vinyals and Dean 2015, "
        '"Distilling the Knowledge in a Neural Network").\n'
        "Its recipe is that of fine-tuning: `train`, with what the study's `finetune` and the step change.\n"
        "`[train, prune: {...}, finetune]` and `[train, prune: {...}, distill]` side by side say what the teacher is "
        "worth."
    ),
    message="distilling {params.label}",
    keys=Distill,
    named=recipe.NAMED,
    trains="further",
    retraining={"distill": "distilled"},
    plan=plan,
    words=words,
    reads=("parent", "dense", "data"),
    function="distill.distill_model",
    tensorboard=True,
)
