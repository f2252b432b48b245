"""Findings that compare each pruned net with another: a baseline, or another way to train it after pruning."""

import json

import pytest
from a_finding import answers, outcomes, retrained, values
from a_run import Run, below, by_ratio, config
from scipy import stats

from espalier.analysis import verdicts

SEEDS = config(seeds=[0, 1, 2])


def masks(tmp_path, nets: dict[tuple[str, str, str], list[float]]) -> Run:
    """Single weights pruned. nets: (method, scope, ratio) -> top-1 of each seed."""
    run = Run(tmp_path)
    for seed in range(len(next(iter(nets.values())))):
        root = run.add("train", seed=seed, top1=95.0)
        for (method, scope, ratio), tops in nets.items():
            run.add("prune", root, columns=by_ratio("weight", method, ratio) | {"scope": scope}, top1=tops[seed])
    return run


def test_whether_methods_beat_the_baselines(tmp_path):
    nets = {
        ("random", "layer", "0.40"): [80.0, 81.0, 79.5],
        ("magnitude", "layer", "0.40"): [90.0, 90.5, 90.0],
        ("magnitude", "layer", "0.60"): [99.0, 99.0, 99.0],  # of another amount
        ("l1", "layer", "0.40"): [81.0, 80.0, 82.0],
        ("magnitude", "global", "0.40"): [90.1, 90.4, 90.2],
    }
    baselines = answers(masks(tmp_path, nets), SEEDS)["baselines"]
    ps = [
        stats.ttest_rel(nets["magnitude", "layer", "0.40"], nets["random", "layer", "0.40"]),
        stats.ttest_rel(nets["l1", "layer", "0.40"], nets["random", "layer", "0.40"]),
        stats.ttest_rel(nets["magnitude", "global", "0.40"], nets["random", "layer", "0.40"]),
        stats.ttest_rel(nets["magnitude", "layer", "0.40"], nets["magnitude", "global", "0.40"]),
        stats.ttest_rel(nets["l1", "layer", "0.40"], nets["magnitude", "global", "0.40"]),
    ]
    facts = baselines.facts
    assert [fact.value for fact in facts] == pytest.approx([10.0, 5 / 6, 10 + 1 / 15, -1 / 15, -9 - 7 / 30])
    for fact, test in zip(facts, ps, strict=True):
        assert (fact.low, fact.high) == pytest.approx(tuple(test.confidence_interval()))
        assert (fact.n, fact.family) == (3, "baselines")
    # p: 0.0017, 0.57, 0.0021, 0.67, 0.0066; times 5, 2, 4, -, 3 (Holm): 0.009, 1, 0.009, 1, 0.020
    assert outcomes(baselines) == ["won", "undecided", "won", "undecided", "lost"]
    assert baselines.verdict == "undecided"  # in part


def test_one_seed_gives_numbers_and_no_verdict(tmp_path):
    nets = {("random", "layer", "0.40"): [10.0], ("magnitude", "layer", "0.40"): [90.0]}
    baselines = answers(masks(tmp_path, nets))["baselines"]
    (lead,) = baselines.facts
    assert (lead.value, lead.low, lead.high, lead.outcome, lead.n) == (80.0, None, None, None, 1)
    assert baselines.verdict is None and verdicts.ONE_SEED in baselines.evidence


def structured(tmp_path, nets: dict[tuple[str, str], tuple[float, list[float]]], dense: list[float]) -> Run:
    """Filters pruned, not trained further. nets: (method, ratio) -> MACs, and top-1 of each seed; dense has 4000."""
    run = Run(tmp_path)
    for seed in range(len(dense)):
        root = run.add("train", seed=seed, top1=dense[seed])
        for (method, ratio), (macs, tops) in nets.items():
            columns = by_ratio("filter_wise", method, ratio)
            run.add("prune", root, columns=columns, top1=tops[seed], macs=macs, params=500, actual_ratio=float(ratio))
    return run


def test_filters_are_compared_with_random_ones_at_equal_macs(tmp_path):
    # asked for the same ratio, random choice saves twice the MACs; both curves are one line on the logarithmic axis
    nets = {("l1", "0.40"): (2000, [85.0, 86.0, 85.5]), ("random", "0.40"): (1000, [80.0, 82.0, 81.0])}
    baselines = answers(structured(tmp_path, nets, [90.0, 90.0, 90.0]), SEEDS)["baselines"]
    by_axis = {fact.of["axis"]: fact for fact in baselines.facts}
    # at 2000 MACs random has the mean of its ends: 85, 86, 85.5
    assert (by_axis["macs"].value, by_axis["macs"].outcome) == (pytest.approx(0.0, abs=1e-9), "undecided")
    # at equal parameters (500 to 1000) the lead falls from 5, 4, 4.5 to 0 at dense: half of it in the mean
    assert by_axis["params"].value == pytest.approx(2.25)
    low, high = stats.ttest_1samp([2.5, 2.0, 2.25], 0).confidence_interval()
    assert (by_axis["params"].low, by_axis["params"].high) == pytest.approx((low, high))
    assert by_axis["params"].outcome == "won"


