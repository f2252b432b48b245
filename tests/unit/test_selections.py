"""Selections: the same rows before a run, from its grid, and after it, from its results."""

import inspect
from pathlib import Path

import pandas as pd
import pytest
import yaml
from a_finding import retrained, vgg
from a_run import Run, below, by_ratio, config, gradual, penalised

from espalier import registry
from espalier.analysis import selections, tidy
from espalier.plan import grid
from espalier.report import figures, findings, tables

RECORDED = Path(__file__).resolve().parents[2] / "report" / "reference"
SELECTIONS = [
    function
    for name, function in inspect.getmembers(selections, inspect.isfunction)
    if list(inspect.signature(function).parameters) == ["rows", "config"]
]


def selected(run: Run, selection: selections.Selection, **study) -> list[str]:
    """The nodes of a run that a selection takes, without their study and seed."""
    return [node.partition("/seed0/")[2] for node in run.view(config(**study)).select(selection)["node"]]


@pytest.mark.parametrize("name", ["cats_dogs", "cifar10", "cifar100", "mnist"])
def test_the_grid_and_the_results_of_a_recorded_run_give_the_same_nodes(name):
    planned = grid.build(yaml.safe_load((RECORDED / name / "config.yaml").read_text()))
    measured = pd.read_csv(RECORDED / name / "results.csv", dtype={"ratio": str}, keep_default_na=False, na_values=[""])
    for study, checked in planned.studies.items():
        before, after = planned.frame(study), measured[measured["study"] == study]
        for selection in SELECTIONS:
            taken = [set(selection(rows, checked)["node"]) for rows in (before, after)]
            assert taken[0] == taken[1], selection.__name__
        for items in (figures, tables, findings):
            assert items.names(before, checked) == items.names(after, checked)


@pytest.mark.parametrize("selection", SELECTIONS, ids=lambda selection: selection.__name__)
def test_of_no_rows_a_selection_takes_none_and_keeps_the_columns(selection):
    rows = pd.DataFrame(columns=list(tidy.ID), dtype=object)
    for study in (config(), config(latency={}, published="mnist_mlp")):
        assert list(selection(rows, study).columns) == list(tidy.ID)
        assert not selections.fits(selection, rows, study)


def test_a_selection_that_answers_yes_or_no_is_an_error():
    with pytest.raises(selections.SelectionError, match="rows"):
        selections.fits(lambda rows, config: True, pd.DataFrame(), config())


def test_every_item_has_a_selection_of_that_form():
    for kind in (registry.FigureItem, registry.TableItem, registry.FindingItem):
        for entry in registry.entries(kind).values():
            assert list(inspect.signature(entry.when).parameters) == ["rows", "config"], entry.name


def test_filters_stand_against_others_of_the_same_steps_method_and_ratio(tmp_path):
    run = vgg(
        tmp_path,
        {
            ("filter_wise", "sum", "0.20"): [(50.0, 88.0)],
            ("channel_wise", "sum", "0.20"): [(50.0, 87.0)],
            ("filter_wise", "sum", "0.40"): [(50.0, 80.0)],  # alone
            ("channel_wise", "mean_abs", "0.40"): [(50.0, 80.0)],  # of another method
            ("filter_wise", "random", "0.60"): [(50.0, 80.0)],
            ("channel_wise", "random", "0.60"): [(50.0, 80.0)],
        },
    )
    nodes = selected(run, selections.filters_and_others)
    assert {node.partition("/")[2] for node in nodes} == {
        f"prune~{kind}~sum~0.20{step}" for kind in ("filter_wise", "channel_wise") for step in ("", "/finetune")
    }


def test_nets_that_are_trained_again_are_those_of_one_pruned_net(tmp_path):
    run = retrained(tmp_path)
    alone = run.add("prune", run.add("train", name="x"), columns=by_ratio("filter_wise", "sum", "0.80"))
    run.add("finetune", alone)
    pairs = [f"train/prune~filter_wise~sum~{ratio}" for ratio in ("0.40", "0.60")]
    assert selected(run, selections.from_scratch) == [f"{n}/{step}" for n in pairs for step in ("finetune", "scratch")]
    assert selected(run, selections.rewound) == [
        f"{net}/{step}" for net in pairs for step in ("finetune", "finetune~rewind=true")
    ]
    plain = selected(run, selections.finetuned)
    assert len(plain) == 3 and not any("rewind" in node for node in plain)


def test_distilled_nets_are_compared_with_the_same_net_fine_tuned(tmp_path):
    run, net = Run(tmp_path), "train/prune~filter_wise~sum~0.40"
    dense = run.add("train")
    run.add("distill", dense)  # its own teacher
    pruned = run.add("prune", dense, columns=by_ratio("filter_wise", "sum", "0.40"))
    run.add("distill", pruned)
    assert selected(run, selections.distilled) == []  # nothing to compare it with
    run.add("finetune", pruned)
    assert sorted(selected(run, selections.distilled)) == [f"{net}/distill", f"{net}/finetune"]
    assert selected(run, selections.finetuned) == [f"{net}/finetune"]


def test_gradually_pruned_nets_are_those_that_were_not_fine_tuned_before(tmp_path):
    run = Run(tmp_path, backend="keras", model="mlp")
    dense = run.add("train")
    slow = run.add("prune", dense, columns=gradual("0.50"))
    run.quantize(slow, "float16")
    run.add("prune", run.add("finetune", dense), columns=gradual("0.50"))
    assert selected(run, selections.gradual) == ["train/prune~weight~magnitude~0.50~gradual"]
    assert selected(run, selections.gradual_ratios) == []
    run.add("prune", dense, columns=gradual("0.75"))
    assert len(selected(run, selections.gradual_ratios)) == 2


def test_of_a_threshold_the_nets_that_weights_were_counted_of(tmp_path):
    run = Run(tmp_path, model="cifar10_conv")
    for training in (None, penalised("filter_wise", "group_lasso")):
        counted = run.add("prune", run.add("train", columns=training), columns=below(0.01))
        assert bool(selected(run, selections.thresholded_penalised)) == bool(training)  # only once there are both
    run.add("prune", counted, columns=below(0.01, "filter_wise", "max_abs"))  # takes filters out
    assert len(selected(run, selections.thresholded)) == 2
    assert len(selected(run, selections.shrunk)) == 1


def test_an_export_is_not_quantized_and_float16_is_not_int8(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    for scheme in ("float32", "float16", "static_int8"):
        run.quantize(dense, scheme)
    assert [len(selected(run, s)) for s in (selections.exported, selections.quantized)] == [3, 2]
    assert selected(run, selections.timed_int8) == []
    assert selected(run, selections.timed_int8, latency={}) == ["train/quantize~static_int8"]


@pytest.mark.parametrize(
    "columns, baseline",
    [
        (by_ratio("filter_wise", "random", "0.5"), "random"),
        (by_ratio("weight", "magnitude", "0.5") | {"scope": "global"}, "global magnitude"),
        (by_ratio("weight", "magnitude", "0.5") | {"scope": "layer"}, ""),
        (by_ratio("filter_wise", "l1", "0.5") | {"scope": "global"}, ""),
    ],
)
def test_baselines(columns, baseline):
    rows = pd.DataFrame([dict.fromkeys(tidy.ID) | {"backend": "pytorch"} | columns])
    assert selections.baselines(rows) == [baseline]
