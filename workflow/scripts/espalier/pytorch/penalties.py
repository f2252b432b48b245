"""Sparsity penalties: added to the loss, times a coefficient, they make whole groups of weights small.

A penalty is called with the groups of a prune type: a list of matrices with one row per group. One `of="scales"` gets
the scales of the batch norms instead, a list of matrices with one row, of one number, per channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from espalier.registry import Penalty, register

if TYPE_CHECKING:
    from torch import Tensor


@register(
    Penalty(
        "l2_groups",
        backend="pytorch",
        title="Sum of squares over all groups (as published)",
        cite="published CIFAR-100 study",
    )
)
def l2_groups(groups: Sequence[Tensor]) -> Tensor | int:
    """Sum of w^2: no square root and no group size, hence no group lasso. The same for filters and for channels, and
    twice that for both together."""
    return sum(matrix.square().sum() for matrix in groups)


@register(
    Penalty(
        "group_lasso",
        backend="pytorch",
        title="Group lasso",
        cite="Yuan and Lin 2006; Wen et al. 2016, arXiv:1608.03665",
    )
)
def group_lasso(groups: Sequence[Tensor]) -> Tensor | int:
    """Sum over groups of sqrt(group size) * ||w||_2, which pulls whole groups to zero."""
    return sum(matrix.shape[1] ** 0.5 * matrix.norm(dim=1).sum() for matrix in groups)


@register(
    Penalty(
        "slimming",
        backend="pytorch",
        title="L1 norm of the batch norms' scales (network slimming)",
        cite="Liu et al. 2017, Network Slimming, arXiv:1708.06519",
        of="scales",
    )
)
def slimming(groups: Sequence[Tensor]) -> Tensor | int:
    """Sum of |gamma|, which pulls the scales of whole channels to zero; the score `bn_scale` then tells which go."""
    return sum(matrix.abs().sum() for matrix in groups)
