"""What a finding is: a question about a study, answered by facts first, and then in words made of these facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from espalier.analysis.speed import Gain
from espalier.analysis.statistics import Interval, Verdict
from espalier.analysis.verdicts import Claim, Contest

RUN, PUBLISHED = "run", "published"  # where a fact is from
COLUMNS = (
    "study", "finding", "verdict", "n", "fact", "value", "low", "high", "outcome", "family", "source",
)  # fmt: skip


FACTS = {  # what the facts of the findings here mean; docs/outputs.md has the table
    "top1": "Top-1, percent.",
    "top1_before": "Top-1 right after pruning, percent.",
    "drop": "Points of top-1 below the dense net of equal epochs; of published nets below the published dense net, or "
    "the best net where no dense one is published. With `limit`: whether it is at most so much is the outcome, and low "
    "and high are one-sided 95 % bounds.",
    "lost": "Points of top-1 right after pruning below the dense net of as many epochs as it had then.",
    "median_drop": "Median of `drop` over the nets.",
    "median_lost": "Median of `lost` over the nets.",
    "lead": "Points of top-1 that `net` (or `prune_type`) is ahead of `other`; with `axis` at equal cost on that axis, "
    "in the mean over the costs that both reach.",
    "unit_lead": "Points of top-1 that unit pruning is ahead of weight pruning at `ratio`.",
    "parting": "The first ratio at which weight pruning is more than `points` ahead of unit pruning.",
    "widest_gap": "Points of top-1 that weight pruning is ahead of unit pruning at `ratio`, where it is furthest "
    "ahead.",
    "knee": "The largest ratio at which, and below which, top-1 is within `points` of the unpruned net.",
    "knee_shown": "The largest ratio up to which that is shown with an upper 95 % bound.",
    "knee_of_seed": "The knee of the curve of `seed`.",
    "cost": "Points of top-1 that pruning by `ratio` costs.",
    "cost_lead": "Points of top-1 that pruning by `ratio` costs more with `init` than with `other`.",
    "nets": "Number of nets that were looked at.",
    "near": "Number of them whose mean top-1 is at most `limit` points below dense.",
    "recovered": "Number of them for which that is shown: the claim is won.",
    "as_fast": "Number of them that are as fast as their MACs promise.",
    "most_blocks": "The most residual blocks that can go at a mean `drop` of at most `limit`.",
    "most_blocks_shown": "The most blocks for which that is shown: the claim is won.",
    "net": "Number of the net that `training` gave: trainings with the same number gave the same net.",
    "removed": "Share of the groups or weights that was removed.",
    "times_smaller": "Zipped file of the dense net / that of the net.",
    "largest_times_smaller": "The same of the smallest net within `limit`.",
    "times_fewer_macs": "MACs of the dense net / those of the net.",
    "times_fewer_params": "Parameters of the dense net / those of the net.",
    "times_faster": "Time of a baseline in the same runtime / that of the net: of the dense net, or with `scheme` of "
    "the same net in float32. With `prune_type` or `scheme` the median over the nets.",
    "largest_times_faster": "The same of the fastest net.",
    "operator_share": "Share of a call's time that the operators of the kind `operator` take, by the runtime's own "
    "profile.",
    "float_operators": "Operators with weights that compute in float32.",
    "ms_per_image": "Median time of a call with one image, milliseconds.",
    "zipped_bytes": "Size of the zipped file.",
    "wrapped_bytes": "Size of the .h5 file with the wrappers of gradual pruning and the optimizer.",
    "wrapped_zipped_bytes": "Size of that file, zipped.",
    "stripped_bytes": "Size of the .h5 file without them.",
    "dense_bytes": "Size of the dense net's .h5 file.",
    "dense_zipped_bytes": "Size of that file, zipped.",
    "params": "Parameters.",
    "wrapped_params": "Parameters with the wrappers of gradual pruning.",
    "sparsity": "Parameters that are zero, percent.",
    "seeds": "Number of seeds, the fewest of any net.",
    "least_sd": "The least standard deviation of top-1 over seeds, of the nets that nothing was done to.",
    "largest_sd": "The largest of these.",
    "one_image": "What one test image is worth, points of top-1.",
    "least_drop": "The least upper 95 % bound of a drop that the test images can show, points; with `nets` in a "
    "question about that many.",
    "noise": "The factor by which the times of two copies of one net differ at most.",
    "filters": "Filters that were counted.",
    "dead_filters": "Filters with zeros only, mean over seeds.",
    "dead_filters_fewest": "The fewest of a seed.",
    "dead_filters_most": "The most of a seed.",
}


@dataclass(frozen=True)
class Fact:
    """One number of a finding.

    name: what is counted or measured ("drop", in points of top-1). value: None, if there is none ("no net is within
    the limit"). of: what it is about, such as net, prune_type, ratio, batch_size, limit: the same words in all
    findings. low, high: the 95 % interval, where it is known; of a `drop` with a `limit` the two one-sided 95 % bounds.
    outcome: the verdict on a comparison (is the net ahead of the other?) or a claim (is its drop within the limit?);
    None where there is none, as with one seed. family: the comparisons that this outcome was corrected together with.
    n: the seeds of the value, if they are other than the finding's. source: this run, or the published study.
    """

    name: str
    value: float | None
    of: Mapping[str, Any] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    outcome: Verdict | None = None
    family: str = ""
    n: int | None = None
    source: str = RUN


def fact(name: str, value: Any, **of: Any) -> Fact:
    """A fact of this run: a number, and what it is about. What is NaN or None is left out.

    >>> fact("drop", 0.5, net="dense", method=None) == Fact("drop", 0.5, {"net": "dense"})
    True
    """
    return Fact(name, None if pd.isna(value) else float(value), {key: of[key] for key in of if pd.notna(of[key])})


def fact_of_times(name: str, gain: Gain, **of: Any) -> Fact:
    """A ratio of two times with its interval, and whether it is more than noise: WON is faster, LOST slower."""
    low, high = (None if pd.isna(end) else float(end) for end in (gain.low, gain.high))
    return replace(fact(name, gain.ratio, **of), low=low, high=high, outcome=gain.verdict)


def fact_of_contest(contest: Contest, family: str, name: str = "lead", **of: Any) -> Fact:
    """How many points of top-1 the one net is ahead of the other, with its interval and the verdict.

    family: names the comparisons that the verdict was corrected together with.
    """
    return _judged(fact(name, contest.lead, **of), contest, contest.interval, family)


def fact_of_claim(claim: Claim, family: str, **of: Any) -> Fact:
    """How many points a net is below its reference, with the bounds of that and the verdict on `limit`."""
    return _judged(fact("drop", claim.drop, limit=claim.within.limit, **of), claim, claim.bounds, family)


def _judged(fact: Fact, judged: Contest | Claim, interval: Interval | None, family: str) -> Fact:
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return replace(fact, low=low, high=high, outcome=judged.verdict, family=family, n=judged.n)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A question, answered by the numbers of a run.

    facts: the numbers. verdict: whether what the question asks is so (WON), is not so (LOST), or cannot be told, or is
    so in part (UNDECIDED); None, if the question asks for something else, or if one seed gives no verdict. n: the seeds
    that the facts rest on, the fewest of any net.

    In words, made of these facts: answer, in a few words; evidence: the numbers; definition: how the answer follows
    from them; published: what the published numbers say by the same definition ("" where there are none); headline: the
    answer as it stands next to the study's name on the first page ("" if it does not).

    name: of its registration, which the report fills in.
    """

    question: str
    facts: tuple[Fact, ...]
    verdict: Verdict | None = None
    n: int
    answer: str
    evidence: str
    definition: str
    published: str = ""
    headline: str = ""
    name: str = ""

    def fact(self, name: str, source: str = RUN, **of: Any) -> Fact:
        """The one fact of that name that is about this; raises LookupError if there is none, or more than one."""
        facts = [
            fact
            for fact in self.facts
            if (fact.name, fact.source) == (name, source) and all(fact.of.get(key) == of[key] for key in of)
        ]
        if len(facts) != 1:
            raise LookupError(f"{self.name or self.question}: {len(facts)} facts {name!r} of {of} ({source})")
        return facts[0]


def frame(study: str, findings: list[Finding]) -> pd.DataFrame:
    """All facts of a study, one row each: COLUMNS, then a column for everything that facts are about.

    verdict is the finding's, and the same in all its rows; n, value, low, high, outcome and family are the fact's own.
    """
    rows = [
        {
            "study": study,
            "finding": finding.name,
            "verdict": finding.verdict,
            "n": finding.n if fact.n is None else fact.n,
            "fact": fact.name,
            "value": fact.value,
            "low": fact.low,
            "high": fact.high,
            "outcome": fact.outcome,
            "family": fact.family or None,
            "source": fact.source,
            **fact.of,
        }
        for finding in findings
        for fact in finding.facts
    ]
    abouts = dict.fromkeys(key for row in rows for key in row if key not in COLUMNS)
    return pd.DataFrame(rows, columns=[*COLUMNS, *abouts])
