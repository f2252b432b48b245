"""Multiply-accumulates of a net. Apart from `profile`, so that no training from scratch depends on how accuracy is
measured."""

from __future__ import annotations

import math
from typing import Any

from espalier.keras import models


def count_macs(net: Any) -> int:
    """Multiply-accumulates for one image, in closed form: each weight is used once for every position of the output.

    A dense layer has one position (in * out), a convolution one per output pixel (h * w * k * k * in / groups * out).
    """
    total = 0
    for layer in models.weighted_layers(net):
        positions = math.prod(layer.output_shape[1:-1])
        total += positions * sum(math.prod(kernel.shape) for kernel in models.kernels(layer))
    return total
