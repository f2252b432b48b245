"""The contract of augmentations, of both backends."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from espalier.contract import tiny_study
from espalier.contract.trial import NotChecked
from espalier.plan.validate import example_of
from espalier.registry import Augmentation
from espalier.training.augmentation import GIVEN

SIZE, IMAGES, CHANNELS = 16, 8, 3


@contextmanager
def trial(entry: Augmentation) -> Iterator[Augmentation]:
    tiny_study.start(entry.backend)
    yield entry


def made_up(entry: Augmentation) -> Any:
    """A batch of images, as an augmentation gets them: uint8, PyTorch (n, c, h, w), Keras (n, h, w, c)."""
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, SIZE, SIZE, CHANNELS), np.uint8)
    return images if entry.backend == "keras" else _tensor(images.transpose(0, 3, 1, 2))


def shares(entry: Augmentation) -> Any:
    """Each class's share of each image: of every image another class."""
    labels = np.eye(IMAGES, dtype=np.float32)
    return labels if entry.backend == "keras" else _tensor(labels)


def generator_of(entry: Augmentation, seed: int = 0) -> Any:
    """A seeded generator of the backend."""
    if entry.backend == "keras":
        return np.random.default_rng(seed)
    import torch

    return torch.Generator().manual_seed(seed)


def options(entry: Augmentation) -> dict[str, Any]:
    """A value for each option that has no default."""
    parameters = inspect.signature(entry.function).parameters
    needed = [name for name, p in parameters.items() if p.default is p.empty and name not in GIVEN]
    values = {name: SIZE if name == "size" else example_of(entry, name) for name in needed}
    if unknown := [name for name, value in values.items() if value is None]:
        raise NotChecked(f"its options {', '.join(unknown)} have neither a default nor a type to try it with")
    return values


def changed(entry: Augmentation, images: Any) -> tuple[np.ndarray, ...]:
    """What it makes of images, and of their labels if it asks for them."""
    given = {"labels": shares(entry)} if "labels" in inspect.signature(entry.function).parameters else {}
    result = entry(images, generator=generator_of(entry), **given, **options(entry))
    return tuple(np.asarray(part) for part in (result if given else (result,)))


def gives_images(entry: Augmentation) -> str | None:
    """It gives as many images of the same type and channels, all of one size; and shares that add up to 1."""
    images = np.asarray(made_up(entry))
    result, *labels = changed(entry, made_up(entry))
    axis = images.ndim - 1 if entry.backend == "keras" else 1
    same = result.ndim == images.ndim and all(result.shape[k] == images.shape[k] for k in (0, axis))
    if result.dtype != np.uint8 or not same:
        return f"Of images of type uint8 and shape {images.shape} it makes {result.dtype} of shape {result.shape}."
    for part in labels:
        if part.shape != (IMAGES, IMAGES) or not np.allclose(part.sum(1), 1):
            return f"The shares of the classes of its images, {part.shape}, do not add up to 1 for each image."
    return None


def draws_from_the_generator(entry: Augmentation) -> str | None:
    """The same generator gives the same images: it draws from nothing else."""
    before = _global_states()
    first, second = changed(entry, made_up(entry)), changed(entry, made_up(entry))
    if not all(np.array_equal(one, other) for one, other in zip(first, second, strict=True)):
        return "Two calls with the same generator differ: pass `generator=generator` to each function that draws."
    if _global_states() != before:
        return "It draws from a global generator: draw all numbers from `generator`."
    return None


def changes_nothing(entry: Augmentation) -> str | None:
    """It does not change the images that it is given."""
    images = made_up(entry)
    changed(entry, images)
    same = np.array_equal(np.asarray(images), np.asarray(made_up(entry)))
    return None if same else "It changes the images in place: work on a copy of them."


def _tensor(array: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(array.copy())


def _global_states() -> tuple[bytes, int, bytes]:
    """The states of NumPy's global generator and, if it is imported, of torch's."""
    numpys: Any = np.random.get_state(legacy=False)
    torch: Any = sys.modules.get("torch")
    torchs = torch.get_rng_state().numpy().tobytes() if torch else b""
    return numpys["state"]["key"].tobytes(), numpys["state"]["pos"], torchs


CHECKS = (gives_images, draws_from_the_generator, changes_nothing)
