"""The augmentations of a recipe: checked against the register, and against the images that they are given."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from espalier import registry
from espalier.plan.explain import ConfigError
from espalier.plan.job import Use
from espalier.plan.lookup import known
from espalier.plan.validate import check_arguments
from espalier.training.augmentation import GIVEN

if TYPE_CHECKING:
    from espalier.plan.recipe import Draft


def augmentations(draft: Draft) -> set[Use]:
    """Check the augmentations; their images must end at the data set's size."""
    backend, path = draft.study["backend"], draft.place("augment")
    wanted = size = draft.study["dataset"]["size"]
    uses: set[Use] = set()
    for number, item in enumerate(draft.values["augment"]):
        name, values = (item, {}) if isinstance(item, str) else next(iter(item.items()))
        entry = known(registry.Augmentation, name, backend, [*path, number])
        values = _named_values(entry, values)
        check_arguments(entry, values, [*path, number, name], given=GIVEN, examples={"size": wanted})
        _check_crop(entry, values, size, wanted, [*path, number, name])
        if entry.colours and "order" in draft.study["dataset"]:
            raise ConfigError(
                [*path, number],
                f"{name} changes colours in the order RGB, and the images are in the order BGR",
                allowed="augmentations of other kinds, or a data set in the order rgb",
            )
        size = values.get("size", size)
        uses.add(("augmentation", name, backend))
    if size != wanted:
        raise ConfigError(
            path,
            f"training would see images of {size} pixels, evaluation of {wanted}",
            allowed="augmentations that end at the data set's size",
        )
    return uses


def _named_values(entry: registry.Augmentation, values: Any) -> dict[str, Any]:
    """The values of an augmentation by name: a value alone is that of its first parameter."""
    if isinstance(values, dict):
        return values
    names = [name for name in inspect.signature(entry.function).parameters if name not in GIVEN]
    return {} if values is None else {next(iter(names), "value"): values}


def _check_crop(entry: registry.Augmentation, values: dict[str, Any], size: int, wanted: int, path: list) -> None:
    """What is cut out is not larger than the image with its padding."""
    room = size + 2 * values.get("padding", 0)
    if values.get("size", 0) > room and entry.crops:
        raise ConfigError(
            [*path, "size"],
            f"{values['size']} is more than the {room} pixels there are",
            allowed=f"a whole number, at most {room}",
            corrected={"size": wanted},
        )
