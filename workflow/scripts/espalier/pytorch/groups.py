"""What a prune type prunes: the groups of weights of a net, as matrices with one row per group.

Penalties sum over these rows, scores rank them, and the ratio that was really pruned counts them.
"""

from __future__ import annotations

from espalier.pytorch.models import residual_blocks
from espalier.registry import get, register


def groups(net, prune_type: str) -> list:
    """The groups of a net: a list of tensors (groups, weights per group), views of its weights."""
    return get("prune_type", prune_type, "pytorch")(net)


def count(net, prune_type: str) -> int:
    """How many groups a net has. In VGG16-BN: 4224 filters, 3715 input channels (3 of them RGB), 7939 both."""
    return sum(len(matrix) for matrix in groups(net, prune_type))


def actual_ratio(before, after, prune_type: str) -> float:
    """Share of the groups of `before` that are gone in `after`: 1 - groups kept / all groups."""
    return 1 - count(after, prune_type) / count(before, prune_type)


def convs(net) -> dict:
    """The conv layers of a net by name, in forward order."""
    from torch import nn

    return {name: module for name, module in net.named_modules() if isinstance(module, nn.Conv2d)}


def filters(net) -> list:
    """One group per output channel of each conv layer, layer by layer."""
    return [conv.weight.flatten(1) for conv in convs(net).values()]


def channels(net) -> list:
    """One group per input channel of each conv layer, those of the image among them, layer by layer."""
    return [conv.weight.transpose(0, 1).flatten(1) for conv in convs(net).values()]


# A registered prune type gives the groups of a net. Those for chains of convs also say `by` which of the two sides of a
# conv's output they judge it: its own filters, the next conv's input channels, or both (kept if either is kept).


@register(
    "filter_wise",
    kind="prune_type",
    backend="pytorch",
    title="Filters",
    needs="conv_chain",
    amount="ratio",
    by=("filters",),
)
def filter_wise(net):
    """Output channels."""
    return filters(net)


@register(
    "channel_wise",
    kind="prune_type",
    backend="pytorch",
    title="Input channels",
    needs="conv_chain",
    amount="ratio",
    by=("channels",),
)
def channel_wise(net):
    """Input channels."""
    return channels(net)


@register(
    "filter_and_channel_wise",
    kind="prune_type",
    backend="pytorch",
    title="Filters and input channels",
    needs="conv_chain",
    amount="ratio",
    by=("filters", "channels"),
    spares="convs before a max pool",
)
def filter_and_channel_wise(net):
    """Both of the above: every weight is in two groups."""
    return filters(net) + channels(net)


@register(
    "depth_wise",
    kind="prune_type",
    backend="pytorch",
    title="Residual blocks",
    needs="residual_blocks",
    amount="blocks",
)
def depth_wise(net):
    """One group per residual block: all weights of its convs, the shortcut's not counted."""
    import torch

    blocks = residual_blocks(net).values()
    return [
        torch.cat([conv.weight.flatten() for name, conv in convs(block).items() if not name.startswith("downsample")])[
            None
        ]
        for block in blocks
    ]
