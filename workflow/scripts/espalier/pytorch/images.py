"""The images that a net takes, found by calling it with shapes alone.

Apart from `macs`, so that no pruning depends on how nets are counted.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def image_channels(model: nn.Module, size: int) -> int:
    """How many channels the images of a net have, whose sides are `size`: as many as one of its convs reads, the first
    that is defined if the net can be called so. A net of linear layers is tried with colour and grey images."""
    import torch
    from torch import nn

    read = [module.in_channels for module in model.modules() if isinstance(module, nn.Conv2d)]
    shapes, tried = shapes_of(model).eval(), list(dict.fromkeys([*read, 3, 1]))
    for channels in tried:
        try:
            shapes(torch.zeros(1, channels, size, size, device="meta"))
        except RuntimeError:
            continue
        return channels
    return tried[0]


def shapes_of(model: nn.Module) -> nn.Module:
    """A copy of the net on the meta device, shapes without values: counting then takes neither time nor memory."""
    import torch

    memo = {id(p): torch.nn.Parameter(torch.empty_like(p, device="meta")) for p in model.parameters()}
    memo |= {id(b): torch.empty_like(b, device="meta") for b in model.buffers()}
    return copy.deepcopy(model, memo)
