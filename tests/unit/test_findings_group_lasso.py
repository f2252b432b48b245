"""Findings about penalties, zeros, and pruning while a net is trained."""

import pytest
from a_finding import answers, slowly_pruned, value, values
from a_run import Run, below, config, penalised
from scipy import stats

from espalier.columns import MIB


def test_which_trainings_are_one_and_the_same(tmp_path):
    run = Run(tmp_path)
    run.add("train", test_loss=0.5)
    run.add("train", columns=penalised("filter_wise"), test_loss=0.4)
    run.add("train", columns=penalised("channel_wise"), test_loss=0.4)
    run.add("train", columns=penalised("filter_and_channel_wise"), test_loss=0.4000001)
    trainings = answers(run, config(published="cifar100_vgg16_bn"))["identical_trainings"]
    names = ["dense", "l2_groups filter_wise", "l2_groups channel_wise", "l2_groups filter_and_channel_wise"]
    assert values(trainings, "net", "training") == dict(zip(names, (1, 2, 2, 3), strict=True))
    assert trainings.verdict == "lost"
    published = values(trainings, "net", "training", source="published")
    assert published["filter_wise"] == published["channel_wise"] != published["dense"]
    assert value(trainings, "top1", source="published", training="dense") == 80.94


def test_trainings_of_one_name_are_kept_apart(tmp_path):
    run = Run(tmp_path)
    run.add("train", test_loss=0.5, top1=90.0)
    run.add("train", columns=penalised("filter_wise"), test_loss=0.4, top1=80.0)
    run.add("train", name="batch_size=32", columns=penalised("filter_wise"), test_loss=0.4, top1=70.0)
    trainings = answers(run)["identical_trainings"]
    assert trainings.verdict == "won"
    assert values(trainings, "top1", "training") == {
        "dense": 90.0, "l2_groups filter_wise, train": 80.0, "l2_groups filter_wise, train batch_size=32": 70.0
    }  # fmt: skip


def test_the_published_depth_wise_training_is_the_dense_one(tmp_path):
    run = Run(tmp_path, model="resnet50")
    run.add("train")
    run.add("train", columns=penalised("depth_wise"), test_loss=0.1)
    trainings = answers(run, config(published="cifar100_resnet50"))["identical_trainings"]
    assert trainings.verdict == "won"
    assert values(trainings, "net", "training", source="published") == {"dense": 1, "depth_wise": 1}


def test_whether_accuracy_collapses(tmp_path):
    run = slowly_pruned(tmp_path / "a", {"0.75": (80.0, 81.0, 80.5), "0.25": (95.0,) * 3, "0.50": (89.0, 89.2, 88.9)})
    collapse = answers(run, config(seeds=[0, 1, 2], published="cats_dogs_mobilenetv2"))["collapse"]
    assert (collapse.verdict, collapse.n) == ("won", 3)
    assert values(collapse, "drop", "ratio") == pytest.approx({0.25: 0.0, 0.5: 5.966667, 0.75: 14.5})
    last = collapse.fact("drop", ratio=0.75)
    bounds = stats.ttest_1samp([15.0, 14.0, 14.5], 5).confidence_interval(0.90)
    assert (last.low, last.high, last.outcome) == (pytest.approx(bounds.low), pytest.approx(bounds.high), "lost")
    assert values(collapse, "top1", "ratio", source="published")[0.25] == 94.10
    assert value(collapse, "drop", source="published", ratio=0.75) == pytest.approx(94.5 - 63.8)  # of the best, at 0.30
    run = slowly_pruned(tmp_path / "b", {"0.25": (95.0, 95.1, 95.0), "0.50": (96.0, 95.0, 95.5)})
    assert answers(run)["collapse"].verdict == "lost"  # 0.5 above; the upper bound of the drop is below 5
    run = slowly_pruned(tmp_path / "c", {"0.25": (95.0, 95.0), "0.50": (89.0, 91.0)})
    assert answers(run)["collapse"].verdict == "undecided"  # drops 6 and 4
    assert answers(slowly_pruned(tmp_path / "d", {"0.25": 95.0, "0.50": 50.0}))["collapse"].verdict is None
    assert "collapse" not in answers(slowly_pruned(tmp_path / "e", {"0.25": 95.0}))


def test_gradually_pruned_nets_that_all_come_after_a_fine_tuning_have_no_question(tmp_path):
    run = Run(tmp_path, backend="keras", model="mlp")
    tuned = run.add("finetune", run.add("train"))
    for ratio in ("0.50", "0.90"):
        columns = {"prune_type": "weight", "method": "magnitude", "ratio": ratio, "schedule": "gradual"}
        run.add("prune", tuned, columns=columns)
    assert not {"collapse", "wrappers"} & set(answers(run))


