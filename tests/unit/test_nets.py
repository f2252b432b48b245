"""The nets of a study side by side, over seeds."""

import math

import pandas as pd
import pytest
from a_run import Run, by_ratio, gradual, penalised

from espalier.analysis import labels, nets


def study(tmp_path) -> Run:
    """A dense net, one pruned and fine-tuned, one pruned while trained, and what was made of them."""
    run = Run(tmp_path)
    small = {"macs": 1000, "zipped_bytes": 2**17, "actual_ratio": 0.5}  # dense: 4000 MACs, 2^19 bytes
    dense, _, tuned = run.chain(prune=by_ratio("filter_wise", "sum", "0.50"), before=40.0, after=88.0, pruned=small)
    run.dense = dense
    run.add("finetune", dense, top1=90.5)
    run.quantize(dense, "float32", top1=90.0)
    run.quantize(dense, "static_int8", top1=89.0, zipped_bytes=2**17)
    run.quantize(tuned, "static_int8", top1=87.5, zipped_bytes=2**15)
    slow = run.add("prune", dense, columns=gradual("0.75"), top1=86.0, zipped_bytes=2**18)
    run.quantize(slow, "float16", top1=86.5, zipped_bytes=2**16)
    return run


def test_quantized_nets_are_held_against_the_dense_net_of_what_they_were_made_from(tmp_path):
    rows = study(tmp_path).view().nets
    rows = rows.assign(name=labels.net_names(rows)).set_index("name")
    assert rows["kind"].to_dict() == {
        "dense": "dense",
        "filter_wise sum 0.50": "pruned",
        "dense, fine-tuned": "dense",
        "dense, float32 export": "dense",
        "dense, static_int8": "quantized",
        "filter_wise sum 0.50, static_int8": "pruned + quantized",
        "weight magnitude 0.75 gradual": "pruned",
        "weight magnitude 0.75 gradual, float16": "pruned + quantized",
    }
    both = rows.loc["filter_wise sum 0.50, static_int8"]
    assert (both["dense_top1"], both["source_top1"], both["change"], both["drop"]) == (90.0, 88.0, -0.5, 3.0)
    assert (both["smaller"], both["speed_up"]) == (16.0, 4.0)
    assert pd.isna(both["before"]) and pd.isna(both["after"])
    only = rows.loc["dense, static_int8"]
    assert (only["source_top1"], only["change"], only["drop"], only["smaller"]) == (90.0, -1.0, 1.0, 4.0)
    assert pd.isna(rows.loc["dense", "source_top1"])


def test_a_net_pruned_while_it_was_trained_has_a_result_after_training_and_none_before(tmp_path):
    rows = study(tmp_path).view().pruned
    assert rows["ratio"].tolist() == ["0.50", "0.75"]  # quantized ones are not among them
    assert rows["before"].fillna(-1).tolist() == [40.0, -1] and rows["after"].tolist() == [88.0, 86.0]


def test_what_is_compressed(tmp_path):
    run = study(tmp_path)
    run.add("prune", run.dense, columns=by_ratio("weight", "magnitude", "0"), actual_ratio=0.0)
    rows = run.view().compressed
    assert rows["kind"].tolist() == ["pruned", "quantized", "pruned + quantized", "pruned", "pruned + quantized"]


def test_each_net_is_compared_with_the_dense_net_of_its_epochs(tmp_path):
    run = Run(tmp_path)
    dense, _, tuned = run.chain(prune=by_ratio("filter_wise", "sum", "0.50"), before=40.0, after=92.5)
    longer = run.add("finetune", dense, top1=94.0, zipped_bytes=2**20)
    run.quantize(dense, "static_int8", top1=89.5, zipped_bytes=2**17)
    run.quantize(longer, "static_int8", top1=93.5, zipped_bytes=2**17)
    run.quantize(longer, "float32")
    run.quantize(tuned, "static_int8", top1=92.0)
    run.add("prune", dense, columns=gradual("0.75", epochs=20), top1=95.0, zipped_bytes=2**18)
    rows = run.view().nets
    rows = rows.assign(name=labels.net_names(rows)).set_index("name")
    assert rows["drop"].fillna(99).to_dict() == {
        "dense": 0.0,  # 6 epochs, 90
        "filter_wise sum 0.50": 1.5,  # 12 epochs, of 94
        "dense, fine-tuned": 0.0,
        "dense, static_int8": 0.5,
        "dense, fine-tuned, static_int8": 0.5,
        "dense, fine-tuned, float32 export": 0.0,
        "filter_wise sum 0.50, static_int8": 2.0,
        "weight magnitude 0.75 gradual": 99,  # 26 epochs: no dense net trained as long
    }
    assert rows.loc["filter_wise sum 0.50", "lost"] == 50.0  # right after pruning: 6 epochs too, of 90
    assert rows["control_top1"].dropna().tolist() == [94.0] * 5
    assert rows.loc["dense, fine-tuned, static_int8", "smaller"] == 8.0  # of 2^20 bytes
    assert rows.loc["weight magnitude 0.75 gradual", "smaller"] == 2.0  # of the dense net as it was first trained
    assert nets.main_dense(run.view().nets)["variant"] == "train/finetune"  # of 4 nets, the other one of 1


