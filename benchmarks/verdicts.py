"""How often is a verdict wrong, how often is a true difference found? Simulated, by the functions that the report uses.

    .venv/bin/python benchmarks/verdicts.py

Two minutes on one core; every run prints the same numbers. Nets scatter by 0.35 points over seeds, as recorded ones do
that scatter little (`recorded`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from espalier.analysis.predictions import over_images  # noqa: E402
from espalier.analysis.statistics import (  # noqa: E402
    Estimate,
    Values,
    Verdict,
    against_published,
    compare,
    correct,
    over_seeds,
    within,
)

SEEDS = (2, 3, 5, 10)
NETS = 20_000  # pairs of nets that are drawn for each number
TABLES = 1_000  # tables of ten comparisons
PAIRS = 2_000  # pairs of nets with predictions of each image
RESAMPLES = 200
FAMILY = 10  # comparisons in one table
IMAGES = 10_000  # test images of MNIST, CIFAR-10 and CIFAR-100
FEW = 360  # test images of the default run
ACCURACY, SPREAD = 70.0, 0.35  # percent; standard deviation over seeds (`recorded`)
NEAR = 10.0  # points: nets further below the best of their study have collapsed, and scatter more


def recorded() -> Iterator[tuple]:
    """By study with three seeds: the number of nets within NEAR points of the best, and the medians of the standard
    deviations over seeds of their top-1 and of the differences of two of them paired by seed."""
    for run in ("mnist", "cifar10"):
        results = pd.read_csv(ROOT / "report" / "reference" / run / "results.csv")
        chain = results["node"].str.replace(r"/seed\d+/", "/", regex=True)
        for study, rows in results.assign(variant=chain).groupby("study"):
            nets = rows.pivot_table(index="variant", columns="seed", values="top1")
            values = nets[nets.mean(axis=1) > nets.mean(axis=1).max() - NEAR].to_numpy()
            pairs = (values[:, None] - values)[np.triu_indices(len(values), 1)]
            yield study, len(values), *(f"{np.median(each.std(axis=1, ddof=1)):.2f}" for each in (values, pairs))


def accuracies(rng: np.random.Generator, shape: tuple[int, ...], spread: float = SPREAD, images: int = IMAGES):
    """Accuracies in percent, as they are counted: a whole number of `images`."""
    true = ACCURACY + spread * rng.standard_normal(shape)
    return np.round(true * images / 100) * 100 / images


def collapsing(rng: np.random.Generator, shape: tuple[int, ...]):
    """Accuracies of nets of which one in ten, at random, does not train."""
    return np.where(rng.random(shape) < 0.1, 10.0, accuracies(rng, shape))


def by_seed(values: Iterable[float]) -> Values:
    return dict(enumerate(values))


def twice_the_standard_error(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which pairs (rows; a column for each seed) had a verdict by the rule before: a lead counts if it is larger than
    2 sqrt(s1^2/n + s2^2/n)."""
    lead = np.abs(one.mean(axis=-1) - other.mean(axis=-1))
    return lead > 2 * ((one.var(axis=-1, ddof=1) + other.var(axis=-1, ddof=1)) / one.shape[-1]) ** 0.5


def decided(one: np.ndarray, other: np.ndarray, verdicts: tuple[Verdict, ...] = (Verdict.WON, Verdict.LOST)) -> float:
    """The share of pairs (rows; a column for each seed) with one of the verdicts of `compare`."""
    pairs = zip(one, other, strict=True)
    return float(np.mean([compare(over_seeds(by_seed(a), by_seed(b))).verdict in verdicts for a, b in pairs]))


def false_verdicts() -> Iterator[tuple]:
    """Equal methods, one comparison: which share gets a verdict, by both rules."""
    draws: list[tuple[str, Callable]] = [
        (f"{IMAGES:,} test images", accuracies),
        (f"{FEW} test images", lambda rng, shape: accuracies(rng, shape, 1.5, FEW)),
        ("one training in ten collapses", collapsing),
    ]
    for name, draw in draws:
        for n in SEEDS:
            one, other = draw(np.random.default_rng(n), (2, NETS, n))
            yield name, n, float(twice_the_standard_error(one, other).mean()), decided(one, other)


