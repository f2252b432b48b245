"""The nets of the CIFAR-100 study: their counts to the last digit, their files, their initial weights."""

import csv
import math
from decimal import Decimal
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional
from torchvision.models import resnet

from espalier import registry
from espalier.pytorch import groups, models
from espalier.pytorch.profile import profile_model

PUBLISHED = Path(__file__).resolve().parents[2] / "report" / "published"
VGG_PLAN = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]
DENSE = [c for c in VGG_PLAN if c != "M"]
BLOCKS = [f"layer{i}.{j}" for i, number in enumerate((3, 4, 6, 3), start=1) for j in range(number)]


def rows(file):
    with (PUBLISHED / file).open() as text:
        return list(csv.DictReader(text))


def exactly(figure, unit):
    """A published figure, such as 9.57426128, in whole units."""
    value = Decimal(figure) * unit
    assert value == int(value)
    return int(value)


# The published count in closed form, from the rules of report/published alone: no net is built for it.


def conv(cin, cout, kernel, side, bias):
    """(operations, multiply-accumulates, parameters) of a conv whose output is side x side."""
    outputs = cout * side * side
    macs = outputs * cin * kernel**2
    return macs + bias * outputs, macs, cout * cin * kernel**2 + bias * cout


def norm(channels, side):
    return 2 * channels * side * side, 0, 2 * channels


def linear(cin, cout):
    return cin * cout, cin * cout, cin * cout + cout


def total(parts):
    return tuple(map(sum, zip(*parts, strict=True)))


