"""What is read off the numbers: knees and partings on the published curves, and each finding on nets made up for it."""

import json

import pandas as pd
import pytest
from a_run import Run, below, by_ratio, config, gradual, penalised

from espalier.analysis import curves, published
from espalier.analysis.tidy import MIB
from espalier.report import findings
from espalier.report.findings import budget, structured
from espalier.report.findings.finding import listed, percent

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
    return {finding.question: finding for finding in findings.of_study(run.view(study))}


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


def test_a_curve_of_which_some_nets_were_fine_tuned_is_of_the_nets_right_after_pruning(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train", top1=98.0)
    for kind in ("weight", "unit"):
        for ratio, top1 in (("0.25", 97.5), ("0.50", 90.0), ("0.90", 30.0)):
            pruned = run.add("prune", dense, columns=by_ratio(kind, "l2", ratio), top1=top1)
            if kind == "unit" and ratio != "0.25":
                run.add("finetune", pruned, top1=97.0)
    ((_, points),) = curves.of_run(run.view().nets)
    unit = curves.curve(points, "unit")
    assert unit.to_dict() == {0.0: 98.0, 0.25: 97.5, 0.5: 90.0, 0.9: 30.0}
    assert curves.knee(unit) == 0.25


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
    (_, points), *none = curves.of_run(run.view().nets)
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


LONGER = " All of these nets trained for more epochs than dense: 9 against 6."


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
        "0 of 4 comparisons, 3 undecided: group_lasso 0.20: filter_wise 80.81, channel_wise 80.80,"
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
        # 2 sqrt(88 * 12 / 100 + 80 * 20 / 100) = 10.31 points: 88 against 80 may be chance
        (100, 80.0, "Undecided: it is the best in 0 of 1 comparisons, 1 undecided."),
        (100, 77.0, "Yes: it is the best in 1 of 1 comparisons."),  # 2 sqrt(10.56 + 17.71) = 10.63, less than 11
        (10000, 87.0, "Yes: it is the best in 1 of 1 comparisons."),  # 2 sqrt(0.1056 + 0.1131) = 0.94
        (10000, 89.0, "No: it is the best in 0 of 1 comparisons."),  # 2 sqrt(0.1056 + 0.0979) = 0.90
        (None, 87.9, "Yes: it is the best in 1 of 1 comparisons."),  # not known how many: any lead counts
    ],
)
def test_a_lead_of_a_few_images_is_undecided(tmp_path, images, top1, said):
    nets = {("filter_wise", "sum", "0.20"): [(50.0, 88.0)], ("channel_wise", "sum", "0.20"): [(50.0, top1)]}
    (answer,) = structured.filter_wise_wins(vgg(tmp_path, nets).view(test_images=images))
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
    assert "N=2 (12.5\xa0% of the blocks): 88.50 before; dense 90.00." in blocks.evidence
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
    # dense 90, trained on 95: 0.5 and 3 points below it; right after pruning 45 and 86 below it
    assert recovers.answer == "Partly: 1 of 2 pruned nets end within 1 point of the dense net trained as long."
    assert "the dense net trained as long: 65.50 right after pruning, 1.75 after fine-tuning." in recovers.evidence
    smallest = answers[BUDGET]
    assert smallest.headline == (
        "2.0 times smaller, zipped, within 1 point of the dense net trained as long: filter_wise sum 0.50, l2_groups "
        "training"
    )
    assert "−0.50 points" in smallest.answer and "epochs" not in smallest.answer


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
    assert answer.answer == f"1 within 1 point of dense and 2 within 2 points of dense.{LONGER.replace('9', '12')}"
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


PRUNE_OR_QUANTIZE = "Prune, quantize, or both?"


