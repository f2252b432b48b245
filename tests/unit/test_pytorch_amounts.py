"""Pruning by what is to be left: of small nets whose counts are worked out by hand."""

import itertools

import pytest
import torch
from torch import nn

from espalier import registry
from espalier.pytorch import amounts, groups, models
from espalier.pytorch.profile import costs
from espalier.training.pruning import Amount

SIZE = 8  # side of the images
# Filters of the first conv score 1 to 16, of the second 101 to 132: with one threshold the first ones go first.
#
#   conv 3 -> a, 3x3, 8x8 positions    64 * 27a = 1728a MACs     27a parameters
#   conv a -> b, 3x3, 4x4 positions    16 * 9ab = 144ab           9ab
#   linear 16b -> 10                   160b                       160b + 10
#
# Dense, a = 16 and b = 32: 27,648 + 73,728 + 5,120 = 106,496 MACs, 432 + 4,608 + 5,130 = 10,170 parameters.
DENSE = {"macs": 106_496, "params": 10_170}


def counts(a, b):
    return {"macs": 1728 * a + 144 * a * b + 160 * b, "params": 27 * a + 9 * a * b + 160 * b + 10}


def small_conv(num_classes, widths=None, width=1.0):
    a, b = widths or (16, 32)
    return nn.Sequential(
        nn.Conv2d(3, a, 3, padding=1, bias=False), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(a, b, 3, padding=1, bias=False), nn.ReLU(),
        nn.Flatten(), nn.Linear(b * 16, num_classes),
    )  # fmt: skip


def two_layers(num_classes, widths=None, width=1.0):
    return nn.Sequential(
        nn.Conv2d(3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, num_classes)
    )


@pytest.fixture(scope="module", autouse=True)
def small_nets(module_register):
    for function in (small_conv, two_layers):
        name, has = function.__name__, ("conv_chain", "convs")
        registry.register(registry.Model(name, backend="pytorch", title="", has=has))(function)


@pytest.fixture
def prune(tmp_path, digits):
    """prune(**step): the net after it, and what was measured. A second call prunes the net of the first."""
    dense = models.build_model("small_conv", 10)
    for place, first in ((0, 1), (3, 101)):
        filters = dense[place].weight.data
        filters.copy_(torch.arange(first, first + len(filters))[:, None, None, None].expand_as(filters))
    models.save(dense, tmp_path / "0.safetensors")
    number = itertools.count()

    def pruned(**step):
        place = next(number)
        parent, out = (tmp_path / f"{i}.safetensors" for i in (place, place + 1))
        step = {"prune_type": "filter_wise", "method": "mean_abs", "scope": "global"} | step
        files = {"data": digits(SIZE, 3), "parent": parent, "dense": tmp_path / "0.safetensors"}
        measured = amounts.prune_model(out, **files, **step)["measured"]
        return models.load(out), measured | {"bytes": out.stat().st_size}

    return pruned


def widths(net):
    return tuple(conv.out_channels for conv in groups.convs(net).values())


def test_the_counts_worked_out_by_hand_are_those_of_the_record():
    for a, b in ((16, 32), (7, 32)):
        found = costs(small_conv(10, (a, b)), SIZE)
        assert {key: found[key] for key in ("macs", "params")} == counts(a, b)
    assert counts(16, 32) == DENSE


