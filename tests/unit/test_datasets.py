"""Data sets in the forms that users have them: read right, described truly, refused in words if damaged.

All files are made here, a few small images each, in the real formats."""

import gzip
import hashlib
import http.server
import io
import json
import os
import pickle
import shutil
import tarfile
import threading
import zipfile
from functools import partial

import numpy as np
import pytest
import torchvision
from PIL import Image

from espalier import datasets
from espalier.datasets import fetch as files
from espalier.datasets import idx
from espalier.datasets import prepare as data
from espalier.datasets.contents import Contents
from espalier.plan import preprocessing

PLAIN = {"size": 6, "channels": 3, "validation": 0, "mean": 0.45, "std": 0.225}
RANDOM = np.random.default_rng(0)


def prepared(root, name, folder="prepared", **how):
    """Prepare a data set below `root` and load it."""
    data.prepare(root / folder, data.Preparation(**PLAIN | {"name": name, "data_root": root} | how))
    return data.load(root / folder)


def md5(content):
    return hashlib.md5(content).hexdigest()


# IDX


def idx_file(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


@pytest.fixture(scope="module")
def digits_as_idx():
    """Twenty training and ten test images, labelled in turn, as the four files of MNIST."""
    arrays = [RANDOM.integers(0, 256, (20, 28, 28)), np.arange(20) % 10]
    arrays += [RANDOM.integers(0, 256, (10, 28, 28)), np.arange(10)]
    return dict(zip(idx.FILES, (idx_file(array) for array in arrays), strict=True))


def put(folder, contents, suffix=".gz"):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(content, mtime=0) if suffix else content)
    return folder


@pytest.mark.parametrize(
    ("name", "folder", "suffix"),
    [
        ("mnist", "mnist", ".gz"),
        ("mnist", "mnist", ""),
        ("mnist", "MNIST/raw", ""),  # as torchvision leaves them
        ("fashion_mnist", "FashionMNIST/raw", ".gz"),
    ],
)
def test_idx_files_are_read_wherever_they_usually_lie(tmp_path, digits_as_idx, name, folder, suffix):
    put(tmp_path / folder, digits_as_idx, suffix)
    loaded = prepared(tmp_path, name, size=28, channels=1)
    images = np.frombuffer(digits_as_idx["train-images-idx3-ubyte"][16:], np.uint8).reshape(20, 28, 28, 1)
    assert np.array_equal(loaded.train.images, images)
    assert loaded.train.labels.tolist() == [*range(10)] * 2 and loaded.test.labels.tolist() == [*range(10)]
    assert loaded.classes[0] == {"mnist": "0", "fashion_mnist": "T-shirt/top"}[name]
    said = loaded.manifest["source"]["files"]
    assert [file["file"] for file in said] == [f"{folder}/{file}{suffix}" for file in idx.FILES]
    first = tmp_path / said[0]["file"]
    assert said[0]["sha256"] == hashlib.sha256(first.read_bytes()).hexdigest()
    assert said[0].get("official") == (False if suffix else None)  # there are checksums of the gzipped files only


def test_a_published_file_is_known_by_its_checksum(tmp_path, digits_as_idx, monkeypatch):
    folder = put(tmp_path / "mnist", digits_as_idx)
    sums = [(f"{name}.gz", md5((folder / f"{name}.gz").read_bytes())) for name in idx.FILES]
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", [*sums[:3], (sums[3][0], "0" * 32)])
    said = prepared(tmp_path, "mnist").manifest["source"]["files"]
    assert [file["official"] for file in said] == [True, True, True, False]


def test_idx_files_in_another_folder_are_found_by_path(tmp_path, digits_as_idx):
    put(tmp_path / "elsewhere" / "idx", digits_as_idx)
    assert len(prepared(tmp_path, "mnist", path="elsewhere/idx").test) == 10
    assert len(prepared(tmp_path / "nowhere", "mnist", path=str(tmp_path / "elsewhere/idx")).test) == 10