def compressed(tmp_path, *, both=89.5) -> Run:
    """Dense 90 %, 0.5 MiB zipped; pruned 2, quantized 4, both 8 times smaller; 200 test images."""
    run = Run(tmp_path)
    half = {"zipped_bytes": 2**18, "macs": 1000, "actual_ratio": 0.5, "test_images": 200}
    dense, _, tuned = run.chain(prune=by_ratio("filter_wise", "sum", "0.50"), before=40.0, after=89.2, pruned=half)
    export = run.quantize(dense, "float32", zipped_bytes=2**10)  # however small: it is neither
    static = run.quantize(dense, "static_int8", top1=88.5, zipped_bytes=2**17)
    dynamic = run.quantize(dense, "dynamic_int8", top1=89.9, zipped_bytes=2**17)
    small = run.quantize(tuned, "float32", top1=89.2)
    best = run.quantize(tuned, "static_int8", top1=both, zipped_bytes=2**16)
    nets = {"dense": dense, "tuned": tuned, "export": export, "static": static, "dynamic": dynamic}
    run.nets = nets | {"small": small, "both": best}
    return run


def time(run: Run, baselines: dict[str, tuple[str, float, float]]) -> None:
    """baselines: net -> its baseline, and its milliseconds at batch 1 and 8."""
    run.time(
        {
            "node": run.nets[net]["node"],
            "baseline": run.nets[base]["node"],
            "batch_size": size,
            "median_ms": ms,
            "p90_ms": ms,
        }
        for net, (base, one, eight) in baselines.items()
        for size, ms in ((1, one), (8, eight))
    )


def test_prune_quantize_or_both(tmp_path):
    answer = found(compressed(tmp_path / "a"), config())[PRUNE_OR_QUANTIZE]
    assert answer.answer.startswith(
        "Both. Within 1 point of dense, pruned: filter_wise sum 0.50, 0.250 MiB, 2.0 times smaller, −0.80 points; "
        "quantized: dense, dynamic_int8, 0.125 MiB, 4.0 times smaller, −0.10 points; "
        "pruned + quantized: filter_wise sum 0.50, static_int8, 0.062 MiB, 8.0 times smaller, −0.50 points."
    )
    assert answer.answer.endswith(
        "One seed was run and one of the 200 test images is 0.50 points: smaller differences say nothing."
    )
    assert "Within 0.5 points: pruned: none; quantized: dense, dynamic_int8" in answer.evidence
    answer = found(compressed(tmp_path / "b", both=80.0), config())[PRUNE_OR_QUANTIZE]
    assert answer.answer.startswith("Quantize. ") and "pruned + quantized: none." in answer.answer


def test_what_was_not_run_is_not_said_to_have_failed(tmp_path):
    run = Run(tmp_path)
    run.quantize(run.add("train", top1=90.0), "static_int8", top1=70.0)
    answer = found(run, config())[PRUNE_OR_QUANTIZE]
    assert answer.answer.startswith("None: no net is within 1 point of dense.")
    assert "pruned: not run; quantized: none; pruned + quantized: not run" in answer.evidence


TIMES = {  # in ms; the export is twice as fast as PyTorch is
    "dense": ("dense", 4.0, 20.0),
    "tuned": ("dense", 2.0, 10.0),
    "export": ("export", 2.0, 10.0),
    "small": ("export", 1.0, 5.0),
    "static": ("export", 0.5, 4.0),
    "dynamic": ("export", 8.0, 20.0),
    "both": ("export", 0.4, 4.9),
}


def test_the_fastest_net_is_the_one_that_was_measured_to_be(tmp_path):
    run = compressed(tmp_path)
    time(run, TIMES)
    answer = found(run, config(latency={}))[BUDGET]
    both = "filter_wise sum 0.50, static_int8"
    assert (
        f"; fastest: {both} (−0.50 points, 0.400 ms for one image in ONNX Runtime, 5.0 times as fast as"
        in answer.answer
    )
    assert f"smallest: {both} (50\xa0% removed, −0.50 points, 8.0 times smaller, 4.0 times fewer MACs)" in answer.answer
    small = budget.table(run.view())
    assert small[1.0] == (
        f"{both}: 8.0 times smaller",
        f"{both}: 0.400 ms for one image in ONNX Runtime, 5.0 times as fast as dense",
    )
    slow = compressed(tmp_path / "slow")
    time(slow, {"dense": ("dense", 4.0, 20.0), "export": ("export", 2.0, 1.0), "dynamic": ("export", 8.0, 20.0)})
    assert budget.table(slow.view())[0.5][1] == "\N{EN DASH}"  # none is faster than dense


