"""What is measured of a Keras net: counts in closed form, sizes, accuracy; and the function that is timed."""

import zlib

import numpy as np
import pytest

from espalier.datasets import prepare as datasets
from espalier.keras import models, profile, prune
from espalier.keras.evaluate import evaluate
from espalier.keras.latency import predictor
from espalier.keras.runtime import keras, start


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    start(1)


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A prepared data set of noise: 20 test images 28x28x1 in ten classes."""
    folder = tmp_path_factory.mktemp("noise")
    generator = np.random.default_rng(0)
    np.save(folder / "images.npy", generator.integers(0, 256, (20, 28, 28, 1), np.uint8))
    np.save(folder / "labels.npy", generator.integers(0, 10, 20))
    splits = {"train": [0, 0], "validation": [0, 0], "test": [0, 20]}
    manifest = {"classes": list("0123456789"), "splits": splits, "mean": 0.0, "std": 1.0}
    datasets.write_manifest(folder, manifest)
    return folder


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """The full net in a file."""
    path = tmp_path_factory.mktemp("full") / "model.keras"
    models.save(models.build_model({"name": "mlp"}, (28, 28, 1), 10, init={"name": "glorot"}), path)
    return path


MATRICES = [784 * 1000, 1000 * 1000, 1000 * 500, 500 * 200, 200 * 10]


def test_the_dense_net(full, noise):
    found = profile.measure_model(full, noise)
    measured = found["measured"]
    assert measured["macs"] == sum(MATRICES) == 2_386_000
    assert measured["flops"] == 4_772_000
    assert measured["params"] == 2_386_010
    assert measured["nonzero_params"] == 2_386_000  # all but the biases, which begin at zero
    assert measured["sparsity"] == pytest.approx(100 * 10 / 2_386_010)
    assert measured["size_bytes"] == full.stat().st_size
    assert 0.85 < measured["zipped_bytes"] / measured["size_bytes"] < 1  # random numbers hardly deflate
    assert found["layers"] == [
        {"layer": name, "width": width, "weights": weights, "zeros": 0, "kind": "Dense"}
        | ({"biases": 10, "bias_zeros": 10} if name == "logits" else {})
        for name, width, weights in zip(
            ["hidden1", "hidden2", "hidden3", "hidden4", "logits"], [1000, 1000, 500, 200, 10], MATRICES, strict=True
        )
    ]


def test_a_net_with_pruned_weights(full, noise, tmp_path):
    out = tmp_path / "model.keras"
    prune.prune_model(out, parent=full, data=noise, prune_type="weight", method="magnitude", ratio="0.90")
    dense, found = profile.measure_model(full, noise), profile.measure_model(out, noise)
    zeros = [705_600, 900_000, 450_000, 90_000, 0]
    assert [row["zeros"] for row in found["layers"]] == zeros
    assert found["measured"]["nonzero_params"] == 2_386_000 - sum(zeros)
    assert found["measured"]["sparsity"] == pytest.approx(100 * (sum(zeros) + 10) / 2_386_010)
    assert found["measured"]["macs"] == 2_386_000  # the shapes stay
    assert found["measured"]["size_bytes"] == dense["measured"]["size_bytes"]
    assert found["measured"]["zipped_bytes"] < 0.25 * dense["measured"]["zipped_bytes"]
    stream = zlib.compress(out.read_bytes(), 6)
    assert found["measured"]["zipped_bytes"] == pytest.approx(len(stream), abs=500)  # the archive adds a header


def test_a_net_with_fewer_units(full, noise, tmp_path):
    out = tmp_path / "model.keras"
    prune.prune_model(out, parent=full, data=noise, prune_type="unit", method="l2", ratio="0.50")
    measured = profile.measure_model(out, noise)["measured"]
    assert measured["macs"] == 784 * 500 + 500 * 500 + 500 * 250 + 250 * 100 + 100 * 10 == 793_000
    assert measured["params"] == 793_010
    assert measured["size_bytes"] < 793_010 * 4 + 40_000


def test_macs_of_convolutions_are_counted_at_every_position():
    images = keras.Input((6, 6, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Conv2D(8, 3, padding="same")(x)  # 36 positions of 3 * 3 * 3 * 8
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.DepthwiseConv2D(3)(x)  # 16 positions of 3 * 3 * 8
    x = keras.layers.Conv2D(4, 1, strides=2, groups=2)(x)  # 4 positions of 8 / 2 * 4
    net = keras.Model(images, keras.layers.Dense(5)(keras.layers.Flatten()(x)))  # 16 * 5
    assert profile.count_macs(net) == 36 * 216 + 16 * 72 + 4 * 16 + 80 == 9_072


def test_macs_of_mobilenet_v2_are_those_that_torch_counts():
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from torchvision.models import mobilenet_v2

    net = models.build_model({"name": "mobilenet_v2"}, (224, 224, 3), 1000)
    with torch.device("meta"):
        other = mobilenet_v2(num_classes=1000)
    with FlopCounterMode(display=False) as counter:
        other(torch.zeros(1, 3, 224, 224, device="meta"))
    assert profile.count_macs(net) == counter.get_total_flops() / 2 == 300_774_272


def test_zeros_are_counted_by_filter_and_in_biases(noise, tmp_path):
    images = keras.Input((28, 28, 1), dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 255, name="normalise")(images)
    x = keras.layers.Conv2D(3, 2, name="conv")(x)
    x = keras.layers.DepthwiseConv2D(2, use_bias=False, name="depthwise")(x)
    x = keras.layers.Conv2D(2, 1, name="untouched")(x)
    net = keras.Model(images, keras.layers.Dense(10, name="logits")(keras.layers.Flatten()(x)))
    net.set_weights([np.ones_like(w) for w in net.get_weights()])
    conv, depthwise = net.get_layer("conv").kernel.numpy(), net.get_layer("depthwise").depthwise_kernel.numpy()
    conv[..., 0], conv[0, 0, 0, 2], depthwise[1, :, 1] = 0, 0, 0
    net.get_layer("conv").set_weights([conv, np.array([0, 2, 0])])
    net.get_layer("depthwise").set_weights([depthwise])
    models.save(net, tmp_path / "model.keras")
    rows = {row["layer"]: row for row in profile.measure_model(tmp_path / "model.keras", noise)["layers"]}
    assert rows["conv"] == {
        "layer": "conv", "width": 3, "weights": 12, "zeros": 5, "kind": "Conv2D", "biases": 3, "bias_zeros": 2,
        "filter_zeros": [4, 0, 1],
    }  # fmt: skip
    assert rows["depthwise"]["filter_zeros"] == [0, 2, 0] and "biases" not in rows["depthwise"]
    assert "filter_zeros" not in rows["untouched"] and rows["untouched"]["bias_zeros"] == 0
    assert rows["logits"]["zeros"] == 0 and "filter_zeros" not in rows["logits"]


def test_the_published_format_is_measured_beside_the_own(full, noise, tmp_path):
    measured = profile.measure_model(full, noise)["measured"]
    models.save_h5(models.bare(models.load(full)), tmp_path / "other_name.h5")
    assert measured["h5_bytes"] == (tmp_path / "other_name.h5").stat().st_size
    assert 0 < measured["h5_bytes"] - 4 * 2_386_010 < 40_000  # no optimizer
    stream = zlib.compress((tmp_path / "other_name.h5").read_bytes(), 6)
    assert measured["h5_zipped_bytes"] == pytest.approx(len(stream), abs=500)


def test_a_single_output_is_the_logit_of_the_second_class():
    split = datasets.Split(np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1), np.array([1, 0, 0]))
    outputs = np.array([[2.0], [-1.0], [0.5]], np.float32)
    found = evaluate(lambda images, training: outputs[images.ravel()], split)
    assert found["top1"] == pytest.approx(100 * 2 / 3) and found["top5"] == 100
    losses = [np.log(1 + np.exp(-2)), np.log(1 + np.exp(-1)), np.log(1 + np.exp(0.5))]  # of the sigmoid
    assert found["loss"] == pytest.approx(np.mean(losses))


def test_accuracy_and_loss_of_known_logits():
    logits = np.array(
        [[9, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1]], float
    )
    labels = np.array([0, 2, 0, 5])
    # Right, fifth of seven, a tie that the first class wins, a tie in which class 5 comes sixth.
    split = datasets.Split(np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1), labels)
    found = evaluate(lambda images, training: logits[images.ravel()], split)
    assert (found["top1"], found["top5"]) == (50, 75)
    losses = [np.log(np.exp(row).sum()) - row[label] for row, label in zip(logits, labels, strict=True)]
    assert found["loss"] == pytest.approx(np.mean(losses))


def test_an_empty_split_has_no_accuracy():
    split = datasets.Split(np.zeros((0, 1, 1, 1), np.uint8), np.zeros(0, np.int64))
    assert evaluate(None, split) == {"loss": None, "top1": None, "top5": None}


def test_the_timed_function_gives_the_nets_logits_at_every_batch_size(full, noise):
    (prepare, run), net = predictor(full, 1), models.load(full)
    images = datasets.load(noise).test.images
    for size in (1, 3, 20):
        found = run(prepare(images[:size]))
        assert isinstance(found, np.ndarray) and found.shape == (size, 10) and found.dtype == np.float32
        np.testing.assert_allclose(found, np.asarray(net(images[:size])), rtol=1e-4, atol=1e-5)
