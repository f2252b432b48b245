"""Timing nets side by side: in the right order, in turns, on the batches that were asked for."""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from espalier import registry
from espalier.keras.latency import operators as keras_operators
from espalier.keras.latency import predictor as keras_predictor
from espalier.keras.quantize import quantize_model as keras_quantize
from espalier.pytorch import models
from espalier.pytorch.latency import operators, predictor
from espalier.pytorch.onnx_runtime import session
from espalier.pytorch.quantize import export, quantize_model
from espalier.training import timing as latency

SLEEP = {"slow": 0.03, "fast": 0.001, "middle": 0.01}
HOW = {"batch_sizes": [1, 400], "threads": 3, "warmup": 2, "repeats": 7, "most_repeats": 7}


class Sleeper:
    """Nets that only sleep, and lists of what they prepared and the calls they got."""

    def __init__(self):
        self.opened, self.prepared, self.calls = [], [], []

    def __call__(self, path, threads):
        self.opened.append((path, threads))

        def prepare(images):
            self.prepared.append((path, len(images)))
            time.sleep(0.05)  # longer than any call
            return path, images.shape

        def run(prepared):
            self.calls.append(prepared)
            time.sleep(SLEEP[path])

        return prepare, run


@pytest.fixture
def timed(digits):
    sleeper = Sleeper()
    nets = {f"node/{name}": name for name in SLEEP}
    rows = latency.measure(nets, sleeper, digits(8, 1), dict.fromkeys(nets, "node/slow"), **HOW)
    return sleeper, rows


def test_there_is_a_row_for_each_net_and_batch_size(timed):
    _, rows = timed
    assert [(row["node"], row["batch_size"]) for row in rows] == [
        (f"node/{name}", size) for size in (1, 400) for name in SLEEP
    ]
    for row in rows:
        assert (row["baseline"], row["threads"], row["repeats"]) == ("node/slow", 3, 7)


def test_medians_are_milliseconds_and_in_the_order_of_the_nets_speed(timed):
    _, rows = timed
    for size in (1, 400):
        median = {row["node"]: row["median_ms"] for row in rows if row["batch_size"] == size}
        assert median["node/fast"] < median["node/middle"] < median["node/slow"]
    for row in rows:
        asleep = 1000 * SLEEP[row["node"].removeprefix("node/")]
        assert asleep <= row["median_ms"] < asleep + 1000
        assert row["p90_ms"] >= row["median_ms"]


def test_preparing_a_batch_is_not_timed(timed):
    sleeper, rows = timed
    # once for each net and batch size, and once more for the second copy of the baseline
    assert set(Counter(sleeper.prepared).items()) == {
        ((name, size), 2 if name == "slow" else 1) for name in SLEEP for size in (1, 400)
    }
    for row in rows:
        if row["node"] == "node/fast":
            assert row["median_ms"] < 1000 * 0.05


def test_each_net_is_opened_once_the_baseline_twice_and_called_equally_often_in_turns(timed):
    sleeper, _ = timed
    assert sleeper.opened == [*((name, 3) for name in SLEEP), ("slow", 3)]
    assert {name: number for (name, _), number in Counter(sleeper.calls).items()} == {
        "slow": 18,
        "fast": 9,
        "middle": 9,
    }
    measured = sleeper.calls[8:36]  # after the warm-up of the first batch size
    rounds = [tuple(name for name, _ in measured[i : i + 4]) for i in range(0, 28, 4)]
    assert all(sorted(r) == sorted([*SLEEP, "slow"]) for r in rounds)
    assert len(set(rounds)) > 1  # not always in each other's wake


def test_a_batch_larger_than_the_test_set_repeats_its_images(timed):
    sleeper, _ = timed
    assert {shape for _, shape in sleeper.calls} == {(1, 8, 8, 1), (400, 8, 8, 1)}


