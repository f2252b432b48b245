"""The lock of a run that was killed: removed by the next run on the same machine, if nothing of the killed one lives.

Snakemake's lock does not say whose it is. So each Snakemake leaves a file of its own beside the locks before it takes
one, with its machine, its process and when that began; its jobs carry the file's name in their environment. A lock is
removed only if all these files are of this machine, and of processes that have ended, with all their jobs.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
from pathlib import Path

MARK = "ESPALIER_RUN"  # the environment variable that jobs inherit
PROC = Path("/proc")


def take_over(snakemake: Path) -> bool:
    """Remove the locks in Snakemake's folder if those who took them have ended, then sign as the next one.

    Returns whether locks were removed.
    """
    owners, locks = snakemake / "owners", list((snakemake / "locks").glob("*.lock"))
    signed = sorted(owners.glob("*.json"))
    ended = bool(signed) and not any(map(_lives, signed))
    if ended:
        for path in [*locks, *signed]:
            path.unlink(missing_ok=True)
    _sign(owners)
    return ended and bool(locks)


def jobs_run_elsewhere(snakemake: Path) -> None:
    """Say that jobs of this Snakemake run on other machines: of them there is no telling from here."""
    _own(snakemake / "owners").write_text(json.dumps({"elsewhere": True}))


def _own(owners: Path) -> Path:
    return owners / f"{socket.gethostname()}-{os.getpid()}.json"


def _sign(owners: Path) -> None:
    host, pid = socket.gethostname(), os.getpid()
    owners.mkdir(parents=True, exist_ok=True)
    path = _own(owners)
    path.write_text(json.dumps({"host": host, "pid": pid, "began": _began(pid)}))
    os.environ[MARK] = path.name
    atexit.register(_leave, path, pid)


def _leave(path: Path, pid: int) -> None:
    """At the end of the process itself, not of a copy that it made."""
    if os.getpid() == pid:
        path.unlink(missing_ok=True)


def _lives(owner: Path) -> bool:
    """Whether a Snakemake, or one of its jobs, may still be running: of one on another machine there is no telling."""
    try:
        signed = json.loads(owner.read_text())
        host, pid, began = signed["host"], signed["pid"], signed["began"]
    except (ValueError, KeyError, TypeError, OSError):
        return True
    if host != socket.gethostname() or not PROC.joinpath("self").exists():
        return True
    return (began is not None and _began(pid) == began) or _has_jobs(owner.name)


def _began(pid: int) -> str | None:
    """When a process began, in ticks since the machine started; None if it has ended, or waits to be forgotten."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _has_jobs(name: str) -> bool:
    """Whether a process carries this mark that is not the present one."""
    mark = f"{MARK}={name}".encode()
    for process in PROC.glob("[0-9]*"):
        try:
            if process.name != str(os.getpid()) and mark in (process / "environ").read_bytes().split(b"\0"):
                return True
        except OSError:
            continue  # it has ended, or is another user's
    return False