def test_where_time_and_counts_part(tmp_path):
    run = compressed(tmp_path)
    time(run, TIMES)
    answer = found(run, config(latency={}))["Is a net as fast as its multiply-accumulates promise?"]
    # promised 4, 4, 1, 1, 4; measured at batch 1: 2, 2, 4, 0.25, 5; at batch 8: 2, 2, 2.5, 0.5, 2.04
    assert answer.answer.startswith(
        "3 of 10 are, at the least; furthest below: dense, dynamic_int8 at batch 1, 1.0 times promised, 0.25 measured; "
        "furthest above: dense, static_int8 at batch 1, 1.0 times promised, 4.0 measured."
    )
    assert "In dynamic_int8 nets are slower than the dense net in float32, up to 4.0 times (batch 1): " in answer.answer
    assert answer.evidence.startswith(
        "Of the pruned nets, furthest below: filter_wise sum 0.50 at batch 1, 4.0 times promised, 2.0 measured; "
        "furthest above: none. Of the quantized ones, furthest below: dense, dynamic_int8"
    )


def test_whether_int8_is_slower(tmp_path):
    run = compressed(tmp_path)
    time(run, TIMES)
    answer = found(run, config(latency={}, published="cats_dogs_vgg16"))["Is int8 slower or faster than float32?"]
    # static: 2 / 0.5 and, of the pruned net's own export, 1 / 0.4; at batch 8: 10 / 4 and 5 / 4.9; medians of two
    assert answer.answer == (
        "static_int8: faster, 3.2 times at batch 1 and 1.8 times at batch 8; "
        "dynamic_int8: slower, 4.0 times at batch 1 and 2.0 times at batch 8."
    )
    assert answer.evidence.startswith(
        "Times float32 / int8, medians: static_int8 (2 nets) 3.25 at batch 1 and 1.76 at batch 8; "
        "dynamic_int8 (1 net) 0.25 at batch 1 and 0.50 at batch 8. ONNX Runtime, threads: 1."
    )
    assert answer.published == (
        "Run 1: dynamic_int8 215 ms for one image against 89.9, 2.4 times slower. "
        "Run 2: dynamic_int8 1048.5 ms for one image against 122.4, 8.6 times slower."
    )


def test_quantized_nets_do_not_count_as_pruned_ones_that_got_faster(tmp_path):
    run = compressed(tmp_path)
    time(run, TIMES)
    answer = found(run, config(latency={}))["Is prediction faster after pruning?"]
    assert answer.answer == "filter_wise: yes, 2.0 times at batch 1 and 2.0 times at batch 8."


def slowly_pruned(tmp_path, accuracies: dict[str, float], **columns) -> Run:
    run = Run(tmp_path, backend="keras", model="mobilenet_v2")
    dense = run.add("train", top1=95.0, test_images=100, h5_bytes=4 * MIB, h5_zipped_bytes=3.5 * MIB)
    sizes = {"h5_bytes": 4 * MIB, "wrapped_bytes": 16 * MIB, "wrapped_params": 1990, "test_images": 100}
    for ratio, top1 in accuracies.items():
        zipped = {"h5_zipped_bytes": (4 - 4 * float(ratio)) * MIB}
        run.add("prune", dense, columns=gradual(ratio, epochs=3), top1=top1, **sizes, **zipped)
    return run


