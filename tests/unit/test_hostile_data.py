"""Damaged and hostile data: named at once, with nothing wrong used and no memory spent."""

import gzip
import io
import os
import resource
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
import torchvision  # noqa: F401 (the memory that it takes is not that of a bomb)
from PIL import Image

from espalier import datasets
from espalier.datasets import idx
from espalier.datasets import prepare as data

PLAIN = {"size": 6, "channels": 3, "validation": 0, "mean": 0.45, "std": 0.225}
RANDOM = np.random.default_rng(0)


def prepared(root, name, **how):
    data.prepare(root / "prepared", data.Preparation(**PLAIN | {"name": name, "data_root": root} | how))
    return data.load(root / "prepared")


def photograph(colour, size=(4, 4), form="png", **how):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, form, **how)
    return file.getvalue()


def pets(folder):
    """Two classes, a red and a blue photograph each, in both splits."""
    for number, name in enumerate(
        f"{s}/{c}/{i}.png" for s in ("train", "test") for c in ("cats", "dogs") for i in "ab"
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(photograph((10 + number, 0, 0)))
    return folder


def cifar10(path):
    rows = RANDOM.integers(0, 256, (12, 3073)).astype(np.uint8)
    rows[:, 0] = np.arange(12) % 2
    members = {f"data_batch_{n + 1}.bin": rows[2 * n : 2 * n + 2].tobytes() for n in range(5)}
    members |= {"test_batch.bin": rows[10:].tobytes(), "batches.meta.txt": b"airplane\nautomobile\n"}
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_one_flipped_bit_of_an_archive_never_gives_other_images(tmp_path):
    """gzip's checksum stands at the end of the file: what is not read to its end is not checked."""
    archive = cifar10(tmp_path / "cifar-10-binary.tar.gz")
    whole = archive.read_bytes()
    images = prepared(tmp_path, "cifar10").manifest["sha256"]
    for place in RANDOM.integers(10, len(whole), 60).tolist():  # 10: after the header, whose bits change nothing
        archive.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        try:
            assert prepared(tmp_path, "cifar10").manifest["sha256"] == images
        except ValueError as error:
            assert "cifar-10-binary.tar.gz" in str(error)


BOMBS = {
    # 9,000 x 13,000 pixels in the header of a PNG of a few bytes
    "png": (
        lambda folder: (folder / "pets/train/cats/z.png").write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", 9000, 13000, 8, 2, 0, 0, 0))
            + chunk(b"IEND", b"")
        ),
        {"name": "image_folder", "path": "pets"},
        "z.png declares 117,000,000 pixels",
    ),
    # 4 GiB of zeros in a member of a zip of 4 MB: the member's size is in the zip's list
    "zip": (
        lambda folder: zip_of(folder / "pets.zip", "train/cats/z.png", 2**29),
        {"name": "image_folder", "path": "pets.zip"},
        "train/cats/z.png declares 536,870,912 bytes",
    ),
    # a header of IDX that says 2^36 bytes
    "idx": (
        lambda folder: [
            (folder / f"{name}.gz").write_bytes(gzip.compress(struct.pack(">BBBBIII", 0, 0, 8, 3, 2**16, 2**10, 2**10)))
            for name in idx.FILES
        ],
        {"name": "mnist", "path": "."},
        "declares 68,719,476,736 bytes",
    ),
}


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def zip_of(path, member, zeros):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(member, "w") as file:
        for _ in range(zeros // 2**20):
            file.write(bytes(2**20))


@pytest.mark.parametrize("form", BOMBS)
def test_a_bomb_is_refused_by_what_it_declares_before_memory_is_spent(tmp_path, form):
    make, how, words = BOMBS[form]
    pets(tmp_path / "pets")
    make(tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=words):
        prepared(tmp_path, **how)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


ODD = {
    "named pipe": (lambda cats: os.mkfifo(cats / "z.png"), "z.png is a named pipe, not a file"),
    "dangling link": (lambda cats: (cats / "z.png").symlink_to("nowhere.png"), "z.png is a link to nowhere.png"),
    "link to itself": (lambda cats: (cats / "z.png").symlink_to("z.png"), "z.png"),
    "link to the root": (lambda cats: (cats / "z").symlink_to("/"), "z is a link to /, a folder that it lies in"),
    "link to a folder above": (lambda cats: (cats / "z").symlink_to("../.."), "z is a link to .*, a folder that it"),
    "name that is no text": (lambda cats: (os.fsencode(cats) + b"/\xff.png", photograph("red")), "cannot be used in a"),
    "name of two lines": (
        lambda cats: (os.fsencode(cats) + b"/a\nb.png", photograph("red")),
        "cannot be used in a file",
    ),
}


def make_odd(folder, name):
    made = ODD[name][0](folder / "train" / "cats")
    if isinstance(made, tuple):
        with open(made[0], "wb") as file:  # noqa: PTH123 (a name that no Path holds)
            file.write(made[1])


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_image_file_is_named_at_once(tmp_path, name):
    make_odd(pets(tmp_path / "pets"), name)
    with pytest.raises(ValueError, match=ODD[name][1]) as error:
        prepared(tmp_path, "image_folder", path="pets")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["named pipe", "dangling link", "name that is no text", "name of two lines"])
