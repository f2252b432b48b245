"""Counts, sizes and accuracy of a net, all measured on the file read back."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from espalier.datasets.prepare import Data, Split
from espalier.datasets.prepare import load as load_data
from espalier.pytorch import runtime
from espalier.pytorch.evaluate import evaluate
from espalier.pytorch.models import load, weighted
from espalier.run.files import sizes
from espalier.run.predictions import Predictions, of_logits

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Rule = Callable[[Any, Any, Any], int]  # (module, inputs, output) -> operations of that call, for one image


@dataclass(frozen=True)
class Profile:
    """Counts for one image. macs: multiply-accumulates of conv and linear layers, without biases. flops: 2 x macs.
    published_macs: the count that the CIFAR-100 study's tables call FLOPs. params: all parameters."""

    params: int
    macs: int
    flops: int
    published_macs: int


def profile_model(model: nn.Module, input_size: int) -> Profile:
    """Count a net for one RGB (or, if its first conv says so, other) image of input_size x input_size pixels.

    Raises RuntimeError if thop's and PyTorch's own counter disagree on the multiply-accumulates.
    """
    from torch import nn
    from torch.utils.flop_counter import FlopCounterMode

    model = _shapes(model).eval()
    first = next(m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear))
    image = _image(first, input_size)
    macs = _thop(model, image, _macs)
    counter = FlopCounterMode(display=False)
    with counter:
        model(image)
    flops = counter.get_total_flops()
    if flops != 2 * macs:
        raise RuntimeError(
            f"thop counts {macs} multiply-accumulates, PyTorch {flops} FLOPs: one must be twice the other"
        )
    params = sum(p.numel() for p in model.parameters())
    return Profile(params, macs, flops, _thop(model, image, _published))


def measure_model(path: str | Path, data: str | Path) -> dict[str, Any]:
    """Accuracy on the test images (percent), counts and sizes (bytes) of the net in a file, and its layers, computed on
    the device that the runtime was started with.

    Returns {"measured": {...}, "predictions": {split: Predictions}, "layers": [a row for each conv and linear layer]};
    zipped_bytes is the file deflated.
    """
    prepared, net = load_data(data), load(path).to(runtime.device())
    details = accuracy(net, prepared)
    details["measured"] |= costs(net, prepared.manifest["size"]) | sizes(path)
    return details | {"layers": [_row(name, module) for name, module in weighted(net).items()]}


def accuracy(net: nn.Module, data: Data) -> dict[str, Any]:
    """Accuracy and predictions of a net: {"measured": of the test images (top1 and top5 in percent, test_loss),
    "predictions": {"test": Predictions, and "validation" if there are such images}}."""
    measured, predictions = predicted(net, data.test, data.manifest)
    both = {"test": predictions}
    if len(data.validation):
        both["validation"] = predicted(net, data.validation, data.manifest)[1]
    test = {"top1": measured["top1"], "top5": measured["top5"], "test_loss": measured["loss"]}
    return {"measured": test | {"test_images": len(data.test)}, "predictions": both}


def predicted(net: nn.Module, split: Split, manifest: dict[str, Any]) -> tuple[dict[str, float], Predictions]:
    """The result of `evaluate` and the net's prediction for each image of the split."""
    logits, classes = [], []

    def seen(of_batch: torch.Tensor, likeliest: torch.Tensor) -> None:
        logits.append(of_batch.cpu().numpy())
        classes.append(likeliest[:, 0].cpu().numpy())

    measured = evaluate(net, split, manifest, seen=seen)
    labels = np.asarray(split.labels)
    return measured, of_logits(np.concatenate(logits), labels, np.concatenate(classes))


def costs(net: nn.Module, size: int) -> dict[str, Any]:
    """The counts of a net for one image of size x size, and how many of its parameters are not zero."""
    tensors = [p.detach() for p in net.parameters()]
    params, nonzero = sum(t.numel() for t in tensors), sum(int(t.count_nonzero()) for t in tensors)
    return asdict(profile_model(net, size)) | {"nonzero_params": nonzero, "sparsity": 100 * (1 - nonzero / params)}


def _row(name: str, module: Any) -> dict[str, Any]:
    """How many weights and biases of a layer are zero; for a conv with zeros also how many in each filter."""
    zeros = module.weight == 0
    row = {
        "layer": name,
        "kind": type(module).__name__,
        "width": len(zeros),
        "weights": zeros.numel(),
        "zeros": int(zeros.sum()),
    }
    if module.bias is not None:
        row |= {"biases": module.bias.numel(), "bias_zeros": int((module.bias == 0).sum())}
    if row["zeros"] and zeros.dim() == 4:
        row["filter_zeros"] = zeros.sum((1, 2, 3)).tolist()
    return row


def _shapes(model: nn.Module) -> nn.Module:
    """A copy of the net on the meta device, shapes without values: counting then takes neither time nor memory."""
    import torch

    memo = {id(p): torch.nn.Parameter(torch.empty_like(p, device="meta")) for p in model.parameters()}
    memo |= {id(b): torch.empty_like(b, device="meta") for b in model.buffers()}
    return copy.deepcopy(model, memo)


def _image(first: nn.Module, size: int) -> Tensor:
    import torch

    channels = getattr(first, "in_channels", 3)
    return torch.zeros(1, channels, size, size, device="meta")


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
