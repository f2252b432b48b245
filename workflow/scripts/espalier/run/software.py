"""Which versions of packages are installed, and on which machine: what a record says of the software that made it.

Everything is read from what is installed; nothing is imported.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

EVERYWHERE = ("numpy", "pandas", "snakemake")  # in the environments of all jobs
CPUINFO = Path("/proc/cpuinfo")
BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})  # flags of processors that compute in bfloat16, the last of ARM's
SLOW_BF16 = (
    "precision bf16 on a processor without instructions for bfloat16 (AVX512_BF16, AMX): they are emulated, and a "
    "training takes longer than in float32. Use precision: float32 there"
)

DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn"}  # packages that are installed by another name
CALLED_BY = {"onnx": ("onnxscript",)}  # packages that another one calls: torch.onnx.export writes ONNX by ONNX Script


def versions(*packages: str) -> dict[str, str]:
    """The versions of Python, of the packages that every job has, and of these packages; and the processor, on which
    times depend."""
    listed = {name: metadata.version(name) for name in (*EVERYWHERE, *packages)}
    return {"python": platform.python_version(), **listed, "processor": processor()}


def installed(modules: Iterable[str]) -> dict[str, str]:
    """The versions of the packages that these top-level modules come from, by the package's name, sorted. A module of
    a package that is not installed here (another environment's, say) is left out.

    >>> list(installed({"PIL", "numpy", "not_there"}))
    ['numpy', 'pillow']
    """
    called = {name for module in modules for name in (module, *CALLED_BY.get(module, ()))}
    return dict(sorted(package for name in called for package in _packages(name)))


@functools.cache
def _packages(module: str) -> tuple[tuple[str, str], ...]:
    """The names and versions of the packages that bring a module: one, unless it is a namespace that several share."""
    name = DISTRIBUTIONS.get(module, module)
    try:
        return ((name, metadata.version(name)),)
    except metadata.PackageNotFoundError:
        return tuple((name, metadata.version(name)) for name in _distributions().get(module, ()))


@functools.cache
def _distributions() -> dict[str, list[str]]:
    """Module -> packages that bring it. This looks at every installed file, so it is only for modules whose package has
    another name."""
    return dict(metadata.packages_distributions())


@functools.cache
def processor() -> str:
    """The name of the processor: on Linux as the kernel gives it, elsewhere as Python does."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def lacks_bf16() -> bool:
    """Whether the processor is known to have no instructions for bfloat16; False where the kernel does not tell."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features"))), None)
    return flags is not None and not BF16.intersection(flags)
