"""Prepared data: the digits, their splits, and that they are the same every time."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from espalier import registry
from espalier.datasets import prepare as data

PLAIN = {"name": "digits", "validation": 0.1, "mean": 0.45, "std": 0.225}


@pytest.fixture(scope="module")
def prepared(digits):
    return data.load(digits(8, 1))


def test_sizes_of_the_splits(prepared):
    # 1797 images, a fifth of them (rounded up) for test; a tenth of the other 1437 (rounded up) to watch training by
    assert [len(split) for split in (prepared.train, prepared.validation, prepared.test)] == [1293, 144, 360]
    assert prepared.classes == list("0123456789")


def test_no_image_is_in_two_splits_or_lost(prepared):
    originals = (load_digits().images * 255 / 16).round().astype(np.uint8)
    stored = [*prepared.train.images, *prepared.validation.images, *prepared.test.images]
    assert sorted(i.tobytes() for i in stored) == sorted(i.tobytes() for i in originals)


def test_images_keep_their_labels(prepared):
    bunch = load_digits()
    label_of = {
        (image * 255 / 16).round().astype(np.uint8).tobytes(): label
        for image, label in zip(bunch.images, bunch.target, strict=True)
    }
    assert len(label_of) == 1797  # no two digits are alike
    for split in (prepared.train, prepared.validation, prepared.test):
        assert [label_of[image.tobytes()] for image in split.images] == split.labels.tolist()


def test_every_class_has_its_share_of_every_split(prepared):
    everywhere = np.bincount(load_digits().target)
    for split in (prepared.train, prepared.validation, prepared.test):
        assert np.abs(np.bincount(split.labels) - everywhere * len(split) / 1797).max() <= 1


def test_grey_is_repeated_in_the_channels_and_size_is_as_asked(digits):
    images = data.load(digits(16, 3)).train.images
    assert images.shape == (1293, 16, 16, 3) and images.dtype == np.uint8
    assert np.array_equal(images[..., 0], images[..., 1]) and np.array_equal(images[..., 0], images[..., 2])
    assert images.max() > 200 and images.min() == 0


def test_splits_do_not_depend_on_size_and_channels(digits, prepared):
    other = data.load(digits(16, 3))
    assert np.array_equal(other.train.labels, prepared.train.labels)
    assert np.array_equal(other.test.labels, prepared.test.labels)


def test_the_same_data_set_twice_is_the_same_to_the_byte(digits, tmp_path):
    manifest = data.prepare(tmp_path, data.Preparation(size=8, channels=1, **PLAIN))
    assert manifest == data.load(digits(8, 1)).manifest
    for file in ("images.npy", "labels.npy"):
        assert (tmp_path / file).read_bytes() == (digits(8, 1) / file).read_bytes()


def test_the_digest_tells_data_sets_apart(digits, tmp_path):
    digests = {json.loads((digits(*how) / "manifest.json").read_text())["sha256"] for how in ((8, 1), (16, 3))}
    digests.add(data.prepare(tmp_path, data.Preparation(size=8, channels=1, **PLAIN | {"validation": 0.2}))["sha256"])
    assert len(digests) == 3


def test_the_digest_is_of_the_labels_too(own_register, tmp_path):
    images = np.zeros((4, 2, 2), np.uint8)
    for name, labels in {"one": np.array([0, 1, 0, 1]), "other": np.array([1, 0, 1, 0])}.items():
        content = (images, labels, images, labels, ["a", "b"])
        registry.register(registry.Dataset(name, title=""))(lambda content=content: content)
    how = PLAIN | {"size": 2, "channels": 1, "validation": 0}
    digests = {
        data.prepare(tmp_path / name, data.Preparation(**how | {"name": name}))["sha256"] for name in ("one", "other")
    }
    assert len(digests) == 2


def test_without_validation_all_training_images_are_trained_on(tmp_path):
    data.prepare(tmp_path, data.Preparation(size=8, channels=1, **PLAIN | {"validation": 0}))
    loaded = data.load(tmp_path)
    assert [len(split) for split in (loaded.train, loaded.validation, loaded.test)] == [1437, 0, 360]


def test_images_stay_on_disk_until_they_are_read(prepared):
    assert isinstance(prepared.train.images, np.memmap) and isinstance(prepared.test.images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        prepared.train.images[0] = 0


def test_colour_images_become_grey_or_stay_and_others_are_resized(own_register, tmp_path):
    @registry.register(registry.Dataset("squares", title="Red and blue squares"))
    def squares():
        images = np.zeros((4, 6, 6, 3), np.uint8)
        images[::2, ..., 0] = images[1::2, ..., 2] = 200
        labels = np.array([0, 1, 0, 1])
        return images, labels, images[:2], labels[:2], ["red", "blue"]

    how = PLAIN | {"name": "squares", "validation": 0.5}
    data.prepare(tmp_path / "colour", data.Preparation(size=3, channels=3, **how))
    red, blue = data.load(tmp_path / "colour").test.images
    assert red.shape == (3, 3, 3) and (red == [200, 0, 0]).all() and (blue == [0, 0, 200]).all()
    data.prepare(tmp_path / "grey", data.Preparation(size=12, channels=1, **how))
    red, blue = data.load(tmp_path / "grey").test.images
    assert red.shape == (12, 12, 1)
    assert (red == round(0.299 * 200)).all() and (blue == round(0.114 * 200)).all()  # luminance, ITU-R 601


def test_classes_can_be_some_of_the_outputs_that_a_net_has(prepared, tmp_path):
    outputs = {"number": 1000, "classes": {"7": 998, "0": 3}}
    manifest = data.prepare(tmp_path, data.Preparation(size=8, channels=1, **PLAIN, outputs=outputs))
    some = data.load(tmp_path)
    assert len(manifest["classes"]) == 1000 and (some.classes[998], some.classes[3]) == ("7", "0")
    assert manifest["counts"]["test"] == {name: prepared.manifest["counts"]["test"][name] for name in ("7", "0")}
    of_seven = prepared.test.images[np.asarray(prepared.test.labels) == 7]
    assert set(some.test.labels) == {998, 3} and np.array_equal(some.test.images[some.test.labels == 998], of_seven)


def test_only_the_named_classes_are_kept_and_numbered_in_their_order(prepared, tmp_path):
    manifest = data.prepare(tmp_path, data.Preparation(size=8, channels=1, **PLAIN, classes=["7", "0"]))
    two = data.load(tmp_path)
    assert manifest["classes"] == two.classes == ["7", "0"]
    number = np.bincount(load_digits().target)[[7, 0]].sum()
    assert len(two.train) + len(two.validation) + len(two.test) == number == 179 + 178
    of_all = [image.tobytes() for image, label in zip(*_test(prepared), strict=True) if label in (7, 0)]
    assert [image.tobytes() for image in two.test.images] == of_all  # test images stay test images
    label_of = {image.tobytes(): {7: 0, 0: 1}.get(label) for image, label in zip(*_test(prepared), strict=True)}
    assert [label_of[image.tobytes()] for image in two.test.images] == two.test.labels.tolist()
    for split in (two.train, two.validation, two.test):
        assert abs((split.labels == 0).mean() - 0.5) < 0.05
    assert manifest["sha256"] != prepared.manifest["sha256"]


def _test(prepared):
    return prepared.test.images, prepared.test.labels.tolist()


@pytest.mark.parametrize(
    "classes, words",
    [
        (["0", "cat"], r"digits has no class 'cat'\. Its classes are: 0, 1, 2"),
        (["3"], "two or more different ones, not 3"),
        (["3", "3"], "two or more different ones, not 3, 3"),
    ],
)
def test_classes_that_cannot_be_kept_are_said(tmp_path, classes, words):
    with pytest.raises(ValueError, match=words):
        data.prepare(tmp_path, data.Preparation(size=8, channels=1, **PLAIN, classes=classes))


# Bits that must not change: with another way to split or to resize, results could not be compared with earlier ones.


@pytest.mark.parametrize(
    ("size", "channels", "sha256"),
    [
        (8, 1, "bdb3193b0a2ea6288f60e4e212cb53d4edb5269c51f67b36f7f4743b72e546a2"),
        (32, 3, "fda9ae45c408dfd38e92d79ed4bfae65a96864442eadc73b645af04d20933cf9"),
    ],
)
def test_the_prepared_digits_have_the_bits_that_they_always_had(digits, size, channels, sha256):
    assert json.loads((digits(size, channels) / "manifest.json").read_text())["sha256"] == sha256


@pytest.fixture
def wide(own_register):
    """Images that are wider than high: each digit with the left half of the one after it."""

    @registry.register(registry.Dataset("wide", title="Wide digits"))
    def wide():
        bunch = load_digits()
        images = (bunch.images * 255 / 16).round().astype(np.uint8)
        images = np.concatenate([images, np.roll(images, -1, axis=0)[:, :, :4]], axis=2)
        return images[:1000], bunch.target[:1000], images[1000:], bunch.target[1000:], list("0123456789")


@pytest.mark.parametrize(
    ("fit", "sha256"),
    [
        ("squash", "bf57763d838c92b958a4d9431b4d4b6a8f28f69dfc697a5e0778b7799539553e"),
        ("crop", "1fb6b7086264c0c67d26b6f60cd6316d6c639a562b2de72ee6191450a0e9c0f8"),
    ],
)
def test_images_that_are_not_square_have_the_bits_that_they_always_had(wide, tmp_path, fit, sha256):
    assert (
        data.prepare(tmp_path, data.Preparation(size=12, channels=1, fit=fit, **PLAIN | {"name": "wide"}))["sha256"]
        == sha256
    )


@pytest.mark.parametrize(("fit", "expected"), [("squash", [[41, 53], [61, 73]]), ("crop", [[43, 51], [63, 71]])])
def test_images_are_resized_bilinearly(own_register, tmp_path, fit, expected):
    """A slope of 10 a row and 4 a column, 8 x 12 pixels, made 4 x 4. Away from the edge a pixel has the value of the
    slope at its middle: in row i and column j 10 (2i + 1/2) + 4 (3j + 1) of the whole, 10 (2i + 1/2) + 4 (2 + 2j + 1/2)
    of the square in the middle."""
    slope = np.add.outer(10 * np.arange(8), 4 * np.arange(12)).astype(np.uint8)
    images, labels = np.stack([slope] * 4), np.array([0, 1, 0, 1])
    registry.register(registry.Dataset("slope", title=""))(lambda: (images, labels, images, labels, ["a", "b"]))
    data.prepare(tmp_path, data.Preparation(size=4, channels=1, fit=fit, **PLAIN | {"name": "slope", "validation": 0}))
    assert data.load(tmp_path).train.images[0, 1:3, 1:3, 0].tolist() == expected
