"""Structured pruning: which groups go, by hand and by the published rules in plain Python; what is left of a net."""

import copy
import itertools
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from espalier import registry
from espalier.datasets.prepare import load as load_data
from espalier.pytorch import coupling, groups, models, prune, structure
from espalier.training.pruning import Pruning

STRUCTURED = ("filter_wise", "channel_wise", "filter_and_channel_wise")
METHODS = ("group_lasso", "mean_abs", "sum_abs", "mean", "sum")


def kept_channels(net, prune_type, method, ratio=None, *, below=None, size=32, data=None, **step):
    step |= {"prune_type": prune_type, "method": method, "ratio": ratio, "threshold": below}
    return prune.kept_channels(net, Pruning.of(step, "pytorch"), size, data)


def coupled(net, size, kind="filters"):
    """The layers of each set of units, and whether the units can go."""
    return [(units.layers, bool(units.why)) for units in coupling.coupled(net, size, kind)]


def weakest_blocks(net, method, number):
    step = {"prune_type": "depth_wise", "method": method, "blocks": number}
    return prune.weakest_blocks(net, Pruning.of(step, "pytorch"))


def span(first, last):
    return list(range(first, last + 1))


EVEN = list(range(0, 16, 2))
ALL16, ALL24 = span(0, 15), span(0, 23)


# Which groups are kept, worked out by hand
#
# 1x1 convs 3 -> 16, max pool, 16 -> 24, 24 -> 16: 16 + 24 + 16 = 56 filters and 3 + 16 + 24 = 43 input channels.


def chain_of(*weights):
    net = nn.Sequential()
    for number, weight in enumerate(weights):
        conv = nn.Conv2d(weight.shape[1], weight.shape[0], 1)
        conv.weight.data = weight[:, :, None, None].float()
        net.append(conv).append(nn.ReLU())
        if number == 0:
            net.append(nn.MaxPool2d(2))
    return net


def by_filter(*values):
    """All weights of a filter have its value."""
    inputs = [3, *map(len, values)]
    return chain_of(*(torch.tensor(v)[:, None].repeat(1, n) for v, n in zip(values, inputs, strict=False)))


def by_channel(*values):
    """All weights of an input channel have its value."""
    outputs = [*map(len, values[1:]), 16]
    return chain_of(*(torch.tensor(v)[None, :].repeat(n, 1) for v, n in zip(values, outputs, strict=True)))


def selected(net, prune_type, method, ratio):
    return list(kept_channels(net, prune_type, method, ratio).values())


def alternating(number):
    """1, -2, 3, -4, ..."""
    return [value if value % 2 else -value for value in span(1, number)]


@pytest.mark.parametrize(
    "method, expected",
    [
        # Threshold: the value at index int(56 * 0.5) = 28 of the sorted scores.
        # 1, 1, 1, ..., 16, 16, 16, 17, ..., 24: it is 10. Above it are 6, 14 and 6, rounded up to 8, 16 and 8.
        ("mean_abs", [span(8, 15), span(8, 23), span(8, 15)]),
        ("mean", [span(8, 15), span(8, 23), span(8, 15)]),
        # 3v, 16v and 24v: it is 128. Above it are none, 16 and 11.
        ("sum_abs", [span(8, 15), span(8, 23), ALL16]),
        ("sum", [span(8, 15), span(8, 23), ALL16]),
        # 3v^2, 16v^2 and 24v^2: it is 864. Above it are none, 17 and 10.
        ("group_lasso", [span(8, 15), ALL24, ALL16]),
    ],
)
def test_filter_wise(method, expected):
    net = by_filter(span(1, 16), span(1, 24), span(1, 16))
    assert selected(net, "filter_wise", method, 0.5) == expected


@pytest.mark.parametrize(
    "method, expected",
    [
        # Signs do not count: as above.
        ("mean_abs", [span(8, 15), span(8, 23), span(8, 15)]),
        ("sum_abs", [span(8, 15), span(8, 23), ALL16]),
        ("group_lasso", [span(8, 15), ALL24, ALL16]),
        # The 28 negative ones go first, the threshold is the smallest positive, 1 (or 3 * 1). Above it are 7, 11 and 7;
        # the second layer is filled up to 16 with the best of the rest: 1, -2, -4, -6, -8.
        ("mean", [EVEN, sorted([*range(0, 24, 2), 1, 3, 5, 7]), EVEN]),
        ("sum", [EVEN, sorted([*range(0, 24, 2), 1, 3, 5, 7]), EVEN]),
    ],
)
def test_filter_wise_with_signs(method, expected):
    net = by_filter(alternating(16), alternating(24), alternating(16))
    assert selected(net, "filter_wise", method, 0.5) == expected


@pytest.mark.parametrize(
    "method, expected",
    [
        # Each value from -3 to 12 three times, then 13 to 20: at index 28 is 6.
        ("mean", [span(8, 15), span(8, 23), span(8, 15)]),
        # 3v, 16v and 24v: at index 28 is 48. Above it are none, 17 and 10.
        ("sum", [span(8, 15), ALL24, ALL16]),
    ],
)
def test_the_signed_methods_differ_by_the_size_of_the_group(method, expected):
    net = by_filter(span(-3, 12), span(-3, 20), span(-3, 12))
    assert selected(net, "filter_wise", method, 0.5) == expected


