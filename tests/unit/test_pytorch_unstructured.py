"""Single weights set to zero: which ones, by hand, and what is found in the file."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from espalier import registry
from espalier.datasets.prepare import load as load_data
from espalier.pytorch import groups, models, prune, unstructured
from espalier.pytorch.profile import measure_model
from espalier.training.pruning import Pruning


def zero_weights(net, method, **step):
    step |= {"prune_type": "weight", "method": method}
    unstructured.zero_weights(net, Pruning.of(step, "pytorch"))


def two_layers(num_classes=2, widths=None, width=1.0):
    """A 1x1 conv of 4 inputs and 2 filters, batch norm, and a linear layer of 2 inputs, for images of one pixel."""
    return nn.Sequential(nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(2, num_classes))


@pytest.fixture
def net():
    """Weights 1, -2, 3, -4 / -5, 6, -7, 8 in the conv and -0.5, 4 / 9, -10 in the linear layer."""
    net = two_layers()
    net[0].weight.data = torch.tensor([[1.0, -2, 3, -4], [-5, 6, -7, 8]])[:, :, None, None]
    net[0].bias.data, net[1].weight.data = torch.tensor([0.1, -3.0]), torch.tensor([0.01, 0.02])
    net[4].weight.data, net[4].bias.data = torch.tensor([[-0.5, 4], [9, -10]]), torch.tensor([0.2, 5.0])
    return net


ERK = {"prune_type": "weight", "method": "magnitude", "ratio": "0.40", "scope": "erk"}


def weights(net):
    return net[0].weight[:, :, 0, 0].tolist(), net[4].weight.tolist()


def others(net):
    """What a share never touches."""
    return net[0].bias.tolist(), net[4].bias.tolist(), net[1].weight.tolist()


def geometric(number, ratio):
    """Weights whose squares grow by a factor, in a random order and with random signs."""
    generator = torch.Generator().manual_seed(number)
    values = torch.tensor(ratio, dtype=torch.float64).pow(torch.arange(number) / 2)
    signs = torch.randint(0, 2, (number,), generator=generator) * 2 - 1
    return (values * signs)[torch.randperm(number, generator=generator)].float()


@pytest.mark.parametrize("ratio", ["0.30", "0.60", "0.90"])
def test_lamp_gives_layers_the_shares_of_its_closed_form(ratio):
    """Where the squares are 1, r, r^2, ..., the m-th largest weight of a layer has the score (r - 1) / (r^m - 1),
    however many weights there are and however large."""
    net, factors = nn.Sequential(nn.Linear(40, 10), nn.Linear(10, 20), nn.Linear(20, 5)), (1.02, 1.05, 1.02)
    for layer, factor, scale in zip(net, factors, (1, 1e-3, 1e3), strict=True):
        layer.weight.data = scale * geometric(layer.weight.numel(), factor).reshape(layer.weight.shape)
    zero_weights(net, "lamp", ratio=ratio)
    left = [int(layer.weight.count_nonzero()) for layer in net]
    assert sum(left) == 700 - int(700 * float(ratio))

    def scores(number, factor):
        return [(factor - 1) / (factor**m - 1) for m in range(1, number + 1)]

    of_layers = [scores(layer.weight.numel(), factor) for layer, factor in zip(net, factors, strict=True)]
    least = sorted((score for of_layer in of_layers for score in of_layer), reverse=True)[sum(left) - 1]
    assert left == pytest.approx([sum(score >= least for score in of_layer) for of_layer in of_layers], abs=1)
    if ratio == "0.90":  # layers of one factor keep as many, whatever their size
        assert abs(left[0] - left[2]) <= 1 and left[1] < left[0]


def test_erk_takes_from_each_layer_a_share_that_follows_from_its_shape():
    net = nn.Sequential(nn.Linear(8, 2), nn.Linear(2, 2))
    net[0].weight.data, net[1].weight.data = torch.arange(1.0, 17).reshape(2, 8), torch.arange(1.0, 5).reshape(2, 2)
    # The dimensions add up to 10 and 4. Of 20 weights 12 stay, 10/14 and 4/14 of them: 8.57 of the one, 3.43 of the
    # other. So 7.43 and 0.57 go, which are 7 and 0.
    zero_weights(net, "magnitude", ratio="0.40", scope="erk")
    assert net[0].weight.flatten().tolist() == [0] * 7 + list(range(8, 17))
    assert net[1].weight.flatten().tolist() == [1, 2, 3, 4]
    unstructured.check(net, {"0": 0, "1": 0}, Pruning.of(ERK, "pytorch"))
    net[0].weight.data[0, 0] = 1
    with pytest.raises(RuntimeError, match="6 of 16 weights of 0 are zero in the file, not 7"):
        unstructured.check(net, {"0": 0, "1": 0}, Pruning.of(ERK, "pytorch"))


def test_magnitudes_of_layers_divided_by_their_mean(net):
    # Means 4.5 and 5.875. Divided by it, 0.5, 1, 2, 3, 4 | 4, 5, ... is 0.09 (linear), 0.22, 0.44, 0.67, 0.68 (linear)
    zero_weights(net, "magnitude", ratio="0.42", normalize="layer")
    assert weights(net) == ([[0, 0, 0, -4], [-5, 6, -7, 8]], [[0, 0], [9, -10]])


@pytest.mark.parametrize(
    "scope, ratio, expected",
    [
        # 12 weights: int(12 * 0.4) = 4 of them, 0.5, 1, 2 and 3
        ("global", "0.40", ([[0, 0, 0, -4], [-5, 6, -7, 8]], [[0, 4], [9, -10]])),
        # 5: of the two 4s, the first, in the conv
        ("global", "0.42", ([[0, 0, 0, 0], [-5, 6, -7, 8]], [[0, 4], [9, -10]])),
        # int(8 * 0.4) = 3 of the one and int(4 * 0.4) = 1 of the other
        ("layer", "0.40", ([[0, 0, 0, -4], [-5, 6, -7, 8]], [[0, 4], [9, -10]])),
        ("layer", "0.50", ([[0, 0, 0, 0], [-5, 6, -7, 8]], [[0, 0], [9, -10]])),
        ("global", "0", ([[1, -2, 3, -4], [-5, 6, -7, 8]], [[-0.5, 4], [9, -10]])),
    ],
)
def test_the_smallest_weights_of_the_net_or_of_each_layer(net, scope, ratio, expected):
    before = others(net)
    zero_weights(net, "magnitude", scope=scope, ratio=ratio)
    assert weights(net) == expected
    assert others(net) == before


def test_a_ratio_is_taken_as_it_is_written():
    # 0.29 * 100 is 28.999999999999996 in binary
    masks = unstructured.lowest([torch.ones(60), torch.ones(40)], "0.29")
    assert [mask.nonzero().flatten().tolist() for mask in masks] == [list(range(29)), []]


def test_below_a_threshold_biases_go_too(net):
    zero_weights(net, "magnitude", threshold=4.0)
    assert weights(net) == ([[0, 0, 0, -4], [-5, 6, -7, 8]], [[0, 4], [9, -10]])
    assert others(net) == ([0, 0], [0, 5], [pytest.approx(0.01), pytest.approx(0.02)])


def test_of_each_four_inputs_two_stay(net):
    zero_weights(net, "magnitude", pattern="2:4")
    assert weights(net) == ([[0, 0, 3, -4], [0, 0, -7, 8]], [[-0.5, 4], [9, -10]])  # the linear layer has two inputs


def test_a_pattern_of_a_kernel_runs_along_the_input_channels():
    net = nn.Sequential(nn.Conv2d(8, 1, (1, 2)))
    left, right = [1, 2, 3, 4, 4, 4, 4, 4], [9, 1, 1, 9, 0, 7, 0, 0]
    net[0].weight.data = torch.tensor([left, right], dtype=torch.float32).T[None, :, None, :].contiguous()
    zero_weights(net, "magnitude", pattern="1:4")
    assert net[0].weight[0, :, 0, 0].tolist() == [0, 0, 0, 4, 0, 0, 0, 4]  # of equal ones the earlier go
    assert net[0].weight[0, :, 0, 1].tolist() == [0, 0, 0, 9, 0, 7, 0, 0]


@pytest.mark.parametrize("pattern", ["4:4", "0:4", "2/4", "", "two of four"])
def test_what_is_no_pattern_is_refused(net, pattern):
    with pytest.raises(ValueError, match="no pattern such as 2:4"):
        zero_weights(net, "magnitude", pattern=pattern)


def test_a_pattern_that_fits_no_layer_is_refused(net):
    with pytest.raises(ValueError, match="multiple of 3"):
        zero_weights(net, "magnitude", pattern="1:3")


def test_a_threshold_is_one_of_magnitudes(net):
    with pytest.raises(ValueError, match="not by random"):
        zero_weights(net, "random", threshold=0.1)


def test_what_is_zero_stays_zero_and_counts(net):
    net[4].weight.data[1, 1] = 0
    zero_weights(net, "random", ratio="0.50", seed=1)
    conv, linear = weights(net)
    assert linear[1][1] == 0 and sum(w == 0 for row in conv + linear for w in row) == 6
    zero_weights(net, "random", ratio="0.25", seed=2)
    assert weights(net) == (conv, linear)  # more than a quarter is gone already


def test_other_weights_go_with_another_seed(net):
    def gone(seed):
        copy = two_layers()
        copy.load_state_dict(net.state_dict())
        zero_weights(copy, "random", ratio="0.50", seed=seed)
        return weights(copy)

    assert gone(1) == gone(1) != gone(2)


@settings(max_examples=30)
@given(
    widths=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    largest=st.integers(0, 3),  # many equal weights, and zeros
    ratio=st.decimals(0, 1, places=2).filter(lambda ratio: ratio < 1),
    scope=st.sampled_from(["global", "layer"]),
    seed=st.integers(0, 2**31),
)
def test_the_number_of_zeros_is_exact(widths, largest, ratio, scope, seed):
    generator, net, cin = torch.Generator().manual_seed(seed), nn.Sequential(), 3
    for cout in widths:
        net.append(nn.Conv2d(cin, cout, 3))
        cin = cout
    net.append(nn.Linear(cin, 2))
    for layer in net:
        layer.weight.data = torch.randint(-largest, largest + 1, layer.weight.shape, generator=generator).float()
    before = [layer.weight.detach().clone() for layer in net]
    zero_weights(net, "magnitude", ratio=str(ratio), scope=scope)
    after = [layer.weight.detach() for layer in net]
    zeros = [(int((a == 0).sum()), int((b == 0).sum()), a.numel()) for a, b in zip(before, after, strict=True)]
    for was, found, total in zeros if scope == "layer" else [map(sum, zip(*zeros, strict=True))]:
        assert found == max(math.floor(ratio * total), was)
    sets = (
        zip(before, after, strict=True)
        if scope == "layer"
        else [(torch.cat([b.flatten() for b in before]), torch.cat([a.flatten() for a in after]))]
    )
    for old, new in sets:
        kept = new != 0
        assert torch.equal(new[kept], old[kept])
        if kept.any() and not kept.all():
            assert old[~kept].abs().max() <= old[kept].abs().min()


# Files


@pytest.fixture
def files(own_register, tmp_path):
    """A net for 8x8 grey images, registered and saved: 16 * 9 + 8 * 16 * 9 + 32 * 10 = 1616 weights."""

    @registry.register(registry.Model("tiny", backend="pytorch", title=""))
    def tiny(num_classes, widths=None, width=1.0):
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, num_classes),
        )  # fmt: skip

    torch.manual_seed(0)
    models.save(models.build_model("tiny", 10), tmp_path / "0.safetensors")
    return [tmp_path / f"{i}.safetensors" for i in range(3)]


@pytest.mark.parametrize(
    "step, zeros",
    [
        ({"ratio": "0.50"}, 808),
        ({"ratio": "0.99", "method": "random", "seed": 1}, 1599),
        ({"ratio": "0.99", "method": "taylor"}, 1599),
        ({"ratio": "0.55", "scope": "layer"}, 79 + 633 + 176),
        ({"pattern": "2:4"}, (1152 + 320) // 2),  # not the conv of one input channel
        ({"pattern": "1:16"}, (1152 + 320) * 15 // 16),
    ],
)
def test_the_file_has_the_zeros_that_were_asked_for(files, step, zeros, digits):
    step = {"prune_type": "weight", "method": "magnitude"} | step
    details = prune.prune_model(files[1], parent=files[0], data=digits(8, 1), **step)
    assert details == {"measured": {"actual_ratio": pytest.approx(zeros / 1616)}}
    layers = measure_model(files[1], digits(8, 1))["layers"]
    assert [row["weights"] for row in layers] == [144, 1152, 320] and sum(row["zeros"] for row in layers) == zeros
    assert files[1].stat().st_size == files[0].stat().st_size  # the shapes stay


def test_pruned_again_a_net_is_compared_with_the_dense_one(files, digits):
    step = {"prune_type": "weight", "method": "magnitude"}
    for ratio, parent, out in (("0.25", *files[:2]), ("0.50", *files[1:])):
        details = prune.prune_model(out, parent=parent, dense=files[0], data=digits(8, 1), ratio=ratio, **step)
    assert details["measured"]["actual_ratio"] == pytest.approx(0.5)


def test_of_a_net_that_has_lost_filters_what_is_gone_counts_too(files, digits):
    by_filter = {"prune_type": "filter_wise", "method": "l1", "ratio": "0.40"}
    prune.prune_model(files[1], parent=files[0], data=digits(8, 1), **by_filter)
    assert [conv.out_channels for conv in groups.convs(models.load(files[1])).values()] == [8, 8]
    left = 72 + 8 * 8 * 9 + 320
    single = {"prune_type": "weight", "method": "magnitude", "ratio": "0.50"}
    details = prune.prune_model(files[2], parent=files[1], dense=files[0], data=digits(8, 1), **single)
    assert details["measured"]["actual_ratio"] == pytest.approx(1 - (left - left // 2) / 1616)


@pytest.mark.parametrize("amount", [{"ratio": "0.50"}, {"threshold": 0.05}, {"pattern": "2:4"}])
def test_a_file_without_the_zeros_is_an_error(files, amount, digits, monkeypatch):
    monkeypatch.setattr(unstructured, "zero_weights", lambda *arguments: None)
    with pytest.raises(RuntimeError, match="in the file"):
        prune.prune_model(
            files[1], parent=files[0], data=digits(8, 1), prune_type="weight", method="magnitude", **amount
        )


def test_dead_filters_of_a_masked_net_go_and_it_computes_the_same(digits, tmp_path):
    """Weights under a threshold become zero; then the filters that have no other are removed."""
    torch.manual_seed(0)
    net, dead = models.build_model("cifar10_conv", 10, width=1 / 8), {0: [1, 5], 1: [0, 7, 15], 2: [3, 30, 31]}
    for conv, filters in zip(groups.convs(net).values(), dead.values(), strict=True):
        conv.weight.data[filters] *= 0.001 / conv.weight.data[filters].abs().max() * 0.9
    files = [tmp_path / f"{i}.safetensors" for i in range(3)]
    models.save(net, files[0])
    threshold = {"threshold": 0.001, "data": digits(32, 3), "dense": files[0]}
    prune.prune_model(files[1], parent=files[0], prune_type="weight", method="magnitude", **threshold)
    details = prune.prune_model(files[2], parent=files[1], prune_type="filter_wise", method="max_abs", **threshold)
    masked, smaller = models.load(files[1]), models.load(files[2])
    assert [conv.out_channels for conv in groups.convs(smaller).values()] == [8 - 2, 16 - 3, 32 - 3]
    assert smaller.fc1.in_features == 29 * 16
    assert details["measured"]["actual_ratio"] == pytest.approx(8 / 56)
    one, other = (measure_model(file, digits(32, 3)) for file in files[1:])
    conv1, conv2, *_ = one["layers"]
    assert conv1["filter_zeros"][1] == conv1["filter_zeros"][5] == 27 and conv2["filter_zeros"][15] == 8 * 9
    assert one["measured"]["top1"] == other["measured"]["top1"]
    test = load_data(digits(32, 3)).test
    images = (torch.tensor(test.images[:64]).permute(0, 3, 1, 2) / 255 - 0.45) / 0.225
    with torch.no_grad():
        torch.testing.assert_close(smaller(images), masked(images), rtol=1e-4, atol=1e-5)


def test_scores_that_are_all_zero_are_an_error_and_no_order_of_places(net, digits):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.Linear(4, 10))
    nn.init.zeros_(net[2].weight)
    net[1].weight.data.zero_()
    net[1].bias.data.zero_()
    with pytest.raises(ValueError, match="no gradient"):
        unstructured.zero_weights(
            net,
            Pruning.of({"prune_type": "weight", "method": "snip", "ratio": "0.5"}, "pytorch"),
            load_data(digits(8, 1)),
        )