def test_the_median_and_the_ninetieth_percentile_by_hand(digits, monkeypatch):
    # rounds of 1, 2, 3, 4 and 10 ms, each for the net and for its second copy
    clock = iter([tick for ms in (1, 2, 3, 4, 10) for tick in (0, ms / 1000) * 2])
    monkeypatch.setattr(latency, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    how = {"batch_sizes": [1], "threads": 1, "warmup": 0, "repeats": 5, "most_repeats": 5}
    rows = latency.measure({"a": "a"}, lambda path, threads: (len, abs), digits(8, 1), {"a": "a"}, **how)
    assert rows[0]["median_ms"] == pytest.approx(3)
    assert rows[0]["p90_ms"] == pytest.approx(4 + 0.6 * (10 - 4))  # 0.9 * 4 = 3.6 of the way through the sorted five


def test_nets_with_the_same_way_to_prepare_share_their_input(digits):
    seen, prepare = [], lambda images: object()
    nets = {name: name for name in "ab"}
    how = {"batch_sizes": [1], "threads": 1, "warmup": 1, "repeats": 2, "most_repeats": 2}
    latency.measure(nets, lambda path, threads: (prepare, seen.append), digits(8, 1), {"a": "a", "b": "a"}, **how)
    assert len(seen) == 9 and len(set(map(id, seen))) == 1  # two nets and a second copy


def test_the_noise_is_what_two_copies_of_the_baseline_differ_by(timed):
    _, rows = timed
    for size in (1, 400):
        of_size = {row["node"]: row for row in rows if row["batch_size"] == size}
        assert len({row["noise"] for row in of_size.values()}) == 1 and of_size["node/slow"]["noise"] >= 1
        fast = of_size["node/fast"]
        ratio = of_size["node/slow"]["median_ms"] / fast["median_ms"]
        assert fast["ratio_low"] <= ratio <= fast["ratio_high"]


def test_what_disturbs_a_round_disturbs_both_nets_of_it():
    times = np.random.default_rng(0).lognormal(size=50)
    assert latency.ratio_interval(2 * times, times) == (pytest.approx(2), pytest.approx(2))
    low, high = latency.ratio_interval(times, np.random.default_rng(1).lognormal(size=50))
    assert low < 1 < high


def repeats_of(durations, digits, monkeypatch, **how):
    """How many calls of each net are timed, if its calls take these milliseconds in turn; `base` is the baseline."""
    now, turn = [0.0], dict.fromkeys(durations, 0)

    def predictor(name, threads):
        def run(_):
            now[0] += durations[name][turn[name] % len(durations[name])] / 1000
            turn[name] += 1

        return len, run

    monkeypatch.setattr(latency, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    asked = {"batch_sizes": [1], "threads": 1, "warmup": 0, "repeats": 10}
    nets = {name: name for name in durations}
    rows = latency.measure(nets, predictor, digits(8, 1), dict.fromkeys(nets, "base"), **(asked | how))
    return {row["node"]: row["repeats"] for row in rows}


SHAKY = [1.0, 3.0, 1.0, 1.0, 3.0, 3.0, 1.0, 3.0]  # half of the calls three times as long: the median is not known


def test_rounds_go_on_for_the_nets_whose_ratio_is_not_known_well_enough(digits, monkeypatch):
    times = {"base": [2.0], "steady": [1.0], "shaky": SHAKY}
    assert repeats_of(times, digits, monkeypatch) == {"base": 30, "steady": 10, "shaky": 30}  # 3 times as many
    assert repeats_of(times, digits, monkeypatch, most_repeats=25) == {"base": 25, "steady": 10, "shaky": 25}
    assert repeats_of(times, digits, monkeypatch, precision=9.0) == {"base": 10, "steady": 10, "shaky": 10}


def test_a_baseline_whose_copies_differ_is_timed_again(digits, monkeypatch):
    assert repeats_of({"base": SHAKY, "steady": [1.0]}, digits, monkeypatch)["base"] == 30


@pytest.fixture(scope="module")
def files(module_register, tmp_path_factory):
    """A small net as a PyTorch and as an ONNX file, and 5 images."""

    @registry.register(registry.Model("one_conv", backend="pytorch", title=""))
    def one_conv(num_classes, widths=None, width=1.0):
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, num_classes)
        )

    torch.manual_seed(0)
    net, folder = models.build_model("one_conv", 10).eval(), tmp_path_factory.mktemp("files")
    models.save(net, folder / "model.safetensors")
    (folder / "model.onnx").write_bytes(export(net, (8, 8, 1)).SerializeToString())
    return net, folder, np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)


@pytest.mark.parametrize("suffix", [".safetensors", ".onnx"])
def test_what_is_timed_gives_the_nets_logits(files, suffix):
    net, folder, images = files
    prepare, run = predictor(folder / f"model{suffix}", torch.get_num_threads())
    with torch.no_grad():
        expected = net(torch.tensor(images).permute(0, 3, 1, 2) / 127.5 - 1).numpy()
    for size in (1, 5):
        logits = run(prepare(images[:size]))
        assert isinstance(logits, np.ndarray) and logits.dtype == np.float32
        np.testing.assert_allclose(logits, expected[:size], rtol=1e-4, atol=1e-6)


def test_pytorch_and_onnx_runtime_side_by_side(files, digits):
    _, folder, _ = files
    nets = {suffix: folder / f"model.{suffix}" for suffix in ("safetensors", "onnx")}
    how = {"batch_sizes": [1, 16], "threads": 1, "warmup": 1, "repeats": 5}
    rows = latency.measure(nets, predictor, digits(8, 1), dict.fromkeys(nets, "safetensors"), **how)
    assert [(row["node"], row["batch_size"]) for row in rows] == [(n, size) for size in (1, 16) for n in nets]
    assert all(0 < row["median_ms"] <= row["p90_ms"] for row in rows)


ALONE = """
import sys
from importlib import import_module
import numpy as np

backend, file, framework = sys.argv[1:]
prepare, run = import_module(f"espalier.{backend}.latency").predictor(file, 1)
assert run(prepare(np.zeros((2, 8, 8, 1), np.uint8))).shape == (2, 10)
assert framework not in sys.modules
"""


def predict_without(framework, backend, file):
    """Predict with a file in a process of its own, in which the framework must not be loaded."""
    command = [sys.executable, "-c", ALONE, backend, str(file), framework]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(latency.__file__).parents[2])
    assert done.returncode == 0, done.stderr


