"""Pruning: which groups go is decided here; removing channels goes through Torch-Pruning's dependency graph. What is
saved is a smaller net. (Single weights, which are only set to zero, are in `unstructured`.)

The rules for filters and channels are those of the published CIFAR-100 study. The scores of all groups of all conv
layers are pooled and sorted, the threshold is the value at index int(groups * ratio), a group is kept if its score is
strictly above it. The number kept in a layer is rounded up to a multiple of 8, at least 8, with the best of the groups
below the threshold (ties: the lower index); layers of 8 or fewer are left as they are. With scope "layer" the same
happens within each layer. A threshold that is given is no share: groups below it go, and nothing is rounded.

Where residual connections add up the outputs of several convs, a channel can go only from all of them: they are judged
together, as in DepGraph (Fang et al. 2023, arXiv:2301.12900), by the mean of their scores for that channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espalier.datasets.prepare import Data
from espalier.datasets.prepare import load as load_data
from espalier.pytorch import groups as grouping
from espalier.pytorch import unstructured
from espalier.pytorch.importance import scores as judge
from espalier.pytorch.models import load, remove_blocks, residual_blocks, save
from espalier.registry import Entry, PruneType, get
from espalier.training.pruning import Pruning
from espalier.training.recipe import KEEP_NOTHING, Keeping

if TYPE_CHECKING:
    from torch import nn

MULTIPLE = 8  # layers keep a multiple of this many channels, as hardware likes them


def prune_model(
    out: str | Path,
    *,
    data: str | Path,
    parent: str | Path,
    dense: str | Path | None = None,
    keeping: Keeping = KEEP_NOTHING,
    **step: Any,
) -> dict[str, Any]:
    """Prune the net in `parent` and write it to `out`.

    data: a prepared data set, for the size of its images and for scores by gradients. dense: the trained net that the
    chain began with, the parent if not given. step: what `Pruning` says. keeping: not used, since nothing is trained.

    Returns {"measured": {"actual_ratio": share of the dense net's groups that is gone}}, of the net read back from
    disk. Raises ValueError for what cannot be done and RuntimeError if the file does not hold what was decided.
    """
    pruning, prepared, net = Pruning.of(step, "pytorch"), load_data(data), load(parent)
    prune = _zero_weights if pruning.prune_type.by == ("weights",) else _remove_groups
    pruned = prune(net, pruning, prepared, out)
    ratio = grouping.actual_ratio(load(dense or parent), pruned, pruning.prune_type.name)
    return {"measured": {"actual_ratio": ratio}}


def _zero_weights(net: nn.Module, pruning: Pruning, data: Data, out: str | Path) -> nn.Module:
    """Set single weights to zero, save the net to `out` and return it as read back."""
    before, amount = unstructured.zeros(net), {pruning.amount.key: pruning.amount.value}
    unstructured.zero_weights(net, pruning.score.name, scope=pruning.scope, **amount, data=data, seed=pruning.seed)
    save(net, out)
    pruned = load(out)
    unstructured.check(pruned, before, scope=pruning.scope, **amount)
    return pruned


def _remove_groups(net: nn.Module, pruning: Pruning, data: Data, out: str | Path) -> nn.Module:
    """Remove channels or blocks, save the net to `out` and return it as read back."""
    material, amount = {"data": data, "seed": pruning.seed}, pruning.amount
    if amount.key == "blocks":
        remove_blocks(net, weakest_blocks(net, pruning.score.name, amount.value, **material))
        expected = {name: conv.out_channels for name, conv in grouping.convs(net).items()}
    else:
        size, how = data.manifest["size"], {"below" if amount.key == "threshold" else "ratio": amount.value}
        names = pruning.prune_type.name, pruning.score.name
        kept = select(net, *names, **how, scope=pruning.scope, size=size, **material)
        remove_channels(net, kept, size)
        expected = {name: len(indices) for name, indices in kept.items()}
    save(net, out)
    pruned = load(out)
    found = {name: conv.out_channels for name, conv in grouping.convs(pruned).items()}
    if found != expected:
        raise RuntimeError(f"{out} holds widths {found}, not those decided: {expected}")
    return pruned


def select(
    net,
    prune_type: str,
    method: str,
    ratio: str | float | None = None,
    *,
    scope: str = "global",
    below: float | None = None,
    size: int = 32,
    data: Data | None = None,
    seed: int = 0,
) -> dict[str, list[int]]:
    """Which output channels each conv layer keeps: name -> sorted indices.

    A conv's outputs are judged by its own filters, by the input channels of the conv that follows, or by both, as the
    prune type says; convs whose outputs are coupled are judged together. For one threshold all groups are pooled, those
    that cannot go (the image's channels) too. ratio: the share to remove; below: in its place, the score that a group
    must reach to be kept. size: side of an image, for tracing the net. data, seed: as for `judge.scores`.
    """
    import torch

    entry = get(PruneType, prune_type, "pytorch")
    found = judge(net, entry.by, method, data=data, seed=seed)
    if entry.by == ("filters",):
        judged = judge_filters(net, found["filters"], size)
        pool = [scores for names, scores, _ in judged for _ in names]
    else:
        judged = judge_outputs(net, entry, found)
        pool = [scores for side in entry.by for scores in found[side]]
    if below is None and scope == "global":
        limit = threshold(torch.cat(pool), float(ratio))
    kept = {}
    for names, scores, spared in judged:
        if spared:
            indices = list(range(len(scores)))
        elif below is not None:
            indices = keep_above(scores, below)
        else:
            indices = keep(scores, limit if scope == "global" else threshold(scores, float(ratio)))
        kept |= dict.fromkeys(names, indices)
    return {name: kept[name] for name in grouping.convs(net)}


def judge_filters(net, scores: list, size: int) -> list[tuple]:
    """The outputs of convs by their own filters, for every set of coupled convs: names, score of each channel (the mean
    of the convs' scores), whether it must stay."""
    import torch

    by_name = dict(zip(grouping.convs(net), scores, strict=True))
    return [
        (names, torch.stack([by_name[name] for name in names]).mean(0), spared) for names, spared in coupled(net, size)
    ]


def judge_outputs(net, entry: Entry, scores: dict[str, list]) -> list[tuple]:
    """The outputs of each conv of a chain by its filters, the next conv's input channels, or the better of the two:
    names (one), score of each channel, whether the prune type spares it."""
    import torch

    layers, by = chain(net), entry.by
    judged = []
    for i, layer in enumerate(layers):
        judges = [scores["filters"][i]] if "filters" in by else []
        if "channels" in by and i + 1 < len(layers):
            judges.append(scores["channels"][i + 1])
        spared = not judges or (entry.spares and layer.before_max_pool)
        judged.append(([layer.name], torch.stack(judges).amax(0) if judges else torch.zeros(layer.width), spared))
    return judged


def threshold(scores, ratio: float) -> float:
    """The value at index int(n * ratio) of the sorted scores: groups must score strictly more to be kept."""
    return scores.sort().values[int(len(scores) * ratio)].item()


def keep(scores, limit: float, multiple: int = MULTIPLE) -> list[int]:
    """Sorted indices of the groups of one layer that are kept; the count is rounded up to a multiple, at least one."""
    total = len(scores)
    above = int((scores > limit).sum())
    wanted = min(total, max(multiple, -(-above // multiple) * multiple))
    best_first = scores.argsort(descending=True, stable=True)
    return sorted(best_first[:wanted].tolist())


def keep_above(scores, below: float) -> list[int]:
    """Sorted indices of the groups of one layer that score `below` or more; if there is none, of the best one."""
    return (scores >= below).nonzero().flatten().tolist() or [int(scores.argmax())]


def weakest_blocks(net, method: str, number: int, *, data: Data | None = None, seed: int = 0) -> list[str]:
    """Names of the `number` residual blocks with the lowest scores over all weights of their convs."""
    names = list(residual_blocks(net))
    if not 0 < number <= len(names):
        raise ValueError(f"cannot remove {number} of {len(names)} residual blocks")
    scores = [score.item() for score in judge(net, ["blocks"], method, data=data, seed=seed)["blocks"]]
    return sorted(names, key=dict(zip(names, scores, strict=True)).get)[:number]


# Removing channels


def remove_channels(net, kept: dict[str, list[int]], size: int) -> None:
    """Remove every output channel that is not kept, and with it its bias, its batch norm's channel, the same channel of
    the convs that it is added to, and the inputs of what follows, the 7x7 columns of the first linear layer too. size:
    side of the images, for tracing the net."""
    graph = dependencies(net, size)
    for name, conv in grouping.convs(net).items():
        if conv.out_channels > len(kept[name]):  # else nothing goes, or it went with a conv before
            removed = sorted(set(range(conv.out_channels)) - set(kept[name]))
            graph.get_pruning_group(conv, graph.get_pruner_of_module(conv).prune_out_channels, idxs=removed).prune()


def dependencies(net, size: int):
    """Torch-Pruning's graph of a net: what must go together. size: side of an image, for tracing."""
    import torch
    import torch_pruning

    example = torch.zeros(1, next(iter(grouping.convs(net).values())).in_channels, size, size)
    return torch_pruning.DependencyGraph().build_dependency(net, example_inputs=example)


def coupled(net, size: int) -> list[tuple[list[str], bool]]:
    """Sets of convs whose output channels go together, and whether they must stay: names in forward order, spared.

    In a chain each conv is a set of its own. Spared are outputs that a grouped conv reads or writes (but not a
    depthwise one, whose channels go with those it reads), and outputs that are combined with a linear layer's. Raises
    ValueError if coupled channels stand at different places, as after a concatenation.
    """
    from torch import nn

    graph, convs = dependencies(net, size), grouping.convs(net)
    names, sets, done = {conv: name for name, conv in convs.items()}, [], set()
    for name, conv in convs.items():
        if name in done:
            continue
        last = conv.out_channels - 1  # where the last channel goes, all go
        members, spared = [], False
        for item, indices in graph.get_pruning_group(conv, graph.get_pruner_of_module(conv).prune_out_channels, [last]):
            module, writes = item.target.module, graph.is_out_channel_pruning_fn(item.handler)
            if isinstance(module, nn.Conv2d):
                depthwise = module.groups == module.in_channels == module.out_channels
                spared |= module.groups > 1 and not depthwise
                if writes:
                    members.append(names[module])
                    if indices != [last] or module.out_channels != conv.out_channels:
                        raise ValueError(f"the outputs of {name} and {names[module]} are coupled at different places")
            elif isinstance(module, nn.Linear):
                spared |= writes
        members.sort(key=list(convs).index)
        done.update(members)
        sets.append((members, spared))
    return sets


@dataclass(frozen=True)
class Link:
    """One conv of a chain: its name, its number of output channels, whether a max pool comes before the next conv."""

    name: str
    width: int
    before_max_pool: bool


def chain(net) -> list[Link]:
    """The convs of a net in which each conv feeds the next, from its traced graph.

    Raises ValueError if the net branches: then a conv's output has more than one reader, and removing it needs more
    care. So too if a conv is called twice, or the convs are not called in the order of `groups.convs`.
    """
    from torch import fx, nn
    from torch.nn import functional

    convs, pools, order = grouping.convs(net), (functional.max_pool2d, "max_pool2d"), []
    for node in fx.symbolic_trace(net).graph.nodes:
        if len(node.users) > 1:
            raise ValueError(f"{node.name} has {len(node.users)} readers: the net is no chain of convs")
        if node.op == "call_module" and node.target in convs:
            order.append([node.target, False])
        elif order and (
            (node.op == "call_module" and isinstance(net.get_submodule(node.target), nn.MaxPool2d))
            or node.target in pools
        ):
            order[-1][1] = True
    if [name for name, _ in order] != list(convs):
        raise ValueError(f"the net defines its convs in another order than it calls them: {list(convs)}")
    return [Link(name, convs[name].out_channels, pooled) for name, pooled in order]
