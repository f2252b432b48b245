"""Findings about structured pruning, on nets made up for them."""

import pytest
from a_finding import answers, retrained, value, values, vgg
from a_run import Run, by_ratio, config
from scipy import stats

SEEDS = config(seeds=[0, 1, 2])


def types(tmp_path, nets: dict[str, tuple[int, int, list[float]]], dense: list[float], tuned: bool = True) -> Run:
    """Prune types at one ratio. nets: prune type -> MACs, parameters and top-1 of each seed; of dense 4000 and 1000."""
    run = Run(tmp_path)
    for seed, top1 in enumerate(dense):
        root = run.add("train", seed=seed, top1=top1)
        if tuned:
            run.add("finetune", root, top1=top1)
        for kind, (macs, params, tops) in nets.items():
            done = {"macs": macs, "params": params, "actual_ratio": 0.4}
            pruned = run.add("prune", root, columns=by_ratio(kind, "sum", "0.40"), top1=tops[seed], **done)
            if tuned:
                run.add("finetune", pruned, top1=tops[seed], **done)
    return run


NETS = {
    "filter_wise": (1000, 500, [80.0, 81.5, 81.0]),  # a quarter of the MACs, half the parameters
    "channel_wise": (2000, 500, [85.0, 86.0, 84.5]),  # half of both
    "filter_and_channel_wise": (2000, 250, [70.0, 72.0, 71.0]),  # a quarter of the parameters
}


def test_filter_wise_stands_against_each_other_type_at_equal_cost(tmp_path):
    wins = answers(types(tmp_path, NETS, [90.0, 90.0, 90.0]), SEEDS)["filter_wise_wins"]
    facts = {(fact.of["other"], fact.of["axis"]): fact for fact in wins.facts}
    assert set(facts) == {(other, axis) for other in list(NETS)[1:] for axis in ("macs", "params")}
    # MACs: at 2000 filter_wise is half way between its end and dense: 85, 85.75, 85.5, and the lead goes to 0 at dense
    leads = [[0.0, -0.25, 1.0], [15.0, 13.75, 14.5]]
    # parameters: at 500 against channels -5, -4.5, -3.5; the other has 80, 81, 80.5 there
    leads += [[-5.0, -4.5, -3.5], [0.0, 0.5, 0.5]]
    order = [("channel_wise", "macs"), ("filter_and_channel_wise", "macs")]
    order += [("channel_wise", "params"), ("filter_and_channel_wise", "params")]
    for key, of_seeds in zip(order, leads, strict=True):
        halves = [lead / 2 for lead in of_seeds]  # the mean of a line from the lead to 0
        interval = stats.ttest_1samp(halves, 0).confidence_interval()
        assert facts[key].value == pytest.approx(sum(halves) / 3)
        assert (facts[key].low, facts[key].high) == (pytest.approx(interval.low), pytest.approx(interval.high))
    # p: 0.58, 0.00064, 0.0103, 0.18; Holm times 4, 3, 2: 0.0025, 0.031, 0.37
    assert [str(facts[key].outcome) for key in order] == ["undecided", "won", "lost", "undecided"]
    assert wins.verdict == "undecided"
    assert (
        "channel_wise" in wins.answer.partition("axis of cost: ")[2]
    )  # ahead at equal MACs, behind at equal parameters


def test_the_published_curves_are_compared_at_equal_cost_too(tmp_path):
    wins = answers(types(tmp_path, NETS, [90.0] * 3), SEEDS | {"published": "cifar100_vgg16_bn"})["filter_wise_wins"]
    rows = [fact for fact in wins.facts if fact.source == "published"]
    leads = {(f.of["method"], f.of["other"], f.of["axis"]): f for f in rows}
    assert leads["mean_abs", "channel_wise", "macs"].value < 0 < leads["mean_abs", "channel_wise", "params"].value
    assert all(fact.outcome is None and fact.low is None and fact.n == 1 for fact in rows)  # of one run


def test_one_seed_gives_no_verdict_on_prune_types(tmp_path):
    nets = {kind: (macs, params, tops[:1]) for kind, (macs, params, tops) in NETS.items()}
    wins = answers(types(tmp_path, nets, [90.0]))["filter_wise_wins"]
    assert wins.verdict is None and {fact.outcome for fact in wins.facts} == {None}


