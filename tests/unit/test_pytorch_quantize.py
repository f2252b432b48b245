"""PyTorch nets as ONNX files in four number formats: the same outputs, real int8, known sizes, nothing else inside."""

import json
import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from espalier import registry
from espalier.datasets import prepare as datasets
from espalier.pytorch import models, profile_exported, quantize, static
from espalier.pytorch.exported import Net
from espalier.pytorch.onnx_runtime import session
from espalier.pytorch.profile import profile_model

SCHEMES = ["float32", "float16", "dynamic_int8", "static_int8"]
INT8 = SCHEMES[2:]
# for 8x8 images of one channel: two convs (the second into a pooling of 4x4 to 3x3 pixels) and two linear layers
CONVS, LINEARS = 16 * 9 + 32 * 16 * 9, 32 * 9 * 64 + 64 * 10
WEIGHTS, BIASES = CONVS + LINEARS, 16 + 32 + 64 + 10
PARAMS = WEIGHTS + BIASES + 16 + 32  # a batch norm has two vectors; folded into its conv, one is left


def set_batch_norms(net):
    """Statistics as after a training, other than 0 and 1."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    return net.eval()


@pytest.fixture(scope="module")
def parent(module_register, tmp_path_factory):
    """A registered net in a file, a third of each weight zero; its first conv's filter 3 all zero."""

    @registry.register(registry.Model("two_convs", backend="pytorch", title=""))
    def two_convs(num_classes, widths=None, width=1.0):
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(3),
            nn.Flatten(), nn.Linear(32 * 9, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, num_classes),
        )  # fmt: skip

    torch.manual_seed(0)
    net = set_batch_norms(models.build_model("two_convs", 10))
    with torch.no_grad():
        for layer in (net[0], net[4], net[9], net[12]):
            layer.weight.normal_(0, 0.1)
            layer.weight.view(-1)[::3] = 0
        for layer in (net[9], net[12]):
            layer.bias.normal_(0, 0.1)
        net[0].weight[3] = 0
    path = tmp_path_factory.mktemp("parent") / "model.safetensors"
    models.save(net, path)
    return path


@pytest.fixture(scope="module")
def made(parent, digits, tmp_path_factory):
    """scheme -> (its file, what quantize_model returned)."""
    folder, how = tmp_path_factory.mktemp("made"), {"parent": parent, "data": digits(8, 1)}
    return {
        scheme: (folder / f"{scheme}.onnx", quantize.quantize_model(folder / f"{scheme}.onnx", scheme=scheme, **how))
        for scheme in SCHEMES
    }


def images_of(folder, number=None):
    """Normalised test images (n, c, h, w) of the digits."""
    images = datasets.load(folder).test.images[:number]
    return ((torch.tensor(np.array(images)).permute(0, 3, 1, 2) / 255 - 0.45) / 0.225).contiguous()


def logits_of(path, images):
    return session(path, 1).run(None, {"images": images.numpy()})[0]


def elements(path):
    """Number of elements of the constants in a file, by data type."""
    found = Counter()
    for tensor in onnx.load(path).graph.initializer:
        found[tensor.data_type] += math.prod(tensor.dims)
    return found


# The export


