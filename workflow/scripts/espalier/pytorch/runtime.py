"""Starting PyTorch for a job: threads, determinism."""

from __future__ import annotations

import torch


def start(threads: int) -> None:
    """Use `threads` CPU threads, and only algorithms that give the same bits every time."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def versions() -> dict[str, str]:
    """What a record says of the software that made it."""
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "torchvision", "onnx", "onnxruntime")}
