"""The outputs of layers that can lose channels, with the scores of these.

Where residual connections add up the outputs of several convs, a channel can go only from all of them: they have one
score, the mean of their scores for that channel. A `coupled` score sees all parameters that go with a channel, as in
DepGraph (Fang et al. 2023, arXiv:2301.12900). With `normalize: layer` the scores of each layer, or of each set of
coupled channels, are divided by their mean before they are pooled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from espalier.datasets.prepare import Data
from espalier.pytorch import coupled_parameters, coupling, structure
from espalier.pytorch import groups as grouping
from espalier.pytorch.importance import check_finite, normalized
from espalier.pytorch.importance import scores as importance
from espalier.registry import PruneType, Score
from espalier.training.pruning import Pruning

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Outputs:
    """Output channels of a layer, or of several that can lose a channel only together."""

    units: coupling.Coupled
    scores: Tensor  # (units,)
    spared: bool  # all of them stay


def scored(net: nn.Module, pruning: Pruning, size: int, data: Data | None) -> tuple[list[Outputs], list[Tensor]]:
    """The outputs of a net with their scores, and the scores of all groups that compete for one threshold."""
    by, score = pruning.prune_type.by, pruning.score
    norm = normalized if pruning.normalize else _as_they_are
    if score.coupled:
        outputs = scored_together(net, score, size, by[0])
    else:
        found = importance(net, by, score, data=data, seed=pruning.seed)
        if by not in (("filters",), ("neurons",)):
            found = {kind: [norm(scores) for scores in of_kind] for kind, of_kind in found.items()}
            return scored_in_chain(net, pruning.prune_type, found), [scores for kind in by for scores in found[kind]]
        outputs = scored_by_filters(net, found[by[0]], size, by[0])
    outputs = [replace(of, scores=norm(of.scores)) for of in outputs]
    return outputs, [of.scores for of in outputs for places in of.units.places.values() for _ in places[0]]


def _as_they_are(scores: Tensor) -> Tensor:
    return scores


def scored_by_filters(net: nn.Module, scores: list[Tensor], size: int, kind: str = "filters") -> list[Outputs]:
    """The outputs of convs (or neurons of linear layers) with the scores of their own filters, of coupled ones the
    mean."""
    import torch

    by_name, outputs = dict(zip(grouping.LAYERS[kind](net), scores, strict=True)), []
    for units in coupling.coupled(net, size, kind):
        of_layers = [by_name[name][torch.tensor(places).T] for name, places in units.places.items()]
        outputs.append(Outputs(units, torch.cat(of_layers).mean(0), bool(units.why)))
    _check_not_all_spared(outputs)
    return outputs


def scored_together(net: nn.Module, score: Score, size: int, kind: str = "filters") -> list[Outputs]:
    """The outputs of convs (or neurons of linear layers) with the scores of all parameters that go with them: filters,
    norms, and the weights by which other layers read them."""
    sets = coupling.coupled(net, size, kind)
    found = [score(matrix, 1) for matrix in coupled_parameters.matrices(net, sets, size)]
    check_finite(found, score, kind)
    outputs = [Outputs(units, scores, bool(units.why)) for units, scores in zip(sets, found, strict=True)]
    _check_not_all_spared(outputs)
    return outputs


def _check_not_all_spared(outputs: list[Outputs]) -> None:
    if all(of.spared for of in outputs):
        reasons = list(dict.fromkeys(of.units.why for of in outputs))
        raise ValueError(f"no channel of the net can go: {'; '.join(reasons[:5]) or 'it has no such layers'}")


def scored_in_chain(net: nn.Module, prune_type: PruneType, scores: dict[str, list[Tensor]]) -> list[Outputs]:
    """The outputs of each conv of a chain with the scores of its filters, of the next conv's input channels, or the
    better of the two."""
    import torch

    layers, outputs = structure.chain(net), []
    by_name = {kind: dict(zip(grouping.convs(net), of_kind, strict=True)) for kind, of_kind in scores.items()}
    for number, layer in enumerate(layers):
        found = [by_name["filters"][layer.name]] if "filters" in prune_type.by else []
        if "channels" in prune_type.by and number + 1 < len(layers):
            found.append(by_name["channels"][layers[number + 1].name])
        spared = not found or bool(prune_type.spares and layer.before_max_pool)
        of_layer = torch.stack(found).amax(0) if found else torch.zeros(layer.width)
        alone = coupling.Coupled([layer.name], {layer.name: [[index] for index in range(layer.width)]})
        outputs.append(Outputs(alone, of_layer, spared))
    return outputs
