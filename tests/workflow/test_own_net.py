"""docs/your_own_network.md: a net of the user's own, its checkpoint and images, from nothing to the tables."""

import csv
import json
import shutil
import subprocess
import sys

import pytest
import torch
import yaml
from project import PROJECT, Project, copy

CONFIG = ("--configfile", "examples/own_net/config.yaml")
RECORDS = "results/records/results.csv"


def init(project, *arguments):
    """Run `espalier init` in a project's folder."""
    command = [sys.executable, "-m", "espalier", "init", *arguments]
    environment = {"PYTHONPATH": "workflow/scripts", "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command, cwd=project.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


def init_example(project, *more):
    return init(
        project, "--model", "examples/own_net/my_nets.py:make_net", "--weights", "examples/own_net/best.pt",
        "--data", "examples/own_net/images", "--size", "16", "--mean", "0.5", "--std", "0.5", "--budget", "1s",
        "--out", "examples/own_net/config.yaml", *more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def example(tmp_path_factory) -> Project:
    """The example with its checkpoint, images and config, in which nothing has run."""
    fresh = copy(tmp_path_factory.mktemp("own") / "project")
    left_out = shutil.ignore_patterns("__pycache__", "images", "best.pt", "config.yaml")
    shutil.copytree(PROJECT / "examples/own_net", fresh.folder / "examples/own_net", ignore=left_out)
    subprocess.run([sys.executable, "examples/own_net/train_it.py"], cwd=fresh.folder, check=True)
    done = init_example(fresh)
    assert done.returncode == 0, done.stderr
    assert "module." in done.stdout and "state_dict" in done.stdout
    return fresh


@pytest.fixture(scope="module")
def finished(example) -> Project:
    """The example, run as far as its records."""
    example.run("--cores", "2", *CONFIG, "--", RECORDS)
    return example


def records(project):
    with (project.folder / RECORDS).open() as file:
        return {row["node"].removeprefix("my_net/seed0/"): row for row in csv.DictReader(file)}


def test_the_given_net_is_the_author_s_and_is_pruned_trained_and_quantized(finished):
    found = records(finished)
    pruned = "given/prune~filter_wise~mean_abs~0.50"
    assert set(found) == {
        "given", "given/finetune", "given/quantize~float32", "given/quantize~static_int8", pruned, f"{pruned}/finetune",
        f"{pruned}/finetune/quantize~float32", f"{pruned}/finetune/quantize~static_int8",
    }  # fmt: skip
    dense = found["given"]
    assert float(dense["top1"]) > 90 and dense["weights"] == "file"
    assert abs(float(found["given/quantize~static_int8"]["top1"]) - float(dense["top1"])) < 5
    # the stem 3x16x9+16; in a block 2x16 of the norm, 16x32x9+32, 32x16x9+16 and 16 of the scale; the head 16x10+10
    assert int(dense["params"]) == 448 + 2 * (32 + 4640 + 4624 + 16) + 170
    assert int(found[pruned]["params"]) < int(dense["params"])
    assert found["given"]["epochs"] == "" and found["given/finetune"]["epochs"] == "1"


def test_a_second_run_does_nothing_and_another_file_of_weights_runs_again(finished):
    assert finished.planned(*CONFIG, "--", RECORDS) == {}
    file = finished.folder / "examples/own_net/best.pt"
    saved = torch.load(file, weights_only=True)
    saved["state_dict"]["module.head.bias"] += 1
    torch.save(saved, file)
    jobs = finished.planned(*CONFIG, "--", RECORDS)
    assert jobs["read_weights"] == jobs["given"] == jobs["prune"] == 1 and "prepare_dataset" not in jobs


def test_an_edit_of_the_net_runs_its_study_again(finished):
    finished.edit("examples/own_net/my_nets.py", "0.5))", "0.25))")
    assert finished.planned(*CONFIG, "--", RECORDS)["given"] == 1
    finished.edit("examples/own_net/my_nets.py", "0.25))", "0.5))")


def test_a_checkpoint_of_another_net_is_one_error_before_anything_is_trained(example, tmp_path):
    shutil.copytree(example.folder, tmp_path / "other", ignore=shutil.ignore_patterns("results", ".snakemake"))
    other = Project(tmp_path / "other")
    torch.save(torch.nn.Linear(2, 2).state_dict(), other.folder / "examples/own_net/best.pt")
    done = init_example(other, "--force")
    assert done.returncode == 2 and "best.pt is not of this net" in done.stderr and "Traceback" not in done.stderr
    failed = other.snakemake("--cores", "2", *CONFIG, "--", RECORDS)
    assert failed.returncode and "error: best.pt is not of this net" in failed.stdout
    assert "Traceback" not in failed.stdout and not (other.folder / "results/models").exists()


def test_init_refuses_what_is_there_and_what_is_not(example):
    assert "is there already" in init_example(example).stderr
    assert "--model, --data must be given" in init(example, "--out", "new.yaml").stderr
    missing = init(example, "--model", "no.py:net", "--data", "digits", "--out", "new.yaml")
    assert missing.returncode == 2 and "there is no file no.py" in missing.stderr
    nowhere = init(example, "--model", "resnet20", "--data", "nowhere", "--out", "new.yaml")
    assert "no folder nowhere" in nowhere.stderr and not (example.folder / "new.yaml").exists()


def test_init_begins_with_a_training_where_there_are_no_weights(example):
    done = init(example, "--model", "torchvision/squeezenet1_1", "--data", "digits", "--size", "32", "--budget", "1s",
                "--out", "trained.yaml")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert example.planned("--configfile", "trained.yaml", "--", RECORDS)["train"] == 1
    assert json.dumps("torchvision/squeezenet1_1").strip('"') in (example.folder / "trained.yaml").read_text()


def test_the_yaml_of_choose_html_names_the_file_of_the_net_and_computes_nothing_again(finished):
    finished.run("--cores", "1", *CONFIG, "--", "results/choose.html")
    run = json.loads((finished.folder / "results/results.json").read_text())
    study = run["studies"][0]
    own = yaml.safe_load(study["yaml"])
    assert own["model"]["import"] == "examples/own_net/my_nets.py:make_net"
    net = next(net for net in study["nets"] if net["scheme"])
    config = {"seeds": [0], "studies": {study["name"]: own | {"chains": [yaml.safe_load(net["yaml"])]}}}
    (finished.folder / "copied.yaml").write_text(yaml.safe_dump(config))
    assert finished.planned("--configfile", "copied.yaml", "--", "models") == {}
