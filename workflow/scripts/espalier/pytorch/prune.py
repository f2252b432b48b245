"""Structured pruning: which groups go is decided here, by the rules of the published CIFAR-100 study; removing channels
goes through Torch-Pruning's dependency graph. What is saved is a smaller net.

The rules: the scores of all groups of all conv layers are pooled and sorted, the threshold is the value at index
int(groups * ratio), a group is kept if its score is strictly above it. The number kept in a layer is rounded up to a
multiple of 8, at least 8, with the best of the groups below the threshold (ties: the lower index); layers of 8 or fewer
are left as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from espalier.pytorch import groups as grouping
from espalier.pytorch.models import load, remove_blocks, residual_blocks, save
from espalier.registry import get

MULTIPLE = 8  # layers keep a multiple of this many channels, as hardware likes them


def prune_model(
    out: str | Path,
    *,
    parent: str | Path,
    dense: str | Path | None = None,
    data: str | Path,
    prune_type: str,
    method: str,
    ratio: str | None = None,
    blocks=None,
) -> dict:
    """Prune the net in `parent` and write the smaller net to `out`.

    prune_type, method: registered names. ratio: share of the groups to remove (of all conv layers together), for prune
    types by ratio. blocks: how many residual blocks to remove, for those by blocks. dense: the trained net that it all
    began with, the parent if not given. data: the prepared data set, for the size of its images. Returns what was
    measured: `actual_ratio`, the share of the dense net's groups that is gone, of the net read back from disk. Raises
    RuntimeError if the file does not hold what was decided.
    """
    from espalier.data import load as load_data

    pruned = load(parent)
    if get("prune_type", prune_type, "pytorch").options["amount"] == "blocks":
        names = weakest_blocks(pruned, method, int(blocks))
        remove_blocks(pruned, names)
        expected = {name: conv.out_channels for name, conv in grouping.convs(pruned).items()}
    else:
        kept = select(pruned, prune_type, method, float(ratio))
        size = load_data(data).manifest["size"]
        remove_channels(pruned, kept, size)
        expected = {name: len(indices) for name, indices in kept.items()}
    save(pruned, out)
    pruned = load(out)
    found = {name: conv.out_channels for name, conv in grouping.convs(pruned).items()}
    if found != expected:
        raise RuntimeError(f"{out} holds widths {found}, not those decided: {expected}")
    return {"measured": {"actual_ratio": grouping.actual_ratio(load(dense or parent), pruned, prune_type)}}


def select(net, prune_type: str, method: str, ratio: float) -> dict[str, list[int]]:
    """Which output channels each conv layer keeps: name -> sorted indices.

    A conv's outputs are judged by its own filters, by the input channels of the conv that follows, or by both, as the
    prune type says. All groups are pooled for the threshold, those that cannot go (the image's channels) too.
    """
    import torch

    score = get("score", method, "pytorch")
    entry = get("prune_type", prune_type, "pytorch")
    layers = chain(net)
    with torch.no_grad():
        sides = {
            "filters": [score(matrix, 1) for matrix in grouping.filters(net)],
            "channels": [score(matrix, 1) for matrix in grouping.channels(net)],
        }
    limit = threshold(torch.cat([s for side in entry.options["by"] for s in sides[side]]), ratio)
    kept = {}
    for i, layer in enumerate(layers):
        judges = [sides["filters"][i]] if "filters" in entry.options["by"] else []
        if "channels" in entry.options["by"] and i + 1 < len(layers):
            judges.append(sides["channels"][i + 1])
        spared = not judges or ("spares" in entry.options and layer.before_max_pool)
        everything = list(range(layer.width))
        kept[layer.name] = everything if spared else keep(torch.stack(judges).amax(0), limit)
    return kept


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


def weakest_blocks(net, method: str, number: int) -> list[str]:
    """Names of the `number` residual blocks with the lowest scores over all weights of their convs."""
    import torch

    score = get("score", method, "pytorch")
    names = list(residual_blocks(net))
    if not 0 < number <= len(names):
        raise ValueError(f"cannot remove {number} of {len(names)} residual blocks")
    with torch.no_grad():
        scores = [score(matrix, 1).item() for matrix in grouping.groups(net, "depth_wise")]
    return sorted(names, key=dict(zip(names, scores, strict=True)).get)[:number]


def remove_channels(net, kept: dict[str, list[int]], size: int) -> None:
    """Remove every output channel that is not kept, and with it its bias, its batch norm's channel and the inputs of
    what follows, the 7x7 columns of the first linear layer too. size: side of the images, for tracing the net."""
    import torch
    import torch_pruning

    example = torch.zeros(1, next(iter(grouping.convs(net).values())).in_channels, size, size)
    graph = torch_pruning.DependencyGraph().build_dependency(net, example_inputs=example)
    for name, conv in grouping.convs(net).items():
        removed = sorted(set(range(conv.out_channels)) - set(kept[name]))
        if removed:
            graph.get_pruning_group(conv, torch_pruning.prune_conv_out_channels, idxs=removed).prune()


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
