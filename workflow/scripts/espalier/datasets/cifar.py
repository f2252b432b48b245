"""CIFAR-10 and CIFAR-100: the official archives, or copies of their images as files."""

from __future__ import annotations

import gzip
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np

from espalier.datasets.fetch import described, fetch, has_md5
from espalier.datasets.folders import FORMS, find, read, watched
from espalier.datasets.limits import ARRAY_BYTES, check_size
from espalier.datasets.prepare import Raw
from espalier.registry import Dataset, register

SIDE = 32


@dataclass(frozen=True)
class Cifar:
    """One of the two as https://www.cs.toronto.edu/~kriz/cifar.html has it: as arrays, and as Python's pickles, which
    torchvision reads."""

    name: str
    binary: str  # the archive of arrays
    md5: str  # its checksum; torchvision knows those of the pickles
    train: tuple[str, ...]  # files in it
    test: str
    classes: str  # the one with the names of the classes
    label_bytes: int  # before the pixels of each image; the last of them is the class
    published: str  # torchvision's class
    pickles: str  # the archive of pickles
    unpacked: str  # the folder in that

    def place(self, root: Path, path: Path | None = None) -> Path | None:
        """What the set is read from: an official archive, or a folder that torchvision unpacked or that has copies."""
        folders = [path] if path else [root / self.name, root]
        official = [folder / name for folder in folders for name in (self.binary, self.pickles, self.unpacked)]
        copies = [path] if path else [root / self.name, root / f"{self.name}_jpeg"]
        return next((p for p in official if p.exists()), next(filter(find, copies), None))

    def sources(self, root: Path, path: Path | None = None) -> list[Path]:
        """The files that the set is read from."""
        place = self.place(root, path)
        if place is None:
            return []
        if place.name == self.unpacked:
            return sorted(place.iterdir())
        return [place] if place.name in (self.binary, self.pickles) else watched(place)

    def read(self, root: Path, path: Path | None) -> Raw:
        """The set from what is there, else downloaded."""
        place = self.place(root, path)
        if place is None and path:
            what = f"neither {self.binary} nor {self.pickles} nor {self.unpacked} nor {FORMS}"
            raise FileNotFoundError(f"{path} holds no {self.name}: there is {what}")
        if place is None:
            url = f"https://www.cs.toronto.edu/~kriz/{self.binary}"
            place = fetch(self.name, [url], self.md5, root, root / self.name)
            files = [described(place, root, True) | {"urls": [url]}]
            return self._arrays(place, {"form": "binary archive", "files": files})
        if place.name == self.binary:
            files = [described(place, root, has_md5(place, self.md5))]
            return self._arrays(place, {"form": "binary archive", "files": files})
        if place.name in (self.pickles, self.unpacked):
            return self._pickles(place, root)
        raw = read(place, root)
        return raw._replace(source=raw.source | {"note": "copies of the images as files, not the official arrays"})

    def _arrays(self, archive: Path, source: dict) -> Raw:
        members = self._members(archive)
        classes = members[self.classes].decode().split()
        images, labels = self._split(archive, members, self.train, len(classes))
        test_images, test_labels = self._split(archive, members, (self.test,), len(classes))
        return Raw(images, labels, test_images, test_labels, classes, source)

    def _split(
        self, archive: Path, members: dict[str, bytes], names: tuple[str, ...], classes: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The images (n, 32, 32, 3) and labels (n,) in these members of the archive."""
        content = b"".join(members[name] for name in names)
        length = self.label_bytes + 3 * SIDE * SIDE
        if not content or len(content) % length:
            raise ValueError(f"{archive}: {', '.join(names)} are not made of images of {length} bytes")
        rows = np.frombuffer(content, np.uint8).reshape(-1, length)
        labels = rows[:, self.label_bytes - 1].astype(np.int64)
        if labels.max() >= classes:
            raise ValueError(f"{archive} has the label {labels.max()}, but names {classes} classes")
        return rows[:, self.label_bytes :].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), labels

    def _members(self, archive: Path) -> dict[str, bytes]:
        """The files in the archive that are read, by name. Raises ValueError if it is not whole."""
        wanted = (*self.train, self.test, self.classes)
        try:
            with gzip.open(archive) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as tar:
                content = {}
                for member in tar:
                    if member.isfile() and (name := Path(member.name).name) in wanted:
                        check_size(str(archive), name, member.size, ARRAY_BYTES)
                        content[name] = cast(IO[bytes], tar.extractfile(member)).read()
                while unpacked.read(2**20):  # to the end, where the checksum of the whole is
                    pass
        except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
            raise ValueError(f"{archive} is not a whole archive ({error}): fetch it again") from None
        if missing := [name for name in wanted if name not in content]:
            raise ValueError(f"{archive} has no file {missing[0]}: it is not the archive of {self.name}")
        return content

    def _pickles(self, place: Path, root: Path) -> Raw:
        """The set from its pickles. Unpickling can run code, so nothing is unpickled but the published files:
        torchvision compares the checksum of each before, as is done here with the archive that they are in."""
        from torchvision import datasets

        published = getattr(datasets, self.published)
        members = [name for name, _ in published.train_list + published.test_list] + [published.meta["filename"]]
        files = [place / name for name in members] if place.name == self.unpacked else [place]
        with tempfile.TemporaryDirectory() as folder:
            if place.name == self.pickles:
                if not has_md5(place, published.tgz_md5):
                    raise ValueError(f"{place} has the wrong checksum: it is not the published file, fetch it again")
                with tarfile.open(place, "r:gz") as tar:
                    tar.extractall(folder, filter="data")
            try:
                train, test = (
                    published(place.parent if place.name == self.unpacked else folder, train=part)
                    for part in (True, False)
                )
            except RuntimeError:  # torchvision does not say which file
                raise ValueError(
                    f"{place} has a file that is missing or has the wrong checksum: unpack {self.pickles} again"
                ) from None
        form = {"form": "Python archive", "files": [described(file, root, True) for file in files]}
        return Raw(train.data, np.array(train.targets), test.data, np.array(test.targets), train.classes, form)


CIFAR10 = Cifar(
    name="cifar10",
    binary="cifar-10-binary.tar.gz",
    md5="c32a1d4ab5d03f1284b67883e8d87530",
    train=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    test="test_batch.bin",
    classes="batches.meta.txt",
    label_bytes=1,
    published="CIFAR10",
    pickles="cifar-10-python.tar.gz",
    unpacked="cifar-10-batches-py",
)
CIFAR100 = Cifar(
    name="cifar100",
    binary="cifar-100-binary.tar.gz",
    md5="03b5dce01913d631647c71ecec9e9cb8",
    train=("train.bin",),
    test="test.bin",
    classes="fine_label_names.txt",
    label_bytes=2,
    published="CIFAR100",
    pickles="cifar-100-python.tar.gz",
    unpacked="cifar-100-python",
)
CITE = "Krizhevsky 2009, Learning multiple layers of features from tiny images"


@register(Dataset("cifar10", title="CIFAR-10", cite=CITE, sources=CIFAR10.sources))
def cifar10(root: Path, path: Path | None = None) -> Raw:
    """60,000 colour images of 32x32 pixels in ten classes, 10,000 of them for test."""
    return CIFAR10.read(root, path)


@register(Dataset("cifar100", title="CIFAR-100", cite=CITE, sources=CIFAR100.sources))
def cifar100(root: Path, path: Path | None = None) -> Raw:
    """60,000 colour images of 32x32 pixels in a hundred classes, 10,000 of them for test."""
    return CIFAR100.read(root, path)