def test_a_net_that_lost_nothing_is_not_compared(tmp_path):
    nets = {("l1", "0.40"): (4000, [90.0, 90.0]), ("random", "0.40"): (2000, [80.0, 81.0])}
    run = Run(tmp_path)
    for seed in (0, 1):
        root = run.add("train", seed=seed)
        for (method, ratio), (macs, tops) in nets.items():
            done = 0.0 if method == "l1" else 0.4
            columns = by_ratio("filter_wise", method, ratio)
            run.add("prune", root, columns=columns, top1=tops[seed], macs=macs, actual_ratio=done)
    assert "baselines" not in answers(run)


def test_nets_pruned_by_a_threshold_stand_against_the_nearest_baseline(tmp_path):
    run = Run(tmp_path)
    plain = run.add("train", top1=95.0)
    run.add("prune", plain, columns=below(0.001), top1=93.0, actual_ratio=0.45)
    for ratio, share, top1 in (("0.50", 0.48, 90.0), ("0.60", 0.41, 70.0), ("0.40", 0.39, 60.0)):
        run.add("prune", plain, columns=by_ratio("weight", "random", ratio), actual_ratio=share, top1=top1)
    baselines = answers(run)["baselines"]
    assert values(baselines, "lead", "other") == {"weight random 0.50": 3.0}  # 3 % away, the nearest


def test_fine_tuned_nets_against_the_same_architecture_from_scratch(tmp_path):
    scratch = answers(retrained(tmp_path, seeds=(0, 1, 2)), SEEDS)["from_scratch"]
    # the leads of the seeds are 1, 2, 3 and -14, -13, -12: standard error 1 / sqrt(3)
    half = stats.t.ppf(0.975, 2) / 3**0.5
    assert [fact.value for fact in scratch.facts] == [2.0, -13.0]
    assert [fact.high - fact.value for fact in scratch.facts] == pytest.approx([half, half])
    # p = 0.074 and 0.0020; both 9 epochs
    assert outcomes(scratch) == ["undecided", "lost"] and (scratch.verdict, scratch.n) == ("lost", 3)
    assert scratch.facts[0].of == {"net": "filter_wise sum 0.40", "other": "filter_wise sum 0.40, from scratch"}


def test_a_net_that_trained_for_more_epochs_has_not_won(tmp_path):
    scratch = answers(retrained(tmp_path / "a", seeds=(0, 1, 2), epochs=6), SEEDS)["from_scratch"]
    # 0.40: fine-tuned for 9 epochs in all and ahead of 6: no verdict; 0.60: behind although it trained for more
    assert [fact.outcome for fact in scratch.facts] == [None, "lost"]
    longer = answers(retrained(tmp_path / "b", seeds=(0, 1, 2), epochs=12), SEEDS)["from_scratch"]
    assert [fact.outcome for fact in longer.facts] == ["undecided", None]


def test_rewound_nets_against_the_usual_fine_tuning(tmp_path):
    rewinding = answers(retrained(tmp_path, seeds=(0, 1, 2)), SEEDS)["rewinding"]
    # leads 3, 2, 1 and 15, 14, 13: t = 2 sqrt(3) and 14 sqrt(3), p = 0.074 and 0.0017
    assert [fact.value for fact in rewinding.facts] == [2.0, 14.0]
    assert outcomes(rewinding) == ["undecided", "won"] and rewinding.verdict == "undecided"
    assert rewinding.facts[0].of["net"] == "filter_wise sum 0.40, rewound"


def test_rewinding_to_smaller_rates_is_no_rewinding(tmp_path):
    rewinding = answers(retrained(tmp_path, seeds=(0, 1, 2), rate=0.01), SEEDS)["rewinding"]
    assert [fact.value for fact in rewinding.facts] == [2.0, 14.0]
    assert [fact.outcome for fact in rewinding.facts] == [None, None] and rewinding.verdict is None


def test_a_net_from_scratch_that_was_pruned_again_is_no_pair(tmp_path):
    run = Run(tmp_path)
    pruned = run.chain(prune=by_ratio("filter_wise", "sum", "0.40"), before=9.0)[1]
    again = run.add("prune", run.add("scratch", pruned), columns=by_ratio("filter_wise", "sum", "0.20"))
    run.add("finetune", again)
    assert "from_scratch" not in answers(run)


def test_rewound_nets_have_baselines_of_their_own(tmp_path):
    run = retrained(tmp_path)
    dense = json.loads(run.records[0].read_text())
    random = run.add("prune", dense, columns=by_ratio("filter_wise", "random", "0.40"), top1=20.0, macs=1000)
    run.add("finetune", random, top1=60.0, macs=1000, columns={"epochs": 3})
    leads = values(answers(run)["baselines"], "lead", "net")
    assert list(leads) == ["filter_wise sum"]  # the fine-tuned ones; nothing of the rewound ones
