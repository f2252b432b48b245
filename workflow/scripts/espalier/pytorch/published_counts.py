"""The counts of published nets whose shapes are known, at their published width and resolution, without training."""

from __future__ import annotations

from typing import Any

from espalier.published import STUDIES, shaped
from espalier.pytorch.groups import actual_ratio
from espalier.pytorch.macs import profile_model
from espalier.pytorch.models import skeleton


def count(study: str) -> list[dict[str, Any]]:
    """A row for each published net of a study whose shape is known (`published.shaped`).

    Each has the keys that its published row has, `published_macs` (multiply-accumulates as the source counts them),
    `params`, and of a pruned net `actual_ratio`, the share of its groups that is gone.
    """
    entry, rows = STUDIES[study], []
    shapes = entry.shapes
    assert shapes is not None
    dense = skeleton(shapes.model, shapes.classes)
    for keys, options in shaped(study):
        net = skeleton(shapes.model, shapes.classes, **options)
        counts = profile_model(net, entry.setup.resolution)
        row = {"published": study, **keys, "published_macs": counts.published_macs, "params": counts.params}
        ratio = {"actual_ratio": actual_ratio(dense, net, keys["prune_type"])} if keys else {}
        rows.append(row | ratio)
    return rows