@pytest.mark.parametrize(
    "name, options",
    [
        # with uneven widths, as after pruning; at 32 pixels it pools 1x1 to 7x7
        ("vgg16_bn", {"width": 0.05, "widths": [8, 3, 8, 5, 8, 8, 7, 8, 8, 8, 6, 8, 8]}),
        ("resnet50", {"width": 0.04, "removed_blocks": ["layer1.0", "layer1.1", "layer4.0"]}),  # two have a downsample
    ],
)
def test_the_exports_outputs_are_pytorchs_at_every_batch_size(name, options):
    torch.manual_seed(0)
    net = set_batch_norms(models.build_model(name, 10, **options))
    model = quantize.export(net, (32, 32, 3))
    images = torch.randn(5, 3, 32, 32)
    with torch.no_grad():
        expected = net(images).numpy()
    for size in (1, 5):
        found = logits_of(model.SerializeToString(), images[:size])
        np.testing.assert_allclose(found, expected[:size], rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    convs = sum(isinstance(module, nn.Conv2d) for module in net.modules())
    kinds = Counter(node.op_type for node in model.graph.node)
    assert kinds["Conv"] == convs and kinds["BatchNormalization"] == 0  # folded


def test_the_float32_file_is_the_net(parent, made, digits):
    path, details = made["float32"]
    images = images_of(digits(8, 1), 256)
    with torch.no_grad():
        expected = models.load(parent)(images).numpy()
    found = logits_of(path, images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    difference = np.abs(found - expected).max()
    assert details["measured"]["export_difference"] == pytest.approx(difference, abs=1e-6)


def test_an_export_of_another_net_is_refused(parent, digits):
    data, net = datasets.load(digits(8, 1)), models.load(parent)
    model = quantize.export(net, (8, 8, 1))
    with torch.no_grad():
        net[12].bias[0] += 0.01
    with pytest.raises(
        RuntimeError, match=r"the exported net's logits are up to 0\.01\d* from PyTorch's, whose largest is"
    ):
        quantize.compare(net, model, data)
    with torch.no_grad():
        net[12].bias[0] = torch.nan
    with pytest.raises(RuntimeError, match="nan"):
        quantize.compare(net, model, data)


def test_a_net_too_large_for_one_file_is_refused(parent, monkeypatch):
    buffers = 2 * (16 + 32) * 4 + 2 * 8  # of the batch norms: mean and variance, and their counts of batches
    monkeypatch.setattr(quantize, "LARGEST", 4 * PARAMS + buffers)
    quantize.export(models.load(parent), (8, 8, 1))
    monkeypatch.setattr(quantize, "LARGEST", 4 * PARAMS + buffers - 1)
    with pytest.raises(ValueError, match=f"two_convs has {4 * PARAMS + buffers:,} bytes of weights"):
        quantize.export(models.load(parent), (8, 8, 1))


# What is in the files


def test_weights_and_biases_are_in_the_schemes_format(made):
    constants = {scheme: elements(made[scheme][0]) for scheme in SCHEMES}
    assert constants["float32"][TensorProto.FLOAT] == WEIGHTS + BIASES
    assert constants["float16"][TensorProto.FLOAT16] == WEIGHTS + BIASES
    assert constants["float16"][TensorProto.FLOAT] == 0
    for scheme in INT8:
        scales = sum(made_of(made[scheme][0], "scale"))
        assert WEIGHTS <= constants[scheme][TensorProto.INT8] <= WEIGHTS + scales  # and each scale's zero point
        assert constants[scheme][TensorProto.FLOAT16] == 0
    assert constants["dynamic_int8"][TensorProto.FLOAT] < WEIGHTS / 10  # biases and scales
    assert constants["static_int8"][TensorProto.FLOAT] < WEIGHTS / 10
    assert constants["static_int8"][TensorProto.INT32] >= BIASES  # quantized, too


def made_of(path, ending):
    """Sizes of the constants whose names end in `ending`."""
    return [math.prod(t.dims) for t in onnx.load(path).graph.initializer if t.name.endswith(ending)]


def test_files_are_smaller_by_the_bytes_of_the_weights(made):
    size = {scheme: made[scheme][0].stat().st_size for scheme in SCHEMES}
    described = 12_000  # bytes at most for operators, scales and names
    assert 4 * (WEIGHTS + BIASES) < size["float32"] < 4 * (WEIGHTS + BIASES) + described
    assert 2 * (WEIGHTS + BIASES) < size["float16"] < 2 * (WEIGHTS + BIASES) + described
    for scheme in INT8:
        assert WEIGHTS < size[scheme] < WEIGHTS + 4 * BIASES + described


@pytest.mark.parametrize("scheme", SCHEMES)
def test_int8_files_hold_only_int8_operators(made, scheme):
    path, details = made[scheme]
    kinds = Counter(node.op_type for node in onnx.load(path).graph.node)
    floats = kinds["Conv"] + kinds["Gemm"] + kinds["MatMul"]
    expected = {
        "float32": (0, 4),
        "float16": (0, 4),
        "dynamic_int8": (4, 0),
        "static_int8": (4, 4),  # float by name, but between DequantizeLinear and QuantizeLinear
    }
    assert (details["measured"]["int8_operators"], floats) == expected[scheme]
    if scheme == "dynamic_int8":
        assert kinds["ConvInteger"] == kinds["MatMulInteger"] == 2


def test_what_onnx_runtime_runs_of_the_static_file_are_integer_operators(made):
    kinds = Counter(node.op_type for node in quantize.optimized(made["static_int8"][0]).graph.node)
    assert (kinds["QLinearConv"], kinds["QGemm"]) == (2, 2)
    assert kinds["Conv"] == kinds["FusedConv"] == kinds["Gemm"] == kinds["FusedGemm"] == kinds["MatMul"] == 0


@pytest.mark.parametrize("removed, convs, additions", [([], 53, 16), (["layer2.1"], 50, 15)])
def test_residual_nets_are_int8_in_every_branch(digits, tmp_path, removed, convs, additions):
    """Inputs of additions too, which ONNX Runtime does not fuse for each type of activations."""
    torch.manual_seed(0)
    net = set_batch_norms(models.build_model("resnet50", 10, width=0.125, removed_blocks=removed))
    models.save(net, tmp_path / "model.safetensors")
    out, how = tmp_path / "model.onnx", {"parent": tmp_path / "model.safetensors", "data": digits(32, 3)}
    details = quantize.quantize_model(out, scheme="static_int8", calibration_images=32, **how)
    assert details["measured"]["int8_operators"] == convs + 1
    kinds = Counter(node.op_type for node in quantize.optimized(out).graph.node)
    assert (kinds["QLinearConv"], kinds["QLinearAdd"], kinds["QGemm"]) == (convs, additions, 1)
    assert kinds["Conv"] == kinds["FusedConv"] == kinds["Add"] == 0


def test_convs_that_onnx_runtime_leaves_in_float_are_refused(own_register, digits, tmp_path):
    """int8 by the file, float when it runs: signed activations in the branches of a residual net."""

    @registry.register(registry.Scheme("signed", backend="pytorch", title="", calibrated=True, trains=False, int8=True))
    def signed(model, batches):
        from onnxruntime.quantization import quantize_static

        return quantize.quantized(quantize_static, model, static.Reader(batches), per_channel=True)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)

        def forward(self, images):
            x = self.first(images).relu()
            return (x + self.second(x)).relu()

    @registry.register(registry.Model("residual", backend="pytorch", title=""))
    def residual(num_classes, widths=None, width=1.0):
        return nn.Sequential(Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, num_classes))

    models.save(models.build_model("residual", 10), tmp_path / "model.safetensors")
    how = {"parent": tmp_path / "model.safetensors", "data": digits(8, 1), "calibration_images": 8}
    with pytest.raises(RuntimeError, match=r"signed left node_\w+, node_\w+ of .* in float"):
        quantize.quantize_model(tmp_path / "model.onnx", scheme="signed", **how)