@pytest.mark.parametrize(
    "method, expected",
    [
        # Threshold: index int(43 * 0.6) = 25. The next layer's channels judge; the last layer has no next one.
        # 1, 1, ..., 16, 16, 17, ..., 24, 30, 31, 32: it is 13. Above it are 3 and 11.
        ("mean_abs", [span(8, 15), span(8, 23), ALL16]),
        ("mean", [span(8, 15), span(8, 23), ALL16]),
        # 24v, 16v and above: it is 256. Above it are 6 and 8.
        ("sum_abs", [span(8, 15), span(16, 23), ALL16]),
        ("sum", [span(8, 15), span(16, 23), ALL16]),
        # 24v^2 and 16v^2: it is 24 * 12^2. Above it are 4 and 10.
        ("group_lasso", [span(8, 15), span(8, 23), ALL16]),
    ],
)
def test_channel_wise(method, expected):
    net = by_channel([30, 31, 32], span(1, 16), span(1, 24))
    assert selected(net, "channel_wise", method, 0.6) == expected


@pytest.mark.parametrize(
    "method, expected",
    [
        ("mean_abs", [span(8, 15), span(8, 23), ALL16]),
        ("sum_abs", [span(8, 15), span(16, 23), ALL16]),
        ("group_lasso", [span(8, 15), span(8, 23), ALL16]),
        # 20 negative ones; at index 25 is the sixth positive. 1, 1, 3, 3, 5, 5: above 5 are 5 and 9.
        ("mean", [EVEN, sorted([*range(0, 24, 2), 1, 3, 5, 7]), ALL16]),
        # 16, 24, 48, 72, 80, 112: above 112 are 6 and 8.
        ("sum", [EVEN, list(range(8, 24, 2)), ALL16]),
    ],
)
def test_channel_wise_with_signs(method, expected):
    net = by_channel([30, 31, 32], alternating(16), alternating(24))
    assert selected(net, "channel_wise", method, 0.6) == expected


def test_the_channels_of_the_image_are_counted_though_they_cannot_go():
    net = by_channel([0, 0, 0], span(1, 16), span(1, 24))
    # Index int(43 * 0.36) = 15 of 0, 0, 0, 1, 1, 2, 2, ... is 7: 17 of 24 are above. Without the three zeros it would
    # be index 14 of 1, 1, 2, 2, ..., which is 8, and 16 above. Index int(43 * 0.4) = 17 is 8.
    assert selected(net, "channel_wise", "mean_abs", 0.36) == [ALL16, ALL24, ALL16]
    assert selected(net, "channel_wise", "mean_abs", 0.4) == [span(8, 15), span(8, 23), ALL16]


def both_sides(sign=1):
    """Filters of the middle layer 1 to 24, the channels that read them 24 to 1 (times `sign`), all else 12.5."""
    first = torch.full((16, 3), 12.5)
    middle = torch.arange(1, 25)[:, None].repeat(1, 16)
    last = sign * torch.arange(24, 0, -1)[None, :].repeat(16, 1)
    return chain_of(first, middle, last)


@pytest.mark.parametrize("method", METHODS)
def test_filter_and_channel_wise_keeps_what_either_side_keeps(method):
    # Index int(99 * 0.9) = 89 is the score of the value 20, whatever the method: 21 to 24 are above, on either side.
    # The first layer is right before the max pool. The last one's filters all score the same, below: the first 8 stay.
    expected = [ALL16, [0, 1, 2, 3, 20, 21, 22, 23], span(0, 7)]
    assert selected(both_sides(), "filter_and_channel_wise", method, 0.9) == expected


@pytest.mark.parametrize(
    "method, middle",
    [
        # Signs do not count: as above.
        ("group_lasso", [0, 1, 2, 3, 20, 21, 22, 23]),
        ("mean_abs", [0, 1, 2, 3, 20, 21, 22, 23]),
        ("sum_abs", [0, 1, 2, 3, 20, 21, 22, 23]),
        # 40 negative ones, 1 to 12, 35 times 12.5, 13, 14, then 15 at index 89: the filters 16 to 24 are above it.
        ("mean", span(8, 23)),
        # 40 negative ones, then 16v, 37.5, 200 and, at index 89, 300: above it are 16 * 19 to 16 * 24.
        ("sum", span(16, 23)),
    ],
)
def test_filter_and_channel_wise_with_signs(method, middle):
    assert selected(both_sides(sign=-1), "filter_and_channel_wise", method, 0.9) == [ALL16, middle, span(0, 7)]


def test_layers_of_other_sizes_of_weights_compete_by_their_scores_divided_by_the_mean():
    net = by_filter(span(1, 16), [100 * value for value in span(1, 16)])
    # Index 16 of 1, ..., 16, 100, ..., 1600 is 100: nothing of the first layer is above it, 15 of the second.
    assert selected(net, "filter_wise", "mean_abs", 0.5) == [span(8, 15), ALL16]
    # Index 16 of 1, 1, 2, 2, ..., 16, 16 (divided by 8.5) is 9: 7 of either layer are above it.
    step = {"method": "mean_abs", "ratio": 0.5, "normalize": "layer"}
    assert list(kept_channels(net, "filter_wise", **step).values()) == [span(8, 15), span(8, 15)]


def test_input_channels_compete_by_their_scores_divided_by_the_mean():
    net = by_channel([1, 1, 1], span(1, 16), [100 * value for value in span(1, 16)])
    step = {"method": "mean_abs", "ratio": 0.5, "normalize": "layer"}
    # Twice 1 to 16, divided by 8.5, and 1, 1, 1 (the image's): index 17 is one of these, 9 to 16 are above it.
    assert list(kept_channels(net, "channel_wise", **step).values()) == [span(8, 15), span(8, 15), ALL16]


def test_layers_of_zeros_stay_zeros_and_negative_scores_are_not_divided():
    step = {"method": "mean_abs", "ratio": 0.5, "normalize": "layer"}
    zeros = by_filter([0] * 16, span(1, 16))
    assert list(kept_channels(zeros, "filter_wise", **step).values()) == [span(0, 7), ALL16]
    with pytest.raises(ValueError, match="can be negative"):
        kept_channels(by_filter(alternating(16)), "filter_wise", **step | {"method": "mean"})


