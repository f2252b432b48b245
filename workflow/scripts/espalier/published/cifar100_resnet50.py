"""ResNet50 on CIFAR-100, whole residual blocks."""

from espalier.published import cifar100
from espalier.published.entry import Published

STUDY = Published(
    title="ResNet50 on CIFAR-100: whole residual blocks removed",
    setup=cifar100.setup("resnet50"),
    rows=(cifar100.trainings("resnet50"), cifar100.pruned("resnet50", "blocks")),
    note=cifar100.NOTE + " The published depth_wise penalty never reached the gradient: its row equals the dense one. "
    "The share of blocks done was not published.",
    test_images=cifar100.TEST_IMAGES,
)
