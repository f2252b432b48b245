"""Which training images show a scheme of quantization what ranges a net's activations have; of either backend."""

from __future__ import annotations

import numpy as np

from espalier.datasets.prepare import Split


def calibration(split: Split, number: int, seed: int) -> np.ndarray:
    """Indices of `number` images of a split (all, if it has fewer), drawn by `seed`, classes as even as can be."""
    order = np.random.default_rng(seed).permutation(len(split))
    labels = split.labels[order]
    earlier = np.zeros(len(order), int)  # how many of an image's class come before it
    for label in np.unique(labels):
        same = labels == label
        earlier[same] = np.arange(same.sum())
    return order[np.argsort(earlier, kind="stable")[:number]]
