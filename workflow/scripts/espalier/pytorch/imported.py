"""Building nets that no one registers, and finding out whether a net can be used: before anything is trained."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from espalier.imports import CLASSES, ImportFailed, in_words

if TYPE_CHECKING:
    from torch import nn


def own_net(num_classes: int, *, made: Callable[..., Any], **options: Any) -> nn.Module:
    """The net that a function of the user's own makes. It gets `num_classes` if it has a parameter of that name.

    Raises ImportFailed if the function raises, or returns something else than a torch.nn.Module.
    """
    from torch import nn

    parameters = inspect.signature(made).parameters.values()
    takes_classes = any(p.name == CLASSES or p.kind is p.VAR_KEYWORD for p in parameters)
    given = {CLASSES: num_classes} if takes_classes else {}
    try:
        net = made(**given, **options)
    except Exception as error:
        raise ImportFailed(f"{made.__name__} does not make a net: {in_words(error)}") from error
    if not isinstance(net, nn.Module):
        raise ImportFailed(
            f"{made.__name__} returns {type(net).__name__}, not a torch.nn.Module: return the net itself"
        )
    return net


def torchvision_net(num_classes: int, builder: str, **options: Any) -> nn.Module:
    """A net of torchvision with random weights. options: further arguments of torchvision's function."""
    from torchvision.models import get_model

    try:
        return get_model(builder, weights=None, num_classes=num_classes, **options)
    except (TypeError, ValueError) as error:
        raise ImportFailed(f"torchvision/{builder} does not make a net: {in_words(error)}") from error


def timm_net(num_classes: int, builder: str, **options: Any) -> nn.Module:
    """A net of timm with random weights. options: further arguments of timm's `create_model`."""
    import timm  # pyright: ignore[reportMissingImports] (it is optional)

    try:
        return timm.create_model(builder, pretrained=False, num_classes=num_classes, **options)
    except Exception as error:
        raise ImportFailed(f"timm/{builder} does not make a net: {in_words(error)}") from error


def check_net(net: nn.Module, name: str, num_classes: int, channels: int, size: int) -> None:
    """Raise ImportFailed if a net does not give one row of `num_classes` logits for each image of the study.

    The net itself, its weights and torch's random generator stay as they are.
    """
    import torch

    images = torch.zeros(2, channels, size, size)
    shape = "x".join(map(str, images.shape[1:]))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for training in (False, True):
            try:
                out = _copy(net, name).train(training)(images)
            except ImportFailed:
                raise
            except Exception as error:
                raise ImportFailed(f"{name} cannot take images of {shape}: {in_words(error)}") from error
            _check_output(out, name, num_classes, "while it trains" if training else "while it is evaluated")


def _copy(net: nn.Module, name: str) -> nn.Module:
    """A copy of the net to run, since a net may change its buffers while it runs."""
    import copy

    try:
        return copy.deepcopy(net)
    except Exception as error:
        raise ImportFailed(f"{name} cannot be copied (copy.deepcopy): {in_words(error)}") from error


def _check_output(out: Any, name: str, num_classes: int, when: str) -> None:
    import torch

    if isinstance(out, tuple | list | dict):
        raise ImportFailed(
            f"{name} returns {len(out)} outputs ({type(out).__name__}) {when}, not one: return the logits alone, a "
            "tensor of images x classes"
        )
    if not isinstance(out, torch.Tensor) or out.dim() != 2 or len(out) != 2:
        shown = f"a tensor of {tuple(out.shape)}" if isinstance(out, torch.Tensor) else type(out).__name__
        raise ImportFailed(f"{name} returns {shown} for 2 images, not a tensor of (2, {num_classes}) logits")
    if out.shape[1] != num_classes:
        raise ImportFailed(
            f"{name} has {out.shape[1]} outputs, and the data set {num_classes} classes: its function gets the number "
            f"of classes if it has a parameter {CLASSES}"
        )