def test_whether_accuracy_collapses(tmp_path):
    run = slowly_pruned(tmp_path / "a", {"0.75": 80.0, "0.25": 95.0, "0.50": 89.0})
    answer = found(run, config(published="cats_dogs_mobilenetv2"))["Does accuracy collapse at 75\xa0% sparsity?"]
    assert answer.answer.startswith(
        "Yes: at 75\xa0% accuracy is 15.00 points below dense; from 50\xa0% on it has lost more than 5. All of these "
        "nets trained for more epochs than dense: 9 against 6. One seed was run and one of the 100 test images is 1.00"
    )
    assert answer.headline == "At 75\xa0% sparsity accuracy is 15.00 points below dense"
    assert answer.evidence == "Top-1: 25\xa0% 95.00, 50\xa0% 89.00, 75\xa0% 80.00; dense 95.00."
    assert answer.published.startswith("Yes: at 75\xa0% it is 30.70 points below that of 30\xa0%: 25\xa0% 94.10, ")
    run = slowly_pruned(tmp_path / "b", {"0.25": 95.0, "0.50": 96.0})
    answer = found(run, config())["Does accuracy collapse at 50\xa0% sparsity?"]
    assert answer.answer.startswith("No: at 50\xa0% accuracy is 1.00 points above dense.")


def test_what_wrappers_weigh(tmp_path):
    run = slowly_pruned(tmp_path, {"0.50": 95.0, "0.75": 95.0})
    answer = found(run, config(published="cifar10_cnn"))["Does pruning make the saved file smaller?"]
    assert (
        "the file has 16.00 MiB, 4.0 times the 4.00 MiB of the stripped one; the dense net's has 4.00" in answer.answer
    )
    assert answer.answer.endswith("has 2.00 MiB at 50\xa0% and 1.00 MiB at 75\xa0%, the dense net's 3.50 MiB.")
    assert answer.evidence == "Parameters: 1,000 stripped, 1,990 wrapped."
    assert answer.published == (
        "16.28 MiB pruned against 4.11 MiB unpruned: the document compared a file with wrappers and optimizer. "
        "Zipped: 3.27 MiB against 3.79 MiB."
    )


def test_what_group_lasso_makes_zero(tmp_path):
    run = Run(tmp_path, model="cifar10_conv")
    for penalty, filters, share in ((None, [3, 5], 4.0), ("group_lasso", [27, 9], 60.0)):
        conv = {"layer": "conv1_1", "width": 2, "weights": 54, "zeros": sum(filters), "filter_zeros": filters}
        root = run.add("train", columns=penalised("filter_wise", penalty) if penalty else None, top1=90.0)
        counted = run.add("prune", root, columns=below(0.01), layers=[conv], sparsity=share, top1=89.0)
    less = {"params": 500, "macs": 1000, "actual_ratio": 0.5}
    small = run.add("prune", counted, columns=below(0.01, "filter_wise", "max_abs"), top1=88.0, **less)
    run.add("finetune", small, top1=89.5, **less)
    answer = found(run, config(published="cifar10_conv"))["Does group_lasso make weights, and whole filters, zero?"]
    assert answer.answer == (
        "Yes: 60.00 % of the parameters are under the threshold after group_lasso training, 4.00 % after plain "
        "training; dead filters: 1 of 2 against 0 of 2."
    )
    assert "2.00 times fewer parameters, 4.00 times fewer MACs, top-1 88.00 right after, 89.50 after" in answer.evidence
    assert answer.published.startswith("Run 1: 74.103 % (12740248 of 17192650).")


