"""Weight and unit pruning, at once and gradually, against cases worked out by hand."""

import numpy as np
import pytest
from an_interruption import interrupted

from espalier import registry
from espalier.datasets.prepare import write_manifest
from espalier.keras import gradual, groups, models, prune
from espalier.keras.runtime import keras, start, toolkit
from espalier.training.pruning import Gradual
from espalier.training.recipe import Keeping
from espalier.training.sparsity import Course

# A net 2-3-4-2 with weights that can be pruned in one's head.
FIRST = [[3.0, -1.0, 0.5], [4.0, 1.0, -0.5]]  # columns: norms 5, 1.41, 0.71
SECOND = [[1.0, -2.0, 0.1, 2.0], [1.0, 0.3, 0.1, -1.0], [1.0, 0.2, 0.1, 9.0]]  # 1.73, 2.03, 0.17, 9.27
LAST = [[0.01, 0.02], [0.03, 0.04], [0.05, 0.06], [0.07, 0.08]]
BIAS = [0.5, -0.5]
NO_DATA = "not read where nothing is trained"

# Gradual pruning: 40 images in batches of 8 are 5 steps an epoch.
RECIPE = {
    "epochs": 4, "batch_size": 8, "optimizer": "adam", "learning_rate": 0.01, "momentum": 0.9, "nesterov": False,
    "weight_decay": 0.0, "decay_norm_and_bias": True, "warmup_epochs": 0, "warmup_from": 0.0, "milestones": [],
    "gamma": 0.1, "label_smoothing": 0.0, "shuffle": True, "augment": [], "penalty": None,
}  # fmt: skip
GRADUAL = {"initial": 0.2, "begin": 0.1, "end": 0.75, "every": 3}  # masks change after steps 2, 5, 8, 11, 14, 17
SIZES = {"conv": 36, "hidden": 20, "logits": 5}


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


