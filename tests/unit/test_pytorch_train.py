"""Training in the PyTorch backend: by its recipe, the same every time, and interrupted without a trace."""

import math
from urllib.error import URLError

import numpy as np
import pytest
import torch
from a_recipe import DEFAULTS, a_recipe
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from espalier import registry
from espalier.datasets.prepare import Preparation, prepare
from espalier.datasets.prepare import load as load_data
from espalier.pytorch import given, groups, models, pretrained, profile, prune, scratch, train
from espalier.pytorch.architectures import he_fan_out
from espalier.pytorch.evaluate import evaluate, resident
from espalier.pytorch.runtime import device, start, versions
from espalier.run import progress
from espalier.training.recipe import Keeping

cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
RECIPE = DEFAULTS | {"epochs": 3, "batch_size": 128, "learning_rate": 0.05, "momentum": 0.9}
MODEL = {"name": "tiny", "width": 1.0}


@pytest.fixture(scope="module", autouse=True)
def tiny_model(module_register):
    """Two convs of 16 channels, batch norm, dropout and a linear layer, for 8x8 grey images."""

    @registry.register(registry.Model("tiny", backend="pytorch", title="", has=("conv_chain",), initial=he_fan_out))
    def tiny(num_classes, widths=None, width=1.0):
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, num_classes),
        )  # fmt: skip

    @registry.register(registry.Model("plain", backend="pytorch", title="", initial=he_fan_out))
    def plain(num_classes, widths=None, width=1.0):
        return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))


@pytest.fixture(scope="module", autouse=True)
def deterministic():
    threads = torch.get_num_threads()
    start(1)
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


def details(out, digits, changes=None, checkpoint=None, **options):
    """What a training returns."""
    step = {"data": digits(8, 1), "model": MODEL, "seed": 7} | options
    run = scratch.train_model if options.get("scratch") else train.train_model
    given = {"dense": options.get("parent"), "recipe": RECIPE | (changes or {})} | step
    return run(out, keeping=Keeping(checkpoint), **given)


@pytest.fixture
def trained(digits, tmp_path):
    """trained(name, recipe's changes, ...): the file and the history of a training on the digits."""

    def run(name, changes=None, **options):
        out = tmp_path / f"{name}.safetensors"
        return out, details(out, digits, changes, **options)["history"]

    return run


def same(one, other):
    one, other = load_file(one), load_file(other)
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def without_seconds(history):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


# By the recipe


def test_it_learns_and_keeps_the_history(trained):
    _, history = trained("net", {"epochs": 4, "warmup_epochs": 1, "warmup_from": 0.01, "milestones": [3]})
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    # 1293 images are 11 steps of 128; the eleventh step of warm-up is at 10/11 of the way from 0.01 to 0.05
    assert [row["learning_rate"] for row in history] == pytest.approx([0.01 + 0.04 * 10 / 11, 0.05, 0.05, 0.005])
    assert history[-1]["validation_top1"] > 80 and history[-1]["train_loss"] < 0.5 * history[0]["train_loss"]
    assert all(row["seconds"] > 0 and row["penalty"] == 0 for row in history)


def test_own_options_of_an_architecture_reach_the_net_and_its_file(trained, own_register):
    @registry.register(registry.Model("with_options", backend="pytorch", title=""))
    def with_options(num_classes, hidden=8, dropout=0.1):
        return nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.Dropout(dropout), nn.Linear(hidden, num_classes))

    model = {"name": "with_options", "width": 1.0, "weights": "random", "hidden": 5, "dropout": 0.9}
    out, _ = trained("net", {"epochs": 1}, model=model)
    net = models.load(out)
    assert net[1].out_features == 5 and net[2].p == 0.9


def test_without_epochs_the_initial_net_is_saved(trained, tmp_path):
    out, history = trained("net", {"epochs": 0})
    torch.manual_seed(7)
    models.save(models.build_model("tiny", 10), tmp_path / "initial.safetensors")
    assert history == [] and same(out, tmp_path / "initial.safetensors")


STANDING = {"learning_rate": 1e-30, "momentum": 0.0, "epochs": 1}  # weights stay where they are
PLAIN = {"name": "plain", "width": 1.0}


def pixels_of(split):
    """Training images as they enter the net, one row each."""
    return (np.asarray(split.images, float).reshape(len(split), -1) / 255 - 0.45) / 0.225


def softmax_regression(split, weight, bias):
    """Logarithms of the likelihoods of the classes."""
    logits = pixels_of(split) @ weight.T + bias
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def parameters_of(out):
    tensors = load_file(out)
    return tensors["1.weight"].double().numpy(), tensors["1.bias"].double().numpy()


def test_validation_is_by_the_net_as_it_is_saved(trained, digits):
    """In evaluation mode: without dropout, and with the running statistics of batch norm."""
    out, history = trained("net")
    data, net = load_data(digits(8, 1)), models.load(out)
    with torch.no_grad():
        logits = net((torch.tensor(data.validation.images).permute(0, 3, 1, 2) / 255 - 0.45) / 0.225).double().numpy()
    likelihood = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    loss = -likelihood[np.arange(144), data.validation.labels].mean()
    assert history[-1]["validation_loss"] == pytest.approx(loss, rel=1e-4)
    accuracy = 100 * np.mean(logits.argmax(1) == data.validation.labels)
    assert history[-1]["validation_top1"] == pytest.approx(accuracy)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_cross_entropy_with_smoothed_labels(trained, digits, smoothing):
    out, history = trained("net", STANDING | {"label_smoothing": smoothing}, model=PLAIN)
    split = load_data(digits(8, 1)).train
    likelihood = softmax_regression(split, *parameters_of(out))
    target = np.full((1293, 10), smoothing / 10)
    target[np.arange(1293), split.labels] += 1 - smoothing
    assert history[0]["train_loss"] == pytest.approx(-(target * likelihood).sum() / 1293, rel=1e-5)
    assert history[0]["train_top1"] == pytest.approx(100 * np.mean(likelihood.argmax(1) == split.labels))


