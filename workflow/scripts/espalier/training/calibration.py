"""Quantization, as both backends are called with it, and the training images that the ranges are calibrated on."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from espalier.datasets.prepare import Data, Split
from espalier.registry import Scheme, get
from espalier.training.recipe import Keeping, Recipe


@dataclass(frozen=True, kw_only=True)
class Calibrator:
    """How the range of an activation is taken from its values on calibration images.

    method: minmax, the smallest and the largest value; entropy, the range whose quantized histogram has the smallest
    Kullback-Leibler divergence from the histogram; percentile, the range that holds so many percent of the values.
    """

    method: str = "minmax"
    percentile: float = 99.999


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """A step that quantizes. calibration_images: how many training images, drawn by `seed`, show a calibrated scheme
    which values occur in the net. calibration, percentile: a `Calibrator`. keep_float: how many layers stay in float.
    recipe: of a scheme that trains."""

    scheme: Scheme
    calibration_images: int = 128
    calibration: str = "minmax"
    percentile: float = 99.999
    keep_float: int = 0
    seed: int = 0
    recipe: Recipe | None = None

    def options(self, **more: Any) -> dict[str, Any]:
        """What the scheme's function asks for by the names of its parameters, of what it can be given. more: of that,
        what the step does not say."""
        calibrator = Calibrator(method=self.calibration, percentile=self.percentile)
        offered = {"calibrator": calibrator, "keep_float": self.keep_float, **more}
        asked = inspect.signature(self.scheme.function).parameters
        return {name: value for name, value in offered.items() if name in asked}

    @classmethod
    def of(cls, step: Mapping[str, Any], backend: str) -> Quantization:
        """A step's params: scheme (a registered name), and optionally the others. Raises registry.UnknownName for an
        unknown scheme."""
        scheme, recipe = get(Scheme, step["scheme"], backend), step.get("recipe")
        return cls(**{**step, "scheme": scheme, "recipe": Recipe(**recipe) if recipe else None})


@dataclass
class Further:
    """A training that a scheme does before it quantizes: of this net, on these data, by the quantization's recipe.

    parent: the file of the net. details: what comes of the training, parts of the record.
    """

    net: Any
    data: Data
    quantization: Quantization
    keeping: Keeping
    parent: str | Path
    details: dict[str, Any] = field(default_factory=dict)


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
