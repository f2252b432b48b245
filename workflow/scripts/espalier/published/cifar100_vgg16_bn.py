"""VGG16-BN on CIFAR-100, filters, channels, or both."""

from __future__ import annotations

from typing import Any

from espalier.published import cifar100
from espalier.published.entry import Published, Shapes


def pruned_net(row: dict[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
    """A pruned net by the widths of its 13 conv layers."""
    keys = {key: row[key] for key in ("prune_type", "method", "ratio")}
    return keys, {"widths": [int(width) for width in row["conv_widths"].split()]}


STUDY = Published(
    title="VGG16-BN on CIFAR-100: filters, channels, or both, pruned by importance scores",
    setup=cifar100.setup("vgg16_bn"),
    rows=(cifar100.trainings("vgg16_bn"), cifar100.pruned("vgg16_bn", "ratio")),
    note=cifar100.NOTE + " filter_wise and channel_wise training were published with identical accuracies: their "
    "penalty is the same sum of squares. The published 40 % row of filter_wise with 58.71 % done is the 60 % row.",
    test_images=cifar100.TEST_IMAGES,
    shapes=Shapes(
        backend="pytorch",
        model="vgg16_bn",
        classes=100,
        prune_types=("filter_wise", "channel_wise", "filter_and_channel_wise"),
        file="vgg16_bn_pruned_widths.csv",
        read=pruned_net,
    ),
)