def test_classes_and_validation_of_a_set_that_is_read_from_files(tmp_path, digits_as_idx):
    put(tmp_path / "mnist", digits_as_idx)
    loaded = prepared(tmp_path, "mnist", classes=["7", "2"], validation=0.5)
    assert loaded.manifest["counts"] == {split: {"7": 1, "2": 1} for split in data.SPLITS}


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("train-images-idx3-ubyte", lambda c: gzip.compress(c)[:-20], "is not a whole gzip file"),
        ("train-images-idx3-ubyte", lambda c: c, "is not a whole gzip file"),
        ("t10k-images-idx3-ubyte", lambda c: gzip.compress(c[:-20]), r"7820 values, its header says \(10, 28, 28\)"),
        ("t10k-labels-idx1-ubyte", lambda c: gzip.compress(c[:6]), "not whole"),
        ("t10k-labels-idx1-ubyte", lambda c: gzip.compress(b"<html>"), "is not an IDX file"),
        ("train-labels-idx1-ubyte", lambda c: gzip.compress(idx_file(np.arange(9))), r"shape \(9,\).*do not belong"),
        ("train-labels-idx1-ubyte", lambda c: gzip.compress(idx_file(np.arange(20))), "the label 19.*has 10 classes"),
    ],
    ids=["cut", "not_gzip", "cut_before", "cut_header", "html", "other_labels", "label"],
)
def test_a_damaged_idx_file_is_named(tmp_path, digits_as_idx, name, change, words):
    folder = put(tmp_path / "mnist", digits_as_idx)
    (folder / f"{name}.gz").write_bytes(change(digits_as_idx[name]))
    with pytest.raises(ValueError, match=rf"mnist/{name}\.gz .*{words}") as error:
        prepared(tmp_path, "mnist")
    assert str(tmp_path) in str(error.value).splitlines()[0]


def test_a_missing_idx_file_is_not_taken_from_elsewhere(tmp_path, digits_as_idx):
    folder = put(tmp_path / "mnist", digits_as_idx)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"mnist has train-images.* no t10k-labels-idx1-ubyte: put all four"):
        prepared(tmp_path, "mnist")


def test_a_path_without_idx_files_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere has no file of mnist: it should hold train-images-idx3-ubyte"):
        prepared(tmp_path, "mnist", path="nowhere")


# CIFAR


def tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


PIXELS = RANDOM.integers(0, 256, (12, 3, 32, 32)).astype(np.uint8)  # ten for training, two for test; red, green, blue
LABELS = np.array([0, 1] * 6, np.uint8)


def cifar10_members():
    rows = np.concatenate([LABELS[:, None], PIXELS.reshape(12, -1)], axis=1)
    parts = {f"data_batch_{n + 1}.bin": rows[2 * n : 2 * n + 2] for n in range(5)} | {"test_batch.bin": rows[10:]}
    members = {f"cifar-10-batches-bin/{name}": part.tobytes() for name, part in parts.items()}
    return members | {"cifar-10-batches-bin/batches.meta.txt": b"airplane\nautomobile\n\n"}


def is_the_cifar_made_here(loaded):
    assert np.array_equal(loaded.train.images, PIXELS[:10].transpose(0, 2, 3, 1))
    assert np.array_equal(loaded.test.images, PIXELS[10:].transpose(0, 2, 3, 1))
    assert loaded.train.labels.tolist() == LABELS[:10].tolist() and loaded.test.labels.tolist() == LABELS[10:].tolist()
    return True


def test_the_binary_archive_of_cifar10(tmp_path):
    tar(tmp_path / "cifar-10-binary.tar.gz", cifar10_members())
    loaded = prepared(tmp_path, "cifar10", size=32)
    assert is_the_cifar_made_here(loaded) and loaded.classes == ["airplane", "automobile"]
    source = loaded.manifest["source"]
    assert source["form"] == "binary archive" and source["files"][0]["official"] is False


def test_the_binary_archive_of_cifar100_has_two_labels_of_which_the_fine_one_counts(tmp_path):
    coarse = np.full((12, 1), 5, np.uint8)
    rows = np.concatenate([coarse, LABELS[:, None], PIXELS.reshape(12, -1)], axis=1)
    members = {"train.bin": rows[:10].tobytes(), "test.bin": rows[10:].tobytes(), "fine_label_names.txt": b"apple\nbed"}
    (tmp_path / "cifar100").mkdir()
    tar(tmp_path / "cifar100" / "cifar-100-binary.tar.gz", {f"cifar-100-binary/{m}": c for m, c in members.items()})
    loaded = prepared(tmp_path, "cifar100", size=32)
    assert is_the_cifar_made_here(loaded) and loaded.classes == ["apple", "bed"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-2000]), "is not a whole archive"),
        (lambda path: path.write_bytes(b"<html>"), "is not a whole archive"),
        (lambda path: tar(path, dict(list(cifar10_members().items())[1:])), "has no file data_batch_1.bin"),
        (
            lambda path: tar(path, cifar10_members() | {"cifar-10-batches-bin/test_batch.bin": b"short"}),
            "test_batch.bin are not made of images of 3073 bytes",
        ),
        (
            lambda path: tar(path, cifar10_members() | {"cifar-10-batches-bin/batches.meta.txt": b"airplane"}),
            "has the label 1, but names 1 classes",
        ),
    ],
    ids=["cut", "html", "missing", "short", "label"],
)
def test_a_damaged_cifar_archive_is_named(tmp_path, change, words):
    change(tar(tmp_path / "cifar-10-binary.tar.gz", cifar10_members()))
    with pytest.raises(ValueError, match=f"cifar-10-binary.tar.gz.*{words}"):
        prepared(tmp_path, "cifar10")


