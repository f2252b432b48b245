"""What is read off the numbers: knees and partings on the published curves, and each finding on nets made up for it."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from a_run import Run, by_ratio, config, penalised

from espalier import curves, findings, published
from espalier.findings import structured
from espalier.findings.finding import listed, percent
from espalier.findings.overview import write_overview

# Weight: 97.09 96.94 94.74 89.94 64.21 44.56 ...   Unit: 97.09 82.53 22.20 12.68 ...   at 0 25 50 60 70 80 % ...
POINTS = published.frame("mnist_mlp")
WEIGHT, UNIT = curves.curve(POINTS, "weight"), curves.curve(POINTS, "unit")


@pytest.mark.parametrize("points, weight, unit", [(1, 0.25, 0.0), (5, 0.50, 0.0), (10, 0.60, 0.0), (15, 0.60, 0.25)])
def test_knees_of_the_published_curves(points, weight, unit):
    assert curves.knee(WEIGHT, points) == weight
    assert curves.knee(UNIT, points) == unit


def test_a_knee_is_before_the_first_fall_even_if_accuracy_comes_back():
    assert curves.knee(pd.Series([90.0, 89.5, 80.0, 89.9], index=[0.0, 0.25, 0.5, 0.6]), 1) == 0.25


@pytest.mark.parametrize("points, at", [(1, 0.25), (5, 0.25), (14.4, 0.25), (15, 0.50), (77, 0.60), (78, None)])
def test_where_the_published_curves_part(points, at):
    assert curves.parting(WEIGHT, UNIT, points) == at


def test_where_the_published_curves_are_furthest_apart():
    at, gap = curves.widest(WEIGHT, UNIT)
    assert at == 0.60 and gap == pytest.approx(89.93999958 - 12.68000007)


def found(run: Run, study: dict) -> dict[str, findings.Finding]:
    table = run.load()
    return {finding.question: finding for finding in findings.of_study(table, study)}


def mlp(tmp_path, lists: dict[str, dict[str, list[float]]], ratios=("0", "0.25", "0.50")) -> Run:
    run = Run(tmp_path, backend="keras", model="mlp")
    for init, kinds in lists.items():
        root = run.add("train", columns={"init": init}, top1=kinds["weight"][0])
        for kind, accuracies in kinds.items():
            for ratio, top1 in zip(ratios, accuracies, strict=True):
                columns = by_ratio(kind, "magnitude" if kind == "weight" else "l2", ratio)
                run.add("prune", root, columns=columns, top1=top1, actual_ratio=float(ratio))
    return run


TWO_INITS = {
    "normal-0.1": {"weight": [90.0, 88.0, 60.0], "unit": [90.0, 50.0, 61.5]},
    "glorot": {"weight": [92.0, 91.5, 91.0], "unit": [92.0, 89.0, 40.0]},
}


def test_weight_against_unit(tmp_path):
    answers = found(mlp(tmp_path, TWO_INITS), config(published="mnist_mlp"))
    differ = answers["Do the curves of weight and unit pruning differ?"]
    assert differ.answer == (
        "Yes. init normal-0.1: weight is ahead by more than 1 point from 25\xa0% and 5 points from 25\xa0%; "
        "init glorot: weight is ahead by more than 1 point from 25\xa0% and 5 points from 50\xa0%."
    )
    assert "furthest apart at 25\xa0% (88.00 against 50.00: 38.00 points)" in differ.evidence
    assert "from 25\xa0%; furthest apart at 60\xa0% (89.94 against 12.68: 77.26 points)" in differ.published
    ever = answers["Does unit pruning ever overtake weight pruning?"]
    assert ever.answer == "init normal-0.1: yes, at 50\xa0%; init glorot: never."
    assert "at best +1.50 points, at 50\xa0%" in ever.evidence and "at best −2.50 points, at 25\xa0%" in ever.evidence
    assert ever.published == "never."


def test_the_knee_moves_with_the_initial_weights(tmp_path):
    answers = found(mlp(tmp_path, TWO_INITS), config(published="mnist_mlp"))
    knee = answers["Where is the knee, after which accuracy falls?"]
    assert knee.answer == "init normal-0.1: weight 25\xa0%, unit 0\xa0%; init glorot: weight 50\xa0%, unit 25\xa0%."
    assert knee.published.startswith("weight 50\xa0%, unit 0\xa0%; within 1 point: weight 25\xa0%, unit 0\xa0%")
    assert "25\xa0% with init normal-0.1 and 50\xa0% with init glorot" in knee.headline
    moves = answers["Is the knee a property of pruning, or of the initial weights?"]
    assert moves.answer.startswith("It moves with the initial weights")
    assert "at 50\xa0%, where weight pruning has cost 30.00 points with init normal-0.1 and 1.00" in moves.evidence


def test_curves_are_compared_at_the_sparsities_that_both_have(tmp_path):
    run = mlp(tmp_path, {"glorot": {"weight": [90.0, 80.0, 70.0]}, "he": {"weight": [91.0, 90.0, 60.0]}})
    for init, ratios in (("glorot", ("0.50", "0.75")), ("he", ("0.25",))):
        root = next(r for r in (json.loads(p.read_text()) for p in run.records) if r["init"] == init)
        for ratio in ratios:
            run.add("prune", root, columns=by_ratio("unit", "l2", ratio), top1=40.0, actual_ratio=float(ratio))
    only = run.add("train", columns={"init": "alone"})
    run.add("prune", only, columns=by_ratio("weight", "magnitude", "0.10"), top1=50.0, actual_ratio=0.1)
    answers = found(run, config())
    differ = answers["Do the curves of weight and unit pruning differ?"]
    # glorot: both at 0 and 50 % (70 against 40); he: both at 0 and 25 % (90 against 40); alone: weights only
    assert differ.evidence == (
        "init glorot: furthest apart at 50\xa0% (70.00 against 40.00: 30.00 points); "
        "init he: furthest apart at 25\xa0% (90.00 against 40.00: 50.00 points)."
    )
    moves = answers["Is the knee a property of pruning, or of the initial weights?"]
    assert "at 50\xa0%, where weight pruning has cost 20.00 points with init glorot and 31.00" in moves.evidence


def test_inits_with_other_ratios_are_compared_where_both_have_them(tmp_path):
    run = mlp(tmp_path, {"a": {"weight": [90.0, 80.0, 70.0], "unit": [90.0, 80.0, 70.0]}})
    other = mlp(tmp_path, {"b": {"weight": [90.0, 89.0], "unit": [90.0, 89.0]}}, ratios=("0", "0.25"))
    run.records += other.records
    moves = found(run, config())["Is the knee a property of pruning, or of the initial weights?"]
    assert "at 25\xa0%, where weight pruning has cost 10.00 points with init a and 1.00" in moves.evidence


def test_curves_without_a_ratio_of_zero_start_at_the_dense_net(tmp_path):
    run = mlp(tmp_path, {"glorot": {"weight": [90.0, 70.0], "unit": [80.0, 60.0]}}, ratios=("0.25", "0.50"))
    (_, points), *none = curves.of_run(run.load().results)
    assert curves.curve(points, "unit").to_dict() == {0.0: 90.0, 0.25: 80.0, 0.5: 60.0}
    assert not none and curves.knee(curves.curve(points, "unit")) == 0.0


def test_prediction_is_faster_only_if_it_was_measured_to_be(tmp_path):
    run = mlp(tmp_path, {"glorot": TWO_INITS["glorot"]})
    nodes = {record.parent.name: f"s/seed0/train~glorot/{record.parent.name}" for record in run.records[1:]}
    dense = "s/seed0/train~glorot"
    times = {dense: 1.0, nodes["prune~weight~magnitude~0.50"]: 1.01, nodes["prune~unit~l2~0.50"]: 0.5}
    run.time([{"node": n, "baseline": dense, "batch_size": 1, "median_ms": t, "p90_ms": 2.0} for n, t in times.items()])
    answer = found(run, config(latency={}))["Is prediction faster after pruning?"]
    assert (
        answer.answer == "weight: no, its zeros are multiplied like any other number; unit: yes, 2.0 times at batch 1."
    )
    assert "weight at batch 1: 0.99; unit at batch 1: 2.00" in answer.evidence
    times[nodes["prune~unit~l2~0.50"]] = 0.97  # 3 % is within what timings scatter
    run.latency.clear()
    run.time([{"node": n, "baseline": dense, "batch_size": 1, "median_ms": t, "p90_ms": 2.0} for n, t in times.items()])
    answer = found(run, config(latency={}))["Is prediction faster after pruning?"]
    assert answer.answer == "weight: no, its zeros are multiplied like any other number; unit: no."


LONGER = " The fine-tuned nets trained for longer than dense: 6 + 3 epochs against 6."


BUDGET = "Which are the smallest and the fastest net that are still as good as the dense one?"


def vgg(tmp_path, accuracies: dict, seeds=(0,), dense=90.0) -> Run:
    """accuracies: (prune type, method, ratio) -> one (before, after) for each seed."""
    run = Run(tmp_path)
    for seed in seeds:
        run.add("train", seed=seed, top1=dense)
        roots = {}
        for (kind, method, ratio), values in accuracies.items():
            if kind not in roots:
                roots[kind] = run.add("train", columns=penalised(kind), seed=seed, top1=dense - 1)
            before, after = values[seed]
            done = {"actual_ratio": float(ratio), "zipped_bytes": round(2**19 * (1 - float(ratio))), "macs": 2000}
            pruned = run.add("prune", roots[kind], columns=by_ratio(kind, method, ratio), top1=before, **done)
            run.add("finetune", pruned, top1=after, columns={"epochs": 3}, **done)
    return run


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
    answer = found(run, config(published="cifar100_vgg16_bn"))["Does filter_wise pruning win?"]
    assert answer.answer == "Not always: it is the best in 1 of 2 comparisons, 1 undecided."
    assert "mean_abs 0.20: filter_wise 88.00, channel_wise 87.00." in answer.evidence
    assert answer.published.startswith(
        "0 of 4 comparisons, 2 undecided: group_lasso 0.20: filter_wise 80.81, channel_wise 80.80,"
    )
    assert "one seed" in answer.definition


def test_a_lead_within_the_spread_is_no_win(tmp_path):
    nets = {
        ("filter_wise", "sum", "0.20"): [(50.0, 86.0), (50.0, 90.0)],  # mean 88, deviation 2.83
        ("channel_wise", "sum", "0.20"): [(50.0, 87.0), (50.0, 86.0)],  # mean 86.5: 1.5 behind
    }
    answer = found(vgg(tmp_path, nets, seeds=(0, 1)), config(seeds=[0, 1]))["Does filter_wise pruning win?"]
    assert answer.answer == "Undecided: it is the best in 0 of 1 comparisons, 1 undecided."
    assert "mean of 2 seeds" in answer.definition


@pytest.mark.parametrize(
    "images, top1, said",
    [
        # sqrt(88 * 12 / 100) = 3.25 points: 88 against 85 may be chance
        (100, 85.0, "Undecided: it is the best in 0 of 1 comparisons, 1 undecided."),
        (100, 84.0, "Yes: it is the best in 1 of 1 comparisons."),  # sqrt(84 * 16 / 100) = 3.67, less than 4
        (10000, 87.0, "Yes: it is the best in 1 of 1 comparisons."),  # sqrt(87 * 13 / 10000) = 0.34
        (10000, 89.0, "No: it is the best in 0 of 1 comparisons."),
        (None, 87.9, "Yes: it is the best in 1 of 1 comparisons."),  # not known how many: any lead counts
    ],
)
def test_a_lead_of_a_few_images_is_undecided(tmp_path, images, top1, said):
    nets = {("filter_wise", "sum", "0.20"): [(50.0, 88.0)], ("channel_wise", "sum", "0.20"): [(50.0, top1)]}
    table = vgg(tmp_path, nets).load()
    if images:
        table = replace(table, results=table.results.assign(test_images=images))
    (answer,) = structured.filter_wise_wins(table, config())
    assert answer.answer == said


def test_without_fine_tuning_nets_are_judged_right_after_pruning(tmp_path):
    run = Run(tmp_path)
    root = run.add("train", top1=90.0)
    for kind, top1 in (("filter_wise", 80.0), ("channel_wise", 70.0)):
        run.add("prune", root, columns=by_ratio(kind, "sum", "0.20"), top1=top1, actual_ratio=0.2)
    for blocks, top1 in ((1, 89.5), (2, 88.5)):
        columns = {"prune_type": "depth_wise", "method": "mean_abs", "blocks": blocks}
        run.add("prune", root, columns=columns, top1=top1, actual_ratio=blocks / 16)
    answers = found(run, config())
    wins = answers["Does filter_wise pruning win?"]
    after = "right after pruning (nothing was fine-tuned)"
    assert wins.answer == f"Yes: it is the best in 1 of 1 comparisons, {after}."
    assert "sum 0.20: filter_wise 80.00, channel_wise 70.00." in wins.evidence
    blocks = answers["How many residual blocks can go?"]
    assert blocks.answer == f"1 within 1 point of dense and 2 within 2 points of dense, {after}."
    assert "N=2 (12.5\xa0% of the blocks): 88.50 before, dense 90.00." in blocks.evidence
    assert "nan" not in str(answers)


def test_a_net_that_was_not_fine_tuned_is_no_comparison_lost(tmp_path):
    run = vgg(tmp_path, {("filter_wise", "sum", "0.20"): [(5.0, 88.0)], ("channel_wise", "sum", "0.20"): [(5.0, 87.0)]})
    for kind in ("filter_wise", "channel_wise"):
        run.chain(penalised(kind, "group_lasso"), by_ratio(kind, "sum", "0.20"), before=5.0)
    assert found(run, config())["Does filter_wise pruning win?"].answer == "Yes: it is the best in 1 of 1 comparisons."


def test_fine_tuned_nets_are_held_against_the_dense_net_trained_as_long(tmp_path):
    run = vgg(tmp_path, {("filter_wise", "sum", "0.50"): [(50.0, 94.5)], ("filter_wise", "sum", "0.75"): [(9.0, 92.0)]})
    dense = json.loads(run.records[0].read_text())
    run.add("finetune", dense, top1=95.0, columns={"epochs": 3})
    answers = found(run, config())
    recovers = answers["Does fine-tuning recover what pruning cost?"]
    # dense 90, trained on 95: 0.5 and 3 points below; right after pruning 40 and 81 below dense
    assert recovers.answer == "Partly: 1 of 2 pruned nets end within 1 point of the dense net trained as long."
    assert "below dense: 60.50 right after pruning, 1.75 after fine-tuning, below the dense net" in recovers.evidence
    smallest = answers[BUDGET]
    assert smallest.headline.startswith("Within 1 point of the dense net trained as long: filter_wise sum 0.50, l2_")
    assert "−0.50 points" in smallest.answer and "longer" not in smallest.answer


def test_blocks_against_the_dense_net_trained_as_long(tmp_path):
    run = Run(tmp_path, model="resnet50")
    root = run.add("train", top1=90.0)
    run.add("finetune", root, top1=93.0)
    for blocks, after in ((1, 92.5), (2, 90.5)):
        columns = {"prune_type": "depth_wise", "method": "mean_abs", "blocks": blocks}
        run.add("finetune", run.add("prune", root, columns=columns, top1=50.0, actual_ratio=blocks / 16), top1=after)
    answer = found(run, config())["How many residual blocks can go?"]
    long = "the dense net trained as long"
    assert answer.answer == f"1 within 1 point of {long} and 1 within 2 points of {long}."


def test_whether_fine_tuning_recovers(tmp_path):
    run = vgg(
        tmp_path,
        {
            ("filter_wise", "sum", "0.20"): [(50.0, 89.0)],
            ("filter_wise", "sum", "0.40"): [(30.0, 88.5)],
            ("filter_wise", "sum", "0.60"): [(10.0, 70.0)],
        },
    )
    answer = found(run, config(published="cifar100_vgg16_bn"))["Does fine-tuning recover what pruning cost?"]
    assert answer.answer == f"Partly: 1 of 3 pruned nets end within 1 point of dense.{LONGER}"
    assert "below dense: 60.00 right after pruning, 1.50 after" in answer.evidence
    assert "filter_wise sum 0.60, 20.00 points" in answer.evidence
    assert answer.published == "7 of 15 within 1 point of dense."  # 80.94 - 1 = 79.94, reached by 7


def test_the_smallest_net_within_a_budget(tmp_path):
    run = vgg(
        tmp_path,
        {
            ("filter_wise", "sum", "0.20"): [(50.0, 89.8)],
            ("filter_wise", "sum", "0.50"): [(50.0, 89.2)],
            ("filter_wise", "sum", "0.75"): [(50.0, 88.0)],
        },
    )
    answer = found(run, config())[BUDGET]
    size = "2.0 times smaller, 2.0 times fewer MACs"
    # All three have 2000 MACs: the first of them is named as the fastest.
    assert answer.answer == (
        f"Within 1 point: smallest: filter_wise sum 0.50, l2_groups training (50\xa0% removed, −0.80 points, {size}); "
        f"fastest: filter_wise sum 0.20, l2_groups training (−0.20 points, 2.0 times fewer MACs).{LONGER}"
    )
    assert "Within 0.5 points: smallest: filter_wise sum 0.20" in answer.evidence
    assert (
        "Within 2 points: smallest: filter_wise sum 0.75" in answer.evidence and "4.0 times smaller" in answer.evidence
    )


def test_how_many_blocks_can_go(tmp_path):
    run = Run(tmp_path, model="resnet50")
    root = run.add("train", top1=90.0)
    for blocks, after in ((1, 89.5), (2, 88.1), (4, 87.0)):
        columns = {"prune_type": "depth_wise", "method": "mean_abs", "blocks": blocks}
        pruned = run.add("prune", root, columns=columns, top1=50.0, actual_ratio=blocks / 16)
        run.add("finetune", pruned, top1=after, actual_ratio=blocks / 16)
    answer = found(run, config(published="cifar100_resnet50"))["How many residual blocks can go?"]
    assert answer.answer == f"1 within 1 point of dense and 2 within 2 points of dense.{LONGER.replace('3', '6')}"
    assert "mean_abs N=4 (25\xa0% of the blocks): 50.00 before, 87.00 after" in answer.evidence
    # Published: dense 84.07; N=1 83.63, N=2 82.99 (1.08 below), N=4 82.28 (1.79 below)
    assert answer.published == "1 within 1 point of dense and 4 within 2 points of dense."


def test_which_trainings_are_one_and_the_same(tmp_path):
    run = Run(tmp_path)
    run.add("train", test_loss=0.5)
    run.add("train", columns=penalised("filter_wise"), test_loss=0.4)
    run.add("train", columns=penalised("channel_wise"), test_loss=0.4)
    run.add("train", columns=penalised("filter_and_channel_wise"), test_loss=0.4000001)
    answer = found(run, config(published="cifar100_vgg16_bn"))["Do different penalties train different nets?"]
    assert answer.answer == "The same net: l2_groups filter_wise and l2_groups channel_wise."
    assert answer.published.startswith(
        "The same net: filter_wise and channel_wise: dense 80.94 / 95.55, filter_wise 80.79"
    )


def test_trainings_of_one_name_are_kept_apart(tmp_path):
    run = Run(tmp_path)
    run.add("train", test_loss=0.5, top1=90.0)
    plain = run.add("train", columns=penalised("filter_wise"), test_loss=0.4, top1=80.0)
    other = json.loads(run.records[-1].read_text()) | {"node": f"{plain['node']}~batch_size=32"}
    other["measured"] |= {"top1": 70.0}
    path = tmp_path / "other.json"
    path.write_text(json.dumps(other))
    run.records.append(path)
    answer = found(run, config())["Do different penalties train different nets?"]
    assert answer.answer == "No two are the same."
    assert answer.evidence == (
        "Top-1: dense 90.00, l2_groups filter_wise, train 80.00, l2_groups filter_wise, train batch_size=32 70.00."
    )


def test_the_published_depth_wise_training_is_the_dense_one(tmp_path):
    run = Run(tmp_path, model="resnet50")
    run.add("train")
    run.add("train", columns=penalised("depth_wise"), test_loss=0.1)
    answer = found(run, config(published="cifar100_resnet50"))["Do different penalties train different nets?"]
    assert answer.answer == "No two are the same."
    assert answer.published.startswith("The same net: dense and depth_wise")


def test_published_figures_of_another_kind_are_no_obstacle(tmp_path):
    assert found(mlp(tmp_path / "a", TWO_INITS), config(published="cifar100_vgg16_bn"))
    run = vgg(tmp_path / "b", {("filter_wise", "sum", "0.20"): [(50.0, 89.8)]})
    assert found(run, config(published="mnist_mlp"))


def test_words():
    assert [listed(parts) for parts in ((), "a", "ab", "abc")] == ["none", "a", "a and b", "a, b and c"]
    assert percent(0.6) == "60\xa0%" and percent(1 / 16) == "6.25\xa0%"


def test_the_first_page_says_what_ran_and_what_came_out(tmp_path):
    one = vgg(tmp_path, {("filter_wise", "mean_abs", "0.40"): [(50.0, 89.5)]})
    two = Run(tmp_path, "mnist", backend="keras", model="mlp")
    two.chain({"init": "glorot"}, by_ratio("weight", "magnitude", "0.50"), before=85.0)
    studies = {"s": config(published="cifar100_vgg16_bn", title="Nets & pruning"), "mnist": config("mnist")}
    write_overview(one.collect(two), studies, tmp_path / "overview.html")
    page = (tmp_path / "overview.html").read_text()
    assert "2 studies, 6 results (3 of training, 2 of pruning and 1 of fine-tuning), all on digits: 1.0 minutes" in page
    assert "Nets &amp; pruning" in page and "<td>90.00</td>" in page
    assert f"<dd>Yes: 1 of 1 pruned nets end within 1 point of dense.{LONGER}</dd>" in page
    # dense, the filter_wise training and one pruned net of 4 + 15 published rows
    assert (
        "3 of 19 published rows were run. In accuracy none of them is comparable: data, resolution, epochs and weights"
        in page
    )
    assert "torch 2.14.1" in page and "http" not in page