def test_a_net_that_lost_nothing_is_untouched_whatever_was_asked(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    pruned = run.add("prune", dense, columns=by_ratio("filter_wise", "sum", "0.20"), actual_ratio=0.0)
    run.quantize(pruned, "static_int8")
    run.add("prune", dense, columns=by_ratio("filter_wise", "sum", "0.40"), actual_ratio=0.01)
    assert nets.untouched(run.view().nets).tolist() == [False, True, True, False]


def retrained(tmp_path) -> Run:
    """A pruned net, fine-tuned, rewound, and trained from scratch for as many epochs and FLOPs, after a penalty."""
    run = Run(tmp_path)
    run.add("train", top1=91.0)
    sparse = run.add("train", columns=penalised("filter_wise"))
    pruned = run.add("prune", sparse, columns=by_ratio("filter_wise", "sum", "0.50"), top1=40.0, actual_ratio=0.48)
    run.add("finetune", pruned, top1=88.0, columns={"epochs": 3})
    run.add("finetune", pruned, top1=89.0, name="rewind=true", columns={"epochs": 3, "retraining": "rewind"})
    anew = run.add("scratch", pruned, top1=87.0, params=500, actual_ratio=None)
    run.add("scratch", pruned, top1=90.0, name="flops", columns={"budget": "flops", "epochs": 12})
    run.quantize(run.add("finetune", anew, top1=87.5), "static_int8")
    return run


def test_a_net_from_scratch_is_a_variant_of_its_own(tmp_path):
    rows = retrained(tmp_path).view().nets
    rows = rows.assign(name=labels.net_names(rows)).set_index("name")
    assert rows["top1"].to_dict() == {
        "dense": 91.0,
        "l2_groups filter_wise": 90.0,
        "filter_wise sum 0.50, l2_groups training": 88.0,
        "filter_wise sum 0.50, l2_groups training, rewound": 89.0,
        "filter_wise sum 0.50, from scratch": 87.0,
        "filter_wise sum 0.50, from scratch for equal FLOPs": 90.0,
        "filter_wise sum 0.50, from scratch, fine-tuned": 87.5,
        "filter_wise sum 0.50, from scratch, fine-tuned, static_int8": 87.5,
    }
    anew = rows.loc["filter_wise sum 0.50, from scratch"]
    assert (anew["kind"], anew["actual_ratio"], anew["compression"], anew["drop"]) == ("pruned", 0.48, 2.0, 4.0)
    assert pd.isna(anew["before"]) and pd.isna(anew["after"])
    assert rows["trained"].tolist() == [6, 6, 9, 9, 6, 12, 12, 12]
    assert rows["epochs_total"].tolist() == [6, 6, 9, 9, 12, 18, 18, 18]


def test_nets_from_scratch_are_compressed_and_do_not_end_with_pruning(tmp_path):
    view = retrained(tmp_path).view()
    assert len(view.compressed) == 6
    assert view.pruned["retraining"].tolist() == ["finetune", "rewind"]


def test_mean_and_sample_standard_deviation_over_seeds(tmp_path):
    run = Run(tmp_path)
    for seed, top1 in enumerate((90.0, 92.0, 97.0)):
        run.chain(seed=seed, top1=top1)
    row = nets.over_seeds(run.load().results, ["top1", "not_measured"]).iloc[0]
    assert row["top1"] == 93.0
    assert row["top1_sd"] == pytest.approx(math.sqrt((9 + 1 + 16) / 2))
    assert row["n"] == 3
    assert pd.isna(row["not_measured"])


def test_one_seed_has_no_spread(tmp_path):
    run = Run(tmp_path)
    run.chain()
    row = nets.over_seeds(run.load().results, ["top1"]).iloc[0]
    assert row["n"] == 1 and pd.isna(row["top1_sd"])
