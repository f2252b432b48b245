"""How much a step prunes: by which key, whether what is pruned can be told so, and how it is written."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from espalier import registry
from espalier.plan import naming
from espalier.plan.explain import ConfigError
from espalier.plan.lookup import model_of

if TYPE_CHECKING:
    from espalier.plan.steps.step import Place

NAMED = ("ratio", "blocks", "threshold", "pattern")  # a folder is named by their values alone
KEPT = ("multiple", "least")  # keys of what each layer keeps, whatever the amount
USUAL = 8  # the multiple of the published studies

# The keys that say how much is pruned, each with what it means and an example.
AMOUNTS = {
    "ratio": ("ratio: the share to remove, from 0 up to, not including, 1", 0.5),
    "blocks": ("blocks: how many go", 1),
    "threshold": ("threshold: what scores below it goes", 0.001),
    "pattern": ('pattern: how many of how many stay, as text in quotes: "2:4"', "2:4"),
    "macs": ("macs: the share of the dense net's MACs to leave, above 0 and below 1", 0.5),
    "params": ("params: the share of its parameters to leave, above 0 and below 1", 0.25),
    "speed_up": ("speed_up: its MACs / those to leave, above 1", 2.0),
    "compression": ("compression: its parameters / those to leave, above 1", 4.0),
    "size_mib": ("size_mib: the most MiB that the file may take", 1.5),
}


@dataclass(frozen=True)
class Amount:
    """How much is pruned: one of AMOUNTS and its value."""

    key: str
    value: Any


def of_step(prune_type: registry.PruneType, score: registry.Score, given: dict[str, Any], path: list) -> Amount:
    """The amount that a step is given, checked; raises ConfigError."""
    amount = _amount(prune_type, given, path)
    for check in (_check_pattern, _check_scope_of_amount, _check_threshold):
        check(amount, score, given, path)
    return amount


def columns(amount: Amount) -> dict[str, Any]:
    """The columns of a node that say how much was asked of its last pruning.

    >>> {key: value for key, value in columns(Amount("macs", "0.50")).items() if value is not None}
    {'asked': 'macs 0.50'}
    """
    own = {"asked": f"{amount.key} {amount.value}"} if amount.key in registry.COSTS else {amount.key: amount.value}
    return {**dict.fromkeys(NAMED), "asked": None} | own


def words(columns: Mapping[str, Any]) -> str:
    """How much was asked, of a node's columns."""
    return next(str(columns[key]) for key in (*NAMED, "asked") if columns.get(key) is not None)


