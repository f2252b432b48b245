"""Accuracy against cost: methods at matched cost, and the Pareto set with what is not known.

Methods that were asked for the same ratio do not cost the same. Two methods are compared at a cost that both reach, by
interpolating each one's curve on a logarithmic axis of cost (MACs, parameters, bytes or measured time), seed by seed.
Nothing is extrapolated: a curve says nothing beyond its last point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations
from math import nan
from operator import attrgetter

import numpy as np

from espalier.analysis.accuracies import Accuracy
from espalier.analysis.predictions import Outcomes
from espalier.analysis.statistics import (
    LEVEL,
    SEEDS,
    Comparison,
    Estimate,
    Interval,
    Values,
    Verdict,
    compare,
    correct,
    over_seeds,
)

Curve = Sequence[tuple[float, float]]  # points (cost > 0, value), in any order
Curves = Mapping[int, Curve]  # seed -> the curve of a method


def value_at(curve: Curve, cost: float) -> float:
    """The value of a curve at a cost: linear between its neighbours, on a logarithmic axis of cost. NaN where the curve
    has no point on one of the sides. Points of equal cost count as their mean.

    >>> value_at([(10.0, 60.0), (1000.0, 70.0)], 100.0)
    65.0
    """
    costs, values = _sorted(curve)
    if not len(costs) or not costs[0] <= cost <= costs[-1]:
        return nan
    return float(np.interp(np.log(cost), np.log(costs), values))


def shared_range(curves: Iterable[Curve]) -> tuple[float, float] | None:
    """The costs, from and to, between which each of the curves has points on either side; None if there are none.

    >>> shared_range([[(1.0, 50.0), (8.0, 70.0)], [(2.0, 40.0), (16.0, 60.0)]])
    (2.0, 8.0)
    """
    ends = [(min(costs), max(costs)) for curve in curves for costs in [[cost for cost, _ in curve]] if costs]
    if not ends:
        return None
    low, high = max(low for low, _ in ends), min(high for _, high in ends)
    return (low, high) if low <= high else None


def at_cost(one: Curves, other: Curves, cost: float) -> Estimate:
    """one - other at one cost, paired by seed; seeds whose curves do not reach the cost are left out."""
    pair = ({seed: value_at(curve, cost) for seed, curve in curves.items()} for curves in (one, other))
    return over_seeds(*pair)


def along(one: Curves, other: Curves) -> Estimate:
    """one - other as a mean over all costs that both have, on the logarithmic axis, paired by seed: one number, and one
    test, for two whole curves. The range of costs is one that the curves of all shared seeds cover; where there is none
    nothing is compared (n = 0).

    Mean of f over log cost = integral of f d(log cost) / log(high / low). The curves are linear between their points,
    so that the trapezoid rule on all of them is exact.
    """
    seeds = sorted(one.keys() & other.keys())
    span = shared_range([curves[seed] for seed in seeds for curves in (one, other)])
    if span is None:
        return Estimate(nan, (), 0)
    return over_seeds(*({seed: _mean_value(curves[seed], *span) for seed in seeds} for curves in (one, other)))


class Standing(StrEnum):
    """Where a net stands in the Pareto set. The text is what tables and CSV files hold."""

    FRONTIER = "frontier"
    DOMINATED = "dominated"
    UNDECIDED = "undecided"

    @property
    def words(self) -> str:
        """What a reader is told, in findings and on the page that a net is chosen on.

        >>> Standing.UNDECIDED.words
        'cannot be told'
        """
        return {"frontier": "on the frontier", "undecided": "cannot be told"}.get(self, str(self))


class Lead(StrEnum):
    """What is known of two nets' values, seen from the first of them."""

    HIGHER = "higher"
    LOWER = "lower"
    EQUAL = "equal"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Candidate:
    """A net for the Pareto set: what it costs (an Interval where that was measured), and its value for each seed; where
    the values are accuracies, also whether each test image was classified correctly, if that is known."""

    name: str
    cost: float | Interval
    values: Values
    outcomes: Outcomes = field(default_factory=dict)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that it may cost."""
        return (self.cost.low, self.cost.high) if isinstance(self.cost, Interval) else (self.cost, self.cost)


@dataclass(frozen=True)
class Place:
    """A candidate's standing, and the names of those that dominate it."""

    name: str
    standing: Standing
    dominated_by: tuple[str, ...] = ()


