"""Augmentations: functions of a whole batch of uint8 images (n, h, w, c), which change each image on its own.

They are those of the PyTorch backend, with the same names and values, in NumPy. Randomness comes only from the
generator (NumPy's): a resumed training sees exactly the images that it would have seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from espalier.registry import Augmentation, register
from espalier.training.augmentation import GREY, Alpha, Level, Pixels, Share, Side, Strength

if TYPE_CHECKING:
    from numpy.random import Generator


@register(Augmentation("resize", backend="keras", title="Resize, bilinear"))
def resize(images: np.ndarray, size: Pixels, generator: Generator | None = None) -> np.ndarray:
    """Every image to size x size."""
    from espalier.keras.runtime import tf

    with tf.device("CPU"):  # the only device for which TensorFlow has it
        resized = tf.image.resize(images, [size, size], "bilinear", antialias=True).numpy()
    return resized.round().clip(0, 255).astype(np.uint8)


@register(Augmentation("random_crop", backend="keras", title="Random crop", crops=True))
def random_crop(
    images: np.ndarray, size: Pixels, generator: Generator, padding: Annotated[int, {"minimum": 0}] = 0
) -> np.ndarray:
    """A size x size window of each image at a random place, after a zero border of `padding` pixels."""
    images = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    n, height, width, _ = images.shape
    top, left = (generator.integers(0, pixels - size + 1, (n, 1, 1)) for pixels in (height, width))
    window = np.arange(size)
    return images[np.arange(n)[:, None, None], top + window[:, None], left + window]


@register(Augmentation("horizontal_flip", backend="keras", title="Horizontal flip"))
def horizontal_flip(images: np.ndarray, generator: Generator, probability: Share = 0.5) -> np.ndarray:
    """Each image mirrored with the given probability."""
    flipped = generator.random(len(images)) < probability
    return np.where(flipped[:, None, None, None], images[:, :, ::-1], images)


@register(Augmentation("cutout", backend="keras", title="Cutout", cite="DeVries and Taylor 2017, arXiv:1708.04552"))
def cutout(images: np.ndarray, side: Side, generator: Generator, fill: Level = GREY) -> np.ndarray:
    """A square of side x side pixels in each image, its centre anywhere in the image, is set to `fill`."""
    n, height, width, _ = images.shape

    def covered(pixels: int) -> np.ndarray:
        places = np.arange(pixels) - generator.integers(0, pixels, (n, 1)) + side // 2
        return (places >= 0) & (places < side)

    rows, columns = covered(height), covered(width)
    return np.where((rows[:, :, None] & columns[:, None, :])[..., None], np.uint8(fill), images)


@register(Augmentation("mixup", backend="keras", title="Mixup", cite="Zhang et al. 2018, arXiv:1710.09412"))
def mixup(images: np.ndarray, labels: np.ndarray, alpha: Alpha, generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Each image and its label mixed with another one's of the batch; the share of each is drawn for the batch, from a
    beta distribution with both parameters `alpha` (the greater, the more even the shares)."""
    partners, share = generator.permutation(len(images)), np.float32(generator.beta(alpha, alpha))
    mixed = (images * share + images[partners] * (1 - share)).round()
    return mixed.astype(images.dtype), share * labels + (1 - share) * labels[partners]


@register(Augmentation("color_jitter", backend="keras", title="Colour jitter", colours=True))
def color_jitter(images: np.ndarray, strength: Strength, generator: Generator) -> np.ndarray:
    """Brightness, contrast, saturation and hue of each image changed by up to `strength` (0.1 as published).

    The four amounts and their order are drawn for each image, as torchvision's ColorJitter does it.
    """
    from espalier.keras.colours import CHANGES

    turns = generator.random((len(images), len(CHANGES))).argsort(1)
    amounts = (generator.random((len(images), len(CHANGES))) * 2 - 1) * strength
    for turn in range(len(CHANGES)):
        changed = np.empty_like(images)
        for kind, change in enumerate(CHANGES):  # images with the same change at this turn are changed together
            places = np.flatnonzero(turns[:, turn] == kind)
            changed[places] = change(images[places], amounts[places, kind])
        images = changed
    return images
