"""What a saved net costs and how well it does, measured on its file."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path

import numpy as np

from espalier import data as datasets
from espalier.keras import models
from espalier.keras.evaluate import evaluate


def measure_model(path: str | Path, data: str | Path) -> dict:
    """Load the net in `path` and measure it on the test split of the prepared data set `data`.

    Returns {"measured": {...}, "layers": [one row per layer that carries weights, in forward order]}. top1, top5 and
    sparsity in percent; params, nonzero_params and sparsity count every parameter, biases too; a layer's `weights` and
    `zeros`, and macs, leave biases out. flops = 2 * macs, per image. Sizes in bytes.
    """
    net = models.load(path)
    score = evaluate(net, datasets.load(data).test)
    params = net.count_params()
    nonzero = sum(int(np.count_nonzero(weight)) for weight in net.get_weights())
    macs = count_macs(net)
    measured = {
        "top1": score["top1"],
        "top5": score["top5"],
        "test_loss": score["loss"],
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
    layers = models.weighted_layers(net)
    return sum(math.prod(layer.output_shape[1:-1]) * math.prod(layer.kernel.shape) for layer in layers)


def zipped_size(path: str | Path) -> int:
    """Size of a .keras file with its members deflated at level 9.

    A .keras file is a zip archive already, but of members that are only stored. Each member is unpacked and packed again,
    in memory, so that the zeros of a pruned net count however the file was written.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    return len(packed.getvalue())


def _row(layer) -> dict:
    kernel = layer.kernel.numpy()
    zeros = int(kernel.size - np.count_nonzero(kernel))
    return {"layer": layer.name, "width": layer.output_shape[-1], "weights": kernel.size, "zeros": zeros}
