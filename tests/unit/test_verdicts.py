"""The verdict rule: how often it is wrong with equal methods, and what it takes into account."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from espalier.analysis.accuracies import Accuracy
from espalier.analysis.statistics import Verdict
from espalier.analysis.verdicts import Contest, claims, contests, without_unfair

DECIDED = (Verdict.WON, Verdict.LOST)


def nets(*tops: list[float]) -> dict[str, Accuracy]:
    """Nets "0", "1" ... with top-1 of each seed."""
    return {str(i): Accuracy(dict(enumerate(of_seeds))) for i, of_seeds in enumerate(tops)}


def judged(pairs: list[tuple[str, str]], accuracies: dict[str, Accuracy]) -> list[Contest]:
    rows = [({"variant": one}, {"variant": other}) for one, other in pairs]
    return contests(rows, lambda row: accuracies[row["variant"]])


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_equal_methods_get_a_verdict_in_at_most_5_of_100_cases(seeds):
    tops = np.random.default_rng(0).normal(70, 0.5, (2, 1000, seeds))
    wrong = sum(
        judged([("0", "1")], nets(list(tops[0, i]), list(tops[1, i])))[0].verdict in DECIDED for i in range(1000)
    )
    assert wrong <= stats.binom.ppf(0.999, 1000, 0.05)  # 72


def test_a_family_of_ten_equal_comparisons_has_a_verdict_in_at_most_5_of_100_cases():
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(300):
        found = judged([("0", str(i)) for i in range(1, 11)], nets(*rng.normal(70, 0.5, (11, 3)).tolist()))
        wrong += any(contest.verdict in DECIDED for contest in found)
    assert wrong <= stats.binom.ppf(0.999, 300, 0.05)  # 27


def test_one_seed_gives_no_verdict_however_large_the_difference():
    (contest,) = judged([("0", "1")], nets([90.0], [10.0]))
    assert (contest.lead, contest.n, contest.interval, contest.verdict) == (80.0, 1, None, None)
    (claim,) = claims([{}], 1.0, lambda row: Accuracy({0: 90.0}), lambda row: Accuracy({0: 90.0}))
    assert (claim.drop, claim.bounds, claim.verdict) == (0.0, None, None)


def test_only_seeds_that_both_have_are_compared():
    accuracies = {"0": Accuracy({0: 90.0, 1: 91.0, 2: 95.0}), "1": Accuracy({1: 90.0, 2: 92.0, 7: 10.0})}
    (contest,) = judged([("0", "1")], accuracies)
    assert (contest.n, contest.lead) == (2, 2.0)


def test_the_other_against_the_one():
    (contest,) = judged([("0", "1")], nets([80.0, 81.0, 82.0], [70.0, 70.5, 71.5]))
    back = contest.reversed()
    assert (back.lead, back.verdict, contest.verdict) == (-contest.lead, Verdict.LOST, Verdict.WON)
    assert (back.interval.low, back.interval.high) == (-contest.interval.high, -contest.interval.low)


def test_what_is_unfair_has_no_verdict_and_does_not_count_in_the_family():
    # p of the first: differences 1, 2, 1.5: t = 5.196, p = 0.035; twice that is no proof, alone it is
    accuracies = nets([71.0, 72.0, 71.5], [70.0, 70.0, 70.0], [50.0, 60.0, 55.0])
    both = judged([("0", "1"), ("2", "1")], accuracies)
    assert stats.ttest_1samp([1.0, 2.0, 1.5], 0).pvalue == pytest.approx(0.0351, abs=1e-4)
    assert both[0].verdict == Verdict.UNDECIDED
    alone, unfair = without_unfair(both, lambda contest: "unequal" if contest.one["variant"] == "2" else "")
    assert (alone.verdict, unfair.verdict, unfair.unfair) == (Verdict.WON, None, "unequal")
    assert unfair.lead == both[1].lead


def test_claims_of_several_nets_are_corrected_together():
    dense = Accuracy({0: 90.0, 1: 90.0, 2: 90.0})
    tops = {"near": [89.9, 89.8, 90.0], "far": [80.0, 81.0, 80.5], "between": [89.6, 89.9, 89.0]}
    found = claims(list(tops), 1.0, lambda net: Accuracy(dict(enumerate(tops[net]))), lambda net: dense)
    assert [str(claim.verdict) for claim in found] == ["won", "lost", "undecided"]
    drops = [0.4, 0.1, 1.0]
    bounds = stats.ttest_1samp(drops, 0).confidence_interval(0.90)
    assert (found[2].bounds.low, found[2].bounds.high) == (pytest.approx(bounds.low), pytest.approx(bounds.high))
