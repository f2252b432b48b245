"""A net that rounds weights and activations as int8 does, while it is trained (Jacob et al. 2018, arXiv:1712.05877).

What is rounded is what ONNX Runtime's static int8 rounds around a conv or linear layer: its weights, each output
channel by its own scale, symmetric around zero, and its input, by one range, to 256 levels of which one is zero. The
gradient goes through the rounding as if it was none, and not through what is cut off (straight-through estimator).
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.fx.proxy import TraceError
from torch.nn.utils.fusion import fuse_conv_bn_weights

from espalier.pytorch.models import weighted

LOW, HIGH = "input_low", "input_high"  # buffers of a layer: the range of its input
MOVES = 0.01  # share of the way that a range moves towards that of each batch
TINY = 1e-12  # of a scale: weights that are all zero stay so


def fold_batch_norms(net: nn.Module) -> None:
    """Put each batch norm that follows a conv into the conv's weights, in place, as the export does.

    A batch norm after anything else stays. Raises ValueError for a net that torch.fx cannot trace.
    """
    modules: dict[str, Any] = dict(net.named_modules())
    calls = _calls(net)
    for norm, node in calls.items():
        conv = str(node.args[0].target) if isinstance(node.args[0], fx.Node) else ""
        alone = conv in calls and len(calls[conv].users) == 1
        before, after = modules.get(conv), modules[norm]
        if not (alone and isinstance(before, nn.Conv2d) and isinstance(after, nn.BatchNorm2d)):
            continue
        mean, variance = after.running_mean, after.running_var
        if mean is not None and variance is not None:
            before.weight, before.bias = fuse_conv_bn_weights(
                before.weight, before.bias, mean, variance, after.eps, after.weight, after.bias
            )
            net.set_submodule(norm, nn.Identity())


def _calls(net: nn.Module) -> dict[str, fx.Node]:
    """The modules that the net calls once, with their place in its graph."""
    try:
        nodes = [node for node in fx.symbolic_trace(net).graph.nodes if node.op == "call_module"]
    except (TraceError, TypeError, ValueError, RuntimeError, AttributeError, NotImplementedError) as error:
        raise ValueError(f"the net cannot be traced by torch.fx, so that its batch norms stay: {error}") from error
    names = [str(node.target) for node in nodes]
    return {name: node for name, node in zip(names, nodes, strict=True) if names.count(name) == 1}


def simulate(net: nn.Module, batches: Iterable[np.ndarray]) -> None:
    """Let the net's conv and linear layers round, in place, beginning with the ranges on these normalised images."""
    ranges = _ranges(net, batches)
    for name, layer in weighted(net).items():
        if name in ranges:
            for key, value in zip((LOW, HIGH), ranges[name], strict=True):
                layer.register_buffer(key, value)
            layer.forward = types.MethodType(_rounded, layer)


def plain(net: nn.Module) -> dict[str, tuple[float, float]]:
    """Let the net compute in float again, in place; layer -> the range of its input."""
    ranges = {}
    for name, layer in weighted(net).items():
        if LOW in layer._buffers:
            ranges[name] = float(getattr(layer, LOW)), float(getattr(layer, HIGH))
            delattr(layer, LOW)
            delattr(layer, HIGH)
            del layer.forward
    return ranges


@torch.no_grad()
def _ranges(net: nn.Module, batches: Iterable[np.ndarray]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Layer -> the smallest and largest value of its input on normalised images, zero among them."""
    net.eval()
    names, seen = {layer: name for name, layer in weighted(net).items()}, {}

    def watch(layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        seen.setdefault(names[layer], []).append(inputs[0].aminmax())

    handles = [layer.register_forward_pre_hook(watch) for layer in names]
    for batch in batches:
        net(torch.from_numpy(batch))
    for handle in handles:
        handle.remove()
    return {name: _ends(found) for name, found in seen.items()}


def _ends(found: Iterable[Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """The range that holds zero and all of these ranges."""
    lows, highs = zip(*found, strict=True)
    return torch.stack(lows).min().clamp(max=0), torch.stack(highs).max().clamp(min=0)


def _rounded(layer: Any, inputs: torch.Tensor) -> torch.Tensor:
    """What a layer computes of its rounded input by its rounded weights; in training its range follows the input."""
    inputs = inputs.float()
    if layer.training:
        low, high = inputs.detach().aminmax()
        getattr(layer, LOW).lerp_(low.clamp(max=0), MOVES)
        getattr(layer, HIGH).lerp_(high.clamp(min=0), MOVES)
    inputs = _of_range(inputs, getattr(layer, LOW), getattr(layer, HIGH))
    weight = layer.weight
    layer.__dict__["weight"] = _per_channel(weight)  # found before the parameter of that name
    try:
        with torch.autocast(inputs.device.type, enabled=False):  # bf16 has no more digits than int8
            return type(layer).forward(layer, inputs)
    finally:
        del layer.__dict__["weight"]


def _of_range(values: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """Values rounded to 256 levels between the ends of a range, and cut off there."""
    scale = ((high - low) / 255).clamp(min=TINY)
    zero = (-low / scale).round().to(torch.int32)
    return torch.fake_quantize_per_tensor_affine(values, scale, zero, 0, 255)


def _per_channel(weight: torch.Tensor) -> torch.Tensor:
    """Weights rounded to 255 levels around zero, each output channel (dimension 0) by its largest one."""
    scale = (weight.detach().abs().flatten(1).amax(1) / 127).clamp(min=TINY)
    zeros = torch.zeros(len(weight), dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scale, zeros, 0, -127, 127)
