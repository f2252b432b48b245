"""Findings that compare each pruned net with another: a baseline, or another way to train it after pruning."""

import json

import pytest
from a_finding import answers, outcomes, retrained, values
from a_run import Run, below, by_ratio, config, penalised


def test_whether_methods_beat_the_baselines(tmp_path):
    run = Run(tmp_path)
    root = run.add("train", top1=95.0)
    other = run.add("train", columns=penalised("filter_wise"), top1=95.0)
    images = {"test_images": 400}  # standard error at 90 %: 1.5 points
    nets = (
        (root, by_ratio("filter_wise", "random", "0.40"), 80.0),  # standard error 2
        (root, by_ratio("filter_wise", "l1", "0.40"), 90.0),
        (root, by_ratio("filter_wise", "l1", "0.60"), 99.0),  # of another amount
        (root, by_ratio("filter_wise", "l2", "0.40"), 83.0),
        (root, by_ratio("channel_wise", "l2", "0.40"), 95.0),  # of another prune type than the random one
        (root, by_ratio("weight", "magnitude", "0.40") | {"scope": "global"}, 90.0),
        (other, by_ratio("filter_wise", "l1", "0.40"), 95.0),  # of another training
    )
    for parent, columns, top1 in nets:
        run.add("prune", parent, columns=columns, top1=top1, **images)
    baselines = answers(run)["baselines"]
    assert values(baselines, "lead", "net", baseline="random") == {
        "filter_wise l1 0.40": 10.0, "filter_wise l2 0.40": 3.0
    }  # fmt: skip
    assert outcomes(baselines, baseline="random") == ["won", "undecided"]  # chance: 2 sqrt(1.5^2 + 2^2) = 5
    # against 90: l1 is level, l2 7 below (chance: 2 sqrt(1.5^2 + 1.88^2) = 4.8), the channels 5 above (3.7)
    assert list(values(baselines, "lead", "net", baseline="global magnitude").values()) == [0.0, -7.0, 5.0]
    assert outcomes(baselines, baseline="global magnitude") == ["undecided", "lost", "won"]
    assert baselines.verdict == "lost"  # 2 of 5 won, 2 undecided


def test_nets_pruned_by_a_threshold_stand_against_the_nearest_baseline(tmp_path):
    run = Run(tmp_path)
    plain = run.add("train", top1=95.0)
    lasso = run.add("train", columns=penalised("filter_wise", "group_lasso"), top1=94.0)
    masked = run.add("prune", lasso, columns=below(0.001), top1=94.0, actual_ratio=0.1)
    taken = below(0.001, "filter_wise", "max_abs")
    run.add("finetune", run.add("prune", masked, columns=taken, actual_ratio=0.45), top1=93.0)
    for ratio, share, top1 in (("0.50", 0.48, 90.0), ("0.60", 0.41, 70.0), ("0.40", 0.39, 60.0)):
        pruned = run.add("prune", plain, columns=by_ratio("filter_wise", "random", ratio), actual_ratio=share)
        run.add("finetune", pruned, top1=top1)
    far = by_ratio("weight", "magnitude", "0.75") | {"scope": "global"}
    run.add("finetune", run.add("prune", plain, columns=far, actual_ratio=0.75), top1=95.0)
    baselines = answers(run)["baselines"]
    assert values(baselines, "lead", "other") == {"filter_wise random 0.50": 3.0}  # 3 % away, the nearest; none at 75 %


def test_fine_tuned_nets_against_the_same_architecture_from_scratch(tmp_path):
    scratch = answers(retrained(tmp_path, images=400))["from_scratch"]
    # 2 sqrt(88 * 12 / 400 + 87 * 13 / 400) = 4.68; 2 sqrt(70 * 30 / 400 + 84 * 16 / 400) = 5.87
    assert [fact.value for fact in scratch.facts] == [1.0, -14.0]
    assert [fact.high - fact.value for fact in scratch.facts] == pytest.approx([4.676537, 5.868560])
    assert outcomes(scratch) == ["undecided", "lost"] and scratch.verdict == "lost"
    assert scratch.facts[0].of == {"net": "filter_wise sum 0.40", "other": "filter_wise sum 0.40, from scratch"}


def test_rewound_nets_against_the_usual_fine_tuning(tmp_path):
    rewinding = answers(retrained(tmp_path, images=400))["rewinding"]
    # 2 sqrt(91 * 9 / 400 + 88 * 12 / 400) = 4.33; 2 sqrt(85 * 15 / 400 + 70 * 30 / 400) = 5.81
    assert [fact.value for fact in rewinding.facts] == [3.0, 15.0]
    assert [fact.high - fact.value for fact in rewinding.facts] == pytest.approx([4.330127, 5.809475])
    assert outcomes(rewinding) == ["undecided", "won"] and rewinding.verdict == "undecided"
    assert rewinding.facts[0].of["net"] == "filter_wise sum 0.40, rewound"


def test_over_seeds_the_standard_error_is_that_of_the_means(tmp_path):
    run = Run(tmp_path)
    for seed, (tuned, anew) in enumerate(((90.0, 80.0), (92.0, 84.0), (94.0, 88.0))):
        pruned = run.chain(prune=by_ratio("filter_wise", "sum", "0.40"), seed=seed, before=9.0, after=tuned)[1]
        run.add("scratch", pruned, top1=anew)
    found = answers(run, config(seeds=[0, 1, 2]))
    (lead,) = found["from_scratch"].facts
    # Deviations 2 and 4, of means 92 and 84: 2 sqrt(4 / 3 + 16 / 3) = 5.16
    assert lead.value == 8.0 and lead.low == pytest.approx(8 - 5.163978)
    assert (found["from_scratch"].verdict, found["from_scratch"].n) == ("won", 3)
    assert "rewinding" not in found


def test_a_net_from_scratch_that_was_pruned_again_is_no_pair(tmp_path):
    run = Run(tmp_path)
    pruned = run.chain(prune=by_ratio("filter_wise", "sum", "0.40"), before=9.0)[1]
    again = run.add("prune", run.add("scratch", pruned), columns=by_ratio("filter_wise", "sum", "0.20"))
    run.add("finetune", again)
    assert "from_scratch" not in answers(run)


def test_rewound_nets_have_baselines_of_their_own(tmp_path):
    run = retrained(tmp_path, images=400)
    dense = json.loads(run.records[0].read_text())
    random = run.add("prune", dense, columns=by_ratio("filter_wise", "random", "0.40"), top1=20.0)
    run.add("finetune", random, top1=60.0, test_images=400)
    assert values(answers(run)["baselines"], "lead", "net") == {"filter_wise sum 0.40": 28.0}
