"""Pruning of single weights and of whole units of dense nets, at once or (in `gradual`) while the net is trained.

As in the published study of weight against unit pruning on MNIST: every weight matrix but the output layer's loses the
same share, or all of them together the share, and the net is not trained again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from espalier.keras import gradual, models
from espalier.keras.groups import hidden_layers, inner_layers
from espalier.training.portion import portion
from espalier.training.pruning import Pruning
from espalier.training.recipe import KEEP_NOTHING, Keeping


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

    data: a prepared data set, which only gradual pruning reads. dense: the trained net that the chain began with, the
    parent if not given. step: what `Pruning` says. Weights that are zero already count as removed; of a net that has
    lost units the ratio is of those left.

    Returns {"measured": {"actual_ratio": share of what the dense net had in the pruned layers that is gone}}, counted
    on the file read back; of gradual pruning more, see `gradual.prune_gradually`. Raises ValueError for what cannot be
    done, RuntimeError if the file is not as asked.
    """
    pruning = Pruning.of(step, "keras")
    if pruning.gradual:
        return gradual.prune_gradually(out, data, parent, pruning, keeping)
    groups = GROUPS[pruning.prune_type.by[0]]
    net = models.load(parent)
    before = groups.matrices(net)
    generator = np.random.default_rng(pruning.seed)
    models.save(pruning.prune_type(net, pruning.score, pruning.amount.value, pruning.scope, generator), out)
    after = groups.matrices(models.load(out))
    _check(out, pruning, groups, before, after)
    first = before if dense is None or Path(dense) == Path(parent) else groups.matrices(models.load(dense))
    counts = [groups.count(old, new) for old, new in zip(first, after, strict=True)]
    return {"measured": {"actual_ratio": sum(gone for gone, _ in counts) / sum(total for _, total in counts)}}


class _Groups:
    """How the groups of a prune type are counted."""

    def __init__(
        self, layers: Callable[[Any], list[Any]], count: Callable[[np.ndarray, np.ndarray], tuple[int, int]]
    ) -> None:
        self.layers = layers  # the layers of a net that are pruned
        self.count = count  # (matrix before, matrix after) -> how many groups are gone, and of how many

    def matrices(self, net: Any) -> list[np.ndarray]:
        """The weights of these layers."""
        return [layer.kernel.numpy() for layer in self.layers(net)]


def _weights(old: np.ndarray, new: np.ndarray) -> tuple[int, int]:
    return int(old.size - np.count_nonzero(new)), old.size


def _units(old: np.ndarray, new: np.ndarray) -> tuple[int, int]:
    return old.shape[1] - new.shape[1], old.shape[1]


GROUPS = {"weights": _Groups(inner_layers, _weights), "units": _Groups(hidden_layers, _units)}


def _check(
    out: str | Path, pruning: Pruning, groups: _Groups, before: list[np.ndarray], after: list[np.ndarray]
) -> None:
    """Raise RuntimeError if not as many groups are gone in the file as the ratio asks for, or as were gone before."""
    found = [(*groups.count(old, new), groups.count(old, old)[0]) for old, new in zip(before, after, strict=True)]
    if pruning.scope != "layer":
        found = [tuple(map(sum, zip(*found, strict=True)))]
    for gone, total, already in found:
        asked, what = max(portion(pruning.amount.value, total), already), pruning.prune_type.by[0]
        if gone != asked:
            raise RuntimeError(f"{out}: {gone} of the {total} {what} of a {pruning.scope} scope are gone, not {asked}")
