"""A job reruns when its inputs, its params or the code it uses change, and only then. Shown on a finished run."""

import json

import pytest
import yaml

TABLES = {"make_table", "make_run_table", "write_overview", "write_study"}
REPORT = {"collect_records", "collect_run", "draw_figure", "make_runtime_table", "write_choose", "write_study", *TABLES}
FOLLOW_PRUNING = {"prune", "finetune", "scratch", "quantize", "measure", "measure_latency"}
# An edit of a file of the library, a statement more, and the rules that have jobs then: the table in docs/outputs.md.
EDITS = {
    "run/progress.py": set(),
    "run/software.py": set(),
    "run/gpus.py": set(),
    "run/handover.py": set(),
    "registry.py": set(),
    "plan/grid.py": set(),
    "report/figures/layer_widths.py": {"draw_figure", "write_study"},
    "report/table.css": TABLES,
    "report/choose/page.js": {"write_choose"},
    "analysis/tidy.py": REPORT,
    "run/predictions.py": {"measure", *REPORT},
    "pytorch/profile_exported.py": {"measure", *REPORT},
    "pytorch/profile.py": {"measure", *REPORT},
    "pytorch/macs.py": {"measure", "scratch", "count_published", *REPORT},  # scratch, whose budget is in MACs
    "training/timing.py": {"measure_latency", *REPORT},
    "pytorch/prune.py": {*FOLLOW_PRUNING, *REPORT},
    "training/schedule.py": {"train", *FOLLOW_PRUNING, *REPORT},
}


def without_times(record: dict) -> dict:
    """A record without what the clock and the machine's memory put in."""
    record = {key: value for key, value in record.items() if key not in ("timing", "digest")}
    record["history"] = [{k: v for k, v in row.items() if k != "seconds"} for row in record["history"]]
    return record


def test_a_second_run_does_nothing(small_run):
    assert "Nothing to be done" in small_run.run("--cores", "2")


def test_touching_any_script_reruns_nothing(finished):
    for script in (finished.folder / "workflow" / "scripts").rglob("*.py"):
        script.touch()
    assert finished.planned() == {}


def test_editing_a_comment_or_docstring_reruns_nothing(finished):
    path = finished.folder / "workflow/scripts/espalier/pytorch/train.py"
    path.write_text('"""Another docstring."""\n# and a comment\n' + path.read_text().split('"""', 2)[2])
    assert finished.planned() == {}


@pytest.mark.parametrize("file", EDITS)
def test_an_edit_reruns_what_it_reaches_and_nothing_else(finished, file):
    path = finished.folder / "workflow/scripts/espalier" / file
    text = path.read_text()
    path.write_text(text + ("\n\nANOTHER = 1\n" if path.suffix == ".py" else "\n/* more */\n"))
    assert set(finished.planned()) - {"distill"} == EDITS[file]
    path.write_text(text)
    assert finished.planned() == {}


def test_editing_the_pruning_module_reruns_pruning_and_what_follows_but_no_training(finished):
    finished.edit("workflow/scripts/espalier/pytorch/prune.py", "MULTIPLE = 8", "MULTIPLE = 4 + 4")
    planned = finished.planned()
    assert (planned["prune"], planned["finetune"], planned["scratch"]) == (2, 3, 1)
    assert planned["quantize"] == 1  # of the pruned net
    assert "train" not in planned


