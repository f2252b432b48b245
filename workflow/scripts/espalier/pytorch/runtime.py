"""Starting PyTorch for a job: threads, device, determinism."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from espalier.backends import BACKENDS
from espalier.run import software

_device = torch.device("cpu")


def start(threads: int, device: str = "cpu") -> None:
    """Use `threads` CPU threads, compute on `device`, and use only algorithms that give the same bits every time.

    device: cpu, cuda, or auto for CUDA where there is such a device. Raises RuntimeError for cuda where there is none.
    """
    global _device
    there = torch.cuda.is_available() if device != "cpu" else False
    if device == "cuda" and not there:
        raise RuntimeError("`device: cuda`, and PyTorch finds no CUDA device: use `device: auto`, or cpu")
    _device = torch.device("cuda" if there else "cpu")
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS is not deterministic
    torch.set_deterministic_debug_mode("error")  # as use_deterministic_algorithms, which imports the compiler: a second
    deterministic: Any = torch.utils.deterministic
    deterministic.fill_uninitialized_memory = False  # for finding bugs; a twentieth of a training's time
    torch.backends.cudnn.benchmark = False
    kernels: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
    for backend in kernels:
        backend.allow_tf32 = False  # `precision: float32` is float32, not 10 of its 23 bits; for speed, bf16


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one CPU thread inside the block. In many small operations threads wait for each other longer than they work;
    on a busy machine they take ten times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def device() -> torch.device:
    """The device that nets are trained and evaluated on: the CPU, unless `start` was called with another."""
    return _device


def versions() -> dict[str, str]:
    """The versions of the software, and the device, for the record."""
    name = f"cuda ({torch.cuda.get_device_name()})" if _device.type == "cuda" else "cpu"
    return software.versions(*BACKENDS["pytorch"].packages) | {"device": name}
