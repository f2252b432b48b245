"""What each prune type takes for a group of weights, and what it declares."""

import pytest
import torch
from torch import nn

from espalier import registry
from espalier.pytorch import groups, models


@pytest.fixture
def two_convs():
    """2 -> 3 -> 2 channels, 1x2 kernels and a 1x1, weights 1, 2, 3, ... in the order of memory."""
    net = nn.Sequential(nn.Conv2d(2, 3, (1, 2)), nn.ReLU(), nn.Conv2d(3, 2, 1))
    with torch.no_grad():
        net[0].weight.copy_(torch.arange(1, 13).reshape(3, 2, 1, 2))
        net[2].weight.copy_(torch.arange(1, 7).reshape(2, 3, 1, 1))
    return net


FILTERS = [[[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], [[1, 2, 3], [4, 5, 6]]]
CHANNELS = [[[1, 2, 5, 6, 9, 10], [3, 4, 7, 8, 11, 12]], [[1, 4], [2, 5], [3, 6]]]


@pytest.mark.parametrize(
    "prune_type, expected",
    [("filter_wise", FILTERS), ("channel_wise", CHANNELS), ("filter_and_channel_wise", FILTERS + CHANNELS)],
)
def test_groups_of_a_chain_of_convs(two_convs, prune_type, expected):
    assert [matrix.tolist() for matrix in groups.groups(two_convs, prune_type)] == expected
    assert groups.count(two_convs, prune_type) == sum(map(len, expected))


def test_gradients_flow_through_the_groups_to_the_weights(two_convs):
    sum(matrix.sum() for matrix in groups.groups(two_convs, "filter_and_channel_wise")).backward()
    assert two_convs[0].weight.grad.eq(2).all() and two_convs[2].weight.grad.eq(2).all()
    assert two_convs[0].bias.grad is None


@pytest.mark.parametrize(
    "prune_type, number", [("filter_wise", 4224), ("channel_wise", 3715), ("filter_and_channel_wise", 7939)]
)
def test_vgg16_bn_has_the_numbers_of_groups_of_the_study(prune_type, number):
    assert groups.count(models.skeleton("vgg16_bn", 100), prune_type) == number


def test_a_residual_block_is_one_group_without_its_shortcut():
    net = models.skeleton("resnet50", 10)
    sizes = [matrix.shape for matrix in groups.groups(net, "depth_wise")]
    first = 64 * 64 + 64 * 64 * 9 + 64 * 256
    second = 256 * 64 + 64 * 64 * 9 + 64 * 256
    assert len(sizes) == 16 and sizes[:3] == [(1, first), (1, second), (1, second)]


def test_the_actual_ratio_is_the_share_of_groups_that_is_gone():
    before, after = nn.Conv2d(3, 8, 1), nn.Conv2d(3, 2, 1)
    nets = nn.Sequential(before, nn.Conv2d(8, 8, 1)), nn.Sequential(after, nn.Conv2d(2, 8, 1))
    assert groups.actual_ratio(*nets, "filter_wise") == pytest.approx(6 / 16)
    assert groups.actual_ratio(*nets, "channel_wise") == pytest.approx(6 / 11)
    assert groups.actual_ratio(*nets, "filter_and_channel_wise") == pytest.approx(12 / 27)


def test_single_weights_of_convs_and_linear_layers_are_groups_of_one(two_convs):
    net = nn.Sequential(two_convs, nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 3))
    found = groups.groups(net, "weight")
    assert [matrix.shape for matrix in found] == [(12, 1), (6, 1), (6, 1)]
    assert found[0].flatten().tolist() == list(range(1, 13)) and torch.equal(
        found[2].flatten(), net[3].weight.flatten()
    )


def test_a_single_weight_is_gone_if_it_is_zero_or_its_layer_has_become_smaller():
    before, after = nn.Sequential(nn.Conv2d(3, 4, 1)), nn.Sequential(nn.Conv2d(3, 2, 1))
    nn.init.ones_(after[0].weight)
    after[0].weight.data[0, 1] = 0
    assert groups.actual_ratio(before, after, "weight") == pytest.approx(7 / 12)
    assert groups.actual_ratio(before, after, "filter_wise") == pytest.approx(1 / 2)


@pytest.mark.parametrize("name", registry.entries(registry.PruneType, "pytorch"))
def test_every_prune_type_declares_what_the_config_is_checked_against(name):
    entry = registry.get(registry.PruneType, name, "pytorch")
    assert entry.amounts and set(entry.amounts) <= set(registry.AMOUNTS)
    assert entry.scopes in ((), ("global", "layer"), ("global", "layer", "erk"))
    assert entry.by and set(entry.by) <= set(groups.KINDS)
    assert any(entry.needs in model.has for model in registry.entries(registry.Model, "pytorch").values())
    fitting = [
        name for name, score in registry.entries(registry.Score, "pytorch").items() if set(entry.by) <= set(score.of)
    ]
    assert {"random", entry.default_method or "l2"} <= set(fitting)  # each has its baseline by chance
