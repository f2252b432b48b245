"""What fails costs nothing else: the report of what is finished, and of what is missing and why."""

import csv
import re

import pytest
from project import PROJECT, Project, copy

REASON = "no L4 norm today"
SCORE = "    return weight.pow(4)"
CONFIG = """\
plugins: [my_methods.py]
studies:
  stripes:
    title: A score that fails
    backend: pytorch
    dataset: {name: stripes, size: 8, channels: 3}
    model: {name: resnet20, width: 0.5}  # of the library: what is asked of a net of one's own is tried before
    train: {epochs: 1, batch_size: 32, learning_rate: 0.05}
    chains: [[train], [train, prune: {prune_type: filter_wise, method: l4, ratio: 0.5}, finetune]]
  diverging:
    backend: pytorch
    dataset: {name: stripes, size: 8, channels: 3}
    model: {name: two_convs, width: 0.5}
    train: {epochs: 1, batch_size: 32, learning_rate: 1.0e+30}
    chains: [[train]]
"""
PRUNE_LOG = "results/logs/stripes/seed0/train/prune~filter_wise~l4~0.50.safetensors.log"
TRAIN_LOG = "results/logs/diverging/seed0/train.safetensors.log"


@pytest.fixture(scope="module")
def failed(tmp_path_factory) -> tuple[Project, str]:
    """A run in which a score raises and a training diverges, and what it said."""
    project = copy(tmp_path_factory.mktemp("failed") / "project")
    plugin = (PROJECT / "examples" / "plugin" / "my_methods.py").read_text()
    (project.folder / "my_methods.py").write_text(plugin.replace(SCORE, f'    raise ValueError("{REASON}")\n{SCORE}'))
    (project.folder / "config.yaml").write_text(CONFIG)
    done = project.snakemake("--cores", "2")
    assert done.returncode != 0
    return project, done.stdout


@pytest.fixture(scope="module")
def reported(failed) -> Project:
    """The same after the command that the failed run named."""
    project, output = failed
    command = re.search(r"^ +snakemake (.*only_finished=true)$", output, flags=re.M)
    assert command
    project.run(*command[1].split())
    return project


def test_the_terminal_lists_the_failures_last_with_reason_and_log(failed):
    _, output = failed
    last = output[output.rindex("Exiting because a job execution failed") :]
    assert REASON in last and PRUNE_LOG in last
    assert "the loss is not finite" in last and TRAIN_LOG in last


def test_what_is_finished_is_tabulated_and_drawn(reported):
    results = reported.folder / "results"
    assert (results / "figures/stripes/training_curves.svg").exists() and (results / "tables/studies.csv").exists()
    with (results / "records/results.csv").open() as file:
        assert [row["node"] for row in csv.DictReader(file)] == ["stripes/seed0/train"]


def test_failed_rows_are_shown_with_their_reason(reported):
    results = reported.folder / "results"
    with (results / "tables/stripes/results.csv").open() as file:
        rows = {row["node"]: row for row in csv.DictReader(file)}
    pruned = "stripes/seed0/train/prune~filter_wise~l4~0.50"
    assert set(rows) == {"stripes/seed0/train", pruned, f"{pruned}/finetune"}
    assert rows[pruned]["remark"] == f"prune failed: {REASON}" and rows[pruned]["top1"] == ""
    assert rows[f"{pruned}/finetune"]["remark"].startswith("finetune not run")
    overview = (results / "tables/overview.html").read_text()
    assert REASON in overview and "the loss is not finite" in overview and TRAIN_LOG in overview


def test_the_report_works(reported, tmp_path):
    reported.run("--report", str(tmp_path / "report.html"), "--config", "only_finished=true")
    assert REASON in (tmp_path / "report.html").read_text()
    reported.run("--cores", "1", "pages", "--config", "only_finished=true")
    assert REASON in (reported.folder / "results/pages/README.md").read_text()


def test_it_is_done_once_and_the_next_run_tries_again_what_failed(reported):
    assert reported.planned("--config", "only_finished=true") == {}
    planned = reported.planned()
    assert (planned["train"], planned["prune"], planned["finetune"]) == (1, 1, 1)
    reported.edit("my_methods.py", f'    raise ValueError("{REASON}")\n', "")
    reported.run("--cores", "1", "results/models/stripes/seed0/train/prune~filter_wise~l4~0.50/model.safetensors")
    assert not (reported.folder / PRUNE_LOG).with_suffix(".failed.json").exists()


def test_without_any_result_it_says_so(project):
    done = project.snakemake("-n", "--config", "only_finished=true")
    assert done.returncode != 0 and "no result is finished in results" in done.stdout