def test_training_images_are_augmented_and_the_others_are_not(trained):
    mirrored = {"augment": [{"horizontal_flip": 1.0}]}
    out, (plain,) = trained("plain", STANDING, model=PLAIN)
    _, (flipped,) = trained("flipped", STANDING | mirrored, model=PLAIN)
    assert flipped["validation_loss"] == plain["validation_loss"]
    # A net whose weights are mirrored too sees what the first saw.
    net = models.load(out)
    net[1].weight.data = net[1].weight.data.reshape(10, 8, 8).flip(2).reshape(10, 64)
    models.save(net, out)
    _, (both,) = trained("both", STANDING | mirrored, model=PLAIN, parent=out)
    assert both["train_loss"] == pytest.approx(plain["train_loss"], rel=1e-5)
    assert flipped["train_loss"] != pytest.approx(plain["train_loss"], rel=1e-4)


def test_a_split_in_memory_is_evaluated_as_the_arrays_of_the_file(trained, digits):
    net, data = models.load(trained("net", {"epochs": 1})[0]), load_data(digits(8, 1))
    held = resident(data.test, torch.device("cpu"))
    assert held.images.dtype == torch.uint8 and len(held) == len(data.test)
    assert evaluate(net, held, data.manifest) == evaluate(net, data.test, data.manifest)


def test_a_last_batch_of_a_single_image_is_left_out_and_not_counted(trained, digits):
    """Batch norm cannot train on one image."""
    out, history = trained("net", STANDING | {"batch_size": 323, "shuffle": False}, model=PLAIN)
    split = load_data(digits(8, 1)).train
    likelihood = softmax_regression(split, *parameters_of(out))[:1292]  # 4 * 323 of 1293
    loss = -likelihood[np.arange(1292), split.labels[:1292]].mean()
    assert history[0]["train_loss"] == pytest.approx(loss, rel=1e-5)
    assert history[0]["train_top1"] == pytest.approx(100 * np.mean(likelihood.argmax(1) == split.labels[:1292]))


def test_one_step_of_plain_gradient_descent_by_hand(trained, digits):
    recipe = {"batch_size": 1293, "momentum": 0.0, "weight_decay": 0.01}
    recipe |= {"warmup_epochs": 1, "warmup_from": 0.3, "learning_rate": 0.9}  # the only step is the first of warm-up
    (weight, bias), after = (
        parameters_of(trained(str(epochs), recipe | {"epochs": epochs}, model=PLAIN)[0]) for epochs in (0, 1)
    )
    split = load_data(digits(8, 1)).train
    error = (np.exp(softmax_regression(split, weight, bias)) - np.eye(10)[split.labels]) / 1293
    np.testing.assert_allclose(after[0], weight - 0.3 * (error.T @ pixels_of(split) + 0.01 * weight), atol=1e-6)
    np.testing.assert_allclose(after[1], bias - 0.3 * error.sum(0), atol=1e-6)  # 0 before: nothing to decay


def test_the_average_of_the_weights_is_saved_and_validated(trained, digits):
    """One step an epoch: the nets of trainings of 0, 1, 2, ... epochs are the steps of one training."""
    recipe = {"batch_size": 1293, "learning_rate": 0.5, "momentum": 0.0, "shuffle": False}
    steps = [parameters_of(trained(f"{n}", recipe | {"epochs": n}, model=PLAIN)[0])[0] for n in range(5)]
    out, history = trained("averaged", recipe | {"epochs": 4, "ema": 0.2}, model=PLAIN)
    expected = steps[0]
    for step, decay in enumerate((1 / 10, 2 / 11, 0.2, 0.2)):  # (1 + step) / (10 + step), at most 0.2
        expected = decay * expected + (1 - decay) * steps[step + 1]
    np.testing.assert_allclose(parameters_of(out)[0], expected, atol=1e-6)
    data = load_data(digits(8, 1))
    assert history[-1]["validation_loss"] == pytest.approx(
        evaluate(models.load(out), data.validation, data.manifest)["loss"], rel=1e-6
    )


def test_a_zero_weight_of_a_pruned_net_is_zero_in_the_average(trained, digits, tmp_path):
    parent, _ = trained("parent", {"epochs": 1})
    pruned = tmp_path / "pruned.safetensors"
    step = {"prune_type": "weight", "method": "magnitude", "ratio": "0.50"}
    prune.prune_model(pruned, parent=parent, data=digits(8, 1), **step)
    out, _ = trained("tuned", {"epochs": 1, "ema": 0.9}, parent=pruned)
    before, after = load_file(pruned), load_file(out)
    assert all((after[name] == 0).equal(before[name] == 0) for name in ("0.weight", "4.weight"))
    assert not after["0.weight"].equal(before["0.weight"])