def test_dead_filters_of_several_seeds_are_told_from_the_fewest_to_the_most(tmp_path):
    run = Run(tmp_path, model="cifar10_conv")
    for seed, filters in ((0, [27, 9]), (1, [27, 27])):
        for penalty, zeros in ((None, [0, 0]), ("group_lasso", filters)):
            conv = {"layer": "conv1_1", "width": 2, "weights": 54, "zeros": sum(zeros), "filter_zeros": zeros}
            root = run.add("train", seed=seed, columns=penalised("filter_wise", penalty) if penalty else None)
            share = 60.0 if penalty else 4.0
            run.add("prune", root, seed=seed, columns=below(0.01), layers=[conv], sparsity=share)
    answer = found(run, config(seeds=[0, 1]))["Does group_lasso make weights, and whole filters, zero?"]
    assert answer.answer.endswith("dead filters: 1 to 2 of 2 against 0 of 2.")


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
    question = "Do the methods beat random choice and the smallest weights of the whole net?"
    answer = found(run, config())[question]
    assert answer.answer.startswith(
        "random is beaten in 1 of 2 comparisons (1 undecided); "
        "global magnitude is beaten in 1 of 3 comparisons (1 undecided, 1 lost)."
    )
    assert (
        "filter_wise l1 0.40 90.00 to 80.00 (won); filter_wise l2 0.40 83.00 to 80.00 (undecided)." in answer.evidence
    )
    # against 90: l1 is level, l2 7 below (chance: 2 sqrt(1.5^2 + 1.88^2) = 4.8), the channels 5 above (3.7)
    assert "channel_wise l2 0.40 95.00 to 90.00 (won)" in answer.evidence


def test_unit_pruning_overtakes_only_by_more_than_chance(tmp_path):
    run = mlp(tmp_path, {"glorot": {"weight": [90.0, 50.0, 60.0], "unit": [90.0, 70.0, 61.0]}})
    answer = next(f for f in findings.of_study(run.view(test_images=100)) if "overtake" in f.question)
    assert answer.answer == "init glorot: yes, at 25\xa0%."  # by 20 points; at 50 % by 1, where chance is 4.9
    weak = mlp(tmp_path / "weak", {"glorot": {"weight": [90.0, 80.0, 60.0], "unit": [90.0, 70.0, 61.0]}})
    answer = next(f for f in findings.of_study(weak.view(test_images=100)) if "overtake" in f.question)
    assert answer.answer == "init glorot: never by more than chance, though ahead at 50\xa0%."


def test_curves_are_those_of_the_first_method(tmp_path):
    run = mlp(tmp_path, {"glorot": {"weight": [90.0, 80.0, 70.0], "unit": [90.0, 70.0, 60.0]}})
    root = json.loads(run.records[0].read_text())
    for ratio, top1 in (("0.25", 50.0), ("0.75", 40.0)):
        run.add("prune", root, columns=by_ratio("weight", "random", ratio), top1=top1)
        run.add("prune", root, columns=by_ratio("weight", "magnitude", ratio) | {"scope": "global"}, top1=top1 + 1)
    nets = run.view().nets
    (_, points), *none = curves.of_run(nets)
    assert not none and curves.curve(points, "weight").to_dict() == {0.0: 90.0, 0.25: 80.0, 0.5: 70.0}
    others = {name: curve.to_dict() for name, curve in curves.baselines(nets)["glorot"].items()}
    assert others == {
        "weight random": {0.25: 50.0, 0.75: 40.0},
        "weight magnitude global": {0.25: 51.0, 0.75: 41.0},
    }


def test_published_figures_of_another_kind_are_no_obstacle(tmp_path):
    assert found(mlp(tmp_path / "a", TWO_INITS), config(published="cifar100_vgg16_bn"))
    run = vgg(tmp_path / "b", {("filter_wise", "sum", "0.20"): [(50.0, 89.8)]})
    assert found(run, config(published="mnist_mlp"))


def test_words():
    assert [listed(parts) for parts in ((), "a", "ab", "abc")] == ["none", "a", "a and b", "a, b and c"]
    assert percent(0.6) == "60\xa0%" and percent(1 / 16) == "6.25\xa0%"


