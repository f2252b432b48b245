"""A saved net as a pair of functions to be timed: one prepares a batch, the other is timed. PyTorch is imported only
for a net that it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from espalier.backends import BACKENDS
from espalier.run import software
from espalier.training.operators import Operator
from espalier.training.timing import plain

if TYPE_CHECKING:
    from torch import Tensor

FRAMEWORK = ".safetensors"  # the file that takes PyTorch to run


def versions() -> dict[str, str]:
    """The versions of the software that the nets are timed with, for the record."""
    return software.versions(*BACKENDS["pytorch"].packages) | {"device": "cpu"}


def predictor(path: str | Path, threads: int) -> tuple[Callable, Callable]:
    """The net in `path` as (prepare, run), by the file's suffix: .safetensors through PyTorch, .onnx by ONNX Runtime.

    prepare(images (n, h, w, c) uint8) -> what `run` takes, not timed: normalising pixels and putting them into the
    order that the runtime takes (channels last for PyTorch, channels first for ONNX Runtime). run(prepared) -> logits
    (n, classes) float32 as numpy. threads: CPU threads of that runtime. Raises ValueError for any other suffix.
    """
    kind = Path(path).suffix
    if kind not in OPENERS:
        raise ValueError(f"{path} cannot be timed: it must be a file of {', '.join(OPENERS)}")
    return OPENERS[kind](path, threads)


def operators(path: str | Path, images: np.ndarray, threads: int) -> list[Operator]:
    """What a call with these images (n, h, w, c) uint8 spends its time on, by ONNX Runtime's own profile; nothing of a
    net that PyTorch runs."""
    if Path(path).suffix == FRAMEWORK:
        return []
    from espalier.pytorch import operators as profile

    return profile.operators(path, _channels_first(images), threads)


def _pytorch(path: str | Path, threads: int) -> tuple[Callable, Callable]:
    import torch

    from espalier.pytorch.models import load

    torch.set_num_threads(threads)
    net = load(path).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run(images: torch.Tensor) -> np.ndarray:
        return net(images).numpy()

    return _channels_last, run


def _onnx(path: str | Path, threads: int) -> tuple[Callable, Callable]:
    from espalier.pytorch.onnx_runtime import session

    opened = session(path, threads)
    return _channels_first, lambda images: opened.run(["logits"], {"images": images})[0]


def _channels_last(images: np.ndarray) -> Tensor:
    from espalier.pytorch.evaluate import to_input, to_tensor

    return to_input(to_tensor(images), {"mean": 0.5, "std": 0.5})  # as `plain`


def _channels_first(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(plain(images).transpose(0, 3, 1, 2))


OPENERS = {FRAMEWORK: _pytorch, ".onnx": _onnx}
