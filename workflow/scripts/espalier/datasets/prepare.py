"""Data sets: prepared once into uint8 arrays, then memory-mapped by every job.

A prepared data set is a folder of three files. `images.npy` (n, size, size, channels) uint8 and `labels.npy` (n,) int64
hold the training, validation and test images one after another; `manifest.json` says where each begins, what the data
set is, and what it was read from. Where data sets come from: `espalier.datasets`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from espalier import datasets
from espalier.registry import Dataset, get
from espalier.run.integrity import check, read_sealed, sha256, write_sealed

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

    from PIL import Image

FILES = ("images.npy", "labels.npy")
SPLITS = ("train", "validation", "test")
SPLIT_SEED = 0  # which images are test or validation images never changes with a run's seed


class Raw(NamedTuple):
    """What a registered data set gives: images (n, h, w) or (n, h, w, 3) uint8, or a sequence that decodes each into a
    PIL image when it is asked for; labels (n,), numbers of `classes`; and for the manifest, what was read."""

    images: Sequence | np.ndarray
    labels: np.ndarray
    test_images: Sequence | np.ndarray
    test_labels: np.ndarray
    classes: list[str]
    source: dict[str, Any] = {}  # noqa: RUF012 (read only)


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


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How a data set is prepared: the keys of `dataset` in a study, and where data lies.

    name: a registered data set; path: where its files are, if not in their usual place below `data_root`. size: side of
    the images in pixels; channels: 1 or 3; fit: how an image that is not square becomes square, `squash` or `crop`.
    classes: the names of the only classes to keep, numbered in this order; None keeps all. outputs: in place of
    classes, {"number": of a net's outputs, "classes": {name: the output that stands for it}}; labels are these outputs.
    validation: share of the training images to keep aside. mean, std: how nets normalise pixels between 0 and 1, each a
    number or one for each channel (kept in the manifest; the arrays stay uint8). order: of the channels in the arrays,
    rgb or bgr.
    """

    name: str
    size: int
    channels: int
    validation: float
    mean: float | Sequence[float]
    std: float | Sequence[float]
    classes: Sequence[str] | None = None
    outputs: Mapping[str, Any] | None = None
    path: str | None = None
    fit: str = "squash"
    order: str = "rgb"
    data_root: str | Path = datasets.DEFAULT


def prepare(folder: Path, how: Preparation) -> dict[str, Any]:
    """Make the three files of a data set in `folder` and return the manifest.

    Images are written one by one: memory is needed for what the set's function holds, not for the prepared arrays.
    Raises ValueError for a class that the data set does not have, for fewer than two classes, and for files that are
    damaged or not laid out as they should be, FileNotFoundError for missing ones, RuntimeError if they cannot be
    downloaded.
    """
    entry = get(Dataset, how.name)
    raw = Raw(*entry(**datasets.arguments(entry, how.data_root, how.path)))
    stands_for = how.outputs["classes"] if how.outputs else {}  # class -> output
    kept = list(stands_for or (raw.classes if how.classes is None else how.classes))
    numbers = _numbers(kept, raw.classes, how.name)
    labels = {name: stands_for.get(name, place) for place, name in enumerate(kept)}
    parts = _parts(raw, dict(zip(numbers, labels.values(), strict=True)), how.validation)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    digest, repeated = _write_images(folder / "images.npy", parts, how)
    written = np.concatenate([part.labels for part in parts])
    np.save(folder / "labels.npy", written)
    digest.update(written.tobytes())
    manifest = {
        "name": how.name,
        "title": entry.title,
        "size": how.size,
        "channels": how.channels,
        "fit": how.fit,
        "mean": how.mean,
        "std": how.std,
        **({} if how.order == "rgb" else {"order": how.order}),
        "classes": _names(how, labels),
        **_splits(parts, labels),
        "repeated": repeated,
        "sha256": digest.hexdigest(),
        "source": raw.source,
    }
    return write_manifest(folder, manifest)


def _names(how: Preparation, labels: dict[str, int]) -> list[str]:
    """The names of all labels that there can be; of outputs that stand for no class their numbers."""
    if how.outputs is None:
        return list(labels)
    named = {label: name for name, label in labels.items()}
    return [named.get(label, f"output {label}") for label in range(how.outputs["number"])]


