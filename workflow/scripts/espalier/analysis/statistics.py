"""Differences between nets, with what chance may have made of them, and the verdicts that follow.

Values are percentage points of accuracy, or anything else that is measured once for each seed. Nets of one study that
share a seed share initial weights, batches and images, so the difference is taken seed by seed. Three steps:

1. `over_seeds` or `against_published` here, `predictions.over_images`, and `tradeoffs.at_cost` and `along` make an
   `Estimate`: a difference, and the variance of its error in parts;
2. `compare` (is there a difference?) or `within` (is the drop at most so many points?) turn it into a verdict;
3. `correct` makes the verdicts of one table stand together (Holm).

**The interval.** With one part it is Student's: difference +- t(f) * standard error, where t(f) is Student's quantile
for f degrees of freedom. With several parts, each with a variance and degrees of freedom of its own, it is

    difference +- sqrt(t(f1)^2 * variance1 + t(f2)^2 * variance2)

which holds the true difference at least as often as it says (Banerjee 1960). The reason is short: with the error's
variance taken as 1, the chance that its square is below x is a concave function F of x, so that by Jensen's inequality
E F(sum w X) >= sum w E F(X), where the w are the true shares of the parts, and E F(X) = 0.95 is Student's theorem for
each part alone. Satterthwaite's degrees of freedom and the bootstrap of seeds and images give shorter intervals, which
miss the true difference too often with two or three seeds: benchmarks/verdicts.py has the simulation.

**Few images tell little.** A share of right answers is far from normal where only a few of m images tell two nets
apart: that none does has a chance of (1 - q)^m, where a share q of all images would. So an interval that covers test
images is no narrower than that of a share of which these images were all that is known (Clopper and Pearson 1934). On
360 images no difference below 2.2 points is shown, nor of a net that is not ahead that its drop is below 0.8.

Sources: Student 1908, "The probable error of a mean", Biometrika 6; Banerjee 1960, "Approximate confidence interval
for linear functions of means of k populations when the population variances are not equal", Sankhya 22; Holm 1979, "A
simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6; Schuirmann 1987, "A
comparison of the two one-sided tests procedure and the power approach for assessing the equivalence of average
bioavailability", Journal of Pharmacokinetics and Biopharmaceutics 15; Clopper and Pearson 1934, "The use of confidence
or fiducial limits illustrated in the case of the binomial", Biometrika 26.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import exp, hypot, isfinite, log, nan, sqrt
from typing import TypeVar

import numpy as np

LEVEL = 0.95  # of intervals; a verdict is wrong in at most 1 - LEVEL of the cases where there is nothing to find
SEEDS = 2  # fewer give no verdict
SMALLEST = 1e-300  # p values below it are given as this one
SAME = 1e-9  # a spread below this share of the values is a rounding error of the computer

Values = Mapping[int, float]  # seed -> what was measured


class Verdict(StrEnum):
    """What can be said of a difference, or of a claim. The text is what tables and CSV files hold."""

    WON = "won"
    LOST = "lost"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Interval:
    """What holds the true value in `level` of all cases."""

    low: float
    high: float
    level: float = LEVEL

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Part:
    """One part of the variance of an estimate, and the degrees of freedom that this variance was estimated with."""

    variance: float
    freedom: float


@dataclass(frozen=True)
class Estimate:
    """A value, and the parts of the variance of its error. No parts: the error is not known.

    n: seeds; images: test images that the error covers too (None: it is the error for these images alone); the value is
    in percentage points then.

    >>> same = Estimate(0.0, (Part(0.0, 2),), n=3, images=360)  # no image tells two nets apart
    >>> round(same.interval(0.90).high, 2), round(same.p_above(1.0), 3)  # 1 - 0.05^(1/360) in percent; 0.99^360
    (0.83, 0.027)
    """

    value: float
    parts: tuple[Part, ...]
    n: int
    images: int | None = None

    def interval(self, level: float = LEVEL) -> Interval | None:
        """value +- sqrt(sum over the parts of t^2 * variance) (Student; Banerjee), but no narrower than the test images
        leave open; None if the error is not known."""
        if not self.parts:
            return None
        half = max(self._half_width(1 - level), self._least_half_width(1 - level))
        return Interval(self.value - half, self.value + half, level)

    def p(self, null: float = 0.0) -> float | None:
        """The p value of "the true value is `null`", two-sided: 1 - level of the interval that just reaches it."""
        distance, parts = abs(self.value - null), [part for part in self.parts if part.variance]
        if not self.parts:
            return None
        least = self._least_p(distance)
        if not parts or distance == 0:
            return 1.0 if distance == 0 else least
        total = sqrt(sum(part.variance for part in parts))
        alone = [_two_sided(distance / total, part.freedom) for part in parts]  # if that part were all
        return max(self._solve(distance, max(min(alone), SMALLEST), max(*alone, SMALLEST)), least)

    def p_above(self, limit: float) -> float | None:
        """The p value of "the true value is above `limit`", one-sided: small if the estimate is far below the limit."""
        p = self.p(limit)
        if p is None or not (self.images or any(part.variance for part in self.parts)):
            return None if p is None else float(self.value > limit)
        return p / 2 if self.value < limit else 1 - p / 2

    def _half_width(self, alpha: float) -> float:
        return hypot(*(_quantile(alpha, part.freedom) * sqrt(part.variance) for part in self.parts if part.variance))

    def _least_half_width(self, alpha: float) -> float:
        """From the share of images that the value is of to the upper bound of that share (Clopper and Pearson)."""
        if not self.images:
            return 0.0
        from scipy.special import betainccinv

        share = min(abs(self.value) / 100, 1.0)
        seen = share * self.images
        bound = betainccinv(seen + 1, self.images - seen, alpha / 2) if seen < self.images else 1.0
        return 100 * float(bound - share)

    def _least_p(self, distance: float) -> float:
        """The alpha at which that half width is the distance."""
        if not self.images:
            return 0.0
        from scipy.special import betaincc

        share = min(abs(self.value) / 100, 1.0)
        seen, true = share * self.images, share + distance / 100
        return min(1.0, 2 * float(betaincc(seen + 1, self.images - seen, true))) if true < 1 else 0.0

    def _solve(self, distance: float, low: float, high: float) -> float:
        """The alpha between low and high at which the interval's half width is the distance."""
        if low == high or self._half_width(low) <= distance:
            return low
        if self._half_width(high) >= distance:
            return high
        from scipy.optimize import root_scalar  # here: it takes half a second to import

        found = root_scalar(lambda power: self._half_width(exp(power)) - distance, bracket=(log(low), log(high)))
        return exp(found.root)


