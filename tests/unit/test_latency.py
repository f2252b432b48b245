"""Timing nets side by side: in the right order, in turns, on the batches that were asked for."""

import time
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from espalier import latency
from espalier.pytorch import models
from espalier.pytorch.latency import predictor

SLEEP = {"slow": 0.03, "fast": 0.001, "middle": 0.01}
HOW = {"batch_sizes": [1, 400], "threads": 3, "warmup": 2, "repeats": 7}


class Sleeper:
    """Nets that only sleep, and a list of the calls they got."""

    def __init__(self):
        self.opened, self.calls = [], []

    def __call__(self, path, threads):
        self.opened.append((path, threads))

        def predict(images):
            self.calls.append((path, images.shape))
            time.sleep(SLEEP[path])

        return predict


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


def test_each_net_is_opened_once_and_called_equally_often_in_turns(timed):
    sleeper, _ = timed
    assert sleeper.opened == [(name, 3) for name in SLEEP]
    assert set(Counter(sleeper.calls).values()) == {2 + 7}
    measured = sleeper.calls[6:27]  # after the warm-up of the first batch size
    rounds = [tuple(name for name, _ in measured[i : i + 3]) for i in range(0, 21, 3)]
    assert all(set(r) == set(SLEEP) for r in rounds)
    assert len(set(rounds)) > 1  # not always in each other's wake


def test_a_batch_larger_than_the_test_set_repeats_its_images(timed):
    sleeper, _ = timed
    assert {shape for _, shape in sleeper.calls} == {(1, 8, 8, 1), (400, 8, 8, 1)}


def test_the_median_and_the_ninetieth_percentile_by_hand(digits, monkeypatch):
    clock = iter([0, 0.001, 0, 0.002, 0, 0.003, 0, 0.004, 0, 0.010])  # five calls of 1, 2, 3, 4 and 10 ms
    monkeypatch.setattr(latency, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    how = {"batch_sizes": [1], "threads": 1, "warmup": 0, "repeats": 5}
    rows = latency.measure({"a": "a"}, lambda path, threads: len, digits(8, 1), {"a": "a"}, **how)
    assert rows[0]["median_ms"] == pytest.approx(3)
    assert rows[0]["p90_ms"] == pytest.approx(4 + 0.6 * (10 - 4))  # 0.9 * 4 = 3.6 of the way through the sorted five


def test_the_torch_predictor_gives_the_nets_logits(tmp_path):
    net = models.build_model("resnet50", 10, width=0.05).eval()
    models.save(net, tmp_path / "net.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    logits = predictor(tmp_path / "net.safetensors", torch.get_num_threads())(images)
    with torch.no_grad():
        expected = net(torch.tensor(images).permute(0, 3, 1, 2) / 127.5 - 1)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-6)
