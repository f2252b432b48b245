"""Iterative pruning: `rounds`, which stands in a chain for a few steps taken several times, with more pruned each time.

    - rounds: {number: 2, steps: [prune: {prune_type: filter_wise, macs: 0.25}, finetune]}

is `prune: {prune_type: filter_wise, macs: 0.5}, finetune, prune: {prune_type: filter_wise, macs: 0.25}, finetune`. It
is no step: the chain has the steps that it stands for, and shares them with every chain that begins alike.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise
from typing import Annotated, Any, Literal

from espalier import registry
from espalier.plan.explain import ConfigError
from espalier.plan.keys import Table, key, limits, table
from espalier.plan.lookup import known
from espalier.plan.steps import STEPS
from espalier.plan.steps.step import kind_of
from espalier.plan.validate import validate

ROUNDS = "rounds"
MOST = 100  # rounds
DIGITS = 4  # of the amounts before the last


def _without(ratio: float) -> float:
    return 1 - ratio


def _divided(factor: float) -> float:
    return 1 / factor


# The amounts that have steps between: from the amount to the share that is left. The way back is the same function.
LEFT: dict[str, Callable[[float], float]] = {
    "ratio": _without, "macs": float, "params": float, "speed_up": _divided, "compression": _divided,
}  # fmt: skip
INSIDE = [kind for kind, step in STEPS.items() if not step.first]
Inside = Annotated[Any, limits(enum=INSIDE)]
KeyedInside = Annotated[dict[str, Any], limits(minProperties=1, maxProperties=1, propertyNames={"enum": INSIDE})]


class Rounds(Table):
    """Iterative pruning: steps of a chain that are taken several times, each time with more pruned.

    Amounts are what is asked at the end; they have to be a ratio, macs, params, speed_up or compression.
    """

    number: Annotated[int, key("How many times.", required=True, minimum=2, maximum=MOST, examples=[3])]
    steps: Annotated[
        list[Inside | KeyedInside],
        key("The steps of a round, as in a chain; one or more of them are `prune`.", required=True, minItems=1),
    ]
    course: Annotated[
        Literal["geometric", "cubic", "linear"],
        key(
            "How what is left goes down. geometric: by the same factor in each round. cubic: first much, then less and "
            "less (Zhu and Gupta 2017). linear: by as much in each round.",
            default="geometric",
        ),
    ]


def left(final: float, number: int, course: str) -> list[float]:
    """The share that is left after each round. final: after the last one.

    >>> left(0.25, 2, "geometric"), left(0.5, 2, "linear"), left(0.2, 2, "cubic")
    ([0.5, 0.25], [0.75, 0.5], [0.3, 0.2])
    """
    times = [done / number for done in range(1, number + 1)]
    if course == "geometric":
        shares = [final**time for time in times]
    else:
        power = 3 if course == "cubic" else 1
        shares = [1 - (1 - final) * (1 - (1 - time) ** power) for time in times]
    return [round(share, 12) for share in shares]


def amounts(name: str, value: float, number: int, course: str, *, of_rest: bool = False) -> list[float]:
    """The amount of each round. name: of the amount; value: at the end. of_rest: whether it is a share of what the
    round before left, as a ratio is where groups are removed, and not of the dense net.

    >>> amounts("macs", 0.25, 2, "geometric"), amounts("speed_up", 8, 3, "geometric")
    ([0.5, 0.25], [2.0, 4.0, 8])
    >>> amounts("ratio", 0.75, 2, "geometric"), amounts("ratio", 0.75, 2, "linear", of_rest=True)
    ([0.5, 0.75], [0.375, 0.6])
    """
    shares = left(LEFT[name](value), number, course)
    if not of_rest:
        return [*(round(LEFT[name](share), DIGITS) for share in shares[:-1]), value]
    found, rest = [], 1.0
    for share in shares:
        found.append(round(1 - share / rest, DIGITS))
        rest *= 1 - found[-1]
    return found


def of_step(step: dict[str, Any], wanted: dict[str, Any], backend: str, path: list) -> list[dict[str, Any]]:
    """The keys of a step that prunes, in each of the rounds. wanted: the keys of `rounds`; path: where the step's stand
    in the config. Raises ConfigError for an amount that has no steps between, and for more rounds than it has steps."""
    name, number = _name_of_amount(step, path), wanted["number"]
    prune_type = known(registry.PruneType, step["prune_type"], backend, [*path, "prune_type"])
    of_rest = name == "ratio" and not prune_type.masks
    values = amounts(name, step[name], number, wanted.get("course", "geometric"), of_rest=of_rest)
    removed = values if of_rest else [before - after for before, after in pairwise([1.0, *map(LEFT[name], values)])]
    if min(removed) <= 0:
        raise ConfigError(
            [*path, name],
            f"{step[name]} in {number} rounds: a round would remove nothing",
            allowed="an amount that removes more, or fewer rounds",
        )
    return [step | {name: value} for value in values]


def _name_of_amount(step: dict[str, Any], path: list) -> str:
    """The amount of a step that prunes; raises ConfigError unless it is one that has steps between."""
    there = [name for name in registry.AMOUNTS if name in step]
    if len(there) == 1 and there[0] in LEFT and step.get("schedule") != "gradual":
        return there[0]
    rest = {name: value for name, value in step.items() if name not in (*registry.AMOUNTS, "schedule")}
    what = "gradual pruning" if step.get("schedule") == "gradual" else " and ".join(there) or "no amount"
    raise ConfigError(
        path,
        f"rounds of {what}: there are no steps on the way that could be taken one after the other",
        allowed=f"one of {', '.join(LEFT)}, at once",
        corrected={"prune": rest | {"ratio": 0.5}},
    )


def flat(chain: list, path: list) -> list[tuple[Any, list]]:
    """The steps of a chain with their places in the config, those of `rounds` twice, which is enough to see what
    follows what. Raises ConfigError for `rounds` that are none."""
    steps: list[tuple[Any, list]] = []
    for position, step in enumerate(chain):
        place = [*path, position]
        if kind_of(step) != ROUNDS:
            steps.append((step, place))
            continue
        inside = _steps(step[ROUNDS], [*place, ROUNDS])
        for _ in range(2):  # copies: YAML would write what is there twice as an alias
            steps += [(deepcopy(step), [*place, ROUNDS, "steps", number]) for number, step in enumerate(inside)]
    return steps


def _steps(wanted: Any, path: list) -> list:
    """The steps of a round, checked as far as it takes to go through them."""
    part = table(Rounds)["properties"]["steps"]
    validate(wanted, {"type": "object", "required": ["steps"], "properties": {"steps": part}}, path)
    if not any(kind_of(step) == "prune" for step in wanted["steps"]):
        raise ConfigError(
            [*path, "steps"],
            "none of the steps prunes",
            allowed="steps of which one or more are prune",
            corrected={"steps": [{"prune": {"prune_type": "filter_wise", "ratio": 0.5}}, *wanted["steps"]]},
        )
    return wanted["steps"]
