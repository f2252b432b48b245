"""What a kind of step is. Every other file of this folder holds one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from espalier.plan import naming
from espalier.plan.job import Job, Use
from espalier.plan.keys import Table


@dataclass(frozen=True)
class Place:
    """A step of a chain with what it depends on."""

    study: dict[str, Any]
    given: dict[str, Any]  # the keys that the chain gives it
    path: list  # where these stand in the config
    before: Sequence[Job]  # the jobs of the steps before it
    columns: dict[str, Any]  # of the node that it is applied to

    @property
    def backend(self) -> str:
        """The framework of the study."""
        return self.study["backend"]


@dataclass(frozen=True)
class Planned:
    """What comes of a step that is right."""

    params: dict[str, Any]  # what the library's function is called with
    columns: dict[str, Any]  # what the step changes in the columns of its node
    uses: set[Use] = field(default_factory=set)  # the registered entries that its job reaches
    given: dict[str, Any] | None = None  # the keys that its folder is named by, where they are not those of the chain
    function: str | None = None  # of the backend, where it is not the one of the kind of step


def anywhere(chain: list, number: int, path: list) -> None:
    """Nothing is refused: the step may stand anywhere after the first one."""


def nothing(columns: dict[str, Any]) -> Iterator[str]:
    """No words."""
    return iter(())


@dataclass(frozen=True, kw_only=True)
class Step:
    """A kind of step: its keys, its place in a chain, its files, the functions that run it, and its words."""

    kind: str  # its name in chains, and the first part of its folder's and its rules' names
    noun: str  # what it is called in a sentence
    about: str  # what it does and where it may stand, one sentence a line, for docs/configuration.md
    message: str  # of its rules
    keys: type[Table]  # what it can be given
    named: tuple[str, ...]  # keys whose values name its folder without the key, in this order
    first: bool = False  # a chain begins with it, and has it nowhere else
    trains: Literal["new", "further"] | None = None  # of a training: new weights, or those that the net has
    like_train: bool = False  # it draws what the `train` of the same seed draws: the same weights, the same batches
    retraining: dict[str, str] = field(default_factory=dict)  # the values that it gives the column, in words

    # Raises ConfigError if the step may not stand where it does: (chain, number, place of the chain in the config).
    check_place: Callable[[list, int, list], None] = anywhere
    # Checks the step's keys against the register and the study (ConfigError), and says what its job is run with.
    plan: Callable[[Place], Planned]
    # What it adds to the label of its node and of those after it.
    words: Callable[[dict[str, Any]], Iterator[str]] = nothing

    # The files that it reads: data, parent (the net that it is applied to), dense (the one that the chain began with).
    reads: tuple[str, ...]
    tensorboard: bool = False  # a backend that can writes logs for TensorBoard
    runtime: int = 60  # minutes that its job may take, where the config says nothing else
    device: bool = True  # it computes on the study's device; if not, on the CPU

    # Functions of the backend: one (where a step's plan names no other) writes the model's file, the other, in a job of
    # its own, measures it, given these of the read files too.
    function: str = "train.train_model"
    measure: str = "profile.measure_model"
    measured_with: tuple[str, ...] = ()

    def folder(self, given: dict[str, Any]) -> str:
        """The name of its folder: its kind and what the chain says of it.

        >>> from espalier.plan.steps import STEPS
        >>> STEPS["prune"].folder({"ratio": "0.40", "prune_type": "unit", "method": "l2", "end": 0.7})
        'prune~unit~l2~0.40~end=0.7'
        """
        parts = [naming.slug(given[key]) for key in self.named if given.get(key) is not None]
        parts += [f"{key}={naming.slug(value)}" for key, value in sorted(given.items()) if key not in self.named]
        return naming.shortened("~".join([self.kind, *parts]))


def kind_of(step: Any) -> str:
    """The kind of a step as a chain lists it: its name, or its name with keys."""
    return step if isinstance(step, str) else next(iter(step))