@dataclass(frozen=True)
class Comparison:
    """One net (or method) less another, in points.

    difference  mean over the seeds that both have; NaN where there is none
    interval    of the difference; None if it cannot be known: fewer than two seeds, or seeds that show no spread
    p           that the true difference is 0; `p_adjusted`: corrected for `family` comparisons in one table (`correct`)
    n, images   seeds; test images that the interval covers too (None: it is for these test images)
    """

    difference: float
    interval: Interval | None
    p: float | None
    n: int
    images: int | None = None
    level: float = LEVEL
    p_adjusted: float | None = None
    family: int = 1

    @property
    def verdict(self) -> Verdict:
        """Won or lost if chance alone makes such a difference in fewer than 1 - level of the cases, else undecided."""
        p = self.p if self.p_adjusted is None else self.p_adjusted
        if self.n < SEEDS or p is None or p >= 1 - self.level:
            return Verdict.UNDECIDED
        return Verdict.WON if self.difference > 0 else Verdict.LOST


@dataclass(frozen=True)
class Within:
    """The claim that a net is at most `limit` points below its reference: a claim of non-inferiority (Schuirmann 1987).

    It is won if the upper `level` bound of the drop is at most the limit, lost if the lower bound is above it, and
    undecided else. `bounds` are these two, each of them one-sided: a two-sided interval of level 2 * level - 1.
    p           that the drop is above the limit; `p_beyond`: that it is not. `correct` adjusts both.
    """

    limit: float
    drop: float
    bounds: Interval | None
    p: float | None
    p_beyond: float | None
    n: int
    images: int | None = None
    level: float = LEVEL
    family: int = 1

    @property
    def verdict(self) -> Verdict:
        if self.n < SEEDS or self.p is None or self.p_beyond is None:
            return Verdict.UNDECIDED
        if self.p <= 1 - self.level:
            return Verdict.WON
        return Verdict.LOST if self.p_beyond < 1 - self.level else Verdict.UNDECIDED


