"""Importance scores: which groups of weights go first.

A score reduces a weight over `dims` to one number per group; groups with the lowest numbers go first. The signed ones
(`mean`, `sum`) are as published: the most negative groups go first. A score says what it is a score `of`: filters,
channels, blocks, or weights one by one. It may ask for more by naming it as a parameter:

- `scale`: |gamma| of the batch norm that follows the group's conv, one number per group
- `gates`: how the loss of each of some training images changes with a factor on each output, (groups, images)
- `gradient`: of the loss on training images with respect to the weight, of the weight's shape
- `batch_gradient`: like `gradient`, with batch norms that normalise by each batch, as they do in training
- `generator`: a torch.Generator that the step's seed started

`scope` is the one that a score was published with, where that is not its prune type's first: `layer`, a share of each
layer goes. `normalize` says the same of `normalize: layer`. Of a `coupled` score a row of `weight` holds all parameters
that go with a channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from espalier.registry import Score, register

if TYPE_CHECKING:
    from torch import Generator, Tensor

SSL = "published CIFAR-100 study; Wen et al. 2016, Structured Sparsity Learning, arXiv:1608.03665"
L1 = "Li et al. 2017, Pruning Filters for Efficient ConvNets, arXiv:1608.08710"
GROUPS = ("filters", "channels", "neurons", "blocks")  # groups of many weights
Dims = int | tuple[int, ...]


@register(Score("group_lasso", backend="pytorch", title="Sum of squares", cite=SSL, of=GROUPS))
def group_lasso(weight: Tensor, dims: Dims) -> Tensor:
    """Sum of w^2 over `dims`: the square of the norm that the group lasso penalises."""
    return weight.square().sum(dims)


@register(Score("mean_abs", backend="pytorch", title="Mean absolute weight", cite=SSL, of=GROUPS))
def mean_abs(weight: Tensor, dims: Dims) -> Tensor:
    """Mean of |w| over `dims`."""
    return weight.abs().mean(dims)


@register(Score("sum_abs", backend="pytorch", title="Sum of absolute weights", cite=L1, of=GROUPS))
def sum_abs(weight: Tensor, dims: Dims) -> Tensor:
    """Sum of |w| over `dims`: the L1 norm, under the name that the published study gives it."""
    return _l1(weight, dims)


@register(Score("mean", backend="pytorch", title="Mean weight (signed)", cite=SSL, of=GROUPS, signed=True))
def mean(weight: Tensor, dims: Dims) -> Tensor:
    """Mean of w over `dims`, with its sign."""
    return weight.mean(dims)


@register(Score("sum", backend="pytorch", title="Sum of weights (signed)", cite=SSL, of=GROUPS, signed=True))
def sum_signed(weight: Tensor, dims: Dims) -> Tensor:
    """Sum of w over `dims`, with its sign."""
    return weight.sum(dims)


@register(
    Score(
        "random",
        backend="pytorch",
        title="Random",
        cite="the baseline of Blalock et al. 2020, arXiv:2003.03033",
        of=(*GROUPS, "weights"),
        random=True,
    )
)
def random(weight: Tensor, dims: Dims, generator: Generator) -> Tensor:
    """A uniform random number for each group; its weights do not matter."""
    import torch

    return torch.rand(weight.sum(dims).shape, generator=generator)


@register(Score("l1", backend="pytorch", title="L1 norm", cite=L1, of=GROUPS, scope="layer"))
def l1(weight: Tensor, dims: Dims) -> Tensor:
    """Sum of |w| over `dims`."""
    return _l1(weight, dims)


@register(
    Score(
        "l2",
        backend="pytorch",
        title="L2 norm",
        cite="He et al. 2018, Soft Filter Pruning, arXiv:1808.06866",
        of=GROUPS,
        scope="layer",
    )
)
def l2(weight: Tensor, dims: Dims) -> Tensor:
    """Square root of the sum of w^2 over `dims`."""
    return weight.square().sum(dims).sqrt()


@register(
    Score(
        "bn_scale",
        backend="pytorch",
        title="Batch-norm scale (network slimming)",
        cite="Liu et al. 2017, Network Slimming, arXiv:1708.06519",
        of=("filters",),
        needs="batch_norm",
    )
)
def bn_scale(weight: Tensor, dims: Dims, scale: Tensor) -> Tensor:
    """|gamma| of the batch norm that a filter's output goes through; its weights do not count."""
    return scale


