"""Results in remote storage (here a folder, by the plugin `fs`); and jobs without network and display, with other
folders for the user and for temporary files."""

import os
import shutil
import socket
import subprocess
import sys

import pytest

CUT_OFF = (
    "unshare",
    "--user",
    "--map-root-user",
    "--net",
)  # a process with a network of its own, in which there is nothing
TRIED = subprocess.run([*CUT_OFF, "true"], capture_output=True) if shutil.which("unshare") else None


@pytest.mark.skipif(not shutil.which("rsync"), reason="the plugin copies by rsync")
def test_a_run_in_remote_storage_has_the_records_of_a_local_one(tiny, tiny_run, records, tmp_path):
    far, near = tmp_path / "far", tmp_path / "near"
    storage = ("--default-storage-provider", "fs", "--default-storage-prefix", str(far))
    storage += ("--local-storage-prefix", str(near))
    storage += ("--shared-fs-usage", "persistence", "software-deployment", "sources", "source-cache", "--")
    tiny.run("--cores", "2", *storage)
    assert records(far) == records(tiny_run.folder) != {}
    assert (far / "results/records/mlp/seed0/latency.json").exists()
    assert (far / "results/figures/mlp/layer_widths.svg").exists()
    assert not (tiny.folder / "results").exists()
    assert not list(near.rglob("*.csv"))  # copies are removed when their jobs have ended
    assert tiny.planned(*storage) == {}
    assert tiny.planned(*storage, "everything") == {}
    tiny.run("--report", str(tmp_path / "report.html"), *storage)
    assert "layer_widths.svg" in (tmp_path / "report.html").read_text()


@pytest.mark.skipif(TRIED is None or TRIED.returncode != 0, reason="no right to cut a process off the network")
def test_jobs_need_no_network_and_no_display_and_take_any_home_and_temporary_folder(tiny, tiny_run, records, tmp_path):
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    left_out = ("DISPLAY", "WAYLAND_DISPLAY", "XDG_CACHE_HOME")
    env = {name: value for name, value in os.environ.items() if name not in left_out}
    env |= {"HOME": str(home), "TMPDIR": str(temporary)}
    reaches = "import socket; socket.create_connection(('127.0.0.1', {}), timeout=5)"
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", reaches.format(server.getsockname()[1])]
        assert subprocess.run(command, capture_output=True).returncode == 0
        assert subprocess.run([*CUT_OFF, *command], capture_output=True).returncode != 0
    command = [*CUT_OFF, sys.executable, "-m", "snakemake", "--cores", "2"]
    done = subprocess.run(command, cwd=tiny.folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-6000:]
    assert records(tiny.folder) == records(tiny_run.folder) != {}
