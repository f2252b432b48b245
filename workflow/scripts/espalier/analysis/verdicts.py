"""Who is ahead, and what is near enough: the verdicts on nets. Every finding that compares nets asks here, and nowhere
else.

The verdicts of one question are one family: `contests` and `claims` take all of them at once and correct them together
(Holm). `statistics` says how a verdict follows from the differences of the seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from espalier.analysis.accuracies import Accuracy
from espalier.analysis.labels import Row
from espalier.analysis.statistics import (
    LEVEL,
    SEEDS,
    Comparison,
    Estimate,
    Interval,
    Verdict,
    Within,
    compare,
    correct,
    within,
)

ONE_SEED = "one seed: no verdict"
RULE = (  # `contests` in words
    "A lead counts if it is larger than chance: Student's t test of the differences seed by seed at the "
    f"{100 * LEVEL:g} % level, corrected for all comparisons of the question (Holm); else it is undecided. Intervals "
    "are those of single comparisons. Where predictions are kept, the test images count as a sample too. "
    f"{ONE_SEED.capitalize()}."
)
WITHIN_RULE = (  # `claims` in words
    f"A net is within so many points if the upper {100 * LEVEL:g} % bound of its drop is (Student, seed by seed, "
    "corrected for all nets of the question by Holm's method); it is not if the lower bound is above; else it is "
    f"undecided. Bounds in brackets are those of the net alone, not corrected. Where predictions are kept, the test "
    f"images count as a sample too. {ONE_SEED.capitalize()}."
)

AccuracyOf = Callable[[Row], Accuracy]


@dataclass(frozen=True)
class Contest:
    """Two nets, or two curves of nets: how many points of top-1 the one is ahead of the other, and what that is worth.

    unfair: why there is no verdict although there are seeds enough ("unequal epochs"); "" if there is nothing.
    """

    one: Row
    other: Row
    comparison: Comparison
    unfair: str = ""

    @property
    def lead(self) -> float:
        return self.comparison.difference

    def reversed(self) -> Contest:
        """The other against the one."""
        low_high = self.comparison.interval
        interval = None if low_high is None else replace(low_high, low=-low_high.high, high=-low_high.low)
        comparison = replace(self.comparison, difference=-self.comparison.difference, interval=interval)
        return replace(self, one=self.other, other=self.one, comparison=comparison)

    @property
    def n(self) -> int:
        return self.comparison.n

    @property
    def interval(self) -> Interval | None:
        return self.comparison.interval

    @property
    def verdict(self) -> Verdict | None:
        """Whether the one is ahead by more than chance; None: one seed gives no verdict, nor does what is unfair."""
        return None if self.n < SEEDS or self.unfair else self.comparison.verdict


@dataclass(frozen=True)
class Claim:
    """A net, and the claim that it is at most so many points below its reference."""

    net: Row
    within: Within

    @property
    def drop(self) -> float:
        return self.within.drop

    @property
    def n(self) -> int:
        return self.within.n

    @property
    def bounds(self) -> Interval | None:
        return self.within.bounds

    @property
    def verdict(self) -> Verdict | None:
        """Whether the claim holds; None: one seed gives no verdict."""
        return None if self.n < SEEDS else self.within.verdict


def contests(pairs: Iterable[tuple[Row, Row]], accuracy: AccuracyOf) -> list[Contest]:
    """The nets of each pair against each other, all of them one family. accuracy: of a row, seed by seed."""
    pairs = list(pairs)
    return estimated([(one, other, accuracy(one).less(accuracy(other))) for one, other in pairs])


def estimated(pairs: Iterable[tuple[Row, Row, Estimate]]) -> list[Contest]:
    """The same of differences that were estimated in another way, such as those of whole curves."""
    pairs = list(pairs)
    family = correct([compare(estimate) for _, _, estimate in pairs])
    return [Contest(one, other, each) for (one, other, _), each in zip(pairs, family, strict=True)]


def without_unfair(contests: Iterable[Contest], unfair: Callable[[Contest], str]) -> list[Contest]:
    """The contests with the reasons why some of them give no verdict; the others are a family of their own."""
    marked = [(contest, unfair(contest)) for contest in contests]
    fair = iter(correct([contest.comparison for contest, reason in marked if not reason]))
    return [
        replace(contest, unfair=reason) if reason else replace(contest, comparison=next(fair))
        for contest, reason in marked
    ]


def claims(nets: Iterable[Row], limit: float, accuracy: AccuracyOf, reference: AccuracyOf) -> list[Claim]:
    """The claim of each net that it is at most `limit` points below its reference, all of them one family."""
    return claims_at(nets, (limit,), accuracy, reference)[limit]


def claims_at(
    nets: Iterable[Row], limits: Iterable[float], accuracy: AccuracyOf, reference: AccuracyOf
) -> dict[float, list[Claim]]:
    """The claims of each net at several limits; those at one limit are one family."""
    drops = [(net, reference(net).less(accuracy(net))) for net in nets]
    families = {limit: correct([within(limit, drop) for _, drop in drops]) for limit in limits}
    return {
        limit: [Claim(net, each) for (net, _), each in zip(drops, family, strict=True)]
        for limit, family in families.items()
    }


def claim_word(verdict: Verdict | None) -> str:
    """The verdict on a claim of "within so many points".

    >>> claim_word(Verdict.WON), claim_word(None)
    ('shown', 'one seed: no verdict')
    """
    words = {Verdict.WON: "shown", Verdict.LOST: "not so", Verdict.UNDECIDED: "cannot be told"}
    return ONE_SEED if verdict is None else words[verdict]


def tally(verdicts: Iterable[Verdict | None]) -> dict[str, int]:
    """How many of each; what has no verdict does not count.

    >>> tally([Verdict.WON, Verdict.WON, Verdict.LOST, None])
    {'won': 2, 'undecided': 0, 'lost': 1}
    """
    verdicts = list(verdicts)
    return {str(verdict): verdicts.count(verdict) for verdict in (Verdict.WON, Verdict.UNDECIDED, Verdict.LOST)}


def overall(counts: dict[str, int]) -> Verdict | None:
    """The verdict on several comparisons: won if all are, lost if none is won and no more than half are undecided, else
    undecided (which is also "in part"); None, if none has a verdict.

    >>> [str(overall({"won": won, "undecided": undecided, "lost": 1})) for won, undecided in ((3, 0), (0, 3), (0, 1))]
    ['undecided', 'undecided', 'lost']
    >>> overall(tally([None]))
    """
    total = sum(counts.values())
    if not total:
        return None
    if counts[Verdict.WON] == total:
        return Verdict.WON
    in_part = counts[Verdict.WON] or 2 * counts[Verdict.UNDECIDED] > total
    return Verdict.UNDECIDED if in_part else Verdict.LOST
