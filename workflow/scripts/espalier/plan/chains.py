"""A study's chains, as its config lists them: expanded, every list of values or of alternatives a product, as in a CI
matrix, and each step checked against the schema at the place where it stands."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from espalier.plan import config as checks
from espalier.plan.config import ConfigError
from espalier.plan.steps import STEPS
from espalier.plan.steps.step import kind_of

LISTS = ("milestones", "augment")  # keys whose value is a list; to vary them give a list of lists
FIRST = "train"  # the step that every chain begins with, and has once


def expand(study: dict[str, Any], path: list) -> Iterator[tuple[list, list[tuple[str, list, dict[str, Any]]]]]:
    """Every chain of a study with its place: lists inside steps expanded, each step as (kind, place, given values)."""
    for number, chain in enumerate(study["chains"]):
        here = [*path, number]
        _check_order(chain, here)
        options = [[(kind_of(step), *placed) for placed in _values(step, [*here, i])] for i, step in enumerate(chain)]
        for steps in itertools.product(*options):
            yield here, list(steps)


def _check_order(chain: list, path: list) -> None:
    """`train` comes first and once; where any other step may stand, it says itself."""
    if not chain or kind_of(chain[0]) != FIRST:
        first = f"begins with {kind_of(chain[0])!r}" if chain else "is empty"
        raise ConfigError(
            path, f"the chain {first}", allowed="a chain begins with train", corrected=[["train", *chain]]
        )
    for number, step in enumerate(chain):
        if number and kind_of(step) == FIRST:
            raise _twice(step, [*path, number])
        STEPS[kind_of(step)].check_place(chain, number, path)


def _twice(step: Any, path: list) -> ConfigError:
    """The error for a second `train`."""
    others = ", ".join(kind for kind in STEPS if kind != FIRST)
    return ConfigError(
        path,
        "train is there again: a chain trains once, at its beginning",
        allowed=f"{others} after train; regularize and finetune train further",
        corrected=["finetune" if isinstance(step, str) else {"finetune": step["train"]}],
    )


def _values(step: Any, path: list) -> Iterator[tuple[list, dict[str, Any]]]:
    """All combinations of the values given in a step, each with its place."""
    kind = kind_of(step)
    given = None if isinstance(step, str) else step[kind]
    if given == []:
        raise ConfigError([*path, kind], "the list is empty", allowed="at least one alternative: keys with values")
    for number, alternative in enumerate(given if isinstance(given, list) else [given]):
        where = [*path, kind, number] if isinstance(given, list) else [*path, kind]
        alternative = {} if alternative is None else alternative
        if not isinstance(alternative, dict):
            raise ConfigError(where, f"{alternative!r} is not a set of keys with values", allowed="keys with values")
        definition = STEPS[kind].definition
        axes = [[(key, v) for v in _axis(key, value, definition, where)] for key, value in alternative.items()]
        for values in itertools.product(*axes):
            checks.check_part(dict(values), definition, where)
            yield where, dict(values)


def _axis(key: str, value: Any, definition: str, path: list) -> list:
    """The values of a key, one after the other."""
    if not isinstance(value, list) or (key in LISTS and not any(isinstance(v, list) for v in value)):
        return [value]
    if not value:
        raise ConfigError(
            [*path, key], "the list is empty", allowed="at least one value", corrected=checks.example(definition, key)
        )
    return value
