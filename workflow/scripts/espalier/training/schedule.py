"""Learning-rate schedules, the same for both frameworks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from espalier.training.recipe import Recipe

MIN_DELTA = 1e-4  # of the accuracy between 0 and 1: what counts as better, Keras's own default


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int, history: Sequence[dict[str, Any]] = ()) -> float:
    """The learning rate of a step (counted from 0 over all epochs of this training).

    Warm-up is linear in steps from `warmup_from` to `learning_rate` over `warmup_epochs`; then the rate is multiplied
    by `gamma` after each epoch in `milestones`, counted from the start of training, or falls along half a cosine
    (`schedule: cosine`), or rises and falls as `one_cycle` says. With a `plateau`, `learning_rate` is first lowered by
    that: `history` are the rows of the epochs before, with their `validation_top1` in percent. A recipe with an
    `offset` begins that many epochs into this schedule: learning-rate rewinding, fine-tuning with the rates that the
    last epochs of the training had (Renda et al. 2020, arXiv:2003.02389).
    """
    step += recipe.offset * steps_per_epoch
    steps = (recipe.offset + recipe.epochs) * steps_per_epoch
    peak = recipe.learning_rate
    if recipe.schedule == "one_cycle":
        return one_cycle(step / steps, recipe.warmup_from, peak, recipe.rise)
    if recipe.plateau:
        peak = plateaued(peak, [row["validation_top1"] for row in history], **recipe.plateau)
    warmup = recipe.warmup_epochs * steps_per_epoch
    if step < warmup:
        return recipe.warmup_from + (peak - recipe.warmup_from) * step / warmup
    if recipe.schedule == "cosine":
        return cosine((step - warmup) / (steps - warmup), peak)
    passed = sum(step >= milestone * steps_per_epoch for milestone in recipe.milestones)
    return peak * recipe.gamma**passed


def one_cycle(share: float, start: float, peak: float, rise: float) -> float:
    """The learning rate after a share of a training's steps: linearly from `start` to `peak` over the share `rise` of
    them, then linearly to 0 (Smith and Topin 2017, arXiv:1708.07120, whose cycle has equal halves and ends lower).

    >>> [round(one_cycle(share, 0.0, 0.1, 0.25), 3) for share in (0, 0.125, 0.25, 0.625, 1)]
    [0.0, 0.05, 0.1, 0.05, 0.0]
    """
    return start + (peak - start) * share / rise if share < rise else peak * (1 - share) / (1 - rise)


def cosine(share: float, peak: float) -> float:
    """The learning rate after a share of the steps: from `peak` to 0 along half a cosine (Loshchilov and Hutter 2017,
    arXiv:1608.03983, without restarts).

    >>> [round(cosine(share, 0.1), 3) for share in (0, 0.5, 1)]
    [0.1, 0.05, 0.0]
    """
    return peak * (1 + math.cos(math.pi * share)) / 2


def stretched(recipe: Recipe, factor: Fraction) -> Recipe:
    """A recipe with `factor` times the epochs, rounded to whole ones, halves up. Its milestones are as many times
    later; warm-up stays as it is."""

    def times(epochs: int) -> int:
        return max(1, math.floor(epochs * factor + Fraction(1, 2)))

    return dataclasses.replace(
        recipe, epochs=times(recipe.epochs), milestones=[times(milestone) for milestone in recipe.milestones]
    )


def plateaued(rate: float, accuracies: Sequence[float], *, factor: float, patience: int, minimum: float) -> float:
    """A learning rate after epochs of these accuracies (percent), as Keras's ReduceLROnPlateau lowers it.

    After `patience` epochs in a row that are no better than the best before, the rate is multiplied by `factor`, but
    not to less than `minimum`, and the waiting begins again.

    >>> plateaued(0.1, [50, 60, 60, 60], factor=0.5, patience=2, minimum=0.01)
    0.05
    """
    best, waited = float("-inf"), 0
    for accuracy in accuracies:
        if accuracy / 100 > best + MIN_DELTA:
            best, waited = accuracy / 100, 0
            continue
        waited += 1
        if waited >= patience:
            rate, waited = max(rate * factor, min(rate, minimum)), 0
    return rate
