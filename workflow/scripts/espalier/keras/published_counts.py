"""The counts of published nets whose shapes are known, at their published width and resolution, without training."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from espalier.keras import models
from espalier.published import STUDIES, shaped


def count(study: str) -> list[dict[str, Any]]:
    """A row for each published net of a study whose shape is known (`published.shaped`).

    Each has the keys that its published row has, `params`, and `h5_bytes`, the size of its .h5 file without optimizer.
    Nets whose weights were set to zero have the shapes, and so the counts, of the dense one.
    """
    entry, rows = STUDIES[study], []
    shapes = entry.shapes
    assert shapes is not None
    size = entry.setup.resolution
    for keys, options in shaped(study):
        net = models.build_model({"name": shapes.model, **options}, (size, size, 3), shapes.classes)
        rows.append({"published": study, **keys, "params": net.count_params(), "h5_bytes": _h5_bytes(net)})
    return rows


def _h5_bytes(net: Any) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.h5")
        models.save_h5(models.bare(net), path)
        return path.stat().st_size