def test_random_choice_is_a_baseline_and_recovers_nothing(tmp_path):
    run = Run(tmp_path)
    root = run.add("train", top1=90.0)
    run.add("finetune", root, top1=90.0)
    for method, blocks, after in (("mean_abs", 1, 89.5), ("random", 4, 89.5), ("random", 1, 60.0)):
        columns = {"prune_type": "depth_wise", "method": method, "blocks": blocks}
        run.add("finetune", run.add("prune", root, columns=columns, top1=50.0, actual_ratio=blocks / 16), top1=after)
    answers = found(run, config())
    recovers = answers["Does fine-tuning recover what pruning cost?"]
    assert recovers.answer == "Yes: 1 of 1 pruned nets end within 1 point of the dense net trained as long."
    blocks = answers["How many residual blocks can go?"]
    assert blocks.answer.startswith("1 within 1 point of ") and "random" not in blocks.evidence
    only = Run(tmp_path / "only")
    columns = {"prune_type": "depth_wise", "method": "random", "blocks": 1}
    only.add("prune", only.add("train"), columns=columns, top1=50.0)
    assert "How many residual blocks can go?" not in found(only, config())


def test_published_nets_that_were_pruned_gradually_did_not_recover_by_fine_tuning(tmp_path):
    run = vgg(tmp_path, {("filter_wise", "sum", "0.20"): [(50.0, 89.8)]})
    answers = found(run, config(published="cats_dogs_vgg16"))  # one published net, pruned while it was trained
    assert answers["Does fine-tuning recover what pruning cost?"].published == ""


def test_quantized_and_fine_tuned_nets_have_one_reference(tmp_path):
    run = compressed(tmp_path)
    longer = run.add("finetune", run.nets["dense"], top1=90.5, test_images=200)
    run.quantize(longer, "static_int8", top1=90.0, zipped_bytes=2**17)
    answer = found(run, config())[PRUNE_OR_QUANTIZE]
    # below 90.5: the pruned net 1.3, quantized ones 2, 0.6 and 0.5, both 1; of files of one size the first is named
    assert answer.answer.startswith(
        "Both. Within 1 point of the dense net trained as long, pruned: none; "
        "quantized: dense, dynamic_int8, 0.125 MiB, 4.0 times smaller, −0.60 points; "
        "pruned + quantized: filter_wise sum 0.50, static_int8, 0.062 MiB, 8.0 times smaller, −1.00 points. "
        "Some of these nets trained for fewer epochs than the dense net they are compared with: 6 against 12."
    )
    assert "quantized: dense, fine-tuned, static_int8, 0.125 MiB, 4.0 times smaller, −0.50 points" in answer.evidence


