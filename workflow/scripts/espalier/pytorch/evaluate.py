"""From uint8 images to the net's input, and how well a net does on a split."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from espalier.data import Split


def to_input(images: torch.Tensor, manifest: dict) -> torch.Tensor:
    """uint8 images (n, c, h, w) as normalised float32 in channels-last order, which convs on a CPU are faster with."""
    images = images.to(torch.float32, memory_format=torch.channels_last)
    return images.div_(255).sub_(manifest["mean"]).div_(manifest["std"])


def to_tensor(images: np.ndarray) -> torch.Tensor:
    """uint8 images (n, h, w, c) as a tensor (n, c, h, w)."""
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)


@torch.inference_mode()
def evaluate(net, split: Split, manifest: dict, batch_size: int = 256) -> dict[str, float]:
    """Mean cross entropy (`loss`), `top1` and `top5` accuracy in percent of a net over a split."""
    net.eval().to(memory_format=torch.channels_last)
    loss, top1, top5 = 0.0, 0, 0
    for start in range(0, len(split), batch_size):
        labels = torch.from_numpy(split.labels[start : start + batch_size])
        logits = net(to_input(to_tensor(split.images[start : start + batch_size]), manifest))
        loss += functional.cross_entropy(logits, labels, reduction="sum").item()
        hits = logits.topk(min(5, logits.shape[1])).indices == labels[:, None]
        top1 += int(hits[:, 0].sum())
        top5 += int(hits.sum())
    return {"loss": loss / len(split), "top1": 100 * top1 / len(split), "top5": 100 * top5 / len(split)}