@pytest.fixture
def pickles(tmp_path, monkeypatch):
    """The files that torchvision reads, of the images made here, and its checksums made to be theirs."""
    contents = {"batches.meta": {"label_names": ["airplane", "automobile"]}}
    for n, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        part = slice(2 * n, 2 * n + 2)
        contents[name] = {"data": PIXELS[part].reshape(2, -1), "labels": LABELS[part].tolist()}
    contents = {name: pickle.dumps(value) for name, value in contents.items()}
    sums = [[name, md5(content)] for name, content in contents.items()]
    archive = tar(
        tmp_path / "cifar-10-python.tar.gz", {f"cifar-10-batches-py/{name}": c for name, c in contents.items()}
    )
    published = torchvision.datasets.CIFAR10
    monkeypatch.setattr(published, "train_list", sums[1:6])
    monkeypatch.setattr(published, "test_list", sums[6:])
    monkeypatch.setattr(published, "meta", published.meta | {"md5": sums[0][1]})
    monkeypatch.setattr(published, "tgz_md5", md5(archive.read_bytes()))
    return archive


def unpacked(archive):
    with tarfile.open(archive) as content:
        content.extractall(archive.parent, filter="data")
    archive.unlink()
    return archive.parent / "cifar-10-batches-py"


def test_the_archive_that_torchvision_downloads_and_the_folder_it_makes(tmp_path, pickles):
    loaded = prepared(tmp_path, "cifar10", size=32)
    assert is_the_cifar_made_here(loaded) and loaded.classes == ["airplane", "automobile"]
    assert [file["file"] for file in loaded.manifest["source"]["files"]] == ["cifar-10-python.tar.gz"]
    unpacked(pickles)
    again = prepared(tmp_path, "cifar10", "again", size=32)
    assert is_the_cifar_made_here(again) and again.manifest["sha256"] == loaded.manifest["sha256"]
    assert again.manifest["source"]["files"][0]["file"] == "cifar-10-batches-py/data_batch_1"


class Evil:
    def __reduce__(self):
        return os.mkdir, (os.environ["EVIL"],)


def test_no_pickle_is_opened_that_has_the_wrong_checksum(tmp_path, pickles, monkeypatch):
    monkeypatch.setenv("EVIL", str(tmp_path / "evil"))
    folder = unpacked(pickles)
    (folder / "data_batch_3").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ValueError, match="cifar-10-batches-py has a file that is missing or has the wrong checksum"):
        prepared(tmp_path, "cifar10")
    tar(pickles, {"cifar-10-batches-py/data_batch_1": pickle.dumps(Evil())})
    with pytest.raises(ValueError, match=r"cifar-10-python\.tar\.gz has the wrong checksum"):
        prepared(tmp_path, "cifar10")
    assert not (tmp_path / "evil").exists()


# Images in folders


def photograph(red, width=8, height=8, form="PNG"):
    content = io.BytesIO()
    Image.new("RGB", (width, height), (red, 10, 20)).save(content, form)
    return content.getvalue()


def pets(splits=("train", "validation"), number=3):
    """{path: content}: cats are from 0 red, dogs from 200."""
    return {
        f"{split}/{name}/{name}.{i}.png": photograph(red + 10 * s + i)
        for s, split in enumerate(splits)
        for name, red in (("dogs", 200), ("cats", 0))
        for i in range(number)
    }


def as_zip(path, contents):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def as_folder(path, contents):
    for name, content in contents.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def as_zips(path, contents):
    """A zip for each split, with the classes in it."""
    for split in {name.split("/")[0] for name in contents}:
        inside = {name.partition("/")[2]: c for name, c in contents.items() if name.startswith(f"{split}/")}
        as_zip(path / f"{split}.zip", inside)
    return path


