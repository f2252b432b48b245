"""Findings about structured pruning, on nets made up for them."""

import json

import pytest
from a_finding import answers, outcomes, retrained, value, values, vgg
from a_run import Run, by_ratio, config, penalised


def test_whether_filter_wise_wins(tmp_path):
    run = vgg(
        tmp_path,
        {
            ("filter_wise", "mean_abs", "0.20"): [(50.0, 88.0)],
            ("channel_wise", "mean_abs", "0.20"): [(60.0, 87.0)],
            ("filter_wise", "mean_abs", "0.40"): [(30.0, 80.0)],
            ("channel_wise", "mean_abs", "0.40"): [(40.0, 80.0)],  # a draw is no win
            ("channel_wise", "sum", "0.40"): [(40.0, 89.0)],  # filter_wise did not take part
        },
    )
    wins = answers(run, config(published="cifar100_vgg16_bn"))["filter_wise_wins"]
    assert values(wins, "lead", "ratio", method="mean_abs") == {0.2: 1.0, 0.4: 0.0}
    assert outcomes(wins) == ["won", "undecided"] and (wins.verdict, wins.n) == ("undecided", 1)
    assert wins.fact("lead", ratio=0.2).of["other"] == "channel_wise"
    # Published at 0.2, group_lasso: 80.81 against 80.80, of 10,000 images each
    assert value(wins, "lead", source="published", method="group_lasso") == pytest.approx(80.81 - 80.80)
    assert sorted(outcomes(wins, source="published")) == ["lost", "undecided", "undecided", "undecided"]


def test_a_lead_within_the_spread_is_no_win(tmp_path):
    nets = {
        ("filter_wise", "sum", "0.20"): [(50.0, 86.0), (50.0, 90.0)],  # mean 88, deviation 2.83
        ("channel_wise", "sum", "0.20"): [(50.0, 87.0), (50.0, 86.0)],  # mean 86.5: 1.5 behind
    }
    wins = answers(vgg(tmp_path, nets, seeds=(0, 1)), config(seeds=[0, 1]))["filter_wise_wins"]
    assert (wins.verdict, wins.n, value(wins, "lead")) == ("undecided", 2, 1.5)
    lead = wins.fact("lead")  # variances 8 and 0.5, of two seeds: 2 sqrt(4 + 0.25)
    assert (lead.low, lead.high) == (pytest.approx(1.5 - 2 * 4.25**0.5), pytest.approx(1.5 + 2 * 4.25**0.5))


@pytest.mark.parametrize(
    "images, top1, verdict",
    [
        (100, 80.0, "undecided"),  # 2 sqrt(88 * 12 / 100 + 80 * 20 / 100) = 10.31 points: 88 against 80 may be chance
        (100, 77.0, "won"),  # 2 sqrt(10.56 + 17.71) = 10.63, less than 11
        (10000, 87.0, "won"),  # 2 sqrt(0.1056 + 0.1131) = 0.94
        (10000, 89.0, "lost"),  # 2 sqrt(0.1056 + 0.0979) = 0.90
        (None, 87.9, "won"),  # not known how many: any lead counts
    ],
)
def test_a_lead_of_a_few_images_is_undecided(tmp_path, images, top1, verdict):
    nets = {("filter_wise", "sum", "0.20"): [(50.0, 88.0)], ("channel_wise", "sum", "0.20"): [(50.0, top1)]}
    wins = answers(vgg(tmp_path, nets), test_images=images)["filter_wise_wins"]
    assert (wins.verdict, outcomes(wins)) == (verdict, [verdict])
    assert (wins.fact("lead").low is None) == (images is None)


