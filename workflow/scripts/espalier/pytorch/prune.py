"""Pruning: which groups go is decided here, and the net without them is saved.

The rules for filters and channels are those of the published CIFAR-100 study. The scores of all groups of all conv
layers are pooled and sorted, the threshold is the value at index int(groups * ratio), a group is kept if its score is
strictly above it. The number kept in a layer is rounded up to a multiple of 8, at least 8, with the best of the groups
below the threshold (ties: the lower index); layers of 8 or fewer are left as they are. With scope "layer" the same
happens within each layer. A step may ask for another multiple, and for a share of each layer that always stays. A
threshold that is given is no share: groups below it go, and nothing is rounded. Which channels can go only together,
and how they are scored, is in `outputs`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espalier.datasets.prepare import Data
from espalier.datasets.prepare import load as load_data
from espalier.pytorch import coupling, structure, unstructured
from espalier.pytorch import groups as grouping
from espalier.pytorch.images import image_channels
from espalier.pytorch.importance import scores as importance
from espalier.pytorch.models import load, remove_blocks, residual_blocks, save
from espalier.pytorch.outputs import Outputs, scored
from espalier.training.pruning import Amount, Pruning
from espalier.training.recipe import KEEP_NOTHING, Keeping

if TYPE_CHECKING:
    from torch import Tensor, nn

    from espalier.pytorch.amounts import Budget

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
    disk, and where layers keep a least number of channels, "layers_on_floor", how many were cut down to it. Raises
    ValueError for what cannot be done and RuntimeError if the file does not hold what was decided.
    """
    return prune_within(None, out, data=data, parent=parent, dense=dense, **step)


def prune_within(
    budget: Budget | None,
    out: str | Path,
    *,
    data: str | Path,
    parent: str | Path,
    dense: str | Path | None = None,
    **step: Any,
) -> dict[str, Any]:
    """The same with what turns an amount that says what is left into a ratio (see `amounts`)."""
    pruning, prepared, net = Pruning.of(step, "pytorch"), load_data(data), load(parent)
    before, by = load(dense or parent), pruning.prune_type.by
    prune = _zero_weights if by == ("weights",) else _remove_blocks if by == ("blocks",) else _remove_channels
    pruned, measured = prune(net, before, pruning, prepared, Path(out), budget)
    ratio = grouping.actual_ratio(before, pruned, pruning.prune_type.name)
    return {"measured": {"actual_ratio": ratio} | measured}


# Each of these saves the pruned net to `out` and returns it as read back, with what else was measured.
Pruned = tuple["nn.Module", dict[str, Any]]


def _zero_weights(
    net: nn.Module, dense: nn.Module, pruning: Pruning, data: Data, out: Path, budget: Budget | None
) -> Pruned:
    """Set single weights to zero."""
    before = unstructured.zeros(net)
    if budget:
        pruning = budget.for_weights(net, pruning)
    unstructured.zero_weights(net, pruning, data)
    save(net, out)
    pruned = load(out)
    unstructured.check(pruned, before, pruning)
    return pruned, {}


def _remove_blocks(
    net: nn.Module, dense: nn.Module, pruning: Pruning, data: Data, out: Path, budget: Budget | None
) -> Pruned:
    """Take out residual blocks."""
    remove_blocks(net, weakest_blocks(net, pruning, data))
    return _saved(net, {name: structure.width(conv) for name, conv in grouping.convs(net).items()}, data, out), {}


def _remove_channels(
    net: nn.Module, dense: nn.Module, pruning: Pruning, data: Data, out: Path, budget: Budget | None
) -> Pruned:
    """Take out output channels or neurons."""
    size = data.manifest["size"]
    ranking = ranked(net, pruning, size, data, dense)
    kept = budget.for_channels(net, ranking, size) if budget else ranking.kept(pruning.amount)
    on_floor = ranking.on_floor(kept)
    structure.remove_channels(net, kept, size)
    pruned = _saved(net, {name: len(indices) for name, indices in kept.items()}, data, out)
    return pruned, {"layers_on_floor": len(on_floor)}