def test_mixed_labels_are_learned_by_their_shares(trained, digits, monkeypatch):
    """One step with mixup, of images and labels as the augmentation gives them: softmax regression by hand."""
    batches, real = [], train.augment
    monkeypatch.setattr(train, "augment", lambda *given: batches.append(real(*given)) or batches[-1])
    recipe = {"batch_size": 1293, "momentum": 0.0, "learning_rate": 0.3, "augment": [{"mixup": 0.4}]}
    (weight, bias), after = (
        parameters_of(trained(str(epochs), recipe | {"epochs": epochs}, model=PLAIN)[0]) for epochs in (0, 1)
    )
    images, shares = (part.numpy() for part in batches[0])
    pixels = ((images.reshape(1293, -1) / 255) - 0.45) / 0.225
    logits = pixels @ weight.T + bias
    softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert (shares > 0).sum() > 2000  # most images are of two classes
    np.testing.assert_allclose(after[0], weight - 0.3 * (softmax - shares).T @ pixels / 1293, atol=1e-5)


@pytest.mark.parametrize("optimizer, kind", [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam)])
def test_vectors_are_not_decayed_unless_the_recipe_says_so(optimizer, kind):
    net = models.build_model("tiny", 10)
    recipe = RECIPE | {"optimizer": optimizer, "weight_decay": 1e-4, "decay_norm_and_bias": False}
    made = train.make_optimizer(net, a_recipe(**recipe))
    assert isinstance(made, kind)
    assert [(len(g["params"]), g["weight_decay"]) for g in made.param_groups] == [(3, 1e-4), (5, 0.0)]
    assert all(p.dim() > 1 for p in made.param_groups[0]["params"])
    assert all(p.dim() == 1 for p in made.param_groups[1]["params"])
    everything = train.make_optimizer(net, a_recipe(**recipe | {"decay_norm_and_bias": True}))
    assert [(len(g["params"]), g["weight_decay"]) for g in everything.param_groups] == [(8, 1e-4)]


def test_momentum_and_nesterov_reach_the_optimizer():
    net = models.build_model("plain", 10)
    made = train.make_optimizer(net, a_recipe(momentum=0.8, nesterov=True))
    assert made.defaults["momentum"] == 0.8 and made.defaults["nesterov"]


@pytest.mark.parametrize("penalty, coefficient", [("group_lasso", 0.03), ("l2_groups", 0.1)])
def test_the_penalty_shrinks_the_groups_it_is_over(trained, penalty, coefficient):
    def norms(out):
        with torch.no_grad():
            return [m.norm(dim=1) for m in groups.filters(models.load(out))]

    plain, _ = trained("plain")
    recipe = {"penalty": penalty, "prune_type": "filter_wise", "coefficient": coefficient}
    penalised, history = trained("penalised", recipe)
    assert all((a < 0.7 * b).all() for a, b in zip(norms(penalised), norms(plain), strict=True))
    # What the history has is of the last step, one update before the net that is saved.
    value = {
        "group_lasso": lambda size, norm: math.sqrt(size) * norm.sum(),
        "l2_groups": lambda size, norm: norm.square().sum(),
    }[penalty]
    total = sum(value(size, norm).item() for size, norm in zip((9, 144), norms(penalised), strict=True))
    assert history[-1]["penalty"] == pytest.approx(coefficient * total, rel=0.1)


@pytest.mark.parametrize("shuffle", [True, False])
def test_every_image_is_seen_once_an_epoch_in_an_order_of_its_own_if_shuffled(trained, digits, monkeypatch, shuffle):
    seen, real = [], train.to_tensor
    monkeypatch.setattr(train, "to_tensor", lambda images: seen.append(images.numpy()) or real(images))
    trained("net", {"epochs": 2, "shuffle": shuffle})
    first, second = np.concatenate(seen[:11]), np.concatenate(seen[11:])
    expected = np.asarray(load_data(digits(8, 1)).train.images)
    for epoch in (first, second):
        assert sorted(i.tobytes() for i in epoch) == sorted(i.tobytes() for i in expected)
        assert np.array_equal(epoch, expected) != shuffle
    assert np.array_equal(first, second) != shuffle
    trained("other", {"epochs": 1, "shuffle": shuffle}, seed=8)
    assert np.array_equal(first, np.concatenate(seen[22:])) != shuffle


def test_training_further_starts_from_the_parent_and_keeps_its_widths(trained, digits, tmp_path):
    parent, _ = trained("parent", {"epochs": 1})
    pruned = tmp_path / "pruned.safetensors"
    step = {"prune_type": "filter_wise", "method": "mean_abs", "ratio": "0.50"}
    prune.prune_model(pruned, parent=parent, data=digits(8, 1), **step)
    shapes = {key: value.shape for key, value in load_file(pruned).items()}
    assert shapes["4.weight"][:2] != (16, 16)

    untrained, _ = trained("untrained", {"epochs": 0}, parent=pruned)
    assert same(untrained, pruned)
    further, history = trained("further", {"epochs": 2}, parent=pruned)
    assert {key: value.shape for key, value in load_file(further).items()} == shapes
    assert history[0]["train_loss"] < 2.3  # ln 10: the parent had learnt something


