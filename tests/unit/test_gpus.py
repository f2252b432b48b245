"""Jobs on a machine with several GPUs, which an nvidia-smi of the test's own pretends to have."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
LISTED = "GPU 0: NVIDIA T4 (UUID: GPU-a)\nGPU 1: NVIDIA T4 (UUID: GPU-b)\n"
JOB = """
import os, sys
from espalier.run import gpus
print(gpus.reserve(int(sys.argv[1])), os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()  # until the test closes it
"""


@pytest.fixture
def machine(tmp_path):
    """start(jobs_per_gpu, **environment): a job on a machine with two GPUs, in a process of its own."""
    smi = tmp_path / "bin" / "nvidia-smi"
    smi.parent.mkdir()
    smi.write_text(f"#!/bin/sh\nprintf '{LISTED}'\n")
    smi.chmod(0o755)
    jobs = []

    def start(jobs_per_gpu=1, **environment):
        env = os.environ | {"PATH": f"{smi.parent}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
        env = {key: value for key, value in env.items() if key != "CUDA_VISIBLE_DEVICES"} | environment
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        jobs.append(subprocess.Popen([sys.executable, "-c", JOB, str(jobs_per_gpu)], cwd=SCRIPTS, env=env, **pipes))
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()
        job.communicate()


def test_each_job_sees_a_gpu_of_its_own(machine):
    assert {machine().stdout.readline() for _ in range(2)} == {"GPU-a GPU-a\n", "GPU-b GPU-b\n"}


def test_a_third_job_waits_until_one_of_two_is_killed(machine):
    first, second, third = machine(), machine(), None
    taken = {job: job.stdout.readline() for job in (first, second)}
    third = machine()
    assert third.stdout.readline() == "waiting for one of 2 GPUs: each has 1 jobs\n"
    first.kill()
    started = time.monotonic()
    assert third.stdout.readline() == taken[first]
    assert time.monotonic() - started < 5


def test_with_two_jobs_for_each_gpu_idle_ones_are_taken_first(machine):
    seen = [machine(2).stdout.readline().split()[0] for _ in range(4)]
    assert sorted(seen[:2]) == sorted(seen[2:]) == ["GPU-a", "GPU-b"]


def test_only_the_gpus_that_were_left_to_the_run_are_taken(machine):
    assert machine(CUDA_VISIBLE_DEVICES="1").stdout.readline() == "GPU-b GPU-b\n"
    assert machine(CUDA_VISIBLE_DEVICES="GPU-a").stdout.readline() == "GPU-a GPU-a\n"
    assert machine(CUDA_VISIBLE_DEVICES="").stdout.readline() == "None \n"


def test_without_nvidia_smi_nothing_is_reserved(machine):
    assert machine(PATH="/nowhere").stdout.readline() == "None None\n"
