"""Nets of any layers: what is pruned, saved and read back computes what the dense net does with masked weights."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from espalier import registry
from espalier.pytorch import coupling, groups, macs, models, prune, structure, trial_removal
from espalier.training.pruning import Pruning


def pruned(net, prune_type, ratio, size, scope="layer"):
    """The net without the channels that a prune type removes, and those that it keeps."""
    step = {"prune_type": prune_type, "method": "l2", "ratio": ratio, "scope": scope, "seed": 1}
    kept = prune.kept_channels(net, Pruning.of(step, "pytorch"), size)
    small = copy.deepcopy(net)
    structure.remove_channels(small, kept, size)
    return small, kept


class Mixed(nn.Module):
    """A subclass of Conv2d, group norm, layer scale, a transposed conv, squeeze and excitation, layer norm, an MLP."""

    class Conv(nn.Conv2d):
        def forward(self, x):
            return functional.conv2d(x, self.weight, self.bias, self.stride, self.padding)

    def __init__(self, num_classes=10):
        super().__init__()
        self.stem, self.norm = self.Conv(3, 32, 3, padding=1), nn.GroupNorm(4, 32)
        self.inner, self.outer = nn.Conv2d(32, 48, 1), nn.Conv2d(48, 32, 1)
        self.scale = nn.Parameter(torch.rand(32, 1, 1))
        self.register_buffer("shift", torch.rand(32, 1, 1))
        self.squeeze, self.excite = nn.Conv2d(32, 16, 1), nn.Conv2d(16, 32, 1)
        self.up = nn.ConvTranspose2d(32, 24, 2, stride=2)
        self.last, self.plain = nn.LayerNorm(24), nn.LayerNorm(24, elementwise_affine=False)
        self.hidden, self.head = nn.Linear(24, 40), nn.Linear(40, num_classes)

    def forward(self, x):
        x = self.norm(self.stem(x)).relu()
        x = x + self.shift + self.scale * self.outer(self.inner(x).relu())
        x = x * torch.sigmoid(self.excite(self.squeeze(x.mean((2, 3), keepdim=True)).relu()))
        return self.head(self.hidden(self.plain(self.last(self.up(x).mean((2, 3))))).relu())


@pytest.fixture
def mixed(own_register):
    @registry.register(registry.Model("mixed", backend="pytorch", title=""))
    def mixed(num_classes):
        return Mixed(num_classes)

    torch.manual_seed(0)
    return models.build_model("mixed", 10).eval()


IMAGES = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def read_back(net, path):
    models.save(net, path)
    return models.load(path)


@pytest.mark.parametrize("prune_type, ratio", [("filter_wise", "0.50"), ("neuron_wise", "0.75")])
def test_a_pruned_net_of_many_kinds_of_layers_is_read_back_bit_for_bit(mixed, prune_type, ratio, tmp_path):
    small, kept = pruned(mixed, prune_type, ratio, 16)
    read = read_back(small, tmp_path / "net.safetensors")
    with torch.no_grad():
        assert torch.equal(read(IMAGES), small(IMAGES))
    layers = dict(read.named_modules())
    assert {name: structure.width(layers[name]) for name in kept} == {n: len(k) for n, k in kept.items()}
    assert sum(p.numel() for p in read.parameters()) < sum(p.numel() for p in mixed.parameters())
    assert (
        read.norm.num_channels == read.stem.out_channels == len(read.scale) == len(read.shift)
        and read.norm.num_groups == 4
    )
    assert read.plain.normalized_shape == (24,) and read.up.in_channels == read.stem.out_channels


def test_channels_that_a_group_norm_normalises_go_from_each_of_its_groups(mixed):
    units = next(units for units in coupling.coupled(mixed, 16) if "stem" in units.layers)
    assert units.places["stem"] == [[place, 8 + place, 16 + place, 24 + place] for place in range(8)]
    small, kept = pruned(mixed, "filter_wise", "0.50", 16)
    assert len(kept["stem"]) % 8 == 0 and small.norm.num_channels < 32


def test_a_group_norm_couples_the_layers_of_a_concatenation():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.norm = nn.Conv2d(3, 16, 1), nn.Conv2d(3, 16, 1), nn.GroupNorm(2, 32)
            self.head = nn.Linear(32, 10)

        def forward(self, x):
            return self.head(self.norm(torch.cat([self.a(x), self.b(x)], 1)).relu().mean((2, 3)))

    (units,) = coupling.coupled(Both().eval(), 8)
    assert units.places == {name: [[index] for index in range(16)] for name in ("a", "b")}


def test_layers_that_nothing_tells_their_sizes_are_told_by_the_file(own_register, tmp_path):
    @registry.register(registry.Model("plain_norm", backend="pytorch", title=""))
    def plain_norm(num_classes):
        norm = nn.LayerNorm(32, elementwise_affine=False)
        return nn.Sequential(nn.Flatten(), nn.Linear(48, 32), norm, nn.ReLU(), nn.Linear(32, num_classes))

    net = models.build_model("plain_norm", 10).eval()
    small, kept = pruned(net, "neuron_wise", "0.50", 4)
    assert len(kept["1"]) == 16 and small[2].normalized_shape == (16,)
    read = read_back(small, tmp_path / "net.safetensors")
    assert read[2].normalized_shape == (16,) and read.spec == small.spec
    images = torch.randn(3, 3, 4, 4)
    assert torch.equal(read(images), small(images))
    again = read_back(models.redrawn(read, 0), tmp_path / "again.safetensors")
    assert again(images).shape == (3, 10)


@pytest.mark.parametrize("value", ["print", [16.0], 16, None])
def test_a_file_sets_nothing_but_whole_numbers(own_register, value):
    net = nn.Sequential(nn.LayerNorm(32, elementwise_affine=False))
    with pytest.raises(ValueError, match="cannot be"):
        models.cut(net, {}, {"0": {"normalized_shape": value}})


def test_a_pruned_net_that_knows_its_sizes_by_other_ways_is_refused(own_register, digits, tmp_path):
    class Fixed(nn.Sequential):
        def forward(self, x):
            return self[1](self[0](x).reshape(len(x), 16, 64).mean(2))

    @registry.register(registry.Model("fixed", backend="pytorch", title=""))
    def fixed(num_classes):
        return Fixed(nn.Conv2d(3, 16, 1), nn.Linear(16, num_classes))

    models.save(models.build_model("fixed", 10), tmp_path / "net.safetensors")
    step = {"prune_type": "filter_wise", "method": "l2", "ratio": "0.50"}
    with pytest.raises(ValueError, match=r"reshape|does not run"):
        prune.prune_model(tmp_path / "out", parent=tmp_path / "net.safetensors", data=digits(8, 3), **step)


# Neurons


def test_neurons_go_with_what_reads_them():
    # Rows of the first layer have the absolute means 1 to 16, those of the second 16 to 1; the last gives the classes.
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))
    for number, order in ((1, range(1, 17)), (3, range(16, 0, -1))):
        net[number].weight.data = torch.tensor([*map(float, order)])[:, None].expand_as(net[number].weight).clone()
    assert [matrix.shape for matrix in groups.neurons(net)] == [(16, 12), (16, 16)]
    small, kept = pruned(net, "neuron_wise", "0.50", 2)
    assert kept == {"1": list(range(8, 16)), "3": list(range(8))}
    assert small[3].weight.shape == (8, 8) and small[5].weight.shape == (3, 8)
    assert groups.actual_ratio(net, small, "neuron_wise") == 0.5
    x = torch.rand(5, 3, 2, 2)
    hidden = (x.flatten(1) @ net[1].weight[8:].T + net[1].bias[8:]).relu()
    hidden = (hidden @ net[3].weight[:8, 8:].T + net[3].bias[:8]).relu()
    torch.testing.assert_close(small(x), hidden @ net[5].weight[:, :8].T + net[5].bias)


def test_the_classifier_of_vgg16_bn_loses_neurons():
    net = models.skeleton("vgg16_bn", 10, width=1 / 16)  # 4 to 32 filters; 256 neurons, twice
    for parameter in net.parameters():
        nn.init.normal_(parameter, generator=torch.Generator().manual_seed(0))
    small, kept = pruned(net, "neuron_wise", "0.50", 32)
    assert {name: len(indices) for name, indices in kept.items()} == {"classifier.0": 128, "classifier.3": 128}
    assert [conv.out_channels for conv in groups.convs(small).values()] == [
        conv.out_channels for conv in groups.convs(net).values()
    ]


# What cannot go, and why


class Shuffled(nn.Module):
    """The channels of a conv are shuffled between two others, as in ShuffleNet."""

    def __init__(self):
        super().__init__()
        self.free, self.first, self.second = nn.Conv2d(3, 32, 1), nn.Conv2d(32, 32, 1), nn.Conv2d(32, 16, 1)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.first(self.free(x).relu())
        x = x.view(len(x), 4, 8, *x.shape[2:]).transpose(1, 2).flatten(1, 2)
        return self.head(self.second(x).relu().mean((2, 3)))


def reasons(net, size, kind="filters"):
    return {name: units.why for units in coupling.coupled(net, size, kind) for name in units.layers}


def test_channels_that_are_shuffled_stay_and_it_is_said_why():
    found = reasons(Shuffled(), 8)
    assert found["free"] == found["second"] == "" and "first" in found["first"] and "transpose" in found["first"]
    small, kept = pruned(Shuffled(), "filter_wise", "0.50", 8)
    assert {name: len(indices) for name, indices in kept.items()} == {"free": 16, "first": 32, "second": 8}
    assert small(torch.randn(2, 3, 8, 8)).shape == (2, 10)


def test_a_net_of_which_nothing_can_go_is_refused_with_the_reason():
    net = nn.Sequential(nn.Conv2d(3, 10, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ValueError, match="0 gives the classes"):
        pruned(net, "filter_wise", "0.50", 8)


def test_a_conv_that_gives_the_classes_stays():
    net = nn.Sequential(nn.Conv2d(3, 32, 1), nn.ReLU(), nn.Conv2d(32, 16, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert {n: len(k) for n, k in pruned(net, "filter_wise", "0.50", 8)[1].items()} == {"0": 16, "2": 16}


# torchvision's nets, with random weights


@pytest.mark.parametrize(
    "name, prune_type",
    [
        ("resnet18", "filter_wise"),
        ("densenet121", "filter_wise"),
        ("mobilenet_v3_small", "filter_wise"),
        ("googlenet", "filter_wise"),
        ("shufflenet_v2_x0_5", "filter_wise"),
        ("convnext_tiny", "neuron_wise"),
    ],
)
def test_torchvisions_nets_without_channels_compute_what_the_masked_ones_do(name, prune_type, own_register, tmp_path):
    import torchvision

    @registry.register(registry.Model("of_torchvision", backend="pytorch", title=""))
    def of_torchvision(num_classes):
        options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
        return torchvision.models.get_model(name, weights=None, num_classes=num_classes, **options)

    torch.manual_seed(0)
    net = models.build_model("of_torchvision", 10).eval()
    small, kept = pruned(net, prune_type, "0.50", 64)
    assert macs.profile_model(small, 64).macs < 0.8 * macs.profile_model(net, 64).macs
    read, images = read_back(small, tmp_path / "net.safetensors"), torch.randn(2, 3, 64, 64)
    layers = dict(net.named_modules())
    gone = {name: sorted({*range(structure.width(layers[name]))} - {*indices}) for name, indices in kept.items()}
    with torch.no_grad():
        assert torch.equal(read(images), small(images))
    assert trial_removal.agrees(net, 64, gone)


class Gated(nn.Module):
    """Half of a layer's channels are the gates of the other half."""

    def __init__(self, num_classes=10):
        super().__init__()
        self.a, self.b, self.head = nn.Conv2d(3, 64, 3), nn.Conv2d(32, 16, 1), nn.Linear(16, num_classes)

    def forward(self, x):
        return self.head(self.b(functional.glu(self.a(x), 1)).mean((2, 3)))


