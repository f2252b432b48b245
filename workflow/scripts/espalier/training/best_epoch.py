"""Which epoch's weights a training ends with: those of the last one, or of the best one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from espalier.training.recipe import Recipe

# `select` of a recipe -> the column of the history that decides.
COLUMNS = {"last": None, "best_validation": "validation_top1", "best_test": "test_top1"}


def column(recipe: Recipe, validation_images: int) -> str | None:
    """The column of the history that decides which epoch is the best; None if the last one's weights are taken.

    Raises ValueError if the recipe goes by accuracy on validation images, and there are none.
    """
    if recipe.plateau and not validation_images:
        raise ValueError("`plateau` watches the accuracy on validation images, and the data set has none of them")
    if recipe.select == "best_validation" and not validation_images:
        raise ValueError(f"`select: {recipe.select}` goes by validation images, and the data set has none of them")
    return COLUMNS[recipe.select]


def best_epoch(history: Sequence[dict[str, Any]], column: str) -> int:
    """The epoch with the highest value in `column`; of equal ones the first.

    >>> best_epoch([{"epoch": 1, "top1": 70.0}, {"epoch": 2, "top1": 80.0}, {"epoch": 3, "top1": 80.0}], "top1")
    2
    """
    return max(history, key=lambda row: row[column])["epoch"]


def chosen(history: Sequence[dict[str, Any]], column: str | None) -> dict[str, Any]:
    """What a record says of the choice: which epoch's weights the net has, where that need not be the last one."""
    return {"measured": {"selected_epoch": best_epoch(history, column)}} if column and history else {}
