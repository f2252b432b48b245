"""Counts, sizes and accuracy of a net, all measured on the file read back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from espalier.datasets.prepare import Data, Split
from espalier.datasets.prepare import load as load_data
from espalier.pytorch import runtime
from espalier.pytorch.evaluate import evaluate
from espalier.pytorch.macs import profile_model
from espalier.pytorch.models import load, weighted
from espalier.run.files import sizes
from espalier.run.predictions import Predictions, of_logits

if TYPE_CHECKING:
    import torch
    from torch import nn


def measure_model(path: str | Path, data: str | Path) -> dict[str, Any]:
    """Accuracy on the test images (percent), counts and sizes (bytes) of the net in a file, and its layers, computed on
    the device that the runtime was started with.

    Returns {"measured": {...}, "predictions": {split: Predictions}, "layers": [a row for each conv and linear layer]};
    zipped_bytes is the file deflated.
    """
    prepared, net = load_data(data), load(path).to(runtime.device())
    details = accuracy(net, prepared)
    details["measured"] |= costs(net, prepared.manifest["size"]) | sizes(path)
    return details | {"layers": [_row(name, module) for name, module in weighted(net).items()]}


def accuracy(net: nn.Module, data: Data) -> dict[str, Any]:
    """Accuracy and predictions of a net: {"measured": of the test images (top1 and top5 in percent, test_loss),
    "predictions": {"test": Predictions, and "validation" if there are such images}}."""
    measured, predictions = predicted(net, data.test, data.manifest)
    both = {"test": predictions}
    if len(data.validation):
        both["validation"] = predicted(net, data.validation, data.manifest)[1]
    test = {"top1": measured["top1"], "top5": measured["top5"], "test_loss": measured["loss"]}
    return {"measured": test | {"test_images": len(data.test)}, "predictions": both}


def predicted(net: nn.Module, split: Split, manifest: dict[str, Any]) -> tuple[dict[str, float], Predictions]:
    """The result of `evaluate` and the net's prediction for each image of the split."""
    logits, classes = [], []

    def seen(of_batch: torch.Tensor, likeliest: torch.Tensor) -> None:
        logits.append(of_batch.cpu().numpy())
        classes.append(likeliest[:, 0].cpu().numpy())

    measured = evaluate(net, split, manifest, seen=seen)
    labels = np.asarray(split.labels)
    return measured, of_logits(np.concatenate(logits), labels, np.concatenate(classes))


def costs(net: nn.Module, size: int) -> dict[str, Any]:
    """The counts of a net for one image of size x size, and how many of its parameters are not zero."""
    tensors = [p.detach() for p in net.parameters()]
    params, nonzero = sum(t.numel() for t in tensors), sum(int(t.count_nonzero()) for t in tensors)
    return asdict(profile_model(net, size)) | {"nonzero_params": nonzero, "sparsity": 100 * (1 - nonzero / params)}


def _row(name: str, module: Any) -> dict[str, Any]:
    """How many weights and biases of a layer are zero; for a conv with zeros also how many in each filter."""
    zeros = module.weight == 0
    row = {
        "layer": name,
        "kind": type(module).__name__,
        "width": len(zeros),
        "weights": zeros.numel(),
        "zeros": int(zeros.sum()),
    }
    if module.bias is not None:
        row |= {"biases": module.bias.numel(), "bias_zeros": int((module.bias == 0).sum())}
    if row["zeros"] and zeros.dim() == 4:
        row["filter_zeros"] = zeros.sum((1, 2, 3)).tolist()
    return row
