"""What predictions tell, by numbers worked out by hand and by scipy.stats."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from scipy import stats

from espalier.analysis import predictions
from espalier.analysis.predictions import (
    agreement,
    calibration_error,
    image_interval,
    negative_log_likelihood,
    over_images,
    resampled,
)
from espalier.analysis.statistics import Verdict, compare, over_seeds, within


def outcomes(rng: np.random.Generator, accuracies: list[float], images: int) -> dict[int, np.ndarray]:
    return {seed: rng.random(images) < accuracy for seed, accuracy in enumerate(accuracies)}


def test_parts_by_hand():
    # differences of two seeds on four images: (1, 1, 0, 0) and (1, 0, 0, 0), in hundreds of points
    one = {0: np.array([1, 1, 1, 1]), 1: np.array([1, 1, 1, 1])}
    other = {0: np.array([0, 0, 1, 1]), 1: np.array([0, 1, 1, 1])}
    estimate = over_images(one, other)
    assert estimate.value == pytest.approx(37.5)
    # means per seed 50, 25: variance 312.5. Means per image 100, 50, 0, 0: variance 6875/3 = 2291.67.
    # the rest: +-12.5 but +-37.5 on the second image: 2 * (3 * 156.25 + 1406.25) = 3750; freedom 3: 1250
    seeds, images = estimate.parts
    assert seeds.variance == pytest.approx(312.5 / 2)
    assert images.variance == pytest.approx((6875 / 3 - 1250 / 2) / 4)
    assert (seeds.freedom, images.freedom, estimate.n, estimate.images) == (1, 3, 2, 4)


def test_the_parts_are_those_of_the_analysis_of_variance():
    rng = np.random.default_rng(1)
    effects = rng.normal(0, 0.4, 300)  # what one method does better on an image
    one = {s: rng.random(300) < 0.6 + 0.2 * np.tanh(effects) for s in range(4)}
    other = outcomes(rng, [0.6] * 4, 300)
    table = np.array([100.0 * (one[s].astype(float) - other[s]) for s in range(4)])
    between_seeds = 300 * table.mean(axis=1).var(ddof=1)  # mean squares
    between_images = 4 * table.mean(axis=0).var(ddof=1)
    total = ((table - table.mean()) ** 2).sum()
    residual = (total - 3 * between_seeds - 299 * between_images) / (3 * 299)
    seeds, images = over_images(one, other).parts
    assert seeds.variance == pytest.approx(between_seeds / (4 * 300))
    assert images.variance == pytest.approx(max(between_images - residual, 0) / (4 * 300))


def test_value_is_the_difference_of_accuracies():
    rng = np.random.default_rng(0)
    one, other = outcomes(rng, [0.8, 0.7, 0.75], 500), outcomes(rng, [0.6, 0.7, 0.65], 500)
    accuracy = [{seed: 100 * correct.mean() for seed, correct in net.items()} for net in (one, other)]
    assert over_images(one, other).value == pytest.approx(over_seeds(*accuracy).value)


def test_images_make_the_interval_longer_where_methods_differ_on_them():
    # the same 60 of 200 images for every seed, better on 31 and worse on 29: 1 point, and seeds all but alike
    rng = np.random.default_rng(3)
    other = {seed: np.r_[np.zeros(31), np.ones(29), rng.random(140) < 0.9] for seed in range(5)}
    one = {seed: np.r_[np.ones(31), np.zeros(29), other[seed][60:]] for seed in range(5)}
    for seed in range(4):
        one[seed] = one[seed].copy()
        one[seed][61 + seed] = 1 - one[seed][61 + seed]
    wide = compare(over_images(one, other))
    narrow = compare(over_seeds(*({s: 100 * net[s].mean() for s in net} for net in (one, other))))
    assert wide.interval.high - wide.interval.low > 5 * (narrow.interval.high - narrow.interval.low)
    # sqrt(60 images * (1 - 1/200 * ...)) / 200 is about 3.9 points: 1.97 * 3.9 to either side
    assert wide.interval.high == pytest.approx(1 + 1.97 * 3.88, abs=0.6)
    assert wide.verdict == Verdict.UNDECIDED


def test_identical_nets():
    net = outcomes(np.random.default_rng(0), [0.7, 0.7], 100)
    same = compare(over_images(net, net))
    assert (same.difference, same.p, same.verdict) == (0.0, 1.0, Verdict.UNDECIDED)
    # (1 - q)^100 = 0.025: with a chance of q = 3.6 % an image that is not among these tells the two apart
    assert (same.interval.low, same.interval.high) == (pytest.approx(-3.62, abs=0.005), pytest.approx(3.62, abs=0.005))


@pytest.mark.parametrize("images, shown", [(298, False), (299, True)])  # 0.99^299 < 0.05 < 0.99^298
def test_no_difference_on_few_images_does_not_show_that_a_drop_is_below_a_point(images, shown):
    net = {seed: np.ones(images) for seed in (0, 1, 2)}
    claim = within(1.0, over_images(net, net))
    assert (claim.verdict == Verdict.WON) == shown and claim.p == pytest.approx(0.99**images)


@pytest.mark.parametrize("lost, shown", [(83, True), (84, False)])  # of 10,000: P(at most 83 | 1 in 100) = 0.046
def test_a_few_lost_images_leave_as_much_open_as_a_share_of_all_images_does(lost, shown):
    reference = {seed: np.ones(10_000) for seed in range(10)}
    net = {seed: np.ones(10_000) for seed in range(10)}
    for seed in net:  # the same images for all seeds, but for one that is lost and one that is not
        net[seed][: lost + (seed == 0) - (seed == 1)] = 0
    claim = within(1.0, over_images(reference, net))
    assert (claim.verdict == Verdict.WON) == shown
    assert claim.p == pytest.approx(stats.binom.cdf(lost, 10_000, 0.01))


def test_a_difference_on_one_image_is_not_surer_than_none():
    first, second = ({seed: np.ones(360) for seed in (0, 1, 2)} for _ in range(2))
    second[0][0] = 0
    same, other = (within(1.0, over_images(first, net)) for net in (first, second))
    assert other.p > same.p and other.bounds.high > same.bounds.high


def test_seeds_that_all_differ_by_the_same_hide_their_spread():
    one = {0: np.array([1, 1, 1, 0, 0]), 1: np.array([0, 1, 1, 1, 0])}
    other = {0: np.array([0, 1, 1, 0, 0]), 1: np.array([0, 1, 1, 0, 0])}
    tied = compare(over_images(one, other))
    assert (tied.difference, tied.interval, tied.verdict) == (pytest.approx(20.0), None, Verdict.UNDECIDED)


def test_equal_accuracies_on_different_images_are_not_known_to_be_equal():
    one = {seed: np.tile([1, 0], 50) for seed in (0, 1)}
    other = {0: np.tile([0, 1], 50), 1: np.tile([1, 0], 50)}
    found = compare(over_images(one, other))
    assert (found.difference, found.interval, found.verdict) == (0, None, Verdict.UNDECIDED)


def test_one_seed_gives_no_verdict_however_many_images():
    one, other = {0: np.ones(10_000)}, {0: np.zeros(10_000)}
    found = compare(over_images(one, other))
    assert (found.difference, found.n, found.images) == (100.0, 1, 10_000)
    assert (found.interval, found.p, found.verdict) == (None, None, Verdict.UNDECIDED)


def test_no_shared_seed_and_other_images():
    assert over_images({0: np.ones(3)}, {1: np.ones(3)}).n == 0
    with pytest.raises(ValueError, match="same test images"):
        over_images({0: np.ones(3)}, {0: np.ones(4)})
    with pytest.raises(ValueError, match="same images"):
        agreement(np.ones(3), np.ones(4))


def test_bootstrap_is_that_of_scipy_and_of_the_closed_form():
    rng = np.random.default_rng(5)
    values = rng.choice([-100.0, 0.0, 100.0], size=400, p=[0.1, 0.75, 0.15])
    means = resampled(values, resamples=20_000, seed=1)
    assert means.std() == pytest.approx(values.std() / 20, rel=0.02)  # the bootstrap's variance of a mean
    theirs = stats.bootstrap((values,), np.mean, n_resamples=5000, method="percentile", batch=500, rng=2)
    assert np.quantile(means, [0.025, 0.975]) == pytest.approx(list(theirs.confidence_interval), abs=0.5)


def test_image_interval_speaks_of_these_nets():
    rng = np.random.default_rng(7)
    one, other = outcomes(rng, [0.8], 1000), outcomes(rng, [0.7], 1000)
    interval = image_interval(one, other)
    difference = 100 * (one[0].mean() - other[0].mean())
    error = 100 * (one[0].astype(float) - other[0]).std() / math.sqrt(1000)
    expected = (difference - 1.96 * error, difference + 1.96 * error)
    assert (interval.low, interval.high) == pytest.approx(expected, abs=0.2)
    assert interval == image_interval(one, other)  # the same seed, the same resamples
    assert image_interval(one, {1: other[0]}) is None


def test_agreement_counts_equal_classes_right_or_wrong():
    assert agreement(np.array([0, 1, 2, 2, 5]), np.array([0, 1, 2, 3, 6])) == pytest.approx(0.6)


def test_calibration_error_by_hand():
    # two bins of width 1/2: (0, 0.5] holds 0.5 and 0.3 (one right: 0.5 against 0.4), (0.5, 1] holds 0.6 and 1.0 (both
    # right: 1 against 0.8): 2/4 * 0.1 + 2/4 * 0.2
    right, confidence = np.array([True, False, True, True]), np.array([0.5, 0.3, 0.6, 1.0])
    assert calibration_error(right, confidence, bins=2) == pytest.approx(0.15)
    assert calibration_error(right, confidence, bins=1) == pytest.approx(0.15)  # 0.75 against 0.6


def test_calibration_error_of_the_best_the_worst_and_none():
    assert calibration_error(np.ones(5), np.ones(5)) == 0
    assert calibration_error(np.zeros(5), np.ones(5)) == 1
    assert math.isnan(calibration_error(np.array([]), np.array([])))


def test_negative_log_likelihood():
    assert negative_log_likelihood(np.log(np.full(8, 0.1))) == pytest.approx(math.log(10))  # chance, of ten classes
    assert negative_log_likelihood(np.array([0.0])) == 0
    assert negative_log_likelihood(np.array([-2e4, 0.0])) == 1e4  # a probability that no float holds
    assert math.isnan(negative_log_likelihood(np.array([])))


def test_methods_that_do_well_on_other_images_are_not_told_apart_by_them():
    # Both methods are right on 70 % of all images, each more often on images of its own: the test images of a trial are
    # the same for its five seeds. Intervals over seeds alone miss 0 in a fifth of the trials, those of both in few.
    trials, n, images = 400, 5, 300
    rng = np.random.default_rng(11)
    both, alone = 0, 0
    for _ in range(trials):
        ease = np.sqrt(0.6) * rng.standard_normal(images) + np.sqrt(0.2) * rng.standard_normal((2, images))
        right = ease[:, None] + np.sqrt(0.2) * rng.standard_normal((2, n, images)) > stats.norm.isf(0.7)
        one, other = (dict(enumerate(net)) for net in right)
        both += compare(over_images(one, other)).verdict != Verdict.UNDECIDED
        accuracy = [{seed: 100 * correct.mean() for seed, correct in net.items()} for net in (one, other)]
        alone += compare(over_seeds(*accuracy)).verdict != Verdict.UNDECIDED
    assert both <= stats.binom.isf(1e-4, trials, 0.05)
    assert alone > stats.binom.isf(1e-4, trials, 0.05)


def test_examples_in_the_docstrings():
    assert doctest.testmod(predictions).failed == 0
