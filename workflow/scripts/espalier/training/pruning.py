"""Pruning, as both backends are called with it: what is pruned, by which importance score, and how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from espalier.registry import PruneType, Score, get
from espalier.training.recipe import Recipe

COSTS = ("macs", "params", "speed_up", "compression", "size_mib")
AMOUNTS = ("ratio", "blocks", "threshold", "pattern", *COSTS)


@dataclass(frozen=True)
class Amount:
    """How much goes: ratio, the share of the groups, best as a string ("0.40"), from 0 up to, not including, 1; blocks,
    how many residual blocks; threshold, groups that score below it; pattern, "2:4" to keep 2 of each 4 weights. Or what
    is left: macs, params, shares of the dense net's; speed_up, compression, the dense net's MACs and parameters divided
    by those that are left; size_mib, the most that the file takes."""

    key: str
    value: Any


@dataclass(frozen=True, kw_only=True)
class Gradual:
    """A sparsity that rises while the net is trained, from `initial` at the share `begin` of the training's steps to
    the ratio at the share `end`. Masks change every `every` steps."""

    initial: float
    begin: float
    end: float
    every: int


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """A step that prunes. scope: "global", groups of all layers compete, or "layer"; None if the prune type has none.
    multiple: layers keep a multiple of so many channels; None: of the usual number. least: share of the dense net's
    channels that each layer keeps in any case. normalize: "layer", before groups compete each layer's scores are
    divided by their mean. seed: of what is drawn. gradual, recipe: to prune while the net is trained further."""

    prune_type: PruneType
    score: Score
    amount: Amount
    scope: str | None
    multiple: int | None = None
    least: float | None = None
    normalize: str | None = None
    seed: int = 0
    gradual: Gradual | None = None
    recipe: Recipe | None = None

    @classmethod
    def of(cls, step: Mapping[str, Any], backend: str) -> Pruning:
        """A step's params: prune_type, method (registered names), one amount, and optionally scope, normalize, seed,
        gradual, recipe. Raises ValueError for what does not go together, registry.UnknownName for an unknown name."""
        prune_type = get(PruneType, step["prune_type"], backend)
        score = get(Score, step["method"], backend)
        if not set(prune_type.by) <= set(score.of):
            raise ValueError(
                f"{score.name} is a score of {', '.join(score.of)}; {prune_type.name} asks for one of "
                f"{' and '.join(prune_type.by)}"
            )
        gradual, recipe = step.get("gradual"), step.get("recipe")
        return cls(
            prune_type=prune_type,
            score=score,
            amount=_amount(prune_type, step),
            scope=_scope(prune_type, step.get("scope")),
            multiple=step.get("multiple"),
            least=step.get("least"),
            normalize=step.get("normalize"),
            seed=step.get("seed", 0),
            gradual=Gradual(**gradual) if gradual else None,
            recipe=Recipe(**recipe) if recipe else None,
        )


def _amount(prune_type: PruneType, step: Mapping[str, Any]) -> Amount:
    """The one amount in a step's params, which the prune type takes."""
    given = [Amount(key, step[key]) for key in AMOUNTS if step.get(key) is not None]
    if len(given) != 1 or given[0].key not in prune_type.amounts:
        there = ", ".join(amount.key for amount in given) or "none"
        raise ValueError(f"{prune_type.name} takes one of {', '.join(prune_type.amounts)}, not {there}")
    if given[0].key == "ratio" and not 0 <= Fraction(str(given[0].value)) < 1:
        raise ValueError(f"the ratio is {given[0].value}, but must be from 0 up to, not including, 1")
    return given[0]


def _scope(prune_type: PruneType, scope: str | None) -> str | None:
    """The scope, the prune type's first one if none is given."""
    if not prune_type.scopes:
        return None
    if scope and scope not in prune_type.scopes:
        raise ValueError(f"{prune_type.name} takes the scopes {', '.join(prune_type.scopes)}, not {scope}")
    return scope or prune_type.scopes[0]