def test_without_fine_tuning_nets_are_compared_right_after_pruning(tmp_path):
    run = Run(tmp_path)
    root = run.add("train", top1=90.0)
    for kind, top1 in (("filter_wise", 80.0), ("channel_wise", 70.0)):
        run.add("prune", root, columns=by_ratio(kind, "sum", "0.20"), top1=top1, actual_ratio=0.2)
    for blocks, top1 in ((1, 89.5), (2, 88.5)):
        columns = {"prune_type": "depth_wise", "method": "mean_abs", "blocks": blocks}
        run.add("prune", root, columns=columns, top1=top1, actual_ratio=blocks / 16)
    found = answers(run)
    assert (found["filter_wise_wins"].verdict, value(found["filter_wise_wins"], "lead")) == ("won", 10.0)
    assert values(found["blocks_to_remove"], "most_blocks", "limit") == {1.0: 1, 2.0: 2}
    assert values(found["blocks_to_remove"], "drop", "blocks") == {1: 0.5, 2: 1.5}
    assert "finetuning_recovers" not in found


def test_a_net_that_was_not_fine_tuned_is_no_comparison_lost(tmp_path):
    run = vgg(tmp_path, {("filter_wise", "sum", "0.20"): [(5.0, 88.0)], ("channel_wise", "sum", "0.20"): [(5.0, 87.0)]})
    for kind in ("filter_wise", "channel_wise"):
        run.chain(penalised(kind, "group_lasso"), by_ratio(kind, "sum", "0.20"), before=5.0)
    assert outcomes(answers(run)["filter_wise_wins"]) == ["won"]


def test_fine_tuned_nets_are_compared_with_the_dense_net_trained_as_long(tmp_path):
    run = vgg(tmp_path, {("filter_wise", "sum", "0.50"): [(50.0, 94.5)], ("filter_wise", "sum", "0.75"): [(9.0, 92.0)]})
    dense = json.loads(run.records[0].read_text())
    run.add("finetune", dense, top1=95.0, columns={"epochs": 3})
    found = answers(run)
    recovers = found["finetuning_recovers"]
    # dense 90, trained on 95: 0.5 and 3 points below it; right after pruning 45 and 86 below it
    assert (recovers.verdict, value(recovers, "nets"), value(recovers, "recovered")) == ("undecided", 2, 1)
    assert (value(recovers, "median_lost"), value(recovers, "median_drop")) == (65.5, 1.75)
    assert value(found["budget"], "drop", goal="smallest", limit=1.0) == 0.5


def test_whether_fine_tuning_recovers(tmp_path):
    tops = {"0.20": (50.0, 89.0), "0.40": (30.0, 88.5), "0.60": (10.0, 70.0)}
    run = vgg(tmp_path, {("filter_wise", "sum", ratio): [pair] for ratio, pair in tops.items()})
    recovers = answers(run, config(published="cifar100_vgg16_bn"))["finetuning_recovers"]
    assert (recovers.verdict, value(recovers, "nets"), value(recovers, "recovered")) == ("undecided", 3, 1)
    assert (value(recovers, "median_lost"), value(recovers, "median_drop")) == (60.0, 1.5)
    assert max(values(recovers, "drop", "net").values()) == 20.0
    # Published: dense 80.94, less 1 is 79.94, reached by 7 of 15
    assert value(recovers, "nets", source="published") == 15 and value(recovers, "recovered", source="published") == 7


def test_all_or_none_recover(tmp_path):
    for folder, top1, verdict in (("all", 89.5, "won"), ("none", 80.0, "lost")):
        run = vgg(tmp_path / folder, {("filter_wise", "sum", "0.20"): [(50.0, top1)]})
        assert answers(run)["finetuning_recovers"].verdict == verdict


def test_published_nets_that_were_pruned_gradually_did_not_recover_by_fine_tuning(tmp_path):
    run = vgg(tmp_path, {("filter_wise", "sum", "0.20"): [(50.0, 89.8)]})
    recovers = answers(run, config(published="cats_dogs_vgg16"))["finetuning_recovers"]
    assert recovers.published == "" and {fact.source for fact in recovers.facts} == {"run"}


