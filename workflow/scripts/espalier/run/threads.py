"""How many threads a job has."""

from __future__ import annotations

import os

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def use(threads: int) -> None:
    """Let this process, and numerical libraries that it imports later, use this number of threads."""
    os.environ.update(dict.fromkeys(VARIABLES, str(threads)))


def threads() -> int:
    """The job's threads, which it sets in OMP_NUM_THREADS for its libraries; outside a job, one."""
    return int(os.environ.get("OMP_NUM_THREADS", 1))
