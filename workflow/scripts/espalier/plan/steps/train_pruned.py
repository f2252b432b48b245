"""The step `train_pruned`: train a net that was pruned before any training, from the weights that it has."""

from __future__ import annotations

from espalier.plan import recipe
from espalier.plan.explain import ConfigError
from espalier.plan.steps.step import Place, Planned, Step, kind_of


def check_place(chain: list, number: int, path: list) -> None:
    """Right after prune, in a chain that begins with init."""
    first, before = kind_of(chain[0]), kind_of(chain[number - 1])
    if first != "init":
        raise ConfigError(
            [*path, number],
            f"train_pruned trains a net that was pruned before any training, and the chain begins with {first}",
            allowed="finetune, or scratch for new weights; train_pruned in a chain that begins with init",
            corrected=["finetune"],
        )
    if before != "prune":
        raise ConfigError(
            [*path, number],
            f"train_pruned comes after {before}, and trains what pruning has left",
            allowed="train_pruned right after prune; train for a net that is not pruned",
            corrected=[{"prune": {"prune_type": "weight", "method": "snip", "ratio": 0.5}}, chain[number]],
        )


def plan(at: Place) -> Planned:
    """The study's recipe with what the step changes."""
    trained = recipe.checked(recipe.draft(at).but(init=None))
    columns = trained.columns | {"retraining": "train_pruned"}
    return Planned({"recipe": trained.recipe.params(), "model": at.study["model"]}, columns, trained.uses)


TRAIN_PRUNED = Step(
    kind="train_pruned",
    noun="training after pruning",
    about=(
        "Trains a net that was pruned before any training, by the study's `train`; what is pruned stays so.\n"
        "It comes right after `prune`, in a chain that begins with `init`: "
        "`[init, prune: {prune_type: weight, method: snip, ratio: 0.9}, train_pruned]`.\n"
        "It sees the batches that the `train` of the same seed sees."
    ),
    message="training {params.label}",
    keys=recipe.Changes,
    named=recipe.NAMED,
    trains="further",
    retraining={"train_pruned": "trained after pruning"},
    like_train=True,
    check_place=check_place,
    plan=plan,
    reads=("parent", "data"),
    tensorboard=True,
)
