"""What an exported or quantized net costs and how well it does, measured on its TFLite file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from espalier.datasets import prepare as datasets
from espalier.keras import litert, models, profile
from espalier.keras.litert import batched
from espalier.run.files import sizes
from espalier.run.threads import threads


def measure_model(path: str | Path, data: str | Path, parent: str | Path) -> dict[str, Any]:
    """Measure a TFLite file on the images of the prepared data set `data`, by LiteRT on the job's threads.

    Returns {"measured": {...}, "predictions": {...}} as `profile.measure_model` does, accuracies and sizes of the file
    itself. The counts, params, macs, nonzero_params and sparsity, are those of `parent`, the .keras file it was made
    of: quantization changes how a weight is written, not how many there are. (Small weights become zeros of int8, too.)
    """
    net = models.load(parent)
    normalise = net.get_layer("normalise")

    def predict(images: np.ndarray) -> np.ndarray:
        return litert.predict(path, batched(normalise, images), threads())

    details = profile.accuracy(predict, datasets.load(data))
    details["measured"] |= profile.costs(net) | sizes(path)
    return details
