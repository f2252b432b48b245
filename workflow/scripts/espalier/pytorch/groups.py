"""What a prune type prunes: the groups of weights of a net, as matrices with one row per group.

Penalties sum over these rows, scores rank them, and the actual ratio counts them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from espalier.pytorch.models import residual_blocks, weighted
from espalier.registry import COSTS, PruneType, get, register

if TYPE_CHECKING:
    from torch import Tensor, nn


def groups(net: nn.Module, prune_type: str) -> list[Tensor]:
    """The groups of a net: a list of tensors (groups, weights per group), views of its weights."""
    return get(PruneType, prune_type, "pytorch")(net)


def count(net: nn.Module, prune_type: str) -> int:
    """How many groups a net has. In VGG16-BN: 4224 filters, 3715 input channels (3 of them RGB), 7939 both."""
    return sum(len(matrix) for matrix in groups(net, prune_type))


def actual_ratio(before: nn.Module, after: nn.Module, prune_type: str) -> float:
    """Share of the groups of `before` that are gone in `after`: 1 - groups kept / all groups. A single weight is gone
    if it is zero, another group if the net no longer has it."""
    if get(PruneType, prune_type, "pytorch").by == ("weights",):
        kept = sum(int(matrix.count_nonzero()) for matrix in groups(after, prune_type))
    else:
        kept = count(after, prune_type)
    return 1 - kept / count(before, prune_type)


def convs(net: nn.Module) -> dict[str, Any]:
    """The conv layers of a net by name, in forward order."""
    from torch import nn

    return {name: module for name, module in net.named_modules() if isinstance(module, nn.Conv2d)}


def hidden(net: nn.Module) -> dict[str, Any]:
    """The linear layers of a net by name, in forward order, but for the net's last layer, which gives the classes."""
    from torch import nn

    layers = weighted(net)
    return {name: layer for name, layer in list(layers.items())[:-1] if isinstance(layer, nn.Linear)}


# The kinds of groups that scores rank.


def filters(net: nn.Module) -> list[Tensor]:
    """One group per output channel of each conv layer, layer by layer."""
    return [conv.weight.flatten(1) for conv in convs(net).values()]


def channels(net: nn.Module) -> list[Tensor]:
    """One group per input channel of each conv layer, those of the image among them, layer by layer."""
    return [conv.weight.transpose(0, 1).flatten(1) for conv in convs(net).values()]


def blocks(net: nn.Module) -> list[Tensor]:
    """One group, and one matrix, per residual block: all weights of its convs, the shortcut's not counted."""
    import torch

    return [
        torch.cat([conv.weight.flatten() for name, conv in convs(block).items() if not name.startswith("downsample")])[
            None
        ]
        for block in residual_blocks(net).values()
    ]


def weights(net: nn.Module) -> list[Tensor]:
    """One group per weight of each conv and linear layer, layer by layer; biases and batch norms are not among them."""
    return [layer.weight.reshape(-1, 1) for layer in weighted(net).values()]


def neurons(net: nn.Module) -> list[Tensor]:
    """One group per output neuron of each hidden linear layer, layer by layer."""
    return [layer.weight for layer in hidden(net).values()]


def scales(net: nn.Module) -> list[Tensor]:
    """One row per channel of each batch norm of a net: its scale, gamma. Raises ValueError if there is none."""
    from torch import nn

    norms = [norm for norm in net.modules() if isinstance(norm, nn.BatchNorm2d) and norm.affine]
    if not norms:
        raise ValueError("the net has no batch norm, whose scales could be penalised")
    return [norm.weight[:, None] for norm in norms]


KINDS = {"filters": filters, "channels": channels, "blocks": blocks, "neurons": neurons, "weights": weights}
LAYERS = {"filters": convs, "neurons": hidden}  # whose rows the groups of a kind are


# The prune types: each gives the groups of a net. Those for convs score each output channel of a conv by its own
# filter, by the next conv's input channel, or by both (the channel is kept if either is).


@register(
    PruneType(
        "filter_wise",
        backend="pytorch",
        title="Filters",
        cite="residual connections: Fang et al. 2023, DepGraph, arXiv:2301.12900",
        needs="convs",
        by=("filters",),
        amounts=("ratio", "threshold", *COSTS),
        scopes=("global", "layer"),
    )
)
def filter_wise(net: nn.Module) -> list[Tensor]:
    """Output channels."""
    return filters(net)


@register(
    PruneType(
        "channel_wise",
        backend="pytorch",
        title="Input channels",
        needs="conv_chain",
        by=("channels",),
        amounts=("ratio", *COSTS),
        scopes=("global", "layer"),
    )
)
def channel_wise(net: nn.Module) -> list[Tensor]:
    """Input channels."""
    return channels(net)


@register(
    PruneType(
        "filter_and_channel_wise",
        backend="pytorch",
        title="Filters and input channels",
        needs="conv_chain",
        by=("filters", "channels"),
        amounts=("ratio", *COSTS),
        scopes=("global", "layer"),
        spares="convs before a max pool",
    )
)
def filter_and_channel_wise(net: nn.Module) -> list[Tensor]:
    """Both of the above: every weight is in two groups."""
    return filters(net) + channels(net)


@register(
    PruneType(
        "neuron_wise",
        backend="pytorch",
        title="Neurons",
        cite="Fang et al. 2023, DepGraph, arXiv:2301.12900",
        needs="linear_layers",
        by=("neurons",),
        amounts=("ratio", "threshold", *COSTS),
        scopes=("global", "layer"),
        spares="the layer that gives the classes",
    )
)
def neuron_wise(net: nn.Module) -> list[Tensor]:
    """Output neurons of hidden linear layers; the inputs of the next layer that read a neuron go with it."""
    return neurons(net)


@register(
    PruneType(
        "depth_wise",
        backend="pytorch",
        title="Residual blocks",
        needs="residual_blocks",
        by=("blocks",),
        amounts=("blocks",),
        scopes=(),
    )
)
def depth_wise(net: nn.Module) -> list[Tensor]:
    """Residual blocks; only the shortcut of a removed block stays."""
    return blocks(net)


@register(
    PruneType(
        "weight",
        backend="pytorch",
        title="Single weights, set to zero",
        cite="Han et al. 2015, arXiv:1506.02626; N:M patterns: Mishra et al. 2021, arXiv:2104.08378",
        needs="convs",
        by=("weights",),
        amounts=("ratio", "threshold", "pattern", "params", "compression"),
        scopes=("global", "layer", "erk"),
        default_method="magnitude",
        schedules=("gradual",),
        masks=True,
    )
)
def weight(net: nn.Module) -> list[Tensor]:
    """Single weights of conv and linear layers, which keep their shapes."""
    return weights(net)