@pytest.mark.parametrize(
    "recipe",
    [
        {
            "momentum": 0.9,
            "weight_decay": 0.01,
            "penalty": "group_lasso",
            "prune_type": "filter_wise",
            "coefficient": 0.01,
        },
        {"momentum": 0.9, "nesterov": True, "penalty": "l2_groups", "prune_type": "weight", "coefficient": 0.01},
        {"optimizer": "adam", "learning_rate": 0.01, "weight_decay": 0.01},
    ],
    ids=["sgd", "nesterov", "adam"],
)
def test_trained_further_zero_weights_stay_zero_and_the_others_move(trained, digits, tmp_path, recipe):
    parent, _ = trained("parent", {"epochs": 1})
    pruned = tmp_path / "pruned.safetensors"
    step = {"prune_type": "weight", "method": "magnitude", "ratio": "0.60"}
    prune.prune_model(pruned, parent=parent, data=digits(8, 1), **step)
    further, _ = trained("further", recipe | {"epochs": 2}, parent=pruned)
    before, after = load_file(pruned), load_file(further)
    for key in ("0.weight", "4.weight", "9.weight"):
        zero = before[key] == 0
        assert zero.any() and after[key][zero].eq(0).all()
        assert (after[key][~zero] != before[key][~zero]).float().mean() > 0.99
    assert not torch.equal(after["0.bias"], before["0.bias"])


# Precision and device


def test_in_bf16_it_learns_as_well_and_the_weights_stay_float32(trained):
    (exact, history), (rough, again) = (trained(p, {"precision": p}) for p in ("float32", "bf16"))
    assert not same(exact, rough) and {v.dtype for v in load_file(rough).values()} <= {torch.float32, torch.int64}
    assert again[-1]["validation_top1"] == pytest.approx(history[-1]["validation_top1"], abs=5)
    assert again[0]["train_loss"] == pytest.approx(history[0]["train_loss"], rel=0.02)
    assert same(rough, trained("again", {"precision": "bf16"})[0])


@pytest.mark.parametrize("before, after", [(1, 7), (7, 7), (4, 4), (8, 4), (3, 4), (9, (2, 5)), (5, 1)])
def test_pooling_by_products_is_adaptive_average_pooling(before, after):
    net = nn.Sequential(nn.AdaptiveAvgPool2d(after))
    images = torch.randn(2, 3, before, before + 1, generator=torch.Generator().manual_seed(0), requires_grad=True)
    expected = net(images)
    train.pool_by_products(net)
    pooled, upstream = net(images), torch.arange(expected.numel()).reshape(expected.shape).float()
    torch.testing.assert_close(pooled, expected)
    slopes = [torch.autograd.grad(made, images, upstream)[0] for made in (pooled, expected)]
    torch.testing.assert_close(*slopes)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = functional.adaptive_avg_pool2d(images.bfloat16().float(), after).bfloat16()
        torch.testing.assert_close(net(images.bfloat16()), rounded)


def test_auto_is_the_device_that_there_is_and_the_record_tells_which():
    there = torch.cuda.is_available()
    if there:
        start(1, "cuda")
        assert device().type == "cuda" and versions()["device"].startswith("cuda (")
    else:
        with pytest.raises(RuntimeError, match="`device: cuda`, and PyTorch finds no CUDA device: use `device: auto`"):
            start(1, "cuda")
    start(1, "auto")
    assert device().type == ("cuda" if there else "cpu")
    start(1)
    assert device().type == "cpu" and versions()["device"] == "cpu"
    assert {"torch", "torch_pruning", "numpy", "snakemake", "processor"} <= versions().keys()


@pytest.fixture
def on_cuda():
    start(1, "cuda")
    yield
    start(1)


@cuda
@pytest.mark.parametrize("name", ["vgg16_bn", "resnet50", "cifar10_conv"])
@pytest.mark.parametrize(("precision", "optimizer"), [("float32", "adam"), ("float32", "sgd"), ("bf16", "sgd")])
def test_on_cuda_the_same_seed_gives_the_same_bits_interrupted_or_not(
    trained, digits, tmp_path, monkeypatch, on_cuda, name, precision, optimizer
):
    augment = [{"random_crop": {"size": 32, "padding": 2}}, "horizontal_flip", {"color_jitter": 0.1}, "autoaugment"]
    recipe = {"precision": precision, "optimizer": optimizer, "augment": augment, "learning_rate": 0.01} | PENALISED
    recipe |= {} if name != "resnet50" else {"prune_type": "depth_wise"}
    options = {"data": digits(32, 3), "model": {"name": name, "width": 0.125}}
    through, history = trained("through", recipe, **options)
    options["checkpoint"] = tmp_path / "checkpoint"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(3, patch)
        trained("resumed", recipe, **options)
    resumed, again = trained("resumed", recipe, **options)
    assert same(resumed, through) and without_seconds(again) == without_seconds(history)
    assert next(models.load(through).parameters()).device.type == "cpu"


@cuda
def test_on_cuda_it_learns_what_it_learns_on_the_cpu(trained, on_cuda):
    _, there = trained("there", RANDOM)
    start(1)
    _, here = trained("here", RANDOM)
    assert there[0]["train_loss"] == pytest.approx(here[0]["train_loss"], rel=0.02)  # the same images; other dropout
    assert there[-1]["validation_top1"] == pytest.approx(here[-1]["validation_top1"], abs=8)


@cuda
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_on_cuda_zero_weights_stay_zero(trained, digits, tmp_path, on_cuda, optimizer):
    pruned, step = tmp_path / "pruned.safetensors", {"prune_type": "weight", "method": "magnitude", "ratio": "0.60"}
    prune.prune_model(pruned, parent=trained("parent", {"epochs": 1})[0], data=digits(8, 1), **step)
    further, _ = trained("further", {"optimizer": optimizer, "weight_decay": 0.01}, parent=pruned)
    before, after = load_file(pruned), load_file(further)
    for key in ("0.weight", "4.weight", "9.weight"):
        assert after[key][before[key] == 0].eq(0).all()


# What a training begins with


IMAGENET = {"name": "resnet50", "width": 1.0, "weights": "imagenet"}


