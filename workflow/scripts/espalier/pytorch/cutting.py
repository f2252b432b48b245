"""Cutting a net: parameters and buffers get other shapes, and the modules that have them are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


def tensors_of(net: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer by name, including buffers that PyTorch does not save. A tied one is there once."""
    return dict(net.named_parameters()) | dict(net.named_buffers())


def cut(
    net: nn.Module, shapes: Mapping[str, tuple[int, ...]], settings: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """Give parameters and buffers the shapes that `shapes` has for their names, in place, and tell their modules.

    Of each dimension the first values are kept; where one grows, the further values are undefined. settings: whole
    numbers that modules know of themselves and that do not follow from the shapes, by module. Raises ValueError for a
    layer of PyTorch's of which neither is known, or for unknown settings.
    """
    tensors = tensors_of(net)
    new = {name: tuple(shape) for name, shape in shapes.items() if tuple(tensors[name].shape) != tuple(shape)}
    for name, shape in new.items():
        tensors[name].data = _corner(tensors[name].data, shape)
    changed = {id(tensors[name]) for name in new}
    for name, module in net.named_modules():
        own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        if settings and name in settings:
            _restore(name, module, settings[name])
        elif shape := next((tuple(tensor.shape) for tensor in own if id(tensor) in changed), None):
            _tell(name, module, shape)


def settings(net: nn.Module) -> dict[str, dict[str, Any]]:
    """The whole numbers, and tuples of them, that each module knows of itself and that its tensors do not tell."""
    found = {}
    for name, module in net.named_modules():
        values = {} if _follows(module) else vars(module)
        found[name] = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in values.items()
            if not key.startswith("_") and _numbers(value)
        }
    return found


def _numbers(value: Any) -> bool:
    whole = value if isinstance(value, tuple | list) else [value]
    return bool(whole) and all(type(number) is int for number in whole)


def _restore(name: str, module: Any, values: Mapping[str, Any]) -> None:
    """Set numbers that a module knows of itself, to values out of a file: only such as it has."""
    for key, value in values.items():
        before = vars(module).get(key)
        if not _numbers(value) or not _numbers(before) or isinstance(value, list) != isinstance(before, tuple | list):
            raise ValueError(f"{name}.{key} is {before!r} and cannot be {value!r}")
        setattr(module, key, type(before)(value))


def _follows(module: nn.Module) -> bool:
    """Whether `_tell` knows all sizes of a module from the shape of its tensors."""
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase
    from torch.nn.modules.conv import _ConvNd

    known = (_ConvNd, nn.Linear, _NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, nn.PReLU)
    return isinstance(module, known) and any(True for _ in (*module.parameters(False), *module.buffers(False)))


def _corner(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    new = tensor.new_empty(shape)
    place = tuple(slice(0, min(sizes)) for sizes in zip(tensor.shape, shape, strict=True))
    new[place] = tensor[place]
    return new


def _tell(name: str, module: Any, shape: tuple[int, ...]) -> None:
    """Set the sizes that a module of PyTorch's knows of itself to those of its weight."""
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase
    from torch.nn.modules.conv import _ConvNd

    if isinstance(module, _ConvNd):
        if 1 < module.groups == module.in_channels == module.out_channels:  # depthwise, and stays so
            module.groups = shape[0]
        wide, narrow = shape[0], shape[1] * module.groups
        module.in_channels, module.out_channels = (wide, narrow) if module.transposed else (narrow, wide)
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = shape
    elif isinstance(module, _NormBase):
        module.num_features = shape[0]
    elif isinstance(module, nn.GroupNorm):
        module.num_channels = shape[0]
    elif isinstance(module, nn.LayerNorm | nn.RMSNorm):
        module.normalized_shape = shape
    elif isinstance(module, nn.PReLU):
        module.num_parameters = shape[0]
    elif type(module).__module__.startswith("torch.nn."):
        raise ValueError(f"cannot cut {name}, a {type(module).__name__}, to the shape {shape}")