def conv_net():
    """Convolution (36 weights), depthwise convolution (36), batch norm, hidden layer (20), one output (5)."""
    images = keras.Input((8, 8, 1), dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 255, name="normalise")(images)
    x = keras.layers.Conv2D(4, 3, activation="relu", padding="same", name="conv")(x)
    x = keras.layers.DepthwiseConv2D(3, name="depthwise")(x)
    x = keras.layers.BatchNormalization(name="norm", momentum=0.5)(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dense(5, activation="relu", name="hidden")(x)
    net = keras.Model(images, keras.layers.Dense(1, name="logits")(x), name="convs")
    generator = np.random.default_rng(7)
    net.set_weights([generator.normal(0.3, 0.5, w.shape) if w.ndim > 1 else w for w in net.get_weights()])
    return net


def pruned(tmp_path, net, prune_type, ratio, method=None, **how):
    """Prune a net by way of files: the measured ratio and the weights in the file."""
    models.save(net, tmp_path / "parent.keras")
    method = method or registry.get(registry.PruneType, prune_type, "keras").default_method
    out = tmp_path / "pruned.keras"
    step = {"prune_type": prune_type, "method": method, "ratio": ratio} | how
    found = prune.prune_model(out, parent=tmp_path / "parent.keras", data=NO_DATA, **step)
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
    kept = groups.zero_units(
        net, registry.get(registry.Score, "l2", "keras"), "0.60", "layer", np.random.default_rng(0)
    )
    smaller = groups.remove_units(net, kept)
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


def test_smallest_takes_exactly_as_many_as_asked():
    generator = np.random.default_rng(0)
    for _ in range(50):
        scores = generator.integers(0, 4, (5, 7)).astype(np.float32)  # full of ties
        number = int(generator.integers(0, 36))
        expected = np.zeros(35, bool)
        expected[sorted(range(35), key=lambda i: (scores.ravel()[i], i))[:number]] = True
        assert np.array_equal(groups.smallest(scores, number).ravel(), expected)


def test_of_what_the_dense_net_had_is_counted_when_units_go_twice(tmp_path):
    dense, once, twice = (tmp_path / f"{name}.keras" for name in ("dense", "once", "twice"))
    models.save(small_net(), dense)
    step = {"dense": dense, "prune_type": "unit", "method": "l2", "ratio": "0.50"}
    assert prune.prune_model(once, parent=dense, data=NO_DATA, **step)["measured"]["actual_ratio"] == (1 + 2) / (3 + 4)
    assert prune.prune_model(twice, parent=once, data=NO_DATA, **step)["measured"]["actual_ratio"] == (2 + 3) / (3 + 4)


def test_a_global_scope_has_one_threshold_for_all_layers(tmp_path):
    ratio, weights = pruned(tmp_path, small_net(), "weight", "0.50", scope="global")
    # 9 of 18: 0.1 x 3, 0.2, 0.3, 0.5 x 2, and of the equal 1s the two of the first layer.
    assert weights == [
        float32([[3, 0, 0], [4, 0, 0]]),
        float32([[1, -2, 0, 2], [1, 0, 0, -1], [1, 0, 0, 9]]),
        float32(LAST),
        float32(BIAS),
    ]
    assert ratio == 9 / 18


def test_units_of_all_layers_are_compared_in_a_global_scope(tmp_path):
    ratio, weights = pruned(tmp_path, small_net(), "unit", "0.60", scope="global")
    # int(4.2) = 4 of 7, the norms 0.17, 0.71, 1.41 and 1.73: one unit of the first layer stays and two of the second
    assert weights[:2] == [float32([[3], [4]]), float32([[-2, 2]])]
    assert ratio == 4 / 7


def test_every_layer_keeps_its_best_unit_in_a_global_scope(tmp_path):
    net = small_net()
    net.get_layer("a").kernel.assign(0.01 * np.array(FIRST))  # all weaker than any unit of the next layer
    _, weights = pruned(tmp_path, net, "unit", "0.43", scope="global")
    assert weights[0] == float32(0.01 * np.array([[3], [4]]))
    assert weights[1] == float32([[1, -2, 2]])  # int(3.01) = 3 go: of the second layer the weakest
    with pytest.raises(ValueError, match="leaves fewer than one of 7 units to each of 2 layers"):
        pruned(tmp_path, small_net(), "unit", "0.90", scope="global")


def test_l1_judges_by_the_sum(tmp_path):
    _, weights = pruned(tmp_path, small_net(), "unit", "0.50", "l1")
    # sums of |w|: 7, 2, 1 and 3, 2.5, 0.3, 12. By l2 the second unit of b would stay, not the first.
    assert weights[1] == float32([[1, 2], [1, -1]])


def test_random_pruning_depends_on_the_seed_alone(tmp_path):
    for prune_type, number in (("weight", [3, 6]), ("unit", [2, 2])):
        found = [pruned(tmp_path, small_net(), prune_type, "0.50", "random", seed=seed) for seed in (1, 1, 2, 3, 4)]
        assert found[0] == found[1]
        assert len({str(weights) for _, weights in found}) > 2
        for ratio, weights in found:
            assert ratio == {"weight": 9 / 18, "unit": 3 / 7}[prune_type]
            if prune_type == "weight":
                assert [int((np.array(w) == 0).sum()) for w in weights[:2]] == number
            else:
                assert [np.shape(w)[1] for w in weights[:2]] == number


def test_random_pruning_takes_what_is_gone_first(tmp_path):
    pruned(tmp_path, small_net(), "weight", "0.50")
    half = models.load(tmp_path / "pruned.keras")
    _, before = pruned(tmp_path, half, "weight", "0.50", "random", seed=5)
    assert before == [w.tolist() for w in half.get_weights()]
    ratio, after = pruned(tmp_path, half, "weight", "0.75", "random", seed=5)
    assert ratio == (4 + 9) / 18
    assert all(not np.any(np.array(new)[np.array(old) == 0]) for old, new in zip(before[:2], after[:2], strict=True))


def test_at_once_convolutions_are_pruned_but_not_depthwise_ones_or_the_output_layer(tmp_path):
    pruned(tmp_path, conv_net(), "weight", "0.75")
    names = [layer.name for layer in models.load(tmp_path / "pruned.keras").layers if layer.weights]
    assert names == ["conv", "depthwise", "norm", "hidden", "logits"]
    zeros = {w.name: int((w.numpy() == 0).sum()) for w in models.load(tmp_path / "pruned.keras").weights}
    assert zeros["conv/kernel:0"] == 27 and zeros["hidden/kernel:0"] == 15  # int(0.75 * 36), int(0.75 * 20)
    assert zeros["depthwise/depthwise_kernel:0"] == zeros["logits/kernel:0"] == 0


def test_scores():
    weights = np.array([[3.0], [-1.0], [-4.0], [0.0]], np.float32)
    assert registry.get(registry.Score, "magnitude", "keras")(weights).tolist() == [3, 1, 4, 0]
    units = np.array([[3.0, -4.0], [-1.0, 0.0]], np.float32)
    assert registry.get(registry.Score, "l2", "keras")(units).tolist() == [5, 1]
    assert registry.get(registry.Score, "l1", "keras")(units).tolist() == [7, 1]
    drawn = registry.get(registry.Score, "random", "keras")(units, np.random.default_rng(3))
    assert drawn.tolist() == np.random.default_rng(3).random(2).tolist()


@pytest.mark.parametrize(
    "asked, words",
    [
        ({"prune_type": "weight", "method": "magnitude", "ratio": "1.00"}, "ratio is 1.00, but must be from 0"),
        ({"prune_type": "weight", "method": "magnitude"}, "takes one of ratio, not none"),
        ({"prune_type": "unit", "method": "l2", "blocks": 2}, "takes one of ratio, not blocks"),
        ({"prune_type": "weight", "method": "magnitude", "ratio": "0.5", "threshold": 0.1}, "not ratio, threshold"),
        (
            {"prune_type": "unit", "method": "magnitude", "ratio": "0.5"},
            "magnitude is a score of weights; unit asks for one of units",
        ),
        (
            {"prune_type": "weight", "method": "l2", "ratio": "0.5"},
            "l2 is a score of units; weight asks for one of weights",
        ),
        (
            {"prune_type": "unit", "method": "l2", "ratio": "0.5", "scope": "net"},
            "takes the scopes layer, global, not net",
        ),
        ({"prune_type": "filter_wise", "method": "l2", "ratio": "0.5"}, "Allowed: unit, weight"),
        (
            {"prune_type": "weight", "method": "random", "ratio": "0.5", "gradual": GRADUAL, "recipe": RECIPE},
            "gradual pruning is of single weights by their magnitude",
        ),
    ],
)
def test_what_cannot_be_pruned_is_said(tmp_path, asked, words):
    models.save(small_net(), tmp_path / "parent.keras")
    with pytest.raises((ValueError, registry.UnknownName), match=words):
        prune.prune_model(tmp_path / "pruned.keras", parent=tmp_path / "parent.keras", data=NO_DATA, **asked)


def test_nets_whose_units_cannot_be_removed_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"activation\(0\) = 0, which b is not"):
        pruned(tmp_path, small_net(last_activation="sigmoid"), "unit", "0.5")
    with pytest.raises(ValueError, match="without biases"):
        pruned(tmp_path, small_net(hidden_bias=True), "unit", "0.5")
    images = keras.Input((4, 4, 1), dtype="uint8")
    conv = keras.layers.Flatten()(keras.layers.Conv2D(2, 3, name="conv")(keras.layers.Rescaling(1.0)(images)))
    with pytest.raises(ValueError, match=r"needs a net of dense layers; .* has conv"):
        pruned(tmp_path, keras.Model(images, keras.layers.Dense(2)(conv)), "unit", "0.5")


