"""What a saved net costs and how well it does, measured on its file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from espalier import data as datasets
from espalier.files import zipped_size
from espalier.keras import models
from espalier.keras.evaluate import evaluate


def measure_model(path: str | Path, data: str | Path) -> dict:
    """Load the net in `path` and measure it on the test split of the prepared data set `data`.

    Returns {"measured": {...}, "layers": [one row per layer that carries weights, in forward order]}. top1, top5 and
    sparsity in percent; params, nonzero_params and sparsity count every parameter, biases too; a layer's `weights` and
    `zeros`, and macs, leave biases out. flops = 2 * macs, per image. Sizes in bytes; models.save stores the members of
    a .keras file as they are, so it is in zipped_bytes, the file deflated, that zeros count.
    """
    net = models.load(path)
    test = datasets.load(data).test
    score = evaluate(net, test)
    params = net.count_params()
    nonzero = sum(int(np.count_nonzero(weight)) for weight in net.get_weights())
    macs = count_macs(net)
    measured = {
        "top1": score["top1"],
        "top5": score["top5"],
        "test_loss": score["loss"],
        "test_images": len(test),
        "params": params,
        "macs": macs,
        "flops": 2 * macs,
        "nonzero_params": nonzero,
        "sparsity": 100 * (params - nonzero) / params,
        "size_bytes": Path(path).stat().st_size,
        "zipped_bytes": zipped_size(path),
    }
    return {"measured": measured, "layers": [_row(layer) for layer in models.weighted_layers(net)]}


def count_macs(net) -> int:
    """Multiply-accumulates of one image, in closed form: each weight is used once for every position of the output.

    A dense layer has one position (in * out), a convolution one per output pixel (h * w * k * k * in / groups * out).
    """
    total = 0
    for layer in models.weighted_layers(net):
        positions = math.prod(layer.output_shape[1:-1])
        total += positions * sum(math.prod(kernel.shape) for kernel in models.kernels(layer))
    return total


def _row(layer) -> dict:
    weights = sum(math.prod(kernel.shape) for kernel in models.kernels(layer))
    zeros = weights - sum(int(np.count_nonzero(kernel.numpy())) for kernel in models.kernels(layer))
    return {"layer": layer.name, "width": layer.output_shape[-1], "weights": weights, "zeros": zeros}
