"""What scores are given beside the weights: gradients, batch norms, chance."""

import copy

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn
from torch.nn import functional

from espalier import registry
from espalier.datasets.prepare import load as load_data
from espalier.pytorch import groups, importance, models


def scores(net, kinds, method, **how):
    return importance.scores(net, kinds, registry.get(registry.Score, method, "pytorch"), **how)


@pytest.fixture
def data(digits):
    return load_data(digits(8, 1))


def inputs(split):
    """Images as they enter a net, in double precision."""
    return (np.asarray(split.images, float).transpose(0, 3, 1, 2) / 255 - 0.45) / 0.225


def test_gradients_of_a_linear_layer_in_closed_form(data, monkeypatch):
    monkeypatch.setattr(importance, "GRADIENT_IMAGES", 10_000)  # all 1293
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    slopes = importance.gradients(net, data)
    x = inputs(data.train).reshape(1293, 64)
    logits = x @ net[1].weight.detach().double().numpy().T + net[1].bias.detach().double().numpy()
    likelihood = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    likelihood[np.arange(1293), data.train.labels] -= 1
    np.testing.assert_allclose(slopes[1].weight.detach(), likelihood.T @ x / 1293, atol=1e-5)


@pytest.fixture
def small():
    """Two convs, batch norm and dropout, for 8x8 grey images."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 5, 3), nn.BatchNorm2d(5), nn.ReLU(),
        nn.Flatten(), nn.Dropout(), nn.Linear(5 * 16, 10),
    )  # fmt: skip


def test_taylor_is_the_square_of_how_the_loss_changes_with_a_gate_on_the_group(small, data, monkeypatch):
    monkeypatch.setattr(importance, "GRADIENT_IMAGES", 10_000)
    found = scores(small, ["filters", "channels"], "taylor", data=data)
    images, labels = torch.from_numpy(inputs(data.train)), torch.from_numpy(data.train.labels)
    net = small.double().eval()

    def loss(place, gate):
        weight, before = net[3].weight.data, net[3].weight.data.clone()
        weight[place] *= gate
        with torch.no_grad():
            value = functional.cross_entropy(net(images), labels).item()
        weight.copy_(before)
        return value

    def expected(place):
        return ((loss(place, 1 + 1e-4) - loss(place, 1 - 1e-4)) / 2e-4) ** 2

    assert found["filters"][1].tolist() == pytest.approx([expected(np.s_[i]) for i in range(5)], rel=0.01)
    assert found["channels"][1].tolist() == pytest.approx([expected(np.s_[:, i]) for i in range(6)], rel=0.01)


def test_gates_are_activation_times_gradient_behind_the_batch_norm(small, data, monkeypatch):
    """Against a direct computation: the net in its parts, and autograd's gradient of each image's loss there."""
    monkeypatch.setattr(importance, "GRADIENT_IMAGES", 10_000)
    monkeypatch.setattr(importance, "BATCH", 500)
    small[1].running_mean.uniform_(-1, 1)
    nn.init.uniform_(small[1].weight, 0.5, 2)
    nn.init.uniform_(small[1].bias)
    small[2] = nn.ReLU(inplace=True)
    (first, second) = scores(small, ["filters"], "taylor_gates", data=data)["filters"]
    net, images = copy.deepcopy(small).double().eval(), torch.from_numpy(inputs(data.train))
    behind = [net[1](net[0](images)).detach().requires_grad_()]
    behind.append(net[4](net[3](behind[0].relu())))
    logits = net[8](behind[1].relu().flatten(1))
    functional.cross_entropy(logits, torch.from_numpy(data.train.labels), reduction="sum").backward(inputs=behind)
    expected = [(activation * activation.grad).sum((2, 3)).square().sum(0).tolist() for activation in behind]
    assert [first.tolist(), second.tolist()] == [pytest.approx(values, rel=1e-3) for values in expected]


def test_snip_takes_the_gradient_with_batch_norms_of_the_batch(small, data, monkeypatch):
    """Connection sensitivity: how the loss changes with a factor on a weight, whatever its batch norms know."""
    monkeypatch.setattr(importance, "GRADIENT_IMAGES", 100)
    small[1].running_mean.fill_(50)
    small[4].running_var.fill_(1e6)
    (first, *_) = scores(small, ["weights"], "snip", data=data, seed=6)["weights"]
    drawn = np.sort(np.random.default_rng(6).choice(len(data.train), 100, replace=False))
    images, labels = torch.from_numpy(inputs(data.train)[drawn]), torch.from_numpy(data.train.labels[drawn])
    net = copy.deepcopy(small).double().train()
    net[7].eval()  # dropout

    def loss(index, factor):
        weight = net[0].weight.data.flatten()
        before = weight[index].item()
        weight[index] = before * factor
        value = functional.cross_entropy(net(images), labels).item()
        weight[index] = before
        return value

    expected = [abs(loss(index, 1 + 1e-6) - loss(index, 1 - 1e-6)) / 2e-6 for index in range(54)]
    assert first.tolist() == pytest.approx(expected, rel=0.01, abs=1e-7)
    assert small[1].running_mean.eq(50).all()


def test_gates_of_neurons_and_of_convs_without_a_batch_norm(data, monkeypatch):
    monkeypatch.setattr(importance, "GRADIENT_IMAGES", 64)
    torch.manual_seed(2)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(32, 5), nn.BatchNorm1d(5), nn.ReLU(),
        nn.Linear(5, 10),
    ).eval()  # fmt: skip
    found = scores(net, ["filters", "neurons"], "taylor_gates", data=data, seed=4)
    drawn = np.sort(np.random.default_rng(4).choice(len(data.train), 64, replace=False))
    images, labels = torch.from_numpy(inputs(data.train)[drawn]).float(), torch.from_numpy(data.train.labels[drawn])

    def change(place, index):
        """The square of how each image's loss changes with a factor on an output, summed."""

        def losses(factor):
            gate = torch.ones(net[place].weight.shape[0])
            gate[index] = factor
            hook = net[place].register_forward_hook(lambda m, i, out: out * gate.reshape(-1, *[1] * (out.dim() - 2)))
            values = functional.cross_entropy(net(images).double(), labels, reduction="none")
            hook.remove()
            return values

        with torch.no_grad():
            return ((losses(1.01) - losses(0.99)) / 0.02).square().sum().item()

    assert found["filters"][0].tolist() == pytest.approx([change(0, index) for index in range(3)], rel=0.02)
    assert found["filters"][1].tolist() == pytest.approx([change(1, index) for index in range(2)], rel=0.02)
    assert found["neurons"][0].tolist() == pytest.approx([change(4, index) for index in range(5)], rel=0.02)


