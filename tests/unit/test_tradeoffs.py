"""Methods at matched cost, and the Pareto set, by small examples worked out by hand."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest

from espalier.analysis import tradeoffs
from espalier.analysis.statistics import Interval, Verdict, compare
from espalier.analysis.tradeoffs import Candidate, Curve, Standing, along, at_cost, pareto, shared_range, value_at


def test_interpolation_is_linear_on_a_logarithmic_axis():
    curve = [(64.0, 70.0), (1.0, 40.0), (8.0, 60.0)]  # in any order
    assert value_at(curve, 2.0) == pytest.approx(40 + 20 / 3)  # log 2 / log 8 = 1/3
    assert value_at(curve, 64.0) == 70
    assert value_at(curve, 8.0) == pytest.approx(60)


def test_nothing_is_extrapolated():
    curve = [(2.0, 50.0), (8.0, 60.0)]
    assert math.isnan(value_at(curve, 1.99))
    assert math.isnan(value_at(curve, 8.01))
    assert math.isnan(value_at([], 1.0))


def test_points_of_equal_cost_count_as_their_mean():
    assert value_at([(1.0, 40.0), (4.0, 50.0), (4.0, 60.0)], 4.0) == 55


def test_shared_range():
    assert shared_range([[(1.0, 0.0), (10.0, 0.0)], [(5.0, 0.0), (20.0, 0.0)], [(2.0, 0.0), (8.0, 0.0)]]) == (5.0, 8.0)
    assert shared_range([[(1.0, 0.0), (2.0, 0.0)], [(3.0, 0.0), (4.0, 0.0)]]) is None
    assert shared_range([[], []]) is None


def lines(slope: float, shifts: list[float], costs: tuple[float, ...]) -> dict[int, Curve]:
    """For each seed a curve 50 + shift + slope * log2(cost)."""
    return {seed: [(cost, 50 + shift + slope * math.log2(cost)) for cost in costs] for seed, shift in enumerate(shifts)}


def test_methods_are_compared_at_equal_cost_and_not_at_equal_ratio():
    # one curve for both methods; asked for the same ratio, the second leaves twice the cost
    one, other = lines(5, [0.0, 0.4, 0.1], (1, 4, 16)), lines(5, [0.1, 0.3, 0.1], (2, 8, 32))
    matched = compare(at_cost(one, other, 4))
    assert matched.n == 3
    assert matched.difference == pytest.approx(0.0, abs=1e-9)
    assert matched.verdict == Verdict.UNDECIDED


def test_at_cost_leaves_out_seeds_that_do_not_reach_it():
    one, other = lines(5, [1.0, 1.2, 1.1], (1, 16)), lines(5, [0.0, 0.0, 0.0], (1, 16))
    one[2] = [(8.0, 50.0), (16.0, 60.0)]
    assert at_cost(one, other, 4).n == 2
    assert at_cost(one, other, 4).value == pytest.approx(1.1)
    assert at_cost(one, other, 100).n == 0


def test_along_is_the_mean_lead_over_the_shared_costs():
    # shared 2 to 16: log2 from 1 to 4. The lead is shift + 1 * log2(cost), mean of log2 over (1, 4) is 2.5.
    shifts = [0.0, 0.3, -0.3]
    lead = along(lines(3, shifts, (1, 2, 16)), lines(2, [0.0] * 3, (2, 5, 64)))
    assert lead.value == pytest.approx(2.5)
    assert lead.interval().high == pytest.approx(2.5 + 4.3027 * 0.3 / math.sqrt(3), abs=1e-3)


def test_along_is_exact_between_the_points():
    # a kink at cost 4 (log2 = 2) in one curve only: values 0, 10, 0 at log2 = 0, 2, 4; mean 5
    one = {seed: [(1.0, 0.0 + seed), (4.0, 10.0 + seed), (16.0, 0.0 + seed)] for seed in range(2)}
    other = {seed: [(1.0, 0.0), (16.0, 0.0)] for seed in range(2)}
    assert along(one, other).value == pytest.approx(5.5)


def test_curves_that_share_no_cost_are_not_compared():
    nothing = compare(along(lines(5, [0, 1], (1, 2)), lines(5, [0, 1], (3, 4))))
    assert (nothing.n, nothing.interval, nothing.verdict) == (0, None, Verdict.UNDECIDED)
    assert compare(along({}, {})).n == 0


def test_curves_that_share_one_cost():
    one = {0: [(1.0, 5.0), (2.0, 7.0)], 1: [(1.0, 5.0), (2.0, 8.0)]}
    lead = along(one, {seed: [(2.0, 6.0), (4.0, 6.0)] for seed in (0, 1)})
    assert lead.value == pytest.approx(1.5)


def test_one_seed_gives_no_verdict_at_matched_cost():
    assert compare(along(lines(5, [9.0], (1, 4)), lines(5, [0.0], (1, 4)))).verdict == Verdict.UNDECIDED


# The Pareto set

NOISE = np.array([0.0, 0.1, -0.1])


def net(name: str, cost: float | Interval, accuracy: float, noise: np.ndarray = NOISE) -> Candidate:
    return Candidate(name, cost, dict(enumerate(accuracy + noise)))


def standings(*candidates: Candidate) -> dict[str, Standing]:
    return {place.name: place.standing for place in pareto(candidates)}


def test_frontier_dominated_and_undecided():
    dense = net("dense", 16.0, 90.0)
    half = net("half", 8.0, 80.0, NOISE[::-1] * 2)
    poor = net("poor", 9.0, 60.0, NOISE * 3)
    close = net("close", 12.0, 80.1, np.array([0.3, -0.4, 0.1]))
    assert standings(dense, half, poor, close) == {
        "dense": Standing.FRONTIER,
        "half": Standing.FRONTIER,
        "poor": Standing.DOMINATED,
        "close": Standing.UNDECIDED,  # dearer than half, and not known to be better
    }


def test_a_dominated_net_names_what_dominates_it():
    places = pareto([net("a", 1.0, 90.0), net("b", 2.0, 50.0, NOISE * 2), net("c", 3.0, 10.0, NOISE[::-1] * 3)])
    assert [place.dominated_by for place in places] == [(), ("a",), ("a", "b")]


def test_equal_values_are_ordered_by_cost():
    assert standings(net("raw", 4.0, 74.0), net("cut", 3.0, 74.0)) == {"raw": "dominated", "cut": "frontier"}
    assert standings(net("one", 4.0, 74.0), net("two", 4.0, 74.0)) == {"one": "frontier", "two": "frontier"}


def test_costs_that_were_measured_and_overlap_decide_nothing():
    fast, slow = Interval(1.0, 1.4), Interval(1.3, 1.8)
    better, worse = net("better", fast, 90.0), net("worse", slow, 70.0, NOISE * 2)
    assert standings(better, worse) == {"better": "frontier", "worse": "undecided"}
    assert standings(better, net("worse", Interval(1.5, 1.8), 70.0, NOISE * 2))["worse"] == "dominated"


def test_one_seed_places_nothing():
    single = [Candidate("small", 1.0, {0: 90.0}), Candidate("large", 2.0, {0: 10.0})]
    assert {place.standing for place in pareto(single)} == {Standing.UNDECIDED}
    assert pareto([]) == []


def test_many_pairs_need_clearer_differences():
    # alone, a lead of 1 with a standard error of 0.2 has t = 5, p = 0.038; of 10 pairs it is one of many
    noise = [np.array([0.0, 0.35, -0.35]) * sign for sign in (1, -1)]
    pair = [net("a", 1.0, 71.5, noise[0] / 2), net("b", 2.0, 70.0, noise[1] / 2)]
    others = [net(f"c{i}", 3.0 + i, 70.0, np.array([0.5, -0.5, 0.1 * i])) for i in range(4)]
    assert standings(*pair)["b"] == "dominated"
    assert standings(*pair, *others)["b"] == "undecided"


def test_examples_in_the_docstrings():
    assert doctest.testmod(tradeoffs).failed == 0