def test_another_order_of_the_keys_in_the_config_reruns_nothing(finished):
    def turned(value):
        if isinstance(value, list):
            return [turned(item) for item in value]
        return {key: turned(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    path = finished.folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    studies = {name: turned(study) for name, study in config["studies"].items()}
    path.write_text(yaml.safe_dump(config | {"studies": studies}, sort_keys=False))
    assert finished.planned() == {}


def test_measuring_again_trains_nothing_and_finds_the_same(finished):
    (record,) = finished.folder.glob("results/models/vgg/seed0/train/record.json")
    before, times = json.loads(record.read_text()), record.with_name("model.safetensors").stat().st_mtime_ns
    predictions = record.with_name("predictions.npz").read_bytes()
    record.unlink()
    wanted = str(record.relative_to(finished.folder))
    assert finished.planned("--", wanted) == {"measure": 1}
    finished.run("--cores", "1", "--", wanted)
    after = json.loads(record.read_text())
    assert {**without_times(after), "digest": ""} == {**without_times(before), "digest": ""}
    assert after["timing"]["import_seconds"] > before["timing"]["import_seconds"]  # nothing was there to take over
    assert record.with_name("predictions.npz").read_bytes() == predictions
    assert record.with_name("model.safetensors").stat().st_mtime_ns == times


def test_editing_a_score_reruns_only_what_is_scored_by_it(finished):
    scores = "workflow/scripts/espalier/pytorch/scores.py"
    lasso = 'penalises."""\n    return weight.square().sum(dims)\n'
    finished.edit(scores, lasso, lasso.replace("square()", "pow(2)"))
    assert finished.planned() == {}  # no chain of this config uses it
    finished.edit(scores, "return weight.abs().mean(dims)", "return weight.abs().mean(dim=dims)")
    assert finished.planned()["prune"] == 2


def test_editing_the_training_of_one_framework_leaves_the_other_alone(finished):
    finished.edit(
        "workflow/scripts/espalier/pytorch/train.py", "optimizer.zero_grad(set_to_none=True)", "optimizer.zero_grad()"
    )
    planned = finished.planned()
    assert (planned["train"], planned["finetune"], planned["scratch"]) == (3, 3, 1)
    assert planned["prune"] == 2 and "prepare_dataset" not in planned


def test_editing_a_quantization_scheme_reruns_the_nets_quantized_by_it(finished):
    scheme = "workflow/scripts/espalier/pytorch/quantize.py"
    path = finished.folder / scheme
    text = path.read_text()
    body = text.index('"""', text.index("def static_int8"))
    end = text.index('"""', body + 3) + 3
    path.write_text(text[:end] + "\n    assert out" + text[end:])
    planned = finished.planned()
    assert planned["quantize"] == 2
    assert not {"train", "prune"} & set(planned)


def test_another_device_reruns_nothing_and_quantization_is_done_without_it(finished):
    assert finished.planned("--config", "device=cuda") == {}
    tflite = next(finished.folder.glob("results/models/**/model.tflite"))
    tflite.unlink()
    again = ("--config", "device=cuda", "--", str(tflite.relative_to(finished.folder)))
    assert finished.planned(*again) == {"quantize": 1}
    finished.run("--cores", "1", *again)  # with a CUDA device or none
    assert tflite.exists()


def test_editing_a_figure_redraws_that_figure_only(finished):
    path = finished.folder / "workflow/scripts/espalier/report/figures/layer_widths.py"
    path.write_text(path.read_text() + "\n\nANOTHER = 1\n")
    drawn = {p.parent.name for p in finished.folder.glob("results/figures/*/layer_widths.svg")}
    assert drawn == {"vgg", "resnet", "mlp"}
    assert finished.planned() == {"draw_figure": 3, "write_study": 3}  # and the pages that show it
    finished.run("--cores", "2")
    assert finished.planned() == {}


def test_adding_a_row_to_the_grid_computes_that_row_only(finished):
    row = "method: mean_abs, ratio: 0.4}, finetune]\n"
    finished.edit("config.yaml", row, row.replace("0.4", "[0.4, 0.6]"))
    planned = finished.planned()
    assert (planned.pop("prune"), planned.pop("finetune"), planned.pop("measure")) == (1, 1, 2)
    assert set(planned) <= REPORT
    others = {
        path: path.stat().st_mtime_ns
        for folder in ("figures", "tables", "records")
        for path in finished.folder.glob(f"results/{folder}/*/*")
        if path.parent.name != "vgg" and path.is_file()
    }
    assert planned["collect_records"] == 1
    kept = (
        finished.folder
        / "results/models/vgg/seed0/train~l2_groups~filter_wise/prune~filter_wise~mean_abs~0.40/record.json"
    )
    before = kept.stat().st_mtime_ns
    finished.run("--cores", "2")
    assert kept.stat().st_mtime_ns == before
    assert {path: path.stat().st_mtime_ns for path in others} == others  # another study is not redrawn
    assert kept.parent.with_name("prune~filter_wise~mean_abs~0.60").joinpath("finetune/record.json").exists()


def test_the_same_config_and_seed_give_identical_results_in_another_folder_and_without_warm_workers(small_run, project):
    project.folder.joinpath("config.yaml").write_bytes(small_run.folder.joinpath("config.yaml").read_bytes())
    project.run("--cores", "2", "--config", "warm_workers=False", "--", "models")
    records = sorted(p.relative_to(small_run.folder) for p in small_run.folder.glob("results/models/**/record.json"))
    assert len(records) == 25
    for record in records:
        first, second = (json.loads((run.folder / record).read_text()) for run in (small_run, project))
        assert without_times(first) == without_times(second), record
    for model in small_run.folder.glob("results/models/**/model.safetensors"):
        assert model.read_bytes() == (project.folder / model.relative_to(small_run.folder)).read_bytes(), model
