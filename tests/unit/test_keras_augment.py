"""Augmentations of the Keras backend: those of the PyTorch backend, image by image."""

import inspect

import numpy as np
import pytest
import torch

from espalier import registry
from espalier.keras import colours
from espalier.pytorch import colours as of_pytorch
from espalier.training import augmentation

EXAMPLES = {
    "resize": {"size": 12},
    "random_crop": {"size": 6, "padding": 2},
    "horizontal_flip": {},
    "cutout": {"side": 4},
    "color_jitter": {"strength": 0.4},
}


def augment(images, steps, seed=0, labels=None):
    changed, labels = augmentation.augment("keras", images, labels, steps, np.random.default_rng(seed))
    return changed if labels is None else (changed, labels)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (40, 8, 9, 3), np.uint8)


def names(backend):
    return {
        name: inspect.signature(entry.function).parameters
        for name, entry in registry.entries(registry.Augmentation, backend).items()
    }


def test_they_have_the_names_and_the_values_of_those_in_pytorch():
    theirs = names("pytorch")
    for name, parameters in names("keras").items():
        assert list(parameters) == list(theirs[name])
        given = [key for key in parameters if key not in augmentation.GIVEN]
        assert [(parameters[key].default, parameters[key].annotation) for key in given] == [
            (theirs[name][key].default, theirs[name][key].annotation) for key in given
        ]


@pytest.mark.parametrize("name", EXAMPLES)
def test_uint8_images_in_and_out_the_originals_untouched_and_the_generator_decides(name, images):
    before, steps = images.copy(), [{name: EXAMPLES[name]}]
    first = augment(images, steps, seed=5)
    np.random.seed(3)
    assert first.dtype == np.uint8 and first.shape[0] == 40 and first.shape[-1] == 3
    assert np.array_equal(images, before) and np.array_equal(augment(images, steps, seed=5), first)
    assert name == "resize" or not np.array_equal(augment(images, steps, seed=6), first)


def test_a_random_crop_is_a_window_of_the_image_in_its_border(images):
    bordered, places = np.zeros((40, 12, 13, 3), np.uint8), set()
    bordered[:, 2:10, 2:11] = images
    for image, window in zip(bordered, augment(images, [{"random_crop": EXAMPLES["random_crop"]}]), strict=True):
        found = [
            (top, left)
            for top in range(7)
            for left in range(8)
            if np.array_equal(image[top : top + 6, left : left + 6], window)
        ]
        assert len(found) == 1
        places.add(found[0])
    assert {top for top, _ in places} == set(range(7)) and {left for _, left in places} == set(range(8))


def test_a_flip_mirrors_some_images_from_left_to_right(images):
    flipped = augment(images, ["horizontal_flip"])
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(images, flipped, strict=True)]
    same = [np.array_equal(a, b) for a, b in zip(images, flipped, strict=True)]
    assert all(m != s for m, s in zip(mirrored, same, strict=True)) and 10 <= sum(mirrored) <= 30
    assert np.array_equal(augment(images, [{"horizontal_flip": 1.0}]), images[:, :, ::-1])


def test_resizing_is_that_of_pytorch_up_to_rounding(images):
    for size in (4, 12, 20):
        of_torch, _ = augmentation.augment(
            "pytorch", torch.from_numpy(images.transpose(0, 3, 1, 2).copy()), None, [{"resize": size}], None
        )
        difference = augment(images, [{"resize": size}]).astype(int) - of_torch.numpy().transpose(0, 2, 3, 1)
        assert abs(difference).max() <= 1


@pytest.mark.parametrize("side", [1, 4, 8])
def test_cutout_covers_a_square_whose_centre_is_anywhere_in_the_image(side):
    covered = augment(np.zeros((600, 8, 9, 3), np.uint8), [{"cutout": {"side": side, "fill": 7}}])
    possible = set()
    for row in range(8):
        for column in range(9):
            square = np.zeros((8, 9, 3), np.uint8)
            top, left = row - side // 2, column - side // 2
            square[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = 7
            possible.add(square.tobytes())
    assert {image.tobytes() for image in covered} == possible


def test_mixup_mixes_images_and_labels_by_one_share():
    levels, labels = np.tile(np.array([0, 100, 200], np.uint8), 4), np.tile(np.eye(3, dtype=np.float32), (4, 1))
    for seed in range(20):
        mixed, shares = augment(levels[:, None, None, None], [{"mixup": 0.5}], seed, labels)
        np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)
        assert abs(mixed[:, 0, 0, 0] - shares @ [0, 100, 200]).max() <= 0.51
        assert mixed.dtype == np.uint8 and shares.dtype == np.float32


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
def test_a_colour_changes_as_in_pytorch(images, name, channels):
    images = images[..., :channels].copy()
    images[0] = 77  # grey, where a hue is not defined
    images[1, ..., :] = 0
    amounts = np.linspace(-0.5, 0.5, len(images))
    changed = getattr(colours, name)(images, amounts)
    expected = getattr(of_pytorch, name)(
        torch.from_numpy(images.transpose(0, 3, 1, 2).copy()), torch.from_numpy(amounts).float()
    )
    difference = changed.astype(int) - expected.numpy().transpose(0, 2, 3, 1)
    assert changed.dtype == np.uint8 and abs(difference).max() <= 1


def test_colour_jitter_of_strength_zero_changes_nothing_and_each_image_gets_its_own(images):
    assert abs(augment(images, [{"color_jitter": 0.0}]).astype(int) - images).max() <= 1
    twins = np.repeat(images[:1], 8, 0)
    assert len({image.tobytes() for image in augment(twins, [{"color_jitter": 0.4}])}) == 8
