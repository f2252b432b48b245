"""One GPU for one job: several jobs on a machine with several GPUs do not crowd onto the first.

A framework takes the first GPU that it sees. So a job reserves one and hides the others before the framework
is imported. A reservation is a lock on a file named after the GPU's UUID; it ends with the process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TextIO

VISIBLE = "CUDA_VISIBLE_DEVICES"
_reserved: list[TextIO] = []  # open as long as this process lives


def hide() -> None:
    """Let this process see no GPU."""
    os.environ[VISIBLE] = ""


def visible() -> list[str]:
    """The UUIDs of the GPUs, or of the parts of a GPU that is split (MIG), which this process may use.

    Asks nvidia-smi, which knows what a container or a cluster's control groups leave to this process, and heeds
    CUDA_VISIBLE_DEVICES. Empty where there is no nvidia-smi, or no GPU.
    """
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    uuids = _uuids(listed)
    chosen = os.environ.get(VISIBLE)
    if chosen is None:
        return uuids
    names = [name.strip() for name in chosen.split(",") if name.strip()]
    numbers = [uuids[int(name)] for name in names if name.isdecimal() and int(name) < len(uuids)]
    return numbers + [name for name in names if name.startswith(("GPU-", "MIG-"))]


def reserve(jobs_per_gpu: int = 1) -> str | None:
    """Reserve a GPU for this process until it ends, and let it see no other; its UUID.

    Waits while each GPU has `jobs_per_gpu` jobs. Returns None, and changes nothing, where `visible` finds none. To be
    called before the framework is imported.
    """
    uuids = visible()
    if not uuids:
        return None
    folder = Path(tempfile.gettempdir()) / f"espalier-gpus-{os.getuid()}"  # other users' jobs are not waited for
    folder.mkdir(exist_ok=True)
    told = False
    while True:
        for place in range(jobs_per_gpu):  # an idle GPU before one that has a job already
            for uuid in uuids:
                if _lock(folder / f"{uuid}.{place}"):
                    os.environ[VISIBLE] = uuid
                    return uuid
        if not told:
            print(f"waiting for one of {len(uuids)} GPUs: each has {jobs_per_gpu} jobs", flush=True)
            told = True
        time.sleep(0.5)


def _uuids(listed: str) -> list[str]:
    """The UUIDs in the output of `nvidia-smi -L`; of a GPU that is split, those of its parts instead of its own.

    >>> _uuids("GPU 0: NVIDIA T4 (UUID: GPU-a)\\nGPU 1: NVIDIA T4 (UUID: GPU-b)")
    ['GPU-a', 'GPU-b']
    >>> _uuids("GPU 0: NVIDIA H200 (UUID: GPU-a)\\n  MIG 1g.18gb Device 0: (UUID: MIG-x)\\nGPU 1: T4 (UUID: GPU-b)")
    ['MIG-x', 'GPU-b']
    """
    uuids: list[str] = []
    for line in listed.splitlines():
        found = re.search(r"UUID: ((?:GPU|MIG)-[^)\s]+)", line)
        if not found:
            continue
        if found[1].startswith("MIG-") and uuids and uuids[-1].startswith("GPU-"):
            uuids.pop()
        uuids.append(found[1])
    return uuids


def _lock(path: Path) -> bool:
    """Lock a file for this process; False if another process has it."""
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    _reserved.append(file)
    return True
