"""The importance scores of a net's groups, and what else than weights a score may ask for: gradients, batch norms."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional

from espalier.datasets.prepare import Data
from espalier.pytorch import groups as grouping
from espalier.pytorch import structure
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
    slopes = {
        name: gradients(net, data, seed, of_batch=name == "batch_gradient")
        for name in ("gradient", "batch_gradient")
        if name in asked
    }
    for kind in kinds:
        matrices = grouping.KINDS[kind](net)
        given: dict[str, Sequence[Any]] = {}  # what the score asks for, of each matrix
        if "generator" in asked:
            given["generator"] = [generator] * len(matrices)
        for name, of_net in slopes.items():
            given[name] = grouping.KINDS[kind](of_net)
        if "gates" in asked:
            given["gates"] = gate_slopes(net, kind, data, seed)
        if "scale" in asked:
            given["scale"] = [norm.weight.abs() for norm in norms(net).values()]
        with torch.no_grad():
            found[kind] = [
                score(matrix, 1, **{name: values[number] for name, values in given.items()})
                for number, matrix in enumerate(matrices)
            ]
        check_finite(found[kind], score, kind)
    return found


def by_gradients(score: Score) -> bool:
    """Whether a score asks for gradients of the loss."""
    return bool({"gradient", "batch_gradient", "gates"} & set(inspect.signature(score.function).parameters))


def check_finite(found: Sequence[torch.Tensor], score: Score, kind: str) -> None:
    """Raise ValueError if a score of a kind of groups is not finite."""
    if not all(vector.isfinite().all() for vector in found):
        raise ValueError(f"{score.name} of some {kind} is not finite: the training diverged, try a lower learning rate")


def normalized(scores: torch.Tensor) -> torch.Tensor:
    """The scores of a layer divided by their mean, as Torch-Pruning does it (`normalizer="mean"`); if all are zero, as
    they are. Raises ValueError for negative ones: the mean could be negative too, and turn their order round.

    >>> normalized(torch.tensor([1.0, 2.0, 3.0])).tolist()
    [0.5, 1.0, 1.5]
    """
    if (scores < 0).any():
        raise ValueError("scores that can be negative are not divided by their mean")
    return scores / scores.mean() if scores.any() else scores


def gradients(net: nn.Module, data: Data | None, seed: int = 0, of_batch: bool = False) -> nn.Module:
    """A copy of the net whose conv and linear layers have the gradient of the loss as their weights.

    The loss is the mean cross entropy over GRADIENT_IMAGES training images, drawn by the seed and not augmented, with
    the net in evaluation mode. of_batch: batch norms normalise by the statistics of each batch, as in training: a net
    that was never trained knows no others.
    """
    data = _needed(data)
    chosen = _drawn(data, seed)
    number = sum(map(len, chosen))
    slopes = copy.deepcopy(net).eval()
    for module in slopes.modules():
        if of_batch and isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train()
    weights = [layer.weight for layer in weighted(slopes).values()]
    totals = [torch.zeros_like(weight) for weight in weights]
    for batch in chosen:
        loss = _loss(slopes, data, batch) / number
        for total, gradient in zip(totals, torch.autograd.grad(loss, weights), strict=True):
            total += gradient
    for weight, total in zip(weights, totals, strict=True):
        weight.data = total
    return slopes


def gate_slopes(net: nn.Module, kind: str, data: Data | None, seed: int = 0) -> list[torch.Tensor]:
    """How the loss of each image changes with a gate, a factor of 1, on each output of the layers of a kind ("filters",
    "neurons"): a matrix (outputs, images) per layer. The images are those of `gradients`, the net evaluates.

    The gate is on the output of the batch norm that reads the layer's output, or if there is none on the layer's own.
    Raises ValueError for a layer whose outputs are not one row per image.
    """
    data, gated = _needed(data), copy.deepcopy(net).eval()
    chosen, layers = _drawn(data, seed), grouping.LAYERS[kind](gated)
    if not layers:
        return []
    found: dict[str, list[torch.Tensor]] = {name: [] for name in layers}
    behind = _behind(gated, layers, to_input(to_tensor(data.train.images[chosen[0][:1]]), data.manifest))
    for batch in chosen:
        gates = {
            name: torch.ones(len(batch), structure.width(layer), requires_grad=True) for name, layer in layers.items()
        }
        hooks = [behind[name].register_forward_hook(functools.partial(_gate, name, gates[name])) for name in gates]
        slopes = torch.autograd.grad(_loss(gated, data, batch), list(gates.values()), materialize_grads=True)
        for hook in hooks:
            hook.remove()
        for of_layer, slope in zip(found.values(), slopes, strict=True):
            of_layer.append(slope.T)
    return [torch.cat(of_layer, 1) for of_layer in found.values()]


def _gate(name: str, gate: torch.Tensor, module: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
    """A module's output times a gate (images, channels): the hook that is called behind the module."""
    if len(output) != len(gate):
        raise ValueError(f"the outputs of {name} are not one row per image, so that no gate can be on them")
    rest = [1] * (output.dim() - 2)
    shape = (len(gate), *rest, gate.shape[1]) if isinstance(module, nn.Linear) else (*gate.shape, *rest)
    return output * gate.reshape(shape)


def _behind(net: nn.Module, layers: dict[str, Any], images: torch.Tensor) -> dict[str, nn.Module]:
    """Of each layer the batch norm that reads its output, or if there is none the layer: found while the net runs."""
    names = {layer: name for name, layer in layers.items()}
    behind: dict[str, nn.Module] = dict(layers)
    outputs: dict[int, tuple[str, torch.Tensor]] = {}  # by identity; kept, so that no other tensor gets it

    def note(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and inputs and id(inputs[0]) in outputs:
            behind[outputs[id(inputs[0])][0]] = module
        if module in names:
            outputs[id(output)] = names[module], output

    hooks = [module.register_forward_hook(note) for module in net.modules()]
    with torch.no_grad():
        net(images)
    for hook in hooks:
        hook.remove()
    return behind


def _needed(data: Data | None) -> Data:
    if data is None:
        raise ValueError("a score by gradients needs the prepared data")
    return data


def _drawn(data: Data, seed: int) -> list[np.ndarray]:
    """The indices of GRADIENT_IMAGES training images, drawn by the seed, in batches."""
    number = min(GRADIENT_IMAGES, len(data.train))
    chosen = np.sort(np.random.default_rng(seed).choice(len(data.train), number, replace=False))
    return np.split(chosen, range(BATCH, number - 1, BATCH))  # no last batch of one, which a batch norm refuses


def _loss(net: nn.Module, data: Data, batch: np.ndarray) -> torch.Tensor:
    """The cross entropy of a net on training images, summed over them."""
    logits = net(to_input(to_tensor(data.train.images[batch]), data.manifest))
    return functional.cross_entropy(logits, torch.from_numpy(data.train.labels[batch]), reduction="sum")


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