def test_a_budget_of_less_than_a_test_image_is_said_to_be_one(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train", test_images=72)  # an image is 1.39 points
    run.quantize(dense, "static_int8", zipped_bytes=2**18)
    answers = found(run, config())
    remark = "(less than one of the 72 test images)"
    assert answers[BUDGET].answer.startswith(f"Within 1 point {remark}: smallest: dense, static_int8")
    for finding in (answers[BUDGET], answers[PRUNE_OR_QUANTIZE]):
        assert f"Within 0.5 points {remark}: " in finding.evidence and "Within 2 points: " in finding.evidence
    assert f"Within 1 point of dense {remark}, " in answers[PRUNE_OR_QUANTIZE].answer


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
    answer = found(run, config())["Do the methods beat random choice and the smallest weights of the whole net?"]
    assert answer.answer.startswith("random is beaten in 1 of 1 comparisons.")  # 3 points away: the nearest
    assert "93.00 to 90.00 (won; 45\xa0% went, of the baseline 48\xa0%)" in answer.evidence
    assert "at most 5 percentage points away" in answer.definition and "global magnitude is" not in answer.answer


def test_where_static_int8_is_slower(tmp_path):
    run = compressed(tmp_path)
    time(run, TIMES | {"static": ("export", 3.0, 4.0)})  # its export: 2 and 10
    answer = found(run, config(latency={}))["Is int8 slower or faster than float32?"]
    assert answer.evidence.endswith(" Slower than in float32: dense, static_int8, at batch 1 1.5 times.")


def test_curves_start_at_the_net_that_was_pruned(tmp_path):
    run = mlp(tmp_path, {"glorot": {"weight": [90.0, 80.0], "unit": [90.0, 70.0]}}, ratios=("0.25", "0.50"))
    root = json.loads(run.records[0].read_text())
    run.add("finetune", run.add("prune", root, columns=by_ratio("filter_wise", "l1", "0.5")), top1=90.0)
    run.add("finetune", root, top1=96.0)  # the reference, but no net of the curves was trained on
    (_, points), *_ = curves.of_run(run.view().nets)
    assert curves.curve(points, "unit").to_dict() == {0.0: 90.0, 0.25: 90.0, 0.5: 70.0}


# Training after pruning


def retrained(tmp_path, images=None) -> Run:
    """Two pruned nets, each fine-tuned, rewound and trained from scratch."""
    run = Run(tmp_path)
    dense = run.add("train", top1=92.0, test_images=images)
    for ratio, tuned, back, anew in (("0.40", 88.0, 91.0, 87.0), ("0.60", 70.0, 85.0, 84.0)):
        pruned = run.add("prune", dense, columns=by_ratio("filter_wise", "sum", ratio), top1=30.0, test_images=images)
        run.add("finetune", pruned, top1=tuned, columns={"epochs": 3}, test_images=images)
        rewound = {"epochs": 3, "retraining": "rewind"}
        run.add("finetune", pruned, top1=back, name="rewind=true", columns=rewound, test_images=images)
        run.add("scratch", pruned, top1=anew, test_images=images)
    return run


FROM_SCRATCH = "Is a pruned net better fine-tuned, or its architecture trained from scratch?"
REWINDING = "Is a pruned net better fine-tuned by the learning rates that its training ended with?"


def test_fine_tuned_nets_against_the_same_architecture_from_scratch(tmp_path):
    answer = found(retrained(tmp_path, images=400), config())[FROM_SCRATCH]
    # 2 sqrt(88 * 12 / 400 + 87 * 13 / 400) = 4.68; 2 sqrt(70 * 30 / 400 + 84 * 16 / 400) = 5.87
    assert answer.answer == (
        "Fine-tuning is ahead in 0 of 2 comparisons (1 undecided, 1 behind). "
        "One seed was run and one of the 400 test images is 0.25 points: smaller differences say nothing."
    )
    assert answer.evidence == (
        "filter_wise sum 0.40 88.00 (9 epochs) against filter_wise sum 0.40, from scratch 87.00 (6 epochs): +1.00 "
        "points, not more than twice the standard error of the difference, 4.68. "
        "filter_wise sum 0.60 70.00 (9 epochs) against filter_wise sum 0.60, from scratch 84.00 (6 epochs): −14.00 "
        "points, more than twice the standard error of the difference, 5.87."
    )


def test_rewound_nets_against_the_usual_fine_tuning(tmp_path):
    answer = found(retrained(tmp_path, images=400), config())[REWINDING]
    # 2 sqrt(91 * 9 / 400 + 88 * 12 / 400) = 4.33; 2 sqrt(85 * 15 / 400 + 70 * 30 / 400) = 5.81
    assert answer.answer.startswith("Rewinding is ahead in 1 of 2 comparisons (1 undecided).")
    assert "filter_wise sum 0.40, rewound 91.00 (9 epochs) against filter_wise sum 0.40 88.00" in answer.evidence
    assert "more than twice the standard error of the difference, 4.33. " in answer.evidence
    assert (
        "70.00 (9 epochs): +15.00 points, more than twice the standard error of the difference, 5.81."
        in answer.evidence
    )


def test_over_seeds_the_standard_error_is_that_of_the_means(tmp_path):
    run = Run(tmp_path)
    for seed, (tuned, anew) in enumerate(((90.0, 80.0), (92.0, 84.0), (94.0, 88.0))):
        pruned = run.chain(prune=by_ratio("filter_wise", "sum", "0.40"), seed=seed, before=9.0, after=tuned)[1]
        run.add("scratch", pruned, top1=anew)
    answer = found(run, config(seeds=[0, 1, 2]))[FROM_SCRATCH]
    # Deviations 2 and 4, of means 92 and 84: 2 sqrt(4 / 3 + 16 / 3) = 5.16
    assert answer.answer.startswith("Fine-tuning is ahead in 1 of 1 comparison.")
    assert "+8.00 points, more than twice the standard error of the difference, 5.16." in answer.evidence
    assert REWINDING not in found(run, config())


def test_a_net_from_scratch_that_was_pruned_again_is_no_pair(tmp_path):
    run = Run(tmp_path)
    pruned = run.chain(prune=by_ratio("filter_wise", "sum", "0.40"), before=9.0)[1]
    again = run.add("prune", run.add("scratch", pruned), columns=by_ratio("filter_wise", "sum", "0.20"))
    run.add("finetune", again)
    assert FROM_SCRATCH not in found(run, config())


def test_blocks_of_a_rewound_net_are_told_from_those_of_a_fine_tuned_one(tmp_path):
    run = Run(tmp_path, model="resnet50")
    _, pruned, _ = run.chain(
        prune={"prune_type": "depth_wise", "method": "mean_abs", "blocks": 2}, before=9.0, after=85.0, top1=90.0,
        pruned={"actual_ratio": 0.125},
    )  # fmt: skip
    run.add("finetune", pruned, name="rewind=true", columns={"retraining": "rewind"}, top1=89.5)
    answer = found(run, config())["How many residual blocks can go?"]
    assert answer.answer.startswith("2 within 1 point")
    assert "mean_abs N=2 (12.5\xa0% of the blocks): 9.00 before, 85.00 after" in answer.evidence
    assert "mean_abs N=2, rewound (12.5\xa0% of the blocks): 9.00 before, 89.50 after" in answer.evidence


def test_rewound_nets_are_not_counted_among_the_fine_tuned_and_have_baselines_of_their_own(tmp_path):
    run = retrained(tmp_path, images=400)
    random = run.add("prune", run_dense(run), columns=by_ratio("filter_wise", "random", "0.40"), top1=20.0)
    run.add("finetune", random, top1=60.0, test_images=400)
    answers = found(run, config())
    assert "0 of 2 pruned nets end within" in answers["Does fine-tuning recover what pruning cost?"].answer
    question = "Do the methods beat random choice and the smallest weights of the whole net?"
    assert answers[question].answer.startswith("random is beaten in 1 of 1 comparisons")


def run_dense(run: Run) -> dict:
    return json.loads(run.records[0].read_text())


def test_curves_are_of_fine_tuned_nets_and_those_of_rewound_ones_are_others(tmp_path):
    run = Run(tmp_path, backend="keras", model="mlp")
    dense = run.add("train", top1=90.0)
    for kind, method in (("weight", "magnitude"), ("unit", "l2")):
        pruned = run.add("prune", dense, columns=by_ratio(kind, method, "0.50"), top1=10.0)
        run.add("finetune", pruned, name="rewind=true", columns={"retraining": "rewind"}, top1=80.0)
        run.add("finetune", pruned, top1=70.0)
    nets = run.view().nets
    ((_, points),) = curves.of_run(nets)
    assert curves.curve(points, "weight").to_dict() == curves.curve(points, "unit").to_dict() == {0.0: 90.0, 0.5: 70.0}
    others = curves.baselines(nets)[""]
    assert {name: curve.to_dict() for name, curve in others.items()} == {
        "weight magnitude, rewound": {0.5: 80.0}, "unit l2, rewound": {0.5: 80.0}
    }  # fmt: skip