def to_try(steps: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of steps that prune (params), those to be tried on a net before it is trained: the first of each prune type, and
    of each amount of what is left the step that asks the most.

    >>> steps = [{"prune_type": "filter_wise", "macs": macs} for macs in ("0.50", "0.10", "0.30")]
    >>> [step["macs"] for step in to_try(steps)]
    ['0.10']
    """
    tried: dict[tuple, dict[str, Any]] = {}
    for step in steps:
        cost = next((key for key in registry.COSTS if key in step), None)
        alike = (step["prune_type"], cost, *(step.get(key) for key in ("scope", *KEPT) if cost))
        if alike not in tried or (cost and _further(cost, step[cost], tried[alike][cost])):
            tried[alike] = step
    return list(tried.values())


def _further(key: str, value: Any, other: Any) -> bool:
    """Whether an amount of what is left asks for less than another one."""
    factor = key in ("speed_up", "compression")
    return float(value) > float(other) if factor else float(value) < float(other)


def kept(prune_type: registry.PruneType, given: dict[str, Any], path: list) -> dict[str, Any]:
    """What a step says of what each layer keeps, where that is not the usual; raises ConfigError where no layer would
    keep anything by it."""
    there = next((key for key in KEPT if key in given), None)
    if there is None:
        return {}
    if not prune_type.cuts_channels or "threshold" in given:
        why = "a threshold, which every group is held to by itself" if prune_type.cuts_channels else prune_type.name
        raise ConfigError(
            [*path, there],
            f"makes no difference to {why}",
            allowed=f"{' and '.join(KEPT)} where channels or neurons are taken out of the layers of a PyTorch net, "
            "but not below a threshold",
        )
    usual = {"multiple": USUAL}
    return {key: given[key] for key in KEPT if key in given and given[key] != usual.get(key)}


def _amount(prune_type: registry.PruneType, given: dict[str, Any], path: list) -> Amount:
    """How much is pruned: by a key that the prune type takes, and by no other."""
    allowed, there = prune_type.amounts, [key for key in AMOUNTS if key in given]
    if len(there) == 1 and there[0] in allowed:
        return Amount(there[0], _written(there[0], given[there[0]]))
    others = " and ".join(key for key in there if key not in allowed)
    wrong = f"takes {_either(allowed)}, not {others}" if there else f"needs {_either(allowed)}"
    if prune_type.masks and others in ("macs", "speed_up", "size_mib"):
        wrong += ": it sets weights to zero, and leaves MACs and the file's size as they are"
    if len(there) > 1 and set(there) <= set(allowed):
        wrong = f"takes one of {' and '.join(there)}, not both"
    use = next((key for key in there if key in allowed), allowed[0])
    rest = {k: v for k, v in given.items() if k not in AMOUNTS}
    raise ConfigError(
        path,
        f"{prune_type.name} {wrong}",
        allowed="; ".join(AMOUNTS[key][0] for key in allowed),
        corrected={"prune": {**rest, use: given.get(use, AMOUNTS[use][1])}},
    )


def _either(names: tuple[str, ...]) -> str:
    """Names in a sentence.

    >>> _either(("ratio", "threshold", "macs")), _either(("blocks",))
    ('ratio, threshold or macs', 'blocks')
    """
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def _written(key: str, value: Any) -> Any:
    """An amount as a node is known by it: numbers of which there are several ways to write them as text."""
    return naming.text(key, value) if key in ("ratio", *registry.COSTS) else value


def _check_pattern(amount: Amount, score: registry.Score, given: dict[str, Any], path: list) -> None:
    """A pattern removes something."""
    if amount.key != "pattern":
        return
    kept, of = map(int, amount.value.split(":"))
    if kept >= of:
        raise ConfigError(
            [*path, "pattern"],
            f"{amount.value!r} keeps {kept} of {of} weights",
            allowed='fewer than there are, such as "2:4"',
            corrected={"pattern": "2:4"},
        )


def _check_scope_of_amount(amount: Amount, score: registry.Score, given: dict[str, Any], path: list) -> None:
    """A scope beside an amount that leaves no choice of it."""
    if amount.key in ("pattern", "threshold") and "scope" in given:
        raise ConfigError(
            [*path, "scope"],
            f"makes no difference beside a {amount.key}, which every layer is held to by itself",
            allowed="scope beside a ratio",
        )


def _check_threshold(amount: Amount, score: registry.Score, given: dict[str, Any], path: list) -> None:
    """A threshold of scores that are drawn."""
    if amount.key == "threshold" and "generator" in inspect.signature(score.function).parameters:
        raise ConfigError(
            [*path, "method"],
            f"{score.name} draws its scores: a threshold means nothing to it",
            allowed="a score of the weights, such as max_abs",
            corrected={"method": "max_abs"},
        )


def check_before(amount: Amount, at: Place) -> None:
    """Raise ConfigError for an amount that the prunings before leave no room for."""
    _check_blocks(amount, at)
    of_dense = [job.params[amount.key] for job in at.before if amount.key in job.params]
    if amount.key not in registry.COSTS or not of_dense:
        return
    last, factor = of_dense[-1], amount.key in ("speed_up", "compression")
    if _further(amount.key, amount.value, last):
        return
    raise ConfigError(
        [*at.path, amount.key],
        f"{amount.value}, and the pruning before was asked for {last} already: both are held against the dense net",
        allowed=f"a number {'above' if factor else 'below'} {last}",
        corrected={amount.key: float(last) * 2 if factor else float(last) / 2},
    )


def _check_blocks(amount: Amount, at: Place) -> None:
    """Not more blocks than the net has, and has left."""
    model = model_of(at.study)
    if amount.key != "blocks" or registry.ANY in model.has:  # how many an imported net has, its job finds out
        return
    left = model.blocks - sum(job.params.get("blocks", 0) for job in at.before)
    if amount.value > left:
        raise ConfigError(
            [*at.path, "blocks"],
            f"{amount.value}, but {at.study['model']['name']} has {left} blocks" + (" left" if left else ""),
            allowed=f"a whole number from 1 to {left}" if left else "no block is left to remove",
            corrected={"blocks": left} if left else None,
        )