@pytest.fixture(scope="module")
def learnt(digits):
    """Nets of two convs, trained until they know most digits."""
    data, nets = load_data(digits(8, 1)), []
    images, labels = torch.from_numpy(inputs(data.train)).float(), torch.from_numpy(data.train.labels)
    for seed in range(3):
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(1, 24, 3), nn.BatchNorm2d(24), nn.ReLU(), nn.Conv2d(24, 24, 3), nn.BatchNorm2d(24), nn.ReLU(),
            nn.Flatten(), nn.Linear(24 * 16, 10),
        )  # fmt: skip
        optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        for step in range(150):
            batch = torch.randperm(len(images))[:64] if step % 20 else torch.arange(64)
            optimizer.zero_grad()
            functional.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()
        nets.append(net.eval())
    return data, nets, images, labels


def test_gates_rank_filters_more_as_the_loss_without_them_does(learnt, monkeypatch):
    monkeypatch.setattr(importance, "GRADIENT_IMAGES", 10_000)
    data, nets, images, labels = learnt

    def loss(net):
        with torch.no_grad():
            return functional.cross_entropy(net(images), labels).item()

    def changes(net, norm):
        whole, found = loss(net), []
        for channel in range(24):
            without = copy.deepcopy(net)
            without[norm].weight.data[channel] = without[norm].bias.data[channel] = 0
            found.append((loss(without) - whole) ** 2)
        return found

    correlations = {"taylor_gates": [], "taylor": []}
    for net in nets:
        true = [*changes(net, 1), *changes(net, 4)]
        for method, of_method in correlations.items():
            found = torch.cat(scores(net, ["filters"], method, data=data)["filters"])
            of_method.append(spearmanr(true, found).statistic)
    gates, averaged = (np.mean(of_method) for of_method in correlations.values())
    assert gates > 0.6 and gates > averaged + 0.2, correlations


