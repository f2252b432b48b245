"""Changes of colour, each image of a batch by its own amount: those of `pytorch.colours`, by the same formulas.

Images are (n, h, w, c) uint8, amounts (n,). An amount of 0 changes nothing (a hue by a grey level, because of
rounding).
"""

from __future__ import annotations

import numpy as np

GREY = np.array([0.2989, 0.587, 0.114], np.float32)  # what red, green and blue add to the grey of a pixel
LEVELS = np.float32(255.999)  # colours of 0 to 1 times this, cut off, are levels of 0 to 255


def brightness(images: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Pixels times 1 + amount."""
    return _blended(images, np.zeros((), np.float32), amounts)


def contrast(images: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Away from the image's mean grey, or towards it."""
    return _blended(images, _grey(images).mean((1, 2, 3), keepdims=True), amounts)


def saturation(images: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Away from the image in grey, or towards it; a grey image stays as it is."""
    return images if images.shape[-1] == 1 else _blended(images, _grey(images), amounts)


def hue(images: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Hue turned by the amount (1 is the whole circle); a grey image stays as it is."""
    if images.shape[-1] == 1:
        return images
    colours = images.astype(np.float32) / 255
    value, low = colours.max(-1), colours.min(-1)
    spread = value - low
    grey = spread == 0
    turned = np.remainder(_hue(colours, value, np.where(grey, 1, spread)) + amounts[:, None, None], 1)
    saturated = spread / np.where(grey, 1, value)
    return (_colours(np.where(grey, 0, turned), saturated, value) * LEVELS).astype(np.uint8)


def _grey(images: np.ndarray) -> np.ndarray:
    """(n, h, w, 1), whole numbers in float32."""
    if images.shape[-1] == 1:
        return images.astype(np.float32)
    return np.floor((images * GREY).sum(-1, keepdims=True, dtype=np.float32))


def _blended(images: np.ndarray, others: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """images * (1 + amount) - others * amount."""
    amounts = amounts.astype(np.float32)[:, None, None, None]
    return np.clip(images * (1 + amounts) - others * amounts, 0, 255).astype(np.uint8)


def _hue(colours: np.ndarray, value: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """The hue (0 to 1) of colours (..., 3), whose largest part is `value`, the smallest less by `spread`."""
    red, green, blue = (value[..., None] - colours).transpose(3, 0, 1, 2) / spread
    sixths = np.where(colours[..., 1] == value, red - blue + 2, green - red + 4)
    return np.remainder(np.where(colours[..., 0] == value, blue - green, sixths) / 6, 1).astype(np.float32)


def _colours(turned: np.ndarray, saturated: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Red, green and blue (..., 3) of a hue, a saturation and a value, each from 0 to 1."""
    parts = [np.remainder(number + turned * 6, 6) for number in (5, 3, 1)]
    parts = [value - value * saturated * np.clip(np.minimum(part, 4 - part), 0, 1) for part in parts]
    return np.clip(np.stack(parts, -1), 0, 1)


CHANGES = (brightness, contrast, saturation, hue)
