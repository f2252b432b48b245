"""Importance scores: which groups of weights go first.

A score reduces a weight over `dims` to one number per group; the higher, the longer the group is kept. The signed ones
(`mean`, `sum`) are as published: the most negative groups go first.
"""

from espalier.registry import register

SSL = "published CIFAR-100 study; Wen et al. 2016, Structured Sparsity Learning, arXiv:1608.03665"


@register("group_lasso", kind="score", backend="pytorch", title="Sum of squares", cite=SSL)
def group_lasso(weight, dims):
    """Sum of w^2 over `dims`: the square of the norm that the group lasso penalises."""
    return weight.square().sum(dims)


@register("mean_abs", kind="score", backend="pytorch", title="Mean absolute weight", cite=SSL)
def mean_abs(weight, dims):
    """Mean of |w| over `dims`."""
    return weight.abs().mean(dims)


@register(
    "sum_abs", kind="score", backend="pytorch", title="Sum of absolute weights", cite="Li et al. 2017, arXiv:1608.08710"
)
def sum_abs(weight, dims):
    """Sum of |w| over `dims`: the L1 norm."""
    return weight.abs().sum(dims)


@register("mean", kind="score", backend="pytorch", title="Mean weight (signed)", cite=SSL)
def mean(weight, dims):
    """Mean of w over `dims`, with its sign."""
    return weight.mean(dims)


@register("sum", kind="score", backend="pytorch", title="Sum of weights (signed)", cite=SSL)
def sum_signed(weight, dims):
    """Sum of w over `dims`, with its sign."""
    return weight.sum(dims)
