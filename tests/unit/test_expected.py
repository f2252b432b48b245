"""How long a run takes: numbers worked out by hand, with a clock that the test moves."""

import csv
import json

import pytest
from a_clock import Clock
from a_run import Run, by_ratio

from espalier.plan import grid
from espalier.run.expected import Planned, Progress, Times, known

A_TRAINING = Planned("train", "a", "a/seed0/train")
CONFIG = {
    "studies": {
        "s": {
            "backend": "pytorch",
            "dataset": {"name": "digits", "size": 32, "channels": 3},
            "model": {"name": "resnet20", "width": 0.5},
            "train": {"epochs": 1, "batch_size": 32, "learning_rate": 0.05},
            "chains": [["train", {"prune": {"prune_type": "filter_wise", "method": "mean_abs", "ratio": 0.5}}]],
        }
    }
}


@pytest.fixture
def clock():
    return Clock()


def prunings(number: int) -> dict[int, Planned]:
    return {i: Planned("prune", "a", f"a/seed0/train/prune~{i}") for i in range(number)}


def test_a_job_is_expected_to_take_what_its_kind_took_at_the_median():
    times = Times()
    for seconds in (1.0, 2.0, 30.0):
        times.learn(Planned("prune", "a", "x"), seconds)
    assert times.of(Planned("prune", "a", "y")) == 2.0
    assert times.of(Planned("prune", "b", "y")) is None
    assert Times(small=frozenset("b")).of(Planned("prune", "b", "y")) > 0


def test_a_job_that_ran_before_is_expected_to_take_as_long_again():
    times = Times(nodes={"a/seed0/train": 40.0})
    times.learn(Planned("train", "a", "other"), 10.0)
    assert times.of(A_TRAINING) == 40.0
    assert times.of(Planned("measure", "a", A_TRAINING.node)) < 1  # the time is that of the step


def test_the_time_that_is_left_is_the_work_that_is_left_on_as_many_lanes(clock):
    times = Times(nodes={job.node: 10.0 for job in prunings(4).values()})
    progress = Progress(prunings(4), {}, times, lanes=2, clock=clock)
    assert (progress.share(), progress.left()) == (0.0, 20.0)
    progress.start(0)
    progress.start(1)
    clock.now = 10.0
    assert (progress.finish(0), progress.finish(1)) == (10.0, 10.0)
    assert progress.share() == 0.5 and progress.left() == pytest.approx(10.0)


def test_a_run_that_is_slower_than_expected_is_seen_to_be(clock):
    times = Times(nodes={job.node: 10.0 for job in prunings(100).values()})
    progress = Progress(prunings(100), {}, times, clock=clock)
    for number in range(50):
        progress.start(number)
        clock.now += 20.0
        progress.finish(number)
    assert 900 < progress.left() < 1000 and progress.share() == 0.5  # 50 jobs of nearly 20 s


def test_the_longest_job_is_not_shared_between_lanes(clock):
    jobs = {0: Planned("train", "a", "long"), 1: Planned("train", "a", "short")}
    progress = Progress(jobs, {}, Times(nodes={"long": 100.0, "short": 2.0}), lanes=8, clock=clock)
    assert progress.left() == 100.0
    progress.start(0)
    clock.now = 40.0
    assert progress.left() == 60.0


def test_what_needs_a_failed_job_is_not_waited_for(clock):
    times = Times(nodes={job.node: 10.0 for job in prunings(4).values()})
    progress = Progress(prunings(4), {0: [1], 1: [2]}, times, clock=clock)
    progress.start(0)
    progress.fail(0)
    assert progress.open == [3] and progress.left() == 10.0


def test_where_nothing_of_a_study_has_run_no_time_is_named(clock):
    progress = Progress({0: A_TRAINING, 1: Planned("finetune", "a", "b")}, {}, Times(), clock=clock)
    assert progress.left() is None and progress.share() is None
    progress.start(0)
    clock.now = 140.0
    progress.finish(0)  # ten times as long as in the default run
    assert progress.left() == pytest.approx(90.0 * 160 / (140 + 20), rel=0.01)


def test_times_are_those_of_the_earlier_run_whether_it_was_tabulated_or_not(tmp_path):
    run = Run(tmp_path, "s")
    dense = run.add("train", timing={"seconds": 33.0})
    run.add("prune", dense, columns=by_ratio("filter_wise", "mean_abs", "0.50"), timing={"seconds": 7.0})
    plan = grid.build(CONFIG)
    (tmp_path / "models").mkdir()
    (tmp_path / "s").rename(tmp_path / "models" / "s")
    for again in (False, True):
        times = known(plan, tmp_path)
        assert times.nodes == {job.node: 33.0 if job.step == "train" else 7.0 for job in plan.jobs.values()}
        assert times.of(Planned("prune", "s", "new")) == 7.0
        if not again:
            with (tmp_path / "records.csv").open("w", newline="") as file:
                rows = [json.loads(path.read_text()) for path in (tmp_path / "models").rglob("record.json")]
                writer = csv.DictWriter(file, ["study", "step", "node", "timing_seconds"])
                writer.writeheader()
                for row in rows:
                    seconds = row["timing"]["seconds"]
                    writer.writerow({k: row[k] for k in ("study", "step", "node")} | {"timing_seconds": seconds})
            (tmp_path / "records").mkdir(exist_ok=True)
            (tmp_path / "records.csv").rename(tmp_path / "records" / "results.csv")


def test_a_damaged_record_is_passed_over(tmp_path):
    plan = grid.build(CONFIG)
    node = next(iter(plan.jobs))
    (tmp_path / "models" / node).mkdir(parents=True)
    (tmp_path / "models" / node / "record.json").write_text('{"timing": {}}')
    assert known(plan, tmp_path).nodes == {}
