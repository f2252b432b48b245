"""The tables: which a study gets, and their numbers, worked out by hand."""

import json

import pandas as pd
import pytest
from a_run import Run, below, by_ratio, config, gradual, penalised

from espalier import registry
from espalier.analysis.study import RunView, view_of_run
from espalier.report import tables
from espalier.report.tables import write

MIB = 2**20


def table(name: str, run: Run, study: dict):
    return registry.get(registry.TableItem, name)(run.view(study))


def run_table(name: str, *runs: Run):
    studies = {run.study: config(run.study) for run in runs}
    return registry.get(registry.TableItem, name)(view_of_run(runs[0].collect(*runs[1:]), studies))


def keys(made) -> list[str]:
    """The columns that readers see."""
    return [column.key for column in made.columns]


def notes_with(made, *words: str) -> list[str]:
    """The notes below a table that hold all these words."""
    return [note for note in made.notes if all(word in note for word in words)]


def shown(made, key: str) -> list[str]:
    """A column as readers see it."""
    (column,) = [column for column in made.columns if column.key == key]
    return [column.text(row) for row in made.rows()]


def unit(made, key: str) -> str:
    """The unit of a column."""
    (column,) = [column for column in made.columns if column.key == key]
    return column.unit


def vgg(tmp_path, seeds=(0,)) -> Run:
    run = Run(tmp_path)
    small = {"params": 250, "macs": 1000, "size_bytes": MIB // 4, "zipped_bytes": MIB // 8, "actual_ratio": 0.39}
    for seed in seeds:
        (dense,) = run.chain(seed=seed, top1=90.0)
        prune = by_ratio("filter_wise", "mean_abs", "0.40")
        run.chain(penalised("filter_wise"), prune, seed=seed, top1=89.0, before=40.0, after=87.5 + seed, pruned=small)
        run.add("finetune", dense, top1=90.0)
    return run


def test_which_tables_a_study_gets(tmp_path):
    def of_these(names):  # there may be more tables than this test is about
        return set(names) & {"results", "findings", "published", "latency", "quantization", "summary"}

    rows = vgg(tmp_path).load().results
    assert of_these(tables.names(rows, config())) == {"results", "findings"}
    assert of_these(tables.names(rows, config(published="cifar100_vgg16_bn", latency={}))) == {
        "results", "findings", "published", "latency",
    }  # fmt: skip
    trained = rows[rows["step"] == "train"]
    assert of_these(tables.names(trained, config())) == {"results", "findings"}  # which trainings are one and the same?
    assert of_these(tables.names(trained[trained["penalty"].isna()], config())) == {"results"}
    assert of_these(tables.names(trained[trained["penalty"].isna()], config(latency={}))) == {"latency", "results"}
    assert {"studies", "runtime", "environment", "reproduced"} <= set(tables.run_names())
    studies = [(rows, config()), (rows, config(published="cifar100_vgg16_bn"))]
    assert "reproduced" in tables.run_names(studies) and "reproduced" not in tables.run_names(studies[:1])


def test_results_have_a_row_for_each_net(tmp_path):
    made = table("results", vgg(tmp_path), config())
    assert made.data["name"].tolist() == [
        "dense",
        "l2_groups filter_wise",
        "filter_wise mean_abs 0.40, l2_groups training",
        "dense, fine-tuned",
    ]
    facts = ["training", "pruned", "score", "later"]
    assert keys(made)[:10] == ["name", *facts, "asked", "removed", "before", "top1", "gain"]
    assert unit(made, "asked") == "%" and "seed 0 (n=1)" in made.setup


def test_each_fact_of_a_net_has_a_column_of_its_own(tmp_path):
    made = table("results", vgg(tmp_path), config())
    assert [tuple(shown(made, key)[row] for key in ("training", "pruned", "score", "later")) for row in range(4)] == [
        ("plain", "–", "–", "–"),
        ("l2_groups filter_wise", "–", "–", "–"),
        ("l2_groups filter_wise", "filter_wise", "mean_abs", "fine-tuned"),
        ("plain", "–", "–", "fine-tuned"),
    ]
    assert "apart" not in keys(made) and "quantized" not in keys(made)  # no net needs them
    assert all(column.header == (column.room == "wide") for column in made.columns)
    later = table("results", quantized(tmp_path / "quantized"), config())
    assert {"static_int8", "–"} <= set(shown(later, "quantized"))


def test_what_facts_do_not_tell_apart_other_words_do(tmp_path):
    run = Run(tmp_path)
    _, pruned = run.chain(prune=by_ratio("filter_wise", "sum", "0.50"), before=40.0)
    run.add("finetune", pruned, top1=80.0)
    run.add("finetune", pruned, name="epochs=9", top1=85.0)
    assert shown(table("results", run, config()), "apart") == ["–", "finetune", "finetune epochs=9"]


def test_a_net_that_lost_much_less_than_was_asked_is_flagged(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    done = {"0.20": 0.0, "0.30": 0.1, "0.40": 0.38, "0.00": 0.0}
    for ratio, removed in done.items():
        run.add("prune", dense, columns=by_ratio("filter_wise", "sum", ratio), actual_ratio=removed)
    made = table("results", run, config())
    (column,) = [column for column in made.columns if column.key == "removed"]
    warned = {row["ratio"]: bool(column.warning(row)) for row in made.rows() if row["step"] == "prune"}
    assert warned == {"0.20": True, "0.30": True, "0.40": False, "0.00": False}


def test_every_fine_tuning_of_a_pruned_net_has_its_row_and_names_tell_them_apart(tmp_path):
    run = Run(tmp_path)
    root, pruned = run.chain(prune=by_ratio("filter_wise", "sum", "0.50"), before=40.0)
    run.add("finetune", pruned, top1=80.0)
    run.add("finetune", pruned, name="epochs=9", top1=85.0)
    early = run.add("finetune", run.add("prune", root, columns=by_ratio("filter_wise", "sum", "0.20"), top1=60.0))
    run.add("prune", early, columns=by_ratio("filter_wise", "sum", "0.50"), top1=70.0)
    data = table("results", run, config()).data
    assert data[["name", "top1"]].values.tolist() == [
        ["dense", 90.0],
        ["filter_wise sum 0.50, finetune", 80.0],
        ["filter_wise sum 0.50, finetune epochs=9", 85.0],
        ["filter_wise sum 0.20", 90.0],
        ["filter_wise sum 0.50, prune 0.20, finetune", 70.0],
    ]
    assert data["before"].tolist()[1:] == [40.0, 40.0, 60.0, 70.0]


def test_results_of_a_pruned_net(tmp_path):
    row = table("results", vgg(tmp_path), config()).data.iloc[2]
    assert (row["asked"], row["removed"]) == (40.0, 39.0)
    assert (row["before"], row["after"], row["top1"], row["gain"]) == (40.0, 87.5, 87.5, -2.5)
    assert (row["compression"], row["speed_up"]) == (4.0, 4.0)  # 1000 / 250 parameters, 4000 / 1000 MACs
    assert (row["params_m"], row["macs_m"]) == (0.00025, 0.001)
    assert (row["size_mib"], row["zipped_mib"]) == (0.25, 0.125)


def test_what_was_asked_for_is_said_in_the_unit_of_what_was_done_or_in_words(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    pattern = {"prune_type": "weight", "method": "magnitude", "pattern": "2:4"}
    for columns in (by_ratio("weight", "magnitude", "0.29"), pattern, below(0.001)):
        run.add("prune", dense, columns=columns)
    blocks = {"prune_type": "depth_wise", "method": "mean_abs", "blocks": 2}
    run.add("prune", dense, columns=blocks)
    made = table("results", run, config())
    assert shown(made, "asked") == ["–", "29", "2:4", "< 0.001", "N = 2"] and unit(made, "asked") == "%"
    only = Run(tmp_path / "only")
    only.add("prune", only.add("train"), columns=blocks)
    made = table("results", only, config())
    assert shown(made, "asked") == ["–", "N = 2"] and made.columns[1].unit == ""


def test_dense_is_compared_with_itself(tmp_path):
    row = table("results", vgg(tmp_path), config()).data.iloc[0]
    assert row["compression"] == row["speed_up"] == 1.0
    assert row[["gain", "removed", "before", "after"]].isna().all()


def test_results_over_seeds_show_spread_and_number(tmp_path):
    made = table("results", vgg(tmp_path, seeds=(0, 1, 2)), config(seeds=[0, 1, 2]))
    row = made.data.iloc[2]
    assert (row["top1"], row["top1_sd"], row["n"]) == (88.5, 1.0, 3)
    assert "n" in keys(made) and shown(made, "top1")[2] == "88.50 ± 1.00"


def test_weights_set_to_zero_do_not_make_a_net_smaller_and_the_table_says_so(tmp_path):
    run = Run(tmp_path)
    run.chain({"init": "glorot"}, by_ratio("weight", "magnitude", "0.75"), before=80.0, pruned={"nonzero_params": 250})
    made = table("results", run, config())
    row = made.data.iloc[1]
    assert (row["compression"], row["nonzero_compression"], row["speed_up"]) == (1.0, 4.0, 1.0)
    assert row["name"] == "weight magnitude 0.75, init glorot"
    assert len(made.notes) == 1 + len(table("results", vgg(tmp_path / "other"), config()).notes)  # one says so


def test_published_beside_reproduced(tmp_path):
    study = config(published="cifar100_vgg16_bn")
    made = table("published", vgg(tmp_path), study)
    assert len(made.data) == 19
    row = made.data.set_index("name").loc["filter_wise mean_abs 0.40"]
    assert (row["top1"], row["top1_reproduced"]) == (78.9, 87.5)
    assert row["top1_difference"] == pytest.approx(8.6)
    assert (row["comparable"], row["different"]) == ("no", "data, resolution, epochs, weights, selection")
    assert made.data.set_index("name").loc["filter_wise sum 0.20", "comparable"] == "not run"
    assert notes_with(made, "cifar100", "224x224", "100 epochs", "imagenet")
    assert keys(made)[2:4] == ["actual_ratio", "actual_ratio_reproduced"]
    assert made.columns[2].group == made.columns[3].group


def test_differences_are_shown_of_comparable_rows_only_and_the_csv_has_all(tmp_path):
    run = vgg(tmp_path)
    made = table("published", run, config(published="cifar100_vgg16_bn"))
    assert "top1_difference" not in keys(made) and "top1_difference" in made.csv()
    assert "different" not in keys(made) and notes_with(made, "data, resolution, epochs, weights, selection")
    same = Run(tmp_path / "same", dataset="cifar100_224x224x3", weights="imagenet", epochs=100, select="best_test")
    same.chain(top1=81.25)
    study = config(published="cifar100_vgg16_bn", dataset={"name": "cifar100", "size": 224, "channels": 3})
    made = table("published", same, study)
    assert shown(made, "top1_difference")[0] == "+0.31"  # 81.25 - 80.94
    assert not notes_with(made, "data, resolution")


def test_figures_that_were_not_published_and_times_of_another_machine_have_no_columns_to_compare(tmp_path):
    run = Run(tmp_path / "a", model="resnet50")
    columns = {"prune_type": "depth_wise", "method": "mean_abs", "blocks": 1}
    run.chain(penalised("depth_wise"), columns, before=9.0, after=85.0, pruned={"published_macs": 5_784_320})
    made = table("published", run, config(published="cifar100_resnet50"))
    assert "actual_ratio" not in keys(made) and "actual_ratio_reproduced" in made.csv()
    assert "0.00578" in shown(made, "flops_g_reproduced")  # three digits, whatever the published ones are
    run = Run(tmp_path / "b", backend="keras", model="vgg16", dataset="cats_vs_dogs_150x150x3", weights="imagenet",
              epochs=15)  # fmt: skip
    dense = run.add("train", top1=93.0)
    export = run.quantize(dense, "float32")
    place = {"node": export["node"], "baseline": export["node"], "batch_size": 1}
    run.time([place | {"median_ms": 50.0, "p90_ms": 60.0}])
    study = config(published="cats_dogs_vgg16", dataset={"name": "cats_vs_dogs", "size": 150, "channels": 3})
    columns = keys(table("published", run, study))
    assert "top1_difference" in columns
    assert [key for key in columns if key.startswith("ms_per_image")] == ["ms_per_image", "ms_per_image_reproduced"]


def test_latency(tmp_path):
    run = Run(tmp_path)
    dense, pruned = run.chain(prune=by_ratio("filter_wise", "sum", "0.5"), before=50.0, pruned={"macs": 1000})
    times = [(pruned, 1, 0.5), (pruned, 10, 4.0), (dense, 1, 1.0), (dense, 10, 4.0)]
    run.time(
        {"node": r["node"], "baseline": dense["node"], "batch_size": b, "median_ms": t, "p90_ms": 2 * t}
        for r, b, t in times
    )
    made = table("latency", run, config(latency={}))
    data = made.data
    assert data["name"].tolist() == ["dense", "filter_wise sum 0.50"] * 2  # at each batch size the baseline first
    assert data["batch_size"].tolist() == [1, 1, 10, 10]
    assert data["speed_up"].tolist() == [1.0, 2.0, 1.0, 1.0]
    assert data["promised"].tolist() == [1.0, 4.0, 1.0, 4.0]
    assert data["per_image_ms"].tolist() == [1.0, 0.5, 0.4, 0.4]
    assert notes_with(made, "PyTorch", "dense", "Threads: 1", "100")  # what is the same in all rows
    assert keys(made)[:2] == ["name", "pruned"] and keys(made)[-1] == "promised" and "training" not in keys(made)


def conv_net(tmp_path) -> Run:
    """Two convolutions and a linear layer, plain and after group lasso, weights under 0.01 set to zero."""
    run = Run(tmp_path, model="cifar10_conv")
    counts = {
        None: ((4, [3, 1]), (0, None), (10, 1)),
        "group_lasso": ((27, [27, 0]), (9, [0, 9]), (30, 2)),
    }
    for penalty, (one, two, fc) in counts.items():
        layers = [
            {"layer": "conv1_1", "width": 2, "weights": 54, "zeros": one[0], "kind": "Conv2d", "filter_zeros": one[1]},
            {"layer": "conv2_1", "width": 2, "weights": 18, "zeros": two[0], "kind": "Conv2d", "filter_zeros": two[1]},
            {"layer": "fc1", "width": 10, "weights": 40, "zeros": fc[0], "biases": 10, "bias_zeros": fc[1]},
        ]  # fmt: skip
        root = run.add("train", columns=penalised("filter_wise", penalty) if penalty else None)
        run.add(
            "prune",
            root,
            columns=below(0.01),
            layers=[{k: v for k, v in row.items() if v is not None} for row in layers],
        )
    return run


def test_sparse_weights_by_layer_with_the_published_counts(tmp_path):
    made = table("sparse_weights", conv_net(tmp_path), config(published="cifar10_conv"))
    names = ["weight magnitude below 0.01", "weight magnitude below 0.01, group_lasso filter_wise training"]
    data = made.data.set_index("layer")
    assert data.index.tolist() == ["all", "conv1_1.weight", "conv2_1.weight", "fc1.weight", "fc1.bias"]
    assert data[f"{names[0]}: zeros"].tolist() == [4 + 0 + 10 + 1, 4, 0, 10, 1]
    assert data[f"{names[0]}: total"].tolist() == [54 + 18 + 40 + 10, 54, 18, 40, 10]
    assert data.loc["all", f"{names[0]}: share"] == pytest.approx(100 * 15 / 122)
    assert data[f"{names[1]}: share"].tolist() == pytest.approx([100 * 68 / 122, 50.0, 50.0, 75.0, 20.0])
    assert data["published, run 1: zeros"].tolist() == [12740248, 827, 38751, 12505157, 2807]
    assert data.loc["conv1_1.weight", "published, run 2: share"] == pytest.approx(47.91666666)
    assert list(dict.fromkeys(column.group for column in made.columns)) == [
        "", "dense", "group_lasso filter_wise", "published, run 1", "published, run 2",
    ]  # fmt: skip
    assert notes_with(made, "0.01")


def test_sparse_weights_by_filter(tmp_path):
    made = table("sparse_filters", conv_net(tmp_path), config())
    rows = made.data[["layer", "filter", "zeros", "of", "dead"]].values.tolist()
    assert rows == [
        ["conv1_1", 1, 3, 27, "no"], ["conv1_1", 2, 1, 27, "no"],
        ["conv2_1", 1, 0, 9, "no"], ["conv2_1", 2, 0, 9, "no"],
        ["conv1_1", 1, 27, 27, "yes"], ["conv1_1", 2, 0, 27, "no"],
        ["conv2_1", 1, 0, 9, "no"], ["conv2_1", 2, 9, 9, "yes"],
    ]  # fmt: skip
    layers = made.shown[["layer", "filters", "dead", "of", "least", "median", "most"]].round(1).values.tolist()
    assert layers == [
        ["conv1_1", 2, 0, 27, 3.7, 7.4, 11.1],
        ["conv2_1", 2, 0, 9, 0.0, 0.0, 0.0],
        ["conv1_1", 2, 1, 27, 0.0, 50.0, 100.0],
        ["conv2_1", 2, 1, 9, 0.0, 50.0, 100.0],
    ]  # fmt: skip
    assert len(made.rows()) == 4 and len(made.csv().splitlines()) == 1 + len(rows)


def mobilenet(tmp_path) -> Run:
    run = Run(tmp_path, backend="keras", model="mobilenet_v2")
    dense = run.add("train", top1=94.0, top5=100.0)
    summary = [
        {"layer": "input", "kind": "InputLayer", "output_shape": "8 x 8 x 3", "params": 0, "wrapped_params": 0},
        {"layer": "conv", "kind": "Conv2D", "output_shape": "8 x 8 x 2", "params": 54, "wrapped_params": 110},
        {"layer": "depth", "kind": "DepthwiseConv2D", "output_shape": "8 x 8 x 2", "params": 18, "wrapped_params": 19},
        {"layer": "dense", "kind": "Dense", "output_shape": "1", "params": 3, "wrapped_params": 7},
    ]
    summary = [row | {"pruned": row["layer"] in ("conv", "dense")} for row in summary]
    for ratio, zeros in (("0.50", (27, 1)), ("0.75", (41, 2))):
        layers = [
            {"layer": "conv", "width": 2, "weights": 54, "zeros": zeros[0]},
            {"layer": "depth", "width": 2, "weights": 18, "zeros": 1},
            {"layer": "dense", "width": 1, "weights": 2, "zeros": zeros[1]},
        ]
        wrapped = {"wrapped_params": 136, "wrapped_trainable_params": 75, "params": 75, "top5": 100.0}
        run.add("prune", dense, columns=gradual(ratio), layers=layers, summary=summary, **wrapped)
    return run


def test_the_summary_of_a_gradually_pruned_net(tmp_path):
    made = table("summary", mobilenet(tmp_path), config())
    data = made.data.set_index("layer")
    assert data.loc["total", ["params", "wrapped_params"]].tolist() == [75, 136]
    assert data["pruned"].tolist()[:-1] == ["no", "yes", "no", "yes"]
    half, most = "weight magnitude 0.50 gradual", "weight magnitude 0.75 gradual"
    assert data.loc[["conv", "depth", "dense", "total"], half].tolist() == [50.0, "not pruned", 50.0, 50.0]
    assert data.loc[["conv", "dense"], most].tolist() == pytest.approx([100 * 41 / 54, 100.0])
    assert data.loc["total", most] == pytest.approx(100 * 43 / 56) and pd.isna(data.loc["input", most])
    assert notes_with(made, "136", "75", "61")  # parameters: all, trainable, not trainable
    assert [column.title for column in made.columns][-2:] == ["0.50 gradual", "0.75 gradual"]


def test_top5_is_hidden_where_it_says_nothing(tmp_path):
    columns = keys(table("results", mobilenet(tmp_path), config()))
    assert "top1" in columns and "top5" not in columns


def quantized(tmp_path) -> Run:
    run = Run(tmp_path)
    small = {"macs": 1000, "size_bytes": MIB // 4, "zipped_bytes": MIB // 8}
    dense, _, tuned = run.chain(prune=by_ratio("filter_wise", "sum", "0.50"), before=40.0, after=88.0, pruned=small)
    export = run.quantize(dense, "float32", export_difference=2e-6)
    static = run.quantize(dense, "static_int8", top1=89.0, size_bytes=MIB // 4, int8_operators=13)
    both = run.quantize(tuned, "dynamic_int8", top1=88.5, size_bytes=MIB // 16, zipped_bytes=MIB // 32)
    times = (
        (dense, dense, 4.0),
        (tuned, dense, 2.0),
        (export, export, 2.0),
        (static, export, 0.5),
        (both, export, 8.0),
    )
    run.time(
        {"node": net["node"], "baseline": base["node"], "batch_size": 1, "median_ms": t, "p90_ms": t, "noise": 1.1}
        for net, base, t in times
    )
    return run


def test_quantized_nets_beside_their_sources(tmp_path):
    made = table("quantization", quantized(tmp_path), config(latency={}))
    data = made.data.astype(object).where(made.data.notna(), None)
    assert data[["net", "scheme", "change", "smaller_raw", "smaller", "ms_per_image", "runtime"]].values.tolist() == [
        ["dense", "as trained", None, 1.0, 1.0, 4.0, "PyTorch"],
        ["dense", "float32", 0.0, 1.0, 1.0, 2.0, "ONNX Runtime"],
        ["dense", "static_int8", -1.0, 4.0, 1.0, 0.5, "ONNX Runtime"],
        ["filter_wise sum 0.50", "as trained", None, 4.0, 4.0, 2.0, "PyTorch"],
        ["filter_wise sum 0.50", "dynamic_int8", 0.5, 16.0, 16.0, 8.0, "ONNX Runtime"],
    ]
    assert data["int8_operators"].tolist() == [None, None, 13, None, None]
    assert notes_with(made, "dynamic_int8", "4.0 times", "batch 1")  # slower than in float32
    assert notes_with(made, "PyTorch", "ONNX Runtime") and notes_with(made, "Threads: 1")
    assert not {"runtime", "timed_threads"} & set(keys(made))
    assert notes_with(made, "2.0e-06")  # how far the outputs of exports are from those of the framework


def test_each_time_is_held_against_the_dense_net_in_the_same_runtime(tmp_path):
    data = table("latency", quantized(tmp_path), config(latency={})).data.set_index("name")
    assert data["speed_up"].to_dict() == {
        "dense": 1.0,
        "filter_wise sum 0.50": 2.0,
        "dense, float32 export": 1.0,
        "dense, static_int8": 4.0,
        "filter_wise sum 0.50, dynamic_int8": 0.25,
    }
    assert data["promised"].tolist() == [1.0, 4.0, 1.0, 1.0, 4.0]
    assert data["against"].tolist() == ["dense", "dense", *["dense, float32 export"] * 3]


def test_run_time_by_step(tmp_path):
    one, two = Run(tmp_path, "one"), Run(tmp_path, "two")
    one.add("train", timing={"seconds": 30.0, "import_seconds": 3.0, "work_seconds": 24.0, "peak_memory_mib": 700.0})
    one.add("train", columns={"init": "x"}, timing={"seconds": 10.0, "import_seconds": 3.0, "work_seconds": 6.0})
    dense = two.add("train", timing={"seconds": 20.0, "peak_memory_mib": 900.0})
    two.time([{"node": dense["node"], "baseline": dense["node"], "batch_size": b} for b in (1, 256)])
    data = run_table("runtime", two, one).data
    assert data[["step", "jobs", "seconds"]].values.tolist() == [
        ["train", 1, 20.0], ["latency", 1, 10.0], ["train", 2, 40.0], ["all", 4, 70.0],
    ]  # fmt: skip
    data = data.iloc[[2, 0, 1, 3]].reset_index(drop=True)
    first = data.iloc[0]
    assert first["median_seconds"] == 20.0 and first["peak_memory_mib"] == 700.0
    assert (first["import_percent"], first["work_percent"], first["evaluate_percent"]) == (15.0, 75.0, 5.0)
    assert data["peak_memory_mib"].tolist() == [700.0, 900.0, 500.0, 900.0]


def test_software(tmp_path):
    data = run_table("environment", vgg(tmp_path)).data
    assert data.values.tolist() == [["pytorch", "python", "3.11.7", 5], ["pytorch", "torch", "2.14.1", 5]]


def test_the_machine_stands_below_the_software(tmp_path):
    run = vgg(tmp_path)
    more = {"software_processor": "Maker 9000", "software_device": "cpu", "software_numpy": "2.4.6"}
    data = registry.get(registry.TableItem, "environment")(RunView(run.view(**more).tidy, {})).data
    assert data["package"].tolist() == ["python", "torch", "numpy", "device", "processor"]
    assert data["version"].tolist()[-2:] == ["cpu", "Maker 9000"]


def test_studies(tmp_path):
    made = run_table("studies", vgg(tmp_path, seeds=(0, 1)))
    assert keys(made)[-2:] == ["dense_top1", "headline"]
    row = made.data.iloc[0]
    assert (row["dataset"], row["resolution"], row["weights"], row["seeds"]) == (
        "digits",
        "32x32x3",
        "random, not pretrained",
        "0, 1",
    )
    assert (row["nodes"], row["epochs"], row["dense_top1"], row["dense_top1_sd"]) == (10, 12, 90.0, 0.0)
    assert "dense" in row["headline"] and "MiB" in row["headline"]
    assert row["smallest_1"] == "\N{EN DASH}"  # 88 at the best, dense 90: 2 points below
    net = "filter_wise mean_abs 0.40, l2_groups training"
    # drops 2.5 and 1.5: the upper bound is 2 + 6.31 * 0.5
    assert row["smallest_2"].startswith(f"{net}: 4.0 times smaller (") and "cannot be told" in row["smallest_2"]
    assert row["fastest_2"].startswith(f"{net}: 4.0 times fewer MACs (")


def test_findings_are_a_table(tmp_path):
    made = table("findings", vgg(tmp_path), config())
    assert len(made.rows()) == made.data["finding"].nunique() > 1 and set(made.data["study"]) == {"s"}
    assert "published" not in keys(made)


def test_a_table_is_written_as_csv_and_page(tmp_path):
    run = vgg(tmp_path)
    out = tmp_path / "new" / "folder"
    write("results", run.collect(), {"s": config()}, "s", csv=out / "a.csv", html=out / "a.html")
    assert (out / "a.csv").read_text().startswith("name,study,variant,")
    assert 'download="s_results.csv"' in (out / "a.html").read_text()
    write("runtime", run.collect(), {"s": config()}, None, csv=out / "b.csv", html=out / "b.html")
    assert 'download="runtime.csv"' in (out / "b.html").read_text()


@pytest.mark.parametrize("kind", ["figure", "table"])
def test_every_item_has_a_title_and_says_how_to_read_it(kind):
    for entry in registry.entries(registry.KINDS[kind]).values():
        assert entry.title and len(entry.caption) > 60 and callable(entry.when), entry.name


def test_all_tables_compare_with_the_dense_net_of_equal_epochs(tmp_path):
    run = quantized(tmp_path)
    dense = json.loads(run.records[0].read_text())
    longer = run.add("finetune", dense, top1=92.0)
    run.quantize(longer, "float16", top1=91.5)
    made = table("quantization", run, config(latency={}))
    gains = made.data.set_index(["net", "scheme"])["gain"]
    assert gains["dense", "static_int8"] == -1.0 and gains["filter_wise sum 0.50", "as trained"] == -4.0
    assert gains["dense, fine-tuned", "float16"] == -0.5 and pd.isna(gains["dense, fine-tuned", "as trained"])
    assert notes_with(made, "float16")
    results = table("results", run, config()).data.set_index("name")["gain"]
    assert results[["dense", "dense, fine-tuned"]].isna().all()  # each is its own reference
    row = run_table("studies", run).data.iloc[0]
    assert (row["dense_top1"], row["epochs"]) == (92.0, 12)


def test_without_float16_nothing_is_said_of_it(tmp_path):
    assert not notes_with(table("quantization", quantized(tmp_path), config(latency={})), "float16")


def test_results_say_for_how_many_epochs_in_all_steps_a_net_was_trained(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    pruned = run.add("prune", run.add("regularize", dense, columns=penalised("filter_wise") | {"epochs": 4}),
                     columns=by_ratio("filter_wise", "sum", "0.50"))  # fmt: skip
    run.add("finetune", pruned, columns={"epochs": 3})
    made = table("results", run, config())
    assert made.data["epochs_total"].tolist() == [6, 10, 13]
    assert "epochs_total" in keys(made) and "trained" not in keys(made)
    run.add("scratch", pruned, columns={"epochs": 6})
    made = table("results", run, config())
    assert made.data[["epochs_total", "trained"]].values.tolist() == [[6, 6], [10, 10], [13, 13], [16, 6]]
    assert {"epochs_total", "trained"} < set(keys(made))


def test_an_epoch_that_was_chosen_on_the_test_images_is_remarked_in_both_tables(tmp_path):
    plain = vgg(tmp_path / "plain")
    run = Run(tmp_path / "chosen", select="best_test")
    run.chain(top1=90.0)
    prune = by_ratio("filter_wise", "mean_abs", "0.40")
    run.chain(penalised("filter_wise"), prune, top1=89.0, before=40.0, after=87.5)
    study = config(published="cifar100_vgg16_bn")
    for name in ("results", "published"):
        made, usual = table(name, run, study), table(name, plain, study)
        remarks = made.data["remark"][made.data["top1"].notna()] if name == "results" else made.data["remark"].dropna()
        assert set(remarks) == {"best epoch on test"} and len(remarks) == 3
        assert "remark" in keys(made)
        assert made.setup != usual.setup and len(made.notes) >= len(usual.notes)
        assert "remark" not in keys(usual) and usual.data["remark"].isna().all()
    assert len(table("results", run, study).notes) == 1 + len(table("results", plain, study).notes)