def over_seeds(one: Values, other: Values) -> Estimate:
    """one - other, paired by seed. Seeds that one of the two lacks (or has as NaN) are left out.

    The error is Student's: variance of the differences / n, n - 1 degrees of freedom. It is not known for fewer than
    two seeds, nor where all seeds differ by the same and not by 0: accuracies are counts, and equal counts hide the
    spread. Nets that differ by 0 for every seed have an interval of 0 to 0.

    Student's sleep data, in hours (Student 1908): the two drugs differ by 1.58, t = 4.06, p = 0.0028.

    >>> first = dict(enumerate([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]))
    >>> second = dict(enumerate([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]))
    >>> sleep = compare(over_seeds(second, first))
    >>> round(sleep.difference, 2), round(sleep.p, 4), str(sleep.verdict)
    (1.58, 0.0028, 'won')
    """
    seeds = sorted(seed for seed in one.keys() & other.keys() if isfinite(one[seed]) and isfinite(other[seed]))
    if not seeds:
        return Estimate(nan, (), 0)
    pairs = np.array([(one[seed], other[seed]) for seed in seeds], dtype=float)
    return _mean(pairs[:, 0] - pairs[:, 1], float(np.abs(pairs).max()))


def against_published(runs: Values, published: float) -> Estimate:
    """Mean of n reproduced runs less a published number, which is taken as one more run: variance s^2 (1 + 1/n), n - 1
    degrees of freedom. Its interval holds 0 exactly if the number is in the prediction interval of `predicted`.

    It assumes that the published run scatters as these do. A number that is the best of several runs, or of several
    epochs on the test images, is higher than that by itself.
    """
    values = np.array([value for value in runs.values() if isfinite(value)], dtype=float)
    if not len(values):
        return Estimate(nan, (), 0)
    mean = float(values.mean())
    if len(values) < SEEDS or _constant(values, float(np.abs(values).max())):
        return Estimate(mean - published, (), len(values))
    return one_more(mean - published, float(values.var(ddof=1)), len(values))


def one_more(difference: float, variance: float, n: int) -> Estimate:
    """The mean of n runs less a number that is taken as one more run. variance: of the runs (n - 1 in the denominator).

    >>> estimate = one_more(69.11 - 68.74, 0.26**2, 3)  # t = 0.37 / (0.26 sqrt(4 / 3)) = 1.23, 2 degrees of freedom
    >>> round(estimate.p(), 2)
    0.34
    """
    return Estimate(difference, (Part(variance * (1 + 1 / n), n - 1),), n)


def compare(difference: Estimate, level: float = LEVEL) -> Comparison:
    """Is the difference more than chance? Never decided from one seed.

    >>> compare(over_seeds({0: 70.0}, {0: 60.0})).verdict
    <Verdict.UNDECIDED: 'undecided'>
    """
    known = difference.n >= SEEDS
    interval, p = (difference.interval(level), difference.p()) if known else (None, None)
    return Comparison(difference.value, interval, p, difference.n, difference.images, level)