@pytest.mark.parametrize(
    "asked, expected",
    [
        # 6,336a + 5,120 <= 53,248 for a <= 7.6: 49,472 MACs, where 8 would be 55,808
        ({"macs": "0.50", "multiple": 1}, (7, 32)),
        ({"speed_up": "2", "multiple": 1}, (7, 32)),
        # a is a multiple of 4 down to 4 (30,464 MACs): 8 is too much, 4 is enough
        ({"macs": "0.50", "multiple": 4}, (4, 32)),
        # In eights a stops at 8, its floor, with 55,808; then b goes: 13,824 + 1,312b <= 53,248 for b <= 30
        ({"macs": "0.50"}, (8, 24)),
        # a down to 1: 37 + 169b <= 2542.5 for b <= 14.8
        ({"params": "0.25", "multiple": 1}, (1, 14)),
        ({"compression": "4", "multiple": 1}, (1, 14)),
        # a stays at half of 16; then 13,824 + 1,312b <= 42,598.4 for b <= 21.9
        ({"macs": "0.40", "multiple": 1, "least": 0.5}, (8, 21)),
        # Each layer by one ratio k/32, with which 31 - k and 15 - k // 2 stay: 57,376 MACs at (11, 22), then 50,880
        ({"macs": "0.50", "multiple": 1, "scope": "layer"}, (10, 21)),
        # Scores divided by their layer's mean, i / 8.5 and (100 + i) / 116.5: 7 of the first conv go before any other,
        # 15,552 + 1,456b <= 53,248 for b <= 25.9, and the 7 of the second (0.92) go before the next of the first (0.94)
        ({"macs": "0.50", "multiple": 1, "normalize": "layer"}, (9, 25)),
        # What is there already is asked for
        ({"macs": "0.9999", "multiple": 1}, (15, 32)),
    ],
)
def test_the_largest_net_that_costs_no_more_is_left(asked, expected, prune):
    net, measured = prune(**asked)
    assert widths(net) == expected
    assert costs(net, SIZE)["macs"] == counts(*expected)["macs"]
    assert measured["actual_ratio"] == pytest.approx(1 - sum(expected) / 48)
    # The best filters stay
    a, b = expected
    assert net[0].weight[:, 0, 0, 0].tolist() == list(range(17 - a, 17))
    assert net[3].weight[:, 0, 0, 0].tolist() == list(range(133 - b, 133))


@pytest.mark.parametrize("prune_type", ["channel_wise", "filter_and_channel_wise"])
def test_input_channels_are_pruned_by_what_is_left(prune_type, prune):
    net, measured = prune(prune_type=prune_type, method="random", macs="0.60", multiple=1)
    share = costs(net, SIZE)["macs"] / DENSE["macs"]
    # A channel of the first conv is 6,336 MACs, 0.06 of all. The last conv's outputs, and those before the pool where
    # both sides are asked, stay.
    assert 0.54 < share <= 0.6 and measured["actual_ratio"] > 0


@pytest.mark.parametrize(
    "asked, furthest",
    [
        # In eights (8, 8) is the least: 13,824 + 10,496 = 24,320 MACs, 0.22837 of all, or 4.37894 times fewer
        ({"macs": "0.10"}, "macs: 0.2284"),
        ({"speed_up": "10"}, "speed_up: 4.3789"),
        # 216 + 576 + 1,280 + 10 = 2,082 parameters: 0.20472
        ({"params": "0.01"}, "params: 0.2048"),
        ({"compression": "40"}, "compression: 4.8847"),
    ],
)
def test_what_is_out_of_reach_is_refused_with_the_furthest_that_is_not(asked, furthest, prune):
    with pytest.raises(ValueError, match=f"out of reach.*{furthest}$"):
        prune(**asked)


@pytest.mark.parametrize(
    "asked", [{"macs": "0.2284"}, {"speed_up": "4.3789"}, {"params": "0.2048"}, {"compression": "4.8847"}]
)
def test_the_furthest_that_is_named_can_be_reached(asked, prune):
    net, measured = prune(**asked)
    assert widths(net) == (8, 8) and measured["layers_on_floor"] == 2


def test_layers_on_their_floor_are_counted(prune):
    assert prune(macs="0.50")[1]["layers_on_floor"] == 1  # (8, 24)
    assert prune(macs="0.40", multiple=1)[1]["layers_on_floor"] == 0  # (7, 24), 40,128 of 42,598
    assert prune(macs="0.10", multiple=1)[1]["layers_on_floor"] == 1  # (1, 24), 9,024 of 10,649


def test_a_net_that_was_pruned_before_is_held_against_the_dense_one(prune):
    assert widths(prune(macs="0.80", multiple=1)[0]) == (12, 32)  # 81,152 of 85,196.8
    assert widths(prune(macs="0.50", multiple=1)[0]) == (7, 32)
    again, measured = prune(macs="0.60", multiple=1)  # it costs no more already
    assert widths(again) == (7, 32) and measured["actual_ratio"] == pytest.approx(9 / 48)


def test_the_least_is_a_share_of_the_dense_net(prune):
    prune(macs="0.80", multiple=1, least=0.5)
    assert widths(prune(macs="0.40", multiple=1, least=0.5)[0]) == (8, 21)