def test_it_is_named_where_the_graph_is_built_too(tmp_path, name):
    make_odd(pets(tmp_path / "pets"), name)
    with pytest.raises(ValueError, match=ODD[name][1]):
        datasets.sources("image_folder", tmp_path, "pets")


def test_a_user_that_does_not_exist_is_said(tmp_path):
    with pytest.raises(ValueError, match="there is no user 'nosuchuser'"):
        datasets.data_root("~nosuchuser/data")
    with pytest.raises(ValueError, match="there is no user 'nosuchuser'"):
        datasets.sources("image_folder", tmp_path, "~nosuchuser/pets")


@pytest.mark.parametrize("shape", [(0, 28, 28), (5, 0, 28)])
def test_an_idx_file_without_pixels_is_said(tmp_path, shape):
    for name in idx.FILES:
        (tmp_path / name).write_bytes(struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape))
    with pytest.raises(ValueError, match="is empty: its header says"):
        prepared(tmp_path, "mnist", path=".")


def test_an_image_is_turned_as_its_exif_says(tmp_path):
    """Orientation 6: the camera was turned, the first row of pixels is the right side of the picture."""
    pets(tmp_path / "pets")
    pixels = np.zeros((6, 6, 3), np.uint8)
    pixels[0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    for split in ("train", "test"):
        for letter in "ab":
            Image.fromarray(pixels).save(tmp_path / f"pets/{split}/cats/{letter}.png", exif=exif)
    cat = next(
        i for i, label in zip(*_train(prepared(tmp_path, "image_folder", path="pets")), strict=True) if label == 0
    )
    assert (cat[:, 5] == 255).all() and (cat[:, :5] == 0).all()


def _train(loaded):
    return loaded.train.images, loaded.train.labels


def test_images_that_are_in_training_and_test_are_counted(tmp_path):
    folder = pets(tmp_path / "pets")
    for name in ("a", "b"):
        (folder / f"test/dogs/{name}.png").write_bytes((folder / "train/cats/a.png").read_bytes())
    assert prepared(tmp_path, "image_folder", path="pets").manifest["repeated"] == {"validation": 0, "test": 2}


def test_a_hostile_file_runs_no_code(tmp_path):
    """Reading a data set imports nothing that a data set could bring along."""
    pets(tmp_path / "pets")
    (tmp_path / "pets" / "sitecustomize.py").write_text("raise SystemExit('code of the data set ran')")
    code = (
        "from pathlib import Path; from espalier.datasets import prepare as data;"
        f"how = data.Preparation(name='image_folder', path='pets', data_root={str(tmp_path)!r},"
        "size=6, channels=3, validation=0, mean=0, std=1);"
        f"data.prepare(Path({str(tmp_path / 'out')!r}), how)"
    )
    scripts = os.fspath(data.Path(data.__file__).parents[2])
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": scripts}, check=True)