@pytest.fixture
def without_network(monkeypatch, tmp_path):
    def download(url, *arguments, **options):
        raise URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)


def run(out, digits, model, **options):
    return train.train_model(out, data=digits(32, 3), model=model, recipe=RECIPE | {"epochs": 0}, seed=1, **options)


def test_without_the_weights_a_training_begins_with_random_ones_only_if_that_is_allowed(
    digits, tmp_path, without_network, capsys
):
    weights, out, random = (tmp_path / f"{name}.safetensors" for name in ("weights", "out", "random"))
    with pytest.raises(RuntimeError, match=r"resnet50.*no route to host.*`fallback: random` under `model`"):
        pretrained.fetch_weights(weights, model=IMAGENET, size=32)
    assert not weights.exists()
    pretrained.fetch_weights(weights, model=IMAGENET | {"fallback": "random"}, size=32)
    assert "no route to host" in (said := capsys.readouterr().out) and "random weights" in said
    details = run(out, digits, IMAGENET | {"fallback": "random", "pretrained": weights})
    assert details == {"history": [], "weights": "random"} and "random weights" in capsys.readouterr().out
    assert run(random, digits, {"name": "resnet50", "width": 1.0})["weights"] == "random"
    assert same(out, random)


@pytest.mark.parametrize("given", [True, False], ids=["a file of the user's", "fetched"])
def test_with_the_weights_a_training_begins_with_them(digits, tmp_path, monkeypatch, given):
    from torchvision.models import resnet

    tensors = resnet.resnet50(weights=None).state_dict()
    torch.save(tensors, tmp_path / "resnet50.pth")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda url, file, *_, **__: torch.save(tensors, file))
    weights, out = tmp_path / "weights.safetensors", tmp_path / "out.safetensors"
    pretrained.fetch_weights(weights, model=IMAGENET, size=32, given=tmp_path / "resnet50.pth" if given else None)
    assert (tmp_path / "hub").exists() != given
    details = run(out, digits, IMAGENET | {"pretrained": weights})
    assert details["weights"] == "imagenet" and torch.equal(load_file(out)["conv1.weight"], tensors["conv1.weight"])
    further = run(tmp_path / "further.safetensors", digits, IMAGENET, parent=out)
    assert further == {"history": []}  # what it began with is its parent's matter


def test_code_in_a_users_file_of_weights_is_not_run(tmp_path):
    torch.save(print, tmp_path / "resnet50.pth")  # a pickled function
    model = IMAGENET | {"fallback": "random"}  # which is for weights that cannot be fetched
    with pytest.raises(RuntimeError, match=r"resnet50\.pth cannot be read as weights"):
        pretrained.fetch_weights(tmp_path / "out", model=model, size=32, given=tmp_path / "resnet50.pth")
    assert not (tmp_path / "out").exists()


def test_a_loss_that_is_not_finite_stops_with_advice(trained, tmp_path):
    with pytest.raises(FloatingPointError, match=r"epoch 1.*learning_rate \(now 1000000\.0\).*warmup_epochs"):
        trained("net", {"learning_rate": 1e6})
    assert not (tmp_path / "net.safetensors").exists()


# The same every time


RANDOM = {"augment": [{"random_crop": {"size": 8, "padding": 1}}, "horizontal_flip"], "weight_decay": 1e-4}
OPTIMIZERS = [{"optimizer": "sgd", "momentum": 0.9}, {"optimizer": "adam", "learning_rate": 0.002}]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: o["optimizer"])
def test_the_same_seed_gives_the_same_weights_bit_by_bit(trained, optimizer):
    (one, history), (two, again), (three, _) = (
        trained(name, RANDOM | optimizer, seed=seed) for name, seed in (("one", 1), ("two", 1), ("three", 2))
    )
    assert same(one, two) and without_seconds(history) == without_seconds(again)
    assert not same(one, three)


@pytest.mark.parametrize("epoch", [0, 2])
@pytest.mark.parametrize("schedule", [{"warmup_epochs": 1, "milestones": [3]}, {"schedule": "cosine"}], ids=str)
def test_weights_go_back_to_those_of_an_epoch_of_the_training_bit_by_bit(
    trained, digits, tmp_path, monkeypatch, epoch, schedule
):
    """The weights that a training of four epochs has after two, in a net that was trained for four and pruned."""
    recipe = RANDOM | {"epochs": 4} | schedule
    parent, _ = trained("parent", recipe)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(3, patch)  # before the third state is kept
        trained("interrupted", recipe, checkpoint=tmp_path / "state")
    before = dict(np.load(tmp_path / "state" / "state.npz"))
    if epoch == 0:
        start = load_file(trained("start", recipe | {"epochs": 0})[0])
        before = {f"state.net.{key}": tensor.numpy() for key, tensor in start.items()}
    pruned = tmp_path / "pruned.safetensors"
    step = {"prune_type": "weight", "method": "magnitude", "ratio": "0.60"}
    prune.prune_model(pruned, parent=parent, data=digits(8, 1), **step)
    how = {"parent": pruned, "origin": {"recipe": RECIPE | recipe, "seed": 7, "epochs": epoch}, "seed": 8}
    rewound, _ = trained("rewound", recipe | {"epochs": 0, "offset": epoch}, **how)
    kept, after = load_file(pruned), load_file(rewound)
    for key, tensor in after.items():
        mask = (kept[key] != 0) if key in ("0.weight", "4.weight", "9.weight") else torch.ones_like(tensor)
        assert torch.equal(tensor, torch.from_numpy(before[f"state.net.{key}"]) * mask)
    further, history = trained("further", recipe | {"epochs": 4 - epoch, "offset": epoch}, **how)
    assert (load_file(further)["4.weight"] == 0).sum() == (kept["4.weight"] == 0).sum() and len(history) == 4 - epoch


