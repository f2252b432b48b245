"""Rewinding of weights: which training they go back to, and whether they can."""

from __future__ import annotations

from collections.abc import Sequence

from espalier import registry
from espalier.plan import recipe
from espalier.plan.explain import ConfigError
from espalier.plan.job import Job


def training_of_weights(draft: recipe.Draft, before: Sequence[Job]) -> Job:
    """The training whose weights a step rewinds to: the one that its chain begins with."""
    place = draft.place("rewind_weights")
    began = before[0]
    if not draft.values.get("rewind", False):
        raise ConfigError(
            place,
            "says which weights a rewound net begins with, and this one is not rewound",
            allowed="false, or true with rewind: true",
            corrected={"rewind": True, "rewind_weights": True},
        )
    if why := _obstacle(draft, before):
        raise ConfigError(place, why, allowed="false", corrected={"rewind_weights": False})
    return began


def _obstacle(draft: recipe.Draft, before: Sequence[Job]) -> str:
    """Why the weights cannot be rewound, "" if they can."""
    if draft.study["backend"] != "pytorch":
        return f"{draft.study['backend']} does not rewind weights"
    if draft.study["model"]["weights"] != "random" or any("scratch" in job.params for job in before):
        return "the training did not begin with random weights, or not at the beginning of the chain"
    pruned = [registry.get(registry.PruneType, job.params["prune_type"], "pytorch") for job in before if _prunes(job)]
    if other := next((kind.name for kind in pruned if kind.by != ("weights",)), None):
        return f"{other} took groups out of the net, and which weights those left had been is not known"
    return ""


def _prunes(job: Job) -> bool:
    return job.step == "prune"
