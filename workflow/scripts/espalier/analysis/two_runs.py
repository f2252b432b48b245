"""Two runs side by side: the nets that both have, joined by study and chain, and what differs.

A run is what its results.json holds (espalier.report.choose.data). Differences are those from the first run to the
second: second - first in points of top-1, second / first in bytes, counts and times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isnan, nan, sqrt
from typing import Any

from espalier.analysis.statistics import SEEDS, Comparison, Estimate, compare, correct, over_seeds

COSTS = ("zipped_bytes", "size_bytes", "params", "macs", "ms_per_image")
Run = Mapping[str, Any]
Net = Mapping[str, Any]


@dataclass(frozen=True)
class Pair:
    """A net in both runs. difference: of top-1, seed by seed; comparison: the same with a verdict that is corrected for
    all nets of the study; ratios: of each of COSTS, NaN where one of the two is not known."""

    first: Net
    second: Net
    difference: Estimate
    comparison: Comparison
    ratios: Mapping[str, float]

    @property
    def standard_error(self) -> float:
        """Of the difference; NaN where the seeds do not tell."""
        parts = self.difference.parts
        return sqrt(sum(part.variance for part in parts)) if parts and self.difference.n >= SEEDS else nan

    @property
    def differs(self) -> bool:
        """Whether anything differs: the top-1 of a seed that both have, or what the net costs."""
        one, other = (net["top1"]["seeds"] for net in (self.first, self.second))
        seeds = one.keys() & other.keys()
        ratios = (ratio for ratio in self.ratios.values() if not isnan(ratio))
        return any(one[seed] != other[seed] for seed in seeds) or any(ratio != 1 for ratio in ratios)


@dataclass(frozen=True)
class Both:
    """A study of both runs: the nets that both have, and those that one has. untimed: why times are not compared; "" if
    they are."""

    first: Mapping[str, Any]
    second: Mapping[str, Any]
    pairs: list[Pair]
    only_first: list[Net]
    only_second: list[Net]
    untimed: str


def studies(first: Run, second: Run) -> Iterator[Both]:
    """The studies that both runs have, in the order of the first."""
    others = {study["name"]: study for study in second["studies"]}
    for study in first["studies"]:
        if study["name"] in others:
            other = others[study["name"]]
            yield _both(study, other, _untimed(first, second, study, other))


def alone(first: Run, second: Run) -> list[str]:
    """The titles of the studies that only the first run has."""
    names = {study["name"] for study in second["studies"]}
    return [study["title"] for study in first["studies"] if study["name"] not in names]


def _both(first: Mapping[str, Any], second: Mapping[str, Any], untimed: str) -> Both:
    others = {net["variant"]: net for net in second["nets"]}
    joined = [(net, others[net["variant"]]) for net in first["nets"] if net["variant"] in others]
    differences = [over_seeds(_top1(other), _top1(one)) for one, other in joined]
    family = correct([compare(difference) for difference in differences])
    costs = [axis for axis in COSTS if axis != "ms_per_image" or not untimed]
    pairs = [
        Pair(one, other, difference, comparison, {axis: _ratio(one, other, axis) for axis in costs})
        for (one, other), difference, comparison in zip(joined, differences, family, strict=True)
    ]
    both = {one["variant"] for one, _ in joined}
    mine, theirs = ([net for net in study["nets"] if net["variant"] not in both] for study in (first, second))
    return Both(first, second, pairs, mine, theirs, untimed)


def _top1(net: Net) -> dict[int, float]:
    return {int(seed): float(value) for seed, value in net["top1"]["seeds"].items()}


def _ratio(one: Net, other: Net, axis: str) -> float:
    first, second = one[axis]["value"], other[axis]["value"]
    return nan if first is None or second is None else 1.0 if first == second else second / first


def _untimed(first: Run, second: Run, study: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Why the times of two runs are not compared: they were measured on different processors, with different numbers of
    threads, or on what is not known."""
    processors = [sorted(run["processors"]) for run in (first, second)]
    if not all(processors):
        return "they were not measured in both runs"
    if processors[0] != processors[1]:
        return f"the processors differ ({' / '.join(processors[0])} and {' / '.join(processors[1])})"
    if len(processors[0]) > 1:
        return "each run was timed on several processors"
    threads = [
        sorted({net["threads"] for net in each["nets"] if net["threads"] is not None}) for each in (study, other)
    ]
    return "" if threads[0] == threads[1] else f"the numbers of threads differ ({threads[0]} and {threads[1]})"
