"""Architectures for images of 32x32 pixels, as the literature on CIFAR uses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from espalier.pytorch.architectures import he_fan_out, scaled
from espalier.registry import Model, register

if TYPE_CHECKING:
    from torch import nn

RESNET = "He et al. 2016, Deep Residual Learning, arXiv:1512.03385, section 4.2"
VGG = "Simonyan and Zisserman 2015, arXiv:1409.1556; with one linear layer, as is usual for CIFAR"


@register(
    Model(
        "resnet20",
        backend="pytorch",
        title="ResNet-20 for CIFAR",
        cite=RESNET,
        has=("convs", "residual_blocks", "batch_norm"),
        blocks=9,
        channels=(3,),
        smallest=8,
        initial=he_fan_out,
    )
)
def resnet20(num_classes: int, widths: Sequence[int] | None = None, width: float = 1.0) -> nn.Module:
    """Three stages of three basic blocks: 272,474 parameters for ten classes, 40,813,184 MACs at 32x32."""
    return _resnet("resnet20", 3, num_classes, widths, width)


@register(
    Model(
        "resnet56",
        backend="pytorch",
        title="ResNet-56 for CIFAR",
        cite=RESNET,
        has=("convs", "residual_blocks", "batch_norm"),
        blocks=27,
        channels=(3,),
        smallest=8,
        initial=he_fan_out,
    )
)
def resnet56(num_classes: int, widths: Sequence[int] | None = None, width: float = 1.0) -> nn.Module:
    """Three stages of nine basic blocks: 855,770 parameters for ten classes, 125,747,840 MACs at 32x32."""
    return _resnet("resnet56", 9, num_classes, widths, width)


def _resnet(name: str, blocks: int, num_classes: int, widths: Sequence[int] | None, width: float) -> nn.Module:
    """Three stages of `blocks` basic blocks (16, 32, 64 channels); a shortcut that changes the shape is a 1x1 conv."""
    from collections import OrderedDict

    from torch import nn
    from torchvision.models.resnet import BasicBlock

    if widths is not None:
        raise ValueError(f"{name} is no chain of convs: it takes a width and removed_blocks, no list of widths")
    inside = scaled(16, width)
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(3, inside, 3, padding=1, bias=False), bn1=nn.BatchNorm2d(inside), relu=nn.ReLU()
    )
    for number, dense in enumerate((16, 32, 64), start=1):
        outside, stage = scaled(dense, width), []
        for index in range(blocks):
            stride = 2 if number > 1 and index == 0 else 1
            shortcut = None
            if stride > 1 or inside != outside:
                shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))
            stage.append(BasicBlock(inside, outside, stride, shortcut))
            inside = outside
        layers[f"layer{number}"] = nn.Sequential(*stage)
    layers |= {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(inside, num_classes)}
    return nn.Sequential(layers)


@register(
    Model(
        "vgg16_bn_cifar",
        backend="pytorch",
        title="VGG16 with batch norm for CIFAR",
        cite=VGG,
        has=("convs", "conv_chain", "batch_norm"),
        channels=(3,),
        smallest=32,
        initial=he_fan_out,
    )
)
def vgg16_bn_cifar(num_classes: int, widths: Sequence[int] | None = None, width: float = 1.0) -> nn.Module:
    """The 13 convs of VGG16-BN and one linear layer: 14,728,266 parameters for ten classes. widths: its conv widths."""
    return _vgg("vgg16_bn_cifar", "D", num_classes, widths, width)


@register(
    Model(
        "vgg19_bn_cifar",
        backend="pytorch",
        title="VGG19 with batch norm for CIFAR",
        cite=VGG,
        has=("convs", "conv_chain", "batch_norm"),
        channels=(3,),
        smallest=32,
        initial=he_fan_out,
    )
)
def vgg19_bn_cifar(num_classes: int, widths: Sequence[int] | None = None, width: float = 1.0) -> nn.Module:
    """The 16 convs of VGG19-BN and one linear layer: 20,040,522 parameters for ten classes. widths: its conv widths."""
    return _vgg("vgg19_bn_cifar", "E", num_classes, widths, width)


def _vgg(name: str, plan: str, num_classes: int, widths: Sequence[int] | None, width: float) -> nn.Module:
    """The convs of a VGG (plan: its letter in the paper), global average pooling and one linear layer."""
    from collections import OrderedDict

    from torch import nn
    from torchvision.models import vgg

    dense = [entry for entry in vgg.cfgs[plan] if entry != "M"]
    chosen = [scaled(int(number), width) for number in dense] if widths is None else [int(number) for number in widths]
    if len(chosen) != len(dense) or min(chosen) < 1:
        raise ValueError(f"{name} takes {len(dense)} positive conv widths, not {chosen}")
    left = iter(chosen)
    features = vgg.make_layers([entry if entry == "M" else next(left) for entry in vgg.cfgs[plan]], batch_norm=True)
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        features=features, pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=nn.Linear(chosen[-1], num_classes)
    )
    return nn.Sequential(layers)
