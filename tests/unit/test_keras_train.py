"""Training in the Keras backend: against numpy, interrupted and resumed, further from a pruned net, and its logs."""

import contextlib
import shutil

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from espalier.datasets.prepare import Split, write_manifest
from espalier.datasets.prepare import load as load_data
from espalier.keras import evaluate, models, profile, prune, runtime, scratch, train
from espalier.keras.runtime import as_built, start, tf, versions
from espalier.run import progress
from espalier.training.recipe import Keeping, Recipe

MODEL = {"name": "mlp", "width": 0.02}  # 20-20-10-4 hidden units
RECIPE = {
    "epochs": 4, "batch_size": 16, "optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": False,
    "weight_decay": 0.0, "decay_norm_and_bias": True, "warmup_epochs": 1, "warmup_from": 0.02, "milestones": [3],
    "gamma": 0.1, "label_smoothing": 0.0, "shuffle": True, "augment": [], "init": {"name": "glorot"}, "penalty": None,
    "prune_type": None, "coefficient": None,
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    start(1)


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """A prepared data set: 4x4 images with one bright quarter, which is the class; 72 to train, 8 and 8 to look at."""
    folder = tmp_path_factory.mktemp("squares")
    generator, labels = np.random.default_rng(0), np.arange(88) % 4
    images = generator.integers(0, 100, (88, 4, 4, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = 2 * (label // 2), 2 * (label % 2)
        image[row : row + 2, column : column + 2] += 150
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", labels)
    splits = {"train": [0, 72], "validation": [72, 80], "test": [80, 88]}
    manifest = {"classes": list("abcd"), "splits": splits, "mean": 0.4, "std": 0.3, "sha256": "0"}
    write_manifest(folder, manifest)
    return folder


def trained(out, data, recipe=None, checkpoint=None, tensorboard=None, **options):
    step = {"model": MODEL, "recipe": RECIPE | (recipe or {}), "seed": 1} | options
    run = scratch.train_model if options.get("scratch") else train.train_model
    return run(out, data=data, keeping=Keeping(checkpoint, tensorboard), **{"dense": options.get("parent")} | step)


@pytest.mark.parametrize("before", [False, True])
def test_graphs_run_as_built_for_a_while_only(before):
    def rewriting_is_off():
        return tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False)

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": before})
    with pytest.raises(FloatingPointError), as_built():
        assert rewriting_is_off()
        raise FloatingPointError
    assert rewriting_is_off() == before
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


def test_a_training_has_the_same_bits_whether_its_graph_is_rewritten_or_not(squares, tmp_path, monkeypatch):
    trained(tmp_path / "as_built.keras", squares)
    monkeypatch.setattr("espalier.keras.runtime.as_built", contextlib.nullcontext)
    trained(tmp_path / "rewritten.keras", squares)
    assert (tmp_path / "as_built.keras").read_bytes() == (tmp_path / "rewritten.keras").read_bytes()


def without_seconds(history):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


def test_it_learns_and_keeps_the_history(squares, tmp_path):
    history = trained(tmp_path / "model.keras", squares, {"epochs": 20, "milestones": [18]})["history"]
    assert [row["epoch"] for row in history] == list(range(1, 21))
    assert set(history[0]) == {
        "epoch", "learning_rate", "train_loss", "train_top1", "validation_loss", "validation_top1", "seconds",
    }  # fmt: skip
    assert history[-1]["train_top1"] == 100 and history[-1]["validation_top1"] == 100
    # 72 images are 5 steps of 16; the fifth step of warm-up is at 4/5 of the way from 0.02 to 0.1.
    assert [row["learning_rate"] for row in history] == pytest.approx([0.084] + [0.1] * 17 + [0.01] * 2)


def test_the_same_seed_gives_the_same_file_and_another_does_not(squares, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        trained(tmp_path / f"{name}.keras", squares, seed=seed)
    files = [(tmp_path / f"{name}.keras").read_bytes() for name in "abc"]
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize("decay_bias", [False, True])
def test_a_step_is_gradient_descent_on_the_smoothed_cross_entropy(squares, tmp_path, decay_bias):
    one = {"epochs": 1, "batch_size": 72, "momentum": 0.0, "warmup_epochs": 0, "milestones": []}
    recipe = one | {
        "weight_decay": 0.01,
        "decay_norm_and_bias": decay_bias,
        "label_smoothing": 0.2,
        "learning_rate": 0.5,
    }
    start = models.build_model(MODEL, (4, 4, 1), 4, mean=0.4, std=0.3, init=RECIPE["init"], seed=1)
    start.get_layer("logits").bias.assign([0.1, -0.2, 0.3, 0.4])
    models.save(start, tmp_path / "start.keras")
    row = trained(tmp_path / "model.keras", squares, recipe, parent=tmp_path / "start.keras")["history"][0]
    *kernels, bias = (weight.astype(float) for weight in start.get_weights())
    images, labels = np.load(squares / "images.npy")[:72], np.load(squares / "labels.npy")[:72]

    inputs = [((images / 255 - 0.4) / 0.3).reshape(72, 16)]
    for kernel in kernels[:-1]:
        inputs.append(np.maximum(inputs[-1] @ kernel, 0))
    logits = inputs[-1] @ kernels[-1] + bias
    softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    target = 0.8 * np.eye(4)[labels] + 0.2 / 4
    back = (softmax - target) / 72
    expected = [bias - 0.5 * (back.sum(0) + (0.01 * bias if decay_bias else 0))]
    for kernel, into in zip(kernels[::-1], inputs[::-1], strict=True):
        expected.insert(0, kernel - 0.5 * (into.T @ back + 0.01 * kernel))
        back = (back @ kernel.T) * (into > 0)

    for found, wanted in zip(models.load(tmp_path / "model.keras").get_weights(), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-6)
    assert row["train_loss"] == pytest.approx(-(target * np.log(softmax)).sum(1).mean(), rel=1e-5)
    assert row["train_top1"] == pytest.approx(100 * (logits.argmax(1) == labels).mean())
    assert row["learning_rate"] == 0.5


def test_a_net_with_one_output_learns_by_the_cross_entropy_of_its_sigmoid(squares, tmp_path):
    shutil.copytree(squares, tmp_path / "data")
    manifest = load_data(squares).manifest | {"classes": ["left", "right"]}
    np.save(tmp_path / "data" / "labels.npy", np.arange(88) % 2)
    write_manifest(tmp_path / "data", manifest)
    start = models.build_model(MODEL, (4, 4, 1), 2, mean=0.4, std=0.3, init=RECIPE["init"], seed=1)
    recipe = {"epochs": 1, "batch_size": 72, "momentum": 0.0, "warmup_epochs": 0, "milestones": []}
    recipe |= {"learning_rate": 0.5, "label_smoothing": 0.2}
    row = trained(tmp_path / "model.keras", tmp_path / "data", recipe)["history"][0]

    features = ((np.load(squares / "images.npy")[:72] / 255 - 0.4) / 0.3).reshape(72, 16)
    *kernels, last, bias = (weight.astype(float) for weight in start.get_weights())
    for kernel in kernels:
        features = np.maximum(features @ kernel, 0)
    z = (features @ last + bias)[:, 0]
    truth, sigmoid = np.arange(72) % 2, 1 / (1 + np.exp(-z))
    target = 0.8 * truth + 0.2 / 2
    back = (sigmoid - target)[:, None] / 72
    found = models.load(tmp_path / "model.keras").get_layer("logits").get_weights()
    np.testing.assert_allclose(found[0], last - 0.5 * features.T @ back, atol=2e-6)
    np.testing.assert_allclose(found[1], bias - 0.5 * back.sum(0), atol=2e-6)
    loss = -(target * np.log(sigmoid) + (1 - target) * np.log(1 - sigmoid)).mean()
    assert row["train_loss"] == pytest.approx(loss, rel=1e-5)
    assert row["train_top1"] == pytest.approx(100 * ((z > 0) == truth).mean())


def test_fit_calls_before_each_step_and_after_each_epoch(squares, tmp_path, monkeypatch):
    data = load_data(squares)

    def run(checkpoint):
        net = models.build_model(MODEL, (4, 4, 1), 4, seed=1)
        seen, last = tf.Variable(tf.zeros(20, tf.int32)), tf.Variable(-1)

        def before_step(step):
            seen.scatter_nd_add([[step]], [1])
            last.assign(step)

        calls = {"before_step": before_step, "after_epoch": lambda: {"last": int(last)}}
        learner = train.Learner(net, data, Recipe(**RECIPE), 1, {}, **calls)
        history = train.fit(learner, ["counted"], Keeping(checkpoint))["history"]
        return [row["last"] for row in history], seen.numpy().tolist()

    assert run(None) == ([4, 9, 14, 19], [1] * 20)  # 5 steps an epoch
    real = progress.line

    def stop(row, epochs):
        if row["epoch"] == 3:
            raise Interrupted
        real(row, epochs)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(progress, "line", stop)
        run(tmp_path / "state")
    assert run(tmp_path / "state") == ([4, 9, 14, 19], [0] * 10 + [1] * 10)  # numbered on from where it stopped


def test_a_plateau_lowers_the_rate_and_a_resumed_training_knows_it(squares, tmp_path, monkeypatch):
    recipe = {"epochs": 6, "warmup_epochs": 0, "milestones": [], "learning_rate": 1e-6}  # too small to learn anything
    recipe |= {"plateau": {"factor": 0.5, "patience": 2, "minimum": 3e-7}}
    history = trained(tmp_path / "whole.keras", squares, recipe)["history"]
    assert len({row["validation_top1"] for row in history}) == 1
    # No better from the second epoch on: halved after the third, to the minimum after the fifth.
    assert [row["learning_rate"] for row in history] == pytest.approx([1e-6] * 3 + [5e-7] * 2 + [3e-7])
    interrupted(monkeypatch, 5, tmp_path / "resumed.keras", squares, recipe, checkpoint=tmp_path / "state")
    trained(tmp_path / "resumed.keras", squares, recipe, checkpoint=tmp_path / "state")
    assert (tmp_path / "resumed.keras").read_bytes() == (tmp_path / "whole.keras").read_bytes()


def test_a_plateau_needs_validation_images(squares, tmp_path):
    shutil.copytree(squares, tmp_path / "data")
    manifest = load_data(squares).manifest
    manifest["splits"] = {"train": [0, 80], "validation": [80, 80], "test": [80, 88]}
    write_manifest(tmp_path / "data", manifest)
    with pytest.raises(ValueError, match="the data set has none"):
        trained(tmp_path / "model.keras", tmp_path / "data", {"plateau": {"factor": 0.5, "patience": 2, "minimum": 0}})


def test_every_epoch_has_an_order_of_its_own_unless_it_is_not_shuffled():
    orders = [
        train.order_of(Recipe(**RECIPE | {"shuffle": shuffle}), 72, seed, epoch).tolist()
        for epoch, seed, shuffle in ((1, 1, True), (2, 1, True), (1, 2, True), (1, 1, True), (1, 1, False))
    ]
    assert all(sorted(order) == list(range(72)) for order in orders)
    assert orders[4] == list(range(72))
    assert orders[0] == orders[3]
    assert len({tuple(order) for order in orders}) == 4


class Interrupted(Exception):
    pass


def interrupted(monkeypatch, epoch, *arguments, **options):
    """Train, and be stopped while the given epoch is being put down."""
    real = progress.line

    def stop(row, epochs):
        if row["epoch"] == epoch:
            raise Interrupted
        real(row, epochs)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(progress, "line", stop)
        trained(*arguments, **options)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("epoch", [1, 3])
def test_an_interrupted_training_ends_where_an_uninterrupted_one_ends(
    squares, tmp_path, monkeypatch, capsys, optimizer, epoch
):
    recipe = {"optimizer": optimizer, "learning_rate": 0.1 if optimizer == "sgd" else 0.01}
    whole = trained(tmp_path / "whole.keras", squares, recipe)
    place = {"checkpoint": tmp_path / "state", "tensorboard": tmp_path / "board"}
    interrupted(monkeypatch, epoch, tmp_path / "resumed.keras", squares, recipe, **place)
    assert not (tmp_path / "resumed.keras").exists()
    capsys.readouterr()
    resumed = trained(tmp_path / "resumed.keras", squares, recipe, **place)
    assert f"epoch {epoch}/4" in capsys.readouterr().out.splitlines()[1 if epoch > 1 else 0]  # it did not begin anew
    assert (tmp_path / "resumed.keras").read_bytes() == (tmp_path / "whole.keras").read_bytes()
    assert without_seconds(resumed["history"]) == without_seconds(whole["history"])
    scalars = scalars_of(tmp_path / "board" / "train")
    assert scalars["epoch_loss"] == pytest.approx({row["epoch"]: row["train_loss"] for row in whole["history"]})


def test_the_state_of_another_training_is_not_used(squares, tmp_path, capsys, monkeypatch):
    trained(tmp_path / "a.keras", squares, checkpoint=tmp_path / "state")
    assert "going on after epoch 4" not in capsys.readouterr().out
    trained(tmp_path / "a.keras", squares, checkpoint=tmp_path / "state")
    assert "going on after epoch 4" in capsys.readouterr().out
    other = [{"seed": 2}, {"recipe": {"learning_rate": 0.2}}, {"parent": tmp_path / "a.keras"}]
    for number, options in enumerate(other):
        shutil.copytree(tmp_path / "state", tmp_path / f"state{number}")
        trained(tmp_path / "b.keras", squares, checkpoint=tmp_path / f"state{number}", **options)
        assert "going on" not in capsys.readouterr().out
    monkeypatch.setattr(runtime, "kind_of_device", lambda: "cuda")  # its sums are rounded in another way
    trained(tmp_path / "a.keras", squares, checkpoint=tmp_path / "state")
    assert "going on" not in capsys.readouterr().out


def scalars_of(folder):
    """What TensorBoard reads: tag -> step -> value."""
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder)).Reload()
    return {
        tag: {event.step: float(make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)}
        for tag in events.Tags()["tensors"]
    }


def test_tensorboard_finds_scalars_and_the_graph(squares, tmp_path):
    for _ in range(2):  # the second training replaces the logs of the first
        history = trained(tmp_path / "model.keras", squares, tensorboard=tmp_path / "board")["history"]
    assert sorted(p.name for p in (tmp_path / "board").iterdir()) == ["train", "validation"]
    for run in ("train", "validation"):
        assert len(list((tmp_path / "board" / run).iterdir())) == 1
        scalars = scalars_of(tmp_path / "board" / run)
        assert scalars["epoch_loss"] == pytest.approx({row["epoch"]: row[f"{run}_loss"] for row in history})
        assert scalars["epoch_accuracy"] == pytest.approx({row["epoch"]: row[f"{run}_top1"] for row in history})
    events = EventAccumulator(str(tmp_path / "board" / "train")).Reload()
    assert events.Tags()["graph"]
    names = {node.name.split("/")[1] for node in events.Graph().node if node.op == "MatMul"}
    assert names == {"hidden1", "hidden2", "hidden3", "hidden4", "logits"}


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_fine_tuning_leaves_pruned_weights_at_zero(squares, tmp_path, optimizer):
    trained(tmp_path / "dense.keras", squares)
    prune.prune_model(
        tmp_path / "pruned.keras",
        parent=tmp_path / "dense.keras",
        data=squares,
        prune_type="weight",
        method="magnitude",
        ratio="0.60",
    )
    recipe = {"optimizer": optimizer, "weight_decay": 0.001, "init": None, "learning_rate": 0.01}
    trained(tmp_path / "tuned.keras", squares, recipe, parent=tmp_path / "pruned.keras")
    before, after = (models.load(tmp_path / f"{name}.keras").get_weights() for name in ("pruned", "tuned"))
    assert [int((w == 0).sum()) for w in before[:4]] == [192, 240, 120, 24]  # 60 % of 320, 400, 200, 40
    for old, new in zip(before[:4], after[:4], strict=True):
        assert np.array_equal(old == 0, new == 0)
        assert (old != new).sum() > 0.5 * (old != 0).sum()


def test_a_net_with_fewer_units_is_trained_further_as_it_is(squares, tmp_path):
    trained(tmp_path / "dense.keras", squares)
    prune.prune_model(
        tmp_path / "pruned.keras",
        parent=tmp_path / "dense.keras",
        data=squares,
        prune_type="unit",
        method="l2",
        ratio="0.50",
    )
    trained(tmp_path / "tuned.keras", squares, {"epochs": 1}, parent=tmp_path / "pruned.keras")
    shapes = [w.shape for w in models.load(tmp_path / "tuned.keras").get_weights()]
    assert shapes == [(16, 10), (10, 10), (10, 5), (5, 2), (2, 4), (4,)]


def test_without_validation_images_there_is_no_validation(squares, tmp_path):
    shutil.copytree(squares, tmp_path / "data")
    manifest = load_data(squares).manifest
    manifest["splits"] = {"train": [0, 80], "validation": [80, 80], "test": [80, 88]}
    write_manifest(tmp_path / "data", manifest)
    board = tmp_path / "board"
    history = trained(tmp_path / "model.keras", tmp_path / "data", {"epochs": 1}, tensorboard=board)["history"]
    assert set(history[0]) == {"epoch", "learning_rate", "train_loss", "train_top1", "seconds"}


def test_no_epochs_write_the_initial_weights(squares, tmp_path):
    assert trained(tmp_path / "model.keras", squares, {"epochs": 0}) == {"history": [], "weights": "random"}
    start = models.build_model(MODEL, (4, 4, 1), 4, mean=0.4, std=0.3, init=RECIPE["init"], seed=1)
    models.save(start, tmp_path / "start.keras")
    assert (tmp_path / "model.keras").read_bytes() == (tmp_path / "start.keras").read_bytes()


@pytest.mark.parametrize(
    "recipe, words",
    [
        ({"ema": 0.9}, "keras backend has no average of weights.*0.9"),
        ({"penalty": "group_lasso"}, "keras backend has no penalties.*group_lasso"),
    ],
)
def test_what_the_backend_cannot_do_is_said(squares, tmp_path, recipe, words):
    with pytest.raises(ValueError, match=words):
        trained(tmp_path / "model.keras", squares, recipe)


AUGMENTED = {"augment": [{"random_crop": {"size": 4, "padding": 1}}, "horizontal_flip", {"cutout": 1}]}


@pytest.mark.parametrize("mixed", [False, True], ids=["labels", "shares"])
def test_an_interrupted_training_sees_the_augmented_images_that_it_would_have_seen(
    squares, tmp_path, monkeypatch, mixed
):
    recipe = {"augment": AUGMENTED["augment"] + [{"mixup": 0.4}] * mixed}
    whole = trained(tmp_path / "whole.keras", squares, recipe)
    interrupted(monkeypatch, 3, tmp_path / "resumed.keras", squares, recipe, checkpoint=tmp_path / "state")
    resumed = trained(tmp_path / "resumed.keras", squares, recipe, checkpoint=tmp_path / "state")
    assert (tmp_path / "resumed.keras").read_bytes() == (tmp_path / "whole.keras").read_bytes()
    assert without_seconds(resumed["history"]) == without_seconds(whole["history"])
    other = trained(tmp_path / "other.keras", squares, recipe, seed=2)
    assert without_seconds(other["history"]) != without_seconds(whole["history"])


def test_an_augmentation_that_changes_nothing_trains_as_none_does(squares, tmp_path):
    """Batch by batch from NumPy, or gathered in the graph of an epoch: the same images, so the same net."""
    nothing = {"augment": [{"horizontal_flip": 0.0}]}
    plain, augmented = (
        trained(tmp_path / f"{name}.keras", squares, recipe) for name, recipe in (("plain", {}), ("same", nothing))
    )
    for key in ("train_loss", "validation_loss"):
        assert [row[key] for row in augmented["history"]] == pytest.approx([row[key] for row in plain["history"]])
    nets = [models.load(tmp_path / f"{name}.keras") for name in ("plain", "same")]
    for one, other in zip(*(net.get_weights() for net in nets), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_mixed_labels_are_learned_by_their_shares(squares, tmp_path):
    """A step of mixup by NumPy: the gradient is that of the cross entropy with the shares of the classes."""
    from espalier.training.augmentation import augment

    data, recipe = load_data(squares), {"epochs": 1, "batch_size": 72, "warmup_epochs": 0, "momentum": 0.0}
    recipe |= {"milestones": [], "augment": [{"mixup": 0.4}], "learning_rate": 0.5, "shuffle": False}
    net = models.build_model(MODEL, (4, 4, 1), 4, mean=0.4, std=0.3, init=RECIPE["init"], seed=1)
    shares = np.eye(4, dtype=np.float32)[data.train.labels]
    images, shares = augment("keras", data.train.images, shares, recipe["augment"], np.random.default_rng([1, 1, 1]))
    *_, kernel, bias = net.get_weights()
    features = tf.keras.Model(net.input, net.layers[-2].output)(images).numpy()
    logits = net(images).numpy()
    softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    trained(tmp_path / "model.keras", squares, recipe)
    *_, after, after_bias = models.load(tmp_path / "model.keras").get_weights()
    np.testing.assert_allclose(after_bias, bias - 0.5 * (softmax - shares).mean(0), atol=2e-6)
    np.testing.assert_allclose(after, kernel - 0.5 * features.T @ (softmax - shares) / 72, atol=2e-6)


def test_a_training_that_diverges_says_so(squares, tmp_path):
    with pytest.raises(FloatingPointError, match="lower learning_rate"):
        trained(tmp_path / "model.keras", squares, {"learning_rate": 1e6, "warmup_epochs": 0})
    assert not (tmp_path / "model.keras").exists()


# Which epoch's weights a training ends with


WORSE = {"epochs": 6, "milestones": [3], "gamma": 100.0, "momentum": 0.0}  # the learning rate jumps up, it unlearns


def test_the_best_epoch_is_the_net_that_a_training_of_so_many_epochs_ends_with(squares, tmp_path):
    history = trained(tmp_path / "last.keras", squares, WORSE)["history"]
    by_hand = [row["validation_top1"] for row in history]
    best = by_hand.index(max(by_hand)) + 1
    assert best < 6 and by_hand[-1] < max(by_hand)
    found = trained(tmp_path / "best.keras", squares, WORSE | {"select": "best_validation"})
    assert found["measured"] == {"selected_epoch": best}
    assert without_seconds(found["history"]) == without_seconds(history)
    trained(tmp_path / "short.keras", squares, WORSE | {"epochs": best})
    assert (tmp_path / "best.keras").read_bytes() == (tmp_path / "short.keras").read_bytes()


def test_of_equal_epochs_the_first_is_the_best(squares, tmp_path):
    still = {"learning_rate": 1e-20, "warmup_epochs": 0}
    found = trained(tmp_path / "model.keras", squares, still | {"select": "best_validation"})
    assert len({row["validation_top1"] for row in found["history"]}) == 1
    assert found["measured"] == {"selected_epoch": 1}
    assert "measured" not in trained(tmp_path / "model.keras", squares, still)


@pytest.mark.parametrize("select, times", [("last", 1), ("best_validation", 1), ("best_test", 6 + 1)])
def test_test_images_are_read_once_for_a_record_unless_the_recipe_chooses_by_them(
    squares, tmp_path, monkeypatch, select, times
):
    read, test = [], np.load(squares / "images.npy")[80:]
    real = evaluate.outputs

    def spied(net, images):
        read.append(np.array_equal(images, test))
        return real(net, images)

    for module in (evaluate, profile):
        monkeypatch.setattr(module, "outputs", spied)
    found = trained(tmp_path / "model.keras", squares, WORSE | {"select": select})
    measured = profile.measure_model(tmp_path / "model.keras", squares)["measured"]
    assert (read.count(True), read.count(False)) == (times, 6 + 1)  # validation images of each epoch and of the record
    if select == "best_test":
        by_hand = [row["test_top1"] for row in found["history"]]
        assert found["measured"] == {"selected_epoch": by_hand.index(max(by_hand)) + 1}
        assert measured["top1"] == max(by_hand)


def test_without_validation_images_nothing_is_chosen_by_them(squares, tmp_path):
    shutil.copytree(squares, tmp_path / "data")
    manifest = load_data(squares).manifest
    manifest["splits"] = {"train": [0, 80], "validation": [80, 80], "test": [80, 88]}
    write_manifest(tmp_path / "data", manifest)
    with pytest.raises(ValueError, match="`select: best_validation` goes by validation images, and the data set has"):
        trained(tmp_path / "model.keras", tmp_path / "data", {"select": "best_validation"})


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_an_interrupted_training_ends_with_the_best_epoch_of_an_uninterrupted_one(
    squares, tmp_path, monkeypatch, optimizer
):
    recipe = WORSE | {"select": "best_validation", "optimizer": optimizer}
    recipe |= {"learning_rate": 0.01} if optimizer == "adam" else {}
    whole = trained(tmp_path / "whole.keras", squares, recipe)
    best = whole["measured"]["selected_epoch"]
    assert 1 < best < 5
    for epoch in (best, best + 2, 6):  # before it is kept, after it, in the last
        place = {"checkpoint": tmp_path / f"state{epoch}"}
        interrupted(monkeypatch, epoch, tmp_path / "resumed.keras", squares, recipe, **place)
        found = trained(tmp_path / "resumed.keras", squares, recipe, **place)
        assert (tmp_path / "resumed.keras").read_bytes() == (tmp_path / "whole.keras").read_bytes()
        assert found["measured"] == whole["measured"]


# From scratch, in the shape of a pruned net


UNITS = {"prune_type": "unit", "method": "l2", "ratio": "0.50"}
WEIGHTS = {"prune_type": "weight", "method": "magnitude", "ratio": "0.60"}


def pruned(folder, data, step):
    """A net, and the same, pruned."""
    dense, parent = folder / "dense.keras", folder / "pruned.keras"
    trained(dense, data)
    prune.prune_model(parent, parent=dense, data=data, **step)
    return dense, parent


def test_from_scratch_a_net_of_the_pruned_shape_begins_with_new_weights(squares, tmp_path):
    _, parent = pruned(tmp_path, squares, UNITS)
    out = tmp_path / "net.keras"
    found = trained(out, squares, {"epochs": 0}, parent=parent, scratch="epochs")
    assert found == {"history": [], "weights": "random", "epochs": 0}
    generator, net = np.random.default_rng(1), models.load(out)
    for into, units, found in zip((16, 10, 10, 5, 2), (10, 10, 5, 2, 4), net.get_weights()[:5], strict=True):
        limit = np.sqrt(6 / (into + units))  # Glorot, of what is left
        np.testing.assert_allclose(found, generator.uniform(-limit, limit, (into, units)), rtol=1e-6)
    assert not net.get_weights()[5].any()


def test_the_architectures_own_initial_weights_are_drawn_as_for_a_new_net(squares, tmp_path):
    _, parent = pruned(tmp_path, squares, WEIGHTS | {"ratio": "0.00"})
    recipe = {"epochs": 0, "init": None}
    trained(tmp_path / "net.keras", squares, recipe, parent=parent, scratch="epochs")
    trained(tmp_path / "new.keras", squares, recipe)
    assert (tmp_path / "net.keras").read_bytes() == (tmp_path / "new.keras").read_bytes()


def test_from_scratch_the_mask_of_single_weights_stays_and_the_weights_are_new(squares, tmp_path):
    _, parent = pruned(tmp_path, squares, WEIGHTS)
    how = {"parent": parent, "scratch": "epochs"}
    trained(tmp_path / "start.keras", squares, {"epochs": 0}, **how)
    trained(tmp_path / "out.keras", squares, {"weight_decay": 0.001}, **how)
    trained(tmp_path / "new.keras", squares, {"epochs": 0})
    before, begun, after, new = (
        models.load(tmp_path / f"{name}.keras").get_weights() for name in ("pruned", "start", "out", "new")
    )
    for old, first, last, fresh in zip(before[:4], begun[:4], after[:4], new[:4], strict=True):
        assert (old == 0).any() and np.array_equal(first, np.where(old == 0, 0, fresh))
        assert np.array_equal(last == 0, old == 0)


def test_from_scratch_nothing_of_the_parent_counts_but_its_shape_and_mask(squares, tmp_path):
    _, parent = pruned(tmp_path, squares, WEIGHTS)
    net = models.load(parent)
    net.set_weights([3 * weight for weight in net.get_weights()])
    models.save(net, tmp_path / "other.keras")
    for name, of in (("a", parent), ("b", tmp_path / "other.keras")):
        trained(tmp_path / f"{name}.keras", squares, {"epochs": 2}, parent=of, scratch="epochs")
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()


def test_for_the_flops_of_the_dense_net_a_smaller_one_is_trained_for_more_epochs(squares, tmp_path):
    dense, parent = pruned(tmp_path, squares, UNITS)
    whole, left = 16 * 20 + 20 * 20 + 20 * 10 + 10 * 4 + 4 * 4, 16 * 10 + 10 * 10 + 10 * 5 + 5 * 2 + 2 * 4
    assert (whole, left) == (976, 328)
    how = {"parent": parent, "dense": dense}
    found = trained(tmp_path / "b.keras", squares, {"warmup_from": 0.1}, scratch="flops", **how)
    # 2.976 times as many: 11.90 epochs, the milestone after 8.93.
    assert found["epochs"] == 12 == len(found["history"])
    assert [row["learning_rate"] for row in found["history"]] == pytest.approx([0.1] * 9 + [0.01] * 3)
    assert trained(tmp_path / "e.keras", squares, scratch="epochs", **how)["epochs"] == 4


def test_an_interrupted_training_from_scratch_ends_as_if_it_had_not_been(squares, tmp_path, monkeypatch):
    _, parent = pruned(tmp_path, squares, WEIGHTS)
    how = {"parent": parent, "scratch": "epochs"}
    trained(tmp_path / "whole.keras", squares, **how)
    interrupted(monkeypatch, 3, tmp_path / "resumed.keras", squares, checkpoint=tmp_path / "state", **how)
    trained(tmp_path / "resumed.keras", squares, checkpoint=tmp_path / "state", **how)
    assert (tmp_path / "resumed.keras").read_bytes() == (tmp_path / "whole.keras").read_bytes()


def test_fine_tuning_follows_the_last_learning_rates_of_the_training(squares, tmp_path):
    _, parent = pruned(tmp_path, squares, UNITS)
    recipe = {"epochs": 2, "warmup_epochs": 2, "milestones": [3]}
    found = trained(tmp_path / "rewound.keras", squares, recipe | {"offset": 2}, parent=parent)
    assert [row["learning_rate"] for row in found["history"]] == pytest.approx([0.1, 0.01])  # of epochs 3 and 4 of 4
    found = trained(tmp_path / "usual.keras", squares, recipe, parent=parent)
    assert [row["learning_rate"] for row in found["history"]] == pytest.approx([0.02 + 0.08 * k / 10 for k in (4, 9)])


@pytest.mark.skipif(not tf.test.is_built_with_cuda(), reason="this TensorFlow was built without kernels for GPUs")
def test_every_operation_of_an_epoch_has_a_kernel_for_a_gpu():
    """TensorFlow built for GPUs lists its kernels where there is none, too. An operation without one is computed on the
    CPU, and all that it needs, such as the whole data set, is copied there at each step."""
    split = train.resident(Split(np.zeros((9, 32, 32, 1), np.uint8), np.zeros(9, np.int64)))
    net = models.build_model({"name": "mobilenet_v2", "width": 0.35}, (32, 32, 1), 4, mean=0.0, std=1.0)
    run = train.epoch_graph(train.Learner(net, None, Recipe(**RECIPE), 1, train.zero_masks(net)))
    arguments = (split.images, split.labels, np.arange(9), np.ones(1, np.float32), np.array(0, np.int32))
    graph = run.get_concrete_function(*arguments).graph.as_graph_def()
    functions = graph.library.function
    nodes = [node for part in (graph.node, *(function.node_def for function in functions)) for node in part]
    called = {function.signature.name for function in functions}
    assert "ResourceGather" in {node.op for node in nodes}
    assert {node.op for node in nodes if node.op not in called and not has_gpu_kernel(node)} == set()


def has_gpu_kernel(node) -> bool:
    from tensorflow.python.framework.kernels import get_registered_kernels_for_op

    def fits(constraint) -> bool:
        attribute = node.attr[constraint.name]
        types = attribute.list.type or [attribute.type]
        return set(types) <= set(constraint.allowed_values.list.type)

    found = get_registered_kernels_for_op(node.op).kernel
    return any(kernel.device_type in ("GPU", "DEFAULT") and all(map(fits, kernel.constraint)) for kernel in found)


def test_float32_is_not_rounded_to_tensor_float():
    assert not tf.config.experimental.tensor_float_32_execution_enabled()


def test_a_record_tells_the_versions_and_the_machine():
    found = versions()
    assert {"tensorflow", "tf_keras", "numpy", "snakemake", "processor"} <= found.keys() and found["device"]
