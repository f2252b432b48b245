"""The contract of sparsity penalties (PyTorch)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from espalier.registry import Penalty

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def trial(entry: Penalty) -> Iterator[Penalty]:
    yield entry


def made_up(scale: float = 0.1) -> list[Tensor]:
    """Groups of a small net: a matrix for each layer, one row per group."""
    import torch

    generator = torch.Generator().manual_seed(0)
    shapes = ((6, 5), (4, 9), (1, 7))
    return [(scale * torch.randn(shape, generator=generator)).requires_grad_() for shape in shapes]


def gives_one_number(penalty: Penalty) -> str | None:
    """It gives one number for all groups together."""
    import torch

    value = penalty(made_up())
    if isinstance(value, torch.Tensor) and value.dim() == 0:
        return None
    given = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else repr(value)
    return f"It gives {given}, not a tensor of one number: sum over the rows of each matrix, then over the matrices."


def is_finite_and_not_negative(penalty: Penalty) -> str | None:
    """It is finite and not negative, also where all weights are zero."""
    for scale, name in ((0.1, "usual weights"), (0.0, "weights that are all zero"), (1e-12, "tiny weights")):
        value = penalty(made_up(scale)).item()
        if not 0 <= value < float("inf"):
            return f"For {name} it is {value}."
    return None


def pulls_at_the_weights(penalty: Penalty) -> str | None:
    """Its gradient is finite, also where all weights of a group are zero, and reaches every layer."""
    import torch

    groups = made_up()
    with torch.no_grad():
        groups[0][1] = 0
    penalty(groups).backward()
    for matrix in groups:
        if matrix.grad is None or not matrix.grad.any():
            return f"No gradient reaches the layer with {len(matrix)} groups: use every matrix, no detach() or item()."
        if not matrix.grad.isfinite().all():
            return "Its gradient is not finite where a group is zero: sqrt(0) has none, norm() has."
    return None


def gives_the_same_each_time(penalty: Penalty) -> str | None:
    """The same weights give the same number."""
    first, second = penalty(made_up()).item(), penalty(made_up()).item()
    return None if first == second else f"Two calls give {first} and {second}: a penalty draws no random numbers."


def changes_nothing(penalty: Penalty) -> str | None:
    """It does not change the weights that it is given."""
    groups = made_up()
    penalty([matrix.detach() for matrix in groups])
    same = all(new.equal(old) for new, old in zip(groups, made_up(), strict=True))
    return None if same else "It changes the weights: no method that ends with _ (abs_, mul_), no `matrix[...] =`."


CHECKS = (gives_one_number, is_finite_and_not_negative, pulls_at_the_weights, gives_the_same_each_time, changes_nothing)
