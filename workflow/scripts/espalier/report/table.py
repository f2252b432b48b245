"""A table before it is written: typed columns, rows with exact values, notes; and how a value is shown as text.

`html.page`, `html.fragment` and `markdown.table` write a table for readers, `Table.csv` for programs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from itertools import groupby
from numbers import Real
from typing import Any, ClassVar, Literal

import pandas as pd

ABSENT = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
Row = dict[str, Any]  # the values of a row by the keys of its columns


@dataclass(frozen=True)
class Column:
    """A shown column, of one of the types `Text` and `Number`.

    key: the column of the table's data; title: its heading; group: a heading over several columns; help: what the
    column means, shown when the pointer rests on the heading; flag: the key of a warning that stands below the value.

    views: the choices of columns that it is in on a page, all if none is named; room: whether it is in them on wide
    pages only, or on narrow ones only; header: whether its cells are headings of their rows.
    """

    align: ClassVar[Literal["left", "right"]] = "left"

    key: str
    title: str
    _: KW_ONLY
    group: str = ""
    unit: str = ""  # shown in brackets after the heading
    help: str = ""
    views: tuple[str, ...] = ()
    room: Literal["", "wide", "narrow"] = ""
    header: bool = False
    flag: str = ""

    def warning(self, row: Row) -> str:
        """The words below the value of a row; "" for none."""
        words = row[self.flag] if self.flag else None
        return "" if _absent(words) else str(words)

    def text(self, row: Row) -> str:
        """The value of a row as readers see it; a dash, if it is absent."""
        value = row[self.key]
        return ABSENT if _absent(value) else str(value)

    def sort_key(self, row: Row) -> str:
        """What a page sorts the row by: a number exactly, text in lower case, nothing for what is absent."""
        value = row[self.key]
        if _absent(value):
            return ""
        return repr(float(value)) if _numeric(value) else str(value).lower()


@dataclass(frozen=True)
class Text(Column):
    """A column of words.

    prose: sentences, so that the table takes the width there is and wraps. code: names or digests that are shown in a
    typewriter face. link: the key of the address that the text leads to. remark: the key of a few words below the text.
    """

    _: KW_ONLY
    prose: bool = False
    code: bool = False
    link: str = ""
    remark: str = ""


@dataclass(frozen=True)
class Number(Column):
    """A column of numbers, some of which may be words ("not run").

    digits: decimals (None: as many as the number has); significant: digits that a small number shows at least, where
    its decimals leave fewer; signed: a plus sign for gains; spread: the key of the standard deviation.
    """

    align: ClassVar[Literal["left", "right"]] = "right"

    digits: int | None = None
    _: KW_ONLY
    significant: int = 0
    signed: bool = False
    spread: str = ""

    def text(self, row: Row) -> str:
        """The number as readers see it: "1,234", "80.47", "+0.31", "97.12 ± 0.31"; a dash, if it is absent."""
        value, spread = row[self.key], row[self.spread] if self.spread else float("nan")
        if not _numeric(value) or _absent(value):
            return super().text(row)
        digits = decimals(value, self.significant, self.digits or 0) if self.significant else self.digits
        shown = number(value, digits, self.signed)
        return shown if _absent(spread) else f"{shown} ± {number(spread, digits)}"


@dataclass(frozen=True)
class Table:
    """A table before it is written.

    setup: the line above it (data, resolution, epochs, weights, seeds). data: exact values; the CSV holds all of them.
    notes: sentences below the table. shown: the rows for readers, where they sum up those of `data`. section: a column
    whose values stand as headings above the rows that share them. cards: a page shows each row as a question, the first
    column, with its answer, the second one; the others are folded.
    """

    title: str
    setup: str
    columns: tuple[Column, ...]
    data: pd.DataFrame
    notes: tuple[str, ...] = ()
    shown: pd.DataFrame | None = None
    section: Text | None = None
    cards: bool = False

    @property
    def views(self) -> tuple[str, ...]:
        """The choices of columns that a page of the table offers; the first one is what it begins with."""
        return tuple(dict.fromkeys(view for column in self.columns for view in column.views))

    def rows(self) -> list[Row]:
        """What readers see, from top to bottom."""
        shown = self.data if self.shown is None else self.shown
        return [{str(key): value for key, value in row.items()} for row in shown.to_dict("records")]

    def sections(self) -> Iterator[list[Row]]:
        """The rows, in one list for each value of the section's column; all in one, if there are no sections."""
        section = self.section
        for _, rows in groupby(self.rows(), key=lambda row: section.text(row) if section else ""):
            yield list(rows)

    def headings(self) -> list[tuple[str, str]]:
        """The heading of each column's group ("" for none) and its own, with units.

        A unit that all columns of a group share is said once, after the heading of the group.
        """
        units = {group: {c.unit for c in self.columns if c.group == group} for group in {c.group for c in self.columns}}
        return [
            (_with_unit(c.group, c.unit), c.title)
            if c.group and len(units[c.group]) == 1
            else (c.group, _with_unit(c.title, c.unit))
            for c in self.columns
        ]

    def csv(self) -> str:
        """The data as CSV, numbers exact, absent values empty."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.data.columns)
        writer.writerows(
            ["" if _absent(v) else v for v in row] for row in self.data.astype(object).itertuples(index=False)
        )
        return out.getvalue()


def without_constant(
    columns: tuple[Column, ...], data: pd.DataFrame, keys: tuple[str, ...]
) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """`columns` without those of `keys` that have the same value in all rows, and a note that says that value: such a
    column takes the width that the others need."""
    constant = [column for column in columns if column.key in keys and data[column.key].nunique() == 1]
    values = [f"{column.title}: {column.text({column.key: data[column.key].dropna().iloc[0]})}." for column in constant]
    note = (f"The same in all rows. {' '.join(values)}",) if values else ()
    return tuple(column for column in columns if column not in constant), note


def number(value: float, digits: int | None = None, signed: bool = False) -> str:
    """A number with thousands separated and a real minus sign. Whole numbers and digits=None: as it is.

    >>> number(1234.5678, 1), number(7), number(0.314, 2, signed=True)
    ('1,234.6', '7', '+0.31')
    """
    sign = "+" if signed else ""
    if digits is not None:
        shown = f"{value:{sign},.{digits}f}"
    elif float(value).is_integer():
        shown = f"{int(value):{sign},}"
    else:
        shown = f"{value:{sign}g}"
    if not shown.strip("+-0.,"):  # -0.00 and +0.00 are 0.00
        shown = shown.lstrip("+-")
    return shown.replace("-", MINUS)


def decimals(value: float, significant: int, least: int = 0) -> int:
    """The decimals that show so many significant digits of a number, and at least `least` of them.

    >>> decimals(0.0231, 3), decimals(9.999, 3), decimals(1234.5, 3, least=2)
    (4, 1, 2)
    """
    if not value:
        return least
    exponent = int(f"{value:.{significant - 1}e}".partition("e")[2])
    return max(least, significant - 1 - exponent)


def _absent(value: Any) -> bool:
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _numeric(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _with_unit(heading: str, unit: str) -> str:
    return f"{heading} ({unit})" if unit else heading
