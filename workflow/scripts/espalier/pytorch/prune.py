"""Pruning: which groups go is decided here, and the net without them is saved.

The rules for filters and channels are those of the published CIFAR-100 study. The scores of all groups of all conv
layers are pooled and sorted, the threshold is the value at index int(groups * ratio), a group is kept if its score is
strictly above it. The number kept in a layer is rounded up to a multiple of 8, at least 8, with the best of the groups
below the threshold (ties: the lower index); layers of 8 or fewer are left as they are. With scope "layer" the same
happens within each layer. A threshold that is given is no share: groups below it go, and nothing is rounded.

Where residual connections add up the outputs of several convs, a channel can go only from all of them: they have one
score, the mean of their scores for that channel. A `coupled` score sees all parameters that go with a channel, as in
DepGraph (Fang et al. 2023, arXiv:2301.12900). With `normalize: layer` the scores of each layer, or of each set of
coupled channels, are divided by their mean before they are pooled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espalier.datasets.prepare import Data
from espalier.datasets.prepare import load as load_data
from espalier.pytorch import coupled_parameters, coupling, structure, unstructured
from espalier.pytorch import groups as grouping
from espalier.pytorch.images import image_channels
from espalier.pytorch.importance import check_finite, normalized
from espalier.pytorch.importance import scores as importance
from espalier.pytorch.models import load, remove_blocks, residual_blocks, save
from espalier.registry import PruneType, Score
from espalier.training.pruning import Pruning
from espalier.training.recipe import KEEP_NOTHING, Keeping

if TYPE_CHECKING:
    from torch import Tensor, nn

MULTIPLE = 8  # layers keep a multiple of this many channels, as hardware likes them


def prune_model(
    out: str | Path,
    *,
    data: str | Path,
    parent: str | Path,
    dense: str | Path | None = None,
    keeping: Keeping = KEEP_NOTHING,
    **step: Any,
) -> dict[str, Any]:
    """Prune the net in `parent` and write it to `out`.

    data: a prepared data set, for the size of its images and for scores by gradients. dense: the trained net that the
    chain began with, the parent if not given. step: what `Pruning` says. keeping: not used, since nothing is trained.

    Returns {"measured": {"actual_ratio": share of the dense net's groups that is gone}}, of the net read back from
    disk. Raises ValueError for what cannot be done and RuntimeError if the file does not hold what was decided.
    """
    pruning, prepared, net = Pruning.of(step, "pytorch"), load_data(data), load(parent)
    prune = _zero_weights if pruning.prune_type.by == ("weights",) else _remove_groups
    pruned = prune(net, pruning, prepared, out)
    ratio = grouping.actual_ratio(load(dense or parent), pruned, pruning.prune_type.name)
    return {"measured": {"actual_ratio": ratio}}


def _zero_weights(net: nn.Module, pruning: Pruning, data: Data, out: str | Path) -> nn.Module:
    """Set single weights to zero, save the net to `out` and return it as read back."""
    before = unstructured.zeros(net)
    unstructured.zero_weights(net, pruning, data)
    save(net, out)
    pruned = load(out)
    unstructured.check(pruned, before, pruning)
    return pruned


def _remove_groups(net: nn.Module, pruning: Pruning, data: Data, out: str | Path) -> nn.Module:
    """Take out output channels or blocks, save the net to `out` and return it as read back."""
    if pruning.amount.key == "blocks":
        remove_blocks(net, weakest_blocks(net, pruning, data))
        expected = {name: structure.width(conv) for name, conv in grouping.convs(net).items()}
    else:
        kept = kept_channels(net, pruning, data.manifest["size"], data)
        structure.remove_channels(net, kept, data.manifest["size"])
        expected = {name: len(indices) for name, indices in kept.items()}
    save(net, out)
    pruned = load(out)
    found = {name: structure.width(pruned.get_submodule(name)) for name in expected}
    if found != expected:
        raise RuntimeError(f"{out} holds widths {found}, not those decided: {expected}")
    _check_runs(pruned, data.manifest["size"])
    return pruned


def _check_runs(net: nn.Module, size: int) -> None:
    """Raise ValueError if a pruned net cannot be called: then it uses sizes that nobody told it have changed."""
    import torch

    try:
        with torch.inference_mode():
            net(torch.zeros(1, image_channels(net, size), size, size))
    except (RuntimeError, IndexError, TypeError) as error:
        message = str(error).strip().splitlines()[0]
        raise ValueError(f"the pruned net does not run, it uses sizes of layers by other ways: {message}") from error


@dataclass(frozen=True)
class Outputs:
    """Output channels of a layer, or of several that can lose a channel only together."""

    units: coupling.Coupled
    scores: Tensor  # (units,)
    spared: bool  # all of them stay


def kept_channels(net: nn.Module, pruning: Pruning, size: int, data: Data | None = None) -> dict[str, list[int]]:
    """Which output channels each conv layer (or which neurons each hidden linear layer) keeps: name -> sorted indices.

    The score of an output channel is that of its own filter, of the input channel of the conv that follows, or the
    better of both, as the prune type says. For one threshold all groups are pooled, those that cannot go (the image's
    channels) too. size: side of an image, for tracing the net. data: for scores by gradients. Raises ValueError if no
    channel of the net can go.
    """
    import torch

    by, amount = pruning.prune_type.by, pruning.amount
    outputs, pool = scored(net, pruning, size, data)
    limit = None
    if amount.key == "ratio" and pruning.scope == "global":
        limit = threshold(torch.cat(pool), float(amount.value))
    kept: dict[str, list[int]] = {}
    for of in outputs:
        for name, indices in _kept(of, pruning, limit):
            kept[name] = sorted([*kept.get(name, []), *indices])
    return {name: kept[name] for name in grouping.LAYERS["neurons" if by == ("neurons",) else "filters"](net)}


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


def _kept(outputs: Outputs, pruning: Pruning, limit: float | None) -> list[tuple[str, list[int]]]:
    """The indices of the channels that each of the layers keeps. limit: the net's threshold, None: each layer has its
    own."""
    units = outputs.units
    if outputs.spared:
        chosen = list(range(len(units)))
    elif pruning.amount.key == "threshold":
        chosen = keep_above(outputs.scores, pruning.amount.value)
    else:
        own = threshold(outputs.scores, float(pruning.amount.value)) if limit is None else limit
        chosen = keep(outputs.scores, own, multiple_of(units))
    return [(name, [index for unit in chosen for index in units.places[name][unit]]) for name in units.layers]


def multiple_of(units: coupling.Coupled) -> int:
    """The number of units of which a multiple is kept, so that layers keep a multiple of MULTIPLE channels."""
    return MULTIPLE // math.gcd(MULTIPLE, units.channels)


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


def threshold(scores: Tensor, ratio: float) -> float:
    """The value at index int(n * ratio) of the sorted scores: groups must score strictly more to be kept.

    >>> import torch
    >>> threshold(torch.tensor([4.0, 1.0, 3.0, 2.0]), 0.5)
    3.0
    """
    return scores.sort().values[int(len(scores) * ratio)].item()


def keep(scores: Tensor, limit: float, multiple: int = MULTIPLE) -> list[int]:
    """Sorted indices of the groups of one layer that are kept; the count is rounded up to a multiple, at least one.

    >>> import torch
    >>> keep(torch.tensor([4.0, 1.0, 3.0, 2.0]), 3.0, multiple=2)
    [0, 2]
    """
    total = len(scores)
    above = int((scores > limit).sum())
    wanted = min(total, max(multiple, -(-above // multiple) * multiple))
    best_first = scores.argsort(descending=True, stable=True)
    return sorted(best_first[:wanted].tolist())


def keep_above(scores: Tensor, below: float) -> list[int]:
    """Sorted indices of the groups of one layer that score `below` or more; if there is none, of the best one.

    >>> import torch
    >>> keep_above(torch.tensor([0.4, 0.1, 0.5]), 0.4), keep_above(torch.tensor([0.4, 0.1, 0.5]), 0.6)
    ([0, 2], [2])
    """
    return (scores >= below).nonzero().flatten().tolist() or [int(scores.argmax())]


def weakest_blocks(net: nn.Module, pruning: Pruning, data: Data | None = None) -> list[str]:
    """Names of the residual blocks with the lowest scores over all weights of their convs, as many as are to go."""
    names, number = list(residual_blocks(net)), int(pruning.amount.value)
    if not 0 < number <= len(names):
        raise ValueError(f"cannot remove {number} of {len(names)} residual blocks")
    found = importance(net, ["blocks"], pruning.score, data=data, seed=pruning.seed)["blocks"]
    scores = {name: score.item() for name, score in zip(names, found, strict=True)}
    return sorted(names, key=lambda name: scores[name])[:number]
