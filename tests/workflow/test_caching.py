"""A job reruns when its inputs, its params or the code it uses change, and only then. Shown on a finished run."""

import json

REPORT = {"collect_records", "draw_figure", "make_table", "make_run_table", "make_runtime_table", "write_overview"}


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


def test_editing_the_pruning_module_reruns_pruning_and_what_follows_but_no_training(finished):
    finished.edit("workflow/scripts/espalier/pytorch/prune.py", "MULTIPLE = 8", "MULTIPLE = 4 + 4")
    planned = finished.planned()
    assert (planned["prune_pytorch"], planned["finetune_pytorch"], planned["scratch_pytorch"]) == (2, 3, 1)
    assert planned["quantize_pytorch"] == 1  # of the pruned net
    followers = {"finetune_pytorch", "distill_pytorch", "scratch_pytorch", "quantize_pytorch"}
    assert set(planned) <= {"prune_pytorch", *followers, "measure_latency", *REPORT}
    finished.edit("workflow/scripts/espalier/pytorch/prune.py", "MULTIPLE = 4 + 4", "MULTIPLE = 8")
    assert finished.planned() == {}


def test_editing_a_score_reruns_only_what_is_scored_by_it(finished):
    scores = "workflow/scripts/espalier/pytorch/scores.py"
    finished.edit(scores, "return weight.square().sum(dims)\n", "return weight.pow(2).sum(dims)\n")
    assert finished.planned() == {}  # no chain of this config uses it
    finished.edit(scores, "return weight.abs().mean(dims)", "return weight.abs().mean(dim=dims)")
    assert finished.planned()["prune_pytorch"] == 2


def test_editing_the_training_of_one_framework_leaves_the_other_alone(finished):
    finished.edit(
        "workflow/scripts/espalier/pytorch/train.py", "optimizer.zero_grad(set_to_none=True)", "optimizer.zero_grad()"
    )
    planned = finished.planned()
    assert (planned["train_pytorch"], planned["finetune_pytorch"], planned["scratch_pytorch"]) == (3, 3, 1)
    assert not {"train_keras", "prune_keras", "quantize_keras", "prepare_dataset"} & set(planned)


def test_editing_a_quantization_scheme_reruns_the_nets_quantized_by_it(finished):
    scheme = "workflow/scripts/espalier/pytorch/quantize.py"
    path = finished.folder / scheme
    text = path.read_text()
    body = text.index('"""', text.index("def static_int8"))
    end = text.index('"""', body + 3) + 3
    path.write_text(text[:end] + "\n    assert out" + text[end:])
    planned = finished.planned()
    assert planned["quantize_pytorch"] == 2
    assert not {"train_pytorch", "prune_pytorch", "quantize_keras"} & set(planned)


def test_another_device_reruns_nothing_and_quantization_is_done_without_it(finished):
    assert finished.planned("--config", "device=cuda") == {}
    tflite = next(finished.folder.glob("results/models/**/model.tflite"))
    tflite.unlink()
    again = ("--config", "device=cuda", "--", str(tflite.relative_to(finished.folder)))
    assert finished.planned(*again) == {"quantize_keras": 1}
    finished.run("--cores", "1", *again)  # with a CUDA device or none
    assert tflite.exists()


def test_editing_a_figure_redraws_that_figure_only(finished):
    path = finished.folder / "workflow/scripts/espalier/report/figures/layer_widths.py"
    path.write_text(path.read_text() + "\n\nANOTHER = 1\n")
    drawn = {p.parent.name for p in finished.folder.glob("results/figures/*/layer_widths.svg")}
    assert drawn == {"vgg", "resnet", "mlp"}
    assert finished.planned() == {"draw_figure": 3}
    finished.run("--cores", "2")
    assert finished.planned() == {}


def test_adding_a_row_to_the_grid_computes_that_row_only(finished):
    row = "method: mean_abs, ratio: 0.4}, finetune]\n"
    finished.edit("config.yaml", row, row.replace("0.4", "[0.4, 0.6]"))
    planned = finished.planned()
    assert (planned.pop("prune_pytorch"), planned.pop("finetune_pytorch")) == (1, 1)
    assert set(planned) <= REPORT
    kept = (
        finished.folder
        / "results/models/vgg/seed0/train~l2_groups~filter_wise/prune~filter_wise~mean_abs~0.40/record.json"
    )
    before = kept.stat().st_mtime_ns
    finished.run("--cores", "2")
    assert kept.stat().st_mtime_ns == before
    assert kept.parent.with_name("prune~filter_wise~mean_abs~0.60").joinpath("finetune/record.json").exists()


def test_the_same_config_and_seed_give_identical_results_in_another_folder(small_run, project):
    project.folder.joinpath("config.yaml").write_bytes(small_run.folder.joinpath("config.yaml").read_bytes())
    project.run("--cores", "2", "--", "models")
    records = sorted(p.relative_to(small_run.folder) for p in small_run.folder.glob("results/models/**/record.json"))
    assert len(records) == 25
    for record in records:
        first, second = (json.loads((run.folder / record).read_text()) for run in (small_run, project))
        assert without_times(first) == without_times(second), record
    for model in small_run.folder.glob("results/models/**/model.safetensors"):
        assert model.read_bytes() == (project.folder / model.relative_to(small_run.folder)).read_bytes(), model