def test_what_wrappers_weigh(tmp_path):
    run = slowly_pruned(tmp_path, {"0.50": 95.0, "0.75": 95.0})
    wrappers = answers(run, config(published="cifar10_cnn"))["wrappers"]
    sizes = {name: value(wrappers, f"{name}_bytes") for name in ("wrapped", "stripped", "dense", "dense_zipped")}
    assert sizes == {"wrapped": 16 * MIB, "stripped": 4 * MIB, "dense": 4 * MIB, "dense_zipped": 3.5 * MIB}
    assert values(wrappers, "zipped_bytes", "ratio") == {0.5: 2 * MIB, 0.75: 1 * MIB}
    assert (value(wrappers, "params"), value(wrappers, "wrapped_params")) == (1000, 1990)
    published = {name: value(wrappers, f"{name}_bytes", source="published") / MIB for name in ("wrapped", "dense")}
    assert published == pytest.approx({"wrapped": 16.28, "dense": 4.11})


def lasso(tmp_path, seeds: dict[int, tuple[list[int], list[int]]]) -> tuple[Run, dict]:
    """Nets with two filters of 27 weights, with group lasso and without. seeds: the zeros of the filters, without it
    and with it; 4 % of all weights are zero without it, 60 % and a point more for each seed with it. And the last net's
    record."""
    run = Run(tmp_path, model="cifar10_conv")
    for seed, both in seeds.items():
        for penalty, zeros, share in zip((None, "group_lasso"), both, (4.0, 60.0), strict=True):
            conv = {"layer": "conv1_1", "width": 2, "weights": 54, "zeros": sum(zeros), "filter_zeros": zeros}
            root = run.add("train", seed=seed, columns=penalised("filter_wise", penalty) if penalty else None)
            share += seed if penalty else 0
            counted = run.add("prune", root, columns=below(0.01), layers=[conv], sparsity=share, top1=89.0)
    return run, counted


def test_what_group_lasso_makes_zero(tmp_path):
    run, counted = lasso(tmp_path, {0: ([3, 5], [27, 9])})
    less = {"params": 500, "macs": 1000, "actual_ratio": 0.5}
    small = run.add("prune", counted, columns=below(0.01, "filter_wise", "max_abs"), top1=88.0, **less)
    run.add("finetune", small, top1=89.5, **less)
    sparse = answers(run, config(published="cifar10_conv"))["sparse_filters"]
    assert sparse.verdict is None  # one seed
    assert values(sparse, "sparsity", "penalty") == {"group_lasso": 60.0, "none": 4.0}
    assert values(sparse, "dead_filters", "penalty") == {"group_lasso": 1, "none": 0}
    assert values(sparse, "filters", "penalty") == {"group_lasso": 2, "none": 2}
    (net,) = values(sparse, "times_fewer_params", "net")
    assert (value(sparse, "times_fewer_params", net=net), value(sparse, "times_fewer_macs", net=net)) == (2.0, 4.0)
    assert (value(sparse, "top1_before", net=net), value(sparse, "top1", net=net)) == (88.0, 89.5)
    shares = values(sparse, "sparsity", "run", source="published")  # 12740248 and 12737855 of 17192650
    assert shares == pytest.approx({"1": 74.1028752, "2": 74.0889566})


def test_weights_that_become_zero_without_whole_filters(tmp_path):
    run, _ = lasso(tmp_path, {seed: ([3, 5], [20, 20]) for seed in range(3)})
    sparse = answers(run, config(seeds=[0, 1, 2]))["sparse_filters"]
    # 56, 57 and 58 points more weights: t = 99; no dead filter with any seed
    assert sparse.verdict == "undecided" and sparse.answer.startswith("Weights yes, whole filters cannot be told")


def test_a_penalty_is_said_to_make_filters_zero_if_it_does_seed_by_seed(tmp_path):
    # 2, 2, 2, 1, 2 dead filters: t = 9, p = 0.0008; of three seeds 1, 2, 1: t = 4, p = 0.057
    dead = {seed: ([0, 0], [27, 9] if seed == 3 else [27, 27]) for seed in range(5)}
    sparse = answers(lasso(tmp_path / "a", dead)[0], config(seeds=list(range(5))))["sparse_filters"]
    assert sparse.verdict == "won" and stats.ttest_1samp([2, 2, 2, 1, 2], 0).pvalue * 2 < 0.05
    few = {seed: ([0, 0], [27, 27] if seed == 1 else [27, 9]) for seed in range(3)}
    sparse = answers(lasso(tmp_path / "b", few)[0], config(seeds=[0, 1, 2]))["sparse_filters"]
    assert sparse.verdict == "undecided" and stats.ttest_1samp([1, 2, 1], 0).pvalue > 0.05


def test_dead_filters_of_several_seeds_are_told_from_the_fewest_to_the_most(tmp_path):
    run, _ = lasso(tmp_path, {0: ([0, 0], [27, 9]), 1: ([0, 0], [27, 27])})
    sparse = answers(run, config(seeds=[0, 1]))["sparse_filters"]
    dead = [value(sparse, f"dead_filters{name}", penalty="group_lasso") for name in ("", "_fewest", "_most")]
    assert dead == [1.5, 1, 2] and sparse.n == 2
