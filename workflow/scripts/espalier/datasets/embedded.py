"""Data sets that come with an installed package: nothing to fetch, nothing to find."""

from __future__ import annotations

from typing import Any

import numpy as np

from espalier.datasets.prepare import Raw, stratified
from espalier.registry import Dataset, register


@register(
    Dataset(
        "digits",
        title="Handwritten digits of scikit-learn",
        cite="Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI",
        classes=tuple("0123456789"),
    )
)
def digits() -> Raw:
    """1,797 grey images of 8x8 pixels in ten classes, embedded in scikit-learn; a fifth, stratified, is for test."""
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    images = (bunch.images * (255 / 16)).round().astype(np.uint8)  # stored as 0 to 16
    train, test = stratified(bunch.target, 0.2)
    classes = [str(c) for c in bunch.target_names]
    source = {"form": "embedded in scikit-learn"}
    return Raw(images[train], bunch.target[train], images[test], bunch.target[test], classes, source)