def test_weights_that_are_not_finite_are_refused(tmp_path):
    net = small_net()
    net.set_weights([np.full_like(w, np.nan) for w in net.get_weights()])
    with pytest.raises(ValueError, match="not finite"):
        pruned(tmp_path, net, "weight", "0.5")


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """A prepared data set: 8x8 images, of which the upper or the lower half is bright; 40 to train, 8 and 8 more."""
    folder = tmp_path_factory.mktemp("halves")
    generator, labels = np.random.default_rng(0), np.arange(56) % 2
    images = generator.integers(0, 100, (56, 8, 8, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 * label : 4 * label + 4] += 150
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", labels)
    splits = {"train": [0, 40], "validation": [40, 48], "test": [48, 56]}
    manifest = {"classes": ["upper", "lower"], "splits": splits, "mean": 0.0, "std": 1.0, "sha256": "0"}
    write_manifest(folder, manifest)
    return folder


def gradually(out, data, recipe=None, gradual=None, net=None, checkpoint=None, **options):
    parent = out.with_name("parent.keras")
    models.save(net or conv_net(), parent)
    step = {"prune_type": "weight", "method": "magnitude", "ratio": "0.60", "seed": 1} | options
    step |= {"gradual": GRADUAL | (gradual or {}), "recipe": RECIPE | (recipe or {})}
    return prune.prune_model(out, parent=parent, data=data, keeping=Keeping(checkpoint), **step)


def zeros_at(progress, initial=0.2, final=0.6):
    """Zeros in each kernel where TFMOT's polynomial is at `progress`."""
    sparsity = final + (initial - final) * (1 - progress) ** 3
    return [number - round(number * (1 - sparsity)) for number in SIZES.values()]


def test_sparsity_rises_by_the_polynomial_and_is_reached(halves, tmp_path):
    found = gradually(tmp_path / "pruned.keras", halves)
    # Begin round(0.1 * 20) = 2, end round(0.75 * 20) = 15, which moves to 2 + 5 * 3 = 17. The epochs end at steps 5,
    # 10, 15 and 20; the masks then are those of steps 5, 8, 14 and 17.
    expected = [100 * sum(zeros_at((step - 2) / 15)) / 61 for step in (5, 8, 14, 17)]
    assert [row["sparsity"] for row in found["history"]] == pytest.approx(expected)
    net = models.load(tmp_path / "pruned.keras")
    zeros = {layer.name: int((models.kernels(layer)[0].numpy() == 0).sum()) for layer in models.weighted_layers(net)}
    assert zeros == {"conv": 22, "depthwise": 0, "hidden": 12, "logits": 3}  # 36 - round(14.4), 20 - 8, 5 - 2
    assert found["measured"]["actual_ratio"] == 37 / 61


def test_a_net_is_measured_while_it_is_wrapped_and_saved_without_wrappers(halves, tmp_path):
    found = gradually(tmp_path / "pruned.keras", halves, {"epochs": 12})
    assert found["history"][-1]["train_top1"] == 100 and found["history"][-1]["validation_top1"] == 100
    net = models.load(tmp_path / "pruned.keras")
    kinds = ["InputLayer", "Rescaling", "Conv2D", "DepthwiseConv2D", "BatchNormalization", "GlobalAveragePooling2D"]
    assert [type(layer).__name__ for layer in net.layers] == [*kinds, "Dense", "Dense"]
    params = {
        "images": 0,
        "normalise": 0,
        "conv": 40,
        "depthwise": 40,
        "norm": 16,
        "pool": 0,
        "hidden": 25,
        "logits": 6,
    }
    # A wrapper counts steps; for a kernel it keeps a threshold and a mask of the kernel's size.
    wrapped = params | {"conv": 40 + 36 + 2, "depthwise": 41, "norm": 17, "pool": 1, "hidden": 47, "logits": 13}
    assert {row["layer"]: row["params"] for row in found["summary"]} == params
    assert {row["layer"]: row["wrapped_params"] for row in found["summary"]} == wrapped
    assert [row["layer"] for row in found["summary"] if row["pruned"]] == ["conv", "hidden", "logits"]
    assert found["summary"][3] == {
        "layer": "depthwise", "kind": "DepthwiseConv2D", "output_shape": "6 x 6 x 4", "params": 40,
        "wrapped_params": 41, "pruned": False,
    }  # fmt: skip
    measured = found["measured"]
    assert measured["wrapped_params"] == sum(wrapped.values())
    assert measured["wrapped_trainable_params"] == sum(params.values()) - 8  # the batch norm's moving averages
    assert measured["wrapped_bytes"] > 4 * (sum(wrapped.values()) + 2 * (sum(params.values()) - 8))  # Adam keeps two


def test_what_is_trained_in_wrappers_is_what_the_toolkit_strips_of_them(tmp_path):
    tfmot, net = toolkit(), conv_net()
    decay = gradual.polynomial_decay(0.6, 10, Gradual(initial=0.0, begin=0, end=0.8, every=1))
    wrapped = gradual.wrap(net, decay)
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), np.uint8)
    wrapped.compile("sgd", "mse")
    callbacks = [tfmot.sparsity.keras.UpdatePruningStep()]
    wrapped.fit(images, np.ones((8, 1)), batch_size=1, callbacks=callbacks, shuffle=False, verbose=0)
    models.save(net, tmp_path / "own.keras")
    models.save(tfmot.sparsity.keras.strip_pruning(wrapped), tmp_path / "stripped.keras")
    assert (tmp_path / "own.keras").read_bytes() == (tmp_path / "stripped.keras").read_bytes()
    assert all((layer.kernel.numpy() == 0).any() for layer in groups.prunable_layers(net))


