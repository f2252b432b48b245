"""Pruning of single weights gradually, while a net is trained further (Zhu and Gupta 2017, arXiv:1710.01878)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from espalier.datasets.prepare import Data
from espalier.datasets.prepare import load as load_data
from espalier.pytorch import groups as grouping
from espalier.pytorch import unstructured
from espalier.pytorch.models import load, save, weighted
from espalier.pytorch.train import Learner, to_device, zero_masks
from espalier.training import loop
from espalier.training.checkpoint import Arrays, Row
from espalier.training.pruning import Gradual, Pruning
from espalier.training.recipe import KEEP_NOTHING, Keeping, Recipe
from espalier.training.sparsity import Course

MASK = "mask."  # how the names of masks begin in a kept state


def prune_model(
    out: str | Path,
    *,
    data: str | Path,
    parent: str | Path,
    dense: str | Path | None = None,
    keeping: Keeping = KEEP_NOTHING,
    **step: Any,
) -> dict[str, Any]:
    """Prune the net in `parent` while it is trained further by the pruning's recipe, and write it to `out`.

    Of each conv and linear layer the weights with the smallest absolute values go: as many as `Course` says at a step,
    and at last the layer's share of the ratio. What is zero, of the parent too, stays zero. dense: the trained net that
    the chain began with, the parent if not given. step: what `Pruning` says.

    Returns {"measured": {"actual_ratio"}, "history"}: as of a training, with the `sparsity` of the pruned layers in
    percent. Raises ValueError for what cannot be done or a training with too few steps, RuntimeError if the file is not
    as sparse as asked.
    """
    pruning, prepared, net = Pruning.of(step, "pytorch"), load_data(data), load(parent)
    gradual, recipe = _checked(pruning)
    steps = recipe.epochs * _steps_per_epoch(prepared, recipe)
    course, before = Course.of(pruning.amount.value, steps, gradual), unstructured.zeros(net)
    torch.manual_seed(pruning.seed)
    to_device(net)
    learner = GradualLearner(net, prepared, recipe, pruning.seed, course)
    identity = ["gradual", str(pruning.amount.value), asdict(gradual), pruning.seed]
    trained = loop.run(learner, identity, keeping, parent=parent)
    save(net, out)
    pruned = load(out)
    unstructured.check(pruned, before, pruning)
    ratio = grouping.actual_ratio(load(dense or parent), pruned, pruning.prune_type.name)
    return trained | {"measured": {"actual_ratio": ratio}}


def _checked(pruning: Pruning) -> tuple[Gradual, Recipe]:
    """How the sparsity rises, and the recipe. Raises ValueError for a pruning that is not done gradually."""
    if (pruning.prune_type.by, pruning.score.name, pruning.scope) != (("weights",), "magnitude", "layer"):
        raise ValueError("gradual pruning is of single weights by their magnitude in each layer, nothing else")
    if pruning.gradual is None or pruning.recipe is None:
        raise ValueError("gradual pruning trains the net, so it needs a recipe")
    if pruning.recipe.select != "last":
        raise ValueError("gradual pruning ends with its last epoch: an epoch before may not be as sparse as asked")
    return pruning.gradual, pruning.recipe


def _steps_per_epoch(data: Data, recipe: Recipe) -> int:
    return -(-len(data.train) // recipe.batch_size)


class GradualLearner(Learner):
    """A net in training whose masks change. Weights that are masked are zero after each step, whatever momentum they
    had before."""

    def __init__(self, net: nn.Module, data: Data, recipe: Recipe, seed: int, course: Course) -> None:
        super().__init__(net, data, recipe, seed, zero_masks(net))
        self.course, self.layers = course, weighted(net)
        self.step = 0  # number of the last step whose masks were looked at

    def train_epoch(self, history: list[Row]) -> Row:
        """An epoch as of any training, with the `sparsity` (percent) that it ends with."""
        steps = _steps_per_epoch(self.data, self.recipe)
        self.step = len(history) * steps
        row = super().train_epoch(history)
        self._go_to((len(history) + 1) * steps)  # a last batch of a single image is no step
        zeros = unstructured.zeros(self.net)
        return row | {"sparsity": 100 * sum(zeros.values()) / sum(x.weight.numel() for x in self.layers.values())}

    def _step(self, images: torch.Tensor, labels: torch.Tensor, rate: float, sums: Any) -> torch.Tensor | float:
        self._go_to(self.step + 1)
        penalty = super()._step(images, labels, rate, sums)
        self._mask()
        return penalty

    def _go_to(self, step: int) -> None:
        """Change the masks if they are to change at a step up to this one."""
        due = [self.course.sparsity(number) for number in range(self.step + 1, step + 1)]
        self.step = step
        for sparsity in [share for share in due if share is not None][-1:]:
            for layer in self.layers.values():
                weight = layer.weight.detach().cpu()
                scores = torch.where(weight == 0, -torch.inf, weight.abs())  # what is zero stays so
                (gone,) = unstructured.lowest([scores], sparsity)
                self.masks[layer.weight] = (~gone).to(layer.weight)
            self._mask()

    def _mask(self) -> None:
        """Set what is masked to zero, in the average of the weights too."""
        nets = [self.net] + ([self.average.net] if self.average else [])
        with torch.no_grad():
            for name, layer in self.layers.items():
                for net in nets if layer.weight in self.masks else ():
                    net.get_parameter(f"{name}.weight").mul_(self.masks[layer.weight])

    def state(self) -> Arrays:
        """As of any training, with the masks."""
        masks = {name: self.masks[layer.weight] for name, layer in self.layers.items() if layer.weight in self.masks}
        return {**super().state(), **{f"{MASK}{name}": mask.cpu().numpy() > 0 for name, mask in masks.items()}}

    def restore(self, state: Arrays) -> None:
        """Go back to a state."""
        super().restore(state)
        for name, layer in self.layers.items():
            if f"{MASK}{name}" in state:
                self.masks[layer.weight] = torch.from_numpy(state[f"{MASK}{name}"]).to(layer.weight)
