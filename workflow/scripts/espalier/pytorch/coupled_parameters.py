"""All parameters that go with the output channels of a net's layers, for scores of whole coupled groups (DepGraph)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from espalier.pytorch import structure
from espalier.pytorch.coupling import Coupled


def matrices(net: nn.Module, sets: Sequence[Coupled], size: int) -> list[Tensor]:
    """For each set of coupled units a matrix (units, parameters).

    A row holds the weights of all layers that write the unit's channels, the scales of batch norms and layer norms, and
    the weights by which every layer reads the channels: what Torch-Pruning's importance classes count. Biases,
    depthwise filters and group norms are not among them. Rows are filled up with zeros where units have fewer
    parameters than others. size: side of an image, for tracing the net.
    """
    graph, modules = structure.dependencies(net, size), dict(net.named_modules())
    return [_matrix(graph, modules, units) for units in sets]


def _matrix(graph: Any, modules: dict[str, Any], units: Coupled) -> Tensor:
    """The parameters of each unit, found from the first of the layers that it has channels of."""
    layer = modules[units.layers[0]]
    unit_of = {channel: unit for unit, of_unit in enumerate(units.places[units.layers[0]]) for channel in of_unit}
    parts: list[Tensor] = []
    for item in _group(graph, layer):
        rows = _rows(item.dep.target.module, graph.is_out_channel_pruning_fn(item.dep.handler))
        pairs = zip(item.root_idxs, item.idxs, strict=True)
        places = [(unit_of[root], index) for root, index in pairs if root in unit_of]
        if rows is not None and places:
            of_units, indices = torch.tensor(places).T
            parts.append(_by_unit(rows[indices], of_units, len(units)))
    if not parts:  # units that stay, of a layer that cannot be followed: their own filters
        channels = torch.tensor(list(unit_of))
        rows = layer.weight.detach().flatten(1)[channels]
        parts = [_by_unit(rows, torch.tensor(list(unit_of.values())), len(units))]
    return torch.cat(parts, 1)


def _group(graph: Any, layer: Any) -> list[Any]:
    """What goes with the outputs of a layer; nothing, if it is not called or Torch-Pruning loses track of them."""
    if layer not in graph.module2node:
        return []
    with suppress(IndexError, TypeError, AttributeError):
        return list(structure.group_of(graph, layer, range(structure.width(layer))))
    return []


def _rows(module: Any, writes: bool) -> Tensor | None:
    """The parameters of a module that go with each of its output channels, or if it does not write but reads them with
    each input channel: (channels, parameters); None if none count."""
    if isinstance(module, _BatchNorm | nn.LayerNorm):
        return None if module.weight is None else module.weight.detach().reshape(len(module.weight), -1)
    if not isinstance(module, _ConvNd | nn.Linear) or _is_depthwise(module):
        return None
    weight = module.weight.detach()
    if writes == bool(getattr(module, "transposed", False)):
        weight = weight.transpose(0, 1)
    rows = weight.flatten(1)
    return rows if writes else rows.repeat(getattr(module, "groups", 1), 1)


def _is_depthwise(module: Any) -> bool:
    return isinstance(module, _ConvNd) and 1 < module.groups == module.in_channels == module.out_channels


def _by_unit(rows: Tensor, of_units: Tensor, number: int) -> Tensor:
    """Rows of parameters, each of a unit, side by side in a matrix with one row per unit, filled up with zeros.

    >>> _by_unit(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1, 0, 1]), 2).tolist()
    [[2.0, 0.0], [1.0, 3.0]]
    """
    order = of_units.argsort(stable=True)
    counts = of_units.bincount(minlength=number)
    places = torch.arange(len(order)) - (counts.cumsum(0) - counts)[of_units[order]]
    matrix = rows.new_zeros(number, int(counts.max()), rows.shape[1])
    matrix[of_units[order], places] = rows[order]
    return matrix.flatten(1)
