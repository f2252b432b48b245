"""Augmenting a batch, the same for both backends: registered functions, one after another, with what they ask for."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from espalier.registry import Augmentation, get

Steps = Sequence[str | dict[str, Any]]  # of a recipe: names, or names with their values
Pixels = Annotated[int, {"minimum": 1}]
Side = Annotated[int, {"minimum": 1, "examples": [8]}]  # of a square, in pixels
Share = Annotated[float, {"minimum": 0, "maximum": 1}]
Strength = Annotated[float, {"minimum": 0, "maximum": 0.5, "examples": [0.1]}]  # 0.5 turns a hue into its opposite
Level = Annotated[int, {"minimum": 0, "maximum": 255}]  # of a pixel
Alpha = Annotated[float, {"exclusiveMinimum": 0, "examples": [0.2]}]  # of a beta distribution
GREY = 115  # the usual mean of a data set, 0.45, as a level: after normalisation nearly 0, as cutout has it
GIVEN = ("images", "labels", "generator")  # parameters of an augmentation that a config does not give


def augment(backend: str, images: Any, labels: Any, steps: Steps, generator: Any) -> tuple[Any, Any]:
    """The images of a batch and their labels after the steps of a recipe.

    labels: where `mixes_labels`, each class's share of each image (n, classes). generator: the only source of
    randomness, so that a resumed training sees the images that it would have seen.
    """
    for augmentation, values in _chosen(backend, steps):
        if _asks_for_labels(augmentation):
            images, labels = augmentation(images, labels=labels, generator=generator, **values)
        else:
            images = augmentation(images, generator=generator, **values)
    return images, labels


def mixes_labels(backend: str, steps: Steps) -> bool:
    """Whether a step changes labels, too, and therefore takes each class's share instead of the class."""
    return any(_asks_for_labels(augmentation) for augmentation, _ in _chosen(backend, steps))


def _chosen(backend: str, steps: Steps) -> Iterator[tuple[Augmentation, dict[str, Any]]]:
    """Each step's augmentation with its values by name: a value alone is that of its first parameter."""
    for step in steps:
        name, values = (step, None) if isinstance(step, str) else next(iter(step.items()))
        augmentation = get(Augmentation, name, backend)
        if values is not None and not isinstance(values, dict):
            values = {next(p for p in inspect.signature(augmentation.function).parameters if p not in GIVEN): values}
        yield augmentation, values or {}


def _asks_for_labels(augmentation: Augmentation) -> bool:
    return "labels" in inspect.signature(augmentation.function).parameters
