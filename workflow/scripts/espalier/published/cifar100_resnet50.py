"""ResNet50 on CIFAR-100, whole residual blocks."""

from __future__ import annotations

from typing import Any

from espalier.published import cifar100
from espalier.published.entry import Published, Shapes


def pruned_net(row: dict[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
    """A pruned net by the names of the blocks that are gone; the row without any is the dense net."""
    removed = row["removed_blocks"].split()
    keys = {"prune_type": "depth_wise", "method": row["method"], "blocks": row["n"]} if removed else {}
    return keys, {"removed_blocks": removed}


STUDY = Published(
    title="ResNet50 on CIFAR-100: whole residual blocks removed",
    setup=cifar100.setup("resnet50"),
    rows=(cifar100.trainings("resnet50"), cifar100.pruned("resnet50", "blocks")),
    note=cifar100.NOTE + " The published depth_wise penalty never reached the gradient: its row equals the dense one. "
    "The share of blocks done was not published.",
    test_images=cifar100.TEST_IMAGES,
    shapes=Shapes(
        backend="pytorch",
        model="resnet50",
        classes=100,
        prune_types=("depth_wise",),
        file="resnet50_removed_blocks.csv",
        read=pruned_net,
    ),
)
