"""Collecting records into the tidy tables, and reading them."""

import csv
import json
import math

import pandas as pd
from a_run import Run, by_ratio, config, gradual, penalised

from espalier import columns
from espalier.analysis import labels, tidy


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_values_are_written_as_the_records_have_them(tmp_path):
    run = Run(tmp_path)
    run.add("train", top1=0.1 + 0.2, params=134678692, test_loss=1e-05, actual_ratio=None)
    row = rows_of(run.collect() / "results.csv")[0]
    assert row["top1"] == "0.30000000000000004"
    assert row["params"] == "134678692"
    assert row["test_loss"] == "1e-05"
    assert row["penalty"] == row["ratio"] == ""


def test_columns_are_ids_then_measured_then_timing_then_software(tmp_path):
    run = Run(tmp_path)
    run.chain(penalised("filter_wise"), by_ratio("filter_wise", "mean_abs", "0.40"), pruned={"actual_ratio": 0.39})
    header = (run.collect() / "results.csv").read_text().splitlines()[0].split(",")
    assert tuple(header[: len(tidy.ID)]) == tidy.ID
    rest = [name.partition("_")[0] for name in header[len(tidy.ID) :]]
    assert header.index("actual_ratio") < header.index("timing_seconds") < header.index("software_python")
    assert rest.index("software") == len(rest) - 2  # python and torch come last


def test_rows_keep_the_order_given_and_the_files_are_the_same_each_time(tmp_path):
    run = Run(tmp_path)
    for name in ("b", "a", "c"):
        run.add("train", columns={"init": name}, history=[{"epoch": 1, "train_loss": 2.0}], layers=[{"layer": "fc"}])
    folder = run.collect()
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert [row["init"] for row in rows_of(folder / "results.csv")] == ["b", "a", "c"]
    assert {path.name: path.read_bytes() for path in run.collect().iterdir()} == first
    tables = ["classes.csv", "history.csv", "latency.csv", "layers.csv", "outcomes.csv", "results.csv", "summary.csv"]
    assert sorted(first) == sorted(["digests.json", *tables])


def test_history_layers_and_latency_are_long_tables(tmp_path):
    run = Run(tmp_path)
    epochs = [{"epoch": e, "learning_rate": 0.05, "train_loss": 2.0 / e} for e in (1, 2, 3)]
    node = run.add("train", history=epochs, layers=[{"layer": "fc", "width": 10, "weights": 20, "zeros": 3}])["node"]
    run.time([{"node": node, "baseline": node, "batch_size": 1, "median_ms": 0.5, "p90_ms": 0.75}])
    table = run.load()
    assert table.history[["node", "epoch"]].values.tolist() == [[node, 1], [node, 2], [node, 3]]
    assert table.history["train_loss"].tolist() == [2.0, 1.0, 2.0 / 3]
    layer = table.layers.iloc[0]
    assert layer.dropna().to_dict() == {"node": node, "layer": "fc", "width": 10, "weights": 20, "zeros": 3}
    assert list(layer.index) == ["node", *columns.names(columns.LAYERS)]
    assert table.latency.iloc[0][["threads", "batch_size", "repeats", "median_ms", "p90_ms"]].tolist() == [
        1,
        1,
        100,
        0.5,
        0.75,
    ]
    assert table.latency.iloc[0][["timing_seconds", "software_processor"]].tolist() == [10.0, "a processor"]


def test_without_latency_its_table_is_there_and_empty(tmp_path):
    run = Run(tmp_path)
    run.add("train")
    assert list(run.load().latency.columns) == list(columns.names(columns.LATENCY))


def test_reading_keeps_ratios_as_text_and_empty_as_nan(tmp_path):
    run = Run(tmp_path)
    run.chain(penalised("filter_wise"), by_ratio("filter_wise", "mean_abs", "0.40"))
    results = run.load().results
    assert results["ratio"].tolist()[1] == "0.40"
    assert math.isnan(results["ratio"].tolist()[0])
    assert results["init"].isna().all()


def test_one_study_of_several(tmp_path):
    one, two = Run(tmp_path, "one"), Run(tmp_path, "two")
    one.add("train", history=[{"epoch": 1}])
    two.add("train", history=[{"epoch": 1}, {"epoch": 2}])
    part = tidy.load(one.collect(two)).of("two")
    assert part.results["study"].tolist() == ["two"] and len(part.history) == 2