def test_a_type_that_removed_nothing_is_not_compared(tmp_path):
    run = Run(tmp_path)
    for seed in (0, 1):
        root = run.add("train", seed=seed)
        for kind, done in (("filter_wise", 0.2), ("channel_wise", 0.0)):
            run.add("prune", root, columns=by_ratio(kind, "sum", "0.20"), top1=80.0 + seed, actual_ratio=done)
    assert "filter_wise_wins" not in answers(run)


def test_without_fine_tuning_nets_are_compared_right_after_pruning(tmp_path):
    run = types(tmp_path, NETS, [90.0, 90.0, 90.0], tuned=False)
    assert answers(run, SEEDS)["filter_wise_wins"].fact("lead", other="channel_wise", axis="macs").value == 0.125
    run = Run(tmp_path / "blocks")
    root = run.add("train", top1=90.0)
    for blocks, top1 in ((1, 89.5), (2, 88.5)):
        columns = {"prune_type": "depth_wise", "method": "mean_abs", "blocks": blocks}
        run.add("prune", root, columns=columns, top1=top1, actual_ratio=blocks / 16)
    found = answers(run)
    assert values(found["blocks_to_remove"], "most_blocks", "limit") == {1.0: 1, 2.0: 2}
    assert values(found["blocks_to_remove"], "drop", "blocks") == {1: 0.5, 2: 1.5}
    assert "finetuning_recovers" not in found


def test_fine_tuned_nets_are_compared_with_the_dense_net_of_equal_epochs(tmp_path):
    nets = {("filter_wise", "sum", "0.50"): [(50.0, 94.5)], ("filter_wise", "sum", "0.75"): [(9.0, 92.0)]}
    recovers = answers(vgg(tmp_path, nets, control=95.0))["finetuning_recovers"]
    # penalised 89 of 6 epochs, dense 95 of 9, as no penalised net was trained on: 39 and 80 below the first right after
    # pruning, 0.5 and 3 below the second at the end
    assert (value(recovers, "nets"), value(recovers, "near")) == (2, 1)
    assert (value(recovers, "median_lost"), value(recovers, "median_drop")) == (59.5, 1.75)
    assert recovers.verdict is None  # one seed


def test_whether_fine_tuning_recovers(tmp_path):
    tops = {"0.20": [89.9, 89.8, 90.0], "0.40": [88.5, 90.0, 89.5], "0.60": [70.0, 71.0, 70.5]}
    nets = {("filter_wise", "sum", ratio): [(50.0, top1) for top1 in tops[ratio]] for ratio in tops}
    run = vgg(tmp_path, nets, seeds=(0, 1, 2))
    recovers = answers(run, SEEDS | {"published": "cifar100_vgg16_bn"})["finetuning_recovers"]
    assert (value(recovers, "nets"), value(recovers, "near"), value(recovers, "recovered")) == (3, 2, 1)
    # drops 0.1, 0.2, 0.0 (p of more than 1: 0.0020, times 3), 1.5, 0, 0.5 (0.29), and 20, 19, 19.5 (lost)
    facts = [fact for fact in recovers.facts if fact.name == "drop"]
    assert [str(fact.outcome) for fact in facts] == ["won", "undecided", "lost"]
    bounds = stats.ttest_1samp([1.5, 0.0, 0.5], 0).confidence_interval(0.90)
    assert (facts[1].low, facts[1].high) == (pytest.approx(bounds.low), pytest.approx(bounds.high))
    assert (recovers.verdict, recovers.n) == ("undecided", 3)  # in part
    # Published: dense 80.94, less 1 is 79.94, reached by 7 of 15
    assert value(recovers, "nets", source="published") == 15 and value(recovers, "near", source="published") == 7


def test_all_or_none_recover(tmp_path):
    for folder, tops, verdict in (("all", (89.5, 89.6, 89.5), "won"), ("none", (80.0, 81.0, 80.5), "lost")):
        run = vgg(tmp_path / folder, {("filter_wise", "sum", "0.20"): [(50.0, t) for t in tops]}, seeds=(0, 1, 2))
        assert answers(run, SEEDS)["finetuning_recovers"].verdict == verdict


