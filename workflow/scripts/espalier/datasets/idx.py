"""MNIST and Fashion-MNIST: four files in the IDX format, gzipped or not."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from espalier.datasets.fetch import described, fetch, has_md5
from espalier.datasets.limits import ARRAY_BYTES, check_size
from espalier.datasets.prepare import Raw
from espalier.registry import Dataset, register

FILES = tuple(f"{part}-{what}-ubyte" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1"))


def _finder(*folders: str) -> Callable[..., list[Path]]:
    """The function that finds a data set's four files: in `path`, or in the first of these folders of the data root
    that has one."""

    def find(root: Path, path: Path | None = None) -> list[Path]:
        for folder in [path] if path else [root / name for name in folders]:
            there = [next((p for p in (folder / f"{f}.gz", folder / f) if p.is_file()), None) for f in FILES]
            if any(there):
                return [file for file in there if file]
        return []

    return find


def _read(
    name: str, published: Any, find: Callable[..., list[Path]], classes: list[str], root: Path, path: Path | None
) -> Raw:
    """The data set from the files that are there, else downloaded. published: torchvision's class of it."""
    files = find(root, path)
    if path and not files:
        raise FileNotFoundError(f"{path} has no file of {name}: it should hold {', '.join(FILES)}, with or without .gz")
    if files and len(files) < len(FILES):  # not fetched: whose images the labels beside them belong to is unknown
        missing = sorted(set(FILES) - {file.name.removesuffix(".gz") for file in files})
        raise FileNotFoundError(
            f"{files[0].parent} has {files[0].name}, but no {' and no '.join(missing)}: put all four files of {name}"
            " there, or take them away to have them downloaded"
        )
    sums = dict(published.resources)
    if files:
        said = [described(file, root, has_md5(file, sums[file.name]) if file.suffix else None) for file in files]
    else:
        addresses = {file: [mirror + file for mirror in published.mirrors] for file in sums}
        files = [fetch(name, addresses[f"{file}.gz"], sums[f"{file}.gz"], root, path or root / name) for file in FILES]
        said = [described(file, root, True) | {"urls": addresses[file.name]} for file in files]
    images, labels = _split(files[0], files[1], name, len(classes))
    test_images, test_labels = _split(files[2], files[3], name, len(classes))
    return Raw(images, labels, test_images, test_labels, classes, {"form": "IDX files", "files": said})


def _split(images: Path, labels: Path, name: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The arrays in two files that belong together. Raises ValueError if they do not."""
    pixels, numbers = idx(images), idx(labels)
    if pixels.ndim != 3 or numbers.shape != pixels.shape[:1]:
        raise ValueError(
            f"{labels} has labels of shape {numbers.shape}, {images} images of shape {pixels.shape}:"
            " they do not belong together"
        )
    if numbers.max(initial=0) >= classes:
        raise ValueError(f"{labels} has the label {numbers.max()}, but {name} has {classes} classes")
    return pixels, numbers


def idx(path: Path) -> np.ndarray:
    """The uint8 array in an IDX file, its name ending in .gz if it is gzipped. Raises ValueError if it is not whole."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            shape = _shape(path, file)
            number = math.prod(shape)
            check_size(str(path), "its header", number, ARRAY_BYTES)
            values = file.read(number + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is not a whole gzip file ({error}): fetch it again") from None
    if len(values) != number:
        have = f"{len(values)} values" if len(values) < number else f"more than {number} values"
        raise ValueError(f"{path} has {have}, its header says {shape}: it is not whole, fetch it again")
    if not number:
        raise ValueError(f"{path} is empty: its header says {shape}")
    return np.frombuffer(values, np.uint8).reshape(shape)


def _shape(path: Path, file: BinaryIO | gzip.GzipFile) -> tuple[int, ...]:
    """The shape in an IDX file's header: two zeros, the type (8 is uint8), the number of dimensions, their sizes."""
    start = file.read(4)
    if len(start) < 4 or start[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is not an IDX file of bytes: it does not begin as one")
    sizes = file.read(4 * start[3])
    if len(sizes) < 4 * start[3]:
        raise ValueError(f"{path} ends in its header: it is not whole, fetch it again")
    return tuple(np.frombuffer(sizes, ">u4").tolist())


_mnist = _finder("mnist", "MNIST/raw")
_fashion_mnist = _finder("fashion_mnist", "FashionMNIST/raw")


@register(
    Dataset(
        "mnist", title="MNIST", cite="LeCun et al. 1998, Proc. IEEE 86(11)", sources=_mnist, classes=tuple("0123456789")
    )
)
def mnist(root: Path, path: Path | None = None) -> Raw:
    """70,000 grey images of 28x28 pixels of handwritten digits, 10,000 of them for test."""
    from torchvision.datasets import MNIST

    return _read("mnist", MNIST, _mnist, [str(digit) for digit in range(10)], root, path)


@register(
    Dataset("fashion_mnist", title="Fashion-MNIST", cite="Xiao et al. 2017, arXiv:1708.07747", sources=_fashion_mnist)
)
def fashion_mnist(root: Path, path: Path | None = None) -> Raw:
    """70,000 grey images of 28x28 pixels of clothes, bags and shoes in ten classes, 10,000 of them for test."""
    from torchvision.datasets import FashionMNIST

    return _read("fashion_mnist", FashionMNIST, _fashion_mnist, list(FashionMNIST.classes), root, path)
