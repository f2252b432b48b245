"""Static int8 of PyTorch nets: how ranges are found, and which layers stay in float."""

import json

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from torch import nn

from espalier import registry
from espalier.datasets import prepare as datasets
from espalier.pytorch import models, quantize, static
from espalier.pytorch.onnx_runtime import session
from espalier.training.calibration import Calibrator


@pytest.fixture(scope="module")
def parent(module_register, tmp_path_factory):
    """A net in a file. In each filter of its second conv one weight is 200 times as large as the others, which 8 bits
    with one scale a filter round to 0 or 1; that weight reads a channel that is always 0."""

    @registry.register(registry.Model("three_convs", backend="pytorch", title=""))
    def three_convs(num_classes, widths=None, width=1.0):
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
            nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(8, num_classes),
        )  # fmt: skip

    torch.manual_seed(0)
    net = models.build_model("three_convs", 10).eval()
    with torch.no_grad():
        net[0].weight[0], net[0].bias[0] = 0, -1
        net[2].weight.uniform_(-0.1, 0.1)
        net[2].weight[:, 0, 1, 1] = 20
    path = tmp_path_factory.mktemp("parent") / "model.safetensors"
    models.save(net, path)
    return path


@pytest.fixture
def made(parent, digits, tmp_path):
    """made(keys of the step): the file, what was measured, and its logits of the test images."""

    def run(**step):
        out = tmp_path / f"{len(list(tmp_path.iterdir()))}.onnx"
        details = quantize.quantize_model(out, parent=parent, data=digits(8, 1), **step)
        images = datasets.load(digits(8, 1)).test.images
        pixels = ((images.transpose(0, 3, 1, 2) / 255 - 0.45) / 0.225).astype(np.float32)
        return out, details["measured"], session(out, 1).run(None, {"images": pixels})[0]

    return run


def noise(found, exact):
    return float(np.square(found - exact).mean())


# Calibration


def ranges_of(batches, tmp_path, **calibrator):
    """The range of the input of a net on these images."""
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(100, 2))
    net.spec = {"name": "net"}
    with static.prepared(quantize.export(net, (10, 10, 1))) as path:
        static.write_ranges(path, tmp_path / "ranges.json", batches, Calibrator(**calibrator))
    found = json.loads((tmp_path / "ranges.json").read_text())["data"]["images"]
    ends = (found[end] for end in ("lowest", "highest"))
    return tuple(np.array(end["data"] if isinstance(end, dict) else end).item() for end in ends)


@pytest.fixture
def tailed():
    """20,000 values in batches of uneven sizes: even from -1 to 1, with 20 of them 8 and one -4."""
    values = np.linspace(-1, 1, 20_000, dtype=np.float32)
    values = np.random.default_rng(0).permutation(values)
    values[:20], values[20] = 8, -4
    images = values.reshape(200, 1, 10, 10)
    return [images[:70], images[70:100], images[100:]]


def test_minmax_is_the_smallest_and_the_largest_value(tailed, tmp_path):
    assert ranges_of(tailed, tmp_path, method="minmax") == (-4, 8)


@pytest.mark.parametrize("percent, low, high", [(99.0, -0.99, 0.992), (90.0, -0.9, 0.902), (99.999, -4, 8)])
def test_a_percentile_cuts_both_ends_by_as_many_values(tailed, tmp_path, percent, low, high):
    """Of 20,000 values 99 % leave 100 at each end: 20 of 8 and the 80 next to 1, one of -4 and 99 next to -1."""
    found = ranges_of(tailed, tmp_path, method="percentile", percentile=percent)
    assert found == pytest.approx((low, high), abs=16 / 2048 * 2)  # two bins of the histogram


def test_entropy_cuts_off_a_long_tail(tmp_path):
    """Of a Laplace distribution without its negative half: one of 200,000 values is near 11, one of 150 above 4."""
    values = np.maximum(np.random.default_rng(0).laplace(size=(2000, 1, 10, 10)), 0).astype(np.float32)
    low, high = ranges_of([values[:900], values[900:]], tmp_path, method="entropy")
    assert low == 0 and 3 < high < 0.8 * values.max()
    even = [np.linspace(-1, 1, 20_000, dtype=np.float32).reshape(200, 1, 10, 10)]
    assert ranges_of(even, tmp_path, method="entropy") == pytest.approx((-1, 1), abs=0.02)  # nothing to cut off


@pytest.mark.parametrize("calibration", ["entropy", "percentile"])
def test_a_calibration_gives_other_scales_and_the_same_ones_each_time(made, calibration):
    step = {"scheme": "static_int8", "calibration": calibration, "calibration_images": 70}
    step |= {"percentile": 99.0} if calibration == "percentile" else {}
    (usual, *_), (one, measured, _), (two, *_) = (
        made(scheme="static_int8", calibration_images=70),
        made(**step),
        made(**step),
    )
    assert one.read_bytes() == two.read_bytes() != usual.read_bytes()
    assert measured["int8_operators"] == 4 and measured["calibration_images"] == 70


# Layers that stay in float


def test_the_layer_that_loses_most_stays_in_float(made, capsys):
    _, _, exact = made(scheme="float32")
    whole, before, rounded = made(scheme="static_int8")
    assert noise(rounded, exact) > 0
    capsys.readouterr()
    path, measured, selective = made(scheme="static_int8", keep_float=1)
    assert measured["float_layers"] == "2" and measured["int8_operators"] == 3 and before["int8_operators"] == 4
    assert "float_layers" not in before
    assert noise(selective, exact) < noise(rounded, exact) / 10
    # its 576 weights are floats in the file, those of the others are not
    sizes = {t.data_type: 0 for t in onnx.load(path).graph.initializer}
    for tensor in onnx.load(path).graph.initializer:
        if numpy_helper.to_array(tensor).ndim in (2, 4):
            sizes[tensor.data_type] += numpy_helper.to_array(tensor).size
    assert sizes[TensorProto.FLOAT] == 576 and sizes[TensorProto.INT8] == 72 + 576 + 80
    assert path.stat().st_size > whole.stat().st_size
    said = [line.split(" alone")[0] for line in capsys.readouterr().out.splitlines() if "alone in int8" in line]
    assert said == ["0", "2", "6", "10"]  # each layer of the net is tried, in their order


def test_more_layers_in_float_are_nearer_to_float(made):
    _, _, exact = made(scheme="float32")
    found = [made(scheme="static_int8", keep_float=number) for number in (1, 2, 3)]
    assert [measured["int8_operators"] for _, measured, _ in found] == [3, 2, 1]
    assert [len(measured["float_layers"].split()) for _, measured, _ in found] == [1, 2, 3]
    assert noise(found[2][2], exact) < noise(found[0][2], exact)


def test_all_layers_in_float_are_refused(made):
    with pytest.raises(ValueError, match="keep_float: 4, and the net has 4"):
        made(scheme="static_int8", keep_float=4)
