"""Verdicts and what they are made of, by numbers worked out in other ways: by hand, from tables, by scipy.stats."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from scipy import stats

from espalier.analysis import statistics
from espalier.analysis.statistics import (
    Comparison,
    Estimate,
    Interval,
    Part,
    Verdict,
    against_published,
    compare,
    correct,
    holm,
    over_seeds,
    predicted,
    within,
)

# Student 1908, "The probable error of a mean", table of Cushny and Peebles: hours of sleep gained by ten patients.
DEXTRO = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
LAEVO = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def seeds(values: list[float]) -> dict[int, float]:
    return dict(enumerate(values))


# Student's interval


def test_sleep_data_of_student_1908():
    sleep = compare(over_seeds(seeds(LAEVO), seeds(DEXTRO)))
    # differences 1.2 2.4 1.3 1.3 0 1 1.8 0.8 4.6 1.4: mean 1.58, s 1.23; t(9) = 2.262; 1.58 -+ 2.262 * 0.389
    assert sleep.difference == pytest.approx(1.58)
    assert sleep.interval.low == pytest.approx(0.700, abs=5e-4)
    assert sleep.interval.high == pytest.approx(2.460, abs=5e-4)
    assert sleep.p == pytest.approx(0.00283, abs=5e-6)
    assert (sleep.n, sleep.images, sleep.verdict) == (10, None, Verdict.WON)


def test_two_seeds_by_hand():
    # d = 1 and 3: mean 2, standard error |3 - 1| / 2 = 1, t(1) = tan(0.475 pi) = 12.706; p = 1 - 2 atan(2) / pi
    pair = compare(over_seeds({0: 71.0, 1: 73.0}, {0: 70.0, 1: 70.0}))
    assert pair.interval.high == pytest.approx(2 + math.tan(0.475 * math.pi))
    assert pair.p == pytest.approx(1 - 2 * math.atan(2) / math.pi)
    assert pair.verdict == Verdict.UNDECIDED


def test_three_seeds_by_hand():
    # t with 2 degrees of freedom has the distribution function 1/2 + t / (2 sqrt(2 + t^2)); d = 1, 2, 3: t = 2 sqrt(3)
    triple = compare(over_seeds(seeds([1.0, 2.0, 3.0]), seeds([0.0, 0.0, 0.0])))
    assert triple.p == pytest.approx(1 - math.sqrt(12) / math.sqrt(14))
    # 0.475 = t / (2 sqrt(2 + t^2)) gives t = 0.95 sqrt(2 / (1 - 0.95^2)) = 4.3027
    assert triple.interval.low == pytest.approx(2 - 0.95 * math.sqrt(2 / (1 - 0.95**2)) / math.sqrt(3))


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_agrees_with_scipy_on_any_pairs(n):
    one, other = np.random.default_rng(n).normal(70, 1, (2, n))
    found, expected = compare(over_seeds(seeds(one), seeds(other))), stats.ttest_rel(one, other)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_lost_is_won_from_the_other_side():
    assert compare(over_seeds(seeds(DEXTRO), seeds(LAEVO))).verdict == Verdict.LOST


def test_pairing_is_by_seed_and_not_by_order():
    one, other = {2: 3.0, 0: 1.0, 1: 2.0}, {0: 0.9, 1: 1.9, 2: 2.8}
    assert compare(over_seeds(one, other)).difference == pytest.approx(0.4 / 3)


def test_seeds_that_one_net_lacks_are_left_out():
    complete, gaps = seeds(LAEVO), seeds(DEXTRO)
    del gaps[8]
    gaps[9] = float("nan")
    some = compare(over_seeds(complete, gaps))
    assert some.n == 8
    assert some.p == pytest.approx(stats.ttest_rel(LAEVO[:8], DEXTRO[:8]).pvalue)


@pytest.mark.parametrize("other", [{0: 50.0}, {0: 50.0, 3: 60.0}])
def test_one_shared_seed_gives_no_verdict(other):
    single = compare(over_seeds({0: 90.0, 1: 90.0}, other))
    assert (single.difference, single.n) == (40.0, 1)
    assert (single.interval, single.p, single.verdict) == (None, None, Verdict.UNDECIDED)


def test_one_seed_gives_no_verdict_however_well_its_error_is_known():
    known = Estimate(40.0, (Part(0.01, 9999),), n=1, images=10_000)
    assert compare(known).interval is None
    assert compare(known).verdict == within(50.0, known).verdict == Verdict.UNDECIDED


def test_no_shared_seed():
    none = compare(over_seeds({0: 90.0}, {1: 50.0}))
    assert math.isnan(none.difference)
    assert (none.n, none.interval, none.verdict) == (0, None, Verdict.UNDECIDED)


def test_identical_nets_differ_by_nothing():
    same = compare(over_seeds(seeds([70.1, 70.3, 69.8]), seeds([70.1, 70.3, 69.8])))
    assert (same.difference, same.interval, same.p) == (0.0, Interval(0.0, 0.0), 1.0)
    assert same.verdict == Verdict.UNDECIDED


def test_seeds_that_all_differ_by_the_same_hide_their_spread():
    # 3 of 360 images in each of two seeds; in floating point the two differences are not quite the same number
    one, other = {0: 333 / 3.6, 1: 301 / 3.6}, {0: 330 / 3.6, 1: 298 / 3.6}
    tied = compare(over_seeds(one, other))
    assert tied.difference == pytest.approx(3 / 3.6)
    assert (tied.interval, tied.verdict) == (None, Verdict.UNDECIDED)


# An error of several parts


def test_two_parts_of_equal_freedom_are_one():
    both = Estimate(3.0, (Part(0.3, 4), Part(0.7, 4)), 5).interval()
    one = Estimate(3.0, (Part(1.0, 4),), 5).interval()
    assert (both.low, both.high) == pytest.approx((one.low, one.high))


def test_two_parts_by_tables():
    # t(2) = 4.303, t(infinite) = 1.960: half width sqrt(4.303^2 * 0.01 + 1.960^2 * 0.04) = 0.5821
    interval = Estimate(1.0, (Part(0.01, 2), Part(0.04, math.inf)), 3, 2500).interval()
    assert interval.high - 1 == pytest.approx(0.5821, abs=1e-4)
    assert 1 - interval.low == pytest.approx(0.5821, abs=1e-4)


@pytest.mark.parametrize("value", [0.1, 0.6, 5.0, 500.0])
@pytest.mark.parametrize("parts", [((0.01, 2), (0.04, 999)), ((0.04, 1), (0.01, 9999)), ((1e-9, 1), (0.04, 99))])
def test_p_is_that_of_the_interval_that_reaches_the_null(value, parts):
    estimate = Estimate(value, tuple(Part(*part) for part in parts), 3)
    p = estimate.p()
    assert 0 < p < 1
    assert estimate.interval(1 - p).low == pytest.approx(0, abs=1e-5 * value)


def test_a_part_of_no_variance_changes_nothing():
    alone, beside = Estimate(2.0, (Part(1.0, 3),), 4), Estimate(2.0, (Part(1.0, 3), Part(0.0, 99)), 4)
    assert beside.p() == pytest.approx(alone.p())
    assert beside.interval() == alone.interval()


# Holm


def test_holm_by_hand():
    # Holm 1979: 4 * 0.005, 3 * 0.01, 2 * 0.03, then 0.04, which must not be below the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_of_ties_of_ones_and_of_nothing():
    assert holm([0.02, 0.02, 0.02]) == pytest.approx([0.06, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([None, 0.03, None]) == [None, 0.03, None]
    assert holm([]) == []


def test_a_family_takes_back_what_one_comparison_would_claim():
    close = compare(over_seeds(seeds([1.0, 1.2, 1.5]), seeds([0.5, 0.8, 0.7])))
    clear = compare(Estimate(5.0, (Part(0.0001, 2),), 3))
    # 0.5, 0.4, 0.8: t = 0.5667 / 0.1202 = 4.715, p = 1 - t / sqrt(2 + t^2)
    assert close.p == pytest.approx(0.0421, abs=1e-4)
    first, second, untested = correct([close, clear, compare(over_seeds({0: 9.0}, {0: 1.0}))])
    assert close.verdict == Verdict.WON
    assert first.verdict == Verdict.WON  # of two tests the larger p keeps its own value
    assert (second.family, untested.p_adjusted, untested.verdict) == (2, None, Verdict.UNDECIDED)
    assert [one.verdict for one in correct([close, close])] == [Verdict.UNDECIDED] * 2


def test_claims_are_corrected_on_both_sides():
    drops = [Estimate(drop, (Part(0.01, 9),), 10) for drop in (0.80, 1.20)]
    # t(9) = 2: one-sided 0.0383; times two 0.0766
    won, lost = (within(1.0, drop) for drop in drops)
    assert (won.verdict, lost.verdict) == (Verdict.WON, Verdict.LOST)
    assert won.p == pytest.approx(0.03828, abs=1e-5)
    twice = correct([won, won])
    assert twice[0].p == pytest.approx(0.07656, abs=1e-5)
    assert twice[0].verdict == correct([lost, lost])[0].verdict == Verdict.UNDECIDED


# At most so many points below


def test_within_by_the_upper_bound():
    # drops 0.2, 0.3, 0.4: mean 0.3, standard error 0.1/sqrt(3); one-sided t(2) = 2.920: upper bound 0.4686
    reference, net = seeds([70.2, 70.3, 70.4]), seeds([70.0, 70.0, 70.0])
    claim = within(0.5, over_seeds(reference, net))
    assert claim.bounds.high == pytest.approx(0.4686, abs=1e-4)
    assert claim.bounds.low == pytest.approx(0.1314, abs=1e-4)
    assert claim.verdict == Verdict.WON
    assert within(0.45, over_seeds(reference, net)).verdict == Verdict.UNDECIDED
    assert within(0.10, over_seeds(reference, net)).verdict == Verdict.LOST


def test_within_agrees_with_scipy():
    drops = [0.1, 0.9, 0.4, 0.3]
    claim = within(1.0, over_seeds(seeds(drops), seeds([0.0] * 4)))
    assert claim.p == pytest.approx(stats.ttest_1samp(drops, 1.0, alternative="less").pvalue)
    assert claim.p_beyond == pytest.approx(stats.ttest_1samp(drops, 1.0, alternative="greater").pvalue)


def test_within_of_identical_nets_and_of_one_seed():
    values = seeds([70.0, 71.0])
    assert within(0.0, over_seeds(values, values)).verdict == Verdict.WON
    assert within(-0.1, over_seeds(values, values)).verdict == Verdict.LOST
    one = within(1.0, over_seeds({0: 70.0}, {0: 70.0}))
    assert (one.bounds, one.p, one.verdict) == (None, None, Verdict.UNDECIDED)


# A published number


def test_prediction_interval_by_hand():
    # CIFAR-10, the dense Keras net: mean 69.11, s = sqrt((0.23^2 + 0.05^2 + 0.28^2) / 2) = 0.25865, t(2) = 4.30265
    runs = {0: 69.34, 1: 69.16, 2: 68.83}
    interval = predicted(runs)
    assert (interval.low + interval.high) / 2 == pytest.approx(69.11)
    assert (interval.high - interval.low) / 2 == pytest.approx(4.30265 * 0.25865 * math.sqrt(4 / 3), abs=1e-4)
    assert 68.74 in interval
    assert 70.5 not in interval


def test_a_published_number_is_told_from_the_runs_where_the_prediction_interval_lacks_it():
    runs = {0: 69.34, 1: 69.16, 2: 68.83}
    assert compare(against_published(runs, 68.74)).verdict == Verdict.UNDECIDED
    assert compare(against_published(runs, 70.50)).verdict == Verdict.LOST
    assert compare(against_published(runs, 63.40)).verdict == Verdict.WON


@pytest.mark.parametrize("runs", [{}, {0: 69.0}, {0: 69.0, 1: float("nan")}, {0: 69.0, 1: 69.0}])
def test_no_prediction_where_no_spread_is_known(runs):
    assert predicted(runs) is None
    assert compare(against_published(runs, 10.0)).verdict == Verdict.UNDECIDED


def test_results_are_immutable_and_verdicts_are_text():
    comparison = compare(over_seeds(seeds(LAEVO), seeds(DEXTRO)))
    with pytest.raises(AttributeError):
        comparison.difference = 0.0
    assert isinstance(comparison, Comparison)
    assert f"{comparison.verdict}" == "won"


# How often verdicts are wrong. benchmarks/verdicts.py has the whole simulation.


def at_most(share: float, trials: int) -> int:
    """As many of the trials as happen by chance once in ten thousand times, where `share` is the true share."""
    return int(stats.binom.isf(1e-4, trials, share))


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_equal_methods_get_a_verdict_in_at_most_one_of_twenty_cases(n):
    trials = 1500
    nets = np.random.default_rng(n).normal(70, 0.35, (trials, 2, n)).round(2)  # counts of 10,000 test images
    found = [compare(over_seeds(seeds(one), seeds(other))).verdict for one, other in nets]
    assert sum(verdict != Verdict.UNDECIDED for verdict in found) <= at_most(0.05, trials)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_a_table_of_equal_methods_has_any_verdict_in_at_most_one_of_twenty_cases(n):
    trials, wrong = 300, 0
    for reference, *nets in np.random.default_rng(n).normal(70, 0.35, (trials, 11, n)):
        family = correct([compare(over_seeds(seeds(net), seeds(reference))) for net in nets])
        wrong += any(row.verdict != Verdict.UNDECIDED for row in family)
    assert wrong <= at_most(0.05, trials)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_a_drop_of_the_limit_is_granted_in_at_most_one_of_twenty_cases(n):
    trials = 1000
    nets = np.random.default_rng(n).normal(70, 0.35, (trials, 2, n))
    found = [within(1.0, over_seeds(seeds(one + 1), seeds(other))).verdict for one, other in nets]
    assert found.count(Verdict.WON) <= at_most(0.05, trials)
    assert found.count(Verdict.LOST) <= at_most(0.05, trials)


@pytest.mark.parametrize("shares", [(1.0, 0.0), (0.5, 0.5), (0.1, 0.9)])
@pytest.mark.parametrize("n", [2, 3])
def test_intervals_of_two_parts_hold_the_truth_often_enough(n, shares):
    trials, images = 2000, 1000
    rng = np.random.default_rng(n)
    values = rng.normal(0, 1, trials)
    drawn = [
        share * rng.chisquare(freedom, trials) / freedom
        for share, freedom in zip(shares, (n - 1, images - 1), strict=True)
    ]
    missed = 0
    for value, first, second in zip(values, *drawn, strict=True):
        interval = Estimate(value, (Part(first, n - 1), Part(second, images - 1)), n, images).interval()
        missed += 0.0 not in interval
    assert missed <= at_most(0.05, trials)


@pytest.mark.parametrize("n", [3, 10])
def test_a_true_difference_is_found(n):
    # t(n - 1) with noncentrality 2 / (0.35 sqrt(2 / n)): the power by scipy's noncentral t
    trials = 400
    nets = np.random.default_rng(n).normal(70, 0.35, (trials, 2, n))
    won = sum(compare(over_seeds(seeds(one + 2), seeds(other))).verdict == Verdict.WON for one, other in nets)
    power = stats.nct.sf(stats.t.isf(0.025, n - 1), n - 1, 2 / (0.35 * math.sqrt(2 / n)))
    assert won >= stats.binom.ppf(1e-4, trials, power)


def test_examples_in_the_docstrings():
    assert doctest.testmod(statistics).failed == 0