def within(outer, contents):
    return {f"{outer}/{name}": content for name, content in contents.items()}


def reds(split, label):
    return sorted(split.images[split.labels == label][:, 0, 0, 0].tolist())


FORMS = {
    "folder": lambda root: as_folder(root / "pets", pets()),
    "folder in a folder": lambda root: as_folder(root / "pets" / "all", pets()).parent,
    "zip": lambda root: as_zip(root / "pets.zip", pets()),
    "folder in a zip": lambda root: as_zip(root / "pets.zip", within("all", pets()) | {"all/vectorize.py": b""}),
    "zip in a folder": lambda root: as_zip(root / "pets" / "all.zip", pets()).parent,
    "zips of the splits": lambda root: as_zips(root / "pets", pets()),
    "zips of the splits' folders": lambda root: as_zips(
        root / "pets", {f"{name.split('/')[0]}/{name}": content for name, content in pets().items()}
    ),
    "with what systems leave": lambda root: as_folder(
        root / "pets",
        pets()
        | {"train/cats/.DS_Store": b"1", "train/.thumbs/x.png": b"2", "train/cats/Thumbs.db": b"3", "readme.txt": b""},
    ),
    "zip of a Mac": lambda root: as_zip(root / "pets.zip", pets() | within("__MACOSX", {"train/cats/._a.png": b"1"})),
    "zip with entries of folders": lambda root: as_zip(
        root / "pets.zip", {"train/": b"", "train/cats/": b"", "validation/": b""} | pets()
    ),
}


def test_images_in_folders_are_mixed_in_an_order_that_never_changes(tmp_path):
    as_folder(tmp_path / "pets", pets())
    loaded = prepared(tmp_path, "image_folder", path="pets")
    assert loaded.train.images[:, 0, 0, 0].tolist() == [200, 2, 202, 201, 0, 1]


@pytest.mark.parametrize("form", FORMS)
def test_images_in_folders_are_read_in_every_form(tmp_path, form):
    place = FORMS[form](tmp_path)
    loaded = prepared(tmp_path, "image_folder", path=place.name)
    assert loaded.classes == ["cats", "dogs"]
    assert loaded.manifest["counts"] == {
        "train": {"cats": 3, "dogs": 3},
        "validation": {"cats": 0, "dogs": 0},
        "test": {"cats": 3, "dogs": 3},
    }
    assert (reds(loaded.train, 0), reds(loaded.train, 1)) == ([0, 1, 2], [200, 201, 202])
    assert (reds(loaded.test, 0), reds(loaded.test, 1)) == ([10, 11, 12], [210, 211, 212])
    source = loaded.manifest["source"]
    assert source["test_split"] == "validation" and source["formats"] == ["png"]
    assert all(next(iter(file.values())).startswith("pets") for file in source["files"])


def test_all_forms_of_the_same_images_are_the_same_data_set(tmp_path):
    same = {
        form: prepared(tmp_path / form, "image_folder", path=make(tmp_path / form).name) for form, make in FORMS.items()
    }
    assert len({loaded.manifest["sha256"] for loaded in same.values()}) == 1


def test_the_digest_of_a_folder_is_of_its_images(tmp_path):
    as_folder(tmp_path / "pets", pets())
    said = [prepared(tmp_path, "image_folder", path="pets").manifest["source"]["files"]]
    as_folder(tmp_path / "pets", {"train/cats/cats.1.png": photograph(77)})
    said.append(prepared(tmp_path, "image_folder", path="pets").manifest["source"]["files"])
    assert [file["folder"] for (file,) in said] == ["pets", "pets"] and said[0][0]["images"] == 12
    assert said[0][0]["sha256"] != said[1][0]["sha256"]


def test_test_is_the_test_split_where_there_is_validation_too(tmp_path):
    as_folder(tmp_path / "pets", pets(("train", "validation", "test")))
    loaded = prepared(tmp_path, "image_folder", path="pets")
    assert reds(loaded.test, 0) == [20, 21, 22] and loaded.manifest["source"]["test_split"] == "test"


def test_any_part_of_the_images_has_images_of_all_classes(tmp_path):
    as_folder(tmp_path / "pets", pets(number=50))
    labels = prepared(tmp_path, "image_folder", path="pets").train.labels
    assert 15 < labels[:50].sum() < 35


