"""Augmentations: whole batches of uint8 images (n, c, h, w) in, the same out, each image changed on its own.

Randomness comes from the generator alone, so that a resumed training sees the very images it would have seen.
"""

from __future__ import annotations

from typing import Annotated, Literal

from espalier.registry import get, register

Pixels = Annotated[int, {"minimum": 1}]
Share = Annotated[float, {"minimum": 0, "maximum": 1}]


def augment(images, steps: list, generator):
    """Apply the steps of a recipe: names, or names with their values."""
    for step in steps:
        name, values = (step, {}) if isinstance(step, str) else next(iter(step.items()))
        function = get("augmentation", name, "pytorch")
        if values is None:
            values = {}
        if not isinstance(values, dict):
            import inspect

            first = next(p for p in inspect.signature(function.function).parameters if p not in ("images", "generator"))
            values = {first: values}
        images = function(images, generator=generator, **values)
    return images


@register("resize", kind="augmentation", backend="pytorch", title="Resize, bilinear")
def resize(images, size: Pixels, generator=None):
    """Every image to size x size."""
    from torchvision.transforms.v2 import functional

    return functional.resize(images, [size, size], antialias=True)


@register("random_crop", kind="augmentation", backend="pytorch", title="Random crop", crops=True)
def random_crop(images, size: Pixels, generator, padding: Annotated[int, {"minimum": 0}] = 0):
    """A size x size window of each image at a random place, after a zero border of `padding` pixels."""
    import torch
    from torch.nn import functional

    images = functional.pad(images, [padding] * 4)
    n, _, height, width = images.shape
    top = torch.randint(0, height - size + 1, (n, 1, 1), generator=generator)
    left = torch.randint(0, width - size + 1, (n, 1, 1), generator=generator)
    rows = top + torch.arange(size)[:, None]
    columns = left + torch.arange(size)[None, :]
    return images[torch.arange(n)[:, None, None], :, rows, columns].permute(0, 3, 1, 2)


@register("horizontal_flip", kind="augmentation", backend="pytorch", title="Horizontal flip")
def horizontal_flip(images, generator, probability: Share = 0.5):
    """Each image mirrored with the given probability."""
    import torch

    flipped = torch.rand(len(images), generator=generator) < probability
    return torch.where(flipped[:, None, None, None], images.flip(3), images)


@register("color_jitter", kind="augmentation", backend="pytorch", title="Colour jitter")
def color_jitter(images, strength: Share, generator):
    """Brightness, contrast, saturation and hue of each image changed by up to `strength` (0.1 as published)."""
    from torchvision.transforms import v2

    return _each(v2.ColorJitter(strength, strength, strength, strength), images, generator)


@register(
    "autoaugment",
    kind="augmentation",
    backend="pytorch",
    title="AutoAugment",
    cite="Cubuk et al. 2019, arXiv:1805.09501",
)
def autoaugment(images, generator, policy: Literal["cifar10", "imagenet", "svhn"] = "cifar10"):
    """AutoAugment's policy for `cifar10`, `imagenet` or `svhn`."""
    from torchvision.transforms import v2

    return _each(v2.AutoAugment(v2.AutoAugmentPolicy(policy)), images, generator)


def _each(transform, images, generator):
    """A torchvision transform on each image by itself. It draws from torch's global generator, which is seeded from
    ours and put back afterwards."""
    import torch

    seed = int(torch.randint(0, 2**31, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.stack([transform(image) for image in images])
