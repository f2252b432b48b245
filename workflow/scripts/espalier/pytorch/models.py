"""PyTorch nets: building them, and files that hold no code.

A model file is a safetensors file: every parameter and buffer of the net, and in its header the architecture's name,
its own options, its number of classes and the blocks that were removed. To read a pruned net, its dense form is built,
cut to the shapes in the file, and given the values in the file.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espalier.pytorch.cutting import cut, tensors_of
from espalier.pytorch.initial_values import undefined, undefined_as_nan, undrawn
from espalier.registry import Model, get

if TYPE_CHECKING:
    from torch import Tensor, nn

HEADER = "espalier"  # key of the header entry that names the architecture


def build_model(
    name: str,
    num_classes: int,
    *,
    widths: Sequence[int] | None = None,
    removed_blocks: Sequence[str] = (),
    width: float = 1.0,
    weights: str = "random",
    pretrained: str | Path | None = None,
    **options: Any,
) -> nn.Module:
    """A net with new weights (drawn from torch's global generator) or, in all layers but the last, those of ImageNet.

    name: registered architecture. widths: output channels of its conv layers, in their order, for architectures that
    are a chain of convs. removed_blocks: residual blocks to leave out, such as ["layer1.1"]. width: factor on every
    layer's width; with `widths` given, on the fully connected layers only. weights: "random", "imagenet" for the whole
    net at width 1 of an architecture that has them, or "file" for those of all layers; pretrained: the .safetensors
    file that they are read from, None to fetch those of ImageNet. options: further arguments of the architecture's
    function.

    Random weights are those that the architecture's function draws, or its registered `initial`. Raises
    registry.UnknownName for an unknown name, ValueError for widths, blocks or weights that the architecture does not
    have or if a parameter or buffer is given no value, and WeightsUnavailable if those of ImageNet cannot be fetched.
    """
    given = {}
    if weights == "file":
        if not pretrained:
            raise ValueError(f"`weights: file` of {name}, and no file: `pretrained`")
        given = _read_tensors(pretrained)
    if weights == "imagenet":
        if width != 1.0 or widths is not None or removed_blocks:
            raise ValueError(f"ImageNet weights are for the whole {name}: width 1.0, not {width}, and nothing removed")
        given = _read_tensors(pretrained) if pretrained else imagenet_weights(name)
    initial = get(Model, name, "pytorch").initial
    with undefined_as_nan():
        net = _constructed(
            name, num_classes, removed_blocks, draws=initial is None, widths=widths, width=width, **options
        )
        if initial:
            initial(net)
    if given and weights == "file":
        net.load_state_dict(given, strict=True)
    _check_defined(net)
    if given and weights == "imagenet":
        last = list(weighted(net))[-1]
        new = {key: value for key, value in net.state_dict().items() if key.startswith(f"{last}.")}
        net.load_state_dict(given | new, strict=True)
    return net


def redrawn(net: nn.Module, seed: int, *, width: float = 1.0) -> nn.Module:
    """A net of the same shapes with new initial weights, on the CPU, where a seed gives the same values for any device.

    width: what the dense net was built with. Weights are drawn as `build_model` draws them. Where the architecture
    declares how (`initial`), they are drawn in the net's own shapes. Otherwise its function draws the dense net's
    weights, of which the first are kept in each dimension that was pruned; those of conv and linear layers are scaled
    by sqrt(inputs before / inputs after), so that the layer's outputs vary as much as those of the dense layer.
    """
    import torch

    spec = spec_of(net)
    initial = get(Model, spec["name"], "pytorch").initial
    torch.manual_seed(seed)
    with undefined_as_nan():
        new = _constructed(
            spec["name"], spec["num_classes"], spec["removed_blocks"],
            draws=initial is None, width=width, **spec.get("options", {}),
        )  # fmt: skip
        inputs = {
            layer.weight: math.prod(layer.weight.shape[1:]) for layer in weighted(new).values()
        }  # a tied weight is there once
        _cut_as(new, spec, _shapes(net))
        if initial:
            torch.manual_seed(seed)
            initial(new)
        else:
            for weight, before in inputs.items():
                weight.data *= math.sqrt(before / math.prod(weight.shape[1:]))
    _check_defined(new)
    return new


def skeleton(
    name: str,
    num_classes: int,
    *,
    widths: Sequence[int] | None = None,
    removed_blocks: Sequence[str] = (),
    width: float = 1.0,
    **options: Any,
) -> nn.Module:
    """The net of `build_model`, but its random weights have no values yet: to be counted, or to be given values."""
    return _constructed(name, num_classes, removed_blocks, draws=False, widths=widths, width=width, **options)


def _constructed(
    name: str, num_classes: int, removed_blocks: Sequence[str], *, draws: bool, **arguments: Any
) -> nn.Module:
    """The net as its architecture's function makes it.

    draws: whether it draws random weights. Those of a large net take seconds; if they are replaced anyway, their memory
    is left as it is, and so is torch's global generator.
    """
    import torch

    function = get(Model, name, "pytorch").function
    usual = {"widths": None, "width": 1.0}
    taken = {key: value for key, value in arguments.items() if key not in usual or value != usual[key]}
    _check_taken(name, function, taken)
    if draws:
        net = function(num_classes, **taken)
    else:
        with torch.random.fork_rng(devices=[]), undrawn():
            net = function(num_classes, **taken)
    net.spec = {"name": name, "num_classes": num_classes, "removed_blocks": []}
    if options := {key: value for key, value in arguments.items() if key not in usual}:
        net.spec["options"] = options
    remove_blocks(net, removed_blocks)
    return net


def _check_taken(name: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    if unknown := [key for key in arguments if key not in parameters]:
        raise ValueError(f"{name} takes no {', '.join(unknown)}; it takes {', '.join(parameters)}")


def _check_defined(net: nn.Module) -> None:
    """Raise ValueError if a parameter or buffer of a net that was made in `undefined_as_nan` was given no value."""
    if names := [name for name, tensor in tensors_of(net).items() if undefined(tensor)]:
        model = get(Model, spec_of(net)["name"], "pytorch")
        where = f"the `initial` of {model.name}" if model.initial else f"the function of {model.name}"
        raise ValueError(f"{where} gives no value to {', '.join(names)}: set every parameter and buffer")


class WeightsUnavailable(RuntimeError):
    """Weights that should have been fetched and could not be."""


def _read_tensors(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file."""
    from safetensors.torch import load_file

    return load_file(path)


def imagenet_weights(name: str) -> dict[str, Tensor]:
    """torchvision's first ImageNet weights of an architecture, which the CIFAR-100 study started from.

    They are fetched once, kept where torch.hub keeps files (TORCH_HOME), checked against the hash in their name, and
    read without running any code. Raises ValueError if the architecture has none, WeightsUnavailable if they cannot be
    fetched.
    """
    import pickle
    from http.client import HTTPException

    from torchvision.models import get_model_weights

    if not get(Model, name, "pytorch").imagenet:
        raise ValueError(f"there are no ImageNet weights of {name}")
    versions = get_model_weights(name.removeprefix("torchvision/"))
    if "IMAGENET1K_V1" not in versions.__members__:
        raise WeightsUnavailable(f"torchvision has no ImageNet weights of {name} (IMAGENET1K_V1)")
    chosen = versions["IMAGENET1K_V1"]
    try:
        return chosen.get_state_dict(progress=False, check_hash=True, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, HTTPException, pickle.UnpicklingError) as error:
        raise WeightsUnavailable(
            f"the ImageNet weights of {name} could not be had from {chosen.url}: {error}"
        ) from error


def save(net: nn.Module, path: str | Path) -> None:
    """Write a net's parameters and buffers, and what it takes to rebuild it."""
    from safetensors.torch import save_file

    tensors = {name: tensor.detach().contiguous() for name, tensor in tensors_of(net).items()}
    save_file(tensors, path, metadata={HEADER: json.dumps(spec_of(net))})


def load(path: str | Path) -> nn.Module:
    """The net in a file, in evaluation mode.

    Raises ValueError if the file's header names no architecture, or if its tensors are not those of the architecture.
    """
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        header = (file.metadata() or {}).get(HEADER)
        if header is None:
            raise ValueError(f"{path} is not a model of this workflow: its header names no architecture")
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (a file, not a dict)
    spec = json.loads(header)
    net = skeleton(
        spec["name"], spec["num_classes"], removed_blocks=spec["removed_blocks"], **spec.get("options", {})
    )  # fmt: skip
    expected = tensors_of(net)
    if expected.keys() != tensors.keys():
        missing = ", ".join(expected.keys() - tensors.keys()) or "nothing"
        unknown = ", ".join(tensors.keys() - expected.keys()) or "nothing"
        raise ValueError(f"{path} is no {spec['name']}: it lacks {missing}, and has {unknown} besides")
    _cut_as(net, spec, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    for name, tensor in expected.items():
        tensor.data = tensors[name]
    return net.eval()


def spec_of(net: nn.Module) -> dict[str, Any]:
    """What a net is rebuilt from: `name`, `num_classes`, `removed_blocks` and, if any, the architecture's `options` and
    the `settings` of modules that were cut: {module: {attribute: number or numbers}}."""
    return vars(net)["spec"]


def _shapes(net: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors_of(net).items()}


def _cut_as(net: nn.Module, spec: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Cut a dense net to the shapes of the one that has this spec."""
    cut(net, shapes, spec.get("settings"))
    if "settings" in spec:
        spec_of(net)["settings"] = spec["settings"]


def weighted(net: nn.Module) -> dict[str, Any]:
    """The conv and linear layers of a net by name, in forward order; the last one gives the classes."""
    from torch import nn

    return {name: module for name, module in net.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}


def residual_blocks(net: nn.Module) -> dict[str, Any]:
    """The residual blocks of a torchvision ResNet that are still there, by name, in forward order."""
    from torchvision.models.resnet import BasicBlock, Bottleneck

    return {name: module for name, module in net.named_modules() if isinstance(module, BasicBlock | Bottleneck)}


def remove_blocks(net: nn.Module, names: Sequence[str]) -> None:
    """Replace residual blocks by their shortcut: the downsample branch where there is one, else the identity."""
    if not names:
        return
    from torch import nn

    blocks, spec = residual_blocks(net), spec_of(net)
    for name in names:
        if name not in blocks:
            raise ValueError(f"{spec['name']} has no residual block {name!r}. It has: {', '.join(blocks) or 'none'}.")
        parent, _, child = name.rpartition(".")
        setattr(net.get_submodule(parent), child, blocks[name].downsample or nn.Identity())
    spec["removed_blocks"] = sorted({*spec["removed_blocks"], *names})