def test_cats_vs_dogs_are_whatever_lies_in_their_folder(tmp_path):
    as_zip(tmp_path / "cats_vs_dogs" / "cats_and_dogs_filtered.zip", within("cats_and_dogs_filtered", pets()))
    loaded = prepared(tmp_path, "cats_vs_dogs")
    assert len(loaded.train) == 6 and loaded.classes == ["cats", "dogs"]
    assert loaded.manifest["source"]["files"][0]["file"] == "cats_vs_dogs/cats_and_dogs_filtered.zip"


@pytest.mark.parametrize("how", [{}, {"path": "cifar10_jpeg"}])
def test_copies_of_cifar10_are_used_and_said_to_be_copies(tmp_path, how):
    content = {
        f"{s}/{c}/0.jpg": photograph(r, form="JPEG") for s in ("train", "test") for c, r in (("a", 9), ("b", 99))
    }
    as_zips(tmp_path / "cifar10_jpeg", content)
    source = prepared(tmp_path, "cifar10", **how).manifest["source"]
    assert source["note"].startswith("copies of the images") and source["formats"] == ["jpg"]


def test_images_of_every_kind_become_rgb_or_grey(tmp_path):
    kinds = {"a.png": Image.new("RGBA", (5, 4), (250, 0, 0, 9)), "b.gif": Image.new("P", (4, 5), 0)}
    kinds |= {"c.JPG": Image.new("CMYK", (4, 4)), "d.png": Image.new("L", (4, 4), 7), "e.bmp": Image.new("1", (4, 4))}
    for split in ("train", "test"):
        for name, image in kinds.items():
            for of in ("x", "y"):
                folder = tmp_path / "kinds" / split / of
                folder.mkdir(parents=True, exist_ok=True)
                image.save(folder / name)
    for channels in (1, 3):
        assert len(prepared(tmp_path, "image_folder", path="kinds", channels=channels).train) == 10


def test_sixteen_bits_a_pixel_become_eight(tmp_path):
    content = io.BytesIO()
    Image.fromarray(np.full((6, 6), 257 * 100, np.uint16)).save(content, "PNG")
    names = [f"{split}/{of}/0.png" for split in ("train", "test") for of in ("x", "y")]
    as_folder(tmp_path / "deep", dict.fromkeys(names, content.getvalue()))
    for channels in (1, 3):
        assert (prepared(tmp_path, "image_folder", path="deep", channels=channels).train.images == 100).all()


def test_linked_folders_are_followed(tmp_path):
    as_folder(tmp_path / "disk", pets())
    (tmp_path / "pets").mkdir()
    for split in ("train", "validation"):
        if (tmp_path / "disk" / split).exists():
            (tmp_path / "pets" / split).symlink_to(tmp_path / "disk" / split)
    found, linked = (prepared(tmp_path, "image_folder", path, path=path) for path in ("disk", "pets"))
    assert len(linked.train) == len(found.train) and (linked.train.images == found.train.images).all()


def test_an_image_that_is_not_square_is_squashed_or_cropped(tmp_path):
    wide = Image.new("RGB", (12, 6))
    wide.paste((255, 255, 255), (3, 0, 9, 6))  # the square in the middle
    content = io.BytesIO()
    wide.save(content, "PNG")
    names = [f"{split}/{of}/0.png" for split in ("train", "test") for of in ("x", "y")]
    as_folder(tmp_path / "wide", dict.fromkeys(names, content.getvalue()))
    squashed, cropped = (
        prepared(tmp_path, "image_folder", fit, path="wide", fit=fit).train.images[0] for fit in ("squash", "crop")
    )
    assert (cropped == 255).all()
    assert squashed[:, 0].max() < 64 and squashed[:, -1].max() < 64 and squashed[:, 2:4].min() > 192


def without(contents, *parts):
    return {name: content for name, content in contents.items() if not any(part in name for part in parts)}


