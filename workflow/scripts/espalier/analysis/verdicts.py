"""Who is ahead: the verdict on two nets. Every finding and table that compares nets asks here, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from espalier.analysis.labels import Row
from espalier.analysis.statistics import Verdict

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

    >>> [str(decided(lead, 1.5)) for lead in (2.0, -1.5, -2.0)]
    ['won', 'undecided', 'lost']
    """
    return Verdict.WON if lead > margin else Verdict.LOST if lead < -margin else Verdict.UNDECIDED


def tally(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many of each.

    >>> tally([Verdict.WON, Verdict.WON, Verdict.LOST])
    {'won': 2, 'undecided': 0, 'lost': 1}
    """
    verdicts = list(verdicts)
    return {str(verdict): verdicts.count(verdict) for verdict in (Verdict.WON, Verdict.UNDECIDED, Verdict.LOST)}


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


def overall(counts: dict[str, int]) -> Verdict:
    """The verdict on several comparisons: won if all are, lost if fewer than half are won and no more than half are
    undecided, else undecided.

    >>> [str(overall({"won": won, "undecided": undecided, "lost": 1})) for won, undecided in ((3, 0), (1, 3), (0, 1))]
    ['undecided', 'undecided', 'lost']
    """
    total = sum(counts.values())
    if total and counts[Verdict.WON] == total:
        return Verdict.WON
    if 2 * counts[Verdict.UNDECIDED] > total:
        return Verdict.UNDECIDED
    return Verdict.LOST if 2 * counts[Verdict.WON] < total else Verdict.UNDECIDED
