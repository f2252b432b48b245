"""How the layers of a net hang together: which channels go together, and taking them out (by Torch-Pruning)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from espalier.pytorch import groups as grouping

if TYPE_CHECKING:
    from torch import nn


def remove_channels(net: nn.Module, kept: dict[str, list[int]], size: int) -> None:
    """Remove every output channel that is not kept, and with it its bias, its batch norm's channel, the same channel of
    the convs that it is added to, and the inputs of what follows, the 7x7 columns of the first linear layer too. size:
    side of the images, for tracing the net."""
    graph = dependencies(net, size)
    for name, conv in grouping.convs(net).items():
        if conv.out_channels > len(kept[name]):  # else nothing goes, or it went with a conv before
            removed = sorted(set(range(conv.out_channels)) - set(kept[name]))
            graph.get_pruning_group(conv, graph.get_pruner_of_module(conv).prune_out_channels, idxs=removed).prune()


def dependencies(net: nn.Module, size: int) -> Any:
    """Torch-Pruning's graph of a net: what must go together. size: side of an image, for tracing."""
    import torch
    import torch_pruning

    example = torch.zeros(1, next(iter(grouping.convs(net).values())).in_channels, size, size)
    return torch_pruning.DependencyGraph().build_dependency(net, example_inputs=example)


def coupled(net: nn.Module, size: int) -> list[tuple[list[str], bool]]:
    """Sets of convs whose output channels go together, and whether they must stay: names in forward order, spared.

    In a chain each conv is a set of its own. Spared are outputs that a grouped conv reads or writes (but not a
    depthwise one, whose channels go with those it reads), and outputs that are combined with a linear layer's. Raises
    ValueError if coupled channels stand at different places, as after a concatenation.
    """
    graph, convs = dependencies(net, size), grouping.convs(net)
    names = {conv: name for name, conv in convs.items()}
    sets: list[tuple[list[str], bool]] = []
    for name, conv in convs.items():
        if not any(name in members for members, _ in sets):
            members, spared = _coupled_with(graph, conv, names)
            sets.append((sorted(members, key=list(convs).index), spared))
    return sets


def _coupled_with(graph: Any, conv: nn.Conv2d, names: dict[nn.Conv2d, str]) -> tuple[list[str], bool]:
    """The convs whose outputs go with those of a conv, and whether they must stay."""
    from torch import nn

    last = conv.out_channels - 1  # where the last channel goes, all go
    members, spared = [], False
    for item, indices in graph.get_pruning_group(conv, graph.get_pruner_of_module(conv).prune_out_channels, [last]):
        module, writes = item.target.module, graph.is_out_channel_pruning_fn(item.handler)
        if isinstance(module, nn.Linear):
            spared |= writes
        if not isinstance(module, nn.Conv2d):
            continue
        depthwise = module.groups == module.in_channels == module.out_channels
        spared |= module.groups > 1 and not depthwise
        if writes:
            members.append(names[module])
            if indices != [last] or module.out_channels != conv.out_channels:
                raise ValueError(f"the outputs of {names[conv]} and {names[module]} are coupled at different places")
    return members, spared


@dataclass(frozen=True)
class Link:
    """One conv of a chain: its name, its number of output channels, whether a max pool comes before the next conv."""

    name: str
    width: int
    before_max_pool: bool


def chain(net: nn.Module) -> list[Link]:
    """The convs of a net in which each conv feeds the next, from its traced graph.

    Raises ValueError if the net branches: then a conv's output has more than one reader, and removing it needs more
    care. So too if a conv is called twice, or the convs are not called in the order of `groups.convs`.
    """
    from torch import fx, nn
    from torch.nn import functional

    convs, modules, pools = grouping.convs(net), dict(net.named_modules()), (functional.max_pool2d, "max_pool2d")
    order: list[list[Any]] = []
    for node in fx.symbolic_trace(net).graph.nodes:
        if len(node.users) > 1:
            raise ValueError(f"{node.name} has {len(node.users)} readers: the net is no chain of convs")
        if node.op == "call_module" and node.target in convs:
            order.append([node.target, False])
        elif order and (node.target in pools or isinstance(modules.get(node.target), nn.MaxPool2d)):
            order[-1][1] = True
    if [name for name, _ in order] != list(convs):
        raise ValueError(f"the net defines its convs in another order than it calls them: {list(convs)}")
    return [Link(name, convs[name].out_channels, pooled) for name, pooled in order]
