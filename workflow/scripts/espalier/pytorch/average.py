"""The exponential moving average of a net's weights over the steps of its training (Polyak and Juditsky 1992)."""

from __future__ import annotations

import copy

import torch
from torch import nn

from espalier.pytorch.cutting import tensors_of


class Average:
    """A copy of a net whose parameters and buffers are the averages of the net's.

    decay: at each step the average moves by 1 - decay towards the net. In the first steps it moves faster, as
    TensorFlow's average does: 1 - decay is at least 9 / (10 + steps), so that the initial weights are soon forgotten.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.net, self.decay = copy.deepcopy(net), decay

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Take in the net after a step, counted from 0. What is no float (a count of batches) is as in the net."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for mean, tensor in zip(tensors_of(self.net).values(), tensors_of(net).values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(tensor, 1 - decay)
            else:
                mean.copy_(tensor)