class Padded(nn.Module):
    """A shortcut whose channels are padded with zeros (option A of He et al. 2016), by pooling."""

    def __init__(self, num_classes=10):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.head = nn.Linear(32, num_classes)

    def forward(self, x):
        x = self.a(x).relu()
        x = self.b(x) + functional.pad(functional.avg_pool2d(x, 2), (0, 0, 0, 0, 8, 8))
        return self.head(x.relu().mean((2, 3)))


class Turned(nn.Module):
    """Its last layers are defined first."""

    def __init__(self, num_classes=10):
        super().__init__()
        self.late, self.stem, self.head = nn.Conv2d(8, 16, 1), nn.Conv2d(3, 8, 3), nn.Linear(16, num_classes)

    def forward(self, x):
        return self.head(self.late(self.stem(x).relu()).mean((2, 3)))


@pytest.mark.parametrize("net, layer", [(Gated, "a"), (Padded, "b")])
def test_channels_that_an_operation_moves_to_other_places_stay(net, layer):
    torch.manual_seed(0)
    spared = {name: units.why for units in coupling.coupled(net().eval(), 16, "filters") for name in units.layers}
    assert spared[layer]


def test_images_have_the_channels_that_the_net_can_be_called_with(tmp_path):
    assert macs.profile_model(Turned(), 16).macs == 14 * 14 * (8 * 27 + 16 * 8) + 160