def vgg16_bn_in_closed_form(widths, size, classes, hidden=4096):
    parts, cin, left = [], 3, iter(widths)
    for entry in VGG_PLAN:
        if entry == "M":
            size //= 2
        else:
            cout = next(left)
            parts += [conv(cin, cout, 3, size, bias=1), norm(cout, size)]
            cin = cout
    window = (size // 7) ** 2  # whole numbers, as thop divided them: no window below 7x7
    parts.append(((window + 1) * cin * 49, 0, 0))
    parts += [linear(cin * 49, hidden), linear(hidden, hidden), linear(hidden, classes)]
    return total(parts)


def resnet50_in_closed_form(removed, size, classes, width=1.0):
    def scaled(channels):
        return max(1, round(channels * width))

    cin, side = scaled(64), size // 2
    parts = [conv(3, cin, 7, side, bias=0), norm(cin, side)]
    side //= 2  # max pool
    for layer, (number, planes) in enumerate([(3, 64), (4, 128), (6, 256), (3, 512)], start=1):
        for block in range(number):
            stride = 2 if layer > 1 and block == 0 else 1
            out, inner = side // stride, scaled(planes)
            cout = scaled(4 * planes)
            if block == 0:
                parts += [conv(cin, cout, 1, out, bias=0), norm(cout, out)]  # the shortcut: stays when the block goes
            if f"layer{layer}.{block}" not in removed:
                parts += [conv(cin, inner, 1, side, bias=0), norm(inner, side)]
                parts += [conv(inner, inner, 3, out, bias=0), norm(inner, out)]
                parts += [conv(inner, cout, 1, out, bias=0), norm(cout, out)]
            cin, side = cout, out
    parts += [((side**2 + 1) * cin, 0, 0), linear(cin, classes)]
    return total(parts)


def counts(net, size):
    profile = profile_model(net, size)
    assert profile.flops == 2 * profile.macs
    return profile.published_macs, profile.macs, profile.params


# Golden numbers


@pytest.mark.parametrize(
    "name, published, params",
    [("vgg16_bn", 15_507_270_656, 134_678_692), ("resnet50", 4_109_671_424, 23_712_932)],
)
def test_dense_nets_have_the_published_counts(name, published, params):
    profile = profile_model(models.build_model(name, 100), 224)
    assert (profile.published_macs, profile.params) == (published, params)


@pytest.mark.parametrize("row", rows("vgg16_bn_pruned_widths.csv"), ids=lambda r: " ".join(list(r.values())[:3]))
def test_every_published_pruned_vgg16_bn(row):
    net = models.skeleton("vgg16_bn", 100, widths=row["conv_widths"].split())
    profile = profile_model(net, 224)
    assert profile.published_macs == exactly(row["flops_g"], 10**9)
    assert profile.params == exactly(row["params_m"], 10**6)
    done = groups.actual_ratio(models.skeleton("vgg16_bn", 100), net, row["prune_type"])
    assert abs(done - float(row["actual_ratio"])) < 1e-12


@pytest.mark.parametrize("row", rows("resnet50_removed_blocks.csv"), ids=lambda r: r["removed_blocks"] or "dense")
def test_every_published_pruned_resnet50(row):
    removed = row["removed_blocks"].split()
    net = models.skeleton("resnet50", 100, removed_blocks=removed)
    profile = profile_model(net, 224)
    assert profile.published_macs == exactly(row["flops_g"], 10**9)
    assert profile.params == exactly(row["params_m"], 10**6)
    done = groups.actual_ratio(models.skeleton("resnet50", 100), net, "depth_wise")
    assert done == len(removed) / 16


def test_the_closed_forms_below_give_the_published_dense_counts():
    published, macs, params = vgg16_bn_in_closed_form(DENSE, 224, 100)
    assert (published, macs, params) == (15_507_270_656, 15_466_577_920, 134_678_692)
    published, _, params = resnet50_in_closed_form([], 224, 100)
    assert (published, params) == (4_109_671_424, 23_712_932)


@settings(max_examples=6)
@given(
    widths=st.lists(st.integers(1, 80), min_size=13, max_size=13),
    size=st.sampled_from([32, 64, 224, 448]),
    classes=st.integers(2, 100),
)
def test_any_widths_of_vgg16_bn_count_as_in_the_closed_form(widths, size, classes):
    net = models.skeleton("vgg16_bn", classes, widths=widths, width=0.05)
    assert counts(net, size) == vgg16_bn_in_closed_form(widths, size, classes, hidden=round(4096 * 0.05))


@settings(max_examples=6)
@given(
    removed=st.sets(st.sampled_from(BLOCKS)),
    size=st.sampled_from([32, 64, 96]),
    width=st.sampled_from([1.0, 0.5, 0.3, 0.03]),
)
def test_any_blocks_removed_from_resnet50_count_as_in_the_closed_form(removed, size, width):
    net = models.skeleton("resnet50", 10, removed_blocks=sorted(removed), width=width)
    assert counts(net, size) == resnet50_in_closed_form(removed, size, 10, width)


def test_the_cifar10_net_has_the_published_number_of_weights_in_every_tensor():
    net = models.skeleton("cifar10_conv", 10)
    published = {row["layer"]: int(row["total"]) for row in rows("cifar10_filter_pruning.csv") if row["run"] == "1"}
    assert published.pop("all") == sum(p.numel() for p in net.parameters()) == 17_192_650
    assert {name: p.numel() for name, p in net.named_parameters()} == published


@settings(max_examples=6)
@given(
    widths=st.lists(st.integers(1, 40), min_size=3, max_size=3),
    size=st.sampled_from([8, 16, 32, 64]),
    classes=st.integers(2, 20),
)
def test_any_widths_of_the_cifar10_net_count_as_in_the_closed_form(widths, size, classes):
    net = models.build_model("cifar10_conv", classes, widths=widths, width=0.01)
    parts = [conv(i, o, 3, size >> n, bias=0) for n, (i, o) in enumerate(zip([3, *widths], widths, strict=False))]
    _, macs, params = total([*parts, linear(widths[-1] * 16, 41), linear(41, classes)])
    profile = profile_model(net, size)
    assert (profile.macs, profile.params) == (macs, params)
    assert net(torch.zeros(2, 3, size, size)).shape == (2, classes)


def test_the_cifar10_net_is_as_described_at_32_pixels():
    torch.manual_seed(0)
    net, x = models.build_model("cifar10_conv", 10, width=1 / 16), torch.randn(2, 3, 32, 32)
    expected = x
    for layer in (net.conv1_1, net.conv2_1, net.conv3_1):
        expected = functional.max_pool2d(functional.conv2d(expected, layer.weight, padding=1).relu(), 2)
    expected = net.fc2(net.fc1(expected.flatten(1)).relu())
    assert [m.out_channels for m in (net.conv1_1, net.conv2_1, net.conv3_1)] == [4, 8, 16]
    assert net.fc1.weight.shape == (256, 256) and torch.equal(net(x), expected)


# What is built


def test_widths_are_those_of_the_convs_and_width_scales_every_layer():
    widths = [int(w) for w in rows("vgg16_bn_pruned_widths.csv")[0]["conv_widths"].split()]
    net = models.build_model("vgg16_bn", 10, widths=widths, width=0.01)
    assert [conv.out_channels for conv in groups.convs(net).values()] == widths
    quarter = models.skeleton("vgg16_bn", 10, width=0.25)
    assert [conv.out_channels for conv in groups.convs(quarter).values()] == [c // 4 for c in DENSE]
    assert [m.out_features for m in quarter.classifier if isinstance(m, nn.Linear)] == [1024, 1024, 10]


def test_a_removed_block_leaves_its_shortcut():
    net = models.skeleton("resnet50", 10, removed_blocks=["layer2.0", "layer2.1"], width=0.1)
    assert isinstance(net.layer2[0], nn.Sequential)
    assert [type(m) for m in net.layer2[0]] == [nn.Conv2d, nn.BatchNorm2d]
    assert isinstance(net.layer2[1], nn.Identity)
    assert list(models.residual_blocks(net)) == [b for b in BLOCKS if b not in ("layer2.0", "layer2.1")]


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"name": "vgg16_bn", "widths": [64] * 12}, "13 positive conv widths"),
        ({"name": "vgg16_bn", "widths": [64] * 12 + [0]}, "13 positive conv widths"),
        ({"name": "cifar10_conv", "widths": [64] * 13}, "3 positive conv widths"),
        ({"name": "resnet50", "widths": [64] * 13}, "no list of widths"),
        ({"name": "resnet50", "removed_blocks": ["layer1.3"]}, "no residual block 'layer1.3'.*layer1.2"),
        ({"name": "vgg16_bn", "removed_blocks": ["layer1.0"]}, "no residual block"),
        ({"name": "cifar10_conv", "weights": "imagenet"}, "no ImageNet weights of cifar10_conv"),
        ({"name": "vgg16_bn", "weights": "imagenet", "width": 0.5}, "width 1.0, not 0.5"),
    ],
)
def test_what_an_architecture_does_not_have_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        models.build_model(arguments.pop("name"), 10, **arguments)