MISTAKES = {
    "cut zip": (
        lambda root: as_zip(root / "pets.zip", pets()).write_bytes((root / "pets.zip").read_bytes()[:-100]),
        "pets.zip is not a whole zip archive",
    ),
    "damaged zip": (
        lambda root: as_zip(root / "pets.zip", pets()).write_bytes(
            (root / "pets.zip").read_bytes().replace(photograph(1)[-20:], b"\0" * 20)
        ),
        "pets.zip cannot be read at train/cats/cats.1.png",
    ),
    "no image": (
        lambda root: as_folder(root / "pets", pets() | {"train/cats/bad.jpg": b"<html>"}),
        "pets: train/cats/bad.jpg cannot be decoded as an image .no known format.: replace it",
    ),
    "no image in a zip": (
        lambda root: as_zip(root / "pets.zip", pets() | {"train/cats/bad.jpg": b""}),
        "pets.zip: train/cats/bad.jpg cannot be decoded",
    ),
    "half an image": (
        lambda root: as_folder(root / "pets", {**pets(), "train/cats/cats.0.png": photograph(0)[:45]}),
        "pets: train/cats/cats.0.png cannot be decoded",
    ),
    "half a JPEG": (
        lambda root: as_folder(root / "pets", {**pets(), "train/cats/half.jpg": photograph(0, 99, 99, "JPEG")[:-40]}),
        "pets: train/cats/half.jpg cannot be decoded.*truncated",
    ),
    "empty class": (
        lambda root: (as_folder(root / "pets", pets()) / "train" / "birds").mkdir(),
        "pets: the folder of class 'birds' in train has no image",
    ),
    "empty class in a zip": (
        lambda root: as_zip(root / "pets.zip", without(pets(), "validation/dogs") | {"validation/dogs/": b""}),
        "pets.zip: the folder of class 'dogs' in validation has no image",
    ),
    "no test split": (
        lambda root: as_folder(root / "pets", pets(("train",))),
        "pets has no test or validation or val split",
    ),
    "no zip of a test split": (
        lambda root: as_zips(root / "pets", pets(("train",))),
        "pets has no test or validation or val split",
    ),
    "no train split in a zip": (lambda root: as_zip(root / "pets.zip", pets(("test",))), "pets.zip has no train split"),
    "no splits": (lambda root: as_zip(root / "pets.zip", {"cats/a.png": photograph(1)}), "pets.zip has no train split"),
    "class in train only": (
        lambda root: as_zip(root / "pets.zip", without(pets(), "validation/dogs")),
        "pets.zip: the class 'dogs' is in train, but not in validation",
    ),
    "class in test only": (
        lambda root: as_zips(root / "pets", without(pets(), "train/cats")),
        "pets: the class 'cats' is in validation, but not in train",
    ),
    "one class": (lambda root: as_zip(root / "pets.zip", without(pets(), "cats")), "two or more different ones"),
    "image beside the classes": (
        lambda root: as_folder(root / "pets", pets() | {"train/stray.png": photograph(1)}),
        "pets: train/stray.png lies where no image should: .*<split>/<class>/<image>",
    ),
    "image below a class": (
        lambda root: as_zip(root / "pets.zip", pets() | {"train/cats/more/a.png": photograph(1)}),
        "pets.zip: train/cats/more/a.png lies where no image should",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_images_that_cannot_be_used_are_named(tmp_path, name):
    make, words = MISTAKES[name]
    make(tmp_path)
    (place,) = tmp_path.iterdir()
    with pytest.raises(ValueError, match=f"^[^\n]*{words}"):
        prepared(tmp_path, "image_folder", path=place.name)


@pytest.mark.parametrize(
    ("name", "how", "words"),
    [
        ("image_folder", {"path": "pets"}, r"pets does not exist: it should hold <split>/.*`data_root`"),
        ("cats_vs_dogs", {}, r"cats_vs_dogs does not exist: it should hold <split>/.*`data_root`"),
        ("cifar10", {"path": "cifar"}, r"cifar holds no cifar10: there is neither cifar-10-binary\.tar\.gz nor"),
    ],
)
def test_a_folder_that_is_not_there_is_said(tmp_path, name, how, words):
    with pytest.raises(FileNotFoundError, match=words):
        prepared(tmp_path, name, **how)


def test_a_folder_without_splits_is_said(tmp_path):
    as_folder(tmp_path / "pets", {"cats/a.png": photograph(1), "dogs/a.png": photograph(1)})
    with pytest.raises(FileNotFoundError, match="pets has no train split: it should hold <split>/<class>/<image>"):
        prepared(tmp_path, "image_folder", path="pets")


# Downloads


@pytest.fixture
def server(tmp_path):
    """A server of a folder: the folder, its address, and what was asked of it."""
    folder, asked = tmp_path / "served", []
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, form, *arguments):
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{serving.server_port}/", asked
        serving.shutdown()


@pytest.fixture
def published(server, digits_as_idx, monkeypatch):
    """MNIST as if the server were where it is published."""
    folder, address, asked = server
    put(folder, digits_as_idx)
    sums = [(f"{name}.gz", md5((folder / f"{name}.gz").read_bytes())) for name in idx.FILES]
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", sums)
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"{address}nowhere/", address])
    monkeypatch.setattr(files, "WAIT", 0)
    return folder, asked


