"""The contract of augmentations (PyTorch)."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from espalier.contract.trial import NotChecked
from espalier.plan.validate import example_of
from espalier.registry import Augmentation

if TYPE_CHECKING:
    from torch import Tensor

SIZE = 16


@contextmanager
def trial(entry: Augmentation) -> Iterator[Augmentation]:
    yield entry


def made_up() -> Tensor:
    """A batch of images, as an augmentation gets them: uint8, (n, c, h, w)."""
    import torch

    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (8, 3, SIZE, SIZE), dtype=torch.uint8, generator=generator)


def options(entry: Augmentation) -> dict[str, Any]:
    """A value for each option that has no default."""
    parameters = inspect.signature(entry.function).parameters
    needed = [name for name, p in parameters.items() if p.default is p.empty and name not in ("images", "generator")]
    values = {name: SIZE if name == "size" else example_of(entry, name) for name in needed}
    if unknown := [name for name, value in values.items() if value is None]:
        raise NotChecked(f"its options {', '.join(unknown)} have neither a default nor a type to try it with")
    return values


def changed(entry: Augmentation, images: Tensor, seed: int = 0) -> Tensor:
    import torch

    return entry(images, generator=torch.Generator().manual_seed(seed), **options(entry))


def gives_images(entry: Augmentation) -> str | None:
    """It gives as many images of the same type and channels, all of one size."""
    import torch

    images = made_up()
    result = changed(entry, images)
    if not isinstance(result, torch.Tensor) or result.dtype != torch.uint8 or result.shape[:2] != images.shape[:2]:
        given = f"{result.dtype} of shape {tuple(result.shape)}" if isinstance(result, torch.Tensor) else repr(result)
        return f"Of images of type torch.uint8 and shape {tuple(images.shape)} it makes {given}."
    return None


def draws_from_the_generator(entry: Augmentation) -> str | None:
    """The same generator gives the same images: it draws from nothing else."""
    import torch

    before = torch.get_rng_state()
    first, second = changed(entry, made_up()), changed(entry, made_up())
    if not first.equal(second):
        return "Two calls with the same generator differ: pass `generator=generator` to each function that draws."
    if not torch.get_rng_state().equal(before):
        return "It draws from torch's global generator: pass `generator=generator` to each function that draws."
    return None


def changes_nothing(entry: Augmentation) -> str | None:
    """It does not change the images that it is given."""
    images = made_up()
    changed(entry, images)
    return None if images.equal(made_up()) else "It changes the images in place: work on a copy, images.clone()."


CHECKS = (gives_images, draws_from_the_generator, changes_nothing)
