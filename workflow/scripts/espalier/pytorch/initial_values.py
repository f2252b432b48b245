"""Initial values of tensors: finding those that nobody has set, and leaving out those that are replaced anyway.

Memory that nobody has written to holds any value, another one in each run. It must not get into a net.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def undefined_as_nan() -> Iterator[None]:
    """New memory is filled with NaN (whole numbers: with the largest one), so that `undefined` can find it."""
    import torch

    deterministic: Any = torch.utils.deterministic
    mode, fill = torch.get_deterministic_debug_mode(), deterministic.fill_uninitialized_memory
    torch.set_deterministic_debug_mode("warn")
    deterministic.fill_uninitialized_memory = True
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)
        deterministic.fill_uninitialized_memory = fill


def undefined(tensor: Tensor) -> bool:
    """Whether a tensor that was made in `undefined_as_nan` was given no value, or not to all of it."""
    import torch

    if torch.nn.parameter.is_lazy(tensor) or tensor.is_meta:
        return True
    if tensor.is_floating_point() or tensor.is_complex():
        return bool(tensor.isnan().any())
    return tensor.dtype != torch.bool and tensor.numel() > 0 and bool((tensor == torch.iinfo(tensor.dtype).max).all())


def undrawn() -> AbstractContextManager[Any]:
    """A context in which random initial weights are not drawn: parameters keep the values that their memory has."""
    import torch
    from torch.overrides import TorchFunctionMode

    constant = ("constant_", "ones_", "zeros_", "eye_", "dirac_")

    class Undrawn(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            drawing = getattr(func, "__module__", None) == "torch.nn.init" and func.__name__ not in constant
            if drawing or func in (torch.Tensor.uniform_, torch.Tensor.normal_):
                tensor = args[0] if args else kwargs["tensor"]
                if isinstance(tensor, torch.nn.Parameter):
                    return tensor
            return func(*args, **kwargs)

    return Undrawn()
