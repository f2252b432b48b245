"""Pruning single weights of conv and linear layers: they become zero, the layers keep their shapes."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import torch
from torch import nn

from espalier.datasets.prepare import Data
from espalier.pytorch.importance import by_gradients, normalized
from espalier.pytorch.importance import scores as importance
from espalier.pytorch.models import weighted
from espalier.training.portion import portion
from espalier.training.pruning import Pruning
from espalier.training.sparsity import erdos_renyi


def zero_weights(net: nn.Module, pruning: Pruning, data: Data | None = None) -> None:
    """Set the weights that go to zero, in place.

    A ratio is of all conv and linear weights together, or of each tensor's if the scope is "layer" (with "erk" each has
    its own ratio): the int(ratio * n) with the lowest scores go; those that are zero already are the first of them.
    Below a threshold every weight and bias of these layers goes, by its absolute value. Of a pattern "N:M", of each M
    consecutive weights along a layer's inputs, the N with the highest scores stay; layers whose number of inputs is no
    multiple of M are left. Of equal scores the earlier weights go. data: for scores by gradients.
    """
    amount, layers = pruning.amount, weighted(net)
    if amount.key == "threshold":
        if pruning.score.name != "magnitude":
            raise ValueError(f"a threshold is for weights and biases by magnitude, not by {pruning.score.name}")
        for tensor in tensors(net):
            tensor[tensor.abs() < amount.value] = 0
        return
    found = importance(net, ["weights"], pruning.score, data=data, seed=pruning.seed)["weights"]
    if by_gradients(pruning.score) and not any(of_layer.any() for of_layer in found):
        raise ValueError(
            f"{pruning.score.name} of all weights is 0, so that none is more important than another: no gradient "
            "reaches them, because a layer behind them is dead or has weights of zero"
        )
    scores = {name: s.reshape(layers[name].weight.shape) for name, s in zip(layers, found, strict=True)}
    if pruning.normalize:
        scores = {name: normalized(of_layer) for name, of_layer in scores.items()}
    for name, layer in layers.items():  # a weight that is zero stays so, whatever its score
        scores[name] = torch.where(layer.weight.detach() == 0, -torch.inf, scores[name])
    if amount.key == "pattern":
        gone = pattern_masks(scores, amount.value)
    else:
        gone = {}
        for names, ratio in shares(net, pruning):
            gone |= zip(names, lowest([scores[name] for name in names], ratio), strict=True)
    for name, mask in gone.items():
        layers[name].weight.detach()[mask] = 0


def shares(net: nn.Module, pruning: Pruning) -> list[tuple[list[str], str]]:
    """The layers whose weights compete with each other, and the share of these weights that goes: all layers together,
    each by itself, or (erk) each by itself with a share that follows from the layers' shapes."""
    layers, ratio = weighted(net), str(pruning.amount.value)
    if pruning.scope == "erk":
        numbers = erdos_renyi({name: layer.weight.shape for name, layer in layers.items()}, ratio)
        return [([name], str(Fraction(number, layers[name].weight.numel()))) for name, number in numbers.items()]
    return [([name], ratio) for name in layers] if pruning.scope == "layer" else [(list(layers), ratio)]


def tensors(net: nn.Module) -> list[torch.Tensor]:
    """The weights and biases of the conv and linear layers, without their history."""
    found = [tensor for layer in weighted(net).values() for tensor in (layer.weight, layer.bias)]
    return [tensor.detach() for tensor in found if tensor is not None]


def lowest(scores: list[torch.Tensor], ratio: str | float) -> list[torch.Tensor]:
    """Masks, one in the shape of each tensor, of the lowest int(ratio * n) of all their scores; of equal ones the first
    go. Scores of -inf go in any case.

    >>> [mask.tolist() for mask in lowest([torch.tensor([3.0, 1.0]), torch.tensor([2.0])], "0.67")]
    [[False, True], [True]]
    """
    flat = torch.cat([score.flatten() for score in scores]).numpy()
    number = max(portion(ratio, len(flat)), int(np.isneginf(flat).sum()))
    mask = np.zeros(len(flat), bool)
    if number:
        limit = np.partition(flat, number - 1)[number - 1]
        mask = flat < limit
        mask[np.flatnonzero(flat == limit)[: number - mask.sum()]] = True
    parts = torch.from_numpy(mask).split([score.numel() for score in scores])
    return [part.reshape(score.shape) for part, score in zip(parts, scores, strict=True)]


def numbers(pattern: str) -> tuple[int, int]:
    """N and M of a pattern "N:M". Raises ValueError if it is none.

    >>> numbers("2:4")
    (2, 4)
    """
    found = re.fullmatch(r"(\d+):(\d+)", str(pattern))
    if not found or not 0 < int(found[1]) < int(found[2]):
        raise ValueError(f"{pattern!r} is no pattern such as 2:4, the number of weights to keep of each so many")
    return int(found[1]), int(found[2])


def stretches(weight: torch.Tensor, length: int) -> torch.Tensor:
    """A conv or linear weight as rows (..., length) of consecutive inputs, for each output and place in the kernel."""
    return weight.movedim(1, -1).unflatten(-1, (-1, length))


def pattern_masks(scores: dict[str, torch.Tensor], pattern: str) -> dict[str, torch.Tensor]:
    """Masks of the weights that a pattern "N:M" does not keep, of the layers that it fits."""
    keeps, length = numbers(pattern)
    masks = {}
    for name, score in scores.items():
        if score.shape[1] % length == 0:
            ranks = stretches(score, length).argsort(dim=-1, stable=True).argsort(-1)
            masks[name] = (ranks < length - keeps).flatten(-2).movedim(-1, 1)
    if not masks:
        raise ValueError(f"no layer has a number of inputs that is a multiple of {length}")
    return masks


def zeros(net: nn.Module) -> dict[str, int]:
    """How many weights of each conv and linear layer are zero."""
    layers = weighted(net).items()
    return {name: layer.weight.numel() - int(layer.weight.count_nonzero()) for name, layer in layers}


def check(net: nn.Module, before: dict[str, int], pruning: Pruning) -> None:
    """Raise RuntimeError if a net (as read back) does not have the zeros that were asked for. before: those it had."""
    checks = {"threshold": _check_threshold, "pattern": _check_pattern}
    if pruning.amount.key in checks:
        checks[pruning.amount.key](net, pruning.amount.value)
        return
    after, layers = zeros(net), weighted(net)
    for names, ratio in shares(net, pruning):
        total = sum(layers[name].weight.numel() for name in names)
        asked = max(portion(ratio, total), sum(before[name] for name in names))
        found = sum(after[name] for name in names)
        if found != asked:
            raise RuntimeError(f"{found} of {total} weights of {', '.join(names)} are zero in the file, not {asked}")


def _check_threshold(net: nn.Module, threshold: float) -> None:
    left = sum(int(((tensor != 0) & (tensor.abs() < threshold)).sum()) for tensor in tensors(net))
    if left:
        raise RuntimeError(f"{left} weights below {threshold} are left in the file")


def _check_pattern(net: nn.Module, pattern: str) -> None:
    keeps, length = numbers(pattern)
    for name, layer in weighted(net).items():
        if layer.weight.shape[1] % length == 0:
            most = int(stretches(layer.weight, length).count_nonzero(-1).max())
            if most > keeps:
                raise RuntimeError(f"{name} has {most} of {length} weights in the file, not {pattern}")
