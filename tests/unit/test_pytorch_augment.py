"""Augmentations: what they may make of an image, and that the generator alone decides."""

import inspect

import numpy as np
import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from espalier import registry
from espalier.pytorch import colours
from espalier.training import augmentation

EXAMPLES = {
    "resize": {"size": 12},
    "random_crop": {"size": 6, "padding": 2},
    "horizontal_flip": {},
    "cutout": {"side": 4},
    "color_jitter": {"strength": 0.4},
    "autoaugment": {"policy": "cifar10"},
}


def augment(images, steps, generator):
    changed, _ = augmentation.augment("pytorch", images, None, steps, generator)
    return changed


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    return torch.randint(0, 256, (40, 3, 8, 9), generator=generator(), dtype=torch.uint8)


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


@pytest.mark.parametrize("side", [1, 3, 4, 8])
def test_cutout_covers_a_square_whose_centre_is_anywhere_in_the_image(side):
    """Of 8 x 9 pixels: rows and columns from centre - side // 2 on, those of them that there are."""
    black = torch.zeros(600, 3, 8, 9, dtype=torch.uint8)
    covered = augment(black, [{"cutout": {"side": side, "fill": 7}}], generator())
    possible = {}
    for row in range(8):
        for column in range(9):
            square = torch.zeros(8, 9, dtype=torch.uint8)
            top, left = row - side // 2, column - side // 2
            square[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = 7
            possible[square.numpy().tobytes()] = square
    assert torch.equal(covered[:, 0], covered[:, 1]) and torch.equal(covered[:, 0], covered[:, 2])
    assert {image.numpy().tobytes() for image in covered[:, 0]} == set(possible)
    assert augment(black, [{"cutout": 8}], generator()).max() == 115  # 0.45 of 255, where the config says nothing


def test_mixup_mixes_images_and_labels_of_a_batch_by_one_share(images):
    """Grey images of levels 0, 100 and 200 tell which of them are mixed, and by how much."""
    levels = torch.tensor([0, 100, 200], dtype=torch.uint8).repeat(4)
    batch, labels = levels[:, None, None, None].expand(12, 1, 2, 2), torch.eye(3).repeat(4, 1)
    shares = []
    for seed in range(400):
        mixed, given = augmentation.augment("pytorch", batch, labels, [{"mixup": 0.5}], generator(seed))
        share = given.max(1).values
        assert torch.allclose(given.sum(1), torch.ones(12))
        expected = (given @ torch.tensor([0.0, 100.0, 200.0])).round()
        assert (mixed[:, 0, 0, 0] - expected).abs().max() <= 1 and mixed.dtype == torch.uint8
        shares += [float(share[share < 1][0])] if (share < 1).any() else []
    # Of Beta(1/2, 1/2) the larger of share and 1 - share is at most x with probability 4/pi * asin(sqrt(x)) - 1.
    for limit, probability in ((0.6, 0.1282), (0.75, 0.3333), (0.9, 0.5903)):
        assert np.mean(np.array(shares) <= limit) == pytest.approx(probability, abs=0.08)
    again = [augmentation.augment("pytorch", batch, labels, [{"mixup": 0.5}], generator(3)) for _ in range(2)]
    assert torch.equal(again[0][0], again[1][0]) and torch.equal(again[0][1], again[1][1])


def test_colour_jitter_of_strength_zero_changes_nothing_and_each_image_gets_its_own(images):
    unchanged = augment(images, [{"color_jitter": 0.0}], generator())
    assert (unchanged.int() - images.int()).abs().max() <= 1  # through floating point and back
    twins = images[:1].repeat(8, 1, 1, 1)
    jittered = augment(twins, [{"color_jitter": 0.4}], generator())
    assert len({tuple(image.flatten().tolist()) for image in jittered}) == 8


OF_TORCHVISION = {
    "brightness": functional.adjust_brightness,
    "contrast": functional.adjust_contrast,
    "saturation": functional.adjust_saturation,
    "hue": functional.adjust_hue,
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", OF_TORCHVISION)
def test_a_colour_changes_each_image_by_its_own_amount_as_torchvision_changes_one(images, name, channels):
    images, amounts = images[:, :channels], torch.linspace(-0.5, 0.5, len(images))
    changed, one = getattr(colours, name)(images, amounts), 0.0 if name == "hue" else 1.0
    for image, amount, found in zip(images, amounts.tolist(), changed, strict=True):
        expected = OF_TORCHVISION[name](image, one + amount)
        assert found.dtype == torch.uint8 and (found.int() - expected.int()).abs().max() <= 1


def test_every_image_has_all_four_changes_in_an_order_of_its_own(images, monkeypatch):
    """Each change adds its number to the image as a digit of base 5: all 24 orders occur, no change is left out."""
    kinds = [lambda images, amounts, kind=kind: images * 5 + kind for kind in range(1, 5)]
    monkeypatch.setattr(colours, "CHANGES", kinds)
    seen = augment(torch.zeros(2000, 1, 1, 1, dtype=torch.int64), [{"color_jitter": 0.1}], generator())
    orders = seen.flatten().tolist()
    digits = {order: sorted(order // 5**place % 5 for place in range(4)) for order in set(orders)}
    assert len(digits) == 24 and all(found == [1, 2, 3, 4] for found in digits.values())
    assert all(40 < orders.count(order) < 130 for order in digits)


def test_the_amounts_of_colour_jitter_are_even_between_both_strengths(images, monkeypatch):
    amounts = [[] for _ in range(4)]
    monkeypatch.setattr(
        colours, "CHANGES", [lambda i, amount, to=to: to.extend(amount.tolist()) or i for to in amounts]
    )
    augment(images.repeat(25, 1, 1, 1), [{"color_jitter": 0.2}], generator())
    for drawn in amounts:
        assert len(drawn) == 1000 and -0.2 <= min(drawn) < -0.19 and 0.19 < max(drawn) <= 0.2
        assert sum(drawn) / 1000 == pytest.approx(0, abs=0.015)


@pytest.mark.parametrize("policy", ["cifar10", "imagenet", "svhn"])
def test_an_autoaugmented_image_is_one_that_torchvision_can_make_of_it(images, policy):
    """Of one image, everything that the policy may make of it, by torchvision's own code on the image alone."""
    transform = v2.AutoAugment(v2.AutoAugmentPolicy(policy))

    def results(image, operation):
        name, _, level = operation
        strengths, signed = transform._AUGMENTATION_SPACE[name]
        strengths = strengths(10, *image.shape[-2:])
        strength = 0.0 if strengths is None else float(strengths[level])
        for one in {strength, -strength} if signed else {strength}:
            yield transform._apply_image_or_video_transform(image, name, one, transform.interpolation, transform._fill)

    image = images[0]
    possible = set()
    for first, second in transform._policies:
        for between in (image, *results(image, first)):
            possible |= {tuple(made.flatten().tolist()) for made in (between, *results(between, second))}
    made = augment(image.repeat(600, 1, 1, 1), [{"autoaugment": policy}], generator())
    found = {tuple(one.flatten().tolist()) for one in made}
    assert found <= possible and len(found) > 0.4 * len(possible)


def test_autoaugment_applies_as_many_operations_as_torchvision_does(images):
    """As an average over many draws: the share of images that stay as they are."""
    twins = images[:1].repeat(2000, 1, 1, 1)
    same = (augment(twins, ["autoaugment"], generator()) == twins).flatten(1).all(1).float().mean().item()
    transform = v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expected = sum(torch.equal(transform(images[0]), images[0]) for _ in range(2000)) / 2000
    assert same == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("name", ["color_jitter", "autoaugment"])
def test_a_single_image_and_a_grey_one_are_augmented_too(images, name):
    for few in (images[:1], images[:5, :1]):
        changed = augment(few, [{name: EXAMPLES[name]}], generator())
        assert changed.shape == few.shape and changed.dtype == torch.uint8


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", EXAMPLES)
def test_on_cuda_images_are_augmented_as_on_the_cpu(images, name):
    here, there = (augment(i, [{name: EXAMPLES[name]}], generator()) for i in (images, images.cuda()))
    assert there.device.type == "cuda" and there.dtype == torch.uint8
    assert ((there.cpu().int() - here.int()).abs() <= 1).float().mean() > 0.99  # a pixel may be rounded another way


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
    parameters = inspect.signature(registry.get(registry.Augmentation, name, "pytorch").function).parameters
    given = [p for p in parameters.values() if p.name not in ("images", "generator")]
    assert all(p.annotation is not p.empty for p in given)
