"""Changes of colour, each image of a batch by its own amount.

The formulas are those of torchvision (transforms.v2.functional), whose functions take one amount for all images. Images
are (n, c, h, w) uint8, amounts (n,) on the same device. An amount of 0 changes nothing (a hue by a grey level, because
of rounding).
"""

from __future__ import annotations

import torch
from torchvision.transforms.v2 import functional
from torchvision.transforms.v2.functional import _color


def brightness(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """Pixels times 1 + amount."""
    return _blended(images, torch.zeros((), device=images.device), amounts)


def contrast(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """Away from the image's mean grey, or towards it."""
    return _blended(images, _grey(images).mean((1, 2, 3), keepdim=True), amounts)


def saturation(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """Away from the image in grey, or towards it; a grey image stays as it is."""
    return images if images.shape[1] == 1 else _blended(images, _grey(images), amounts)


def hue(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """Hue turned by the amount (1 is the whole circle); a grey image stays as it is."""
    if images.shape[1] == 1:
        return images
    turned = _color._rgb_to_hsv(functional.to_dtype(images, torch.float32, scale=True))
    turned[:, 0] = (turned[:, 0] + amounts[:, None, None]).remainder(1)
    return functional.to_dtype(_color._hsv_to_rgb(turned), torch.uint8, scale=True)


def _grey(images: torch.Tensor) -> torch.Tensor:
    """(n, 1, h, w), whole numbers in float32."""
    return functional.rgb_to_grayscale(images).to(torch.float32)


def _blended(images: torch.Tensor, others: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """images * (1 + amount) - others * amount."""
    amounts = amounts[:, None, None, None]
    return (images * (1 + amounts)).sub_(others * amounts).clamp_(0, 255).to(torch.uint8)


CHANGES = (brightness, contrast, saturation, hue)
