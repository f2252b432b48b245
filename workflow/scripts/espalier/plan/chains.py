"""A study's chains, as its config lists them: expanded, every list of values or of alternatives a product, as in a CI
matrix, and each step checked against its table of keys at the place where it stands."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from espalier.plan import rounds
from espalier.plan.explain import ConfigError
from espalier.plan.keys import Table, table
from espalier.plan.steps import STEPS
from espalier.plan.steps.step import kind_of
from espalier.plan.suggest import suggestion
from espalier.plan.validate import check_keys, example

KEYS: dict[str, type[Table]] = {kind: step.keys for kind, step in STEPS.items()} | {rounds.ROUNDS: rounds.Rounds}
FIRST = tuple(kind for kind, step in STEPS.items() if step.first)  # a chain begins with one of them, and has it once


@dataclass(frozen=True)
class Given:
    """One step of an expanded chain: one value of each key."""

    kind: str
    path: list  # where its keys stand in the config
    values: dict[str, Any]
    lists: dict[str, list]  # the lists that some of the values are from

    @contextmanager
    def checked(self) -> Iterator[None]:
        """While the step is checked: an error about one value of a list shows the whole list corrected."""
        try:
            yield
        except ConfigError as error:
            key = error.path[-1]
            if key not in self.lists or error.path != [*self.path, key] or not isinstance(error.corrected, dict):
                raise
            if key in error.corrected:
                corrected = {**error.corrected, key: self._mended(key, error.corrected[key])}
            else:  # the name of the key is wrong, not its values
                corrected = dict.fromkeys(error.corrected, self.lists[key])
            raise ConfigError(error.path, error.problem, allowed=error.allowed, corrected=corrected) from None

    def _mended(self, key: str, meant: Any) -> Any:
        """The list of a key with another value in the place of the wrong one; others that are wrong are mended, too."""
        values = [meant if value == self.values[key] else value for value in self.lists[key]]
        part = table(KEYS[self.kind])["properties"][key]
        mended = suggestion(values, {"type": "array", "items": part, "uniqueItems": True}) or values
        return mended if len(mended) > 1 else mended[0]


def expand(study: dict[str, Any], path: list) -> Iterator[tuple[list, list[Given]]]:
    """Every chain of a study with its place, lists inside its steps and rounds of steps expanded."""
    for number, chain in enumerate(study["chains"]):
        here = [*path, number]
        _check_order(chain, here)
        options = [list(_parts(step, study["backend"], [*here, place])) for place, step in enumerate(chain)]
        for parts in itertools.product(*options):
            yield here, [step for part in parts for step in part]


def _parts(step: Any, backend: str, path: list) -> Iterator[list[Given]]:
    """What an entry of a chain stands for: a step with each combination of its values, or so many rounds of steps."""
    for given in _alternatives(step, path):
        yield from _rounds(given, backend) if given.kind == rounds.ROUNDS else [[given]]


def _rounds(wanted: Given, backend: str) -> Iterator[list[Given]]:
    """The steps of all rounds, with every combination of the values that they list."""
    number = wanted.values["number"]
    options = [list(_alternatives(step, [*wanted.path, "steps", i])) for i, step in enumerate(wanted.values["steps"])]
    for steps in itertools.product(*options):
        each = [[given] * number for given in steps]
        for given, of_rounds in zip(steps, each, strict=True):
            if given.kind == "prune":
                with given.checked():
                    values = rounds.of_step(given.values, wanted.values, backend, given.path)
                of_rounds[:] = [replace(given, values=value) for value in values]
        yield [given for of_round in zip(*each, strict=True) for given in of_round]


def _check_order(chain: list, path: list) -> None:
    """`train` or `given` comes first and once; where any other step may stand, it says itself."""
    if not chain or kind_of(chain[0]) not in FIRST:
        first = f"begins with {kind_of(chain[0])!r}" if chain else "is empty"
        allowed = "a chain begins with train; with given, the net as it is; or with init, the net before training"
        raise ConfigError(path, f"the chain {first}", allowed=allowed, corrected=[["train", *chain]])
    steps = rounds.flat(chain, path)
    plain = [step for step, _ in steps]
    for number, (step, place) in enumerate(steps):
        if number and kind_of(step) in FIRST:
            raise _twice(step, place)
        try:
            STEPS[kind_of(step)].check_place(plain, number, path)
        except ConfigError as error:
            if error.path != [*path, number] or place == error.path:
                raise
            raise ConfigError(place, error.problem, allowed=error.allowed, corrected=error.corrected) from None


def _twice(step: Any, path: list) -> ConfigError:
    """The error for a second `train` or `given`."""
    kind = kind_of(step)
    others = ", ".join(other for other in STEPS if other not in FIRST)
    further = " and ".join(kind for kind, step in STEPS.items() if step.trains == "further")
    return ConfigError(
        path,
        f"{kind} is there again: a chain trains once, at its beginning"
        if kind == "train"
        else f"{kind} is not the first step: a chain begins with one net",
        allowed=f"{others} after the first step; {further} train further",
        corrected=["finetune" if isinstance(step, str) else {"finetune": step[kind]}],
    )


def _alternatives(step: Any, path: list) -> Iterator[Given]:
    """A step with each of its alternatives, and each of these with every combination of the values that it lists."""
    kind = kind_of(step)
    given = None if isinstance(step, str) else step[kind]
    if given == []:
        raise ConfigError([*path, kind], "the list is empty", allowed="at least one alternative: keys with values")
    for number, alternative in enumerate(given if isinstance(given, list) else [given]):
        where = [*path, kind, number] if isinstance(given, list) else [*path, kind]
        alternative = {} if alternative is None else alternative
        if not isinstance(alternative, dict):
            raise ConfigError(where, f"{alternative!r} is not a set of keys with values", allowed="keys with values")
        yield from _combinations(kind, alternative, where)


def _combinations(kind: str, alternative: dict[str, Any], path: list) -> Iterator[Given]:
    """A step with every combination of the values that it lists."""
    keys = KEYS[kind]
    lists = {key: value for key, value in alternative.items() if _varies(key, value, keys)}
    for key, values in lists.items():
        if not values:
            raise ConfigError(
                [*path, key], "the list is empty", allowed="at least one value", corrected=example(keys, key)
            )
    for values in itertools.product(*(lists.get(key, [value]) for key, value in alternative.items())):
        given = Given(kind, path, dict(zip(alternative, values, strict=True)), lists)
        with given.checked():
            check_keys(given.values, keys, path)
        yield given


def _varies(key: str, value: Any, keys: type[Table]) -> bool:
    """Whether a list holds several values of a key. One whose value is a list by nature varies as a list of lists."""
    by_nature = table(keys)["properties"].get(key, {}).get("type") == "array"
    return isinstance(value, list) and (not by_nature or any(isinstance(v, list) for v in value))