def blocks(tmp_path, tops: dict[int, float], published: str | None = None):
    """What is found of a net without some of its blocks. tops: blocks -> top-1 after fine-tuning; of dense 90."""
    run = Run(tmp_path, model="resnet50")
    root = run.add("train", top1=90.0)
    for number, after in tops.items():
        columns = {"prune_type": "depth_wise", "method": "mean_abs", "blocks": number}
        pruned = run.add("prune", root, columns=columns, top1=50.0, actual_ratio=number / 16)
        run.add("finetune", pruned, top1=after, actual_ratio=number / 16)
    return run, root, config(published=published)


def test_how_many_blocks_can_go(tmp_path):
    run, _, study = blocks(tmp_path, {1: 89.5, 2: 88.1, 4: 87.0}, "cifar100_resnet50")
    can_go = answers(run, study)["blocks_to_remove"]
    assert values(can_go, "most_blocks", "limit") == {1.0: 1, 2.0: 2}
    assert values(can_go, "drop", "blocks") == {1: 0.5, 2: pytest.approx(1.9), 4: 3.0}
    # Published: dense 84.07; N=1 83.63, N=2 82.99 (1.08 below), N=4 82.28 (1.79 below)
    assert values(can_go, "most_blocks", "limit", source="published") == {1.0: 1, 2.0: 4}


def test_no_block_can_go(tmp_path):
    run, _, study = blocks(tmp_path, {1: 70.0})
    assert values(answers(run, study)["blocks_to_remove"], "most_blocks", "limit") == {1.0: None, 2.0: None}


def test_blocks_against_the_dense_net_trained_as_long(tmp_path):
    run, root, study = blocks(tmp_path, {1: 92.5, 2: 90.5})
    run.add("finetune", root, top1=93.0)
    assert values(answers(run, study)["blocks_to_remove"], "most_blocks", "limit") == {1.0: 1, 2.0: 1}


def test_random_choice_is_a_baseline_and_recovers_nothing(tmp_path):
    run = Run(tmp_path)
    root = run.add("train", top1=90.0)
    run.add("finetune", root, top1=90.0)
    for method, number, after in (("mean_abs", 1, 89.5), ("random", 4, 89.5), ("random", 1, 60.0)):
        columns = {"prune_type": "depth_wise", "method": method, "blocks": number}
        run.add("finetune", run.add("prune", root, columns=columns, top1=50.0, actual_ratio=number / 16), top1=after)
    found = answers(run)
    assert value(found["finetuning_recovers"], "nets") == value(found["finetuning_recovers"], "recovered") == 1
    assert values(found["blocks_to_remove"], "most_blocks", "limit") == {1.0: 1, 2.0: 1}
    only = Run(tmp_path / "only")
    columns = {"prune_type": "depth_wise", "method": "random", "blocks": 1}
    only.add("prune", only.add("train"), columns=columns, top1=50.0)
    assert "blocks_to_remove" not in answers(only)


def test_blocks_of_a_rewound_net_are_told_from_those_of_a_fine_tuned_one(tmp_path):
    run = Run(tmp_path, model="resnet50")
    _, pruned, _ = run.chain(
        prune={"prune_type": "depth_wise", "method": "mean_abs", "blocks": 2}, before=9.0, after=85.0, top1=90.0,
        pruned={"actual_ratio": 0.125},
    )  # fmt: skip
    run.add("finetune", pruned, name="rewind=true", columns={"retraining": "rewind"}, top1=89.5)
    can_go = answers(run)["blocks_to_remove"]
    assert values(can_go, "most_blocks", "limit") == {1.0: 2, 2.0: 2}
    drops = values(can_go, "drop", "net")
    assert len(drops) == 2 and sorted(drops.values()) == [0.5, 5.0]


def test_rewound_nets_are_not_counted_among_the_fine_tuned(tmp_path):
    recovers = answers(retrained(tmp_path, images=400))["finetuning_recovers"]
    assert (value(recovers, "nets"), value(recovers, "recovered")) == (2, 0)