def test_from_the_initial_net_it_is_the_training_of_a_new_one(trained, digits, tmp_path):
    initial = tmp_path / "initial.safetensors"
    given.write_model(initial, data=digits(8, 1), model=MODEL, seed=7)
    one, history = trained("one", RANDOM)
    other, again = trained("other", RANDOM, parent=initial)
    assert same(one, other) and without_seconds(history) == without_seconds(again)


def interrupt_after(epoch, monkeypatch):
    """Make the training stop when it has written the line of an epoch."""
    real = progress.line

    def line(row, epochs):
        real(row, epochs)
        if row["epoch"] == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(progress, "line", line)


AVERAGED = RANDOM | {"schedule": "one_cycle", "rise": 0.3, "ema": 0.9, "epochs": 4}
AVERAGED |= {"augment": [*RANDOM["augment"], {"cutout": 3}, {"mixup": 0.4}]}


def test_an_interrupted_training_keeps_its_average_schedule_and_augmentation(trained, tmp_path, monkeypatch):
    through, history = trained("through", AVERAGED)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(2, patch)
        trained("resumed", AVERAGED, checkpoint=tmp_path / "checkpoint")
    resumed, again = trained("resumed", AVERAGED, checkpoint=tmp_path / "checkpoint")
    assert same(resumed, through) and without_seconds(again) == without_seconds(history)
    assert history[-1]["validation_top1"] > 40  # of ten classes, after four epochs


PENALISED = {"penalty": "group_lasso", "prune_type": "filter_and_channel_wise", "coefficient": 1e-4}
SCHEDULE = {"epochs": 4, "warmup_epochs": 1, "milestones": [3]}


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: o["optimizer"])
@pytest.mark.parametrize("from_parent", [False, True], ids=["new", "further"])
def test_a_training_that_was_interrupted_ends_as_if_it_had_not_been(
    trained, tmp_path, monkeypatch, capsys, optimizer, from_parent
):
    recipe = RANDOM | PENALISED | SCHEDULE | optimizer
    options = {"parent": trained("parent", {"epochs": 1})[0]} if from_parent else {}
    through, history = trained("through", recipe, **options)

    options["checkpoint"] = tmp_path / "checkpoint"
    for epoch in (3, 4):  # interrupted in the third epoch, gone on from the second, interrupted again in the fourth
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            interrupt_after(epoch, patch)
            trained("resumed", recipe, **options)
        assert not (tmp_path / "resumed.safetensors").exists()
    capsys.readouterr()
    resumed, again = trained("resumed", recipe, **options)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "going on after epoch 3" and len(lines) == 2 and lines[1].startswith("epoch 4/4")
    assert same(resumed, through)
    assert without_seconds(again) == without_seconds(history)


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 0.01}, {"epochs": 4}, {"seed": 8}, {"model": {"name": "tiny", "width": 2.0}},
        {"parent": "a file"}, {"data": "a folder"},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_a_checkpoint_of_another_training_is_not_used(trained, tmp_path, monkeypatch, capsys, change):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(2, patch)
        trained("first", checkpoint=tmp_path / "checkpoint")
    assert list((tmp_path / "checkpoint").iterdir())
    options = {key: value for key, value in change.items() if key not in RECIPE}
    recipe = {key: value for key, value in change.items() if key in RECIPE}
    if "parent" in options:
        options["parent"] = trained("parent", {"epochs": 0})[0]
    if "data" in options:
        options["data"] = tmp_path
        prepare(tmp_path, Preparation(name="digits", size=8, channels=1, validation=0.1, mean=0.5, std=0.5))
    capsys.readouterr()
    other, history = trained("other", recipe, checkpoint=tmp_path / "checkpoint", **options)
    assert "going on" not in capsys.readouterr().out
    fresh, expected = trained("fresh", recipe, **options)
    assert same(other, fresh) and without_seconds(history) == without_seconds(expected)


def test_a_finished_training_that_is_asked_for_again_is_not_repeated(trained, tmp_path, capsys):
    first, history = trained("first", checkpoint=tmp_path / "checkpoint")
    capsys.readouterr()
    second, again = trained("second", checkpoint=tmp_path / "checkpoint")
    assert capsys.readouterr().out == "going on after epoch 3\n"
    assert same(first, second) and again == history


def test_a_checkpoint_is_replaced_whole(trained, tmp_path, monkeypatch):
    """A crash while the state is written leaves the state before, which is enough to go on."""
    real, calls = np.savez, []

    def crash_at_third(file, **arrays):
        real(file, **arrays)
        calls.append(file)
        if len(calls) == 3:
            file.truncate(100)
            raise OSError("no space left on device")

    through, _ = trained("through", SCHEDULE)
    with monkeypatch.context() as patch, pytest.raises(OSError, match="no space"):
        patch.setattr(np, "savez", crash_at_third)
        trained("resumed", SCHEDULE, checkpoint=tmp_path / "checkpoint")
    resumed, _ = trained("resumed", SCHEDULE, checkpoint=tmp_path / "checkpoint")
    assert same(resumed, through)


# Which epoch's weights a training ends with


WORSE = {"epochs": 5, "momentum": 0.0, "milestones": [2], "gamma": 40.0}  # the learning rate jumps up, and it unlearns