def test_an_unknown_architecture_is_refused_with_the_nearest_one():
    with pytest.raises(registry.UnknownName) as caught:
        models.build_model("vgg16bn", 10)
    assert caught.value.nearest == "vgg16_bn" and "resnet50" in caught.value.allowed


def test_initial_weights_are_those_of_the_study():
    torch.manual_seed(0)
    net = models.build_model("vgg16_bn", 10, width=0.25)
    deep = net.features[24]  # 64 -> 128 channels, 3x3: He's deviation with fan-out is sqrt(2 / (128 * 9))
    assert deep.weight.shape == (128, 64, 3, 3)
    assert deep.weight.std().item() == pytest.approx(math.sqrt(2 / (128 * 9)), rel=0.02)
    assert net.classifier[0].weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert net.classifier[0].weight.mean().item() == pytest.approx(0, abs=1e-4)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.weight.eq(1).all() and module.running_var.eq(1).all() and module.running_mean.eq(0).all()
        if getattr(module, "bias", None) is not None:
            assert module.bias.eq(0).all()


def test_the_seed_makes_the_initial_weights():
    def built(seed):
        torch.manual_seed(seed)
        return models.build_model("resnet50", 10, width=0.1).state_dict()

    first, again, other = built(1), built(1), built(2)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


