"""How many threads a job has."""

from __future__ import annotations

import os

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
VARIABLES = (*THREADS, "OMP_WAIT_POLICY")


def use(threads: int, cores: int | None = None) -> None:
    """Let this process, and numerical libraries that it imports later, use this number of threads.

    cores: how many it may use, if that is another number.
    """
    os.environ.update(dict.fromkeys(THREADS, str(threads)))
    if cores and threads > cores:  # threads that wait by running would take the cores from those that compute
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def threads() -> int:
    """The job's threads, which it sets in OMP_NUM_THREADS for its libraries; outside a job, one."""
    return int(os.environ.get("OMP_NUM_THREADS", 1))
