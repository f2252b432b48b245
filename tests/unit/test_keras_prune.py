"""Weight and unit pruning, against cases worked out by hand."""

import numpy as np
import pytest

from espalier import registry
from espalier.keras import models, prune
from espalier.keras.runtime import keras, start

# A net 2-3-4-2 with weights that can be pruned in one's head.
FIRST = [[3.0, -1.0, 0.5], [4.0, 1.0, -0.5]]  # columns: norms 5, 1.41, 0.71
SECOND = [[1.0, -2.0, 0.1, 2.0], [1.0, 0.3, 0.1, -1.0], [1.0, 0.2, 0.1, 9.0]]  # 1.73, 2.03, 0.17, 9.27
LAST = [[0.01, 0.02], [0.03, 0.04], [0.05, 0.06], [0.07, 0.08]]
BIAS = [0.5, -0.5]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    start(1)


def small_net(last_activation=None, hidden_bias=False):
    images = keras.Input((2, 1, 1), dtype="uint8", name="images")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255, name="normalise")(images))
    x = keras.layers.Dense(3, "relu", use_bias=False, name="a")(x)
    x = keras.layers.Dense(4, last_activation or "relu", use_bias=hidden_bias, name="b")(x)
    net = keras.Model(images, keras.layers.Dense(2, name="logits")(x), name="small")
    net.set_weights([np.array(w) for w in (FIRST, SECOND, *([[0.0] * 4] if hidden_bias else []), LAST, BIAS)])
    return net


def pruned(tmp_path, net, prune_type, ratio, method=None):
    """Prune a net by way of files: the measured ratio and the weights in the file."""
    models.save(net, tmp_path / "parent.keras")
    method = method or registry.get("prune_type", prune_type, "keras").options["default_method"]
    out = tmp_path / "pruned.keras"
    found = prune.prune_model(out, parent=tmp_path / "parent.keras", prune_type=prune_type, method=method, ratio=ratio)
    return found["measured"]["actual_ratio"], [w.tolist() for w in models.load(out).get_weights()]


def float32(values):
    return np.array(values, np.float32).tolist()


def test_weight_pruning_zeroes_the_smallest_of_each_matrix_but_the_last(tmp_path):
    ratio, weights = pruned(tmp_path, small_net(), "weight", "0.50")
    # 3 of 6: 0.5 and -0.5, and of the equal 1s the earlier one. 6 of 12: 0.1 x 3, 0.2, 0.3, and the first of five 1s.
    assert weights == [
        float32([[3, 0, 0], [4, 1, 0]]),
        float32([[0, -2, 0, 2], [1, 0, 0, -1], [1, 0, 0, 9]]),
        float32(LAST),
        float32(BIAS),
    ]
    assert ratio == (3 + 6) / (6 + 12)


def test_the_ratio_is_done_as_near_as_whole_numbers_allow(tmp_path):
    ratio, weights = pruned(tmp_path, small_net(), "weight", "0.30")
    assert [np.count_nonzero(np.array(w) == 0) for w in weights[:2]] == [1, 3]  # int(0.3 * 6), int(0.3 * 12)
    assert ratio == 4 / 18
    assert weights[0] == float32([[3, -1, 0], [4, 1, -0.5]])  # of two equal ones the earlier goes


def test_ratio_zero_changes_nothing(tmp_path):
    for prune_type in ("weight", "unit"):
        ratio, weights = pruned(tmp_path, small_net(), prune_type, "0")
        assert ratio == 0
        assert weights == [float32(w) for w in (FIRST, SECOND, LAST, BIAS)]


def test_unit_pruning_removes_the_weakest_columns_and_the_rows_behind_them(tmp_path):
    ratio, weights = pruned(tmp_path, small_net(), "unit", "0.50")
    # int(1.5) = 1 of 3 units goes: the third; of 4 units two go: norms 0.17 and 1.73, so the first and the third.
    assert weights == [
        float32([[3, -1], [4, 1]]),
        float32([[-2, 2], [0.3, -1]]),
        float32([[0.03, 0.04], [0.07, 0.08]]),
        float32(BIAS),
    ]
    assert ratio == (1 + 2) / (3 + 4)


def test_of_equal_columns_the_earlier_goes(tmp_path):
    net = small_net()
    net.set_weights([np.ones_like(w) for w in net.get_weights()[:2]] + net.get_weights()[2:])
    _, weights = pruned(tmp_path, net, "unit", "0.50")
    assert weights[2] == float32(LAST[2:])


def test_a_net_keeps_at_least_one_unit(tmp_path):
    ratio, weights = pruned(tmp_path, small_net(), "unit", "0.99")
    assert [np.shape(w) for w in weights] == [(2, 1), (1, 1), (1, 2), (2,)]
    assert ratio == (2 + 3) / (3 + 4)


