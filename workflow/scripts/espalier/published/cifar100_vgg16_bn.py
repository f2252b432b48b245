"""VGG16-BN on CIFAR-100, filters, channels, or both."""

from espalier.published import cifar100
from espalier.published.entry import Published

STUDY = Published(
    title="VGG16-BN on CIFAR-100: filters, channels, or both, pruned by importance scores",
    setup=cifar100.setup("vgg16_bn"),
    rows=(cifar100.trainings("vgg16_bn"), cifar100.pruned("vgg16_bn", "ratio")),
    note=cifar100.NOTE + " filter_wise and channel_wise training were published with identical accuracies: their "
    "penalty is the same sum of squares. The published 40 % row of filter_wise with 58.71 % done is the 60 % row.",
    test_images=cifar100.TEST_IMAGES,
)
