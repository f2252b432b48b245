"""How the step `prune` ranks groups: whether each layer's scores are divided by their mean before layers compete."""

from __future__ import annotations

from typing import Any

from espalier import registry
from espalier.plan.explain import ConfigError

ALONE = ("threshold", "pattern", "blocks")  # amounts by which layers do not compete with each other
NORMALIZED = "normalized"  # in the column `scope`


def normalization(
    prune_type: registry.PruneType,
    score: registry.Score,
    amount: str,
    scope: str | None,
    given: dict[str, Any],
    path: list,
) -> str | None:
    """ "layer" if each layer's scores are divided by their mean, as the step says or as the score was published.

    amount: the key that says how much goes. scope: of the step, None if the prune type has none.
    """
    if given.get("normalize") == "layer":
        if not _compete(prune_type, amount, scope):
            raise _without_competition(prune_type, amount, scope, path)
        _check_sign(score, prune_type, path)
    usual = usual_normalization(prune_type, score, amount, scope)
    return "layer" if given.get("normalize", usual) == "layer" else None


def usual_normalization(
    prune_type: registry.PruneType, score: registry.Score, amount: str, scope: str | None
) -> str | None:
    """ "layer" if each layer's scores are divided by their mean where the step says nothing."""
    return "layer" if score.normalize == "layer" and _compete(prune_type, amount, scope) else None


def _compete(prune_type: registry.PruneType, amount: str, scope: str | None) -> bool:
    """Whether the scores of layers are ranked against each other."""
    return scope == "global" and amount not in ALONE and prune_type.backend == "pytorch"


def _without_competition(prune_type: registry.PruneType, amount: str, scope: str | None, path: list) -> ConfigError:
    """The error for scores of layers that are compared with none of another layer."""
    why = f"{prune_type.name} by {amount} ranks no layer against another" if amount in ALONE else (
        f"scope {scope} ranks each layer by itself" if scope != "global" else f"{prune_type.backend} does not do it"
    )  # fmt: skip
    return ConfigError(
        [*path, "normalize"],
        f"divides each layer's scores by their mean, so that layers can compete, and {why}",
        allowed="none; layer for backend pytorch with scope: global and a ratio",
        corrected={"normalize": "none"},
    )


def _check_sign(score: registry.Score, prune_type: registry.PruneType, path: list) -> None:
    """Scores that can be negative have no mean to be divided by."""
    if not score.signed:
        return
    fitting = [
        entry.name
        for entry in registry.entries(registry.Score, prune_type.backend).values()
        if not entry.signed and set(prune_type.by) <= set(entry.of)
    ]
    raise ConfigError(
        [*path, "normalize"],
        f"{score.name} can be negative, and divided by a mean below 0 the order of its scores would turn round",
        allowed=f"none; layer with a score of sizes: {', '.join(fitting)}",
        corrected={"normalize": "none"},
    )


def check_shares(amount: str, scope: str | None, path: list) -> None:
    """Shares by the shapes of layers are shares of a ratio."""
    if scope == "erk" and amount != "ratio":
        raise ConfigError(
            [*path, "scope"],
            f"erk says which share of a ratio each layer loses, and the amount is {amount}",
            allowed="global, layer; erk with a ratio",
            corrected={"scope": "global"},
        )
