"""Learning-rate schedules, the same for both frameworks."""

from __future__ import annotations


def learning_rate(recipe: dict, step: int, steps_per_epoch: int) -> float:
    """The learning rate of a step (counted from 0 over the whole training).

    Warm-up is linear in steps from `warmup_from` to `learning_rate` over `warmup_epochs`; then the rate is multiplied
    by `gamma` after each epoch in `milestones`, counted from the start of training.
    """
    warmup = recipe["warmup_epochs"] * steps_per_epoch
    if step < warmup:
        return recipe["warmup_from"] + (recipe["learning_rate"] - recipe["warmup_from"]) * step / warmup
    passed = sum(step >= milestone * steps_per_epoch for milestone in recipe["milestones"])
    return recipe["learning_rate"] * recipe["gamma"] ** passed
