"""What is read off curves of accuracy against sparsity: knees and partings of the published ones, and of runs."""

import json

import pandas as pd
import pytest
from a_finding import mlp
from a_run import Run, by_ratio

from espalier.analysis import curves, published, selections
from espalier.analysis.study import StudyView

# Weight: 97.09 96.94 94.74 89.94 64.21 44.56 ...   Unit: 97.09 82.53 22.20 12.68 ...   at 0 25 50 60 70 80 % ...
POINTS = published.frame("mnist_mlp")
WEIGHT, UNIT = curves.curve(POINTS, "weight"), curves.curve(POINTS, "unit")


def of_run(view: StudyView) -> dict[str, pd.DataFrame]:
    return dict(curves.of_run(view.nets_of(selections.weights_and_units)))


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


def test_a_curve_of_which_some_nets_were_fine_tuned_is_of_the_nets_right_after_pruning(tmp_path):
    run = Run(tmp_path, backend="keras", model="mlp")
    dense = run.add("train", top1=98.0)
    for kind, method in (("weight", "magnitude"), ("unit", "l2")):
        for ratio, top1 in (("0.25", 97.5), ("0.50", 90.0), ("0.90", 30.0)):
            pruned = run.add("prune", dense, columns=by_ratio(kind, method, ratio), top1=top1)
            if kind == "unit" and ratio != "0.25":
                run.add("finetune", pruned, top1=97.0)
    (points,) = of_run(run.view()).values()
    unit = curves.curve(points, "unit")
    assert unit.to_dict() == {0.0: 98.0, 0.25: 97.5, 0.5: 90.0, 0.9: 30.0}
    assert curves.knee(unit) == 0.25


def test_curves_without_a_ratio_of_zero_start_at_the_dense_net(tmp_path):
    run = mlp(tmp_path, {"glorot": {"weight": [90.0, 70.0], "unit": [80.0, 60.0]}}, ratios=("0.25", "0.50"))
    (points,) = of_run(run.view()).values()
    assert curves.curve(points, "unit").to_dict() == {0.0: 90.0, 0.25: 80.0, 0.5: 60.0}
    assert curves.knee(curves.curve(points, "unit")) == 0.0


def test_curves_start_at_the_net_that_was_pruned(tmp_path):
    run = mlp(tmp_path, {"glorot": {"weight": [90.0, 80.0], "unit": [90.0, 70.0]}}, ratios=("0.25", "0.50"))
    root = json.loads(run.records[0].read_text())
    other = run.add("prune", root, columns=by_ratio("weight", "magnitude", "0.50"), name="again")
    run.add("finetune", run.add("prune", other, columns=by_ratio("weight", "magnitude", "0.90")), top1=90.0)
    run.add("finetune", root, top1=96.0)  # the reference, but no net of the curves was trained on
    (points,) = of_run(run.view()).values()
    assert curves.curve(points, "unit").to_dict() == {0.0: 90.0, 0.25: 90.0, 0.5: 70.0}


def test_curves_are_those_of_the_first_method(tmp_path):
    run = mlp(tmp_path, {"glorot": {"weight": [90.0, 80.0, 70.0], "unit": [90.0, 70.0, 60.0]}})
    root = json.loads(run.records[0].read_text())
    for ratio, top1 in (("0.25", 50.0), ("0.75", 40.0)):
        run.add("prune", root, columns=by_ratio("weight", "random", ratio), top1=top1)
        run.add("prune", root, columns=by_ratio("weight", "magnitude", ratio) | {"scope": "global"}, top1=top1 + 1)
    points = of_run(run.view())["glorot"]
    assert curves.curve(points, "weight").to_dict() == {0.0: 90.0, 0.25: 80.0, 0.5: 70.0}
    others = {name: curve.to_dict() for name, curve in curves.baselines(run.view().nets)["glorot"].items()}
    assert others == {"weight random": {0.25: 50.0, 0.75: 40.0}, "weight magnitude global": {0.25: 51.0, 0.75: 41.0}}


def test_curves_are_of_fine_tuned_nets_and_those_of_rewound_ones_are_others(tmp_path):
    run = Run(tmp_path, backend="keras", model="mlp")
    dense = run.add("train", top1=85.0)
    run.add("finetune", dense, top1=90.0)
    for kind, method in (("weight", "magnitude"), ("unit", "l2")):
        pruned = run.add("prune", dense, columns=by_ratio(kind, method, "0.50"), top1=10.0)
        run.add("finetune", pruned, name="rewind=true", columns={"retraining": "rewind"}, top1=80.0)
        run.add("finetune", pruned, top1=70.0)
    (points,) = of_run(run.view()).values()
    assert curves.curve(points, "weight").to_dict() == curves.curve(points, "unit").to_dict() == {0.0: 90.0, 0.5: 70.0}
    others = {name: curve.to_dict() for name, curve in curves.baselines(run.view().nets)[""].items()}
    assert others == {"weight magnitude, rewound": {0.5: 80.0}, "unit l2, rewound": {0.5: 80.0}}
