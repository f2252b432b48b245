"""Data sets that lie as images in folders of classes."""

from __future__ import annotations

from pathlib import Path

from espalier.datasets import folders
from espalier.datasets.prepare import Raw
from espalier.registry import Dataset, register


def _cats_vs_dogs(root: Path, path: Path | None = None) -> list[Path]:
    return folders.watched(path or root / "cats_vs_dogs")


def _image_folder(root: Path, path: Path) -> list[Path]:
    return folders.watched(path)


@register(Dataset("image_folder", title="Images in folders of classes", sources=_image_folder))
def image_folder(root: Path, path: Path) -> Raw:
    """Any set of images, in a folder for each class: all below `path`, a directory or a zip."""
    return folders.read(path, root)


@register(
    Dataset(
        "cats_vs_dogs",
        title="Cats and dogs",
        cite="Elson et al. 2007, Asirra, ACM CCS; Kaggle Dogs vs. Cats",
        sources=_cats_vs_dogs,
    )
)
def cats_vs_dogs(root: Path, path: Path | None = None) -> Raw:
    """Photographs of cats and dogs, in whatever folder or zip lies in cats_vs_dogs; nothing is downloaded."""
    return folders.read(path or root / "cats_vs_dogs", root)
