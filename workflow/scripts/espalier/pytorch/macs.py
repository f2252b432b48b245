"""Multiply-accumulates and parameters of a net. Apart from `profile`, so that no training from scratch depends on how
accuracy is measured."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from espalier.pytorch.images import image_channels, shapes_of

if TYPE_CHECKING:
    from torch import Tensor, nn

Rule = Callable[[Any, Any, Any], int]  # (module, inputs, output) -> operations of that call, for one image


@dataclass(frozen=True)
class Profile:
    """Counts for one image. macs: multiply-accumulates of convs, linear layers and attention, without biases. flops:
    2 x macs. published_macs: the count that the CIFAR-100 study's tables call FLOPs; None for nets whose
    multiply-accumulates are not all in conv and linear modules, which that count does not know. params: all parameters.
    """

    params: int
    macs: int
    flops: int
    published_macs: int | None


def profile_model(model: nn.Module, input_size: int) -> Profile:
    """Count a net for one RGB (or, if its first layer says so, other) image of input_size x input_size pixels.

    Counted are the products of matrices and the convolutions that PyTorch computes, in whatever layer or function
    (torch.utils.flop_counter): those of attention, too.
    """
    model = shapes_of(model).eval()
    image = _image(model, input_size)
    macs = _counted(model, image)
    return Profile(sum(p.numel() for p in model.parameters()), macs, 2 * macs, _published_macs(model, image, macs))


def count_macs(model: nn.Module, input_size: int) -> int:
    """The multiply-accumulates alone, which takes a third of the time of `profile_model`."""
    model = shapes_of(model).eval()
    return _counted(model, _image(model, input_size))


def _counted(model: nn.Module, image: Tensor) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter:
        model(image)
    return counter.get_total_flops() // 2


def _image(model: nn.Module, size: int) -> Tensor:
    import torch

    return torch.zeros(1, image_channels(model, size), size, size, device="meta")


def _published_macs(model: nn.Module, image: Tensor, macs: int) -> int | None:
    """The published count, which thop makes; None where thop does not know all layers that compute."""
    try:
        return _thop(model, image, _published) if _thop(model, image, _macs) == macs else None
    except Exception:  # thop hooks into every module and may fail in one that it does not know
        return None


# Counting rules for thop.


def _conv(module: Any, inputs: Any, output: Tensor) -> int:
    return output.numel() * (module.in_channels // module.groups) * module.kernel_size[0] * module.kernel_size[1]


def _linear(module: Any, inputs: Any, output: Tensor) -> int:
    return output.numel() * module.in_features


def _nothing(module: Any, inputs: Any, output: Tensor) -> int:
    return 0


def _conv_and_bias(module: Any, inputs: Any, output: Tensor) -> int:
    return _conv(module, inputs, output) + (output.numel() if module.bias is not None else 0)


def _batch_norm(module: Any, inputs: Any, output: Tensor) -> int:
    return 2 * output.numel()


def _adaptive_pool(module: Any, inputs: Any, output: Tensor) -> int:
    window = (inputs[0].shape[-2] // output.shape[-2]) * (inputs[0].shape[-1] // output.shape[-1])
    return (window + 1) * output.numel()


def _rules(**rules: Rule) -> dict[type, Rule]:
    from torch import nn

    known = importlib.import_module("thop.profile").register_hooks  # what thop has rules of its own for
    return dict.fromkeys(known, _nothing) | {getattr(nn, name): rule for name, rule in rules.items()}


def _macs() -> dict[type, Rule]:
    return _rules(Conv2d=_conv, Linear=_linear)


def _published() -> dict[type, Rule]:
    """How thop counted when the CIFAR-100 study was made: biases of convs, two per output of a batch norm, and adaptive
    average pooling as its window's additions and one division."""
    return _rules(Conv2d=_conv_and_bias, Linear=_linear, BatchNorm2d=_batch_norm, AdaptiveAvgPool2d=_adaptive_pool)


def _thop(model: nn.Module, image: Tensor, rules: Callable[[], dict[type, Rule]]) -> int:
    """thop's count of the net with these rules for each kind of layer."""
    import thop

    def hook(rule: Rule) -> Callable[[Any, Any, Any], None]:
        def count(module: Any, inputs: Any, output: Tensor) -> None:
            module.total_ops += rule(module, inputs, output)

        return count

    operations, _ = thop.profile(model, (image,), {kind: hook(rule) for kind, rule in rules().items()}, verbose=False)
    return round(operations)
