"""Trying on a copy of a net whether it computes the same without channels as with their weights set to zero.

Torch-Pruning follows channels through the operations of a net. Through some, such as the shuffling of channels or the
windows of attention, it follows them to a wrong place, and says nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from espalier.pytorch.cutting import tensors_of

if TYPE_CHECKING:
    from torch import Tensor, nn

TOLERANCE = 1e-8  # of the largest output; float64 is far below
# Operations on tensors that move or combine channels, by the names that autograd gives them.
MOVING = ("permute", "transpose", "mm", "index", "roll", "stack", "select", "shuffle", "softmax", "einsum", "attention")
MOVING += ("gather", "flip", "cum", "sort", "topk", "unsafe", "strided", "unfold", "norm", "unknown", "glu", "pad")


def oddity(node: Any) -> str:
    """The name of an operation of which Torch-Pruning is not known to follow channels rightly through it.

    "" for layers, operations that treat each value by itself, pooling, and the flattening of images, or of what stands
    before a linear layer's last dimension.
    """
    from torch_pruning import ops

    layers = (ops.OPTYPE.CONV, ops.OPTYPE.DEPTHWISE_CONV, ops.OPTYPE.LINEAR, ops.OPTYPE.BN, ops.OPTYPE.PRELU)
    if node.type in (*layers, ops.OPTYPE.OUTPUT):
        return ""
    if node.type == ops.OPTYPE.ELEMENTWISE:
        name = _operation(node)
        moves = name == "t" or any(part in name for part in MOVING)
        return name if moves and not _of_linear(node) else ""
    if node.type == ops.OPTYPE.RESHAPE:
        flat = len(getattr(node.grad_fn, "_saved_self_sym_sizes", ())) == 4
        if all((after.type == ops.OPTYPE.LINEAR and flat) or _of_linear(after) for after in node.outputs):
            return ""
    return ops.OPTYPE(node.type).name.lower()


def _operation(node: Any) -> str:
    """The name of an operation on tensors, such as permute."""
    return str(getattr(node.module, "_grad_fn", "")).rstrip("0123456789").removesuffix("Backward").lower()


def _of_linear(node: Any) -> bool:
    """Whether a node is the product inside of a linear layer that is called with more than two dimensions, or its
    transposed weight."""
    from torch_pruning import ops

    name = _operation(node)
    if name == "t":
        return not node.inputs
    return name in ("addmm", "mm") and all(after.type == ops.OPTYPE.LINEAR for after in node.outputs)


def agrees(net: nn.Module, size: int, gone: Mapping[str, Sequence[int]]) -> bool:
    """Whether a copy of the net with other weights computes the same without these outputs of its layers as with all
    their weights, and those that read them, set to zero. Norms over channels scale each channel alone for the trial,
    since with fewer channels they would rightly give other values.
    """
    import torch

    from espalier.pytorch import structure
    from espalier.pytorch.images import image_channels

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        small = _lively(copy.deepcopy(net).double().eval())
        images = torch.randn(2, image_channels(net, size), size, size, dtype=torch.float64)
    dense = copy.deepcopy(small)
    try:
        graph, modules = structure.dependencies(small, size), dict(small.named_modules())
        items = structure.removal(graph, {modules[name]: indices for name, indices in gone.items()})
        _mask(dense, graph, items)
        structure.remove(graph, items)
        with torch.no_grad(), _norms_without_mixing():
            found, expected = small(images), dense(images)
        return bool((found - expected).abs().max() <= TOLERANCE * expected.abs().max())
    except (RuntimeError, ValueError, IndexError, AssertionError, TypeError):  # what a net of wrong shapes raises
        return False


def _lively(net: nn.Module) -> nn.Module:
    """The net with weights of which none is 0 or 1, so that a mix-up shows, and so small that rounding does not grow
    from layer to layer, as in He's initialisation of a deep net."""
    import torch

    for name, tensor in tensors_of(net).items():
        tensor = tensor.detach()
        if not tensor.is_floating_point():
            continue
        noise = torch.randn_like(tensor)
        if tensor.dim() > 1 and name.endswith("weight"):
            tensor.copy_(noise * max(1, tensor[0].numel()) ** -0.5)
        elif name.endswith("running_var") or name.endswith("weight"):
            tensor.copy_(1 + 0.2 * noise.abs())
        elif not name.endswith("index"):
            tensor.copy_(0.5 * noise)
    return net


def _mask(net: nn.Module, graph: Any, items: Mapping[Any, tuple[Any, set[int]]]) -> None:
    """Set to zero what goes: of layers outputs and inputs, of norms and parameters their channels."""
    from torch import nn

    tensors = tensors_of(net)
    for dependency, indices in items.values():
        target, which = dependency.target.module, sorted(indices)
        if (name := graph._param_to_name.get(target)) is not None:
            tensors[name].data.index_fill_(dependency.target.pruning_dim, _long(which), 0)
            continue
        module = net.get_submodule(graph._module2name[target]) if target in graph._module2name else None
        if not isinstance(getattr(module, "weight", None), nn.Parameter):
            continue
        _mask_layer(module, which, graph.is_out_channel_pruning_fn(dependency.handler))


def _mask_layer(module: Any, which: list[int], writes: bool) -> None:
    from torch import nn

    weight: Any = module.weight.data
    if weight.dim() > 1:
        out, inside = (1, 0) if getattr(module, "transposed", False) else (0, 1)
        depthwise = getattr(module, "groups", 1) > 1  # its inputs are its outputs
        weight.index_fill_(out if writes or depthwise else inside, _long(which), 0)
    elif not isinstance(module, nn.PReLU):
        weight.index_fill_(0, _long(which), 0)
    bias: Any = getattr(module, "bias", None)
    if writes and isinstance(bias, nn.Parameter):
        bias.data.index_fill_(0, _long(which), 0)


def _long(indices: list[int]) -> Tensor:
    import torch

    return torch.tensor(indices, dtype=torch.long)


def _norms_without_mixing() -> Any:
    """A context in which norms over channels only scale and shift each channel."""
    from torch.nn import functional
    from torch.overrides import TorchFunctionMode

    class Alone(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            given = kwargs or {}
            if func in (functional.group_norm, functional.layer_norm):
                bound = dict(zip(("input", "of", "weight", "bias"), args, strict=False)) | given
                place = 1 if func is functional.group_norm else -1
                return _affine(bound["input"], bound.get("weight"), bound.get("bias"), place)
            return func(*args, **given)

    return Alone()


def _affine(values: Tensor, weight: Tensor | None, bias: Tensor | None, place: int) -> Tensor:
    shape = [1] * values.dim()
    if place == 1 and weight is not None:
        shape[1] = -1
    for factor, apply in ((weight, "mul"), (bias, "add")):
        if factor is not None:
            values = getattr(values, apply)(factor.reshape(shape) if place == 1 else factor)
    return values
