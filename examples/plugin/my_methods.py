"""A score, a model, a data set and a figure of one's own, for config.yaml beside this file."""

import numpy as np

from espalier.analysis.selections import pruned
from espalier.registry import Dataset, FigureItem, Model, Score, register
from espalier.report.figures import style


@register(Score("l4", backend="pytorch", title="L4 norm", of=("filters", "channels"), scope="layer"))
def l4(weight, dims):
    """Fourth root of the sum of w^4 over `dims`: closer to the largest weight than the L2 norm."""
    return weight.pow(4).sum(dims).pow(0.25)


@register(Model("two_convs", backend="pytorch", title="Two convs", has=("convs", "conv_chain"), channels=(3,)))
def two_convs(num_classes, width=1.0, dropout=0.0):
    """Two convs and a linear layer. width: factor on their channels. dropout: of the inputs of the linear layer."""
    from torch import nn  # inside the function: reading the config imports no framework

    first, second = round(32 * width), round(64 * width)
    return nn.Sequential(
        nn.Conv2d(3, first, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(first, second, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(4 * second, num_classes),
    )


@register(Dataset("stripes", title="Stripes in noise", classes=("across", "down")))
def stripes():
    """Bright stripes, across or down, in noise: 8x8 pixels, 300 images to train on and 100 to test."""
    random = np.random.default_rng(0)
    labels = np.arange(400) % 2
    images = random.normal(100, 40, (400, 8, 8))
    images[labels == 0, ::2, :] += 40
    images[labels == 1, :, ::2] += 40
    images = images.clip(0, 255).astype(np.uint8)
    return images[:300], labels[:300], images[300:], labels[300:], ["across", "down"]


@register(FigureItem("size_vs_error", title="Error against size", caption="A point for each net.", when=pruned))
def size_vs_error(view):
    """x: size of the file; y: share of the test images that are classified wrongly."""
    figure = style.figure(6, 4)
    axes = figure.subplots()
    axes.scatter(view.results["size_bytes"] / 2**10, 100 - view.results["top1"])
    axes.set(xlabel="size (KiB)", ylabel="error (%)")
    return figure
