"""Whether a net learned anything: a training that diverged, or never got off the ground, may end with a finite loss.

Chance is what a net reaches that gives every image the same class: the share of the commonest class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import pandas as pd

Z = 1.96  # standard normal quantile of a two-sided interval of 95 %


def beats_chance(net: Mapping[str, Any] | pd.Series) -> bool:
    """Whether a net's top-1 is above chance by its interval (Wilson 1927), which the number of test images leaves.

    net: with `top1` and `chance_top1` in percent, and `test_images`. A record that does not say what chance is (one of
    an earlier version) is believed.

    >>> beats_chance({"top1": 10.0, "chance_top1": 10.0, "test_images": 360})
    False
    >>> beats_chance({"top1": 11.0, "chance_top1": 10.0, "test_images": 360})
    False
    >>> beats_chance({"top1": 15.0, "chance_top1": 10.0, "test_images": 360})
    True
    """
    chance, images = net.get("chance_top1"), net.get("test_images")
    if chance is None or images is None or pd.isna(chance) or pd.isna(images):
        return True
    return lower(net["top1"], int(images)) > chance


def lower(top1: float, images: int) -> float:
    """The lower end of the `interval` of a top-1, in percent.

    >>> round(lower(50.0, 100), 2)
    40.38
    """
    return interval(top1, images)[0]


def interval(top1: float, images: int) -> tuple[float, float]:
    """Wilson's interval of a top-1, in percent: what the number of test images leaves of it (Wilson 1927, "Probable
    inference, the law of succession, and statistical inference", Journal of the American Statistical Association 22).

    >>> [round(end, 2) for end in interval(90.0, 360)]
    [86.47, 92.69]
    """
    share, square = top1 / 100, Z * Z / images
    half = Z * sqrt((share * (1 - share) + square / 4) / images)
    return 100 * (share + square / 2 - half) / (1 + square), 100 * (share + square / 2 + half) / (1 + square)


def at_chance(results: pd.DataFrame) -> pd.DataFrame:
    """The dense nets, those that others could be compared with, that do not beat chance in every seed."""
    dense = results[results["node"].isin([*results["dense"], *results["reference"].dropna()])]
    failed = {(row["study"], row["variant"]) for row in dense.to_dict("records") if not beats_chance(row)}
    return dense[[pair in failed for pair in zip(dense["study"], dense["variant"], strict=True)]]


def without_chance(results: pd.DataFrame) -> Sequence[str | None]:
    """The `reference` of each net; None, where that does not beat chance: nothing is compared with it. Such a dense net
    stays the reference of itself."""
    failed = set(at_chance(results)["node"])
    pairs = zip(results["node"], results["reference"], strict=True)
    return [None if reference in failed and reference != node else reference for node, reference in pairs]


def warning(results: pd.DataFrame) -> str:
    """What a study says of its dense nets that do not beat chance; "" if all do."""
    failed = at_chance(results) if {"dense", "reference", "chance_top1"} <= {*results} else results[:0]
    if failed.empty:
        return ""
    tops = ", ".join(f"{top1:.2f}" for top1 in sorted(set(failed["top1"])))
    chances = ", ".join(f"{top1:.2f}" for top1 in sorted(set(failed["chance_top1"])))
    which = "the dense net does" if failed["variant"].nunique() == 1 else "dense nets do"
    return f"{which} not beat chance (top-1 {tops} %, chance {chances} %): nothing is compared with it"


def nothing_learned(results: pd.DataFrame) -> bool:
    """Whether no dense net of a study beats chance, so that there is nothing to find out."""
    return bool(warning(results)) and set(results["dense"]) <= set(at_chance(results)["node"])
