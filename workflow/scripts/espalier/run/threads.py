"""How many threads a job has."""

from __future__ import annotations

import os


def threads() -> int:
    """The job's threads, which it sets in OMP_NUM_THREADS for its libraries; outside a job, one."""
    return int(os.environ.get("OMP_NUM_THREADS", 1))
