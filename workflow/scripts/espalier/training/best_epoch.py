"""Which epoch's weights a training ends with: the last one's, or the best one's."""

from __future__ import annotations

from collections.abc import Sequence

# `select` of a recipe -> the column of the history that it goes by.
COLUMNS = {"last": None, "best_validation": "validation_top1", "best_test": "test_top1"}


def column(recipe: dict, validation_images: int) -> str | None:
    """The column of the history that decides which epoch is the best; None if the last one's weights are taken.

    Raises ValueError if that is accuracy on validation images and there are none.
    """
    select = recipe.get("select", "last")
    if select == "best_validation" and not validation_images:
        raise ValueError(f"`select: {select}` goes by validation images, and the data set has none of them")
    return COLUMNS[select]


def best_epoch(history: Sequence[dict], column: str) -> int:
    """The epoch with the highest value in `column`; of equal ones the first."""
    return max(history, key=lambda row: row[column])["epoch"]


def chosen(history: Sequence[dict], column: str | None) -> dict:
    """What a record says of the choice: which epoch's weights the net has, if they need not be the last one's."""
    return {"measured": {"selected_epoch": best_epoch(history, column)}} if column and history else {}