def within(limit: float, drop: Estimate, level: float = LEVEL) -> Within:
    """Is the drop (reference - net) at most `limit` points? It is if the upper `level` bound of the drop is.

    >>> drop = over_seeds({0: 70.1, 1: 69.9, 2: 70.3}, {0: 69.8, 1: 69.7, 2: 70.0})
    >>> claim = within(1.0, drop)
    >>> round(claim.bounds.high, 2), str(claim.verdict)
    (0.36, 'won')
    """
    if drop.n < SEEDS or not drop.parts:
        return Within(limit, drop.value, None, None, None, drop.n, drop.images, level)
    p = drop.p_above(limit)
    beyond = None if p is None else 1 - p
    return Within(limit, drop.value, drop.interval(2 * level - 1), p, beyond, drop.n, drop.images, level)


def predicted(runs: Values, level: float = LEVEL) -> Interval | None:
    """The prediction interval for one more run, mean +- t s sqrt(1 + 1/n); None from fewer than two runs.

    >>> interval = predicted({0: 69.34, 1: 69.16, 2: 68.83})  # t = 4.303, s = 0.259
    >>> round(interval.low, 2), round(interval.high, 2)
    (67.82, 70.4)
    """
    return against_published(runs, 0.0).interval(level)


def half_width(deviation: float, n: int, level: float = LEVEL) -> float:
    """Half of Student's interval of a mean of n runs with this sample standard deviation; NaN for one run, and where
    the runs show no spread: accuracies are counts, and equal counts hide it.

    >>> round(half_width(0.26, 3), 2)  # 4.303 * 0.26 / sqrt(3)
    0.65
    """
    return _quantile(1 - level, n - 1) * deviation / sqrt(n) if n >= SEEDS and deviation > 0 else nan


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p values: the k-th smallest of K times K - k + 1, never less than the one before, at most 1.

    The chance that any verdict of the family is wrong is then at most 1 - level, whatever the tests have in common.
    None (nothing was tested) stays None and does not count.

    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]
    """
    order = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        adjusted[place] = largest
    return adjusted


Judged = TypeVar("Judged", Comparison, Within)


def correct(family: Sequence[Judged]) -> list[Judged]:
    """The same comparisons (or claims) with p values that hold for all of them at once (see `holm`).

    Intervals stay those of single comparisons: one of many may exclude 0 and be undecided all the same.
    """
    tested = sum(one.p is not None for one in family)
    adjusted = holm([one.p for one in family])
    beyond = holm([getattr(one, "p_beyond", None) for one in family])
    return [_adjust(*each, tested) for each in zip(family, adjusted, beyond, strict=True)]


def _adjust(one: Judged, p: float | None, beyond: float | None, family: int) -> Judged:
    if isinstance(one, Comparison):
        return replace(one, p_adjusted=p, family=family)
    return replace(one, p=p, p_beyond=beyond, family=family)


def _mean(differences: np.ndarray, scale: float) -> Estimate:
    """Mean of the seeds' differences with Student's error. scale: how large the numbers are that were subtracted."""
    n, value = len(differences), float(differences.mean())
    if n < SEEDS:
        return Estimate(value, (), n)
    if not _constant(differences, scale):
        return Estimate(value, (Part(float(differences.var(ddof=1)) / n, n - 1),), n)
    identical = abs(value) <= SAME * scale
    return Estimate(0.0, (Part(0.0, n - 1),), n) if identical else Estimate(value, (), n)


def _constant(values: np.ndarray, scale: float) -> bool:
    return float(np.ptp(values)) <= SAME * scale


def _quantile(alpha: float, freedom: float) -> float:
    """What |t| exceeds with probability alpha: Student's two-sided quantile."""
    from scipy.special import stdtrit  # not scipy.stats, which takes a second to import

    return -float(stdtrit(freedom, alpha / 2)) if alpha < 1 else 0.0


def _two_sided(t: float, freedom: float) -> float:
    """The probability that |t| is at least so large: Student's two-sided p value."""
    from scipy.special import stdtr

    return 2 * float(stdtr(freedom, -abs(t)))