def test_float16_is_computed_in_float32(made):
    """As the scheme's title says: float16 in the file, but what runs takes float32 weights."""
    nodes = quantize.optimized(made["float16"][0]).graph.node
    made_of = {output: node for node in nodes for output in node.output}
    makers = [made_of[node.input[1]] for node in nodes if node.op_type in quantize.FLOAT]
    assert [(node.op_type, node.attribute[0].i) for node in makers] == 4 * [("Cast", TensorProto.FLOAT)]
    assert "computed in float32" in registry.get(registry.Scheme, "float16", "pytorch").title


def weights_in(path):
    """The net's four weights in a file, as arrays in forward order, output channels first."""
    sizes = [16 * 9, 32 * 16 * 9, 32 * 9 * 64, 64 * 10]
    arrays = {a.size: a for a in map(numpy_helper.to_array, onnx.load(path).graph.initializer) if a.size in sizes}
    weights = [arrays[size] for size in sizes]
    return [w.T if w.ndim == 2 and w.shape[0] > w.shape[1] else w for w in weights]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_zeros_stay_zero(parent, made, scheme):
    net = models.load(parent)
    for layer, weight in zip((net[0], net[4], net[9], net[12]), weights_in(made[scheme][0]), strict=True):
        zero = (layer.weight == 0).numpy()
        assert zero.sum() >= layer.weight.numel() // 3
        assert weight.shape == zero.shape and not weight[zero].any() and weight[~zero].any()
    constants = onnx.load(made[scheme][0]).graph.initializer
    points = [t for t in constants if t.data_type == TensorProto.INT8 and t.name.endswith("weight_zero_point")]
    assert not any(numpy_helper.to_array(t).any() for t in points)
    assert len(points) == (4 if scheme in INT8 else 0)


