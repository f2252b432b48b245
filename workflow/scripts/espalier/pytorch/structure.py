"""How the layers of a net hang together: which channels go together, and taking them out (by Torch-Pruning)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from espalier.pytorch import groups as grouping
from espalier.pytorch.cutting import settings
from espalier.pytorch.images import image_channels
from espalier.pytorch.models import spec_of

if TYPE_CHECKING:
    from torch import nn

Removal = dict[Any, tuple[Any, set[int]]]  # (node, function that prunes it): dependency, indices that go


def dependencies(net: nn.Module, size: int) -> Any:
    """Torch-Pruning's graph of a net: what must go together. size: side of an image, for tracing."""
    import torch
    import torch_pruning

    example = torch.zeros(1, image_channels(net, size), size, size)
    example = example.to(next(net.parameters()))
    _mend()
    with warnings.catch_warnings(), torch.enable_grad(), _traced_buffers(net):
        warnings.simplefilter("ignore")
        return torch_pruning.DependencyGraph().build_dependency(net, example_inputs=example, verbose=False)


@contextmanager
def _traced_buffers(net: nn.Module) -> Iterator[None]:
    """Buffers of real numbers are parameters inside the block, since Torch-Pruning sees only what has a gradient. Those
    of norms it knows itself."""
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase

    made = [
        (module, name, buffer)
        for module in net.modules()
        if not isinstance(module, _NormBase)
        for name, buffer in module.named_buffers(recurse=False)
        if buffer.is_floating_point() and buffer.numel() > 1
    ]
    for module, name, buffer in made:
        module._buffers.pop(name)
        module._parameters[name] = nn.Parameter(buffer)
    try:
        yield
    finally:
        for module, name, buffer in made:
            module._parameters.pop(name)
            module._buffers[name] = buffer


def _mend() -> None:
    """Three defects of Torch-Pruning 1.6.1: in nets with channel shuffles it infers 0 channels and divides by them;
    it adds up the sizes of concatenated tensors of which it knows only some; and in windows of attention it takes each
    reshape for a flattening, so that indices become too many to be held."""
    from torch_pruning.dependency import index_mapping

    if index_mapping.update_reshape_index_mapping.__module__ != index_mapping.__name__:
        return  # mended already
    index_mapping.update_reshape_index_mapping = _without(ZeroDivisionError, index_mapping.update_reshape_index_mapping)
    index_mapping.update_concat_index_mapping = _without(TypeError, index_mapping.update_concat_index_mapping)
    flatten = index_mapping._FlattenIndexMapping
    flattened: Any = flatten.__call__

    def mended(self: Any, indices: Any) -> Any:
        if not self.reverse and len(indices) > len({index.root_idx for index in indices}):
            raise IndexError("flattened twice")
        return flattened(self, indices)

    flatten.__call__ = mended


def _without(error: type[Exception], update: Any) -> Any:
    """A function of Torch-Pruning that updates a graph, and does nothing where it would raise this error."""

    def mended(graph: Any, node: Any) -> None:
        with suppress(error):
            update(graph, node)

    return mended


def remove_channels(net: nn.Module, kept: Mapping[str, Sequence[int]], size: int) -> None:
    """Remove every output channel that is not kept, and with it its bias, its norm's channel, the same channel of
    the layers that it is added to, and the inputs of what follows, the 7x7 columns of the first linear layer too.

    kept: of conv or linear layers, by name. size: side of the images, for tracing the net. Whole numbers that modules
    know of themselves, and that their tensors do not tell, are noted in the net's `spec`, for its file.
    """
    graph, modules, before = dependencies(net, size), dict(net.named_modules()), settings(net)
    gone = {name: sorted(set(range(width(modules[name]))) - set(indices)) for name, indices in kept.items()}
    remove(graph, removal(graph, {modules[name]: indices for name, indices in gone.items()}))
    if "spec" in vars(net):
        changed = {name: values for name, values in settings(net).items() if values != before[name]}
        if changed:
            spec_of(net)["settings"] = spec_of(net).get("settings", {}) | changed


def width(layer: Any) -> int:
    """The number of output channels of a conv, or of neurons of a linear layer."""
    from torch import nn

    return layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels


def group_of(graph: Any, layer: nn.Module, indices: Sequence[int]) -> Any:
    """Torch-Pruning's group: all that goes if these outputs of a layer go. The graph's net must be whole."""
    from torch_pruning.dependency import index_mapping

    update, index_mapping.update_index_mapping = index_mapping.update_index_mapping, _nothing
    try:  # it would do all the work of `dependencies` again, to the same end
        prune = graph.get_pruner_of_module(layer).prune_out_channels
        return graph.get_pruning_group(layer, prune, list(indices))
    finally:
        index_mapping.update_index_mapping = update


def _nothing(graph: Any) -> None:
    """Do nothing."""


def removal(graph: Any, gone: Mapping[nn.Module, Sequence[int]]) -> Removal:
    """All that goes if outputs of several layers go, by what it goes from; indices are those before anything goes."""
    items: Removal = {}
    for layer, indices in gone.items():
        if not indices:
            continue
        node, prune = graph.module2node[layer], graph.get_pruner_of_module(layer).prune_out_channels
        if set(indices) <= items.get((node, prune), (None, set()))[1]:
            continue  # it goes with a layer before
        for dependency, of_target in group_of(graph, layer, indices):
            items.setdefault((dependency.target, dependency.handler), (dependency, set()))[1].update(of_target)
    return items


def remove(graph: Any, items: Removal) -> None:
    """Take out of the graph's net what `removal` says."""
    for dependency, indices in items.values():
        old = dependency.target.module
        new = dependency(sorted(indices))
        if (name := graph._param_to_name.get(old)) is not None:  # a parameter or buffer cannot be cut in place
            owner, _, attribute = name.rpartition(".")
            module = graph.model.get_submodule(owner)
            setattr(module, attribute, new.data if attribute in module._buffers else new)


@dataclass(frozen=True)
class Link:
    """One conv of a chain: its name, its number of output channels, whether a max pool comes before the next conv."""

    name: str
    width: int
    before_max_pool: bool


def chain(net: nn.Module) -> list[Link]:
    """The convs of a net in which each conv feeds the next, in the order of its traced graph.

    Raises ValueError if the net branches: then a conv's output has more than one reader, and removing it needs more
    care. So too if a conv is not called, or called twice.
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
    called = [name for name, _ in order]
    if sorted(called) != sorted(convs):
        raise ValueError(f"the net calls the convs {called}, each of {list(convs)} must be called once")
    return [Link(name, convs[name].out_channels, pooled) for name, pooled in order]
