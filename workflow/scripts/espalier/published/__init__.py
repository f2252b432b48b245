"""The published studies that a run can be compared with. Each is one file here, and its CSV files in report/published/.

The key `published` of a study in the config names one of them by the name of its file.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from espalier.published import (
    cats_dogs_mobilenetv2,
    cats_dogs_vgg16,
    cifar10_cnn,
    cifar10_conv,
    cifar100_resnet50,
    cifar100_vgg16_bn,
    mnist_mlp,
)
from espalier.published.entry import Published

FOLDER = Path(__file__).resolve().parents[4] / "report" / "published"  # of their CSV files
STUDIES: dict[str, Published] = {
    module.__name__.rpartition(".")[2]: module.STUDY
    for module in (
        cifar100_vgg16_bn,
        cifar100_resnet50,
        mnist_mlp,
        cifar10_cnn,
        cifar10_conv,
        cats_dogs_mobilenetv2,
        cats_dogs_vgg16,
    )
}


def shaped(study: str) -> list[tuple[dict[str, str], dict[str, Any]]]:
    """The published nets of a study whose shapes are known (`Published.shapes`), the dense one first: the keys that its
    published row has, and the options that its architecture is built with. Empty if no shape is known."""
    shapes = STUDIES[study].shapes
    if shapes is None:
        return []
    with (FOLDER / shapes.file).open(newline="") as file:
        pruned = [shapes.read(row) for row in csv.DictReader(file)]
    return [({}, {}), *((keys, options) for keys, options in pruned if keys)]
