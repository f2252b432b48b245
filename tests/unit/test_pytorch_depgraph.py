"""Scores of whole coupled groups: by hand, and against Torch-Pruning's own importance class and pruner."""

import copy

import pytest
import torch
import torch_pruning
from torch import nn

from espalier.pytorch import models, prune, structure
from espalier.pytorch import outputs as outputs_of
from espalier.training.pruning import Pruning


class Concatenation(nn.Module):
    """Two convs whose outputs stand side by side, read by a conv, and by another one whose outputs are added to its."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32)
        self.left, self.right = nn.Conv2d(32, 16, 3, padding=1), nn.Conv2d(32, 48, 1)
        self.side_by_side = nn.BatchNorm2d(64)
        self.one, self.other = nn.Conv2d(64, 32, 3, padding=1), nn.Conv2d(64, 32, 1)
        self.last = nn.Linear(32 * 4 * 4, 10)

    def forward(self, images):
        x = self.norm(self.first(images)).relu()
        x = self.side_by_side(torch.cat([self.left(x), self.right(x)], 1)).relu()
        x = (self.one(x) + self.other(x)).relu()
        return self.last(nn.functional.adaptive_avg_pool2d(x, 4).flatten(1))


NETS = {
    "vgg16_bn": lambda: models.build_model("vgg16_bn", 10, width=0.25),
    "resnet20": lambda: models.build_model("resnet20", 10),
    "mobilenet_v2": lambda: models.build_model("mobilenet_v2", 10, width=0.5),  # depthwise convs
    "concatenation": Concatenation,
}


@pytest.fixture(params=NETS)
def net(request):
    torch.manual_seed(0)
    net = NETS[request.param]()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):  # as after training: new ones are all 1
            nn.init.uniform_(module.weight, 0.1, 3)
    return net


def depgraph(scope, normalize=None):
    step = {"prune_type": "filter_wise", "method": "depgraph", "ratio": "0.50"}
    return Pruning.of(step | {"scope": scope, "normalize": normalize}, "pytorch")


def classifier(net):
    return [module for module in net.modules() if isinstance(module, nn.Linear)][-1]


def scored_by_torch_pruning(net, normalizer):
    """For each of its groups the scores, and for each conv that it writes the channels that these are of."""
    graph = torch_pruning.DependencyGraph().build_dependency(net, torch.zeros(1, 3, 32, 32))
    importance = torch_pruning.importance.GroupMagnitudeImportance(p=2, group_reduction="mean", normalizer=normalizer)
    names = {module: name for name, module in net.named_modules()}
    for group in graph.get_all_groups(ignored_layers=[classifier(net)], root_module_types=[nn.Conv2d]):
        written = {
            names[item.dep.target.module]: dict(zip(item.idxs, item.root_idxs, strict=True))
            for item in group
            if isinstance(item.dep.target.module, nn.Conv2d) and graph.is_out_channel_pruning_fn(item.dep.handler)
        }
        yield importance(group), written


def chosen_by_torch_pruning(net, ratio):
    """The channels that each conv keeps: those above the value at the ratio, filled up to a multiple of eight."""
    scored = list(scored_by_torch_pruning(net, "mean"))
    pool = torch.cat([scores for scores, written in scored for _ in written]).sort().values
    limit, kept = pool[int(len(pool) * ratio)], {}
    for scores, written in scored:
        best = scores.argsort(descending=True)[: -(-max(1, int((scores > limit).sum())) // 8) * 8].tolist()
        for name, root in written.items():
            kept[name] = sorted(channel for channel in root if root[channel] in best)
    return kept


@pytest.mark.parametrize("ratio", ["0.20", "0.50", "0.80"])
def test_the_channels_that_torch_pruning_would_choose_are_chosen(net, ratio):
    step = {"prune_type": "filter_wise", "method": "depgraph", "ratio": ratio, "normalize": "layer"}
    kept = prune.kept_channels(net, Pruning.of(step, "pytorch"), 32)
    assert kept == chosen_by_torch_pruning(net, float(ratio))
    assert len({len(channels) / structure.width(net.get_submodule(name)) for name, channels in kept.items()}) > 1


@pytest.mark.parametrize("net", ["vgg16_bn", "resnet20", "concatenation"], indirect=True)  # half of them is 8, 16, ...
def test_in_each_layer_the_net_is_what_torch_prunings_pruner_leaves(net):
    theirs, importance = copy.deepcopy(net), torch_pruning.importance.GroupMagnitudeImportance(p=2)
    linear = [module for module in theirs.modules() if isinstance(module, nn.Linear)]
    torch_pruning.pruner.BasePruner(
        theirs, torch.zeros(1, 3, 32, 32), importance, pruning_ratio=0.5, ignored_layers=linear
    ).step()
    structure.remove_channels(net, prune.kept_channels(net, depgraph("layer"), 32), 32)
    assert {name: tensor.tolist() for name, tensor in net.state_dict().items()} == {
        name: tensor.tolist() for name, tensor in theirs.state_dict().items()
    }


def test_of_other_channels_than_the_filters_alone_would_choose(net):
    by_filters = Pruning.of({"prune_type": "filter_wise", "method": "group_lasso", "ratio": "0.50"}, "pytorch")
    by_group = depgraph("global")
    assert prune.kept_channels(net, by_filters, 32) != prune.kept_channels(net, by_group, 32)


def test_a_channel_counts_with_its_filters_its_norms_and_all_that_reads_it():
    net = nn.Sequential(
        nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2)
    )
    for parameter in net.parameters():
        nn.init.zeros_(parameter)
    net[0].weight.data[:, :, 0, 0] = torch.tensor([[3.0, 4, 0], [0, 0, 1]])
    net[0].bias.data.fill_(100)  # biases do not count
    net[1].weight.data = torch.tensor([2.0, 1])
    net[3].weight.data[0, :, 0, 0] = torch.tensor([1.0, 2])
    net[6].weight.data[0] = torch.arange(16.0)  # four pixels for each of the four channels
    outputs, _ = outputs_of.scored(net, depgraph("global"), 2, None)
    first, second = (of.scores.tolist() for of in outputs)
    assert first == [9 + 16 + 4 + 1, 1 + 1 + 4]
    assert second == [1 + 4 + 1 + 4 + 9, *(sum(n * n for n in range(i, i + 4)) for i in (4, 8, 12))]
    normalized, _ = outputs_of.scored(net, depgraph("global", "layer"), 2, None)
    assert normalized[0].scores.tolist() == pytest.approx([30 / 18, 6 / 18])


def test_neurons_count_with_what_reads_them():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 2), nn.ReLU(), nn.Linear(2, 2))
    for parameter in net.parameters():
        nn.init.zeros_(parameter)
    net[1].weight.data[:, 0] = torch.tensor([1.0, 3])
    net[3].weight.data[1] = torch.tensor([4.0, 0])
    step = {"prune_type": "neuron_wise", "method": "depgraph", "ratio": "0.50"}
    outputs, _ = outputs_of.scored(net, Pruning.of(step, "pytorch"), 2, None)
    assert [of.scores.tolist() for of in outputs] == [[1 + 16, 9]]
