"""Penalties against their closed forms."""

import math

import pytest
import torch
from a_recipe import a_recipe
from torch import nn

from espalier import registry
from espalier.pytorch.groups import groups
from espalier.pytorch.train import penalty_of


@pytest.fixture
def two_convs():
    """1 -> 2 -> 1 channels: filters (3, 4) and (0, 0), then one filter of the channels (1,) and (2,)."""
    net = nn.Sequential(nn.Conv2d(1, 2, (1, 2)), nn.ReLU(), nn.Conv2d(2, 1, 1))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([3.0, 4, 0, 0]).reshape(2, 1, 1, 2))
        net[2].weight.copy_(torch.tensor([1.0, 2]).reshape(1, 2, 1, 1))
    return net


def penalty(name, net, prune_type):
    return registry.get(registry.Penalty, name, "pytorch")(groups(net, prune_type))


@pytest.mark.parametrize(
    "prune_type, expected",
    [
        # sqrt(group size) * norm: filters (3, 4), (0, 0) and (1, 2)
        ("filter_wise", math.sqrt(2) * 5 + 0 + math.sqrt(2) * math.sqrt(5)),
        # channels (3, 4, 0, 0), then (1,) and (2,)
        ("channel_wise", math.sqrt(4) * 5 + 1 + 2),
        ("filter_and_channel_wise", math.sqrt(2) * (5 + math.sqrt(5)) + 13),
    ],
)
def test_group_lasso_is_the_sum_of_norms_weighted_by_the_root_of_the_group_size(two_convs, prune_type, expected):
    assert penalty("group_lasso", two_convs, prune_type).item() == pytest.approx(expected)


def test_l2_groups_is_the_sum_of_squares_whichever_way_the_weights_are_grouped(two_convs):
    squares = 9 + 16 + 1 + 4
    assert penalty("l2_groups", two_convs, "filter_wise").item() == squares
    assert penalty("l2_groups", two_convs, "channel_wise").item() == squares
    assert penalty("l2_groups", two_convs, "filter_and_channel_wise").item() == 2 * squares


def test_gradients_of_the_closed_forms(two_convs):
    penalty("l2_groups", two_convs, "filter_wise").backward()
    assert two_convs[0].weight.grad.flatten().tolist() == [6, 8, 0, 0]
    two_convs.zero_grad()
    penalty("group_lasso", two_convs, "filter_wise").backward()
    # sqrt(n) * w / norm, and 0 for a group that is zero: no division by its norm
    expected = [math.sqrt(2) * 3 / 5, math.sqrt(2) * 4 / 5, 0, 0]
    assert two_convs[0].weight.grad.flatten().tolist() == pytest.approx(expected)


def test_the_recipe_multiplies_its_penalty_by_the_coefficient(two_convs):
    keys = {"penalty": "l2_groups", "prune_type": "filter_and_channel_wise", "coefficient": 0.1}
    assert penalty_of(two_convs, a_recipe(**keys)).item() == pytest.approx(6)
    assert penalty_of(two_convs, a_recipe(**keys | {"penalty": None})) == 0


@pytest.fixture
def slimmed():
    """A net with batch norms of the scales 0.5, -2 and 0, 1."""
    net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2))
    net[1].weight.data, net[3].weight.data = torch.tensor([0.5, -2]), torch.tensor([0.0, 1])
    return net


SLIMMING = {"penalty": "slimming", "prune_type": "filter_wise", "coefficient": 0.1}


def test_network_slimming_penalises_the_scales_of_batch_norms_alone(slimmed):
    value = penalty_of(slimmed, a_recipe(**SLIMMING))
    assert value.item() == pytest.approx(0.1 * (0.5 + 2 + 0 + 1))
    value.backward()
    assert slimmed[1].weight.grad.tolist() == pytest.approx([0.1, -0.1])
    assert slimmed[3].weight.grad.tolist() == pytest.approx([0, 0.1])  # |0| has the subgradient 0
    assert slimmed[0].weight.grad is None and slimmed[1].bias.grad is None


def test_steps_on_the_penalty_alone_are_the_papers(slimmed):
    """Liu et al. add coefficient * sign(scale) to the gradient: each step brings every scale that much nearer to 0."""
    recipe = a_recipe(**SLIMMING)
    optimizer = torch.optim.SGD(slimmed.parameters(), lr=0.5)
    for _ in range(8):
        optimizer.zero_grad()
        penalty_of(slimmed, recipe).backward()
        optimizer.step()
    assert slimmed[1].weight.tolist() == pytest.approx([0.5 - 8 * 0.05, -2 + 8 * 0.05])
    assert slimmed[3].weight.tolist() == pytest.approx([0, 1 - 8 * 0.05])


def test_a_net_without_batch_norms_has_no_scales(two_convs):
    with pytest.raises(ValueError, match="no batch norm"):
        penalty_of(two_convs, a_recipe(**SLIMMING))


def test_a_residual_block_is_penalised_as_one_group():
    from torchvision.models.resnet import BasicBlock

    block = BasicBlock(2, 2)  # two 3x3 convs of 2 -> 2 channels: 72 weights in one group
    net = nn.Sequential(block)
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.5)
    assert penalty("group_lasso", net, "depth_wise").item() == pytest.approx(math.sqrt(72) * math.sqrt(72) * 0.5)
    assert penalty("l2_groups", net, "depth_wise").item() == pytest.approx(72 * 0.25)
