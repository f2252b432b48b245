"""The step `regularize`: train a net further, with a penalty."""

from __future__ import annotations

from espalier import registry
from espalier.plan import recipe
from espalier.plan.explain import ConfigError
from espalier.plan.lookup import prune_types_of
from espalier.plan.steps.step import Place, Planned, Step


def plan(at: Place) -> Planned:
    """The study's recipe with what the step changes, which leaves it a penalty."""
    draft = recipe.draft(at).but(init=None)
    _check_penalty(draft)
    trained = recipe.checked(draft)
    columns = recipe.further(trained, at.columns) | {"retraining": None}
    return Planned({"recipe": trained.recipe.params(), "model": at.study["model"]}, columns, trained.uses)


def _check_penalty(draft: recipe.Draft) -> None:
    if draft.values["penalty"]:
        return
    backend = draft.study["backend"]
    penalties = list(registry.entries(registry.Penalty, backend))
    prune_types = prune_types_of(draft.study)
    raise ConfigError(
        [*draft.path, "penalty"],
        "is missing: regularize trains with a penalty",
        allowed=", ".join(penalties) or f"none: {backend} has no penalties",
        corrected={"penalty": penalties[0], "prune_type": prune_types[0]} if penalties else None,
    )


REGULARIZE = Step(
    kind="regularize",
    noun="regularised training",
    about="Trains a net further with a penalty, by the study's `train`.",
    message="training further with a penalty: {params.label}",
    keys=recipe.Changes,
    named=recipe.NAMED,
    trains="further",
    plan=plan,
    reads=("parent", "data"),
    tensorboard=True,
)
