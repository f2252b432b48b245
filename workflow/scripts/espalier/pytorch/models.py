"""Architectures, and model files that hold no code.

A model file is a safetensors file: the tensors, and in its header the architecture's name, its number of classes and
the blocks that were removed. A pruned net is rebuilt as its dense form, its modules cut to the shapes in the file,
then loaded strictly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from espalier.registry import Model, get, register

HEADER = "espalier"  # key of the header entry that names the architecture


def build_model(
    name: str,
    num_classes: int,
    *,
    widths: Sequence[int] | None = None,
    removed_blocks: Sequence[str] = (),
    width: float = 1.0,
    weights: str = "random",
):
    """A net with new weights (drawn from torch's global generator) or, in all layers but the last, those of ImageNet.

    name: registered architecture. widths: output channels of its conv layers, in their order, for architectures that
    are a chain of convs. removed_blocks: residual blocks to leave out, such as ["layer1.1"]. width: factor on every
    layer's width; with `widths` given, on the fully connected layers only. weights: "random", or "imagenet" for the
    whole net at width 1 of an architecture that has them. Raises registry.UnknownName for an unknown name, ValueError
    for widths, blocks or weights that the architecture does not have, and WeightsUnavailable if those of ImageNet
    cannot be had.
    """
    given = {}
    if weights == "imagenet":
        if width != 1.0 or widths is not None or removed_blocks:
            raise ValueError(f"ImageNet weights are for the whole {name}: width 1.0, not {width}, and nothing removed")
        given = imagenet_weights(name)
    net = skeleton(name, num_classes, widths=widths, removed_blocks=removed_blocks, width=width)
    net.to_empty(device="cpu")
    initialise(net)
    if given:
        last = list(weighted(net))[-1]
        new = {key: value for key, value in net.state_dict().items() if key.startswith(f"{last}.")}
        net.load_state_dict(given | new, strict=True)
    return net


class WeightsUnavailable(RuntimeError):
    """Weights that should have been fetched and could not be."""


def imagenet_weights(name: str) -> dict:
    """torchvision's first ImageNet weights of an architecture, those that the CIFAR-100 study began with.

    They are fetched once and kept where torch.hub keeps files (TORCH_HOME), checked against the hash in their name, and
    read without running any code. Raises ValueError if the architecture has none, WeightsUnavailable if they cannot be
    had.
    """
    import pickle
    from http.client import HTTPException

    from torchvision.models import get_model_weights

    if not get(Model, name, "pytorch").imagenet:
        raise ValueError(f"there are no ImageNet weights of {name}")
    chosen = get_model_weights(name)["IMAGENET1K_V1"]
    try:
        return chosen.get_state_dict(progress=False, check_hash=True, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, HTTPException, pickle.UnpicklingError) as error:
        raise WeightsUnavailable(
            f"the ImageNet weights of {name} could not be had from {chosen.url}: {error}"
        ) from error


def save(net, path: str | Path) -> None:
    """Write a net's tensors and what it takes to rebuild it."""
    from safetensors.torch import save_file

    tensors = {key: value.contiguous() for key, value in net.state_dict().items()}
    save_file(tensors, path, metadata={HEADER: json.dumps(net.spec)})


def load(path: str | Path):
    """The net in a file, in evaluation mode. Raises ValueError if the file's header names no architecture."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        header = (file.metadata() or {}).get(HEADER)
        if header is None:
            raise ValueError(f"{path} is not a model of this workflow: its header names no architecture")
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (a file, not a dict)
    spec = json.loads(header)
    net = skeleton(spec["name"], spec["num_classes"], removed_blocks=spec["removed_blocks"])
    cut(net, {key: tuple(value.shape) for key, value in tensors.items()})
    net.load_state_dict(tensors, strict=True, assign=True)
    return net.eval()


def skeleton(
    name: str,
    num_classes: int,
    *,
    widths: Sequence[int] | None = None,
    removed_blocks: Sequence[str] = (),
    width: float = 1.0,
):
    """The net of build_model without memory for its weights (on the meta device): enough to count it."""
    import torch

    entry = get(Model, name, "pytorch")
    with torch.device("meta"):
        net = entry(num_classes, widths=widths, width=width)
    net.spec = {"name": name, "num_classes": num_classes, "removed_blocks": []}
    remove_blocks(net, removed_blocks)
    return net


def weighted(net) -> dict:
    """The conv and linear layers of a net by name, in forward order; the last one gives the classes."""
    from torch import nn

    return {name: module for name, module in net.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}


def initialise(net) -> None:
    """Initial weights of the CIFAR-100 study: convs by He et al. (2015) with fan-out, linear layers N(0, 0.01^2)."""
    from torch import nn

    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.01)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            nn.init.ones_(module.weight)
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)


def cut(net, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Give every conv, batch norm and linear layer the shape that `shapes` has for its weight (values are lost)."""
    import torch
    from torch import nn

    def empty(shape):
        return nn.Parameter(torch.empty(shape, device="meta"))

    for name, module in net.named_modules():
        shape = shapes.get(f"{name}.weight")
        if shape is None or tuple(module.weight.shape) == tuple(shape):
            continue
        module.weight = empty(shape)
        if getattr(module, "bias", None) is not None:
            module.bias = empty(shape[:1])
        if isinstance(module, nn.Conv2d):
            if 1 < module.groups == module.in_channels == module.out_channels:  # depthwise, and stays so
                module.groups = shape[0]
            module.out_channels, module.in_channels = shape[0], shape[1] * module.groups
        elif isinstance(module, nn.Linear):
            module.out_features, module.in_features = shape
        elif isinstance(module, nn.BatchNorm2d):
            module.num_features = shape[0]
            module.running_mean, module.running_var = (torch.empty(shape, device="meta") for _ in range(2))
        else:
            raise ValueError(f"cannot cut {name}, a {type(module).__name__}, to the shape {tuple(shape)}")


def residual_blocks(net) -> dict:
    """The residual blocks of a torchvision ResNet that are still there, by name, in forward order."""
    from torchvision.models.resnet import BasicBlock, Bottleneck

    return {name: module for name, module in net.named_modules() if isinstance(module, BasicBlock | Bottleneck)}


def remove_blocks(net, names: Sequence[str]) -> None:
    """Replace residual blocks by their shortcut: the downsample branch where there is one, else the identity."""
    from torch import nn

    blocks = residual_blocks(net)
    for name in names:
        if name not in blocks:
            raise ValueError(
                f"{net.spec['name']} has no residual block {name!r}. It has: {', '.join(blocks) or 'none'}."
            )
        parent, _, child = name.rpartition(".")
        setattr(net.get_submodule(parent), child, blocks[name].downsample or nn.Identity())
    net.spec["removed_blocks"] = sorted({*net.spec["removed_blocks"], *names})


def scaled(channels: int, width: float) -> int:
    """A layer's width times `width`, rounded, at least 1."""
    return max(1, round(channels * width))


@register(
    Model(
        "vgg16_bn",
        backend="pytorch",
        title="VGG16 with batch norm",
        cite="Simonyan and Zisserman 2015, arXiv:1409.1556",
        has=("convs", "conv_chain", "batch_norm"),
        imagenet=True,
        channels=(3,),
        smallest=32,
    )
)
def vgg16_bn(num_classes, widths=None, width=1.0):
    """torchvision's VGG16-BN. widths: its 13 conv widths."""
    from torch import nn
    from torchvision.models import vgg

    dense = [c for c in vgg.cfgs["D"] if c != "M"]
    widths = [scaled(c, width) for c in dense] if widths is None else [int(w) for w in widths]
    if len(widths) != len(dense) or min(widths) < 1:
        raise ValueError(f"vgg16_bn takes {len(dense)} positive conv widths, not {widths}")
    left = iter(widths)
    net = vgg.VGG(
        vgg.make_layers([c if c == "M" else next(left) for c in vgg.cfgs["D"]], batch_norm=True), init_weights=False
    )
    hidden = scaled(4096, width)
    net.classifier[0] = nn.Linear(widths[-1] * 7 * 7, hidden)
    net.classifier[3] = nn.Linear(hidden, hidden)
    net.classifier[6] = nn.Linear(hidden, num_classes)
    return net


@register(
    Model(
        "resnet50",
        backend="pytorch",
        title="ResNet50",
        cite="He et al. 2016, arXiv:1512.03385",
        has=("convs", "residual_blocks", "batch_norm"),
        imagenet=True,
        blocks=16,
        channels=(3,),
    )
)
def resnet50(num_classes, widths=None, width=1.0):
    """torchvision's ResNet50."""
    from torchvision.models import resnet

    if widths is not None:
        raise ValueError("resnet50 is no chain of convs: it takes a width and removed_blocks, no list of widths")
    net = resnet.resnet50(num_classes=num_classes)
    if width != 1.0:
        shapes = {key: tuple(value.shape) for key, value in net.state_dict().items() if key.endswith("weight")}
        for key, (out, *rest) in shapes.items():
            out = num_classes if key == "fc.weight" else scaled(out, width)
            into = [c if key == "conv1.weight" else scaled(c, width) for c in rest[:1]]
            shapes[key] = (out, *into, *rest[1:])
        cut(net, shapes)
    return net


@register(
    Model(
        "cifar10_conv",
        backend="pytorch",
        title="Three convs, two linear layers",
        cite="published CIFAR-10 study",
        has=("convs", "conv_chain"),
        channels=(3,),
        smallest=8,
    )
)
def cifar10_conv(num_classes, widths=None, width=1.0):
    """The net of the CIFAR-10 study: three 3x3 convs without biases, ReLU and a 2x2 max pool after each, and two linear
    layers. widths: its 3 conv widths. Of the study's 32x32 pixels the pools leave 4x4; what they leave of another size
    is averaged (or repeated) to 4x4."""
    from collections import OrderedDict

    from torch import nn

    widths = [scaled(c, width) for c in (64, 128, 256)] if widths is None else [int(w) for w in widths]
    if len(widths) != 3 or min(widths) < 1:
        raise ValueError(f"cifar10_conv takes 3 positive conv widths, not {widths}")
    layers, cin = OrderedDict(), 3
    for number, cout in enumerate(widths, start=1):
        layers[f"conv{number}_1"] = nn.Conv2d(cin, cout, 3, padding=1, bias=False)
        layers[f"relu{number}"] = nn.ReLU()
        layers[f"pool{number}"] = nn.MaxPool2d(2)
        cin = cout
    hidden = scaled(4096, width)
    layers |= {"fit": nn.AdaptiveAvgPool2d(4), "flatten": nn.Flatten(), "fc1": nn.Linear(cin * 16, hidden)}
    layers |= {"relu4": nn.ReLU(), "fc2": nn.Linear(hidden, num_classes)}
    return nn.Sequential(layers)