def test_the_best_epoch_is_the_net_that_a_training_of_so_many_epochs_ends_with(trained, digits):
    _, history = trained("last", WORSE)
    by_hand = [row["validation_top1"] for row in history]
    best = by_hand.index(max(by_hand)) + 1
    assert best < 5 and by_hand[-1] < max(by_hand)
    out, again = trained("best", WORSE | {"select": "best_validation"})
    assert without_seconds(again) == without_seconds(history)
    assert same(out, trained("short", WORSE | {"epochs": best})[0])
    data = load_data(digits(8, 1))
    assert evaluate(models.load(out), data.validation, data.manifest)["top1"] == pytest.approx(max(by_hand))


def test_of_equal_epochs_the_first_is_the_best(digits, tmp_path):
    still = STANDING | {"epochs": 3}
    found = details(tmp_path / "net.safetensors", digits, still | {"select": "best_validation"}, model=PLAIN)
    assert len({row["validation_top1"] for row in found["history"]}) == 1
    assert found["measured"] == {"selected_epoch": 1}
    assert "measured" not in details(tmp_path / "net.safetensors", digits, still, model=PLAIN)


def test_the_best_epoch_on_test_is_that_of_the_test_images(digits, tmp_path):
    out = tmp_path / "net.safetensors"
    found = details(out, digits, WORSE | {"select": "best_test"})
    by_hand = [row["test_top1"] for row in found["history"]]
    assert found["measured"] == {"selected_epoch": by_hand.index(max(by_hand)) + 1}
    assert profile.measure_model(out, digits(8, 1))["measured"]["top1"] == pytest.approx(max(by_hand))


@pytest.mark.parametrize("select, times", [("last", 1), ("best_validation", 1), ("best_test", 3 + 1)])
def test_test_images_are_read_once_for_a_record_unless_the_recipe_chooses_by_them(
    digits, tmp_path, monkeypatch, select, times
):
    read = []
    for module in (train, profile):
        real = module.evaluate

        def spied(net, split, *rest, real=real, **options):
            read.append(len(split))
            return real(net, split, *rest, **options)

        monkeypatch.setattr(module, "evaluate", spied)
    out = tmp_path / "net.safetensors"
    details(out, digits, {"select": select})
    profile.measure_model(out, digits(8, 1))
    assert sorted(read) == [144] * (3 + 1) + [360] * times  # validation images after each epoch and for the record


def test_without_validation_images_nothing_is_chosen_by_them(tmp_path):
    prepare(tmp_path / "data", Preparation(name="digits", size=8, channels=1, validation=0.0, mean=0.5, std=0.5))
    with pytest.raises(ValueError, match="`select: best_validation` goes by validation images, and the data set has"):
        details(tmp_path / "net.safetensors", lambda *_: tmp_path / "data", {"select": "best_validation"})


def test_what_the_optimizer_remembers_comes_back_in_the_order_of_the_weights_in_memory():
    net = models.build_model("cifar10_conv", 10, width=0.125).to(memory_format=torch.channels_last)
    learner = train.Learner(net, None, a_recipe(momentum=0.9), 0, {})
    net(torch.zeros(2, 3, 32, 32)).sum().backward()
    learner.optimizer.step()
    before = {weight: values["momentum_buffer"].clone() for weight, values in learner.optimizer.state.items()}
    state = learner.state()
    learner.optimizer.state.clear()
    learner.restore(state)
    assert len(before) == len(list(net.parameters()))
    for weight, kept in before.items():
        momentum = learner.optimizer.state[weight]["momentum_buffer"]
        assert torch.equal(momentum, kept) and momentum.stride() == weight.stride()


@pytest.mark.parametrize("stopped", [2, 3, 5])
def test_an_interrupted_training_ends_with_the_best_epoch_of_an_uninterrupted_one(
    digits, tmp_path, monkeypatch, stopped
):
    """Before the best epoch, after it, and in the last epoch."""
    recipe = WORSE | {"select": "best_validation", "optimizer": "adam", "learning_rate": 0.002}
    through, resumed = tmp_path / "through.safetensors", tmp_path / "resumed.safetensors"
    whole = details(through, digits, recipe)
    assert whole["measured"]["selected_epoch"] == 2
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(stopped, patch)
        details(resumed, digits, recipe, checkpoint=tmp_path / "checkpoint")
    found = details(resumed, digits, recipe, checkpoint=tmp_path / "checkpoint")
    assert same(resumed, through) and found["measured"] == whole["measured"]
    assert without_seconds(found["history"]) == without_seconds(whole["history"])


# From scratch, in the shape of a pruned net


FILTERS = {"prune_type": "filter_wise", "method": "mean_abs", "ratio": "0.50"}
WEIGHTS = {"prune_type": "weight", "method": "magnitude", "ratio": "0.60"}


@pytest.fixture
def pruned(trained, digits, tmp_path):
    """pruned(step): a net trained for an epoch, and the same, pruned."""

    def run(step):
        dense, out = trained("dense", {"epochs": 1})[0], tmp_path / "pruned.safetensors"
        prune.prune_model(out, parent=dense, data=digits(8, 1), **step)
        return dense, out

    return run


