"""The real workflow, from the embedded data to the report."""

import csv
import html
import json
import re
import shutil
import zipfile

import a_browser
import numpy as np
import pytest
from a_browser import needs_a_browser
from project import PROJECT

from espalier.run import predictions

# Of the files of a backend's nets, and of those that are quantized.
SUFFIXES = {"pytorch": ([".safetensors"], [".onnx"]), "keras": ([".keras"], [".tflite"])}


def rows(project, name):
    with (project.folder / "results" / "records" / name).open() as file:
        return list(csv.DictReader(file))


def test_the_default_config_plans_the_published_rows(project):
    """Counted by hand from the published tables, and the rows that are beside them.

    VGG16-BN: dense, 3 trainings with the published penalty and 3 with the real group lasso; 15 published rows, one for
    each of the latter, another score, random 3 x 3, a global magnitude and 2:4; 4 schemes of the dense net, 2 of a
    pruned one. ResNet50: dense and penalised; 4 rows, random blocks 3, 2 x filters, weights; 2 + 2 schemes. CIFAR-10:
    in PyTorch plain and group lasso, thresholds 1 + 2, filters 2, weights 2, 2 + 2 schemes; in Keras, with three seeds,
    3 gradual, 2 at once, 3 + 1 schemes. MLP: 2 initialisations, each 10 sparsities of weights and 10 of units; random
    2 x 9, global 2; 3 + 1 schemes. MobileNetV2: 4 gradual, 2 at once; 2 + 1. VGG16: 1 gradual, 2 at once; 5 + 1 + 3.
    Each dense net but the MLPs is trained further, for comparison, and so are 3 + 1 + 1 penalised ones; pruned at once,
    nets are fine-tuned, but those of the MLP and of a threshold alone.
    """
    planned = project.planned()
    assert planned["prepare_dataset"] == 4  # 32x32 of two normalisations, 28x28 grey, 48x48 of two classes
    assert planned["train"] == (1 + 3 + 3) + 2 + 2 + (2 + 3 * 1 + 1 + 1)
    in_pytorch = (15 + 3 + 1 + 9 + 2) + (4 + 3 + 2 + 1) + (1 + 2 + 2 + 2)
    assert planned["prune"] == in_pytorch + (2 * 2 * 10 + 2 * 9 + 2) + 3 * (3 + 2) + (4 + 2) + (1 + 2)
    in_pytorch = (15 + 3 + 1 + 9 + 2 + 1 + 3) + (4 + 3 + 2 + 1 + 1 + 1) + (1 + 2 + 2 + 1 + 1)
    assert planned["finetune"] == in_pytorch + 3 * (2 + 1) + (2 + 1) + (2 + 1)
    assert planned["quantize"] == (4 + 2) + (2 + 2) + (2 + 2) + (3 + 1) + 3 * (3 + 1) + (2 + 1) + (5 + 1 + 3)
    assert planned["measure"] == sum(planned[step] for step in ("train", "prune", "finetune", "quantize"))
    assert planned["measure_latency"] == 6 + 3
    assert planned["collect_records"] == 7 and planned["collect_run"] == 1
    assert planned["count_published"] == 2  # of either framework
    assert planned["write_overview"] == planned["write_choose"] == 1 and planned["write_study"] == 7


def test_every_figure_and_table_that_a_study_gets_is_planned(project):
    """All seven: training curves, latency, prune or quantize. All but the MLP and the VGG16 of one sparsity: accuracy
    against ratio; the three that lose channels or blocks: against MACs and parameters too, and, with the MLP, layer
    widths and measured against promised speed-up. The MLP: weights against units. Group lasso: zeros by filter.
    Tables: results, mistakes, published, findings, latency and quantization of each; the three that are pruned
    gradually: layers; group lasso: sparse weights by layer and by filter. Of the run: studies, software, what was
    reproduced, and run time."""
    planned = project.planned()
    assert planned["draw_figure"] == 7 * 3 + 5 + 3 * 2 + 4 + (3 + 1) + 1 + 1
    assert planned["make_table"] == 7 * 6 + 3 + 2
    assert planned["make_run_table"] == 3 and planned["make_runtime_table"] == 1


def test_a_run_of_one_study_plans_that_study_only(project):
    planned = project.planned("--config", "run=[cifar100_resnet50]", "seeds=[0,1,2]")
    assert (planned["train"], planned["prune"], planned["finetune"]) == (6, 30, 36)


