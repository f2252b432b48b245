"""Reading images that lie in one folder for each class: in a directory, in a zip, or in a zip for each split."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from espalier.datasets.fetch import described, shown
from espalier.datasets.limits import IMAGE_BYTES, IMAGE_PIXELS, MEMBERS, check_name, check_regular, check_size
from espalier.datasets.prepare import SPLIT_SEED, Raw

if TYPE_CHECKING:
    from PIL import Image

TRAIN = "train"
TEST = ("test", "validation", "val")  # the first of them that is there is the test split
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
FORMS = "<split>/<class>/<image> in one folder or zip, or <class>/<image> in train.zip and test.zip"


@dataclass(frozen=True)
class Place:
    """A directory or a zip: its members as paths below it (those of folders end in /), and how to read one."""

    path: Path
    members: list[str]
    content: Callable[[str], bytes]

    def read(self, member: str) -> Image.Image:
        """The image in a member, decoded. Raises ValueError if it cannot be."""
        from PIL import Image, UnidentifiedImageError

        try:
            content = self.content(member)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # the last: a password, a rare method
            raise ValueError(
                f"{self.path} cannot be read at {member} ({error}): fetch it again, or pack it as a plain zip"
            ) from None
        try:
            image = Image.open(io.BytesIO(content))
            check_size(str(self.path), member, image.width * image.height, IMAGE_PIXELS, "pixels")
            image.load()
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # what Pillow's readers raise
            reason = "no known format" if isinstance(error, UnidentifiedImageError) else error
            raise ValueError(
                f"{self.path}: {member} cannot be decoded as an image ({reason}): replace it or take it out"
            ) from None
        return image


Classes = dict[str, list[tuple[Place, str]]]  # class -> its images


class Images(Sequence):
    """Images that are decoded when they are asked for."""

    def __init__(self, members: list[tuple[Place, str]]) -> None:
        self.members = members

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, index: int) -> Image.Image:  # pyright: ignore[reportIncompatibleMethodOverride]
        place, member = self.members[index]
        return place.read(member)


def find(path: Path) -> dict[str, Path]:
    """Where the images of a data set are: {"": a directory or zip with folders for the splits}, or {split: its zip};
    nothing, if `path` holds neither. A directory with nothing in it but one directory or zip stands for that."""
    if path.is_file():
        return {"": path}
    if not path.is_dir():
        return {}
    inside = {p.name: p for p in sorted(path.iterdir()) if not p.name.startswith(".")}
    zips = {name.removesuffix(".zip"): p for name, p in inside.items() if name.endswith(".zip")}
    folders = {name: p for name, p in inside.items() if p.is_dir()}
    if TRAIN in folders:
        return {"": path}
    if TRAIN in zips:
        return {split: zips[split] for split in (TRAIN, *TEST) if split in zips}
    only = [*zips.values(), *folders.values()]
    return find(only[0]) if len(only) == 1 else {}


def watched(path: Path) -> list[Path]:
    """The zips that `find` finds, or the folders of classes."""
    found = find(path)
    if "" in found and found[""].is_dir():
        return sorted(folder for split in (TRAIN, *TEST) for folder in found[""].glob(f"{split}/*/"))
    return list(found.values())


def read(path: Path, root: Path) -> Raw:
    """The data set at a path. Raises ValueError or FileNotFoundError, with the file's name, for what cannot be used.

    The images are in an order that is drawn once and for all, so that any part of them has images of all classes.
    """
    found = find(path)
    if not found:
        there = "has no train split" if path.exists() else "does not exist"
        raise FileNotFoundError(f"{path} {there}: it should hold {FORMS}. Say where it is by `path` or `data_root`")
    splits: dict[str, Classes] = {}
    for split, place in found.items():
        splits |= _laid_out(_open(place), split)
    test = _test_split(path, splits)
    classes = sorted(splits[TRAIN])
    used = [image for split in (TRAIN, test) for name in classes for image in splits[split][name]]
    formats = sorted({PurePosixPath(member).suffix.lower().lstrip(".") for _, member in used})
    source = {"form": "images in folders of classes", "formats": formats, "test_split": test}
    source["files"] = _described(used, root)
    return Raw(*_shuffled(splits[TRAIN], classes), *_shuffled(splits[test], classes), classes, source)


def _test_split(path: Path, splits: dict[str, Classes]) -> str:
    """The name of the test split. Raises ValueError where the two splits do not have the same classes, with images."""
    test = next((split for split in TEST if split in splits), "")
    for split, names in ((TRAIN, TRAIN), (test, " or ".join(TEST))):
        if split not in splits:
            raise ValueError(f"{path} has no {names} split: images lie as {FORMS}")
    for split, other in ((TRAIN, test), (test, TRAIN)):
        for name, images in splits[split].items():
            if not images:
                raise ValueError(f"{path}: the folder of class {name!r} in {split} has no image")
            if name not in splits[other]:
                raise ValueError(f"{path}: the class {name!r} is in {split}, but not in {other}; it must be in both")
    return test


def _shuffled(split: Classes, classes: list[str]) -> tuple[Images, np.ndarray]:
    """The images of a split and their labels, in an order that is the same every time."""
    images = [image for name in classes for image in split[name]]
    labels = np.repeat(np.arange(len(classes)), [len(split[name]) for name in classes])
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    return Images([images[i] for i in order]), labels[order]


def _open(path: Path) -> Place:
    if path.is_dir():
        return Place(path, _members(path), functools.partial(_content, path))
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{path} is not a whole zip archive ({error}): fetch it again") from None
    check_size(str(path), "its list", len(archive.filelist), MEMBERS, "files")
    for member in archive.filelist:
        check_name(path, member.filename)
        if member.filename.lower().endswith(SUFFIXES):
            check_size(str(path), member.filename, member.file_size, IMAGE_BYTES)
    return Place(path, sorted(archive.namelist()), archive.read)


def _members(path: Path) -> list[str]:
    """The files and folders below a directory, links followed; those of folders end in /."""
    found = []
    for folder, folders, files in os.walk(path, followlinks=True):
        here = Path(folder)
        for name in (*folders, *files):
            check_name(here, name)
        for name in folders:
            _check_link(here / name)
        below = here.relative_to(path)
        found += [f"{(below / name).as_posix()}/" for name in folders] + [(below / f).as_posix() for f in files]
        check_size(str(path), "it", len(found), MEMBERS, "files")
    return sorted(found)


def _check_link(folder: Path) -> None:
    """Raise ValueError for a link to a folder that holds the link itself: following it would never end."""
    if folder.is_symlink() and folder.parent.resolve().is_relative_to(target := folder.resolve()):
        raise ValueError(f"{folder} is a link to {target}, a folder that it lies in: remove the link")


def _content(path: Path, member: str) -> bytes:
    """The content of a file below a directory."""
    file = path / member
    check_regular(file)
    check_size(str(path), member, file.stat().st_size, IMAGE_BYTES)
    return file.read_bytes()


def _laid_out(place: Place, split: str) -> dict[str, Classes]:
    """{split: {class: its images}} of a place; split: of which all its images are, if it is not a folder in it.

    A class whose folder has no image has an empty list. All may lie in one more folder, as where a folder was zipped.
    """
    # what systems put beside does not count: hidden files, and __MACOSX in zips
    parts = {member: PurePosixPath(member).parts for member in place.members}
    parts = {m: p for m, p in parts.items() if not any(name.startswith((".", "__MACOSX")) for name in p)}
    images = {m: p for m, p in parts.items() if m.lower().endswith(SUFFIXES)}
    depth = 2 if split else 3
    outer = os.path.commonprefix([p[:-1] for p in images.values()])  # noqa: RUF071 (of tuples, not of text)
    outer = outer[: max(0, min(map(len, images.values()), default=0) - depth)]
    found: dict[str, dict[str, list]] = {split: {}} if split else {}
    for member, names in parts.items():
        where = (split, *names[len(outer) :]) if split else names[len(outer) :]
        if not where or where[0] not in (TRAIN, *TEST) or names[: len(outer)] != tuple(outer):
            continue
        if member.endswith("/") and len(where) == 2:
            found.setdefault(where[0], {}).setdefault(where[1], [])
        elif member in images and len(where) != 3:
            raise ValueError(f"{place.path}: {member} lies where no image should: they lie as {FORMS}")
        elif member in images:
            found.setdefault(where[0], {}).setdefault(where[1], []).append((place, member))
    return found


def _described(images: list[tuple[Place, str]], root: Path) -> list[dict]:
    """What the manifest says of the places that images are from: of a directory its name, how many, and one digest."""
    said = []
    for path, place in {place.path: place for place, _ in images}.items():
        if path.is_file():
            said.append(described(path, root))
            continue
        digest = hashlib.sha256()
        members = sorted(member for of, member in images if of is place)
        for member in members:
            digest.update(f"{member} {hashlib.sha256(place.content(member)).hexdigest()}\n".encode())
        said.append({"folder": shown(path, root), "images": len(members), "sha256": digest.hexdigest()})
    return said
