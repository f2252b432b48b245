"""Training: of a new net, of a net in a file, or of a pruned net from new weights. One recipe for all.

An epoch is one TensorFlow graph that loops over the steps and gathers each batch from the uint8 images in memory. For a
small net that is faster than Keras's own fit (benchmarks/keras_input.py), and no state of a random generator is hidden
in it: the same seed gives the same bits, resumed or not. Where images are augmented, NumPy does it batch by batch, and
the graph is of one step.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from espalier.datasets.prepare import Data, Split
from espalier.datasets.prepare import load as load_data
from espalier.keras.evaluate import evaluate
from espalier.keras.graphs import Losses, batch_graph, epoch_graph
from espalier.keras.models import build_model, kernels, load, pretrain, redrawn, save, weighted_layers
from espalier.keras.optimizers import make_optimizer
from espalier.keras.tensorboard import Board
from espalier.training import loop
from espalier.training.augmentation import augment, mixes_labels
from espalier.training.checkpoint import Arrays, Row
from espalier.training.recipe import KEEP_NOTHING, Keeping, Recipe, Training
from espalier.training.schedule import learning_rate, stretched

Masks = dict[Any, np.ndarray]  # reference of a variable -> where it may change (1) or stays zero (0)


def train_model(
    out: str | Path,
    *,
    data: str | Path,
    parent: str | Path | None = None,
    dense: str | Path | None = None,
    keeping: Keeping = KEEP_NOTHING,
    macs: Callable[[Any], int] | None = None,
    **step: Any,
) -> dict[str, Any]:
    """Train a net on the device that the runtime was started with, and write it to `out`.

    data: a prepared data set. parent: a model file to train further, None for a new net; its weights that are zero,
    pruned ones, stay zero. dense: the file of the net before pruning, for `scratch: flops`; macs: what counts
    the multiply-accumulates of a net for that (`scratch.train_model` gives it). step: what `Training` says.
    Each epoch derives the order of the images and what augments them from the seed and its number.

    Returns what `loop.run` does; if the weights were new, {"weights": "random" or "imagenet"}, what the training really
    began with; from scratch also {"epochs": their number}. Raises ValueError for what this backend cannot do.
    """
    training, prepared = Training.of(step), load_data(data)
    net, weights = (load(parent), None) if parent else initial_net(training, prepared)
    recipe, masks = budgeted(training, net, dense, macs), zero_masks(net) if parent else {}
    if training.scratch:
        net, masks = draw_again(net, masks, recipe.init, training.seed)
        weights = "random"
    learner = Learner(net, prepared, recipe, training.seed, masks)
    trained = fit(learner, [training.model, weights], keeping, parent)
    save(net, out)
    details = trained | ({"weights": weights} if weights else {})
    return details | ({"epochs": recipe.epochs} if training.scratch else {})


def initial_net(training: Training, data: Data) -> tuple[Any, str]:
    """A net to begin with, and what weights it has: "random" or "imagenet"."""
    pixels = {key: data.manifest[key] for key in ("mean", "std")}
    shape = data.train.images.shape[1:]
    net = build_model(
        training.model, shape, len(data.classes), **pixels, init=training.recipe.init, seed=training.seed
    )  # fmt: skip
    return net, pretrain(net, training.model)


def budgeted(training: Training, net: Any, dense: str | Path | None, macs: Callable[[Any], int] | None) -> Recipe:
    """The recipe; for `scratch: flops` with the epochs that cost the MACs that it costs the net in the file `dense`.

    macs: counts the multiply-accumulates of a net.
    """
    if training.scratch != "flops":
        return training.recipe
    if dense is None or macs is None:
        raise ValueError("`scratch: flops` needs the dense net, whose MACs are the budget, and what counts them")
    return stretched(training.recipe, Fraction(macs(load(dense)), macs(net)))


def fit(
    learner: Learner, identity: Sequence[Any], keeping: Keeping, parent: str | Path | None = None
) -> dict[str, Any]:
    """Train the learner's net in place, with TensorBoard's logs if they are to be kept; see `loop.run`.

    identity: what else distinguishes this training from others than the recipe, the seed, the data and `parent`.
    """
    board = Board(keeping.tensorboard, learner.net)
    trained = loop.run(learner, [*identity, learner.seed], keeping, parent=parent, watch=board.add)
    board.close()
    return trained


def zero_masks(net: Any) -> Masks:
    """The masks of the kernels that have zeros."""
    values = {kernel.ref(): kernel.numpy() for layer in weighted_layers(net) for kernel in kernels(layer)}
    return {ref: (value != 0).astype(value.dtype) for ref, value in values.items() if not value.all()}


def draw_again(net: Any, masks: Masks, init: dict[str, Any] | None, seed: int) -> tuple[Any, Masks]:
    """A net of the same layers with new initial weights, those that are masked zero, and its masks."""
    new, new_masks = redrawn(net, init, seed), {}
    for old_layer, new_layer in zip(weighted_layers(net), weighted_layers(new), strict=True):
        for old, kernel in zip(kernels(old_layer), kernels(new_layer), strict=True):
            if old.ref() in masks:
                new_masks[kernel.ref()] = masks[old.ref()]
                kernel.assign(kernel * masks[old.ref()])
    return new, new_masks


def resident(split: Split) -> Split:
    """The split with its images in the memory of the device that trains, as uint8: batches are gathered there. A
    variable, since of other tensors TensorFlow gathers bytes on the CPU only."""
    from espalier.keras.runtime import tf

    pixels: Any = split.images
    images: Any = tf.Variable(pixels, trainable=False)
    return dataclasses.replace(split, images=images)


@dataclasses.dataclass
class Learner:
    """A net in training (`loop.Learner`): any that takes uint8 images.

    masks: a weight whose gradients are masked never moves, whatever the optimizer: it has no momentum and no decay.
    losses: None is the cross entropy. before_step: called in the graph before each step, with its number (int32 tensor,
    counted from 0 over the whole training). after_epoch: called after the steps of an epoch; what it returns,
    {column: number}, is added to the epoch's row. Raises ValueError for a recipe that this backend cannot follow.
    """

    net: Any
    data: Data
    recipe: Recipe
    seed: int
    masks: Masks
    losses: Losses | None = None
    before_step: Callable[[Any], None] | None = None
    after_epoch: Callable[[], dict[str, float]] | None = None

    def __post_init__(self) -> None:
        for key, what in (("ema", "average of weights"), ("penalty", "penalties")):
            if value := getattr(self.recipe, key):
                raise ValueError(f"the keras backend has no {what}: take `{key}: {value}` out, or use backend: pytorch")
        self.optimizer = make_optimizer(self.net, self.recipe)

    @property
    def device(self) -> str:
        """The kind of device that TensorFlow computes on."""
        from espalier.keras.runtime import kind_of_device

        return kind_of_device()

    @functools.cached_property
    def training_images(self) -> Split:
        """The training images in the device's memory."""
        return resident(self.data.train)

    @functools.cached_property
    def run_epoch(self) -> Callable[..., Any]:
        """The graph of an epoch."""
        return epoch_graph(self)

    @functools.cached_property
    def run_batch(self) -> Callable[..., Any]:
        """The graph of a step with images that are not in the device's memory."""
        return batch_graph(self)

    def evaluate(self, split: str) -> dict[str, float]:
        """`loss`, `top1` and `top5` of the net on a split."""
        return evaluate(self.net, getattr(self.data, split))

    def train_epoch(self, history: list[Row]) -> Row:
        """One pass over the training images: mean loss (with label smoothing), accuracy and last learning rate."""
        from espalier.keras.runtime import as_built

        recipe, number, epoch = self.recipe, len(self.data.train), len(history) + 1
        steps = -(-number // recipe.batch_size)
        order = order_of(recipe, number, self.seed, epoch)
        rates = [learning_rate(recipe, (epoch - 1) * steps + step, steps, history) for step in range(steps)]
        run = self._run_augmented if recipe.augment else self._run
        with as_built():
            loss, hits = run(order, np.array(rates, np.float32), epoch)
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"the loss is not finite in epoch {epoch}: lower learning_rate (now {recipe.learning_rate}) "
                "or lengthen warmup_epochs"
            )
        row = {"learning_rate": rates[-1], "train_loss": float(loss) / number, "train_top1": 100 * int(hits) / number}
        return row | (self.after_epoch() if self.after_epoch else {})

    def _run(self, order: np.ndarray, rates: np.ndarray, epoch: int) -> tuple[Any, Any]:
        """Train an epoch; its summed loss and number of hits."""
        split, first = self.training_images, np.array((epoch - 1) * len(rates), np.int32)
        return self.run_epoch(split.images, split.labels, order, rates, first)

    def _run_augmented(self, order: np.ndarray, rates: np.ndarray, epoch: int) -> tuple[Any, Any]:
        """The same with images that are augmented, batch by batch."""
        size, steps, split = self.recipe.batch_size, self.recipe.augment, self.data.train
        generator, loss, hits = np.random.default_rng([self.seed, epoch, 1]), 0.0, 0
        shares = np.eye(len(self.data.classes), dtype=np.float32) if mixes_labels("keras", steps) else None
        for step, rate in enumerate(rates):
            chosen = order[step * size : (step + 1) * size]
            labels = split.labels[chosen] if shares is None else shares[split.labels[chosen]]
            images, labels = augment("keras", split.images[chosen], labels, steps, generator)
            number = np.int32((epoch - 1) * len(rates) + step)
            step_loss, step_hits = self.run_batch(images, labels, rate, number)
            loss, hits = loss + float(step_loss), hits + int(step_hits)
        return loss, hits

    def weights(self) -> Arrays:
        """The net's variables, in their order."""
        return _arrays(self.net.variables)

    def set_weights(self, weights: Arrays) -> None:
        """Give the net's variables these values."""
        _assign(self.net.variables, weights)

    def state(self) -> Arrays:
        """The variables of the net and of the optimizer."""
        return _arrays([*self.net.variables, *self.optimizer.variables])

    def restore(self, state: Arrays) -> None:
        """Go back to a state."""
        _assign([*self.net.variables, *self.optimizer.variables], state)


def order_of(recipe: Recipe, number: int, seed: int, epoch: int) -> np.ndarray:
    """The order in which an epoch takes the `number` training images.

    >>> from types import SimpleNamespace
    >>> order_of(SimpleNamespace(shuffle=False), 4, seed=0, epoch=1).tolist()
    [0, 1, 2, 3]
    """
    return np.random.default_rng([seed, epoch]).permutation(number) if recipe.shuffle else np.arange(number)


def _arrays(variables: Sequence[Any]) -> dict[str, np.ndarray]:
    return {f"{number:04}": variable.numpy() for number, variable in enumerate(variables)}


def _assign(variables: Sequence[Any], values: Mapping[str, np.ndarray]) -> None:
    for number, variable in enumerate(variables):
        variable.assign(values[f"{number:04}"])