def test_what_is_not_there_is_downloaded_once_from_the_first_address_that_has_it(tmp_path, published):
    loaded = prepared(tmp_path, "mnist")
    assert len(loaded.train) == 20
    said = loaded.manifest["source"]["files"][0]
    assert said["file"] == "downloads/mnist/train-images-idx3-ubyte.gz" and said["official"] and len(said["urls"]) == 2
    assert sorted(p.name for p in (tmp_path / "downloads/mnist").iterdir()) == sorted(f"{f}.gz" for f in idx.FILES)
    published[1].clear()
    assert prepared(tmp_path, "mnist").manifest == loaded.manifest and published[1] == []


def test_a_download_that_was_damaged_since_is_fetched_again(tmp_path, published):
    first = prepared(tmp_path, "mnist").manifest
    (tmp_path / "downloads/mnist/train-images-idx3-ubyte.gz").write_bytes(b"half")
    assert prepared(tmp_path, "mnist").manifest == first


def test_a_download_with_the_wrong_checksum_is_not_kept(tmp_path, published, capsys):
    folder, asked = published
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"something else")
    words = rf"^train-images-idx3-ubyte\.gz of mnist could not be downloaded .*put it into {tmp_path}/mnist, or set"
    with pytest.raises(RuntimeError, match=words) as error:
        prepared(tmp_path, "mnist")
    assert str(error.value).count("corrupted") >= files.TRIES and "nowhere/train-images" in str(error.value)
    assert sum(path == "/train-images-idx3-ubyte.gz" for path in asked) >= files.TRIES
    assert not any((tmp_path / "downloads/mnist").iterdir())
    assert "downloading it to" in capsys.readouterr().err


def test_without_a_network_the_error_says_what_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "WAIT", 0)
    monkeypatch.setattr(
        torchvision.datasets.utils, "_urlretrieve", lambda *a: (_ for _ in ()).throw(OSError("no network"))
    )
    monkeypatch.setattr(torchvision.datasets.utils, "_get_redirect_url", lambda url, max_hops: url)
    words = (
        rf"cifar-10-binary\.tar\.gz of cifar10 could not be downloaded \(https.*no network\): put it into {tmp_path}"
    )
    with pytest.raises(RuntimeError, match=words):
        prepared(tmp_path, "cifar10")


# Where it all is


def test_the_data_root_is_what_the_config_says_else_the_variable_else_data(monkeypatch, tmp_path):
    monkeypatch.delenv("ESPALIER_DATA", raising=False)
    assert datasets.data_root(None) == "data"
    monkeypatch.setenv("ESPALIER_DATA", str(tmp_path))
    assert datasets.data_root(None) == str(tmp_path)
    assert datasets.data_root("mine") == "mine"


def test_sources_are_the_files_that_are_read_and_not_what_was_downloaded(tmp_path, digits_as_idx):
    assert datasets.sources("digits", tmp_path) == datasets.sources("mnist", tmp_path) == {}
    put(tmp_path / "downloads" / "mnist", digits_as_idx)
    assert datasets.sources("mnist", tmp_path) == {}
    put(tmp_path / "mnist", digits_as_idx)
    assert [p.name for p in datasets.sources("mnist", tmp_path).values()] == [f"{name}.gz" for name in idx.FILES]
    as_zips(tmp_path / "cifar10_jpeg", pets())
    assert [p.name for p in datasets.sources("cifar10", tmp_path).values()] == ["train.zip", "validation.zip"]
    archive = tar(tmp_path / "cifar-10-binary.tar.gz", cifar10_members())
    assert list(datasets.sources("cifar10", tmp_path).values()) == [archive]


def contents(name, root, path=None):
    return Contents(root / "store.json").digest(datasets.sources(name, root, path))