def test_a_file_is_no_larger_than_asked(prune):
    whole = prune(macs="0.9999", multiple=1)[1]["bytes"]
    net, measured = prune(size_mib="0.02", multiple=1)
    assert measured["bytes"] <= 0.02 * 2**20 < whole
    a, b = widths(net)
    assert measured["bytes"] + 4 * (counts(a + 1, b)["params"] - counts(a, b)["params"]) > 0.02 * 2**20
    with pytest.raises(ValueError, match=r"bytes are left; the furthest that can be asked is size_mib: 0\.00\d+$"):
        prune(size_mib="0.0001", multiple=1)


@pytest.mark.parametrize(
    "key, value, most",
    [("macs", "0.50", 500), ("speed_up", "2.5", 400), ("params", "0.30", 300), ("size_mib", "2", 2**21)],
)
def test_the_most_that_a_net_may_cost(key, value, most):
    assert amounts.Budget(Amount(key, value), 1000, amounts.parameters).most == most


@pytest.mark.parametrize(
    "name, prune_type, asked, near",
    [
        ("resnet20", "filter_wise", {"macs": "0.60", "multiple": 1}, 0.95),
        # All layers of 4 channels go down to 2 at once, and those of 8 to 6
        ("resnet20", "filter_wise", {"speed_up": "1.5", "multiple": 2, "scope": "layer"}, 0.6),
        ("mlp", "neuron_wise", {"params": "0.30", "multiple": 1}, 0.99),
    ],
)
def test_nets_with_shortcuts_and_nets_of_linear_layers(name, prune_type, asked, near, digits, tmp_path):
    torch.manual_seed(0)
    dense = models.build_model(name, 10, width=0.25)
    files = [tmp_path / f"{i}.safetensors" for i in range(2)]
    models.save(dense, files[0])
    step = {"prune_type": prune_type, "method": "l2"} | asked
    amounts.prune_model(files[1], data=digits(16, 3), parent=files[0], **step)
    before, after = (costs(models.load(file), 16) for file in files)
    key = "params" if "params" in asked else "macs"
    most = float(asked["params"]) if "params" in asked else float(asked.get("macs", 0)) or 1 / float(asked["speed_up"])
    assert near * most < after[key] / before[key] <= most
    kept = groups.convs(models.load(files[1])).values()
    assert all(conv.out_channels % asked["multiple"] == 0 for conv in kept)


# Single weights


@pytest.mark.parametrize(
    "asked, scope, left",
    [
        # 6 + 6 weights and 2 + 3 biases, none of them zero. Of 17 half are 8: 3 weights beside the biases, the largest.
        ({"params": "0.50"}, "global", [[0, 0, 0, 0, 0, 0], [0, 0, 0, 10, 11, 12]]),
        # The same of each layer: by 9/12 int(6 * 9 / 12) = 4 go of each, and 9 are left; by 10/12 it is 5.
        ({"params": "0.50"}, "layer", [[0, 0, 0, 0, 0, 6], [0, 0, 0, 0, 0, 12]]),
        ({"compression": "1.7"}, "layer", [[0, 0, 0, 0, 5, 6], [0, 0, 0, 0, 11, 12]]),  # 10 of 17
        ({"compression": "1.5"}, "global", [[0, 0, 0, 0, 0, 0], [7, 8, 9, 10, 11, 12]]),  # 11.3 of 17
    ],
)
def test_single_weights_by_the_parameters_that_are_not_zero(asked, scope, left, tmp_path, digits):
    net = models.build_model("two_layers", 3)
    net[0].weight.data = torch.arange(1.0, 7).reshape(2, 3, 1, 1)
    net[4].weight.data = torch.arange(7.0, 13).reshape(3, 2)
    for layer in (net[0], net[4]):
        layer.bias.data.fill_(0.5)
    files = [tmp_path / f"{i}.safetensors" for i in range(2)]
    models.save(net, files[0])
    step = {"prune_type": "weight", "method": "magnitude", "scope": scope} | asked
    amounts.prune_model(files[1], data=digits(SIZE, 3), parent=files[0], **step)
    pruned = models.load(files[1])
    assert [pruned[0].weight.flatten().tolist(), pruned[4].weight.flatten().tolist()] == left


def test_a_ratio_is_pruned_as_ever(prune):
    assert widths(prune(ratio="0.25")[0]) == (8, 32)  # 13 of 48 go: 3 of 16 stay, rounded up to 8
