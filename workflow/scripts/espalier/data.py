"""Data sets: prepared once into uint8 arrays, then memory-mapped by every job.

A prepared data set is a folder of three files. `images.npy` (n, size, size, channels) uint8 and `labels.npy` (n,) int64
hold the training, validation and test images one after another; `manifest.json` says where each begins, and what the
data set is.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espalier.registry import get, register

SPLITS = ("train", "validation", "test")
SPLIT_SEED = 0  # which images are test or validation images never changes with a run's seed


@dataclass(frozen=True)
class Split:
    """Some of a data set: images (n, h, w, c) uint8, labels (n,) int64."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Data:
    """A prepared data set, memory-mapped."""

    train: Split
    validation: Split
    test: Split
    manifest: dict

    @property
    def classes(self) -> list[str]:
        return self.manifest["classes"]


def prepare(
    folder: Path,
    *,
    name: str,
    size: int,
    channels: int,
    validation: float,
    mean: float,
    std: float,
    classes: list[str] | None = None,
) -> dict:
    """Make the three files of a data set in `folder` and return the manifest.

    size: side of the images in pixels; channels: 1 or 3; validation: share of the training images to keep aside;
    mean, std: how nets normalise pixels between 0 and 1 (kept in the manifest; the arrays stay uint8); classes: names
    of the only classes to keep, numbered in this order; None keeps all. Raises ValueError for a class that the data
    set does not have, and for fewer than two.
    """
    images, labels, test_images, test_labels, names = get("dataset", name)()
    if classes is not None:
        numbers = _numbers(classes, names, name)
        images, labels = _of_classes(images, labels, numbers)
        test_images, test_labels = _of_classes(test_images, test_labels, numbers)
        names = list(classes)
    train, kept = _stratified(labels, validation)
    parts = {"train": (images[train], labels[train]), "validation": (images[kept], labels[kept])}
    parts["test"] = (test_images, test_labels)
    all_images = np.concatenate([_fitted(i, size, channels) for i, _ in parts.values()])
    all_labels = np.concatenate([labels for _, labels in parts.values()]).astype(np.int64)
    ends = np.cumsum([len(labels) for _, labels in parts.values()]).tolist()
    manifest = {
        "name": name,
        "title": get("dataset", name).title,
        "size": size,
        "channels": channels,
        "mean": mean,
        "std": std,
        "classes": names,
        "splits": {split: [start, end] for split, start, end in zip(SPLITS, [0, *ends], ends, strict=False)},
        "sha256": hashlib.sha256(all_images.tobytes() + all_labels.tobytes()).hexdigest(),
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "images.npy", all_images)
    np.save(folder / "labels.npy", all_labels)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def load(folder: str | Path) -> Data:
    """Open a prepared data set; images stay on disk until they are read."""
    folder = Path(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    images = np.load(folder / "images.npy", mmap_mode="r")
    labels = np.load(folder / "labels.npy")
    splits = [Split(images[a:b], labels[a:b]) for a, b in (manifest["splits"][split] for split in SPLITS)]
    return Data(*splits, manifest)


def _numbers(classes: list[str], names: list[str], dataset: str) -> list[int]:
    """The numbers that the data set gives to the classes of these names."""
    unknown = [name for name in classes if name not in names]
    if unknown:
        raise ValueError(f"{dataset} has no class {', '.join(map(repr, unknown))}. Its classes are: {', '.join(names)}")
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise ValueError(
            f"`classes` of {dataset} must be two or more different ones, not {', '.join(classes) or 'none'}"
        )
    return [names.index(name) for name in classes]


def _of_classes(images: np.ndarray, labels: np.ndarray, numbers: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The images whose label is one of `numbers`; as labels the places in that list."""
    labels = np.asarray(labels)
    of_them = np.isin(labels, numbers)
    places = {number: place for place, number in enumerate(numbers)}
    return images[of_them], np.array([places[label] for label in labels[of_them].tolist()], np.int64)


def _stratified(labels: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the images to use and of those to keep aside, each class in proportion; always the same."""
    everything = np.arange(len(labels))
    if not share:
        return everything, everything[:0]
    from sklearn.model_selection import train_test_split

    classes = len(np.unique(labels))
    if share * len(labels) < classes:
        raise ValueError(f"a share of {share} of {len(labels)} images has not one of each of the {classes} classes")
    used, kept = train_test_split(everything, test_size=share, random_state=SPLIT_SEED, stratify=labels)
    return np.sort(used), np.sort(kept)


def _fitted(images: np.ndarray, size: int, channels: int) -> np.ndarray:
    """Images (n, h, w) or (n, h, w, c) as (n, size, size, channels): resized bilinearly, grey to RGB or back."""
    from PIL import Image

    mode = {1: "L", 3: "RGB"}[channels]
    fitted = np.empty((len(images), size, size, channels), np.uint8)
    for i, image in enumerate(images):
        picture = Image.fromarray(image.squeeze()).convert(mode).resize((size, size), Image.Resampling.BILINEAR)
        fitted[i] = np.asarray(picture).reshape(size, size, channels)
    return fitted


@register(
    "digits",
    kind="dataset",
    title="Handwritten digits of scikit-learn",
    cite="Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI",
)
def digits():
    """1,797 grey images of 8x8 pixels in ten classes, embedded in scikit-learn; a fifth, stratified, is for test."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = (bunch.images * (255 / 16)).round().astype(np.uint8)  # stored as 0 to 16
    train, test = _stratified(bunch.target, 0.2)
    return images[train], bunch.target[train], images[test], bunch.target[test], [str(c) for c in bunch.target_names]
