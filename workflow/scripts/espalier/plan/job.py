"""One job of the grid: one step of one chain, for one seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Use = tuple[str, str, str]  # (kind, name, backend) of a registered entry


@dataclass(frozen=True)
class Job:
    """What is run on which parent, and the registered entries that it uses."""

    node: str
    parent: str | None
    study: str
    seed: int
    step: str  # its kind
    backend: str
    params: dict[str, Any]  # what the library is called with
    columns: dict[str, Any]  # what the node is known by
    uses: tuple[Use, ...]
    given: dict[str, Any] = field(default_factory=dict)  # the keys of the step as the config gives them, one value each
    function: str = ""  # of the backend, which writes the model's file

    @property
    def label(self) -> str:
        """The node in words."""
        return self.columns["label"]