def test_the_smaller_net_computes_what_the_masked_one_does():
    net = models.build_model(
        {"name": "mlp", "width": 0.1}, (8, 8, 1), 10, init={"name": "normal", "stddev": 0.2}, seed=2
    )
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1), np.uint8)
    dense = np.asarray(net(images))
    kept = prune.zero_units(net, registry.get("score", "l2", "keras"), "0.60")
    smaller = prune.remove_units(net, kept)
    masked = np.asarray(net(images))
    assert [layer.units for layer in models.weighted_layers(net)] == [100, 100, 50, 20, 10]
    assert [layer.units for layer in models.weighted_layers(smaller)] == [40, 40, 20, 8, 10]
    assert abs(dense - masked).max() > 1  # pruning does something
    np.testing.assert_allclose(np.asarray(smaller(images)), masked, rtol=1e-5, atol=1e-5)


def test_pruning_again_counts_what_is_zero_already(tmp_path):
    pruned(tmp_path, small_net(), "weight", "0.50")
    half = models.load(tmp_path / "pruned.keras")
    assert pruned(tmp_path, half, "weight", "0.30")[0] == 9 / 18
    assert pruned(tmp_path, half, "weight", "0.75")[0] == (4 + 9) / 18


@pytest.mark.parametrize(
    "ratio, number, share", [("0.29", 100, 29), ("0.57", 100, 57), (0.29, 100, 29), ("0.9", 10, 9), ("0.999", 10, 9)]
)
def test_a_portion_is_exact_where_binary_fractions_are_not(ratio, number, share):
    assert prune.portion(ratio, number) == share


def test_smallest_takes_exactly_as_many_as_asked():
    generator = np.random.default_rng(0)
    for _ in range(50):
        scores = generator.integers(0, 4, (5, 7)).astype(np.float32)  # full of ties
        number = int(generator.integers(0, 36))
        expected = np.zeros(35, bool)
        expected[sorted(range(35), key=lambda i: (scores.ravel()[i], i))[:number]] = True
        assert np.array_equal(prune.smallest(scores, number).ravel(), expected)


def test_of_what_the_dense_net_had_is_counted_when_units_go_twice(tmp_path):
    dense, once, twice = (tmp_path / f"{name}.keras" for name in ("dense", "once", "twice"))
    models.save(small_net(), dense)
    step = {"dense": dense, "prune_type": "unit", "method": "l2", "ratio": "0.50"}
    assert prune.prune_model(once, parent=dense, **step)["measured"]["actual_ratio"] == (1 + 2) / (3 + 4)
    assert prune.prune_model(twice, parent=once, **step)["measured"]["actual_ratio"] == (2 + 3) / (3 + 4)


def test_scores():
    kernel = np.array([[3.0, -1.0], [-4.0, 0.0]], np.float32)
    assert registry.get("score", "magnitude", "keras")(kernel).tolist() == [[3, 1], [4, 0]]
    assert registry.get("score", "l2", "keras")(kernel).tolist() == [5, 1]


@pytest.mark.parametrize(
    "asked, words",
    [
        ({"prune_type": "weight", "method": "magnitude", "ratio": "1.00"}, "ratio is 1.00, but must be from 0"),
        ({"prune_type": "weight", "method": "magnitude"}, "takes a ratio"),
        ({"prune_type": "unit", "method": "l2", "blocks": 2}, "takes a ratio"),
        (
            {"prune_type": "unit", "method": "magnitude", "ratio": "0.5"},
            "unit does not prune by 'magnitude', but by l2",
        ),
        ({"prune_type": "filter_wise", "method": "l2", "ratio": "0.5"}, "Allowed: unit, weight"),
    ],
)
def test_what_cannot_be_pruned_is_said(tmp_path, asked, words):
    models.save(small_net(), tmp_path / "parent.keras")
    with pytest.raises((ValueError, registry.UnknownName), match=words):
        prune.prune_model(tmp_path / "pruned.keras", parent=tmp_path / "parent.keras", **asked)


def test_nets_whose_units_cannot_be_removed_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"activation\(0\) = 0, which b is not"):
        pruned(tmp_path, small_net(last_activation="sigmoid"), "unit", "0.5")
    with pytest.raises(ValueError, match="without biases"):
        pruned(tmp_path, small_net(hidden_bias=True), "unit", "0.5")
    images = keras.Input((4, 4, 1), dtype="uint8")
    conv = keras.layers.Flatten()(keras.layers.Conv2D(2, 3, name="conv")(keras.layers.Rescaling(1.0)(images)))
    with pytest.raises(ValueError, match=r"need a net of dense layers; .* has conv"):
        pruned(tmp_path, keras.Model(images, keras.layers.Dense(2)(conv)), "unit", "0.5")


def test_weights_that_are_not_finite_are_refused(tmp_path):
    net = small_net()
    net.set_weights([np.full_like(w, np.nan) for w in net.get_weights()])
    with pytest.raises(ValueError, match="not finite"):
        pruned(tmp_path, net, "weight", "0.5")
