"""Quantization, as both backends are called with it, and the training images that the ranges are calibrated on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from espalier.datasets.prepare import Split
from espalier.registry import Scheme, get
from espalier.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """A step that quantizes. calibration_images: how many training images, drawn by `seed`, show a calibrated scheme
    which values occur in the net. recipe: of a scheme that trains."""

    scheme: Scheme
    calibration_images: int = 128
    seed: int = 0
    recipe: Recipe | None = None

    @classmethod
    def of(cls, step: Mapping[str, Any], backend: str) -> Quantization:
        """A step's params: scheme (a registered name), and optionally the others. Raises registry.UnknownName for an
        unknown scheme."""
        scheme, recipe = get(Scheme, step["scheme"], backend), step.get("recipe")
        return cls(**{**step, "scheme": scheme, "recipe": Recipe(**recipe) if recipe else None})


def calibration(split: Split, number: int, seed: int) -> np.ndarray:
    """Indices of `number` images of a split (all, if it has fewer), drawn by `seed`, classes as even as can be.

    >>> split = Split(np.zeros((6, 1, 1, 1), np.uint8), np.array([0, 0, 0, 0, 1, 1]))
    >>> sorted(split.labels[calibration(split, 4, seed=0)].tolist())
    [0, 0, 1, 1]
    """
    order = np.random.default_rng(seed).permutation(len(split))
    labels = split.labels[order]
    earlier = np.zeros(len(order), int)  # how many of an image's class come before it
    for label in np.unique(labels):
        same = labels == label
        earlier[same] = np.arange(same.sum())
    return order[np.argsort(earlier, kind="stable")[:number]]