def test_convs_right_before_a_max_pool_are_spared_with_both_sides_only():
    net = by_filter([0] * 16, span(1, 24), span(1, 16))
    assert selected(net, "filter_and_channel_wise", "mean_abs", 0.5)[0] == ALL16
    assert selected(net, "filter_wise", "mean_abs", 0.5)[0] == span(0, 7)


@pytest.mark.parametrize("prune_type", STRUCTURED)
def test_layers_of_eight_or_fewer_are_left(prune_type):
    net = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 5, 1), nn.Conv2d(5, 40, 1), nn.Conv2d(40, 40, 1))
    for conv in net:
        nn.init.constant_(conv.weight, 0.001)
    nn.init.constant_(net[3].weight, 1)
    kept = selected(net, prune_type, "mean_abs", 0.4)
    assert kept[:2] == [span(0, 7), span(0, 4)]


@pytest.mark.parametrize(
    "ratio, value", [(0, 1), (0.24, 1), (0.25, 2), (0.49, 2), (0.5, 4), (0.74, 4), (0.75, 9), (0.99, 9)]
)
def test_the_threshold_is_the_value_at_the_ratio_times_the_number_of_scores(ratio, value):
    assert prune.threshold(torch.tensor([9.0, 2.0, 1.0, 4.0]), ratio) == value


@pytest.mark.parametrize(
    "number, limit, kept",
    [
        (20, 9, span(4, 19)),  # 11 above: 16
        (20, 12, span(12, 19)),  # exactly 8 above
        (20, 11, span(4, 19)),  # 9 above: 16
        (20, 3, span(0, 19)),  # 17 above: 24, which is more than there are
        (20, 99, span(12, 19)),  # none above: 8
        (12, 11, span(4, 11)),
        (8, 99, span(0, 7)),
        (3, 99, span(0, 2)),
    ],
)
def test_the_number_kept_is_rounded_up_to_a_multiple_of_eight_with_the_best_of_the_rest(number, limit, kept):
    scores = torch.arange(1.0, number + 1)
    assert prune.keep(scores, limit) == kept
    assert prune.keep(scores.flip(0), limit) == sorted(number - 1 - index for index in kept)


def test_a_group_at_the_threshold_goes_and_ties_are_filled_up_by_lower_index():
    scores = torch.tensor([1.0, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2])
    assert prune.keep(scores, 2) == [1, 3, 5, 7, 9, 11, 13, 15]
    assert prune.keep(torch.ones(20), 1) == span(0, 7)
    assert prune.keep(torch.tensor([1.0] * 10 + [2.0] * 3), 1) == [0, 1, 2, 3, 4, 10, 11, 12]


# The published rules in plain Python, on nets of small whole numbers, whose scores are exact


