"""Augmentations: what they may make of an image, and that the generator alone decides."""

import inspect

import pytest
import torch

from espalier import registry
from espalier.pytorch.augment import augment

EXAMPLES = {
    "resize": {"size": 12},
    "random_crop": {"size": 6, "padding": 2},
    "horizontal_flip": {},
    "color_jitter": {"strength": 0.4},
    "autoaugment": {"policy": "cifar10"},
}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    return torch.randint(0, 256, (40, 3, 8, 9), generator=generator(), dtype=torch.uint8)


def test_every_augmentation_has_an_example_here():
    assert set(EXAMPLES) == set(registry.entries("augmentation", "pytorch"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_uint8_images_in_and_out_and_the_originals_untouched(name, images):
    before = images.clone()
    changed = augment(images, [{name: EXAMPLES[name]}], generator())
    assert changed.dtype == torch.uint8 and changed.shape[:2] == (40, 3)
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", [n for n in EXAMPLES if n != "resize"])
def test_the_generator_decides_and_nothing_else(name, images):
    steps = [{name: EXAMPLES[name]}]
    torch.manual_seed(1)
    first = augment(images, steps, generator(5))
    following = torch.rand(1)
    torch.manual_seed(2)
    assert torch.equal(augment(images, steps, generator(5)), first)
    assert not torch.equal(augment(images, steps, generator(6)), first)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), following)  # dropout draws what it would have drawn


def test_a_random_crop_is_a_window_of_the_image_in_its_border(images):
    cropped = augment(images, [{"random_crop": {"size": 6, "padding": 2}}], generator())
    bordered = torch.zeros(40, 3, 12, 13, dtype=torch.uint8)
    bordered[:, :, 2:10, 2:11] = images
    places = set()
    for image, window in zip(bordered, cropped, strict=True):
        found = [
            (top, left)
            for top in range(7)
            for left in range(8)
            if torch.equal(image[:, top : top + 6, left : left + 6], window)
        ]
        assert len(found) == 1
        places.add(found[0])
    assert {top for top, _ in places} == set(range(7)) and {left for _, left in places} == set(range(8))


def test_a_crop_of_the_whole_image_is_the_image(images):
    assert torch.equal(augment(images[..., :8], [{"random_crop": 8}], generator()), images[..., :8])


def test_a_flip_mirrors_some_images_from_left_to_right(images):
    flipped = augment(images, ["horizontal_flip"], generator())
    mirrored = [torch.equal(a, b.flip(-1)) for a, b in zip(images, flipped, strict=True)]
    same = [torch.equal(a, b) for a, b in zip(images, flipped, strict=True)]
    assert all(m != s for m, s in zip(mirrored, same, strict=True))
    assert 10 <= sum(mirrored) <= 30
    assert torch.equal(augment(images, [{"horizontal_flip": 1.0}], generator()), images.flip(3))
    assert torch.equal(augment(images, [{"horizontal_flip": 0.0}], generator()), images)


def test_resizing_averages_and_keeps_a_plain_image_plain():
    checkers = torch.tensor([[0, 100], [100, 0]], dtype=torch.uint8).repeat(1, 1, 4, 4)
    small = augment(checkers, [{"resize": 4}], generator())
    assert small.shape == (1, 1, 4, 4) and small.float().mean().item() == pytest.approx(50, abs=1)
    plain = torch.full((2, 3, 5, 7), 9, dtype=torch.uint8)
    assert torch.equal(augment(plain, [{"resize": 10}], generator()), torch.full((2, 3, 10, 10), 9, dtype=torch.uint8))


def test_colour_jitter_of_strength_zero_changes_nothing_and_each_image_gets_its_own(images):
    unchanged = augment(images, [{"color_jitter": 0.0}], generator())
    assert (unchanged.int() - images.int()).abs().max() <= 1  # through floating point and back
    twins = images[:1].repeat(8, 1, 1, 1)
    jittered = augment(twins, [{"color_jitter": 0.4}], generator())
    assert len({tuple(image.flatten().tolist()) for image in jittered}) == 8


def test_steps_follow_each_other(images):
    steps = [{"resize": 16}, {"random_crop": {"size": 10}}, "horizontal_flip"]
    together, one = augment(images, steps, generator(3)), generator(3)
    expected = images
    for step in steps:
        expected = augment(expected, [step], one)
    assert together.shape == (40, 3, 10, 10) and torch.equal(together, expected)


def test_a_name_with_a_colon_and_nothing_after_it_is_the_name_alone(images):
    assert torch.equal(
        augment(images, [{"horizontal_flip": None}], generator()), augment(images, ["horizontal_flip"], generator())
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_a_config_can_give_is_annotated_so_that_it_can_be_checked(name):
    parameters = inspect.signature(registry.get("augmentation", name, "pytorch").function).parameters
    given = [p for p in parameters.values() if p.name not in ("images", "generator")]
    assert all(p.annotation is not p.empty for p in given)