def test_images_in_folders_are_other_contents_when_one_of_them_changes(tmp_path):
    assert not datasets.sources("digits", tmp_path) and not datasets.sources("cats_vs_dogs", tmp_path)
    folder = as_folder(tmp_path / "cats_vs_dogs", pets())
    found = []
    for change in (
        lambda: None,
        lambda: (folder / "train/cats/cats.0.png").rename(folder / "train/cats/x.png"),
        lambda: (folder / "train/cats/x.png").rename(folder / "train/dogs/x.png"),
        lambda: (folder / "train/cats/cats.1.png").write_bytes(photograph(1, 9, 9)),
        lambda: (folder / "validation/dogs/dogs.1.png").unlink(),
        lambda: as_folder(folder, {"train/birds/a.png": b"1"}),
    ):
        change()
        found.append(contents("cats_vs_dogs", tmp_path))
        assert found[-1] == contents("image_folder", tmp_path, "cats_vs_dogs")
    assert len(set(found)) == len(found)


def test_a_file_is_other_contents_when_an_older_one_takes_its_place(tmp_path, digits_as_idx):
    folder = put(tmp_path / "mnist", digits_as_idx)
    first = contents("mnist", tmp_path)
    assert first == contents("mnist", tmp_path)
    file = next(folder.glob("train-images*"))
    status, content = file.stat(), file.read_bytes()
    file.write_bytes(content[::-1])
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns - 10**9))
    assert contents("mnist", tmp_path) != first
    file.write_bytes(content)
    assert contents("mnist", tmp_path) == first


def test_a_copy_with_other_times_in_another_place_is_the_same_contents(tmp_path, digits_as_idx):
    put(tmp_path / "here" / "mnist", digits_as_idx)
    shutil.copytree(tmp_path / "here", tmp_path / "there" / "again")
    for file in (tmp_path / "there").rglob("*.gz"):
        os.utime(file, ns=(0, 0))
    assert contents("mnist", tmp_path / "here") == contents("mnist", tmp_path / "there" / "again")


def test_a_file_is_read_once_and_again_when_the_store_is_lost_or_damaged(tmp_path):
    (tmp_path / "file").write_bytes(b"1")
    found = Contents(tmp_path / "store").digest({"file": tmp_path / "file"})
    store = json.loads((tmp_path / "store").read_text())
    assert store[str(tmp_path / "file")].pop() == hashlib.sha256(b"1").hexdigest()
    store[str(tmp_path / "file")].append("remembered")
    (tmp_path / "store").write_text(json.dumps(store))
    assert Contents(tmp_path / "store").digest({"file": tmp_path / "file"}) != found
    for damaged in (b"", b"[1]", b"{", b"\xff", json.dumps({str(tmp_path / "file"): 1}).encode()):
        (tmp_path / "store").write_bytes(damaged)
        assert Contents(tmp_path / "store").digest({"file": tmp_path / "file"}) == found


def test_of_very_large_sets_sizes_and_times_stand_for_the_contents(tmp_path, monkeypatch):
    monkeypatch.setattr("espalier.datasets.contents.LARGE", 3)
    file = tmp_path / "file"
    file.write_bytes(b"1234")
    found = Contents(tmp_path / "store").digest({"file": file})
    assert not (tmp_path / "store").exists()
    os.utime(file, ns=(0, 0))
    assert Contents(tmp_path / "store").digest({"file": file}) != found


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_what_nets_are_given_is_what_keras_preprocesses(tmp_path, mode):
    """The pixels of a prepared set less its mean, divided by its deviation, against keras.applications."""
    from espalier.keras.runtime import keras

    as_folder(tmp_path / "pets", pets())
    raw = prepared(tmp_path, "image_folder", path="pets", size=9, mean=0.0, std=1.0)
    made = prepared(tmp_path, "image_folder", "again", path="pets", size=9, **preprocessing.MODES[mode])
    images, manifest = made.train.images / 255, made.manifest
    given = (images - np.asarray(manifest["mean"])) / np.asarray(manifest["std"])
    wanted = keras.applications.imagenet_utils.preprocess_input(raw.train.images.astype(float), mode=mode)
    np.testing.assert_allclose(given, wanted, atol=1e-4)
    assert given.std() > 0.1 and manifest.get("order", "rgb") == ("bgr" if mode == "caffe" else "rgb")


def test_the_manifest_does_not_say_where_the_data_root_is(tmp_path, digits_as_idx):
    said = []
    for root in (tmp_path / "here", tmp_path / "there"):
        put(root / "mnist", digits_as_idx)
        said.append(prepared(root, "mnist").manifest)
    assert said[0] == said[1] and str(tmp_path) not in json.dumps(said[0])