@pytest.mark.parametrize("scheme, least", [("float16", 55), ("dynamic_int8", 25), ("static_int8", 25)])
def test_outputs_stay_near_those_of_float32(made, digits, scheme, least):
    """Signal to noise in decibels, of all logits: 11 bits of float16 are worth 66 dB at most, 8 bits 50 dB."""
    images = images_of(digits(8, 1))
    exact, found = logits_of(made["float32"][0], images), logits_of(made[scheme][0], images)
    assert 0 < np.square(found - exact).mean() < np.square(exact).mean() / 10 ** (least / 10)


AGAIN = """
import sys
from torch import nn
from espalier import registry
from espalier.pytorch import quantize

@registry.register(registry.Model("two_convs", backend="pytorch", title=""))
def two_convs(num_classes, widths=None, width=1.0):
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(3),
        nn.Flatten(), nn.Linear(32 * 9, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, num_classes),
    )

parent, data, *schemes = sys.argv[1:]
for scheme in schemes:
    quantize.quantize_model(f"{scheme}.onnx", parent=parent, data=data, scheme=scheme)
"""


def test_a_file_holds_nothing_of_where_and_when_it_was_made(parent, made, digits, tmp_path):
    """Made again by a process of its own, with another hash seed, it is the same file; no path or source is in it."""
    environment = os.environ | {"PYTHONPATH": str(Path(quantize.__file__).parents[2]), "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", AGAIN, str(parent), str(digits(8, 1)), *SCHEMES]
    subprocess.run(command, check=True, env=environment, cwd=tmp_path)
    for scheme, (path, _) in made.items():
        content = path.read_bytes()
        assert (tmp_path / f"{scheme}.onnx").read_bytes() == content
        for word in ("/tmp", str(path.parent), "site-packages", ".py", "stack_trace", "torch.nn"):
            assert word.encode() not in content


# Refusals


def test_a_file_that_holds_no_int8_is_refused(own_register, parent, digits, tmp_path):
    @registry.register(registry.Scheme("idle", backend="pytorch", title="", calibrated=False, trains=False, int8=True))
    def idle(model, batches):
        return model

    @registry.register(registry.Scheme("half", backend="pytorch", title="", calibrated=False, trains=False, int8=True))
    def half(model, batches):
        from onnxruntime.quantization import quantize_dynamic

        return quantize.quantized(quantize_dynamic, model, op_types_to_quantize=["MatMul"])

    how = {"parent": parent, "data": digits(8, 1)}
    with pytest.raises(RuntimeError, match=r"idle left node_Conv_\d+, .*, node_linear_1 of .* in float"):
        quantize.quantize_model(tmp_path / "idle.onnx", scheme="idle", **how)
    with pytest.raises(RuntimeError, match=r"half left node_Conv_\d+, node_Conv_\d+ of .* in float"):
        quantize.quantize_model(tmp_path / "half.onnx", scheme="half", **how)


def test_an_unknown_scheme_is_refused(parent, digits, tmp_path):
    with pytest.raises(registry.UnknownName, match="'int4' is not a registered scheme"):
        quantize.quantize_model(tmp_path / "x.onnx", parent=parent, data=digits(8, 1), scheme="int4")


def test_int8_operators_of_a_graph_made_by_hand():
    """As ONNX Runtime writes them: what it could not fuse is left between operators that make floats of int8."""
    weights = [numpy_helper.from_array(np.ones((2, 2), np.int8), "w8"), numpy_helper.from_array(np.float32(0.1), "s")]
    weights += [numpy_helper.from_array(np.ones((2, 2), np.float32), "w"), numpy_helper.from_array(np.int8(0), "zero")]
    nodes = [
        helper.make_node("QLinearConv", ["x", "s", "zero", "w8", "s", "zero", "s", "zero"], ["a"], "conv"),
        helper.make_node("QGemm", ["a", "s", "zero", "w8", "s", "zero"], ["b"], "linear", domain="com.microsoft"),
        helper.make_node("ConvInteger", ["a", "w8"], ["c"], "dynamic"),
        helper.make_node("MatMulInteger", ["a", "c"], ["d"], "two activations in int8"),
        helper.make_node("MatMul", ["a", "c"], ["e"], "two activations"),
        helper.make_node("DequantizeLinear", ["w8", "s", "zero"], ["w8_float"]),
        helper.make_node("Conv", ["d", "w8_float"], ["f"], "int8 made float"),
        helper.make_node("FusedConv", ["d", "w"], ["g"], "float", domain="com.microsoft"),
        helper.make_node("Gemm", ["d", "w"], ["h"], "float linear"),
    ]
    model = helper.make_model(helper.make_graph(nodes, "graph", [], [], weights))
    left = ["int8 made float", "float", "float linear"]
    assert quantize.int8_operators(model) == (["conv", "linear", "dynamic"], left)