# Weights of ImageNet. Only the download is replaced: nothing is fetched in a test.


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """hub(error or tensors): what a download does from now on. Returns the list of downloads."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    asked = []

    def answer(with_what):
        def download(url, destination, hash_prefix=None, progress=True):
            asked.append((url, hash_prefix))
            if isinstance(with_what, Exception):
                raise with_what
            torch.save(with_what, destination)

        monkeypatch.setattr(torch.hub, "download_url_to_file", download)
        return asked

    return answer


def test_imagenet_weights_are_those_of_the_file_but_for_the_last_layer(hub):
    given = resnet.resnet50(weights=None).state_dict()
    for value in given.values():
        value.add_(0.5 if value.is_floating_point() else 1)
    asked = hub(given)
    torch.manual_seed(0)
    net = models.build_model("resnet50", 7, weights="imagenet")
    assert asked == [("https://download.pytorch.org/models/resnet50-0676ba61.pth", "0676ba61")]  # hash is checked
    own = net.state_dict()
    assert own["fc.weight"].shape == (7, 2048) and own["fc.weight"].std().item() == pytest.approx(0.01, rel=0.02)
    assert own["fc.bias"].eq(0).all()
    assert own.keys() == given.keys()
    assert all(torch.equal(own[key], given[key]) for key in own if not key.startswith("fc."))
    models.build_model("resnet50", 7, weights="imagenet")
    assert len(asked) == 1  # kept


@pytest.mark.parametrize(
    "error", [URLError("no route to host"), TimeoutError("timed out"), RuntimeError("invalid hash value")]
)
def test_weights_that_cannot_be_had_are_an_error_that_says_what_was_tried(hub, error):
    hub(error)
    with pytest.raises(
        models.WeightsUnavailable, match=r"vgg16_bn.*https://\S*vgg16_bn\S*\.pth.*" + str(error.args[0])
    ):
        models.build_model("vgg16_bn", 10, weights="imagenet")


def test_code_in_a_file_of_weights_is_not_run(hub):
    hub(print)  # a pickled function
    with pytest.raises(models.WeightsUnavailable):
        models.build_model("resnet50", 10, weights="imagenet")


# Files


@pytest.mark.parametrize(
    "name, options",
    [
        ("vgg16_bn", {"widths": [8, 16, 24, 8, 9, 10, 11, 12, 13, 14, 15, 16, 8], "width": 0.01}),
        ("resnet50", {"width": 0.07, "removed_blocks": ["layer1.0", "layer3.4"]}),
    ],
)
def test_a_file_gives_back_the_same_net(name, options, tmp_path):
    net = models.build_model(name, 10, **options)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean)
    models.save(net, tmp_path / "net.safetensors")
    read = models.load(tmp_path / "net.safetensors")
    assert not read.training and read.spec == net.spec
    assert list(read.state_dict()) == list(net.state_dict())
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in read.state_dict().items())
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(read(images), net.eval()(images))
    assert all(parameter.requires_grad for parameter in read.parameters())


def test_a_file_that_names_no_architecture_is_refused(tmp_path):
    save_file({"weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="names no architecture"):
        models.load(tmp_path / "other.safetensors")


def test_a_file_that_lacks_a_tensor_is_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    net = models.build_model("resnet50", 10, width=0.05)
    models.save(net, path)
    tensors = load_file(path)
    del tensors["layer4.2.bn3.running_mean"]
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        header = file.metadata()
    save_file(tensors, path, metadata=header)
    with pytest.raises(ValueError, match=r"is no resnet50: it lacks layer4\.2\.bn3\.running_mean, and has nothing"):
        models.load(path)


# Architectures of the user's own: whatever layers, parameters and buffers they have


class Own(nn.Module):
    """Layers of many kinds, parameters and buffers of its own, a buffer that PyTorch does not save, a tied weight."""

    def __init__(self, num_classes, channels=8, dropout=0.0):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, channels, 3, padding=1), nn.GroupNorm(2, channels)
        self.act, self.up = nn.PReLU(channels), nn.ConvTranspose2d(channels, channels, 2, stride=2)
        self.scale = nn.Parameter(torch.full((channels, 1, 1), 0.5))
        self.register_buffer("shift", torch.linspace(0, 1, channels)[:, None, None])
        self.register_buffer("table", torch.arange(channels)[:, None, None], persistent=False)
        self.mix, self.again = nn.Linear(channels, channels), nn.Linear(channels, channels)
        self.again.weight = self.mix.weight
        self.last, self.dropout = nn.LayerNorm(channels), nn.Dropout(dropout)
        self.head = nn.Linear(channels, num_classes)
        nn.init.normal_(self.head.weight, 3.0, 0.1)

    def forward(self, x):
        x = self.up(self.act(self.norm(self.stem(x)))) * self.scale + self.shift * self.table
        return self.head(self.dropout(self.last(self.again(self.mix(x.mean((2, 3)))))))


@pytest.fixture
def own(own_register):
    @registry.register(registry.Model("own", backend="pytorch", title=""))
    def own(num_classes, channels=8, dropout=0.0):
        return Own(num_classes, channels, dropout)


def values(net):
    return dict(net.named_parameters()) | dict(net.named_buffers())


def assert_equal(one, other):
    one, other = values(one), values(other)
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def test_an_architecture_keeps_the_initial_weights_that_its_function_draws(own):
    torch.manual_seed(3)
    expected = Own(10)
    torch.manual_seed(3)
    assert_equal(models.build_model("own", 10), expected)


def test_options_of_an_architecture_reach_its_function_and_its_file(own, tmp_path):
    net = models.build_model("own", 10, channels=4, dropout=0.9)
    assert net.dropout.p == 0.9 and net.stem.out_channels == 4
    models.save(net, tmp_path / "net.safetensors")
    read = models.load(tmp_path / "net.safetensors")
    assert read.dropout.p == 0.9 and read.spec == net.spec
    assert_equal(read, net)


def test_an_option_that_an_architecture_does_not_take_is_refused(own):
    with pytest.raises(ValueError, match="own takes no depth; it takes num_classes, channels, dropout"):
        models.build_model("own", 10, depth=3)
    with pytest.raises(ValueError, match="own takes no width"):
        models.build_model("own", 10, width=0.5)


def test_a_file_gives_back_every_parameter_and_buffer(own, tmp_path):
    net = models.build_model("own", 10).eval()
    net.table += 5  # which PyTorch itself would not save
    models.save(net, tmp_path / "net.safetensors")
    torch.manual_seed(5)
    before, read = torch.get_rng_state(), models.load(tmp_path / "net.safetensors")
    assert torch.equal(torch.get_rng_state(), before)  # reading draws nothing
    assert_equal(read, net)
    assert read.again.weight is read.mix.weight
    images = torch.randn(2, 1, 8, 8)
    assert torch.equal(read(images), net(images))


def test_a_net_is_cut_to_any_shapes_of_its_tensors(own, tmp_path):
    net = models.build_model("own", 10).eval()
    shapes = {name: tuple(4 if size == 8 else size for size in tensor.shape) for name, tensor in values(net).items()}
    small = models.build_model("own", 10, channels=4).eval()
    models.cut(net, shapes)
    for name, tensor in values(small).items():
        values(net)[name].data.copy_(tensor)
    images = torch.randn(2, 1, 8, 8)
    assert torch.equal(net(images), small(images))
    assert [net.stem.out_channels, net.up.in_channels, net.norm.num_channels, net.act.num_parameters] == [4] * 4
    assert net.last.normalized_shape == (4,) and net.mix.in_features == 4
    models.save(net, tmp_path / "net.safetensors")
    assert torch.equal(models.load(tmp_path / "net.safetensors")(images), small(images))


def test_a_layer_of_which_it_is_not_known_how_to_cut_it_is_refused():
    with pytest.raises(ValueError, match="cannot cut 0, a Bilinear"):
        models.cut(nn.Sequential(nn.Bilinear(8, 8, 8)), {"0.weight": (4, 8, 8)})


def unset(kind):
    """A function for an architecture of one linear layer and a tensor that nobody gives a value."""

    def function(num_classes):
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))
        if kind == "parameter":
            net.gain = nn.Parameter(torch.empty(3))
        elif kind == "lazy":
            net.gain = nn.LazyLinear(3)
        else:
            net.register_buffer("gain", torch.empty(3, dtype=getattr(torch, kind)), persistent=False)
        return net

    return function


@pytest.mark.parametrize("kind", ["parameter", "lazy", "float32", "int64"])
def test_a_tensor_that_nothing_gives_a_value_is_an_error(own_register, kind):
    registry.register(registry.Model("unset", backend="pytorch", title=""))(unset(kind))
    with pytest.raises(ValueError, match="the function of unset gives no value to gain"):
        models.build_model("unset", 10)
    assert not torch.are_deterministic_algorithms_enabled()


def test_weights_that_a_declared_initialisation_leaves_out_are_an_error(own_register):
    def initial(net):
        nn.init.ones_(net[1].weight)

    @registry.register(registry.Model("half", backend="pytorch", title="", initial=initial))
    def half(num_classes):
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.PReLU(), nn.LayerNorm(64), nn.Linear(64, num_classes))

    with pytest.raises(ValueError, match=r"the `initial` of half gives no value to 1\.bias, 4\.weight, 4\.bias"):
        models.build_model("half", 10)


def test_new_weights_in_pruned_shapes_are_the_first_of_those_that_the_function_draws(own):
    torch.manual_seed(3)
    dense, net = Own(10), models.build_model("own", 10)
    models.cut(net, {"mix.weight": (8, 2), "mix.bias": (8,), "head.weight": (10, 8)})
    new = models.redrawn(net, 3)
    torch.testing.assert_close(new.mix.weight, dense.mix.weight[:, :2] * 2)  # a quarter of the inputs: twice as large
    assert torch.equal(new.head.weight, dense.head.weight) and torch.equal(new.mix.bias, dense.mix.bias)
    assert torch.equal(new.table, dense.table)
