"""The loop over the epochs of a training, the same for both backends: resuming, validation, history, best epoch.

A backend's learner holds the net, its optimizer and its data, trains one epoch, and gives and takes the state of both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from espalier.datasets.prepare import Data
from espalier.run import progress
from espalier.training import best_epoch
from espalier.training.checkpoint import Arrays, Checkpoint, Row
from espalier.training.recipe import Keeping, Recipe


class Learner(Protocol):
    """A net in training."""

    data: Data
    recipe: Recipe

    @property
    def device(self) -> str:
        """The kind of device that it is trained on, cpu or cuda: another one rounds in another way."""
        ...

    def train_epoch(self, history: list[Row]) -> Row:
        """Train one epoch; history: the rows of the epochs before. Returns learning_rate, train_loss, train_top1, ...

        Raises FloatingPointError if the training diverges.
        """
        ...

    def evaluate(self, split: str) -> dict[str, float]:
        """`loss` and `top1` (percent) on the split of that name, of the net with its `weights`."""
        ...

    def state(self) -> Arrays:
        """A copy of everything that the next epoch depends on."""
        ...

    def restore(self, state: Arrays) -> None:
        """Go back to a state."""
        ...

    def weights(self) -> Arrays:
        """A copy of the parameters and buffers that the training would end with now: the net's, or their average."""
        ...

    def set_weights(self, weights: Arrays) -> None:
        """Give the net parameters and buffers."""
        ...


def run(
    learner: Learner,
    identity: list[Any],
    keeping: Keeping,
    *,
    parent: str | Path | None = None,
    watch: Callable[[Row], None] | None = None,
) -> dict[str, Any]:
    """Train a net for the epochs of its recipe; it then has the weights of the last epoch, or of the best one.

    identity: what else distinguishes this training from others than its recipe, data, kind of device and the file
    `parent`: a state in `keeping.checkpoint` is used only if all are the same. watch: called with the row of every
    epoch, also of those before an interruption.

    Returns {"history": [one row per epoch]}, accuracies in percent, and if the recipe selects the best epoch
    {"measured": {"selected_epoch"}}. Test images are looked at only if the recipe selects by them. Raises ValueError if
    the recipe goes by validation images and there are none, and FloatingPointError if the training diverges.
    """
    recipe, data = learner.recipe, learner.data
    decides = best_epoch.column(recipe, len(data.validation))
    identity = [asdict(recipe), data.manifest, learner.device, *identity]
    checkpoint = Checkpoint(keeping.checkpoint, identity, parent)
    history, best = _resumed(learner, checkpoint, watch)
    for _ in progress.epochs(len(history) + 1, recipe.epochs, keeping.label):
        row = _epoch(learner, history, decides)
        history.append(row)
        progress.line(row, recipe.epochs)
        if watch:
            watch(row)
        if decides and best_epoch.best_epoch(history, decides) == row["epoch"]:
            best = learner.weights()
        if checkpoint.path:
            checkpoint.keep(learner.state(), history, best)
    learner.set_weights(best or learner.weights())
    return {"history": history} | best_epoch.chosen(history, decides)


def _resumed(
    learner: Learner, checkpoint: Checkpoint, watch: Callable[[Row], None] | None
) -> tuple[list[Row], Arrays | None]:
    """The history so far and the net of its best epoch, after bringing the learner to the state that was kept."""
    kept = checkpoint.resume()
    if kept is None:
        return [], None
    learner.restore(kept.state)
    if watch:
        for row in kept.history:
            watch(row)
    return kept.history, kept.best


def _epoch(learner: Learner, history: list[Row], decides: str | None) -> Row:
    """Train and evaluate one epoch. decides: the column of the history that the best epoch is chosen by."""
    started = time.perf_counter()
    row = {"epoch": len(history) + 1} | learner.train_epoch(history)
    splits = ["validation"] if len(learner.data.validation) else []
    splits += ["test"] if decides == "test_top1" else []
    for split in splits:
        measured = learner.evaluate(split)
        row |= {f"{split}_loss": measured["loss"], f"{split}_top1": measured["top1"]}
    row["seconds"] = time.perf_counter() - started
    return row