def _splits(parts: list[_Part], labels: dict[str, int]) -> dict[str, dict]:
    """What the manifest says of the splits: where each begins and ends, how many images of each class it has."""
    ends = np.cumsum([len(part.chosen) for part in parts]).tolist()
    return {
        "splits": {split: [start, end] for split, start, end in zip(SPLITS, [0, *ends], ends, strict=False)},
        "counts": {
            split: {name: int((part.labels == label).sum()) for name, label in labels.items()}
            for split, part in zip(SPLITS, parts, strict=True)
        },
    }


def write_manifest(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Write the manifest of the arrays in `folder` and return it, with the SHA-256 of each array's file."""
    manifest = manifest | {"files": {name: sha256(folder / name) for name in FILES}}
    write_sealed(folder / "manifest.json", manifest)
    return manifest


class _Part(NamedTuple):
    """One split as it is to be written: which of these images, and the new labels of those."""

    images: Sequence | np.ndarray
    chosen: np.ndarray
    labels: np.ndarray


def _parts(raw: Raw, numbers: dict[int, int], validation: float) -> list[_Part]:
    """The splits, in the order of SPLITS. numbers: of the classes to keep, as the data set has them -> new labels."""
    places = np.full(len(raw.classes), -1, np.int64)  # the new label of each class, -1 of those that are not kept
    places[list(numbers)] = list(numbers.values())
    labels, test_labels = places[raw.labels], places[raw.test_labels]
    kept, test = np.flatnonzero(labels >= 0), np.flatnonzero(test_labels >= 0)
    train, validated = (kept[part] for part in stratified(labels[kept], validation))
    return [
        _Part(raw.images, train, labels[train]),
        _Part(raw.images, validated, labels[validated]),
        _Part(raw.test_images, test, test_labels[test]),
    ]


def _write_images(path: Path, parts: list[_Part], how: Preparation) -> tuple[Digest, dict[str, int]]:
    """Write the images of all parts as one .npy array.

    Returns the digest of their bytes, and how many images of the validation and test split are, pixel by pixel, an
    image of the training split too.
    """
    digest = hashlib.sha256()
    seen: list[list[bytes]] = [[] for _ in parts]
    shape = (sum(len(part.chosen) for part in parts), how.size, how.size, how.channels)
    with path.open("wb") as file:  # not through a memory map, whose pages count as the job's memory
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for part, known in zip(parts, seen, strict=True):
            for number in part.chosen.tolist():
                fitted = _fitted(part.images[number], how.size, how.channels, how.fit)
                image = (fitted[..., ::-1] if how.order == "bgr" else fitted).tobytes()
                file.write(image)
                digest.update(image)
                known.append(hashlib.blake2b(image, digest_size=16).digest())
    trained = set(seen[0])
    repeated = {split: sum(image in trained for image in seen[i]) for i, split in enumerate(SPLITS) if i}
    return digest, repeated


def load(folder: str | Path) -> Data:
    """Open a prepared data set; images stay on disk until they are used. Raises Damaged if a file is not as it was
    prepared: all are read for that, once per process."""
    folder = Path(folder)
    manifest = read_sealed(folder / "manifest.json")
    for name in FILES:
        check(folder / name, manifest["files"][name], "manifest.json")
    images = np.load(folder / "images.npy", mmap_mode="r")
    labels = np.load(folder / "labels.npy")
    train, validation, test = (
        Split(images[a:b], labels[a:b]) for a, b in (manifest["splits"][split] for split in SPLITS)
    )
    return Data(train, validation, test, manifest)


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


def stratified(labels: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
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


def _fitted(image: np.ndarray | Image.Image, size: int, channels: int, fit: str) -> np.ndarray:
    """An image, (h, w), (h, w, c) or of PIL, as (size, size, channels): resized bilinearly, grey to RGB or back."""
    from PIL import Image, ImageOps

    picture = Image.fromarray(image.squeeze()) if isinstance(image, np.ndarray) else ImageOps.exif_transpose(image)
    if picture.mode.startswith("I;16"):  # 16 bits a pixel, which Pillow would cut off at 255
        picture = Image.fromarray((np.asarray(picture) / 257).round().astype(np.uint8))
    picture = picture.convert({1: "L", 3: "RGB"}[channels])
    if fit == "crop":  # the largest square in the middle
        picture = ImageOps.fit(picture, (size, size), Image.Resampling.BILINEAR)
    else:
        picture = picture.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(picture).reshape(size, size, channels)
