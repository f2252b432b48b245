"""The importance scores of a net's groups, and what else than weights a score may ask for: gradients, batch norms."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional

from espalier.datasets.prepare import Data
from espalier.pytorch import groups as grouping
from espalier.pytorch.evaluate import to_input, to_tensor
from espalier.pytorch.models import weighted
from espalier.registry import Score

GRADIENT_IMAGES = 512  # how many training images the gradient of a net is taken on
BATCH = 128


def scores(
    net: nn.Module, kinds: Sequence[str], score: Score, *, data: Data | None = None, seed: int = 0
) -> dict[str, list[torch.Tensor]]:
    """The scores of all groups of a net: kind of group -> one tensor (groups,) per matrix that `groups.KINDS` gives.

    data: the prepared data, which only scores by gradients need. seed: of the images that gradients are taken on, and
    of scores by chance. Raises ValueError if the net has no batch norm where the score needs one, or if a score is not
    finite.
    """
    asked, found = inspect.signature(score.function).parameters, {}
    generator = torch.Generator().manual_seed(seed)
    slopes = gradients(net, data, seed) if "gradient" in asked else None
    for kind in kinds:
        matrices = grouping.KINDS[kind](net)
        given: dict[str, Sequence[Any]] = {}  # what the score asks for, of each matrix
        if "generator" in asked:
            given["generator"] = [generator] * len(matrices)
        if slopes is not None:
            given["gradient"] = grouping.KINDS[kind](slopes)
        if "scale" in asked:
            given["scale"] = [norm.weight.abs() for norm in norms(net).values()]
        with torch.no_grad():
            found[kind] = [
                score(matrix, 1, **{name: values[number] for name, values in given.items()})
                for number, matrix in enumerate(matrices)
            ]
        if not all(vector.isfinite().all() for vector in found[kind]):
            raise ValueError(
                f"{score.name} of some {kind} is not finite: the training diverged, try a lower learning rate"
            )
    return found


def gradients(net: nn.Module, data: Data | None, seed: int = 0) -> nn.Module:
    """A copy of the net whose conv and linear layers have the gradient of the loss as their weights.

    The loss is the mean cross entropy over GRADIENT_IMAGES training images, drawn by the seed and not augmented, with
    the net in evaluation mode.
    """
    if data is None:
        raise ValueError("a score by gradients needs the prepared data")
    number = min(GRADIENT_IMAGES, len(data.train))
    chosen = np.sort(np.random.default_rng(seed).choice(len(data.train), number, replace=False))
    slopes = copy.deepcopy(net).eval()
    weights = [layer.weight for layer in weighted(slopes).values()]
    totals = [torch.zeros_like(weight) for weight in weights]
    for batch in np.split(chosen, range(BATCH, number, BATCH)):
        logits = slopes(to_input(to_tensor(data.train.images[batch]), data.manifest))
        loss = functional.cross_entropy(logits, torch.from_numpy(data.train.labels[batch]), reduction="sum") / number
        for total, gradient in zip(totals, torch.autograd.grad(loss, weights), strict=True):
            total += gradient
    for weight, total in zip(weights, totals, strict=True):
        weight.data = total
    return slopes


def norms(net: nn.Module) -> dict[str, nn.BatchNorm2d]:
    """The batch norm that each conv's output goes through: conv's name -> module, in the order of `groups.convs`."""
    modules, found = dict(net.named_modules()), {}
    for node in fx.symbolic_trace(net).graph.nodes:
        norm = modules.get(node.target) if node.op == "call_module" else None
        if isinstance(norm, nn.BatchNorm2d):
            found[node.args[0].target] = norm
    convs = grouping.convs(net)
    if missing := [name for name in convs if name not in found]:
        raise ValueError(f"no batch norm follows {', '.join(missing)}")
    return {name: found[name] for name in convs}