def families() -> Iterator[tuple]:
    """Ten equal methods against one reference in a table: which share of tables has any verdict."""
    for n in SEEDS:
        values = accuracies(np.random.default_rng(100 + n), (TABLES, FAMILY + 1, n))
        plain, holm = 0, 0
        for reference, *nets in values:
            table = [compare(over_seeds(by_seed(net), by_seed(reference))) for net in nets]
            plain += any(row.verdict != Verdict.UNDECIDED for row in table)
            holm += any(row.verdict != Verdict.UNDECIDED for row in correct(table))
        before = twice_the_standard_error(values[:, 1:], values[:, :1]).any(axis=1)
        yield n, float(before.mean()), plain / TABLES, holm / TABLES


def power() -> Iterator[tuple]:
    """A true difference: which share of pairs is won."""
    for n in SEEDS:
        one, other = accuracies(np.random.default_rng(200 + n), (2, NETS // 10, n))
        yield n, *(decided(one + points, other, (Verdict.WON,)) for points in (0.5, 1.0, 2.0))


def non_inferiority() -> Iterator[tuple]:
    """The claim "at most 1 point below": which share is granted, by how large the drop really is."""
    for n in SEEDS:
        one, other = accuracies(np.random.default_rng(300 + n), (2, NETS // 10, n))
        shares = []
        for drop in (1.0, 0.5, 0.0):
            claims = (within(1.0, over_seeds(by_seed(a + drop), by_seed(b))) for a, b in zip(one, other, strict=True))
            shares.append(np.mean([claim.verdict == Verdict.WON for claim in claims]))
        yield n, *shares


def rare_errors() -> Iterator[tuple]:
    """The same claim where the drop is 1 point, and only because a net is wrong on images on which its reference is
    right: which share is granted, where these images are the same for all seeds, others for each, or half and half; the
    last also by the variance of seeds and images alone."""
    for images in (72, FEW, 1_000, IMAGES):
        for n in SEEDS:
            rng, granted = np.random.default_rng(600 + n), np.zeros(4)
            right = dict(enumerate(np.ones((n, images), dtype=bool)))
            for _ in range(PAIRS):
                for place, shared in enumerate((0.01, 0.0, 0.005)):
                    own = (0.01 - shared) / (1 - shared)
                    wrong = (rng.random(images) < shared) | (rng.random((n, images)) < own)
                    drop = over_images(right, dict(enumerate(~wrong)))
                    granted[place] += within(1.0, drop).verdict == Verdict.WON
                granted[-1] += within(1.0, replace(drop, images=None)).verdict == Verdict.WON
            yield f"{images:,}", n, *(granted / PAIRS)


def published() -> Iterator[tuple]:
    """A published number of the same method, by one run: which share is told from n reproduced runs."""
    for n in SEEDS:
        values = accuracies(np.random.default_rng(400 + n), (NETS // 10, n + 1))
        found = [compare(against_published(by_seed(runs), number)).verdict for number, *runs in values]
        yield n, np.mean([verdict != Verdict.UNDECIDED for verdict in found])


def outcomes(rng: np.random.Generator, pairs: int, n: int, own: float, spread: float, images: int = 500) -> np.ndarray:
    """Is an image classified correctly? Shape (pairs, 2 methods, n seeds, images), bool; both methods equally good.

    A net is right where the sum of four normal terms is above a threshold: how easy the image is (for all nets), how
    easy it is for this method (a share `own` of the variance), chance of this net and image (a fifth of the variance,
    so that two seeds disagree on a sixth of the images), and the seed (as much as makes `spread` points).
    """
    threshold = stats.norm.isf(ACCURACY / 100)
    shift = spread / 100 / stats.norm.pdf(threshold)
    shapes = {(1, 1, images): 0.8 - own, (2, 1, images): own, (2, n, images): 0.2, (2, n, 1): shift**2}
    terms = [
        rng.standard_normal((pairs, *shape), dtype=np.float32) * variance**0.5 for shape, variance in shapes.items()
    ]
    return sum(terms[1:], terms[0]) > threshold


def seeds_and_images() -> Iterator[tuple]:
    """Equal methods that do well on different images, judged for new images too: false verdicts of four intervals."""
    for name, own, spread in (("no", 0.0, 0.35), ("some", 0.2, 0.35), ("some, seeds differ by 5 points", 0.2, 5.0)):
        for n in SEEDS:
            rng, found = np.random.default_rng(500 + n), []
            for _ in range(PAIRS // 100):
                found += [intervals(one, other) for one, other in outcomes(rng, 100, n, own, spread)]
            yield name, n, *np.mean(found, axis=0)


def intervals(one: np.ndarray, other: np.ndarray) -> list[bool]:
    """Which exclude 0: Student's over seeds; both parts with Satterthwaite's degrees of freedom; the bootstrap of seeds
    and images; both parts as the report has them (Banerjee)."""
    both = over_images(dict(enumerate(one)), dict(enumerate(other)))
    if not both.parts or both.value == 0:
        return [False] * 4
    seeds, images = both.parts
    variance = seeds.variance + images.variance
    freedom = variance**2 / (seeds.variance**2 / seeds.freedom + images.variance**2 / images.freedom)
    low, high = np.quantile(bootstrap(100 * (one.astype(np.float32) - other)), [0.025, 0.975])
    return [
        excludes(Estimate(both.value, (seeds,), both.n)),
        abs(both.value) > stats.t.isf(0.025, freedom) * variance**0.5,
        not low <= 0 <= high,
        excludes(both),
    ]


def excludes(estimate: Estimate) -> bool:
    """Does the interval of an estimate leave out 0?"""
    interval = estimate.interval()
    return interval is not None and 0.0 not in interval


def bootstrap(differences: np.ndarray) -> np.ndarray:
    """Means of resampled seeds (rows) of resampled images (columns, the same for all seeds)."""
    seeds, images = (drawn(size) for size in differences.shape)
    return np.einsum("bs,sb->b", seeds, differences @ images.T)


@cache
def drawn(size: int) -> np.ndarray:
    """How often each of `size` things is drawn in a sample of as many, as a share; shape (RESAMPLES, size)."""
    rng = np.random.default_rng(size)
    return (rng.multinomial(size, np.full(size, 1 / size), size=RESAMPLES) / size).astype(np.float32)


def table(title: str, columns: list[str], rows: Iterable[tuple]) -> None:
    """Print a Markdown table; shares as percent."""
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|{' --- |' + ' ---: |' * (len(columns) - 1)}")
    for row in rows:
        cells = (f"{100 * cell:.1f} %" if isinstance(cell, float) else str(cell) for cell in row)
        print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    table("Standard deviation over seeds, points", ["study", "nets", "one net", "difference of two nets"], recorded())
    table("Equal methods: verdicts", ["nets", "seeds", "twice the standard error", "Student, paired"], false_verdicts())
    columns = ["methods do well on their own images", "seeds", "Student", "Satterthwaite", "bootstrap", "both parts"]
    table("Equal methods, new seeds and new test images: verdicts", columns, seeds_and_images())
    columns = ["seeds", "twice the standard error", "each by itself", "Holm"]
    table(f"{FAMILY} equal methods: tables with a verdict", columns, families())
    table("True difference: won", ["seeds", "0.5 points", "1 point", "2 points"], power())
    table('"At most 1 point below": granted', ["seeds", "drop 1.0", "drop 0.5", "drop 0.0"], non_inferiority())
    columns = [
        "test images",
        "seeds",
        "the same for all seeds",
        "others for each seed",
        "half and half",
        "half and half, by variance",
    ]
    table('"At most 1 point below" where 1 image in 100 is lost: granted', columns, rare_errors())
    table("A published number of the same method: told apart", ["seeds", "here"], published())


if __name__ == "__main__":
    main()