# Calibration


def changed(folder, target, split, value):
    """A copy of a prepared data set in which all images of a split have one value."""
    target.mkdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    images = np.load(folder / "images.npy")
    begin, end = manifest["splits"][split]
    images[begin:end] = value
    np.save(target / "images.npy", images)
    np.save(target / "labels.npy", np.load(folder / "labels.npy"))
    datasets.write_manifest(target, manifest)
    return target


def test_only_training_images_calibrate(parent, made, digits, tmp_path):
    before = made["static_int8"][0].read_bytes()
    for split, same in (("validation", True), ("test", True), ("train", False)):
        data = changed(digits(8, 1), tmp_path / split, split, 128)
        out = tmp_path / f"{split}.onnx"
        details = quantize.quantize_model(out, parent=parent, data=data, scheme="static_int8")
        assert details["measured"]["calibration_images"] == 128
        assert (out.read_bytes() == before) is same


def test_the_images_range_is_that_of_the_normalised_calibration_images(parent, digits, tmp_path):
    """Pixels of 51 and, once normalised, (0.2 - 0.45) / 0.225: the scale spans that to 0 in 255 steps."""
    data = changed(digits(8, 1), tmp_path / "data", "train", 51)
    how = {"parent": parent, "data": data, "scheme": "static_int8", "calibration_images": 7}
    details = quantize.quantize_model(tmp_path / "model.onnx", **how)
    assert details["measured"]["calibration_images"] == 7
    (scale,) = [t for t in onnx.load(tmp_path / "model.onnx").graph.initializer if t.name == "images_scale"]
    assert numpy_helper.to_array(scale) == pytest.approx((0.45 - 0.2) / 0.225 / 255)


# What is measured


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_measured_of_a_file(parent, made, digits, scheme):
    path = made[scheme][0]
    measured = profile_exported.measure_model(path, digits(8, 1), parent)["measured"]
    labels = datasets.load(digits(8, 1)).test.labels
    logits = logits_of(path, images_of(digits(8, 1))).astype(np.float64)
    best = np.argsort(-logits, axis=1, kind="stable")
    assert measured["top1"] == pytest.approx(100 * np.mean(best[:, 0] == labels), abs=0.6)  # two of 360: ties
    assert measured["top5"] == pytest.approx(100 * np.mean((best[:, :5] == labels[:, None]).any(1)), abs=0.6)
    likelihood = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    assert measured["test_loss"] == pytest.approx(-likelihood[np.arange(360), labels].mean(), rel=1e-4)
    zeros = sum(int((p == 0).sum()) for p in models.load(parent).parameters())
    assert measured["params"] == PARAMS
    assert measured["nonzero_params"] == PARAMS - zeros
    assert measured["sparsity"] == pytest.approx(100 * zeros / PARAMS)
    assert measured["macs"] == 64 * 16 * 9 + 16 * 32 * 16 * 9 + LINEARS == profile_model(models.load(parent), 8).macs
    assert measured["flops"] == 2 * measured["macs"] < 2 * measured["published_macs"]
    assert measured["size_bytes"] == path.stat().st_size > measured["zipped_bytes"] > 0
    assert measured["test_images"] == 360


def test_an_onnx_file_as_a_module_runs_on_images_in_any_order_of_memory(made, digits):
    images = images_of(digits(8, 1), 3)
    expected = logits_of(made["float32"][0], images)
    channels_last = images.to(memory_format=torch.channels_last)
    np.testing.assert_array_equal(Net(made["float32"][0], 1)(channels_last).numpy(), expected)


def test_schemes_say_what_they_need():
    schemes = {name: e for name, e in registry.entries(registry.Scheme, "pytorch").items() if name in SCHEMES}
    assert list(schemes) == SCHEMES
    assert [name for name, e in schemes.items() if e.calibrated] == ["static_int8"]
    assert [name for name, e in schemes.items() if e.int8] == INT8
    assert not any(e.trains for e in schemes.values())
    assert all("onnxruntime.ai" in e.cite for e in schemes.values())