def reference(net, prune_type, method, ratio):
    convs = [m for m in net if isinstance(m, nn.Conv2d)]
    pooled = [isinstance(net[i + 2], nn.MaxPool2d) for i, m in enumerate(net) if isinstance(m, nn.Conv2d)]

    def score(group):
        numbers = [int(w) for w in group.flatten().tolist()]
        whole = {
            "group_lasso": sum(w * w for w in numbers),
            "sum_abs": sum(abs(w) for w in numbers),
            "sum": sum(numbers),
        }
        size = len(numbers)
        return whole | {"mean_abs": Fraction(whole["sum_abs"], size), "mean": Fraction(whole["sum"], size)}

    filters = [[score(conv.weight[o])[method] for o in range(conv.out_channels)] for conv in convs]
    channels = [[score(conv.weight[:, i])[method] for i in range(conv.in_channels)] for conv in convs]
    pool = []
    if prune_type != "channel_wise":
        pool += [s for layer in filters for s in layer]
    if prune_type != "filter_wise":
        pool += [s for layer in channels for s in layer]
    limit = sorted(pool)[int(len(pool) * ratio)]
    result = []
    for number, conv in enumerate(convs):
        last = number == len(convs) - 1
        best = []
        for o in range(conv.out_channels):
            sides = [] if prune_type == "channel_wise" else [filters[number][o]]
            if prune_type != "filter_wise" and not last:
                sides.append(channels[number + 1][o])
            best.append(max(sides, default=None))
        spared = {"channel_wise": last, "filter_and_channel_wise": pooled[number]}.get(prune_type, False)
        if spared or conv.out_channels <= 8:
            result.append(list(range(conv.out_channels)))
            continue
        kept = {o for o, s in enumerate(best) if s > limit}
        wanted = min(conv.out_channels, max(8, (len(kept) + 7) // 8 * 8))
        rest = sorted((o for o in range(conv.out_channels) if o not in kept), key=lambda o: (-best[o], o))
        result.append(sorted([*kept, *rest[: wanted - len(kept)]]))
    return result


@st.composite
def nets_of_whole_numbers(draw, widths):
    net, cin = nn.Sequential(), draw(st.sampled_from([1, 4]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    for cout in draw(st.lists(widths, min_size=1, max_size=4)):
        conv = nn.Conv2d(cin, cout, draw(st.sampled_from([1, 2])), bias=False)
        largest = draw(st.integers(0, 3))
        conv.weight.data = torch.randint(-largest, largest + 1, conv.weight.shape, generator=generator).float()
        net.append(conv).append(nn.ReLU()).append(nn.MaxPool2d(2) if draw(st.booleans()) else nn.Identity())
        cin = cout
    return net


RATIOS = st.sampled_from([0.0, 0.1, 0.2, 0.29, 0.4, 0.5, 0.6, 0.75, 0.9, 0.99])


@settings(max_examples=60)
@given(
    nets_of_whole_numbers(st.integers(1, 40)),
    st.sampled_from(STRUCTURED),
    st.sampled_from(["group_lasso", "sum_abs", "sum"]),
    RATIOS,
)
def test_selection_by_sums_is_the_published_one(net, prune_type, method, ratio):
    assert selected(net, prune_type, method, ratio) == reference(net, prune_type, method, ratio)


@settings(max_examples=40)
@given(  # powers of two, so that means are exact too
    nets_of_whole_numbers(st.sampled_from([4, 8, 16, 32])),
    st.sampled_from(STRUCTURED),
    st.sampled_from(METHODS),
    RATIOS,
)
def test_selection_by_means_is_the_published_one(net, prune_type, method, ratio):
    assert selected(net, prune_type, method, ratio) == reference(net, prune_type, method, ratio)


# Blocks


@pytest.fixture
def resnet():
    """ResNet50 at a sixteenth of its width: 224 weights in layer1.0, 272 in layer1.1, 17408 in layer4.2."""
    net = models.skeleton("resnet50", 10, width=1 / 16)
    net.to_empty(device="cpu")
    for name, conv in groups.convs(net).items():
        nn.init.constant_(conv.weight, 1000 if "downsample" in name else 1)
    for name, value in {"layer4.2": 0.5, "layer1.1": 0.9}.items():
        for conv in groups.convs(models.residual_blocks(net)[name]).values():
            nn.init.constant_(conv.weight, value)
    return net


@pytest.mark.parametrize(
    "method, number, expected",
    [
        ("mean_abs", 1, ["layer4.2"]),
        ("mean_abs", 3, ["layer4.2", "layer1.1", "layer1.0"]),  # 0.5, 0.9, and 1 as all the others: the first of them
        # 272 * 0.81 = 220.32, then 224 (the shortcut's weights of 1000 do not count), 272, 272, ...; layer4.2 has 4352
        ("group_lasso", 1, ["layer1.1"]),
        ("group_lasso", 3, ["layer1.1", "layer1.0", "layer1.2"]),
    ],
)
def test_depth_wise(resnet, method, number, expected):
    assert weakest_blocks(resnet, method, number) == expected


@pytest.mark.parametrize("number", [0, 17])
def test_a_number_of_blocks_that_is_not_there_is_refused(resnet, number):
    with pytest.raises(ValueError, match=f"{number} of 16"):
        weakest_blocks(resnet, "mean_abs", number)


# What is left of a net: the same outputs as the masked one


def lively(net):
    """Give a net weights and running statistics of which nothing is 0 or 1, so that any mix-up shows."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in net.state_dict().items():
        if name.endswith("running_var") or (tensor.dim() == 1 and name.endswith("weight")):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
        elif tensor.is_floating_point():
            scale = 0.5 if tensor.dim() == 1 else (2 / tensor[0].numel()) ** 0.5
            tensor.copy_(scale * torch.randn(tensor.shape, generator=generator))
    return net.eval()


def masked(net, kept):
    """The dense net with what is not kept set to zero: filters, biases and the batch norm's scale and shift."""
    net = copy.deepcopy(net)
    modules = dict(net.named_modules())
    names = list(modules)
    for name, indices in kept.items():
        gone = [i for i in range(modules[name].out_channels) if i not in indices]
        follower = modules[names[names.index(name) + 1]]
        for module in [modules[name], *([follower] if isinstance(follower, nn.BatchNorm2d) else [])]:
            for tensor in (module.weight, module.bias):
                if tensor is not None:
                    tensor.data[gone] = 0
    return net


def assert_same(outputs, expected):
    """The same, as float32 goes."""
    torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


def hand_made(num_classes, widths=None, width=1.0):
    """A chain for 16x16 grey images: batch norm and bias or not, a pool, a stride, 4x4 columns of a linear layer."""
    a, b, c, d = widths or (24, 32, 40, 12)
    return nn.Sequential(
        nn.Conv2d(1, a, 5, padding=2, bias=False), nn.BatchNorm2d(a), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(a, b, 3, padding=1), nn.ReLU(),
        nn.Conv2d(b, c, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(c), nn.ReLU(),
        nn.Conv2d(c, d, 1), nn.ReLU(),
        nn.Flatten(), nn.Linear(d * 16, 20), nn.ReLU(), nn.Linear(20, num_classes),
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def hand_made_model(module_register):
    register = registry.register(registry.Model("hand_made", backend="pytorch", title="", has=("conv_chain",)))
    register(hand_made)


CHAINS = {"vgg16_bn": {"width": 0.125}, "hand_made": {}}
IMAGES = {"vgg16_bn": (32, 3), "hand_made": (16, 1)}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("prune_type", STRUCTURED)
def test_the_saved_net_is_smaller_and_computes_what_the_masked_one_does(name, prune_type, digits, tmp_path):
    dense = lively(models.build_model(name, 10, **CHAINS[name]))
    parent, out = tmp_path / "parent.safetensors", tmp_path / "pruned.safetensors"
    models.save(dense, parent)
    size, channels = IMAGES[name]
    step = {"prune_type": prune_type, "method": "mean_abs", "ratio": "0.60"}
    details = prune.prune_model(out, parent=parent, data=digits(size, channels), **step)

    pruned = models.load(out)
    kept = kept_channels(dense, prune_type, "mean_abs", 0.6, size=IMAGES[name][0])
    widths = {name: conv.out_channels for name, conv in groups.convs(pruned).items()}
    assert widths == {name: len(indices) for name, indices in kept.items()}
    assert sum(p.numel() for p in pruned.parameters()) < sum(p.numel() for p in dense.parameters())
    assert out.stat().st_size < parent.stat().st_size

    images = torch.randn(4, channels, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = masked(dense, kept)(images)
        assert_same(pruned(images), expected)
        assert (dense(images) - expected).abs().max() > 0.01 * expected.abs().max()  # pruning did change something

    rows = [conv.out_channels for conv in groups.convs(dense).values()], list(widths.values())
    before, after = ({"filters": sum(r), "channels": channels + sum(r[:-1])} for r in rows)
    sides = {"filter_wise": ["filters"], "channel_wise": ["channels"]}.get(prune_type, ["filters", "channels"])
    gone = 1 - sum(after[s] for s in sides) / sum(before[s] for s in sides)
    assert details["measured"]["actual_ratio"] == pytest.approx(gone, abs=1e-12)
    floor = [name for name, width in widths.items() if width == 8 < dense.get_submodule(name).out_channels]
    assert details["measured"]["layers_on_floor"] == len(floor)


def without(net, removed, images):
    """A forward pass of a ResNet in which the removed blocks are skipped: only their shortcut is applied."""
    x = net.maxpool(net.relu(net.bn1(net.conv1(images))))
    for number in (1, 2, 3, 4):
        for index, block in enumerate(net.get_submodule(f"layer{number}")):
            if f"layer{number}.{index}" not in removed:
                x = block(x)
            elif block.downsample is not None:
                x = block.downsample(x)
    return net.fc(net.avgpool(x).flatten(1))


@pytest.mark.parametrize("method, number", [("group_lasso", 1), ("group_lasso", 6), ("mean_abs", 4)])
def test_without_blocks_the_saved_net_computes_what_skipping_them_gives(method, number, digits, tmp_path):
    dense = lively(models.build_model("resnet50", 10, width=1 / 16))
    parent, out = tmp_path / "parent.safetensors", tmp_path / "pruned.safetensors"
    models.save(dense, parent)
    step = {"prune_type": "depth_wise", "method": method, "blocks": number}
    details = prune.prune_model(out, parent=parent, data=digits(32, 3), **step)
    pruned, removed = models.load(out), weakest_blocks(dense, method, number)
    assert details == {"measured": {"actual_ratio": pytest.approx(number / 16)}}
    assert len(models.residual_blocks(pruned)) == 16 - number
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert_same(pruned(images), without(dense, removed, images))
        assert not torch.allclose(pruned(images), dense(images), rtol=0.01)


def test_a_pruned_net_can_be_pruned_again(digits, tmp_path):
    dense = lively(models.build_model("hand_made", 10))
    paths = [tmp_path / f"{i}.safetensors" for i in range(3)]
    models.save(dense, paths[0])
    for parent, out in itertools.pairwise(paths):
        step = {"prune_type": "filter_wise", "method": "sum_abs", "ratio": "0.40"}
        details = prune.prune_model(out, parent=parent, dense=paths[0], data=digits(16, 1), **step)
    once, twice = (sum(c.out_channels for c in groups.convs(models.load(path)).values()) for path in paths[1:])
    assert twice < once < 108
    assert details["measured"]["actual_ratio"] == pytest.approx(1 - twice / 108)  # of what the dense net had


# One threshold per layer, and thresholds that are given


def test_each_layer_loses_its_share_if_the_scope_is_the_layer():
    net = by_filter(span(1, 16), span(101, 124), span(1, 16))
    # Pooled, the value at index 28 is 15, and all of the middle layer is above it. By layer it is the ninth of 16, the
    # thirteenth of 24: above them are 7, 11 and 7.
    assert selected(net, "filter_wise", "mean_abs", 0.5) == [span(8, 15), ALL24, span(8, 15)]
    kept = kept_channels(net, "filter_wise", "mean_abs", 0.5, scope="layer")
    assert list(kept.values()) == [span(8, 15), span(8, 23), span(8, 15)]


def test_by_layer_the_channels_of_the_image_do_not_count():
    net = by_channel([0, 0, 0], span(1, 16), span(101, 124))
    kept = kept_channels(net, "channel_wise", "mean_abs", 0.5, scope="layer")
    assert list(kept.values()) == [span(8, 15), span(8, 23), ALL16]


def test_by_layer_the_better_of_both_sides_counts():
    # In the middle the better sides are 24, ..., 13, 13, ..., 24. The value at index 12 of 24 is 19, 10 are above it:
    # 16 stay, 17 and more.
    kept = kept_channels(both_sides(), "filter_and_channel_wise", "mean_abs", 0.5, scope="layer")
    assert list(kept.values()) == [ALL16, [*span(0, 7), *span(16, 23)], span(0, 7)]


def test_below_a_threshold_any_number_goes_but_the_best_of_a_layer():
    net = by_filter([0.0, 0.5, 0.7, 0.49, *[0.0] * 12], span(0, 23), [0.1, 0.2, 0.3, 0.2])
    kept = kept_channels(net, "filter_wise", "max_abs", below=0.5)
    assert list(kept.values()) == [[1, 2], span(1, 23), [2]]
    assert list(kept_channels(net, "filter_wise", "max_abs", below=0.0).values()) == [ALL16, ALL24, span(0, 3)]


def test_chance_removes_other_filters_with_another_seed():
    net = by_filter(span(1, 16), span(1, 24), span(1, 16))
    one, again, other = (kept_channels(net, "filter_wise", "random", 0.5, seed=seed) for seed in (1, 1, 2))
    assert one == again != other and all(len(kept) < 24 for kept in one.values())


# Residual connections


class Residual(nn.Module):
    """stem -> x; x + second(first(x)) -> head; 1x1 convs of 16, 24 and 16 filters, for images of any size."""

    def __init__(self, num_classes=10, widths=None, width=1.0, middle=None):
        super().__init__()
        self.stem, self.first = nn.Conv2d(3, 16, 1), middle or nn.Conv2d(16, 24, 1)
        self.second, self.head = nn.Conv2d(self.first.out_channels, 16, 1), nn.Linear(16, num_classes)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.second(self.first(x).relu())
        return self.head(x.relu().mean((2, 3)))


def filled(net, **values):
    """All weights of a conv's filter have its value."""
    for name, filters in values.items():
        weight = net.get_submodule(name).weight
        weight.data = torch.tensor(filters, dtype=torch.float32)[:, None, None, None].expand_as(weight).clone()
    return net


def test_coupled_filters_go_together_by_their_mean_score():
    # Of channel i = 0, ..., 15 the mean of 1 + i and 3 (16 - i) is 24.5 - i. The pool has each of these twice, once for
    # the stem's filter and once for the second conv's, and 1 to 24: at index int(56 * 0.6) = 33 is 17.5, above it are
    # the channels 0 to 6 and the filters 17 to 23. By its own score the stem would keep its last eight.
    net = filled(Residual(), stem=span(1, 16), first=span(1, 24), second=[3 * (16 - i) for i in range(16)])
    assert coupled(net, 8) == [(["stem", "second"], False), (["first"], False)]
    kept = kept_channels(net, "filter_wise", "mean_abs", 0.6, size=8)
    assert kept == {"stem": span(0, 7), "first": span(16, 23), "second": span(0, 7)}


def test_coupled_filters_are_below_a_threshold_if_their_mean_is():
    net = filled(Residual(), stem=[0] * 12 + [1] * 4, first=[1] * 24, second=[0] * 10 + [1] * 6)
    kept = kept_channels(net, "filter_wise", "max_abs", below=0.5, size=8)
    assert kept == {"stem": span(10, 15), "first": ALL24, "second": span(10, 15)}


def test_depthwise_filters_go_with_those_they_read():
    net = Residual(middle=nn.Conv2d(16, 16, 3, padding=1, groups=16)).eval()
    assert coupled(net, 8) == [(["stem", "first", "second"], False)]
    net = filled(net, stem=span(1, 16), first=[0] * 16, second=[0] * 16)
    kept = kept_channels(net, "filter_wise", "mean_abs", 0.5, size=8)
    assert kept == dict.fromkeys(["stem", "first", "second"], span(8, 15))
    net, images = lively(net), torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    pruned = copy.deepcopy(net)
    structure.remove_channels(pruned, kept, 8)
    assert pruned.first.weight.shape == (8, 1, 3, 3) and pruned.head.weight.shape == (10, 8)
    shapes = {key: tuple(value.shape) for key, value in pruned.state_dict().items()}
    cut = copy.deepcopy(net).to("meta")
    models.cut(cut, shapes)
    cut.load_state_dict(pruned.state_dict(), assign=True)
    with torch.no_grad():
        assert_same(pruned(images), masked(net, kept)(images))
        assert torch.equal(cut(images), pruned(images))


def test_what_a_grouped_conv_reads_or_writes_stays():
    net = nn.Sequential(nn.Conv2d(3, 16, 1), nn.Conv2d(16, 16, 1, groups=4), nn.Conv2d(16, 16, 1), nn.Conv2d(16, 16, 1))
    assert coupled(net, 8) == [(["0"], True), (["1"], True), (["2"], False), (["3"], False)]
    kept = kept_channels(net, "filter_wise", "random", 0.9, size=8)
    assert [len(indices) for indices in kept.values()] == [16, 16, 8, 8]


class Concatenated(nn.Module):
    """The channels of a and b, one after the other, are added to those of c; a linear layer reads the sum."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 16, 1), nn.Conv2d(3, 24, 1), nn.Conv2d(3, 40, 1)
        self.head = nn.Linear(40, 10)

    def forward(self, x):
        return self.head((torch.cat([self.a(x), self.b(x)], 1) + self.c(x)).relu().mean((2, 3)))


def test_channels_that_are_coupled_at_different_places_go_together():
    # Of the pairs (a, c) and (b, c) the means are 1 to 16 and 101 to 124. At index int(80 * 0.3) = 24 of the sorted
    # scores, each of which is there twice, is 13: 3 of a are above, so 8 stay; of b all.
    net = filled(Concatenated(), a=span(1, 16), b=span(101, 124), c=[*span(1, 16), *span(101, 124)])
    assert coupled(net, 8) == [(["a", "c"], False), (["b", "c"], False)]
    kept = kept_channels(net, "filter_wise", "mean_abs", 0.3, size=8)
    assert kept == {"a": span(8, 15), "b": ALL24, "c": span(8, 39)}
    kept = kept_channels(net, "filter_wise", "mean_abs", 0.5, size=8, scope="layer")
    assert kept == {"a": span(8, 15), "b": span(8, 23), "c": [*span(8, 15), *span(24, 39)]}
    net, images = lively(net), torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    pruned = copy.deepcopy(net)
    structure.remove_channels(pruned, kept, 8)
    with torch.no_grad():
        assert_same(pruned(images), masked(net, kept)(images))
    assert pruned.head.weight.shape == (10, 24)


def test_in_resnet50_what_is_added_up_is_coupled():
    sets = [names for names, spared in coupled(models.build_model("resnet50", 10, width=1 / 16), 32) if not spared]
    blocks = {1: 3, 2: 4, 3: 6, 4: 3}
    together = [
        {f"layer{i}.0.downsample.0", *(f"layer{i}.{j}.conv3" for j in range(number))} for i, number in blocks.items()
    ]
    alone = [{"conv1"}, *({f"layer{i}.{j}.conv{k}"} for i, n in blocks.items() for j in range(n) for k in (1, 2))]
    assert sorted(map(sorted, sets)) == sorted(map(sorted, [*together, *alone]))


@pytest.mark.parametrize("method, scope", [("l2", "global"), ("bn_scale", "layer"), ("taylor", "global")])
def test_a_resnet_with_fewer_filters_computes_what_the_masked_one_does(method, scope, digits, tmp_path):
    dense = lively(models.build_model("resnet50", 10, width=1 / 8))
    parent, out = tmp_path / "parent.safetensors", tmp_path / "pruned.safetensors"
    models.save(dense, parent)
    step = {"prune_type": "filter_wise", "method": method, "scope": scope, "ratio": "0.50", "seed": 4}
    details = prune.prune_model(out, parent=parent, data=digits(32, 3), **step)
    material = {"scope": scope, "data": load_data(digits(32, 3)), "seed": 4}
    kept = kept_channels(dense, "filter_wise", method, "0.50", **material)
    pruned = models.load(out)
    assert {name: c.out_channels for name, c in groups.convs(pruned).items()} == {n: len(k) for n, k in kept.items()}
    assert pruned.fc.weight.shape == (10, len(kept["layer4.2.conv3"]))
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = masked(dense, kept)(images)
        assert_same(pruned(images), expected)
        assert (dense(images) - expected).abs().max() > 0.01 * expected.abs().max()
    filters = (
        26560 / 8
    )  # 64 + 3 * (64 + 64 + 256) + 4 * (128 + 128 + 512) + ... + the shortcuts' 256 + 512 + 1024 + 2048
    gone = 1 - sum(map(len, kept.values())) / filters
    assert details["measured"]["actual_ratio"] == pytest.approx(gone, abs=1e-12) and 0.3 < gone <= 0.5


def test_blocks_can_go_from_a_net_that_has_lost_filters_and_filters_after_blocks(digits, tmp_path):
    paths = [tmp_path / f"{i}.safetensors" for i in range(4)]
    models.save(lively(models.build_model("resnet50", 10, width=1 / 8)), paths[0])
    by_filter = {"prune_type": "filter_wise", "method": "l1", "ratio": "0.30"}
    by_block = {"prune_type": "depth_wise", "method": "random", "blocks": 4, "scope": None}
    for step, (parent, out) in zip([by_filter, by_block, by_filter], itertools.pairwise(paths), strict=True):
        prune.prune_model(out, parent=parent, dense=paths[0], data=digits(32, 3), **step)
    sizes = [sum(p.numel() for p in models.load(path).parameters()) for path in paths]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == 4
    assert models.load(paths[3])(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


# What does not go together


@pytest.mark.parametrize(
    "step, words",
    [
        ({"ratio": "0.5", "threshold": 0.1}, "takes one of ratio, threshold, macs.*, not ratio, threshold"),
        ({}, "takes one of ratio, threshold, macs.*, not none"),
        ({"pattern": "2:4"}, "takes one of ratio, threshold, macs.*, not pattern"),
        ({"ratio": "1.0"}, "ratio is 1.0"),
        ({"ratio": "-0.1"}, "ratio is -0.1"),
        ({"ratio": "0.5", "method": "magnitude"}, "magnitude is a score of weights"),
        ({"ratio": "0.5", "scope": "block"}, "scopes global, layer, not block"),
        ({"ratio": "0.5", "method": "bn_scale"}, "no batch norm follows 4, 9"),
    ],
)
def test_what_does_not_go_together_is_refused(step, words, digits, tmp_path):
    models.save(models.build_model("hand_made", 10), tmp_path / "parent.safetensors")
    step = {"prune_type": "filter_wise", "method": "l1"} | step
    with pytest.raises(ValueError, match=words):
        prune.prune_model(tmp_path / "out", parent=tmp_path / "parent.safetensors", data=digits(16, 1), **step)
    assert not (tmp_path / "out").exists()


def test_a_file_that_does_not_hold_what_was_decided_is_an_error(digits, tmp_path, monkeypatch):
    models.save(lively(models.build_model("hand_made", 10)), tmp_path / "parent.safetensors")
    monkeypatch.setattr(structure, "remove_channels", lambda *arguments: None)
    step = {"prune_type": "filter_wise", "method": "l1", "ratio": "0.50"}
    with pytest.raises(RuntimeError, match="not those decided"):
        prune.prune_model(tmp_path / "out", parent=tmp_path / "parent.safetensors", data=digits(16, 1), **step)


def test_a_branching_net_is_no_chain():
    with pytest.raises(ValueError, match="no chain"):
        structure.chain(models.skeleton("resnet50", 10))


def test_convs_are_a_chain_in_the_order_in_which_they_are_called():
    class Crossed(nn.Module):
        def __init__(self):
            super().__init__()
            self.second, self.first = nn.Conv2d(16, 16, 1), nn.Conv2d(3, 16, 1)

        def forward(self, x):
            return self.second(self.first(x))

    net = Crossed()
    net.second.weight.data = torch.arange(16.0)[None, :, None, None].repeat(16, 1, 1, 1)
    kept = kept_channels(net, "channel_wise", "mean_abs", 0.5, scope="layer")
    assert kept == {"second": ALL16, "first": span(8, 15)}  # by the channels that `second` reads


# What holds for any net


@st.composite
def chains(draw):
    """A chain of convs for 8x8 images with batch norms, pools and a classifier, weights drawn at random."""
    cin = draw(st.sampled_from([1, 3]))
    net, side, generator = nn.Sequential(), 8, torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    for cout in draw(st.lists(st.integers(1, 40), min_size=1, max_size=4)):
        kernel = draw(st.sampled_from([1, 3]))
        net.append(nn.Conv2d(cin, cout, kernel, padding=kernel // 2, bias=draw(st.booleans())))
        if draw(st.booleans()):
            net.append(nn.BatchNorm2d(cout))
        net.append(nn.ReLU())
        if side > 2 and draw(st.booleans()):
            net.append(nn.MaxPool2d(2))
            side //= 2
        cin = cout
    net.extend([nn.Flatten(), nn.Linear(cin * side * side, 10)])
    for parameter in net.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return net.eval()


def number_of_groups(widths, image_channels, prune_type):
    channels = image_channels + sum(widths[:-1])
    return {"filter_wise": sum(widths), "channel_wise": channels}.get(prune_type, sum(widths) + channels)


@settings(max_examples=40)
@given(
    net=chains(),
    prune_type=st.sampled_from(STRUCTURED),
    method=st.sampled_from(METHODS),
    ratios=st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=2).map(sorted),
)
def test_whatever_is_pruned_adds_up_and_the_net_still_runs(net, prune_type, method, ratios):
    less, more = (kept_channels(net, prune_type, method, ratio, size=8) for ratio in ratios)
    convs, images = groups.convs(net), torch.randn(2, next(iter(groups.convs(net).values())).in_channels, 8, 8)
    widths = [conv.out_channels for conv in convs.values()]
    assert list(less) == list(more) == list(convs)
    for width, kept, fewer in zip(widths, less.values(), more.values(), strict=True):
        assert kept == sorted(set(kept)) and set(kept) <= set(range(width))
        removed = set(range(width)) - set(kept)
        assert len(kept) + len(removed) == width
        assert len(kept) == width or len(kept) in range(8, width, 8)
        assert set(fewer) <= set(kept)  # a larger ratio keeps no group that a smaller one removes

    pruned = copy.deepcopy(net)
    structure.remove_channels(pruned, more, 8)
    found = [conv.out_channels for conv in groups.convs(pruned).values()]
    assert found == [len(kept) for kept in more.values()]
    with torch.no_grad():
        outputs = pruned(images)
        assert outputs.shape == (2, 10)
        assert_same(outputs, masked(net, more)(images))
    before, after = (number_of_groups(w, images.shape[1], prune_type) for w in (widths, found))
    assert groups.actual_ratio(net, pruned, prune_type) == pytest.approx(1 - after / before, abs=1e-12)


class Staged(nn.Module):
    """A small ResNet: stages of residual blocks, the first block of each with a conv as its shortcut."""

    def __init__(self, stages):
        super().__init__()
        self.stem, cin = nn.Sequential(nn.Conv2d(3, stages[0][0], 3, padding=1, bias=False)), stages[0][0]
        self.stem.append(nn.BatchNorm2d(cin))
        self.blocks = nn.ModuleList()
        for width, inner, number in stages:
            for index in range(number):
                self.blocks.append(
                    nn.ModuleDict(
                        {
                            "conv1": nn.Conv2d(cin, inner, 1, bias=False), "bn1": nn.BatchNorm2d(inner),
                            "conv2": nn.Conv2d(inner, width, 3, padding=1), "bn2": nn.BatchNorm2d(width),
                            "shortcut": nn.Identity() if index else nn.Conv2d(cin, width, 1),
                        }
                    )
                )  # fmt: skip
                cin = width
        self.head = nn.Linear(cin, 10)

    def forward(self, x):
        x = self.stem(x).relu()
        for block in self.blocks:
            inner = block["bn1"](block["conv1"](x)).relu()
            x = (block["bn2"](block["conv2"](inner)) + block["shortcut"](x)).relu()
        return self.head(x.mean((2, 3)))


@settings(max_examples=15)
@given(
    stages=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30), st.integers(1, 2)), min_size=1, max_size=2),
    method=st.sampled_from(["l1", "l2", "fpgm", "random", "mean"]),
    scope=st.sampled_from(["global", "layer"]),
    ratios=st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=2).map(sorted),
)
def test_whatever_is_pruned_of_a_residual_net_adds_up_and_it_still_runs(stages, method, scope, ratios):
    net = lively(Staged(stages))
    less, more = (kept_channels(net, "filter_wise", method, ratio, scope=scope, size=4) for ratio in ratios)
    convs = groups.convs(net)
    assert list(less) == list(more) == list(convs)
    for conv, kept, fewer in zip(convs.values(), less.values(), more.values(), strict=True):
        assert kept == sorted(set(kept)) and set(kept) <= set(range(conv.out_channels))
        assert len(kept) == conv.out_channels or len(kept) in range(8, conv.out_channels, 8)
        assert set(fewer) <= set(kept)
    at = 0
    for _, _, number in stages:  # a stage's outputs, and its shortcut's, are one set of channels
        outputs = [more[f"blocks.{at}.shortcut"], *(more[f"blocks.{at + i}.conv2"] for i in range(number))]
        assert all(kept == outputs[0] for kept in outputs)
        at += number
    pruned = copy.deepcopy(net)
    structure.remove_channels(pruned, more, 4)
    assert [c.out_channels for c in groups.convs(pruned).values()] == [len(kept) for kept in more.values()]
    removed = sum(c.out_channels for c in convs.values()) - sum(map(len, more.values()))
    assert groups.actual_ratio(net, pruned, "filter_wise") == pytest.approx(
        removed / groups.count(net, "filter_wise"), abs=1e-12
    )
    images = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert_same(pruned(images), masked(net, more)(images))
