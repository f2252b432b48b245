"""What a record says of the software that made it, and of the machine."""

from __future__ import annotations

import functools
import platform
from importlib import metadata
from pathlib import Path

EVERYWHERE = ("numpy", "pandas", "snakemake")  # in the environments of all jobs
CPUINFO = Path("/proc/cpuinfo")


def versions(*packages: str) -> dict[str, str]:
    """The versions of Python, of the packages that every job has, and of these; then the processor, whose the times
    are. Read from what is installed: nothing is imported."""
    found = {name: metadata.version(name) for name in (*EVERYWHERE, *packages)}
    return {"python": platform.python_version(), **found, "processor": processor()}


@functools.cache
def processor() -> str:
    """The processor's name where Linux says it, else what the platform calls it."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
