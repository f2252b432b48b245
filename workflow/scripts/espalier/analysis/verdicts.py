"""Who is ahead: the verdict on two nets. Every finding and table that compares nets asks here, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from espalier.analysis.labels import Row

Verdict = Literal["won", "lost", "undecided"]

RULE = (  # `margin` in words
    "A lead counts if it is larger than twice its standard error, 2 sqrt(s1^2 + s2^2), where s of a net is the "
    "standard deviation over seeds / sqrt(seeds); with one seed what the number of test images leaves, "
    "sqrt(p (100 - p) / images). A smaller one is undecided."
)


@dataclass(frozen=True)
class Contest:
    """Two nets, in points of top-1: how far the one is ahead of the other, and what the two may differ by by chance."""

    one: Row
    other: Row

    @property
    def lead(self) -> float:
        return self.one["top1"] - self.other["top1"]

    @property
    def margin(self) -> float:
        return margin(self.one, self.other)

    @property
    def verdict(self) -> Verdict:
        """Whether the one is ahead of the other by more than chance."""
        return decided(self.lead, self.margin)


def decided(lead: float, margin: float) -> Verdict:
    """The verdict on a lead.

    >>> decided(2.0, 1.5), decided(-1.5, 1.5), decided(-2.0, 1.5)
    ('won', 'undecided', 'lost')
    """
    return "won" if lead > margin else "lost" if lead < -margin else "undecided"


def tally(verdicts: list[Verdict]) -> dict[Verdict, int]:
    """How many of each.

    >>> tally(["won", "won", "undecided"])
    {'won': 2, 'undecided': 1, 'lost': 0}
    """
    order: tuple[Verdict, ...] = ("won", "undecided", "lost")
    return {verdict: verdicts.count(verdict) for verdict in order}


def margin(one: Row, other: Row) -> float:
    """How many points of top-1 two nets may be apart by chance: twice the standard error of the difference of the two
    (about what 95 of 100 differences by chance stay within)."""
    return 2 * (_variance(one) + _variance(other)) ** 0.5


def _variance(row: Row) -> float:
    """The squared standard error of a top-1: of the mean over seeds; of one seed the binomial one, of the test images;
    0 where neither is known."""
    if pd.notna(row.get("top1_sd")):
        return row["top1_sd"] ** 2 / row["n"]
    images = row.get("test_images")
    return 0.0 if pd.isna(images) else row["top1"] * (100 - row["top1"]) / images
