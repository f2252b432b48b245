"""The operators that a runtime runs for a net, by kind: what a quantized net's time is spent on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
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


def summed(kernels: Iterable[Kernel], calls: int = 1) -> list[Operator]:
    """The operators of `calls` equal calls by name and type, for one call; the kind that takes longest first.

    >>> conv, relu = Kernel("Conv", FLOAT, True, 2.0), Kernel("Relu", FLOAT, False, 0.5)
    >>> kernels = [conv, relu, Kernel("Conv", FLOAT, True, 1.0)]
    >>> [(each.name, each.number, each.ms) for each in summed(kernels)]
    [('Conv', 2, 3.0), ('Relu', 1, 0.5)]
    """
    groups: dict[tuple[str, str, bool], list[float | None]] = {}
    for kernel in kernels:
        groups.setdefault((kernel.name, kernel.computes, kernel.weighted), []).append(kernel.ms)
    found = []
    for (name, computes, weighted), each in groups.items():
        known = [ms for ms in each if ms is not None]
        ms = round(sum(known) / calls, 6) if len(known) == len(each) else None
        found.append(Operator(name, computes, weighted, round(len(each) / calls), ms))
    return sorted(found, key=lambda operator: -(operator.ms or 0))