def test_a_config_on_the_command_line_replaces_the_default(project):
    shutil.copy2(PROJECT / "tests" / "config" / "small.yaml", project.folder / "other.yaml")
    planned = project.planned("--configfile", "other.yaml")
    assert (planned["train"], planned["prune"]) == (3 + 2, 2 + 4)


def test_it_runs_in_another_directory_and_as_a_module(project, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert project.planned("--directory", str(elsewhere))["prune"] == 47 + 84
    (elsewhere / "Snakefile").write_text(
        f"configfile: {str(project.folder / 'config.yaml')!r}\n"
        f"module espalier:\n    snakefile: {str(project.folder / 'Snakefile')!r}\n    config: config\n"
        "use rule * from espalier as espalier_*\n"
    )
    output = project.run(
        "--snakefile", str(elsewhere / "Snakefile"), "--directory", str(elsewhere), "-n", "espalier_all"
    )
    assert re.search(r"^espalier_prune +131$", output, flags=re.M)


def test_every_node_has_a_model_and_a_record_that_agree(small_run):
    models = small_run.folder / "results" / "models"
    records = sorted(models.rglob("record.json"))
    assert len(records) == 8 + 5 + 7 + 5  # VGG16-BN, ResNet50, MLP, CNN
    for path in records:
        record = json.loads(path.read_text())
        assert models / record["node"] == path.parent
        (file,) = set(path.parent.glob("model.*")) - set(path.parent.glob("*.json"))
        assert file.suffix in SUFFIXES[record["backend"]][record["step"] == "quantize"]
        assert record["measured"]["size_bytes"] == file.stat().st_size
        assert record["measured"]["flops"] == 2 * record["measured"]["macs"]


def test_every_record_has_the_predictions_that_its_accuracy_is_of(small_run):
    for path in (small_run.folder / "results" / "models").rglob("record.json"):
        record, splits = json.loads(path.read_text()), predictions.read(path.with_name("predictions.npz"))
        assert set(splits) == {"test", "validation"}
        test = splits["test"]
        assert len(test.label) == record["measured"]["test_images"]
        assert 100 * test.correct.mean() == pytest.approx(record["measured"]["top1"])
        assert -test.log_likelihood.mean(dtype=float) == pytest.approx(record["measured"]["test_loss"], rel=1e-4)
        likelihood = np.exp(test.log_likelihood)
        assert likelihood[test.correct] == pytest.approx(test.confidence[test.correct], rel=1e-5)
        assert (likelihood <= test.confidence * (1 + 1e-5)).all() and test.predicted.dtype == np.uint8


def test_pruned_nets_are_smaller_on_disk_and_zeros_only_when_zipped(small_run):
    by_node = {row["node"].partition("/seed0/")[2]: row for row in rows(small_run, "results.csv")}
    dense, pruned = (
        by_node["train~l2_groups~filter_wise"],
        by_node["train~l2_groups~filter_wise/prune~filter_wise~mean_abs~0.40"],
    )
    assert int(pruned["size_bytes"]) < int(dense["size_bytes"])
    mlp, units, weights = (
        by_node[f"train~init=glorot{step}"] for step in ("", "/prune~unit~l2~0.50", "/prune~weight~magnitude~0.50")
    )
    # 784-100-100-50-20-10 at width 0.1, a bias in the last layer only; half of the units: 784-50-50-25-10-10
    assert int(mlp["params"]) == 784 * 100 + 100 * 100 + 100 * 50 + 50 * 20 + 20 * 10 + 10
    assert int(units["params"]) == 784 * 50 + 50 * 50 + 50 * 25 + 25 * 10 + 10 * 10 + 10
    assert weights["params"] == mlp["params"]
    zeros = (784 * 100 + 100 * 100 + 100 * 50 + 50 * 20) // 2
    assert int(weights["params"]) - int(weights["nonzero_params"]) == zeros
    assert int(weights["zipped_bytes"]) < 0.75 * int(mlp["zipped_bytes"])


def test_removing_two_of_sixteen_blocks_is_recorded_as_such(small_run):
    row = next(r for r in rows(small_run, "results.csv") if r["blocks"] and r["step"] == "prune")
    assert float(row["actual_ratio"]) == 2 / 16
    assert (
        len([r for r in rows(small_run, "layers.csv") if r["node"] == row["node"]]) < 54
    )  # 53 convs and the last layer


def test_the_parts_of_a_record_add_up(small_run):
    for row in rows(small_run, "results.csv"):
        parts = sum(float(row[f"timing_{part}_seconds"]) for part in ("import", "work", "evaluate"))
        assert parts <= float(row["timing_seconds"])
        assert float(row["top1"]) <= float(row["top5"]) <= 100


def test_latency_is_measured_for_the_pruned_nets_and_their_baselines(small_run):
    timed = rows(small_run, "latency.csv")
    # ResNet50: dense, pruned, fine-tuned in two ways, distilled; MLP: dense, weights twice, fine-tuned, distilled,
    # units, from scratch. As exported: VGG16-BN: dense in float32 and int8, pruned in int8; CNN: dense, and pruned by
    # two schemes.
    assert len(timed) == 5 + 7 + 3 + 3
    assert all(float(row["median_ms"]) <= float(row["p90_ms"]) for row in timed)
    assert {row["cores"] for row in timed} == {"2"} and all(float(row["load"]) >= 0 for row in timed)
    assert {row["baseline"] for row in timed} == {
        "resnet/seed0/train",
        "mlp/seed0/train~init=glorot",
        "vgg/seed0/train/quantize~float32",
        "cnn/seed0/train/quantize~float32",
    }


def test_quantized_files_hold_int8_and_are_smaller(small_run):
    by_node = {row["node"]: row for row in rows(small_run, "results.csv")}
    pairs = {
        "vgg/seed0/train/quantize~static_int8": "vgg/seed0/train/quantize~float32",
        "cnn/seed0/train/prune~weight~magnitude~0.50~gradual~end=0.6~every=2/quantize~static_int8": (
            "cnn/seed0/train/quantize~float32"
        ),
    }
    for quantized, exported in pairs.items():
        assert float(by_node[quantized]["int8_operators"]) > 0 == float(by_node[exported]["int8_operators"])
        parameters = int(by_node[exported]["params"])  # of 4 bytes as floats, of 1 as integers; the graph is on top
        assert int(by_node[exported]["size_bytes"]) > 3.5 * parameters
        assert int(by_node[quantized]["size_bytes"]) < 2 * parameters
        assert by_node[quantized]["params"] == by_node[exported]["params"]


def test_gradual_pruning_reaches_its_sparsity_in_the_file_and_strips_its_wrappers(small_run):
    row = next(r for r in rows(small_run, "results.csv") if r["schedule"] == "gradual" and r["step"] == "prune")
    assert float(row["actual_ratio"]) == pytest.approx(0.5, abs=1e-3)
    assert int(row["wrapped_params"]) > int(row["params"]) and int(row["wrapped_bytes"]) > 2 * int(row["h5_bytes"])
    summary = [r for r in rows(small_run, "summary.csv") if r["node"] == row["node"]]
    assert sum(int(r["params"]) for r in summary) == int(row["params"])


def test_a_net_from_scratch_has_the_shape_of_the_pruned_one_and_the_epochs_of_equal_flops(small_run):
    by_node = {row["node"].partition("/seed0/")[2]: row for row in rows(small_run, "results.csv")}
    root = "train~l2_groups~filter_wise"
    pruned = f"{root}/prune~filter_wise~mean_abs~0.40"
    dense, parent, anew = (by_node[node] for node in (root, pruned, f"{pruned}/scratch~flops~epochs=2"))
    assert (anew["params"], anew["macs"], anew["penalty"]) == (parent["params"], parent["macs"], "")
    epochs = round(2 * int(dense["macs"]) / int(anew["macs"]))
    assert epochs > 2 and (anew["epochs"], anew["trained"]) == (str(epochs),) * 2
    assert anew["epochs_total"] == str(1 + epochs)
    history = [row for row in rows(small_run, "history.csv") if row["node"] == anew["node"]]
    assert len(history) == epochs
    assert [dense["retraining"], anew["retraining"], anew["budget"]] == ["", "scratch", "flops"]


def test_rewinding_the_whole_schedule_is_fine_tuning_by_the_recipe_of_the_training(small_run):
    pruned = small_run.folder / "results/models/resnet/seed0/train/prune~depth_wise~mean_abs~2"
    usual, rewound = (pruned / f"finetune~{key}" / "model.safetensors" for key in ("learning_rate=0.02", "rewind=true"))
    assert usual.read_bytes() == rewound.read_bytes()


def test_the_epoch_that_was_best_is_recorded(small_run):
    chosen = [r for r in rows(small_run, "results.csv") if r["study"] == "mlp" and r["selected_epoch"]]
    assert chosen
    for row in chosen:
        history = [r for r in rows(small_run, "history.csv") if r["node"] == row["node"]]
        tops = [float(epoch["validation_top1"]) for epoch in history]
        assert int(float(row["selected_epoch"])) == tops.index(max(tops)) + 1 and row["select"] == "best_validation"


def test_tensorboard_logs_hold_the_loss_and_the_graph(small_run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = small_run.folder / "results/logs/tensorboard/mlp/seed0/train~init=glorot"
    found = {path.parent for path in folder.rglob("events.out.tfevents.*")}
    tags = [EventAccumulator(str(path)).Reload().Tags() for path in found]
    assert any(tag["graph"] for tag in tags)
    assert all("epoch_loss" in tag["tensors"] for tag in tags)


@pytest.mark.parametrize("name", ["report.html", "report.zip"])
def test_the_report_holds_every_figure_and_table(small_run, tmp_path, name):
    small_run.run("--report", str(tmp_path / name))
    if name.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / name) as archive:
            text = "".join(archive.namelist()) + "".join(
                archive.read(n).decode(errors="replace") for n in archive.namelist() if n.endswith((".js", ".html"))
            )
    else:
        text = (tmp_path / name).read_text()
    items = [*small_run.folder.glob("results/figures/*/*.svg"), *small_run.folder.glob("results/tables/**/*.html")]
    assert len(items) > 20
    for item in items:
        assert item.name in text
    assert "VGG16-BN in miniature" in text and "Every number below is computed from the records" in text


@needs_a_browser
def test_the_first_view_of_the_report_is_its_text_beside_the_menu(small_run, tmp_path):
    small_run.run("--report", str(tmp_path / "report.html"))
    script = """
    for (let i = 0; i < 50; i++) await wait();
    const box = selector => document.querySelector(selector).getBoundingClientRect();
    const text = box(".espalier");
    return {menu: box("nav").right, left: text.left, right: text.right, top: text.top, bottom: text.bottom,
      rules: box("#rulegraph").top};"""
    for width in (1400, 800):
        seen = a_browser.run(tmp_path / "report.html", script, width=width)
        assert seen["menu"] <= seen["left"] < 0.3 * width and seen["right"] <= width and seen["top"] < 300, seen
        assert seen["right"] - seen["left"] > 0.6 * width, seen
        assert seen["rules"] >= seen["bottom"], seen  # the graph of the rules is below the text


def test_what_the_docs_say_to_click_is_on_the_pages(small_run):
    docs = (PROJECT / "docs" / "choose_a_variant.md").read_text()
    section = docs[docs.index("## Five questions") :].split("\n## ")[0]
    names = set(re.findall(r"(?<!\*)\*([^*|]+)\*(?!\*)", section))
    pages = [small_run.folder / "results" / "choose.html", *small_run.folder.glob("results/studies/*.html")]
    text = "".join(html.unescape(page.read_text()) for page in pages)
    assert len(names) > 8 and not {name for name in names if name not in text}
    assert (small_run.folder / "results" / "tables" / "reproduced.html").exists()


def test_the_run_as_pages_has_all_figures_and_links_that_lead_somewhere(finished):
    assert finished.planned("pages") == {"write_pages": 1, "pages": 1}
    finished.run("--cores", "1", "pages", "--config", "seeds=[0]")  # as the config has them
    pages = finished.folder / "results" / "pages"
    links = {page: re.findall(r"\]\(([^)]+)\)", page.read_text()) for page in pages.rglob("*.md")}
    assert len(links) == 1 + 4  # the run, and its studies
    assert all((page.parent / link).exists() for page, found in links.items() for link in found)
    drawn = {path.relative_to(pages).as_posix() for path in pages.rglob("*.svg")}
    assert drawn == {p.relative_to(p.parents[1]).as_posix() for p in finished.folder.glob("results/figures/*/*.svg")}
    assert "\n    snakemake pages --cores all --config 'seeds=[0]'\n" in (pages / "README.md").read_text()
    assert finished.planned("--configfile", str(pages / "config.yaml")) == {}  # the very same run
