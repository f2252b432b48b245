"""Loss and accuracy of a net on a split of a data set."""

from __future__ import annotations

from typing import Any

import numpy as np

from espalier.datasets.prepare import Split
from espalier.keras.models import two_logits

BATCH = 500  # images per call; another number changes the last bits of the result


def evaluate(net: Any, split: Split) -> dict[str, Any]:
    """Mean cross entropy `loss`, and accuracies `top1` and `top5` in percent, of a net; None each on an empty split."""
    if not len(split.labels):
        return {"loss": None, "top1": None, "top5": None}
    return evaluated(outputs(net, split.images), np.asarray(split.labels))


def outputs(net: Any, images: np.ndarray) -> np.ndarray:
    """What a net gives for images (n, h, w, c) uint8, of which there is at least one: (n, classes), or (n, 1)."""
    batches = range(0, len(images), BATCH)
    return np.concatenate([np.asarray(net(np.asarray(images[i : i + BATCH]), training=False)) for i in batches])


def evaluated(outputs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The same, of outputs (n, classes), or (n, 1) of a binary net, for images of these labels (n,).

    A label is among the top k if fewer than k classes come before it; of equal logits the lower class comes first.
    """
    logits = two_logits(outputs).astype(np.float64)
    true = logits[np.arange(len(labels)), labels][:, None]
    top = logits.max(axis=1, keepdims=True)
    loss = top[:, 0] + np.log(np.exp(logits - top).sum(axis=1)) - true[:, 0]
    first = np.arange(logits.shape[1]) < labels[:, None]
    rank = ((logits > true) | ((logits == true) & first)).sum(axis=1)
    return {"loss": float(loss.mean()), "top1": float((rank < 1).mean() * 100), "top5": float((rank < 5).mean() * 100)}
