"""What an exported or quantized net costs and how well it does, measured on its ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from espalier.datasets.prepare import load as load_data
from espalier.pytorch.exported import Net
from espalier.pytorch.models import load
from espalier.pytorch.profile import accuracy, costs
from espalier.run.files import sizes
from espalier.run.threads import threads


def measure_model(path: str | Path, data: str | Path, parent: str | Path) -> dict[str, Any]:
    """What is measured of an ONNX file: accuracy on the test images (percent), by ONNX Runtime, and sizes (bytes).

    All counts, non-zero parameters too, are those of the net that it was made from (`parent`). ONNX Runtime uses the
    job's threads (OMP_NUM_THREADS), one if that is not set. Returns {"measured": {...}, "predictions": {...}}.
    """
    prepared = load_data(data)
    details = accuracy(Net(path, threads()), prepared)
    details["measured"] |= costs(load(parent), prepared.manifest["size"]) | sizes(path)
    return details