def _saved(net: nn.Module, widths: dict[str, int], data: Data, out: Path) -> nn.Module:
    """The net as read back from its file; raises RuntimeError if that does not hold these widths."""
    save(net, out)
    pruned = load(out)
    found = {name: structure.width(pruned.get_submodule(name)) for name in widths}
    if found != widths:
        raise RuntimeError(f"{out} holds widths {found}, not those decided: {widths}")
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
class Ranking:
    """The output channels of a net's convs (or the neurons of its hidden linear layers) with their scores: what stays
    by a ratio, or by a threshold, follows from it.

    names: of the layers, in forward order. pool: all scores that one threshold of the net is found in; None: each layer
    has its own. grown: how many times as wide as now each layer is in the dense net.
    """

    outputs: list[Outputs]
    names: list[str]
    pool: Tensor | None
    pruning: Pruning
    grown: dict[str, Fraction]

    def kept(self, amount: Amount) -> dict[str, list[int]]:
        """Which output channels each layer keeps: name -> sorted indices."""
        limit = None
        if amount.key == "ratio" and self.pool is not None:
            limit = threshold(self.pool, share(amount))
        kept: dict[str, list[int]] = {}
        for of in self.outputs:
            chosen = self._chosen(of, amount, limit)
            for name, places in of.units.places.items():
                kept.setdefault(name, []).extend(index for unit in chosen for index in places[unit])
        return {name: sorted(kept[name]) for name in self.names}

    def _chosen(self, of: Outputs, amount: Amount, limit: float | None) -> list[int]:
        """The units that stay. limit: the net's threshold, None: each layer has its own."""
        if of.spared:
            return list(range(len(of.units)))
        if amount.key == "threshold":
            return keep_above(of.scores, amount.value)
        own = threshold(of.scores, share(amount)) if limit is None else limit
        return keep(of.scores, own, self._multiple(of), self._least(of))

    def _multiple(self, of: Outputs) -> int:
        return multiple_of(of.units, self.pruning.multiple or MULTIPLE)

    def _in_dense(self, of: Outputs) -> Fraction:
        """How many units there would be if the layers were as wide as in the dense net."""
        return len(of.units) * max(self.grown[name] for name in of.units.layers)

    def _least(self, of: Outputs) -> int:
        return max(1, math.ceil(Fraction(str(self.pruning.least or 0)) * self._in_dense(of)))

    def on_floor(self, kept: dict[str, list[int]]) -> list[str]:
        """The layers that keep as little as they can, and less than in the dense net."""
        rounded = self.pruning.amount.key != "threshold"
        floors: dict[str, int] = {}
        for of in self.outputs:
            floor = min(len(of.units), _rounded_up(self._least(of), self._multiple(of)) if rounded else 1)
            cut = not of.spared and floor < self._in_dense(of)
            for name, places in of.units.places.items():
                floors[name] = floors.get(name, 0) + len(places[0]) * (floor if cut else len(of.units) + 1)
        return [name for name, floor in floors.items() if len(kept[name]) == floor]


def kept_channels(net: nn.Module, pruning: Pruning, size: int, data: Data | None = None) -> dict[str, list[int]]:
    """Which output channels each conv layer (or which neurons each hidden linear layer) keeps: name -> sorted indices.

    size: side of an image, for tracing the net. data: for scores by gradients. Raises ValueError if no channel of the
    net can go.
    """
    return ranked(net, pruning, size, data).kept(pruning.amount)


def ranked(
    net: nn.Module, pruning: Pruning, size: int, data: Data | None = None, dense: nn.Module | None = None
) -> Ranking:
    """The ranking of a net's output channels. The score of a channel is that of its own filter, of the input channel of
    the conv that follows, or the better of both, as the prune type says. For one threshold all groups are pooled, those
    that cannot go (the image's channels) too.

    dense: the net that `least` is a share of, if it is another one.
    """
    import torch

    outputs, pool = scored(net, pruning, size, data)
    layers = grouping.LAYERS["neurons" if pruning.prune_type.by == ("neurons",) else "filters"](net)
    before = dict((dense or net).named_modules())  # where blocks were removed, what is left of them has another name
    grown = {
        name: Fraction(structure.width(before.get(name, layer)), structure.width(layer))
        for name, layer in layers.items()
    }
    return Ranking(outputs, list(layers), torch.cat(pool) if pruning.scope == "global" else None, pruning, grown)


def share(amount: Amount) -> float | Fraction:
    """A ratio as a number: a text or number as the nearest float, as published; a fraction exactly."""
    return amount.value if isinstance(amount.value, Fraction) else float(amount.value)


def multiple_of(units: coupling.Coupled, multiple: int = MULTIPLE) -> int:
    """The number of units of which a multiple is kept, so that layers keep a multiple of so many channels."""
    return multiple // math.gcd(multiple, units.channels)


def threshold(scores: Tensor, ratio: float | Fraction) -> float:
    """The value at index int(n * ratio) of the sorted scores: groups must score strictly more to be kept.

    >>> import torch
    >>> threshold(torch.tensor([4.0, 1.0, 3.0, 2.0]), 0.5)
    3.0
    """
    return scores.sort().values[int(len(scores) * ratio)].item()


def keep(scores: Tensor, limit: float, multiple: int = MULTIPLE, least: int = 1) -> list[int]:
    """Sorted indices of the groups of one layer that are kept: those above the limit, at least so many, rounded up to a
    multiple.

    >>> import torch
    >>> scores = torch.tensor([4.0, 1.0, 3.0, 2.0])
    >>> keep(scores, 3.0, multiple=2), keep(scores, 3.0, multiple=1), keep(scores, 3.0, multiple=1, least=3)
    ([0, 2], [0], [0, 2, 3])
    """
    above = int((scores > limit).sum())
    wanted = min(len(scores), _rounded_up(max(above, least), multiple))
    best_first = scores.argsort(descending=True, stable=True)
    return sorted(best_first[:wanted].tolist())


def _rounded_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


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
