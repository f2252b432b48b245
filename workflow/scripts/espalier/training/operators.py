"""The operators that a runtime runs for a net, by kind: what a quantized net's time is spent on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

INT8, FLOAT, CONVERTS = "int8", "float32", "converts"  # what an operator computes in; or it only changes the type


@dataclass(frozen=True)
class Kernel:
    """One operator at work. computes: INT8, FLOAT or CONVERTS; weighted: whether it has weights (a convolution, a
    matrix); ms: how long it took, None where the runtime does not say."""

    name: str
    computes: str
    weighted: bool
    ms: float | None = None


@dataclass(frozen=True)
class Operator:
    """All operators of a name and type in one call: how many, and how long they take in all (milliseconds)."""

    name: str
    computes: str
    weighted: bool
    number: int
    ms: float | None = None

    def row(self) -> dict[str, Any]:
        """As plain values, for a record."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def summed(calls: Sequence[Sequence[Kernel]]) -> list[Operator]:
    """The operators of a call by name and type, the kind that takes longest first. calls: what each of several equal
    calls ran; a kind takes the median over the calls, since whatever else the machine does disturbs single ones.

    >>> conv, relu = Kernel("Conv", FLOAT, True, 2.0), Kernel("Relu", FLOAT, False, 0.5)
    >>> calls = [[conv, relu, conv], [conv, relu, conv], [Kernel("Conv", FLOAT, True, 99.0), relu, conv]]
    >>> [(each.name, each.number, each.ms) for each in summed(calls)]
    [('Conv', 2, 4.0), ('Relu', 1, 0.5)]
    """
    times: dict[tuple[str, str, bool], list[list[float | None]]] = {}
    for place, call in enumerate(calls):
        for kernel in call:
            kind = times.setdefault((kernel.name, kernel.computes, kernel.weighted), [[] for _ in calls])
            kind[place].append(kernel.ms)
    found = [Operator(*kind, len(taken[0]), _median(taken)) for kind, taken in times.items()]
    return sorted(found, key=lambda operator: -(operator.ms or 0))


def _median(taken: list[list[float | None]]) -> float | None:
    """The median over calls of what the operators of a kind take together; None where one is not known."""
    known = [[ms for ms in call if ms is not None] for call in taken]
    return round(median(map(sum, known)), 6) if known == taken else None
