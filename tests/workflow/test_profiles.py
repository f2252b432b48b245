"""The shipped profiles."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from project import PROJECT

PROFILES = {path.parent.name: yaml.safe_load(path.read_text()) for path in PROJECT.glob("profiles/*/profile.yaml")}
NEEDED = PROFILES["default"]


def test_the_default_profile_holds_only_what_results_depend_on():
    # It wins over the profile of a site: how many jobs are started, where and how is not its business.
    assert set(NEEDED) == {"rerun-triggers", "keep-going", "rerun-incomplete"}


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_profile_does_what_the_default_one_does_where_that_is_left_out(name):
    assert {key: PROFILES[name].get(key) for key in NEEDED} == NEEDED


@pytest.mark.parametrize("name", ["local", "gpu", "slurm"])
@pytest.mark.parametrize("option", ["--profile", "--workflow-profile"])
def test_with_a_profile_a_touched_script_of_a_finished_run_is_no_reason_to_run_again(finished, name, option):
    for script in (finished.folder / "workflow" / "scripts").glob("*.py"):
        script.touch()
    assert finished.planned(option, f"profiles/{name}") == {}


LIST = """
import json, sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import OutputSettings, Quietness, ResourceSettings

with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
    workflow = api.workflow(resource_settings=ResourceSettings(cores=2), snakefile=Path("Snakefile"))
    workflow.dag().execute_workflow(executor="dryrun")
    for job in workflow._workflow.dag.jobs:
        kinds = ("runtime", "mem_mb", "disk_mb", "gpu")
        print(json.dumps([job.rule.name, {kind: job.resources.get(kind) for kind in kinds}]))
"""


def test_jobs_ask_for_time_memory_disk_and_a_gpu_as_the_config_says(project):
    config = yaml.safe_load((PROJECT / "tests" / "config" / "small.yaml").read_text())
    config["resources"] = {"train": {"runtime": 90, "mem_mb": 3000}, "latency": {"disk_mb": 7}}
    config["studies"] = {"mlp": config["studies"]["mlp"]}
    config["studies"]["mlp"] |= {"resources": {"train": {"runtime": 20}}, "memory_mb": 1234, "device": "cuda"}
    (project.folder / "config.yaml").write_text(yaml.safe_dump(config))
    done = subprocess.run([sys.executable, "-c", LIST], cwd=project.folder, capture_output=True, text=True)
    jobs = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    asked = dict(jobs)
    assert asked["train"] == {"runtime": 20, "mem_mb": 3000, "disk_mb": 1000, "gpu": 1}
    assert asked["prune"] == {"runtime": 60, "mem_mb": 1234, "disk_mb": 1000, "gpu": 1}
    assert asked["measure_latency"] == {"runtime": 30, "mem_mb": 1234, "disk_mb": 7, "gpu": None}


def test_a_submitted_job_finds_itself_in_what_it_reads_of_the_workflow(project):
    # As an executor starts Snakemake on a node: a node's rules are read there, the report's are not.
    target = "prune:format=keras,node=mnist_mlp/seed0/train~init=glorot/prune~unit~l2~0.50"
    on_node = ("--mode", "remote", "--executor", "dryrun", "--force", "--allowed-rules", "prune", "--cores", "1")
    assert "pruning mlp, glorot, unit l2 0.50" in project.run(*on_node, "--target-jobs", target)


def test_snakemake_looks_for_work_when_it_starts_and_when_a_job_ends_and_at_no_other_time(tiny):
    output = tiny.run("--cores", "1", "--verbose", "--", "models")
    assert output.count("Finished jobid") == 6  # data, two nets, measured, and the target
    assert output.count("Resources before job selection") <= 1 + 6


APPTAINER = """#!/bin/sh
[ "$1" = --version ] && echo "apptainer version 1.3.6" && exit
echo "$@" >> {calls}
while [ "$1" != bash ]; do shift; done
PATH={python}:$PATH exec "$@"
"""


def test_jobs_run_in_the_image_that_the_config_names(tiny, tmp_path):
    # No package index that CI reaches has Apptainer: this one writes its call down, and runs the command without a
    # container, with the Python of the tests.
    apptainer, calls, image = tmp_path / "bin" / "apptainer", tmp_path / "calls", tmp_path / "espalier.sif"
    apptainer.parent.mkdir()
    apptainer.write_text(APPTAINER.format(calls=calls, python=Path(sys.executable).parent))
    apptainer.chmod(0o755)
    image.touch()
    tiny.env = os.environ | {"PATH": f"{apptainer.parent}:{os.environ['PATH']}"}
    in_image = ("--software-deployment-method", "apptainer", "--config", f"container={image}", "warm_workers=false")
    tiny.run("--cores", "1", *in_image, "--", "models")
    assert sum(str(image) in call for call in calls.read_text().splitlines()) == 5  # data, two nets, and measuring them
    assert tiny.planned(*in_image, "--", "models") == {}
