"""Sensitivity of layers: how much accuracy a net loses if channels or weights go from one layer alone, without
training."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espalier.datasets.prepare import Data, Split
from espalier.datasets.prepare import load as load_data
from espalier.pytorch import prune, runtime, structure, unstructured
from espalier.pytorch.evaluate import evaluate
from espalier.pytorch.importance import scores as importance
from espalier.pytorch.models import load, weighted
from espalier.pytorch.outputs import Outputs
from espalier.training.portion import portion
from espalier.training.pruning import Pruning

if TYPE_CHECKING:
    from torch import nn


def scan(
    path: str | Path, data: str | Path, *, prune_type: str, method: str, ratios: Sequence[float], images: int, seed: int
) -> dict[str, Any]:
    """Top-1 on validation images of the net in a file without some of the channels (or single weights) of one layer,
    for each layer and ratio.

    Of n channels int(n * ratio) go, those with the lowest scores; at least one stays. Layers whose channels can only go
    together are one row, named by the first of them. images: the first so many validation images are used, all if there
    are fewer. seed: of scores by chance and of the images that gradients are taken on.

    Returns {"rows": [{layer, together, channels, ratio, removed, images, top1, dense_top1}]}: `together` layers lose
    `removed` of `channels`; top1 in percent, without training.
    """
    prepared, net = load_data(data), load(path)
    split = Split(prepared.validation.images[:images], prepared.validation.labels[:images])
    pruning = Pruning.of({"prune_type": prune_type, "method": method, "ratio": "0.5", "seed": seed}, "pytorch")
    nets = _without_weights if pruning.prune_type.masks else _without_channels
    dense = _top1(copy.deepcopy(net), split, prepared.manifest)  # which makes another use of its parameters impossible
    rows = [
        row | {"images": len(split), "top1": _top1(pruned, split, prepared.manifest), "dense_top1": dense}
        for row, pruned in nets(net, pruning, ratios, prepared)
    ]
    return {"rows": rows}


Rows = Iterator[tuple[dict[str, Any], "nn.Module"]]  # of a layer and ratio: the row, and the net that is pruned so


def _without_channels(net: nn.Module, pruning: Pruning, ratios: Sequence[float], data: Data) -> Rows:
    """The net without channels of each layer."""
    size = data.manifest["size"]
    for of in prune.ranked(net, pruning, size, data).outputs:
        if not of.spared and len(of.units) > 1:
            yield from _pruned(net, of, ratios, size)


def _without_weights(net: nn.Module, pruning: Pruning, ratios: Sequence[float], data: Data) -> Rows:
    """The net with single weights of each layer set to zero."""
    found = importance(net, ["weights"], pruning.score, data=data, seed=pruning.seed)["weights"]
    for (name, layer), scores in zip(weighted(net).items(), found, strict=True):
        for ratio in ratios:
            (gone,) = unstructured.lowest([scores.reshape(layer.weight.shape)], str(ratio))
            sparse = copy.deepcopy(net)
            weighted(sparse)[name].weight.detach()[gone] = 0
            row = {"layer": name, "together": 1, "channels": scores.numel(), "ratio": ratio}
            yield row | {"removed": int(gone.sum())}, sparse


def _top1(net: nn.Module, split: Split, manifest: dict[str, Any]) -> float:
    return evaluate(net.to(runtime.device()), split, manifest)["top1"]


def _pruned(net: nn.Module, of: Outputs, ratios: Sequence[float], size: int) -> Rows:
    """A layer's row and the net without the channels that score lowest there, for each ratio."""
    units, number = of.units, len(of.units)
    best_first = of.scores.argsort(descending=True, stable=True).tolist()
    for ratio in ratios:
        removed = min(portion(ratio, number), number - 1)
        stay = set(best_first[: number - removed])
        smaller = copy.deepcopy(net).cpu()
        kept = {
            name: sorted({*range(structure.width(smaller.get_submodule(name)))} - _gone(places, stay))
            for name, places in units.places.items()
        }
        structure.remove_channels(smaller, kept, size)
        row = {"layer": units.layers[0], "together": len(units.layers), "channels": number}
        yield row | {"ratio": ratio, "removed": removed}, smaller


def _gone(places: list[list[int]], stay: set[int]) -> set[int]:
    """The channels of a layer that lie in none of the units that stay."""
    return {index for unit, indices in enumerate(places) if unit not in stay for index in indices}
