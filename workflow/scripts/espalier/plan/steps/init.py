"""The step `init`: the net before any training, in place of `train`, so that it can be pruned first."""

from __future__ import annotations

from espalier.plan.explain import ConfigError
from espalier.plan.keys import Table
from espalier.plan.steps.step import Place, Planned, Step


class InitialNet(Table):
    """The step has no keys: the net has the initial weights that `train` would draw."""


def plan(at: Place) -> Planned:
    """The study's net with random weights."""
    weights = at.study["model"]["weights"]
    if at.backend != "pytorch":
        raise ConfigError(
            at.path[:-1], f"{at.backend} trains a net before it prunes it", allowed="train; init for backend pytorch"
        )
    if weights != "random":
        raise ConfigError(
            ["studies", at.study["name"], "model", "weights"],
            f"a chain begins with init, the net before any training, and the weights are those of {weights}",
            allowed="random; or chains that begin with train or given",
            corrected={"weights": "random"},
        )
    return Planned(
        {"model": at.study["model"], "untrained": True},
        {"init": None, "retraining": None, "epochs": None, "select": None},
    )


INIT = Step(
    kind="init",
    noun="initial net",
    about=(
        "Takes the net with the random weights that `train` would begin with, to be pruned before any training "
        "(PyTorch).\n"
        "After `prune`, `train_pruned` trains what is left.\n"
        "Its nets are compared with the dense net of `[train]`, which the study should have."
    ),
    message="drawing initial weights: {params.label}",
    keys=InitialNet,
    named=(),
    first=True,
    like_train=True,
    plan=plan,
    reads=("data",),
    function="given.write_model",
    runtime=10,
)
