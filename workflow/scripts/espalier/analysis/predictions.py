"""What stored predictions of the test images tell: differences that hold for other images too, agreement, calibration.

**Seeds and images.** The test images are a sample, as the seeds are. Write d(s, i) for the difference of the two nets
of seed s on image i (1, 0 or -1, times 100):

    d(s, i) = difference + S(s) + I(i) + E(s, i)

with S what a seed does, I what one method does better than the other on an image whatever the seed, and E the rest.
Every seed is tested on the same images, so seeds and images are crossed, and the variance of the mean of all d has two
parts:

    seeds    var(S)/n + var(E)/(n m)   the variance of the n means over images, divided by n; n - 1 degrees of freedom
    images   var(I)/m                  the variance of the m means over seeds, less that of E, divided by m; m - 1

(the two-way analysis of variance with random effects; Scheffe 1959, "The Analysis of Variance", chapter 7).
`statistics.Estimate` says how an interval is made of the two. Drawing images anew for each seed, as if each had been
tested on others, would divide I by n as well and make the interval too short; the bootstrap here draws the same images
for all seeds.

Sources: Efron 1979, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7; Guo et al. 2017, "On
calibration of modern neural networks", arXiv:1706.04599.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import nan

import numpy as np

from espalier.analysis.statistics import LEVEL, Estimate, Interval, Part, over_seeds

BINS = 15  # of confidence, as in Guo et al.
RESAMPLES = 10_000

Outcomes = Mapping[int, np.ndarray]  # seed -> was each test image classified correctly? (images,), in the same order


def over_images(one: Outcomes, other: Outcomes) -> Estimate:
    """one - other in points of accuracy, paired by seed and by image; its error covers new seeds and new test images.

    Raises ValueError if the nets have different numbers of test images.

    >>> one = {0: np.array([1, 1, 1, 0, 1, 1]), 1: np.array([1, 1, 1, 1, 0, 1])}
    >>> other = {0: np.array([1, 0, 1, 0, 0, 1]), 1: np.array([1, 0, 0, 1, 0, 1])}
    >>> estimate = over_images(one, other)
    >>> round(estimate.value, 2), estimate.n, estimate.images
    (33.33, 2, 6)
    """
    seeds = sorted(one.keys() & other.keys())
    if not seeds:
        return Estimate(nan, (), 0)
    differences = per_image(one, other, seeds)
    n, images = differences.shape
    by_seed = differences.mean(axis=1)
    student = over_seeds(dict(zip(seeds, by_seed, strict=True)), dict.fromkeys(seeds, 0.0))
    if not student.parts or not differences.any():
        return replace(student, images=images)
    known = images >= 2 and np.ptp(by_seed) > 0  # else the seeds hide their spread: equal counts of different images
    return Estimate(student.value, _parts(differences) if known else (), n, images)


def per_image(one: Outcomes, other: Outcomes, seeds: Sequence[int]) -> np.ndarray:
    """one - other for each of the seeds and each image, in points: -100, 0 or 100; shape (seeds, images).

    Raises ValueError if the nets have different numbers of test images.
    """
    arrays = [np.asarray(outcomes[seed], dtype=bool) for outcomes in (one, other) for seed in seeds]
    lengths = sorted({len(array) for array in arrays})
    if len(lengths) > 1:
        raise ValueError(f"nets that are compared image by image need the same test images; these have {lengths}")
    stacked = np.array(arrays, dtype=float).reshape(2, len(seeds), -1)
    return 100 * (stacked[0] - stacked[1])


def image_interval(
    one: Outcomes, other: Outcomes, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Interval | None:
    """What new test images may make of one - other, for these very nets (percentile bootstrap; Efron 1979).

    Says nothing of nets from other seeds, so that no verdict follows from it. None where no seed is shared.
    """
    seeds = sorted(one.keys() & other.keys())
    if not seeds:
        return None
    means = resampled(per_image(one, other, seeds).mean(axis=0), resamples, seed)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level)


def resampled(values: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Means of `resamples` samples with replacement, each as large as `values`; shape (resamples,).

    Differences per image take few values, so the number of times each is drawn is drawn at once (multinomial).
    """
    found, counts = np.unique(values, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(values), counts / len(values), size=resamples)
    return drawn @ found / len(values)


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """The share of images that two nets give the same class, right or wrong. one, other: classes, shape (images,).

    >>> agreement(np.array([3, 1, 4, 1]), np.array([3, 1, 2, 1]))
    0.75
    """
    if np.shape(one) != np.shape(other):
        raise ValueError(f"agreement needs the same images; these nets have {np.shape(one)} and {np.shape(other)}")
    return float(np.mean(np.asarray(one) == np.asarray(other)))


def calibration_error(correct: np.ndarray, confidence: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error, 0 to 1 (Guo et al.): sum over bins of |B|/m * |accuracy(B) - mean confidence(B)|.

    Bins of equal width hold confidences in (0, 1/bins], (1/bins, 2/bins] ... correct: bool, confidence: probability of
    the predicted class; both of shape (images,).

    >>> round(calibration_error(np.array([True, True, False, True]), np.array([0.9, 0.9, 0.9, 0.9])), 4)  # |3/4 - 0.9|
    0.15
    """
    correct, confidence = np.asarray(correct, dtype=float), np.asarray(confidence, dtype=float)
    if len(correct) == 0:
        return nan
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(bin_of, weights=correct - confidence, minlength=bins)
    return float(np.abs(gaps).sum()) / len(correct)


def negative_log_likelihood(log_likelihood: np.ndarray) -> float:
    """Mean of -ln p over the images. log_likelihood: ln p of the right class of each image, shape (images,).

    >>> round(negative_log_likelihood(np.log([0.5, 0.25])), 4)  # (ln 2 + ln 4) / 2
    1.0397
    """
    return float(-np.asarray(log_likelihood, dtype=float).mean()) if len(log_likelihood) else nan


def _parts(differences: np.ndarray) -> tuple[Part, Part]:
    """The seeds' and the images' part of the variance of the mean of differences, shape (seeds, images)."""
    n, images = differences.shape
    by_seed, by_image = differences.mean(axis=1), differences.mean(axis=0)
    rest = differences - by_seed[:, None] - by_image + differences.mean()
    residual = float((rest**2).sum()) / ((n - 1) * (images - 1))
    seeds = float(by_seed.var(ddof=1)) / n
    between_images = max(float(by_image.var(ddof=1)) - residual / n, 0.0) / images
    return Part(seeds, n - 1), Part(between_images, images - 1)
