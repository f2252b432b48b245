"""Collecting records into the tidy table, reading it, and averaging over seeds."""

import csv
import json
import math

import pandas as pd
import pytest
from a_run import Run, by_ratio, config, gradual, penalised

from espalier.analysis import labels, nets, tidy


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
    assert sorted(first) == ["history.csv", "latency.csv", "layers.csv", "results.csv", "summary.csv"]


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
    assert list(layer.index) == list(tidy.LAYERS)
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
    assert list(run.load().latency.columns) == list(tidy.LATENCY)


def test_reading_keeps_ratios_as_text_and_empty_as_nan(tmp_path):
    run = Run(tmp_path)
    run.chain(penalised("filter_wise"), by_ratio("filter_wise", "mean_abs", "0.40"))
    results = run.load().results
    assert results["ratio"].tolist()[1] == "0.40"
    assert math.isnan(results["ratio"].tolist()[0])
    assert results["init"].isna().all()


def test_root_dense_and_variant(tmp_path):
    run = Run(tmp_path)
    for seed in (0, 1):
        run.chain(seed=seed)
        run.chain(penalised("filter_wise"), by_ratio("filter_wise", "sum", "0.20"), seed=seed, before=10.0, after=80.0)
    results = run.load().results.set_index("node")
    last = results.loc["s/seed1/train~l2_groups~filter_wise/prune~filter_wise~sum~0.20/finetune"]
    assert last["root"] == "s/seed1/train~l2_groups~filter_wise"
    assert last["dense"] == "s/seed1/train"
    assert last["variant"] == "train~l2_groups~filter_wise/prune~filter_wise~sum~0.20/finetune"


def test_each_initialisation_has_its_own_dense_net(tmp_path):
    run = Run(tmp_path)
    for init in ("normal-0.1", "glorot"):
        run.chain({"init": init}, by_ratio("weight", "magnitude", "0.50"), before=50.0)
    results = run.load().results
    assert (results["dense"] == results["root"]).all() and results["dense"].nunique() == 2


def test_one_study_of_several(tmp_path):
    one, two = Run(tmp_path, "one"), Run(tmp_path, "two")
    one.add("train", history=[{"epoch": 1}])
    two.add("train", history=[{"epoch": 1}, {"epoch": 2}])
    part = tidy.load(one.collect(two)).of("two")
    assert part.results["study"].tolist() == ["two"] and len(part.history) == 2


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


def test_set_up_in_one_line():
    line = labels.setup_line(config(model={"name": "vgg16_bn", "width": 0.25}, seeds=[0, 1, 2]))
    assert line == (
        "digits at 32x32x3; vgg16_bn at 0.25 of its width; 6 epochs of training, 3 of fine-tuning; "
        "initial weights random, not pretrained; seeds 0, 1, 2 (n=3)"
    )
    assert "fine-tuning" not in labels.setup_line(config(chains=[["train", {"prune": {}}]]))


IMAGENET = {"name": "vgg16", "width": 1.0, "weights": "imagenet"}


def test_set_up_names_the_weights_that_were_really_used(tmp_path):
    run = Run(tmp_path, weights="imagenet")
    run.add("train")
    study = config(model=IMAGENET)
    assert "training, 3 of fine-tuning; ImageNet weights; seed 0" in labels.setup_line(study, run.load().results)
    run = Run(tmp_path / "without", weights="imagenet")
    root = run.add("train", columns={"weights": "random"})  # the config asked for others
    run.add("prune", root, columns=by_ratio("weight", "magnitude", "0.50") | {"weights": "imagenet"})
    results = run.load().results
    assert results["weights"].tolist() == ["random", "random"]
    said = "random initial weights: ImageNet weights could not be had"
    assert said in labels.setup_line(study, results)
    assert "initial weights random, not pretrained" in labels.setup_line(config(), results)


def test_set_up_before_there_are_results_says_what_is_asked_for():
    assert "; ImageNet weights; " in labels.setup_line(config(model=IMAGENET))
    study = config(model=IMAGENET | {"fallback": "random"})
    assert "; ImageNet weights (random ones, if they cannot be had); " in labels.setup_line(study)


def test_set_up_names_the_classes_where_not_all_are_used():
    data = {"name": "digits", "size": 48, "channels": 3, "classes": ["0", "1"]}
    assert labels.setup_line(config(dataset=data)).startswith("digits, classes 0 and 1 at 48x48x3; ")
    assert labels.data_name(data | {"classes": ["0", "1", "7"]}) == "digits, classes 0, 1 and 7"


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