def test_no_pytorch_is_loaded_to_time_an_exported_net(files):
    predict_without("torch", "pytorch", files[1] / "model.onnx")


def test_a_file_of_another_kind_is_refused():
    with pytest.raises(ValueError, match=r"net\.pt cannot be timed: it must be a file of \.safetensors, \.onnx"):
        predictor("net.pt", 1)


def test_onnx_runtime_uses_the_threads_it_is_given(files):
    _, folder, _ = files
    options = session(folder / "model.onnx", 2).get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)


def test_the_profile_tells_what_an_onnx_file_computes_in(files, digits, tmp_path):
    _, folder, images = files
    (conv, gemm) = [each for each in operators(folder / "model.onnx", images, 1) if each.weighted]
    assert (conv.number, conv.computes, gemm.number, gemm.computes) == (1, "float32", 1, "float32")
    assert conv.ms > 0 and operators(folder / "model.safetensors", images, 1) == []
    out, data = tmp_path / "model.onnx", digits(8, 1)
    quantize_model(out, parent=folder / "model.safetensors", data=data, scheme="static_int8", calibration_images=16)
    found = operators(out, images, 1)
    assert {each.computes for each in found if each.weighted} == {"int8"}
    assert any(each.computes == "converts" for each in found)  # the images come as float32
    rows = latency.measure({"n": out}, predictor, data, {"n": "n"}, operators=operators, **(HOW | {"threads": 1}))
    names = [{each["name"] for each in json.loads(row["operators"])} for row in rows]
    assert names == [{each.name for each in found}] * 2


# Keras nets


@pytest.fixture(scope="module")
def keras_files(digits, tmp_path_factory):
    """A small Keras net as a .keras and as a .tflite file."""
    from espalier.keras import models, quantize
    from espalier.keras.runtime import start

    start(1)
    folder = tmp_path_factory.mktemp("keras_files")
    net = models.build_model({"name": "cifar10_cnn", "width": 0.1}, (8, 8, 1), 10, mean=0.5, std=0.5)
    models.save(net, folder / "model.keras")
    quantize.quantize_model(folder / "model.tflite", parent=folder / "model.keras", data=digits(8, 1), scheme="float32")
    return folder


def test_tensorflow_and_litert_give_the_same_logits_side_by_side(keras_files, digits):
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)
    given = {}
    for suffix in ("keras", "tflite"):
        prepare, run = keras_predictor(keras_files / f"model.{suffix}", 1)
        single, given[suffix] = run(prepare(images[:1])), run(prepare(images))
        assert isinstance(single, np.ndarray) and single.dtype == np.float32
        np.testing.assert_allclose(single, given[suffix][:1], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(given["tflite"], given["keras"], rtol=1e-4, atol=1e-6)
    assert np.abs(given["keras"]).max() > 0.01

    nets = {suffix: keras_files / f"model.{suffix}" for suffix in ("keras", "tflite")}
    how = {"batch_sizes": [1, 16], "threads": 1, "warmup": 1, "repeats": 5}
    rows = latency.measure(nets, keras_predictor, digits(8, 1), dict.fromkeys(nets, "keras"), **how)
    assert [(row["node"], row["batch_size"]) for row in rows] == [(n, size) for size in (1, 16) for n in nets]
    assert all(0 < row["median_ms"] <= row["p90_ms"] for row in rows)


def test_what_a_tflite_file_computes_in(keras_files, digits, tmp_path):
    images = np.zeros((2, 8, 8, 1), np.uint8)
    exported = keras_operators(keras_files / "model.tflite", images, 1)
    assert {each.computes for each in exported if each.weighted} == {"float32"}
    assert keras_operators(keras_files / "model.keras", images, 1) == []
    from espalier.keras import models

    wide = tmp_path / "wide.keras"  # TensorFlow leaves what has fewer than 1024 weights in float32
    models.save(models.build_model({"name": "cifar10_cnn", "width": 0.5}, (8, 8, 1), 10, mean=0.5, std=0.5), wide)
    for scheme, computes in (("static_int8", {"int8"}), ("dynamic_int8", {"int8", "float32"})):
        out, keys = tmp_path / f"{scheme}.tflite", {"calibration_images": 16} if scheme == "static_int8" else {}
        keras_quantize(out, parent=wide, data=digits(8, 1), scheme=scheme, **keys)
        weighted = [each for each in keras_operators(out, images, 1) if each.weighted]
        assert {each.computes for each in weighted} <= computes and weighted[0].ms is None
        assert all(
            each.name.endswith("hybrid") == (scheme == "dynamic_int8") for each in weighted if each.computes == "int8"
        )


def test_no_tensorflow_is_loaded_to_time_a_tflite_file(keras_files):
    predict_without("tensorflow", "keras", keras_files / "model.tflite")


def test_a_keras_net_in_a_file_of_another_kind_is_refused():
    with pytest.raises(ValueError, match=r"net\.h5 cannot be timed: it must be a file of \.keras, \.tflite"):
        keras_predictor("net.h5", 1)