@register(
    Score(
        "fpgm",
        backend="pytorch",
        title="Distance to the other groups (FPGM)",
        cite="He et al. 2019, Filter Pruning via Geometric Median, arXiv:1811.00250",
        of=("filters", "channels", "neurons"),
        scope="layer",
    )
)
def fpgm(weight: Tensor, dims: Dims) -> Tensor:
    """Sum of the Euclidean distances to all groups of the layer: the group nearest to their geometric median, which the
    others can replace best, goes first."""
    import torch

    inner = {dims} if isinstance(dims, int) else set(dims)
    rows = weight.permute([d for d in range(weight.dim()) if d not in inner] + sorted(inner)).flatten(1)
    return torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist").sum(1)  # as exact as float32 can


@register(
    Score(
        "taylor",
        backend="pytorch",
        title="First-order Taylor expansion",
        cite="Molchanov et al. 2019, arXiv:1906.10771",
        of=(*GROUPS, "weights"),
    )
)
def taylor(weight: Tensor, dims: Dims, gradient: Tensor) -> Tensor:
    """(Sum of gradient * w over `dims`)^2: to first order, the square of how much the loss changes without the group.
    Of the paper's two forms for groups this is the contribution of the group, which a gate on its output would have.
    The gradient is that of the mean loss, so that what images want differently cancels out; `taylor_gates` squares
    before it sums over the images."""
    return (gradient * weight).sum(dims).square()


@register(
    Score(
        "taylor_gates",
        backend="pytorch",
        title="First-order Taylor expansion at gates behind the batch norm",
        cite="Molchanov et al. 2019, arXiv:1906.10771",
        of=("filters", "neurons"),
    )
)
def taylor_gates(weight: Tensor, dims: Dims, gates: Tensor) -> Tensor:
    """Sum over the images of (d loss / d gate)^2, where a gate is a factor, 1, on an output behind its batch norm: its
    slope is the sum over the positions of activation * gradient. The weights do not count."""
    return gates.square().sum(1)


@register(
    Score(
        "depgraph",
        backend="pytorch",
        title="Group norm of all coupled parameters (DepGraph)",
        cite="Fang et al. 2023, DepGraph, arXiv:2301.12900; Torch-Pruning's GroupMagnitudeImportance",
        of=("filters", "neurons"),
        normalize="layer",
        coupled=True,
    )
)
def depgraph(weight: Tensor, dims: Dims) -> Tensor:
    """Sum of w^2 over all parameters that go with a channel: the filters, the scales of their norms, and the weights by
    which each layer that follows reads the channel."""
    return weight.square().sum(dims)


@register(
    Score(
        "lamp",
        backend="pytorch",
        title="Layer-adaptive magnitude (LAMP)",
        cite="Lee et al. 2021, Layer-Adaptive Sparsity for the Magnitude-based Pruning, arXiv:2010.07611",
        of=("weights",),
    )
)
def lamp(weight: Tensor, dims: Dims) -> Tensor:
    """w^2 / sum of the squares of all weights of the layer that are at least as large: what the weight is worth in a
    layer that has lost the smaller ones. Equal weights have equal scores; the paper tells them apart by place."""
    import torch

    squares = weight.double().square().sum(dims)
    ordered = squares.sort().values
    from_here = ordered.flip(0).cumsum(0).flip(0)
    at_least = from_here[torch.searchsorted(ordered, squares)]
    return torch.where(squares > 0, squares / at_least, squares)


@register(
    Score(
        "snip",
        backend="pytorch",
        title="Connection sensitivity (SNIP)",
        cite="Lee et al. 2019, SNIP: Single-shot Network Pruning, arXiv:1810.02340",
        of=("weights",),
    )
)
def snip(weight: Tensor, dims: Dims, batch_gradient: Tensor) -> Tensor:
    """|gradient * w|: how much the loss changes with a factor on the weight. The paper has it of the net before any
    training, so that batch norms have no statistics yet but those of the batch."""
    return (batch_gradient * weight).abs().sum(dims)


@register(
    Score(
        "max_abs",
        backend="pytorch",
        title="Largest absolute weight",
        cite="published CIFAR-10 study, whose dead filters have no weight above the threshold",
        of=GROUPS,
    )
)
def max_abs(weight: Tensor, dims: Dims) -> Tensor:
    """Largest |w| over `dims`: below a threshold, all weights of the group are."""
    return weight.abs().amax(dims)


@register(
    Score(
        "magnitude",
        backend="pytorch",
        title="Magnitude of a weight",
        cite="Han et al. 2015, arXiv:1506.02626",
        of=("weights",),
    )
)
def magnitude(weight: Tensor, dims: Dims) -> Tensor:
    """|w|; each weight is a group of its own, `dims` has one entry."""
    return _l1(weight, dims)


def _l1(weight: Tensor, dims: Dims) -> Tensor:
    return weight.abs().sum(dims)
