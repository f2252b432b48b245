"""`only_finished`: which results of a run are finished, and why others are not."""

from pathlib import Path

import pytest
from test_verify import CONFIG, made_up

from espalier.analysis.labels import setup_line
from espalier.plan import grid
from espalier.run import failures
from espalier.run.finished import only

ROOT = "net/seed0/train"
PRUNED = f"{ROOT}/prune~filter_wise~mean_abs~0.40"


@pytest.fixture
def run(tmp_path):
    """A finished run, and its folder."""
    return made_up(tmp_path, CONFIG), tmp_path


def log(folder: Path, name: str) -> Path:
    path = folder / "logs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def missing(run):
    _, rows = only(*run)
    return {row["node"]: row["status"] for row in rows}


def test_of_a_finished_run_nothing_is_missing(run):
    plan, rows = only(*run)
    assert rows == [] and plan.jobs == run[0].jobs and plan.config == run[0].config
    assert plan.timed("net", 0) == run[0].timed("net", 0) != {}


@pytest.mark.parametrize("file", ["record.json", "predictions.npz", "model.safetensors", "model.safetensors.json"])
def test_a_node_that_lacks_a_file_is_missing_with_all_that_is_made_from_it(run, file):
    (run[1] / "models" / PRUNED / file).unlink()
    assert missing(run) == {PRUNED: "not run", f"{PRUNED}/finetune": "not run"}


@pytest.mark.parametrize("name", ["safetensors", "measured"])
def test_a_node_whose_job_failed_since_is_missing_with_the_reason(run, name):
    job = log(run[1], f"{PRUNED}.{name}.log")
    failures.begin(job)
    assert missing(run)[PRUNED] == "killed"
    failures.fail(job, "the loss is not finite")
    _, (row, child) = only(*run)
    assert (row["status"], row["reason"], row["log"]) == ("failed", "the loss is not finite", str(job))
    assert child["status"] == "not run"
    failures.succeed(job)
    assert missing(run) == {}


def test_a_study_without_its_data_is_left_out(run):
    failures.begin(log(run[1], "data/digits_32x32x3.log"))
    plan, rows = only(*run)
    assert plan.studies == {} and plan.jobs == {} and {row["node"] for row in rows} == set(run[0].jobs)


def test_a_seed_without_results_is_left_out_of_the_study(tmp_path):
    config = {"seeds": [0, 1], **CONFIG}
    plan = made_up(tmp_path, config)
    (tmp_path / "models/net/seed1/train/record.json").unlink()
    finished, rows = only(plan, tmp_path)
    assert finished.studies["net"]["seeds"] == [0] and len(rows) == len(plan.jobs) / 2
    study = finished.studies["net"] | {"unfinished": rows}
    assert setup_line(study).endswith(f"seed 0 (n=1); {len(rows)} more results failed or were not run")


def test_times_whose_job_failed_are_left_out(run):
    job = log(run[1], "net/seed0/latency.log")
    failures.begin(job)
    assert only(*run)[0].timed("net", 0)  # it was killed, and is tried again
    failures.fail(job, "no such runtime")
    plan, rows = only(*run)
    assert rows == [] and plan.timed("net", 0) == {} and "latency" not in plan.studies["net"]


def test_failures_of_a_run_are_told_in_the_order_in_which_they_began(tmp_path):
    for name in ("b.log", "a.log", "c.log"):
        failures.begin(log(tmp_path, name))
    failures.succeed(log(tmp_path, "c.log"))
    told = failures.since(tmp_path / "logs", 0)
    assert [Path(failure.log).name for failure in told] == ["b.log", "a.log"]
    assert failures.since(tmp_path / "logs", told[-1].began + 1) == []
    failures.note_of(log(tmp_path, "a.log")).write_text("{")  # the disk was full
    assert failures.read(log(tmp_path, "a.log")).killed


def test_the_whole_plan_is_left_as_it_is(run):
    before = grid.build(CONFIG)
    (run[1] / "models" / PRUNED / "record.json").unlink()
    only(*run)
    assert run[0].jobs == before.jobs and run[0].config == before.config
