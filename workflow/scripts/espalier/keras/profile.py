"""Counts, sizes and accuracy of a net, measured on its file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from espalier.datasets import prepare as datasets
from espalier.datasets.prepare import Data
from espalier.keras import models
from espalier.keras.evaluate import evaluated, outputs
from espalier.keras.macs import count_macs
from espalier.run.files import sizes, zipped_size
from espalier.run.predictions import of_logits


def measure_model(path: str | Path, data: str | Path) -> dict[str, Any]:
    """Load the net in `path` and measure it on the test split of the prepared data set `data`.

    Returns {"measured": {...}, "predictions": {split: Predictions of the test images, and of the validation images if
    there are any}, "layers": [one row per layer that carries weights, in forward order]}. top1, top5 and sparsity in
    percent; params, nonzero_params and sparsity count every parameter, biases too. A layer's `weights` and `zeros`, and
    macs, are without biases; filter_zeros, of a convolution that has zeros, is how many each filter has.
    flops = 2 * macs, per image. Sizes in bytes: models.save does not compress the members of a .keras file, so zeros
    make a difference in zipped_bytes, the size of the deflated file. h5_bytes and h5_zipped_bytes: the same of the net
    as the published studies saved it, an .h5 file without optimizer and without the layer that normalises pixels.
    """
    net = models.load(path)
    details = accuracy(lambda images: outputs(net, images), datasets.load(data))
    details["measured"] |= costs(net) | sizes(path) | _h5_sizes(net)
    return details | {"layers": [_row(layer) for layer in models.weighted_layers(net)]}


def accuracy(predict: Callable[[np.ndarray], np.ndarray], data: Data) -> dict[str, Any]:
    """Accuracy and predictions of a net: {"measured": of the test images, by the names of a record, "predictions":
    {split: the prediction for each image}}.

    predict: images (n, h, w, c) uint8 -> outputs (n, classes), or (n, 1) of a binary net.
    """
    splits = {"test": data.test} | ({"validation": data.validation} if len(data.validation) else {})
    metrics, predictions = {}, {}
    for name, split in splits.items():
        outputs_of_split, labels = predict(split.images), np.asarray(split.labels)
        logits = models.two_logits(outputs_of_split)
        metrics[name] = evaluated(outputs_of_split, labels)
        predictions[name] = of_logits(logits, labels, logits.argmax(axis=1))
    test = metrics["test"]
    measured = {"top1": test["top1"], "top5": test["top5"], "test_loss": test["loss"], "test_images": len(data.test)}
    return {"measured": measured, "predictions": predictions}


def costs(net: Any) -> dict[str, Any]:
    """The counts of a net for one image, and how many of its parameters are not zero."""
    params, macs = net.count_params(), count_macs(net)
    nonzero = sum(int(np.count_nonzero(weight)) for weight in net.get_weights())
    counts = {"params": params, "macs": macs, "flops": 2 * macs, "nonzero_params": nonzero}
    return counts | {"sparsity": 100 * (params - nonzero) / params}


def _h5_sizes(net: Any) -> dict[str, int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.h5"
        models.save_h5(models.bare(net), path)
        return {"h5_bytes": path.stat().st_size, "h5_zipped_bytes": zipped_size(path)}


def _row(layer: Any) -> dict[str, Any]:
    kernels = [kernel.numpy() for kernel in models.kernels(layer)]
    weights = sum(kernel.size for kernel in kernels)
    zeros = weights - sum(int(np.count_nonzero(kernel)) for kernel in kernels)
    row = {"layer": layer.name, "width": layer.output_shape[-1], "weights": weights, "zeros": zeros}
    row["kind"] = type(layer).__name__
    if getattr(layer, "use_bias", False):
        bias = layer.bias.numpy()
        row |= {"biases": bias.size, "bias_zeros": bias.size - int(np.count_nonzero(bias))}
    if zeros and kernels[0].ndim == 4:
        filters = kernels[0].reshape(-1, row["width"])  # of (h, w, in, out), or depthwise (h, w, channels, 1)
        row["filter_zeros"] = (filters == 0).sum(axis=0).tolist()
    return row