def test_one_reference_for_gradually_pruned_and_quantized_nets(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    other, control = (run.add("finetune", dense, columns={"epochs": epochs}) for epochs in (2, 3))
    for record, name in ((other, "other"), (control, "control")):  # two nodes of one step need names of their own
        path = run.records[1 + (record is control)] = tmp_path / f"{name}.json"
        path.write_text(json.dumps(record | {"node": f"{record['node']}~epochs={record['epochs']}"}))
    for ratio in ("0.25", "0.30"):
        run.add("prune", dense, columns=gradual(ratio, epochs=3))
    slow = run.add("prune", dense, columns=gradual("0.50", epochs=3))  # trained for 3 epochs more
    longer = run.add("prune", dense, columns=gradual("0.75", epochs=9))
    at_once = run.add("prune", dense, columns=by_ratio("weight", "magnitude", "0.50"))
    made = [run.quantize(net, "qat_int8") for net in (slow, at_once, dense)]
    results = run.load().results.set_index("node")
    # One of 3 epochs is as long as the nets up to 50 % and what was made of it, which are four; the dense net itself is
    # as long as three; none is as long as that of 75 %.
    assert (results["reference"] == f"{control['node']}~epochs=3").all()
    assert results["trained"].loc[[net["node"] for net in (dense, slow, longer, at_once, *made)]].tolist() == [
        6, 9, 15, 6, 9, 6, 6,
    ]  # fmt: skip
    assert (results["dense"] == dense["node"]).all()


def test_set_up_names_the_number_of_test_images_where_it_is_known(tmp_path):
    run = Run(tmp_path)
    run.add("train", test_images=360)
    assert "; 360 test images; seed 0 (n=1)" in labels.setup_line(config(), run.load().results)


def test_a_training_without_penalty_is_its_own_dense_net_and_a_reference_is_of_the_same(tmp_path):
    run = Run(tmp_path)
    first = run.add("train", top1=90.0)
    second = run.add("train", columns={"init": "glorot"}, top1=80.0)
    control = run.add("finetune", second, top1=85.0)
    for root in (first, second, run.add("train", columns=penalised("filter_wise"))):
        run.add("finetune", run.add("prune", root, columns=by_ratio("filter_wise", "sum", "0.50")))
    results = run.load().results.set_index("node")
    tuned = results[(results["step"] == "finetune") & results["prune_type"].notna()]
    assert tuned["dense"].tolist() == [first["node"], second["node"], first["node"]]
    assert tuned["reference"].tolist() == [first["node"], control["node"], first["node"]]
    assert results.loc[[first["node"], second["node"]], "reference"].tolist() == [first["node"], control["node"]]


def test_a_dense_net_trained_on_is_the_reference_only_if_something_was_trained_as_long(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    run.quantize(dense, "static_int8")
    longer = run.add("finetune", dense)
    assert set(run.load().results["reference"]) == {dense["node"]}
    run.quantize(longer, "static_int8")
    assert set(run.load().results["reference"]) == {longer["node"]}


def test_the_dense_net_is_the_reference_where_few_pruned_nets_were_trained_on(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    run.add("finetune", dense)
    pruned = [run.add("prune", dense, columns=by_ratio("unit", "l2", ratio)) for ratio in ("0.25", "0.50", "0.90")]
    run.add("finetune", pruned[1])  # 0.50 is now a step to this one: two nets of 6 epochs, one of 12
    assert set(run.load().results["reference"]) == {dense["node"]}


def test_two_trainings_without_penalty_are_each_dense(tmp_path):
    run = Run(tmp_path)
    run.add("train")
    record = json.loads(run.records[0].read_text()) | {"node": "s/seed0/train~batch_size=32"}
    (tmp_path / "other.json").write_text(json.dumps(record))
    run.records.append(tmp_path / "other.json")
    assert run.load().results["dense"].tolist() == ["s/seed0/train", "s/seed0/train~batch_size=32"]


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


# How long nets were trained


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


def test_a_net_trained_as_long_in_all_is_the_reference_by_whatever_steps(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    short, longer = (run.add("finetune", dense, name=f"epochs={n}", columns={"epochs": n}) for n in (2, 4))
    sparse = run.add("regularize", dense, columns=penalised("filter_wise") | {"epochs": 2})
    for ratio in ("0.20", "0.50"):
        pruned = run.add("prune", sparse, columns=by_ratio("filter_wise", "sum", ratio))
        run.add("finetune", pruned, name="epochs=2", columns={"epochs": 2})
    slow = run.add("prune", dense, columns=gradual("0.50", epochs=3))
    run.add("quantize", slow, columns={"scheme": "qat_int8", "epochs": 1}, history=[{"epoch": 1}])
    # 6 + 4 epochs: two fine-tuned after training with a penalty, and one trained for int8 after gradual pruning.
    assert set(run.load().results["reference"]) == {longer["node"]}
    assert short["node"] != longer["node"]


def test_where_no_dense_net_is_as_long_the_one_with_the_same_fine_tuning_is_the_reference(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    control = run.add("finetune", dense)
    root = run.add("train", columns=penalised("filter_wise") | {"epochs": 9})
    run.add("finetune", run.add("prune", root, columns=by_ratio("filter_wise", "sum", "0.50")), columns={"epochs": 6})
    assert set(run.load().results["reference"]) == {control["node"]}  # 12 epochs, not 15


def test_set_up_says_how_epochs_were_chosen_if_it_is_not_the_last(tmp_path):
    best = {"best_validation": "the best epoch on validation images", "best_test": "the best epoch on the test images"}
    for select, words in best.items():
        study = config(train={"epochs": 6, "select": select})
        assert f"; {words}; " in labels.setup_line(study)
        run = Run(tmp_path / select, select=select)
        dense = run.add("train")
        assert f"; {words}; " in labels.setup_line(study, run.load().results)
        run.add("finetune", dense, columns={"select": "last"})
        assert f"; {words} (some nets); " in labels.setup_line(study, run.load().results)
    assert "best" not in labels.setup_line(config(train={"epochs": 6, "select": "last"}))
