"""What a score needs to judge the groups of a net: their weights, and whatever else its parameters name."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional

from espalier.datasets.prepare import Data
from espalier.pytorch import groups as grouping
from espalier.pytorch.evaluate import to_input, to_tensor
from espalier.pytorch.models import weighted
from espalier.registry import Score, get

GRADIENT_IMAGES = 512  # how many training images the gradient of a net is taken on
BATCH = 128


def scores(net, kinds: Sequence[str], method: str, *, data: Data | None = None, seed: int = 0) -> dict[str, list]:
    """The scores of all groups of a net: kind of group -> one tensor (groups,) per matrix that `groups.KINDS` gives.

    method: a registered score. data: the prepared data, which only scores by gradients need. seed: of the images that
    gradients are taken on, and of scores by chance. Raises ValueError if the net has no batch norm where the score
    needs one, or if a score is not finite.
    """
    score = get(Score, method, "pytorch")
    asked = inspect.signature(score.function).parameters
    common = {"generator": torch.Generator().manual_seed(seed)} if "generator" in asked else {}
    slopes = gradients(net, data, seed) if "gradient" in asked else None
    found = {}
    for kind in kinds:
        matrices = grouping.KINDS[kind](net)
        extra = [dict(common) for _ in matrices]
        if slopes is not None:
            for values, gradient in zip(extra, grouping.KINDS[kind](slopes), strict=True):
                values["gradient"] = gradient
        if "scale" in asked:
            for values, norm in zip(extra, norms(net).values(), strict=True):
                values["scale"] = norm.weight.abs()
        with torch.no_grad():
            found[kind] = [score(matrix, 1, **values) for matrix, values in zip(matrices, extra, strict=True)]
        if not all(vector.isfinite().all() for vector in found[kind]):
            raise ValueError(f"{method} of some {kind} is not finite: the training diverged, try a lower learning rate")
    return found


def gradients(net, data: Data, seed: int = 0):
    """A copy of the net that has, in place of each weight of a conv or linear layer, the gradient of the loss.

    The loss is the mean cross entropy over training images (GRADIENT_IMAGES of them, drawn by the seed), as they are in
    the data and with the net in evaluation mode.
    """
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


def norms(net) -> dict:
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
