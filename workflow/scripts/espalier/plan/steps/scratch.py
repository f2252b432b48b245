"""The step `scratch`: train a pruned net from new weights (Liu et al. 2019, arXiv:1810.05270)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from espalier import registry
from espalier.plan import recipe
from espalier.plan.explain import ConfigError
from espalier.plan.job import Job
from espalier.plan.keys import key
from espalier.plan.steps.step import Place, Planned, Step, kind_of


class Scratch(recipe.Changes):
    """The study's `scratch`, and the keys of that step."""

    budget: Annotated[
        Literal["epochs", "flops"],
        key(
            "How long a pruned net is trained from scratch (Liu et al. 2019): for the dense net's epochs (Scratch-E), "
            "or for its FLOPs (Scratch-B), which are epochs x MACs of the dense net / MACs of the pruned one, rounded, "
            "with the milestones as many times later and warm-up as it is. flops needs a net that pruning made "
            "smaller.",
            default="epochs",
        ),
    ]


def check_place(chain: list, number: int, path: list) -> None:
    """Right after prune: any step between would change weights that are then drawn anew."""
    if kind_of(chain[number - 1]) == "prune":
        return
    pruned = max((k for k in range(number) if kind_of(chain[k]) == "prune"), default=None)
    if pruned is None:
        raise ConfigError(
            [*path, number],
            "scratch trains a pruned net from scratch, and nothing was pruned",
            allowed="scratch right after prune",
            corrected=[{"prune": {"prune_type": "weight", "ratio": 0.5}}, chain[number]],
        )
    raise ConfigError(
        path,
        f"scratch comes after {kind_of(chain[number - 1])}: it draws new weights, and what that did is lost",
        allowed="scratch right after prune",
        corrected=[[*chain[: pruned + 1], *chain[number:]]],
    )


def plan(at: Place) -> Planned:
    """The recipe of the training that the chain begins with, its initialisation with it, but without its penalty."""
    first = at.before[0].params.get("recipe", at.study["train"])  # of a given net: the study's, if it has one
    without_penalty = {"penalty": None, "prune_type": None, "coefficient": at.study["train"]["coefficient"]}
    draft = recipe.draft(at, "scratch", base=first | without_penalty)
    budget = draft.values.get("budget", "epochs")
    if budget == "flops":
        _check_flops(at.before, draft.place("budget"))
    trained = recipe.checked(draft)
    columns = trained.columns | {"init": recipe.initialisation(trained.recipe), "retraining": "scratch"}
    columns |= {"weights": "random", "budget": budget}
    if budget == "flops":
        columns["epochs"] = None  # the job works it out, and records it
    params = {"recipe": trained.recipe.params(), "scratch": budget, "model": at.study["model"]}
    return Planned(params, columns, trained.uses)


def _check_flops(before: Sequence[Job], path: list) -> None:
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


def words(columns: dict[str, Any]) -> Iterator[str]:
    """Whether the last training began with new weights."""
    if columns["retraining"] == "scratch":
        yield "from scratch"


SCRATCH = Step(
    kind="scratch",
    noun="training from scratch",
    about=(
        'Trains a pruned net from new random weights (Liu et al. 2019, "Rethinking the Value of Network '
        'Pruning"): a smaller net in its shape, one with single weights pruned with its mask.\n'
        "It comes right after `prune`.\n"
        "Its recipe is that of the `train` that its chain begins with, without the penalty, with what the "
        "study's `scratch` changes.\n"
        "`[train, prune: {...}, finetune]` and `[train, prune: {...}, scratch]` side by side say what the "
        "pruned weights are worth."
    ),
    message="training {params.label}",
    keys=Scratch,
    named=recipe.NAMED,
    trains="new",
    retraining={"scratch": "from scratch"},
    check_place=check_place,
    plan=plan,
    words=words,
    reads=("parent", "dense", "data"),
    tensorboard=True,
    function="scratch.train_model",
)
