"""The net's input from uint8 images, and the accuracy of a net on a split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from espalier.datasets.prepare import Split


def to_input(images: torch.Tensor, manifest: dict[str, Any]) -> torch.Tensor:
    """uint8 images (n, c, h, w) as normalised float32 in channels-last order, in which convs are faster on a CPU.

    manifest: its `mean` and `std`, each a number, or a list of one for each channel.
    """
    images = images.to(torch.float32, memory_format=torch.channels_last)
    mean, std = (_of_channels(manifest[key], images) for key in ("mean", "std"))
    return images.div_(255).sub_(mean).div_(std)


def _of_channels(value: float | Sequence[float], images: torch.Tensor) -> float | torch.Tensor:
    """A number as it is; a number for each channel as a tensor (c, 1, 1) on the images' device."""
    return value if isinstance(value, int | float) else torch.tensor(value, device=images.device)[:, None, None]


def to_tensor(images: np.ndarray | torch.Tensor) -> torch.Tensor:
    """uint8 images (n, h, w, c) as a tensor (n, c, h, w)."""
    return torch.as_tensor(np.array(images) if isinstance(images, np.ndarray) else images).permute(0, 3, 1, 2)


def resident(split: Split, device: torch.device) -> Split:
    """The split as tensors in a device's memory, images as uint8: batches are then gathered there."""
    arrays: list[Any] = [split.images, split.labels]
    tensors: list[Any] = [(a if torch.is_tensor(a) else torch.from_numpy(np.array(a))).to(device) for a in arrays]
    return Split(*tensors)


@torch.inference_mode()
def evaluate(
    net: torch.nn.Module,
    split: Split,
    manifest: dict[str, Any],
    batch_size: int = 128,
    seen: Callable[[torch.Tensor, torch.Tensor], None] | None = None,
) -> dict[str, float]:
    """Mean cross entropy (`loss`), `top1` and `top5` accuracy in percent of a net on a split (of arrays or tensors).

    Computed in float32 on the net's device. Batches of 128 take no more memory than training with such batches does.
    seen: called with each batch's logits (n, classes) and its likeliest classes (n, up to 5), the likeliest first.
    """
    net.eval().to(memory_format=torch.channels_last)
    device = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    loss: Any = 0.0  # the sums are tensors: to read their values is to wait for the device, which is done at the end
    top1: Any = 0
    top5: Any = 0
    for start in range(0, len(split), batch_size):
        labels = torch.as_tensor(split.labels[start : start + batch_size]).to(device)
        images = to_tensor(split.images[start : start + batch_size]).to(device)  # as uint8: a quarter of the bytes
        logits = net(to_input(images, manifest))
        loss += functional.cross_entropy(logits, labels, reduction="sum").double()
        likeliest = logits.topk(min(5, logits.shape[1])).indices
        hits = likeliest == labels[:, None]
        top1 += hits[:, 0].sum()
        top5 += hits.sum()
        if seen:
            seen(logits, likeliest)
    n = len(split)
    return {"loss": float(loss) / n, "top1": 100 * int(top1) / n, "top5": 100 * int(top5) / n}