def test_from_scratch_a_net_of_the_pruned_shape_begins_with_new_weights(digits, tmp_path, pruned):
    _, parent = pruned(FILTERS)
    out = tmp_path / "net.safetensors"
    assert details(out, digits, {"epochs": 0}, parent=parent, scratch="epochs") == {
        "history": [], "weights": "random", "epochs": 0
    }  # fmt: skip
    torch.manual_seed(7)
    first = torch.empty(8, 1, 3, 3).normal_(0, math.sqrt(2 / (8 * 9)))  # He, fan-out, of what is left
    second = torch.empty(8, 8, 3, 3).normal_(0, math.sqrt(2 / (8 * 9)))
    last = torch.empty(10, 32).normal_(0, 0.01)
    found = load_file(out)
    for key, wanted in (("0.weight", first), ("4.weight", second), ("9.weight", last)):
        torch.testing.assert_close(found[key], wanted)
    for key in ("0.bias", "1.bias", "4.bias", "9.bias", "1.running_mean"):
        assert not found[key].any()
    assert found["1.weight"].eq(1).all() and found["1.running_var"].eq(1).all()


def test_a_net_of_which_nothing_was_pruned_begins_as_a_new_one(trained, digits, tmp_path, pruned):
    _, parent = pruned(WEIGHTS | {"ratio": "0.00"})
    out = tmp_path / "net.safetensors"
    details(out, digits, {"epochs": 0}, parent=parent, scratch="epochs")
    assert same(out, trained("new", {"epochs": 0})[0])


def test_from_scratch_the_mask_of_single_weights_stays_and_the_weights_are_new(trained, digits, tmp_path, pruned):
    _, parent = pruned(WEIGHTS)
    start, out = tmp_path / "start.safetensors", tmp_path / "out.safetensors"
    recipe = {"weight_decay": 0.01}
    details(start, digits, {"epochs": 0}, parent=parent, scratch="epochs")
    details(out, digits, recipe, parent=parent, scratch="epochs")
    before, begun, after = (load_file(file) for file in (parent, start, out))
    new = load_file(trained("new", {"epochs": 0})[0])
    for key in ("0.weight", "4.weight", "9.weight"):
        zeros = before[key] == 0
        assert zeros.any() and torch.equal(begun[key], torch.where(zeros, 0.0, new[key]))
        assert torch.equal(after[key] == 0, zeros)


def test_from_scratch_nothing_of_the_parent_counts_but_its_shape_and_mask(digits, tmp_path, pruned):
    _, parent = pruned(WEIGHTS)
    other, out = tmp_path / "other.safetensors", [tmp_path / f"{i}.safetensors" for i in range(2)]
    net = models.load(parent)
    for tensor in net.state_dict().values():
        tensor *= 3
    models.save(net, other)
    for file, of in zip(out, (parent, other), strict=True):
        details(file, digits, {"epochs": 1}, parent=of, scratch="epochs")
    assert same(*out)


def test_for_the_flops_of_the_dense_net_a_smaller_one_is_trained_for_more_epochs(digits, tmp_path, pruned):
    dense, parent = pruned(FILTERS)
    # Convs of 8x8 and 4x4 outputs, and the last layer.
    whole, left = 16 * 9 * 64 + 16 * 16 * 9 * 16 + 64 * 10, 8 * 9 * 64 + 8 * 8 * 9 * 16 + 32 * 10
    assert (whole, left) == (46720, 14144)
    recipe = {"epochs": 3, "warmup_epochs": 1, "warmup_from": 0.05, "milestones": [2]}
    how = {"parent": parent, "dense": dense}
    found = details(tmp_path / "b.safetensors", digits, recipe, scratch="flops", **how)
    # 3.303 times as many: 9.91 epochs, the milestone after 6.61.
    assert found["epochs"] == 10 == len(found["history"])
    assert [row["learning_rate"] for row in found["history"]] == pytest.approx([0.05] * 7 + [0.005] * 3)
    assert details(tmp_path / "e.safetensors", digits, recipe, scratch="epochs", **how)["epochs"] == 3


def test_an_interrupted_training_from_scratch_ends_as_if_it_had_not_been(digits, tmp_path, monkeypatch, pruned):
    _, parent = pruned(WEIGHTS)
    how = {"parent": parent, "scratch": "epochs"}
    through, resumed = tmp_path / "through.safetensors", tmp_path / "resumed.safetensors"
    details(through, digits, RANDOM, **how)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(2, patch)
        details(resumed, digits, RANDOM, checkpoint=tmp_path / "checkpoint", **how)
    details(resumed, digits, RANDOM, checkpoint=tmp_path / "checkpoint", **how)
    assert same(resumed, through)


@cuda
def test_on_cuda_a_training_from_scratch_begins_with_the_same_weights(digits, tmp_path, pruned, on_cuda):
    _, parent = pruned(WEIGHTS)
    there, here = tmp_path / "there.safetensors", tmp_path / "here.safetensors"
    details(there, digits, {"epochs": 0}, parent=parent, scratch="epochs")
    start(1)
    details(here, digits, {"epochs": 0}, parent=parent, scratch="epochs")
    assert same(there, here)


def test_fine_tuning_follows_the_last_learning_rates_of_the_training(trained):
    recipe = {"epochs": 2, "warmup_epochs": 2, "warmup_from": 0.01, "milestones": [3]}
    parent, _ = trained("parent", {"epochs": 1})
    _, history = trained("rewound", recipe | {"offset": 2}, parent=parent)
    assert [row["learning_rate"] for row in history] == pytest.approx([0.05, 0.005])  # of epochs 3 and 4 of 4
    _, history = trained("usual", recipe, parent=parent)
    assert [row["learning_rate"] for row in history] == pytest.approx([0.01 + 0.04 * 10 / 22, 0.01 + 0.04 * 21 / 22])
