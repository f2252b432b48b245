"""How large a config may be: checked first, in less time than it takes to read the file.

A config may come from somebody else. Nesting without end, an alias that is repeated within itself, or a list that is a
zero too long must not take memory or minutes before there is a word about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from espalier.plan.explain import ConfigError

DEPTH = 50  # of keys and lists in each other
VALUES = 200_000  # of the whole config, with each alias written out
SHOWN = 4  # keys of a place that an error names
JOBS = 10_000  # results of all studies, unless `max_jobs` says otherwise

Place = Any  # None for the config itself, or (place of the value around it, key or number)


def check_size(config: Any) -> None:
    """Raise ConfigError for a config that is nested too deeply, holds too many values, or plans too many jobs."""
    for number, (depth, place) in enumerate(_places(config)):
        if depth > DEPTH:
            raise ConfigError(
                _path(place),
                "is nested too deeply",
                allowed=f"at most {DEPTH} keys and lists in each other, and no cycles",
            )
        if number > VALUES:
            raise ConfigError(
                _path(place),
                f"the config holds more than {VALUES:,} values up to here",
                allowed="fewer; an alias (*name) of a list that holds aliases itself counts as often as it is repeated",
            )
    _check_jobs(config)


def _places(config: Any) -> Iterator[tuple[int, Place]]:
    """Depth and place of every value, in the order of the file. Not by recursion, which has an end."""
    waiting: list[tuple[Any, int, Place]] = [(config, 0, None)]
    while waiting:
        value, depth, place = waiting.pop()
        yield depth, place
        if isinstance(value, dict | list | tuple):
            parts = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
            waiting += [(part, depth + 1, (place, key)) for key, part in reversed(parts)]


def _path(place: Place) -> list:
    """The beginning of the path to a place, enough to find it by."""
    keys: list = []
    while place:
        place, key = place
        keys.insert(0, key)
    return keys[:SHOWN]


def _check_jobs(config: Any) -> None:
    """Raise ConfigError if the chains of all studies, times their seeds, are too many results."""
    config = config if isinstance(config, dict) else {}
    most, seeds = config.get("max_jobs"), config.get("seeds")
    most = most if isinstance(most, int) else JOBS
    studies = config.get("studies")
    jobs = {name: _jobs(study, seeds) for name, study in (studies if isinstance(studies, dict) else {}).items()}
    if sum(jobs.values()) > most:
        largest = max(jobs, key=jobs.__getitem__)
        raise ConfigError(
            ["studies", largest],
            f"the config plans up to {sum(jobs.values()):,} results, {jobs[largest]:,} of them here",
            allowed=f"{most:,} in all; shorten its lists, or raise the limit at the top of the config",
            corrected={"max_jobs": sum(jobs.values())},
        )


def _jobs(study: Any, seeds: Any) -> int:
    """At most how many results a study has: one for each combination of the values in the beginning of a chain."""
    if not isinstance(study, dict) or not isinstance(study.get("chains"), list):
        return 0
    seeds = study.get("seeds", seeds)
    number = len(seeds) if isinstance(seeds, list) else 1
    beginnings: dict[str, int] = {}
    for chain in study["chains"]:
        steps = chain if isinstance(chain, list) else []
        counts = [_options(step) for step in steps]
        key = ""
        for end, step in enumerate(steps, 1):
            key += f"{step!r};"
            beginnings[key] = prod(counts[:end])
    return number * sum(beginnings.values())


def _options(step: Any) -> int:
    """How many steps a step with lists, or rounds of steps, stand for."""
    given = next(iter(step.values()), None) if isinstance(step, dict) else None
    if isinstance(step, dict) and "rounds" in step and isinstance(given, dict):
        return _options_of_rounds(given)
    alternatives = given if isinstance(given, list) else [given]
    return sum(
        prod(len(value) for value in alternative.values() if isinstance(value, list) and value)
        if isinstance(alternative, dict)
        else 1
        for alternative in alternatives
    )


def _options_of_rounds(given: dict[str, Any]) -> int:
    """At most how many steps: of each combination of the values in a round, all steps of all rounds."""
    steps, numbers = given.get("steps"), given.get("number")
    steps = steps if isinstance(steps, list) else []
    numbers = [n for n in (numbers if isinstance(numbers, list) else [numbers]) if isinstance(n, int)]
    return max(1, sum(numbers) * len(steps) * prod(_options(step) for step in steps))
