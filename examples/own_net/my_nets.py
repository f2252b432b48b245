"""A net of one's own: residual blocks with group norm and layer scale, as its author wrote it."""

import torch
from torch import nn


class Block(nn.Module):
    """x + scale * conv(relu(conv(norm(x))))."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.GroupNorm(4, channels)
        self.conv1 = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        self.conv2 = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.scale = nn.Parameter(torch.full((channels, 1, 1), 0.5))

    def forward(self, x):
        return x + self.scale * self.conv2(torch.relu(self.conv1(self.norm(x))))


class Net(nn.Module):
    """A stem, some blocks, an average over the image, and a linear layer."""

    def __init__(self, num_classes, channels=16, depth=2, dropout=0.0):
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, padding=1, stride=2)
        self.blocks = nn.Sequential(*(Block(channels) for _ in range(depth)))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels, num_classes)

    def forward(self, x):
        return self.head(self.dropout(self.blocks(self.stem(x)).mean((2, 3))))


def make_net(num_classes: int, dropout: float = 0.0):
    """The net; a config gives `dropout`."""
    return Net(num_classes, dropout=dropout)