def test_the_seed_draws_the_images_of_a_gradient(small, data, monkeypatch):
    monkeypatch.setattr(importance, "GRADIENT_IMAGES", 20)
    monkeypatch.setattr(importance, "BATCH", 8)
    seen, real = [], importance.to_tensor
    monkeypatch.setattr(importance, "to_tensor", lambda images: seen.append(np.array(images)) or real(images))
    one, again, other = (importance.gradients(small, data, seed)[3].weight.detach() for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert [len(images) for images in seen] == [8, 8, 4] * 3
    drawn = [{image.tobytes() for image in np.concatenate(seen[i : i + 3])} for i in (0, 3, 6)]
    assert len(drawn[0]) == 20 and drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] <= {image.tobytes() for image in np.asarray(data.train.images)}


def test_judging_leaves_the_net_as_it_was(small, data):
    before = {key: value.clone() for key, value in small.state_dict().items()}
    torch.manual_seed(5)
    following = torch.rand(1)
    torch.manual_seed(5)
    for method in ("taylor", "random", "bn_scale"):
        scores(small, ["filters"], method, data=data)
    assert torch.equal(torch.rand(1), following)
    assert small.training and all(p.grad is None for p in small.parameters())
    assert all(torch.equal(value, before[key]) for key, value in small.state_dict().items())


def test_the_batch_norm_of_each_conv():
    net = models.build_model("resnet50", 10, width=1 / 16)
    names = {module: name for name, module in net.named_modules()}
    found = {name: names[norm] for name, norm in importance.norms(net).items()}
    assert list(found) == list(groups.convs(net))
    for conv, norm in found.items():  # bn2 follows conv2, downsample.1 follows downsample.0
        assert norm == (conv[:-1] + "1" if "downsample" in conv else conv.replace("conv", "bn"))

    with torch.no_grad():
        net.layer1[0].bn2.weight.copy_(torch.tensor([0.5, -2.0, 0.0, 1.0]))
    of_filters = dict(zip(found, scores(net, ["filters"], "bn_scale")["filters"], strict=True))
    assert of_filters["layer1.0.conv2"].tolist() == [0.5, 2, 0, 1]


def test_a_score_by_batch_norms_names_the_convs_that_have_none():
    net = nn.Sequential(nn.Conv2d(1, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.ReLU(), nn.BatchNorm2d(4))
    with pytest.raises(ValueError, match="no batch norm follows 2"):
        scores(net, ["filters"], "bn_scale")


def test_weights_that_are_not_finite_are_refused(small):
    small[0].weight.data[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"l1 of some filters is not finite.*diverged"):
        scores(small, ["filters"], "l1")


METHODS = registry.entries(registry.Score, "pytorch")


@pytest.mark.parametrize("method", METHODS)
def test_every_score_ranks_the_groups_that_it_says(method, digits):
    torch.manual_seed(0)
    net, data = models.build_model("resnet50", 10, width=1 / 16), load_data(digits(32, 3))
    kinds = METHODS[method].of
    assert kinds and set(kinds) <= set(groups.KINDS)
    found = scores(net, kinds, method, data=data, seed=3)
    for kind in kinds:
        assert [len(scores) for scores in found[kind]] == [len(matrix) for matrix in groups.KINDS[kind](net)]
    again = scores(net, kinds, method, data=data, seed=3)
    assert all(torch.equal(a, b) for kind in kinds for a, b in zip(found[kind], again[kind], strict=True))


def test_chance_draws_anew_for_every_layer_and_side():
    net = nn.Sequential(nn.Conv2d(20, 20, 1), nn.Conv2d(20, 20, 1))
    found = scores(net, ["filters", "channels"], "random", seed=1)
    drawn = [tuple(scores.tolist()) for kind in found.values() for scores in kind]
    assert len(set(drawn)) == 4
    assert drawn != [tuple(s.tolist()) for k in scores(net, found, "random", seed=2).values() for s in k]