def pareto(candidates: Sequence[Candidate], level: float = LEVEL) -> list[Place]:
    """Which candidates are on the frontier of cost (low) and value (high), which are dominated, which cannot be told.

    dominated   another one costs no more for certain, and its value is higher (won, corrected for all pairs by Holm)
    frontier    each of the others costs more for certain, or its value is lower (lost, corrected)
    undecided   else; always with fewer than two seeds

    Two nets with equal values for every seed are ordered by cost alone; if the costs are equal too, neither dominates.

    >>> small = Candidate("small", 1.0, {0: 70.0, 1: 70.2, 2: 69.9})
    >>> large = Candidate("large", 2.0, {0: 60.0, 1: 60.3, 2: 59.8})
    >>> [(place.name, str(place.standing), place.dominated_by) for place in pareto([small, large])]
    [('small', 'frontier', ()), ('large', 'dominated', ('small',))]
    """
    return places(candidates, leads(candidates, level))


Leads = Mapping[tuple[str, str], Lead]  # names of two nets -> the lead of the first over the second
Compared = dict[tuple[str, str], Comparison]  # by the names of two nets in their order, not corrected


def leads(candidates: Sequence[Candidate], level: float = LEVEL, compared: Compared | None = None) -> Leads:
    """The lead in value of each of the candidates over each of the others: all pairs are one family (Holm).

    compared: pairs that were compared before, on another axis of cost; it takes up those of these candidates."""
    compared = {} if compared is None else compared
    pairs = list(combinations(sorted(candidates, key=attrgetter("name")), 2))
    for one, other in pairs:
        if (one.name, other.name) not in compared:
            compared[one.name, other.name] = compare(_difference(one, other), level)
    family = correct([compared[one.name, other.name] for one, other in pairs])
    known: dict[tuple[str, str], Lead] = {}
    for (one, other), comparison in zip(pairs, family, strict=True):
        known[one.name, other.name], known[other.name, one.name] = _leads(comparison)
    return known


def places(candidates: Sequence[Candidate], known: Leads) -> list[Place]:
    """The standing of each of the candidates. known: their leads over each other."""
    return [
        _place(one, [(other, known[other.name, one.name]) for other in candidates if other is not one])
        for one in candidates
    ]


def _difference(one: Candidate, other: Candidate) -> Estimate:
    return Accuracy(one.values, outcomes=one.outcomes).less(Accuracy(other.values, outcomes=other.outcomes))


def _leads(comparison: Comparison) -> tuple[Lead, Lead]:
    """The lead of the first net over the second, and of the second over the first."""
    if comparison.verdict == Verdict.WON:
        return Lead.HIGHER, Lead.LOWER
    if comparison.verdict == Verdict.LOST:
        return Lead.LOWER, Lead.HIGHER
    equal = comparison.interval == Interval(0.0, 0.0, comparison.level)
    return (Lead.EQUAL, Lead.EQUAL) if equal else (Lead.UNKNOWN, Lead.UNKNOWN)


def _place(one: Candidate, others: Sequence[tuple[Candidate, Lead]]) -> Place:
    """The standing of one among the others, each with its lead over that one."""
    found = {other.name: _dominates(other, one, lead) for other, lead in others}
    over = tuple(name for name, dominates in found.items() if dominates)
    if over:
        return Place(one.name, Standing.DOMINATED, over)
    certain = len(one.values) >= SEEDS and None not in found.values()
    return Place(one.name, Standing.FRONTIER if certain else Standing.UNDECIDED)


def _dominates(other: Candidate, one: Candidate, lead: Lead) -> bool | None:
    """Does `other`, with this lead in value, dominate `one`? None if it cannot be told."""
    (low, high), (least, most) = other.bounds, one.bounds
    if low > most or lead == Lead.LOWER or (lead == Lead.EQUAL and low == high == least == most):
        return False
    if (lead == Lead.HIGHER and high <= least) or (lead == Lead.EQUAL and high < least):
        return True
    return None


def _sorted(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Costs in rising order, each once, and the mean value at each."""
    if not len(curve):
        return np.empty(0), np.empty(0)
    points = np.asarray(curve, dtype=float)
    costs, place = np.unique(points[:, 0], return_inverse=True)
    return costs, np.bincount(place, weights=points[:, 1]) / np.bincount(place)


def _mean_value(curve: Curve, low: float, high: float) -> float:
    """The mean of a curve between two costs that it covers, on the logarithmic axis; its value if they are equal."""
    if low == high:
        return value_at(curve, low)
    costs, _ = _sorted(curve)
    knots = np.array([low, *costs[(costs > low) & (costs < high)], high])
    values = [value_at(curve, cost) for cost in knots]
    return float(np.trapezoid(values, np.log(knots)) / np.log(high / low))
