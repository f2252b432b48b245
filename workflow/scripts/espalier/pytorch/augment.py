"""Augmentations: functions of a whole batch of uint8 images (n, c, h, w), which change each image on its own.

Randomness comes only from the generator, which is the CPU's on every device: a resumed training sees exactly the images
that it would have seen, and a training on another device sees the same images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from espalier.registry import Augmentation, register
from espalier.training.augmentation import GREY, Alpha, Level, Pixels, Share, Side, Strength

if TYPE_CHECKING:
    from torch import Generator, Tensor


@register(Augmentation("resize", backend="pytorch", title="Resize, bilinear"))
def resize(images: Tensor, size: Pixels, generator: Generator | None = None) -> Tensor:
    """Every image to size x size."""
    from torchvision.transforms.v2 import functional

    return functional.resize(images, [size, size], antialias=True)


@register(Augmentation("random_crop", backend="pytorch", title="Random crop", crops=True))
def random_crop(
    images: Tensor, size: Pixels, generator: Generator, padding: Annotated[int, {"minimum": 0}] = 0
) -> Tensor:
    """A size x size window of each image at a random place, after a zero border of `padding` pixels."""
    import torch
    from torch.nn import functional

    images = functional.pad(images, [padding] * 4)
    n, _, height, width = images.shape
    corners = (torch.randint(0, pixels - size + 1, (n, 1, 1), generator=generator) for pixels in (height, width))
    top, left = (corner.to(images.device, non_blocking=True) for corner in corners)
    number, window = (torch.arange(pixels, device=images.device) for pixels in (n, size))
    return images[number[:, None, None], :, top + window[:, None], left + window].permute(0, 3, 1, 2)


@register(Augmentation("horizontal_flip", backend="pytorch", title="Horizontal flip"))
def horizontal_flip(images: Tensor, generator: Generator, probability: Share = 0.5) -> Tensor:
    """Each image mirrored with the given probability."""
    import torch

    flipped = (torch.rand(len(images), generator=generator) < probability).to(images.device, non_blocking=True)
    return torch.where(flipped[:, None, None, None], images.flip(3), images)


@register(Augmentation("cutout", backend="pytorch", title="Cutout", cite="DeVries and Taylor 2017, arXiv:1708.04552"))
def cutout(images: Tensor, side: Side, generator: Generator, fill: Level = GREY) -> Tensor:
    """A square of side x side pixels in each image, its centre anywhere in the image, is set to `fill`."""
    import torch

    n, _, height, width = images.shape

    def covered(pixels: int) -> Tensor:
        centres = torch.randint(0, pixels, (n, 1), generator=generator)
        places = torch.arange(pixels) - centres + side // 2
        return ((places >= 0) & (places < side)).to(images.device, non_blocking=True)

    rows, columns = covered(height), covered(width)
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], fill)


@register(Augmentation("mixup", backend="pytorch", title="Mixup", cite="Zhang et al. 2018, arXiv:1710.09412"))
def mixup(images: Tensor, labels: Tensor, alpha: Alpha, generator: Generator) -> tuple[Tensor, Tensor]:
    """Each image and its label mixed with another one's of the batch; the share of each is drawn for the batch, from a
    beta distribution with both parameters `alpha` (the greater, the more even the shares)."""
    import numpy as np
    import torch

    partners = torch.randperm(len(images), generator=generator).to(images.device, non_blocking=True)
    seed = int(torch.randint(2**31, (1,), generator=generator))  # torch draws from no beta distribution by a generator
    share = float(np.random.default_rng(seed).beta(alpha, alpha))
    mixed = (images.float() * share).add_(images[partners].float(), alpha=1 - share)
    return mixed.round_().to(images.dtype), share * labels + (1 - share) * labels[partners]


@register(Augmentation("color_jitter", backend="pytorch", title="Colour jitter", colours=True))
def color_jitter(images: Tensor, strength: Strength, generator: Generator) -> Tensor:
    """Brightness, contrast, saturation and hue of each image changed by up to `strength` (0.1 as published).

    The four amounts and their order are drawn for each image, as torchvision's ColorJitter does it.
    """
    import torch

    from espalier.pytorch.colours import CHANGES

    n, kinds, device = len(images), len(CHANGES), images.device
    turns = torch.rand(n, kinds, generator=generator).argsort(1)
    amounts = (torch.rand(n, kinds, generator=generator) * 2 - 1) * strength
    for turn in range(kinds):
        places, parts = [], []  # images with the same change at this turn are changed together
        for kind, change in enumerate(CHANGES):
            places.append((turns[:, turn] == kind).nonzero().flatten())
            amount = amounts[places[-1], kind].to(device, non_blocking=True)
            parts.append(change(images[places[-1].to(device, non_blocking=True)], amount))
        images = _in_place(parts, places)
    return images


@register(
    Augmentation(
        "autoaugment",
        backend="pytorch",
        title="AutoAugment",
        cite="Cubuk et al. 2019, arXiv:1805.09501",
        colours=True,
    )
)
def autoaugment(
    images: Tensor, generator: Generator, policy: Literal["cifar10", "imagenet", "svhn"] = "cifar10"
) -> Tensor:
    """AutoAugment's policy for `cifar10`, `imagenet` or `svhn`, by torchvision's tables and operations.

    For each image a pair of operations is drawn, whether either is applied, and its sign. Images that get the same
    operation with the same strength get it together.
    """
    import torch
    from torchvision.transforms import v2

    transform = v2.AutoAugment(v2.AutoAugmentPolicy(policy))
    pairs, operations = transform._policies, transform._AUGMENTATION_SPACE  # what its own forward goes by
    drawn = torch.randint(len(pairs), (len(images),), generator=generator).tolist()
    chances, signs = (torch.rand(len(images), 2, generator=generator).tolist() for _ in range(2))
    for turn in range(2):
        groups: dict[tuple | None, list[int]] = {}  # None: nothing is done to these
        for image, pair in enumerate(drawn):
            name, probability, level = pairs[pair][turn]
            negative = operations[name][1] and signs[image][turn] <= 0.5
            done = (name, level, negative) if chances[image][turn] <= probability else None
            groups.setdefault(done, []).append(image)
        places, parts = [torch.tensor(members) for members in groups.values()], []
        for done, place in zip(groups, places, strict=True):
            part = images[place.to(images.device, non_blocking=True)]
            if done:
                name, level, negative = done
                strengths = operations[name][0](10, *images.shape[-2:])
                strength = 0.0 if strengths is None else float(strengths[level]) * (-1 if negative else 1)
                part = transform._apply_image_or_video_transform(
                    part, name, strength, transform.interpolation, transform._fill
                )
            parts.append(part)
        images = _in_place(parts, places)
    return images


def _in_place(parts: list[Tensor], places: list[Tensor]) -> Tensor:
    """The images of all parts in one batch, each at its place in it (CPU). Writing the parts into a batch would be
    slower: where CUDA must be deterministic, it sorts for each part."""
    import torch

    return torch.cat(parts)[torch.cat(places).argsort().to(parts[0].device, non_blocking=True)]
