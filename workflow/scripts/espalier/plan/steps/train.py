"""The step `train`: train a net from new weights. A chain begins with it, or with `given`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from espalier.plan import recipe
from espalier.plan.explain import ConfigError
from espalier.plan.steps.step import Place, Planned, Step


def plan(at: Place) -> Planned:
    """The study's recipe with what the step changes."""
    draft = recipe.draft(at)
    _check_initial_weights(draft)
    trained = recipe.checked(draft)
    columns = trained.columns | {"init": recipe.initialisation(trained.recipe), "retraining": None}
    return Planned({"recipe": trained.recipe.params(), "model": at.study["model"]}, columns, trained.uses)


def _check_initial_weights(draft: recipe.Draft) -> None:
    model = draft.study["model"]
    if draft.values["init"] and model["weights"] != "random":
        raise ConfigError(
            draft.place("init"),
            f"draws new weights, and the model begins with those of {model['weights']}",
            allowed="null, or model.weights: random",
            corrected={"init": None},
        )


def words(columns: dict[str, Any]) -> Iterator[str]:
    """The initial weights and the penalty of a net, where it has them."""
    if columns["init"]:
        yield columns["init"]
    if columns["penalty"]:
        yield f"{columns['penalty']} {columns['penalty_type']}"


TRAIN = Step(
    kind="train",
    noun="training",
    about=(
        "Trains a net from new weights, by the study's `train`.\n"
        "What the step gives itself wins, as in every step.\n"
        "Every chain begins with it or with `given`, and has one of them once."
    ),
    message="training {params.label}",
    keys=recipe.Changes,
    named=recipe.NAMED,
    first=True,
    trains="new",
    plan=plan,
    words=words,
    reads=("data",),
    tensorboard=True,
)
