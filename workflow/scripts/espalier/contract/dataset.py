"""The contract of data sets."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from espalier import datasets
from espalier.contract.trial import NotChecked
from espalier.datasets import prepare
from espalier.registry import Dataset

LOOKED_AT = 50  # images of each split
COMPARED = 2000  # images of each split that are looked for in the other
Images = Sequence[Any] | np.ndarray
VALUES = ("training images", "labels", "test images", "test labels", "names of the classes")


class Trial:
    """A data set, and what its function gives."""

    def __init__(self, entry: Dataset) -> None:
        self.entry, self.root = entry, datasets.data_root(None)

    def call(self) -> Sequence[Any]:
        """What the function gives. Files are looked for below ESPALIER_DATA, or `data`."""
        path = inspect.signature(self.entry.function).parameters.get("path")
        if path and path.default is path.empty:
            raise NotChecked("it is read from the `path` that a config gives")
        try:
            return self.entry(**datasets.arguments(self.entry, self.root, None))
        except FileNotFoundError as error:
            raise NotChecked(
                f"files are missing below {self.root} (ESPALIER_DATA says where they are): {error}"
            ) from None

    @cached_property
    def _first(self) -> tuple[Any, Exception | None]:
        try:
            return self.call(), None
        except Exception as error:  # told by each check, but the function is called once
            return None, error

    @property
    def values(self) -> Sequence[Any]:
        given, error = self._first
        if error:
            raise error
        return given

    @cached_property
    def raw(self) -> prepare.Raw:
        if not isinstance(self.values, tuple) or len(self.values) not in (len(VALUES), len(VALUES) + 1):
            raise NotChecked("it does not give five values")
        return prepare.Raw(*self.values)

    @property
    def splits(self) -> dict[str, tuple[Images, np.ndarray]]:
        raw = self.raw
        return {"training": (raw.images, raw.labels), "test": (raw.test_images, raw.test_labels)}


@contextmanager
def trial(entry: Dataset) -> Iterator[Trial]:
    yield Trial(entry)


def gives_five_values(trial: Trial) -> str | None:
    """It gives training images, their labels, test images, their labels, and the names of the classes."""
    values = trial.values
    if isinstance(values, tuple) and len(values) in (len(VALUES), len(VALUES) + 1):
        return None
    given = f"{len(values)} values" if isinstance(values, tuple | list) else f"a {type(values).__name__}"
    return f"It gives {given}, not a tuple of {', '.join(VALUES)}."


def names_its_classes(trial: Trial) -> str | None:
    """Classes are two or more different names; those that it declares are those that it gives."""
    classes, declared = trial.raw.classes, trial.entry.classes
    if len(set(classes)) != len(classes) or len(classes) < 2 or not all(isinstance(name, str) for name in classes):
        return f"Its classes are {list(classes)!r}: give a list of two or more different texts."
    if declared is not None and tuple(classes) != declared:
        return f"It declares classes={declared!r}, and gives {tuple(classes)!r}."
    return None


def labels_every_image(trial: Trial) -> str | None:
    """Each image has a label, the number of a class; every class has images in both splits."""
    number = len(trial.raw.classes)
    for name, (images, labels) in trial.splits.items():
        labels = np.asarray(labels)
        if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
            return (
                f"Of {len(images)} {name} images the labels are an array of {labels.dtype} of shape {labels.shape}: "
                "give one whole number for each image."
            )
        if outside := sorted({*labels.tolist()} - set(range(number))):
            return f"A {name} label is {outside[0]}: with {number} classes they are 0 to {number - 1}."
        if missing := sorted(set(range(number)) - {*labels.tolist()}):
            return f"No {name} image is of class {trial.raw.classes[missing[0]]!r}."
    return None


def gives_images(trial: Trial) -> str | None:
    """Images are uint8 arrays (height, width) or (height, width, 3), 0 to 255, or images of Pillow."""
    from PIL import Image

    for name, (images, _) in trial.splits.items():
        for number in range(min(LOOKED_AT, len(images))):
            image = images[number]
            if isinstance(image, Image.Image):
                continue
            array = np.asarray(image)
            if array.dtype != np.uint8:
                return f"A {name} image is of type {array.dtype}: give whole numbers from 0 to 255, as np.uint8."
            if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3)):
                return f"A {name} image has the shape {array.shape}: give (height, width) or (height, width, 3)."
    return None


def gives_the_same_each_time(trial: Trial) -> str | None:
    """It gives the same images, in the same order, each time."""
    first, second = trial.raw, prepare.Raw(*trial.call())
    labels = [(first.labels, second.labels), (first.test_labels, second.test_labels)]
    images = [(first.images, second.images), (first.test_images, second.test_images)]
    pairs = [*labels, *(pair for old, new in images for pair in zip(_some(old), _some(new), strict=True))]
    if all(np.array_equal(np.asarray(old), np.asarray(new)) for old, new in pairs):
        return None
    return "Two calls give different images or labels: sort the files, and draw from a generator with its own seed."


def keeps_test_images_apart(trial: Trial) -> str | None:
    """Test images are not training images too: at most 1 in 100, of the first ones."""
    seen = {np.asarray(image).tobytes() for image in _some(trial.raw.images, COMPARED)}
    test = _some(trial.raw.test_images, COMPARED)
    shared = sum(np.asarray(image).tobytes() in seen for image in test)
    if 100 * shared <= len(test):
        return None
    return f"{shared} of {len(test)} test images are training images: accuracy on them says nothing of unseen ones."


def can_be_prepared(trial: Trial) -> str | None:
    """The library can prepare it: resized, with a validation split, as grey and as colour images."""
    classes = list(trial.raw.classes)
    for channels in (1, 3):
        with tempfile.TemporaryDirectory() as folder:
            how = {"size": 8, "channels": channels, "validation": 0.2, "mean": 0.45, "std": 0.225}
            manifest = prepare.prepare(
                Path(folder), prepare.Preparation(name=trial.entry.name, data_root=trial.root, **how)
            )
            data = prepare.load(folder)
            if data.train.images.shape[1:] != (8, 8, channels) or manifest["classes"] != classes:
                return f"Prepared, its images have the shape {data.train.images.shape[1:]}."
    return None


def _some(images: Images, number: int = LOOKED_AT) -> list[Any]:
    return [images[place] for place in range(min(number, len(images)))]


CHECKS = (
    gives_five_values,
    names_its_classes,
    labels_every_image,
    gives_images,
    gives_the_same_each_time,
    keeps_test_images_apart,
    can_be_prepared,
)
