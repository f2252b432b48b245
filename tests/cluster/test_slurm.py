"""Slurm itself, as the other tests in this folder start it."""

import subprocess

import pytest
from slurm import Cluster

pytestmark = pytest.mark.slurm


def test_the_cluster_runs_what_is_submitted_and_tells_what_came_of_it(cluster: Cluster) -> None:
    submit = ["sbatch", "--parsable", "--wait", "--mem=300", "--time=3", "--comment=by_hand", "--wrap"]
    for script, state in (("test $(nproc) -gt 0", "COMPLETED"), ("exit 3", "FAILED")):
        done = subprocess.run([*submit, script], env=cluster.env, cwd=cluster.folder, capture_output=True, text=True)
        (job,) = [job for job in cluster.jobs() if job["id"] == done.stdout.strip()]
        assert (job["state"], job["memory"], job["limit"], job["what"]) == (state, "300M", "3:00", "by_hand")
    assert cluster.queue() == []


def test_nodes_have_a_home_and_a_folder_for_temporary_files_of_their_own(cluster: Cluster) -> None:
    seen = cluster.answer("srun", "--quiet", "sh", "-c", "echo $HOME $TMPDIR $DISPLAY")
    assert seen.split() == [f"{cluster.folder}/home", f"{cluster.folder}/tmp"]
