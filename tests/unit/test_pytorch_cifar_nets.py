"""Architectures for CIFAR, held to counts that their papers and closed forms give."""

import pytest
import torch

from espalier.pytorch import groups, prune, structure
from espalier.pytorch.models import build_model, load, save
from espalier.pytorch.profile import profile_model
from espalier.training.pruning import Pruning

FILTERS = {"prune_type": "filter_wise", "method": "l1", "scope": "layer", "ratio": "0.50"}

CONVS = {  # widths of the convs, in their order, with the side of the images that each sees at 32x32
    "vgg16_bn_cifar": [(64, 32)] * 2 + [(128, 16)] * 2 + [(256, 8)] * 3 + [(512, 4)] * 3 + [(512, 2)] * 3,
    "vgg19_bn_cifar": [(64, 32)] * 2 + [(128, 16)] * 2 + [(256, 8)] * 4 + [(512, 4)] * 4 + [(512, 2)] * 4,
}


def closed_form_of_a_vgg(name, classes):
    """Convs with biases, batch norms of two parameters a channel, one linear layer."""
    params, macs, inside = 0, 0, 3
    for outside, side in CONVS[name]:
        weights = inside * outside * 9
        params, macs, inside = params + weights + outside + 2 * outside, macs + weights * side * side, outside
    return params + inside * classes + classes, macs + inside * classes


def closed_form_of_a_resnet(blocks, classes):
    """He et al.: three stages of blocks of two 3x3 convs, a 1x1 conv where the shape changes, no biases of convs."""
    params, macs, inside = 3 * 16 * 9 + 32, 3 * 16 * 9 * 32 * 32, 16
    for outside, side in ((16, 32), (32, 16), (64, 8)):
        for _ in range(blocks):
            weights = 9 * inside * outside + 9 * outside * outside + (inside * outside if inside != outside else 0)
            norms = 2 * outside * (3 if inside != outside else 2)
            params, macs, inside = params + weights + norms, macs + weights * side * side, outside
    return params + 64 * classes + classes, macs + 64 * classes


@pytest.mark.parametrize(
    ("name", "classes", "expected"),
    [
        ("resnet20", 10, (272_474, 40_813_184)),
        ("resnet56", 10, (855_770, 125_747_840)),  # as published for CIFAR-10
        ("resnet20", 100, closed_form_of_a_resnet(3, 100)),
        ("resnet56", 100, closed_form_of_a_resnet(9, 100)),
        ("vgg16_bn_cifar", 10, closed_form_of_a_vgg("vgg16_bn_cifar", 10)),
        ("vgg16_bn_cifar", 100, closed_form_of_a_vgg("vgg16_bn_cifar", 100)),
        ("vgg19_bn_cifar", 100, closed_form_of_a_vgg("vgg19_bn_cifar", 100)),
    ],
)
def test_a_net_has_the_known_counts(name, classes, expected):
    counted = profile_model(build_model(name, classes), 32)
    assert (counted.params, counted.macs) == expected


def test_the_closed_form_gives_the_published_resnets():
    assert closed_form_of_a_resnet(9, 10) == (855_770, 125_747_840)


@pytest.mark.parametrize("name", ["resnet20", "vgg16_bn_cifar"])
def test_a_net_is_pruned_by_filters_saved_and_read_back(tmp_path, name):
    torch.manual_seed(0)
    net = build_model(name, 10, width=0.5).eval()
    widths = {name: conv.out_channels for name, conv in groups.convs(net).items()}
    kept = prune.kept_channels(net, Pruning.of(FILTERS, "pytorch"), 32)
    structure.remove_channels(net, kept, 32)
    assert {name: conv.out_channels for name, conv in groups.convs(net).items()} == {n: len(i) for n, i in kept.items()}
    assert any(len(indices) < widths[name] for name, indices in kept.items())
    images = torch.randn(2, 3, 32, 32)
    save(net, tmp_path / "model.safetensors")
    with torch.no_grad():
        assert torch.equal(load(tmp_path / "model.safetensors")(images), net(images))


def test_blocks_of_a_resnet_are_removed(tmp_path):
    net = build_model("resnet20", 10, removed_blocks=["layer1.1", "layer2.0"])
    whole = build_model("resnet20", 10)
    one = 2 * 9 * 16 * 16 + 4 * 16  # of layer1.1; of layer2.0 the shortcut stays
    other = 9 * 16 * 32 + 9 * 32 * 32 + 4 * 32
    assert profile_model(whole, 32).params - profile_model(net, 32).params == one + other


def test_a_list_of_widths_is_for_chains_of_convs():
    assert build_model("vgg16_bn_cifar", 10, widths=[8] * 13).features[0].out_channels == 8
    with pytest.raises(ValueError, match="takes 13 positive conv widths"):
        build_model("vgg16_bn_cifar", 10, widths=[8] * 12)
    with pytest.raises(ValueError, match="resnet20 is no chain of convs"):
        build_model("resnet20", 10, widths=[8] * 19)


# Architectures for other images


def closed_form_of_mobilenet_v2(size, classes):
    """Sandler et al., table 2: inverted residuals of a 1x1, a depthwise 3x3 and a 1x1 conv, no biases of convs."""
    side = size // 2
    params, macs, inside = 3 * 32 * 9 + 64, 3 * 32 * 9 * side**2, 32
    plan = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for factor, outside, number, first_stride in plan:
        for index in range(number):
            wide, after = inside * factor, side // (first_stride if index == 0 else 1)
            expand = inside * wide if factor > 1 else 0
            params += expand + (2 * wide if expand else 0) + 9 * wide + 2 * wide + wide * outside + 2 * outside
            macs += expand * side**2 + (9 * wide + wide * outside) * after**2
            inside, side = outside, after
    params += 320 * 1280 + 2 * 1280 + 1280 * classes + classes
    return params, macs + 320 * 1280 * side**2 + 1280 * classes


def test_mobilenet_v2_has_the_published_counts():
    assert closed_form_of_mobilenet_v2(224, 1000) == (3_504_872, 300_774_272)
    profile = profile_model(build_model("mobilenet_v2", 1000), 224)
    assert (profile.params, profile.macs) == (3_504_872, 300_774_272)
    profile = profile_model(build_model("mobilenet_v2", 7), 96)
    assert (profile.params, profile.macs) == closed_form_of_mobilenet_v2(96, 7)


def test_the_mlp_has_the_counts_of_its_matrices():
    weights = 784 * 1000 + 1000 * 1000 + 1000 * 500 + 500 * 200 + 200 * 10
    for size in (28, 32):
        profile = profile_model(build_model("mlp", 10), size)
        assert (profile.params, profile.macs) == (weights + 10, weights) == (2_386_010, 2_386_000)
    assert profile_model(build_model("mlp", 10, hidden=(30, 20), width=0.5), 28).macs == 784 * 15 + 15 * 10 + 10 * 10
