"""The lock of a killed run goes only if nothing of that run lives."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from espalier.run import locks

OWNER = """
import subprocess, sys, time
from pathlib import Path
from espalier.run import locks
locks.take_over(Path(sys.argv[1]))
Path(sys.argv[1], "locks").mkdir(exist_ok=True)
Path(sys.argv[1], "locks", "0.output.lock").write_text("a file")
job = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) if "job" in sys.argv else None
print(job.pid if job else 0, flush=True)
time.sleep(60)
"""
SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are looked up in /proc")


def started(folder, *words):
    """A process that took a lock in the folder, and the number of its job's process."""
    command = [sys.executable, "-c", OWNER, str(folder), *words]
    owner = subprocess.Popen(command, cwd=SCRIPTS, stdout=subprocess.PIPE, text=True)
    job = int(owner.stdout.readline())
    while job and locks.MARK.encode() not in Path(f"/proc/{job}/environ").read_bytes():
        time.sleep(0.01)  # its environment is there a moment after its program was loaded
    return owner, job


@pytest.fixture(autouse=True)
def unmarked(monkeypatch):
    monkeypatch.delenv(locks.MARK, raising=False)


def test_the_lock_stays_while_its_owner_lives_and_goes_when_it_was_killed(tmp_path):
    owner, _ = started(tmp_path)
    lock = tmp_path / "locks" / "0.output.lock"
    try:
        assert not locks.take_over(tmp_path) and lock.exists()
    finally:
        owner.kill()
        time.sleep(0.2)
    (tmp_path / "owners" / f"{os.uname().nodename}-{os.getpid()}.json").unlink()  # this process lives
    assert locks.take_over(tmp_path) and not lock.exists()  # not waited for: it is a zombie yet
    owner.wait()


def test_the_lock_stays_while_a_job_of_its_owner_lives(tmp_path):
    owner, job = started(tmp_path, "job")
    owner.kill()
    owner.wait()
    mine = tmp_path / "owners" / f"{os.uname().nodename}-{os.getpid()}.json"
    assert not locks.take_over(tmp_path)
    os.kill(job, 9)
    mine.unlink()
    time.sleep(0.2)
    assert locks.take_over(tmp_path)


@pytest.mark.parametrize(
    "signed",
    [{"host": "another machine", "pid": 1, "began": "1"}, {"elsewhere": True}, None],
    ids=["host", "jobs", "none"],
)
def test_of_others_there_is_no_telling(tmp_path, signed):
    for folder in ("locks", "owners"):
        (tmp_path / folder).mkdir()
    lock = tmp_path / "locks" / "0.input.lock"
    lock.write_text("a file")
    if signed:
        (tmp_path / "owners" / "one.json").write_text(json.dumps(signed))
    assert not locks.take_over(tmp_path) and lock.exists()