def test_the_same_seed_prunes_to_the_same_file(halves, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        gradually(tmp_path / f"{name}.keras", halves, {"epochs": 2}, seed=seed)
    files = [(tmp_path / f"{name}.keras").read_bytes() for name in "abc"]
    assert files[0] == files[1] != files[2]


def test_interrupted_pruning_ends_where_uninterrupted_pruning_ends(halves, tmp_path, capsys):
    whole = gradually(tmp_path / "whole.keras", halves)
    with interrupted(3):
        gradually(tmp_path / "resumed.keras", halves, checkpoint=tmp_path / "state")
    resumed = gradually(tmp_path / "resumed.keras", halves, checkpoint=tmp_path / "state")
    assert "going on after epoch 2" in capsys.readouterr().out
    assert (tmp_path / "resumed.keras").read_bytes() == (tmp_path / "whole.keras").read_bytes()
    columns = [key for key in whole["history"][0] if key != "seconds"]
    assert [[row[c] for c in columns] for row in resumed["history"]] == [
        [row[c] for c in columns] for row in whole["history"]
    ]


def test_what_was_zero_before_stays_zero(halves, tmp_path):
    net = conv_net()
    kernel = net.get_layer("hidden").kernel.numpy()
    kernel[:3] = 0  # 15 of 20, more than asked for
    net.get_layer("hidden").kernel.assign(kernel)
    gradually(tmp_path / "pruned.keras", halves, net=net)
    after = models.load(tmp_path / "pruned.keras").get_layer("hidden").kernel.numpy()
    assert not after[:3].any() and after[3:].all()


@pytest.mark.parametrize(
    "steps, begin, end, every, found",
    [(100, 0, 0.8, 5, (0, 80)), (100, 0, 0.83, 5, (0, 85)), (54, 0, 1, 5, (0, 50)), (36, 0.1, 0.2, 10, (4, 14))],
    ids=["on the grid", "moved up", "as far as the training goes", "one change"],
)
def test_the_last_change_of_the_masks_is_at_the_end_of_the_schedule(steps, begin, end, every, found):
    decay = gradual.polynomial_decay(0.75, steps, Gradual(initial=0.0, begin=begin, end=end, every=every))
    assert (decay.begin_step, decay.end_step) == found
    changes, sparsity = decay(np.int64(decay.end_step))
    assert bool(changes) and float(sparsity) == 0.75


@pytest.mark.parametrize("course", [(0.0, 0, 0.8, 5), (0.3, 0.1, 0.7, 3), (0.0, 0.25, 1, 7)])
def test_both_backends_follow_the_schedule_of_the_toolkit(course):
    initial, begin, end, every = course
    how = Gradual(initial=initial, begin=begin, end=end, every=every)
    decay, found = gradual.polynomial_decay(0.75, 60, how), Course.of("0.75", 60, how)
    for step in range(1, 61):
        changes, sparsity = decay(np.int64(step))
        assert found.sparsity(step) == (pytest.approx(float(sparsity), abs=1e-6) if changes else None)


def test_a_training_too_short_for_gradual_pruning_is_refused(halves, tmp_path):
    with pytest.raises(ValueError, match="change every 6 steps, does not fit into a training of 5 steps"):
        gradually(tmp_path / "pruned.keras", halves, {"epochs": 1}, {"begin": 0, "every": 6})
    assert not (tmp_path / "pruned.keras").exists()


def test_a_file_that_is_not_sparse_enough_is_refused(tmp_path):
    layer = conv_net().get_layer("conv")
    kernel = layer.kernel.numpy()
    for zeros, right in ((22, True), (21, True), (20, False), (24, False)):
        changed = np.where(np.arange(36).reshape(kernel.shape) < zeros, 0, kernel)
        layer.kernel.assign(changed)
        if right:
            gradual.check_sparsity("net.keras", layer, "0.60")
        else:
            with pytest.raises(RuntimeError, match=f"net.keras: {zeros} of the 36 weights of conv are zero, not 22"):
                gradual.check_sparsity("net.keras", layer, "0.60")


@pytest.mark.parametrize(
    "name, size, total, trainable",
    [("mobilenet_v2", 96, 4_386_272, 2_225_153), ("vgg16", 150, 29_426_211, 29_426_211 - 14_711_010)],
)
def test_the_wrapped_nets_have_the_published_numbers_of_parameters(name, size, total, trainable):
    net = models.build_model({"name": name}, (size, size, 3), 2)
    schedule = gradual.polynomial_decay(0.5, 10, Gradual(initial=0.0, begin=0.0, end=1.0, every=1))
    wrapped = gradual.wrap(net, schedule)
    assert wrapped.count_params() == total
    assert sum(int(np.prod(weight.shape)) for weight in wrapped.trainable_weights) == trainable
