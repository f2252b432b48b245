"""The architectures that a config can name, and how their initial weights are drawn.

An architecture's function lays out the modules of the dense net. Its initial weights are the ones that these modules
draw when they are made, unless the registration says how they are drawn: `initial`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from espalier.pytorch.models import cut
from espalier.registry import Model, register

if TYPE_CHECKING:
    from torch import nn


def he_fan_out(net: nn.Module) -> None:
    """Initial weights of the CIFAR-100 study, in place: convs by He et al. (2015) with fan-out, linear layers
    N(0, 0.01^2), batch norms 1, biases 0."""
    from torch import nn

    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.01)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            nn.init.ones_(module.weight)
        if isinstance(bias := getattr(module, "bias", None), nn.Parameter):
            nn.init.zeros_(bias)


def scaled(channels: int, width: float) -> int:
    """A layer's width times `width`, rounded, at least 1.

    >>> scaled(64, 0.25), scaled(3, 0.1)
    (16, 1)
    """
    return max(1, round(channels * width))


@register(
    Model(
        "vgg16_bn",
        backend="pytorch",
        title="VGG16 with batch norm",
        cite="Simonyan and Zisserman 2015, arXiv:1409.1556",
        has=("convs", "conv_chain", "batch_norm", "linear_layers"),
        imagenet=True,
        channels=(3,),
        smallest=32,
        initial=he_fan_out,
    )
)
def vgg16_bn(num_classes: int, widths: Sequence[int] | None = None, width: float = 1.0) -> nn.Module:
    """torchvision's VGG16-BN. widths: its 13 conv widths."""
    import torch
    from torch import nn
    from torchvision.models import vgg

    dense = [c for c in vgg.cfgs["D"] if c != "M"]
    widths = [scaled(c, width) for c in dense] if widths is None else [int(w) for w in widths]
    if len(widths) != len(dense) or min(widths) < 1:
        raise ValueError(f"vgg16_bn takes {len(dense)} positive conv widths, not {widths}")
    left = iter(widths)
    features = vgg.make_layers([c if c == "M" else next(left) for c in vgg.cfgs["D"]], batch_norm=True)
    with torch.device("meta"):  # no memory for its classifier of full width, which is replaced
        net = vgg.VGG(features, init_weights=False)
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
        initial=he_fan_out,
    )
)
def resnet50(num_classes: int, widths: Sequence[int] | None = None, width: float = 1.0) -> nn.Module:
    """torchvision's ResNet50."""
    from torchvision.models import resnet

    if widths is not None:
        raise ValueError("resnet50 is no chain of convs: it takes a width and removed_blocks, no list of widths")
    net = resnet.resnet50(num_classes=num_classes)
    if width != 1.0:
        shapes = {key: tuple(value.shape) for key, value in net.state_dict().items() if value.dim()}
        for key, (out, *rest) in shapes.items():
            out = num_classes if key.startswith("fc.") else scaled(out, width)
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
        has=("convs", "conv_chain", "linear_layers"),
        channels=(3,),
        smallest=8,
        initial=he_fan_out,
    )
)
def cifar10_conv(num_classes: int, widths: Sequence[int] | None = None, width: float = 1.0) -> nn.Module:
    """The net of the CIFAR-10 study: three 3x3 convs without biases, ReLU and a 2x2 max pool after each, and two linear
    layers. widths: its 3 conv widths. The pools turn the study's 32x32 pixels into 4x4; from other sizes, an average
    pool makes 4x4."""
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


@register(
    Model(
        "mobilenet_v2",
        backend="pytorch",
        title="MobileNetV2",
        cite="Sandler et al. 2018, arXiv:1801.04381",
        has=("convs", "batch_norm"),
        imagenet=True,
        channels=(3,),
        smallest=32,
        initial=he_fan_out,
    )
)
def mobilenet_v2(num_classes: int, widths: Sequence[int] | None = None, width: float = 1.0) -> nn.Module:
    """torchvision's MobileNetV2: 3,504,872 parameters for 1000 classes, 300,774,272 MACs at 224x224. Its widths are
    multiples of 8."""
    from torchvision.models import mobilenetv2

    if widths is not None:
        raise ValueError("mobilenet_v2 is no chain of convs: it takes a width, no list of widths")
    return mobilenetv2.mobilenet_v2(num_classes=num_classes, width_mult=width)


@register(
    Model(
        "mlp",
        backend="pytorch",
        title="Multilayer perceptron",
        cite="published MNIST study",
        has=("linear_layers",),
        channels=(1,),
    )
)
def mlp(num_classes: int, width: float = 1.0, hidden: Sequence[int] = (1000, 1000, 500, 200)) -> nn.Module:
    """Hidden linear layers without biases, each with ReLU, and a linear layer with biases: 2,386,010 parameters for ten
    classes. hidden: their widths. Images are grey, of 28x28 pixels; from other sizes, an average pool makes 28x28."""
    from torch import nn

    layers, inside = nn.Sequential(nn.AdaptiveAvgPool2d(28), nn.Flatten()), 28 * 28
    for dense in hidden:
        outside = scaled(dense, width)
        layers.append(nn.Linear(inside, outside, bias=False)).append(nn.ReLU())
        inside = outside
    return layers.append(nn.Linear(inside, num_classes))