def test_published_nets_that_were_pruned_gradually_did_not_recover_by_fine_tuning(tmp_path):
    run = vgg(tmp_path, {("filter_wise", "sum", "0.20"): [(50.0, 89.8)]})
    recovers = answers(run, config(published="cats_dogs_vgg16"))["finetuning_recovers"]
    assert recovers.published == "" and {fact.source for fact in recovers.facts} == {"run"}


def blocks(tmp_path, tops: dict[int, float], published: str | None = None, control: float = 90.0):
    """What is found of a net without some of its blocks. tops: blocks -> top-1 after fine-tuning; control: that of the
    dense net of equal epochs."""
    run = Run(tmp_path, model="resnet50")
    root = run.add("train", top1=90.0)
    run.add("finetune", root, top1=control)
    for number, after in tops.items():
        columns = {"prune_type": "depth_wise", "method": "mean_abs", "blocks": number}
        pruned = run.add("prune", root, columns=columns, top1=50.0, actual_ratio=number / 16)
        run.add("finetune", pruned, top1=after, actual_ratio=number / 16)
    return run, config(published=published)


def test_how_many_blocks_can_go(tmp_path):
    run, study = blocks(tmp_path, {1: 89.5, 2: 88.1, 4: 87.0}, "cifar100_resnet50")
    can_go = answers(run, study)["blocks_to_remove"]
    assert values(can_go, "most_blocks", "limit") == {1.0: 1, 2.0: 2}
    assert values(can_go, "drop", "blocks") == {1: 0.5, 2: pytest.approx(1.9), 4: 3.0}
    # Published: dense 84.07; N=1 83.63, N=2 82.99 (1.08 below), N=4 82.28 (1.79 below)
    assert values(can_go, "most_blocks", "limit", source="published") == {1.0: 1, 2.0: 4}


def test_no_block_can_go(tmp_path):
    run, study = blocks(tmp_path, {1: 70.0})
    assert values(answers(run, study)["blocks_to_remove"], "most_blocks", "limit") == {1.0: None, 2.0: None}


def test_blocks_against_the_dense_net_trained_as_long(tmp_path):
    run, study = blocks(tmp_path, {1: 92.5, 2: 90.5}, control=93.0)
    assert values(answers(run, study)["blocks_to_remove"], "most_blocks", "limit") == {1.0: 1, 2.0: 1}


def test_random_choice_is_a_baseline_and_recovers_nothing(tmp_path):
    run = Run(tmp_path)
    root = run.add("train", top1=90.0)
    run.add("finetune", root, top1=90.0)
    for method, number, after in (("mean_abs", 1, 89.5), ("random", 4, 89.5), ("random", 1, 60.0)):
        columns = {"prune_type": "depth_wise", "method": method, "blocks": number}
        run.add("finetune", run.add("prune", root, columns=columns, top1=50.0, actual_ratio=number / 16), top1=after)
    found = answers(run)
    assert value(found["finetuning_recovers"], "nets") == value(found["finetuning_recovers"], "near") == 1
    assert values(found["blocks_to_remove"], "most_blocks", "limit") == {1.0: 1, 2.0: 1}
    only = Run(tmp_path / "only")
    columns = {"prune_type": "depth_wise", "method": "random", "blocks": 1}
    only.add("prune", only.add("train"), columns=columns, top1=50.0)
    assert "blocks_to_remove" not in answers(only)


def test_blocks_of_a_rewound_net_are_told_from_those_of_a_fine_tuned_one(tmp_path):
    run = Run(tmp_path, model="resnet50")
    dense, pruned, _ = run.chain(
        prune={"prune_type": "depth_wise", "method": "mean_abs", "blocks": 2}, before=9.0, after=85.0, top1=90.0,
        pruned={"actual_ratio": 0.125},
    )  # fmt: skip
    run.add("finetune", pruned, name="rewind=true", columns={"retraining": "rewind"}, top1=89.5)
    run.add("finetune", dense, top1=90.0)
    can_go = answers(run)["blocks_to_remove"]
    assert values(can_go, "most_blocks", "limit") == {1.0: 2, 2.0: 2}
    drops = values(can_go, "drop", "net")
    assert len(drops) == 2 and sorted(drops.values()) == [0.5, 5.0]


def test_rewound_nets_are_not_counted_among_the_fine_tuned(tmp_path):
    recovers = answers(retrained(tmp_path))["finetuning_recovers"]
    assert (value(recovers, "nets"), value(recovers, "near")) == (2, 0)
