"""A study's chains, as its config lists them: expanded, every list of values or of alternatives a product, as in a CI
matrix, and each step checked against the schema at the place where it stands."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from espalier.plan import config as checks
from espalier.plan.config import ConfigError

LISTS = ("milestones", "augment")  # keys whose value is a list; to vary them give a list of lists

# The definition in the schema that a step's keys are checked against.
DEFINITIONS = {
    "train": "recipe",
    "regularize": "recipe",
    "finetune": "finetune",
    "scratch": "scratch",
    "prune": "prune",
    "quantize": "quantize",
}


def expand(study: dict, path: list) -> Iterator[tuple[list, list[tuple[str, list, dict]]]]:
    """Every chain of a study with its place: lists inside steps expanded, each step as (kind, place, given values)."""
    for number, chain in enumerate(study["chains"]):
        here = [*path, number]
        _check_order(chain, here)
        options = [[(_kind(step), *placed) for placed in _values(step, [*here, i])] for i, step in enumerate(chain)]
        for steps in itertools.product(*options):
            yield here, list(steps)


def _check_order(chain: list, path: list) -> None:
    if not chain or _kind(chain[0]) != "train":
        first = f"begins with {_kind(chain[0])!r}" if chain else "is empty"
        raise ConfigError(
            path, f"the chain {first}", allowed="a chain begins with train", corrected=[["train", *chain]]
        )
    for i, step in enumerate(chain):
        if i and _kind(step) == "train":
            raise ConfigError(
                [*path, i],
                "train is there again: a chain trains once, at its beginning",
                allowed="regularize, prune, finetune, scratch, quantize after train; regularize and finetune train "
                "further",
                corrected=["finetune" if isinstance(step, str) else {"finetune": step["train"]}],
            )
        if _kind(step) == "scratch" and _kind(chain[i - 1]) != "prune":
            pruned = max((k for k in range(i) if _kind(chain[k]) == "prune"), default=None)
            if pruned is None:
                raise ConfigError(
                    [*path, i],
                    "scratch trains anew what pruning left of a net, and nothing was pruned",
                    allowed="scratch right after prune",
                    corrected=[{"prune": {"prune_type": "weight", "ratio": 0.5}}, step],
                )
            raise ConfigError(
                path,
                f"scratch comes after {_kind(chain[i - 1])}: it draws new weights, and what that did is lost",
                allowed="scratch right after prune",
                corrected=[[*chain[: pruned + 1], *chain[i:]]],
            )
        if _kind(step) == "quantize" and i + 1 < len(chain):
            raise ConfigError(
                path,
                f"quantize is followed by {_kind(chain[i + 1])}: a quantized file is not trained or pruned further",
                allowed="quantize as the last step of a chain",
                corrected=[[*chain[:i], *chain[i + 1 :], step]],
            )


def _kind(step: Any) -> str:
    return step if isinstance(step, str) else next(iter(step))


def _values(step: Any, path: list) -> Iterator[tuple[list, dict]]:
    """All combinations of the values given in a step, each with its place."""
    kind = _kind(step)
    given = None if isinstance(step, str) else step[kind]
    if given == []:
        raise ConfigError([*path, kind], "the list is empty", allowed="at least one alternative: keys with values")
    for number, alternative in enumerate(given if isinstance(given, list) else [given]):
        where = [*path, kind, number] if isinstance(given, list) else [*path, kind]
        alternative = {} if alternative is None else alternative
        if not isinstance(alternative, dict):
            raise ConfigError(where, f"{alternative!r} is not a set of keys with values", allowed="keys with values")
        definition = DEFINITIONS[kind]
        axes = []
        for key, value in alternative.items():
            many = isinstance(value, list) and (key not in LISTS or any(isinstance(v, list) for v in value))
            if many and not value:
                raise ConfigError(
                    [*where, key],
                    "the list is empty",
                    allowed="at least one value",
                    corrected=checks.example(definition, key),
                )
            axes.append([(key, v) for v in (value if many else [value])])
        for values in itertools.product(*axes):
            values = dict(values)
            checks.check_part(values, definition, where)
            yield where, values