def test_the_summary_of_a_wrapped_net_and_what_layers_may_say_more(tmp_path):
    run = Run(tmp_path)
    conv = {"layer": "conv", "width": 2, "weights": 54, "zeros": 30, "kind": "Conv2D"}
    conv |= {"biases": 2, "bias_zeros": 1, "filter_zeros": [27, 3]}
    rows = [{"layer": "conv", "kind": "Conv2D", "output_shape": "48 x 48 x 2", "params": 56, "wrapped_params": 112}]
    root = run.add("train", layers=[conv, {"layer": "fc", "width": 1, "weights": 2, "zeros": 0}])
    run.add("prune", root, columns=gradual("0.50"), summary=[rows[0] | {"pruned": True}])
    table = run.load()
    assert table.summary.drop(columns="node").to_dict("records") == [rows[0] | {"pruned": True}]
    first = table.layers.iloc[0]
    assert (first["biases"], first["bias_zeros"], first["kind"]) == (2, 1, "Conv2D")
    assert json.loads(first["filter_zeros"]) == [27, 3] and pd.isna(table.layers.iloc[1]["filter_zeros"])


def test_a_net_that_is_trained_after_pruning_is_pruned_as_much_as_before(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    once = run.add(
        "prune", dense, columns={"prune_type": "filter_wise", "method": "mean_abs", "ratio": "0.20"}, actual_ratio=0.19
    )
    tuned = run.add("finetune", once)
    twice = run.add("prune", tuned, columns={"ratio": "0.40"}, actual_ratio=0.51)
    run.add("finetune", twice)
    tidy.collect(run.records, [], tmp_path / "records")
    found = tidy.load(tmp_path / "records").results["actual_ratio"]
    assert found.isna().tolist() == [True, False, False, False, False]
    assert found.tolist()[1:] == [0.19, 0.19, 0.51, 0.51]


EPOCHS = ["trained", "epochs_total"]


def epochs(run: Run) -> dict[str, list[int]]:
    return {row["node"]: [row[key] for key in EPOCHS] for _, row in run.load().results.iterrows()}


def test_every_step_that_trains_counts_among_the_epochs_of_a_net(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")  # 6 epochs
    sparse = run.add("regularize", dense, columns=penalised("filter_wise") | {"epochs": 4})
    pruned = run.add("prune", sparse, columns=by_ratio("filter_wise", "sum", "0.50"))
    tuned = run.add("finetune", pruned, columns={"epochs": 3})
    slow = run.add("prune", dense, columns=gradual("0.50", epochs=5))
    trained_for_int8 = [{"epoch": 1}, {"epoch": 2}]
    aware = run.add("quantize", slow, columns={"scheme": "qat_int8", "epochs": 2}, history=trained_for_int8)
    after = run.quantize(tuned, "static_int8")
    found = epochs(run)
    steps = (dense, sparse, pruned, tuned, after, slow, aware)
    assert [found[step["node"]] for step in steps] == [[n, n] for n in (6, 10, 10, 13, 13, 11, 13)]


def test_from_scratch_the_epochs_of_the_weights_begin_anew_and_the_cost_does_not(tmp_path):
    run = Run(tmp_path, weights="imagenet")
    dense = run.add("train")
    pruned = run.add("prune", dense, columns=by_ratio("filter_wise", "sum", "0.50"))
    # For equal FLOPs the config does not say how many epochs; the record and its history do, and those after it.
    longer = run.add("scratch", pruned, columns={"epochs": 9, "budget": "flops"})
    tuned = run.add("finetune", longer, columns={"epochs": 2})
    again = run.add("prune", longer, columns=by_ratio("filter_wise", "sum", "0.20") | {"epochs": None})
    exported = run.add("quantize", again, columns={"scheme": "float32"})
    results = run.load().results.set_index("node")
    assert [results.loc[step["node"], EPOCHS].tolist() for step in (longer, tuned, again, exported)] == [
        [9, 15], [11, 17], [9, 15], [9, 15]
    ]  # fmt: skip
    assert [results.loc[step["node"], "epochs"] for step in (longer, tuned, again, exported)] == [9, 2, 9, 9]
    assert [results.loc[step["node"], "weights"] for step in (dense, pruned, longer, exported)] == [
        "imagenet", "imagenet", "random", "random"
    ]  # fmt: skip
    assert "; ImageNet weights and random initial weights; " in labels.setup_line(config(), results)
    assert "3 of fine-tuning, 9 of training from scratch; " in labels.setup_line(config(), results)
