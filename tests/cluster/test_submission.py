"""The real workflow on a real Slurm. What was asked for and what came of it, Slurm itself is asked."""

import json
import signal
import time
from pathlib import Path

import pytest
import yaml
from conftest import RECORDS, SLURM
from project import PROJECT, Project
from slurm import Cluster

pytestmark = pytest.mark.slurm

UNEQUAL = ("timing", "software", "digest")  # what a record says of the clock and of the machine, and the digest of all


def records(project: Project) -> dict[str, dict]:
    """The records of a run by node, without what differs from run to run."""
    found = {}
    for path in (project.folder / "results" / "models").rglob("record.json"):
        record = {key: value for key, value in json.loads(path.read_text()).items() if key not in UNEQUAL}
        record["history"] = [{k: v for k, v in row.items() if k != "seconds"} for row in record.get("history", ())]
        found[record["node"]] = record
    return found


def with_chains(project: Project, *chains: list, **more: object) -> None:
    """Give the config of a project these chains of the MLP instead of its own, and these keys."""
    path = project.folder / "config.yaml"
    config = yaml.safe_load(path.read_text()) | more | {"run": ["mlp"]}
    config["studies"]["mlp"]["chains"] = list(chains)
    config["studies"]["mlp"].pop("latency")
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def wait_for(condition, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.2)


def test_records_are_those_of_a_run_on_one_machine(local: Project, submitted: Project) -> None:
    here, there = records(local), records(submitted)
    assert len(here) == 2 + 3 + 3
    assert here == there


def test_a_trained_net_and_what_is_applied_to_it_are_one_submission_each(submitted: Project, cluster: Cluster) -> None:
    # Two trainings, two chains of one net and one of the other, one timing; data sets and tables are made here.
    asked = sorted((job["what"], job["memory"], job["limit"]) for job in cluster.jobs() if "rule_" in job["what"])
    assert [what.partition("_wildcards")[0] for what, *_ in asked] == [
        "rule_conv_finetune_measure_prune_quantize",
        "rule_conv_seed0_train_measure_train",
        "rule_measure_latency",
        "rule_mlp_finetune_measure_prune",
        "rule_mlp_measure_prune",
        "rule_mlp_seed0_train_measure_train",
    ]
    # Training, pruning, fine-tuning: 60 minutes each; quantizing, measuring, timing: 30; 2000 MB each. A net
    # is measured beside the next step, which takes no more time, but the memory of both.
    assert {(memory, limit) for _, memory, limit in asked} == {
        ("2000M", "1:30:00"), ("2000M", "30:00"), ("4000M", "2:30:00"), ("4000M", "3:00:00"),
    }  # fmt: skip


def test_nets_are_timed_on_a_node_without_other_jobs(submitted: Project, cluster: Cluster) -> None:
    (job,) = [job for job in cluster.jobs() if "measure_latency" in job["what"]]
    assert job["cpus"] == str(cluster.cpus)  # all that the node has: it asked for one
    path = submitted.folder / "results/records/mlp/seed0/latency.json"
    rows = json.loads(path.read_text())["rows"]
    assert {(row["cores"], row["threads"]) for row in rows} == {(1, 1)}


def test_a_second_submission_has_nothing_to_do(submitted: Project) -> None:
    assert "Nothing to be done" in submitted.run(*SLURM, "--", RECORDS)
    assert "Nothing to be done" in submitted.run("--cores", "2", "--", RECORDS)  # nor has this machine


def test_a_job_that_fails_says_why_and_the_others_finish(finished: Project) -> None:
    prune = {"prune": {"prune_type": "weight", "ratio": 0.7}}
    with_chains(
        finished,
        ["train", prune, {"finetune": {"learning_rate": 1e30}}],
        ["train", {"prune": {"prune_type": "weight", "ratio": 0.2}}],
    )
    done = finished.snakemake(*SLURM, "--retries", "0", "--", RECORDS)
    assert done.returncode != 0
    node = "mlp/seed0/train/prune~weight~magnitude~0.70"
    assert f"results/logs/{node}/finetune~learning_rate=1e+30.keras.log" in done.stdout
    assert "the loss is not finite" in done.stdout
    models = finished.folder / "results" / "models"
    assert (models / node / "record.json").exists()  # which the group had finished
    assert (models / "mlp/seed0/train/prune~weight~magnitude~0.20/record.json").exists()


def test_jobs_that_are_cancelled_or_run_out_of_time_are_tried_again(
    finished: Project, cluster: Cluster, tmp_path: Path
) -> None:
    pruned = ({"prune_type": "weight", "ratio": 0.5, "method": method} for method in ("cancelled", "too_long"))
    chains = [["train", {"prune": step}] for step in pruned]
    plugin = str(PROJECT / "tests/cluster/slow.py")
    with_chains(finished, *chains, plugins=[plugin], resources={kind: {"runtime": 1} for kind in ("prune", "measure")})
    assert finished.env
    finished.env |= {"BEGUN": str(tmp_path)}
    before = {job["id"] for job in cluster.jobs()}
    running = finished.start(*SLURM, "--", RECORDS)
    wait_for((tmp_path / "cancelled").exists)
    wait_for((tmp_path / "too_long").exists)
    cluster.answer("scancel", *sorted(set(cluster.queue()) - before)[:1])
    output, _ = running.communicate()
    assert running.returncode == 0, output[-6000:]
    came = [(job["state"], job["limit"]) for job in cluster.jobs() if job["id"] not in before]
    assert sorted(came) == [
        ("CANCELLED", "2:00"), ("COMPLETED", "4:00"), ("COMPLETED", "4:00"), ("TIMEOUT", "2:00"),
    ]  # fmt: skip


def test_after_an_interrupt_the_queue_is_empty(finished: Project, cluster: Cluster, tmp_path: Path) -> None:
    plugin = str(PROJECT / "tests/cluster/slow.py")
    with_chains(
        finished, ["train", {"prune": {"prune_type": "weight", "ratio": 0.5, "method": "cancelled"}}], plugins=[plugin]
    )
    assert finished.env
    finished.env |= {"BEGUN": str(tmp_path)}
    running = finished.start(*SLURM, "--", RECORDS)
    wait_for((tmp_path / "cancelled").exists)
    assert len(cluster.queue()) == 1
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    wait_for(lambda: not cluster.queue(), 10)


def test_another_folder_takes_from_the_cache_what_the_cluster_has_computed(submitted: Project, fresh: Project) -> None:
    fresh.env = submitted.env
    node = "results/models/conv/seed0/train"
    fresh.run(*SLURM, "--cache", "train", "--", f"{node}/model.safetensors.json")
    taken = (fresh.folder / node / "model.safetensors.json").read_bytes()
    assert taken == (submitted.folder / node / "model.safetensors.json").read_bytes()  # with its times: from the cache
