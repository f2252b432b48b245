"""What a call of a quantized net is spent on, next to its net in float32: why 8-bit arithmetic is faster, or is not.

Read from the column `operators` of latency.csv: ONNX Runtime's own profile; of a TFLite file only which operators it
holds, since LiteRT does not tell how long each takes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd

from espalier.analysis import registered
from espalier.analysis.labels import Row
from espalier.training.operators import CONVERTS, FLOAT, Operator


@dataclass(frozen=True)
class Profile:
    """The kinds of operators that a call of a net runs, the one that takes longest first."""

    operators: tuple[Operator, ...]

    @property
    def timed(self) -> bool:
        return all(each.ms is not None for each in self.operators)

    @property
    def ms(self) -> float:
        """How long all of them take in a call; 0 where that is not known."""
        return sum(each.ms or 0.0 for each in self.operators)

    @property
    def slowest(self) -> Operator:
        return self.operators[0]

    def share(self, operators: tuple[Operator, ...]) -> float:
        """The share of a call's time that some of them take."""
        return sum(each.ms or 0.0 for each in operators) / self.ms

    @property
    def left_in_float(self) -> tuple[Operator, ...]:
        """Those with weights that compute in float32."""
        return tuple(each for each in self.operators if each.weighted and each.computes == FLOAT)

    @property
    def converting(self) -> tuple[Operator, ...]:
        """Those that only change the type of numbers."""
        return tuple(each for each in self.operators if each.computes == CONVERTS)


def of(row: Row) -> Profile | None:
    """The profile of a row of the times; None where there is none."""
    text = row.get("operators")
    if text is None or pd.isna(text):
        return None
    return Profile(tuple(Operator(**each) for each in json.loads(text)))


def words(own: Profile, dense: Profile | None) -> str:
    """What a quantized net's call is spent on, in a sentence without its point. dense: of the same net in float32.

    >>> dense = Profile((Operator("Conv", FLOAT, True, 13, 3.9), Operator("Gemm", FLOAT, True, 1, 0.1)))
    >>> own = (Operator("ConvInteger", "int8", True, 13, 15.2), Operator("Gemm", FLOAT, True, 1, 0.1))
    >>> own = Profile((*own, Operator("DynamicQuantizeLinear", CONVERTS, False, 13, 0.7)))
    >>> print(words(own, dense))
    13 ConvInteger take 15.2 of 16 ms, where 13 Conv took 3.9 of 4 ms in float32; 4.4 % goes into changing types; 1 Gemm stayed in float32
    """  # noqa: E501
    kept = own.left_in_float
    left = f"{_listed(kept)} stayed in float32" if kept else "no operator with weights stayed in float32"
    if not own.timed:
        hybrid = tuple(each for each in own.operators if each.name.endswith("hybrid"))
        changes = sum(each.number for each in own.converting)
        parts = [left, f"{changes} operators change types" if changes else ""]
        parts += [f"{_listed(hybrid)} quantize their inputs in each call"] if hybrid else []
        return "; ".join(part for part in parts if part)
    first = own.slowest
    parts = [f"{first.number} {first.name} take {first.ms:.3g} of {own.ms:.3g} ms"]
    if dense is not None and dense.timed and dense.operators:
        before = dense.slowest
        parts[0] += f", where {before.number} {before.name} took {before.ms:.3g} of {dense.ms:.3g} ms in float32"
    if own.converting:
        parts.append(f"{100 * own.share(own.converting):.2g} % goes into changing types")
    return "; ".join([*parts, left])


def _listed(operators: tuple[Operator, ...]) -> str:
    return " and ".join(f"{each.number} {each.name}" for each in operators)


def why(times: pd.DataFrame, net: Row) -> str:
    """What the call of a quantized net is spent on at one image, in a sentence; "" where that is not known. times: as
    speed.speed_ups gives them."""
    rows = times[(times["variant"] == net["variant"]) & (times["batch_size"] == 1)]
    rows = rows[registered.quantized(rows)]
    own = None if rows.empty else of(rows.iloc[0])
    return f"In the runtime {words(own, of_float(times, rows.iloc[0]))}." if own else ""


def of_float(times: pd.DataFrame, row: Row) -> Profile | None:
    """The profile of the net that a row's was made from, in float32 and at the same batch; of its baseline, where that
    was not timed."""
    same = times[(times["threads"] == row["threads"]) & (times["batch_size"] == row["batch_size"])]
    exports = same[registered.exported(same) & (same["parent"] == row["parent"])]
    rows = exports if len(exports) else same[same["node"] == row["baseline"]]
    return of(rows.iloc[0]) if len(rows) else None
