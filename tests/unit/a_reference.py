"""The committed results in report/reference, an array of one value for each seed, and intervals by SciPy alone."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import optimize, stats

PROJECT = Path(__file__).resolve().parents[2]
REFERENCE, PUBLISHED = PROJECT / "report" / "reference", PROJECT / "report" / "published"
STUDIES = {
    "mnist_mlp": "mnist",
    "mnist_mlp_short": "mnist",
    "cifar10_cnn": "cifar10",
    "cifar10_conv": "cifar10",
    "cifar10_conv_overfit": "cifar10_overfit",
    "cats_dogs_mobilenetv2": "cats_dogs",
    "cats_dogs_mobilenetv2_imagenet": "cats_dogs_imagenet",
    "cats_dogs_vgg16": "cats_dogs",
    "cifar100_vgg16_bn": "cifar100",
}
SHORT = "mnist_mlp_short"  # the study with the other recipe
GLOROT = "train~init=glorot"
NORMAL = "train~init=normal-0.1"
MIB = 2**20


@cache
def table(run: str, name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / run / f"{name}.csv", low_memory=False)


@cache
def published(name: str) -> pd.DataFrame:
    return pd.read_csv(PUBLISHED / f"{name}.csv")


def values(study: str, variant: str, column: str = "top1") -> np.ndarray:
    """A column of results.csv for one net, in the order of the seeds."""
    rows = table(STUDIES[study], "results")
    rows = rows[(rows["study"] == study) & (rows["node"] == f"{study}/seed" + rows["seed"].astype(str) + f"/{variant}")]
    assert len(rows), f"{study} has no net {variant}"
    return rows.sort_values("seed")[column].to_numpy()


def mean(study: str, variant: str, column: str = "top1") -> float:
    return float(values(study, variant, column).mean())


def sd(study: str, variant: str, column: str = "top1") -> float:
    return float(values(study, variant, column).std(ddof=1))


def right(study: str, variant: str) -> np.ndarray | None:
    """Which test images a net gets right, (seeds, images) of 0 and 1; None, if its run kept no predictions."""
    if not (REFERENCE / STUDIES[study] / "outcomes.csv").exists():
        return None
    rows = table(STUDIES[study], "outcomes").query("split == 'test'").set_index("node")
    seeds = sorted(set(table(STUDIES[study], "results").query("study == @study")["seed"]))
    found = [rows.loc[f"{study}/seed{seed}/{variant}"] for seed in seeds]
    bits = [bin(int(row["correct"], 16))[2:].zfill(4 * len(row["correct"]))[: row["images"]] for row in found]
    return np.array([[float(bit) for bit in row] for row in bits])


def half_width(differences: np.ndarray, alpha: float) -> float:
    """Half of the interval of a mean over seeds (rows), or over seeds and images (columns) where these are known: the
    variances of the two-way analysis, each with its own t (Banerjee), but at least Clopper and Pearson's of a share."""
    by_seed = differences.reshape(len(differences), -1).mean(axis=1)
    n = len(by_seed)
    squares = stats.t.isf(alpha / 2, n - 1) ** 2 * by_seed.var(ddof=1) / n
    if differences.ndim == 1:
        return squares**0.5
    images, mean = differences.shape[1], differences.mean()
    by_image = differences.mean(axis=0)
    rest = ((differences - by_seed[:, None] - by_image[None, :] + mean) ** 2).sum() / ((n - 1) * (images - 1))
    squares += stats.t.isf(alpha / 2, images - 1) ** 2 * max(by_image.var(ddof=1) - rest / n, 0) / images
    seen = abs(mean) / 100 * images
    least = 100 * stats.beta.isf(alpha / 2, seen + 1, images - seen) - abs(mean)
    return max(squares**0.5, least)


def differences(study: str, one: str, other: str) -> np.ndarray:
    """one - other in points, for each seed, and for each test image where the run kept predictions."""
    ours, theirs = right(study, one), right(study, other)
    if ours is None or theirs is None:
        return values(study, one) - values(study, other)
    return 100 * (ours - theirs)


def lead(study: str, one: str, other: str) -> tuple[float, float, float]:
    """Mean of one - other, and its 95 % interval."""
    found = differences(study, one, other)
    half = half_width(found, 0.05)
    return float(found.mean()), found.mean() - half, found.mean() + half


def drop(study: str, dense: str, net: str) -> tuple[float, float]:
    """Mean of dense - net, and the upper one-sided 95 % bound."""
    found = differences(study, dense, net)
    return float(found.mean()), found.mean() + half_width(found, 0.10)


def predicted(study: str, variant: str) -> tuple[float, float]:
    """The 95 % prediction interval of one more run."""
    runs = values(study, variant)
    half = stats.t.ppf(0.975, len(runs) - 1) * runs.std(ddof=1) * (1 + 1 / len(runs)) ** 0.5
    return runs.mean() - half, runs.mean() + half


def holm(ps: list[float]) -> list[float]:
    """Holm's adjusted p values."""
    order, adjusted, largest = np.argsort(ps), [1.0] * len(ps), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = largest
    return adjusted


def p_value(study: str, one: str, other: str) -> float:
    """Of "one and other are equal": the alpha at which the interval ends at 0."""
    found = differences(study, one, other)
    ends = (lambda alpha: half_width(found, alpha) - abs(found.mean())), 1e-12, 1 - 1e-12
    return float(optimize.brentq(*ends))


def knees(init: str, kind: str, study: str = "mnist_mlp") -> list[float]:
    """Of each seed the largest sparsity up to which top-1 is within 5 points of the unpruned net, percent."""
    method = {"weight": "magnitude", "unit": "l2"}[kind]
    ratios = ("0.00", "0.25", "0.50", "0.60", "0.70", "0.80", "0.90", "0.95", "0.97", "0.99")
    curves = np.array([values(study, f"{init}/prune~{kind}~{method}~{ratio}") for ratio in ratios])
    within = np.cumprod(curves >= curves[0] - 5, axis=0).sum(axis=0)
    return [100 * float(ratios[count - 1]) for count in within]


def costs_more(one: tuple[str, str], other: tuple[str, str], kind: str, ratio: str) -> np.ndarray:
    """What pruning to a sparsity costs one (study, training) less what it costs another, in points, for each seed."""

    def cost(study: str, training: str) -> np.ndarray:
        method = {"weight": "magnitude", "unit": "l2"}[kind]
        unpruned, pruned = (values(study, f"{training}/prune~{kind}~{method}~{r}") for r in ("0.00", ratio))
        return unpruned - pruned

    return cost(*one) - cost(*other)


def speed_ups(study: str, variant: str, baseline: str, batch: int) -> np.ndarray:
    """Median time of the baseline / that of a net, for each seed."""
    times = table(STUDIES[study], "latency")
    times = times[(times["study"] == study) & (times["batch_size"] == batch)].set_index("node")["median_ms"]
    seeds = sorted(set(table(STUDIES[study], "results").query("study == @study")["seed"]))
    return np.array([times[f"{study}/seed{s}/{baseline}"] / times[f"{study}/seed{s}/{variant}"] for s in seeds])
