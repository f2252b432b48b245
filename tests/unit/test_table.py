"""Tables before they are written: how values are shown, their headings, their CSV."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from espalier.report.table import Number, Table, Text, decimals, number, without_constant


@pytest.mark.parametrize(
    "value, digits, signed, shown",
    [
        (80.466, 2, False, "80.47"),
        (-0.504, 2, True, "−0.50"),
        (0.31, 2, True, "+0.31"),
        (-0.001, 2, True, "0.00"),  # neither a loss nor a gain
        (134678692, None, False, "134,678,692"),
        (1234.5678, 1, False, "1,234.6"),
        (4.0, None, False, "4"),
        (0.25, None, False, "0.25"),
        (np.float64(15.5), 2, False, "15.50"),
        (np.int64(7), None, False, "7"),
        (-3, None, False, "−3"),
    ],
)
def test_numbers(value, digits, signed, shown):
    assert number(value, digits, signed) == shown


@pytest.mark.parametrize(
    "row, shown",
    [
        ({"top1": 97.123, "sd": 0.314}, "97.12 ± 0.31"),
        ({"top1": 97.123, "sd": float("nan")}, "97.12"),  # one seed: no spread
        ({"top1": float("nan"), "sd": None}, "–"),
        ({"top1": None, "sd": None}, "–"),
        ({"top1": "not run", "sd": None}, "not run"),
    ],
)
def test_a_number_with_its_spread(row, shown):
    assert Number("top1", "Top-1", 2, spread="sd").text(row) == shown


@pytest.mark.parametrize(
    "value, shown",
    [
        (0.0276015, "0.0276"),
        (0.00578, "0.00578"),
        (0.37, "0.370"),
        (0.9996, "1.00"),
        (15.507, "15.51"),  # two decimals at least
        (134.678692, "134.68"),
        (-0.0231, "−0.0231"),
        (0.0, "0.00"),
    ],
)
def test_small_numbers_keep_three_digits(value, shown):
    assert Number("flops", "FLOPs", 2, significant=3).text({"flops": value}) == shown


def test_the_spread_has_the_decimals_of_the_number():
    column = Number("flops", "FLOPs", 2, significant=3, spread="sd")
    assert column.text({"flops": 0.02760, "sd": 0.000123}) == "0.0276 ± 0.0001"


def test_as_many_decimals_as_the_digits_asked_for_need():
    assert [decimals(value, 3) for value in (0.0231, 0.515, 9.999, 48.2, 1234.5)] == [4, 3, 1, 1, 0]


def test_columns_of_one_value_become_a_note():
    rows = pd.DataFrame({"net": ["a", "b"], "by": ["X", "X"], "threads": [2.0, None], "of": ["y", "z"], "n": [1, 1]})
    columns = (Text("net", "Net"), Text("by", "By"), Number("threads", "Threads"), Text("of", "Of"), Number("n", "N"))
    left, notes = without_constant(columns, rows, ("by", "threads", "of"))
    assert [column.key for column in left] == ["net", "of", "n"]
    assert len(notes) == 1 and "By: X." in notes[0] and "Threads: 2." in notes[0]
    assert without_constant(columns, rows, ("of",)) == (columns, ())


def test_sort_keys_are_exact_and_nothing_for_what_is_absent():
    keys = [Number("n", "N").sort_key({"n": value}) for value in (0.1 + 0.2, np.int64(12), "VGG", None, float("nan"))]
    assert keys == ["0.30000000000000004", "12.0", "vgg", "", ""]


def test_a_unit_that_a_group_shares_is_said_once():
    columns = (
        Text("name", "Net"),
        Number("raw", "Raw", group="File", unit="MiB"),
        Number("zipped", "Zipped", group="File", unit="MiB"),
        Number("asked", "Asked", group="Removed"),
        Number("done", "Done", group="Removed", unit="%"),
        Number("ms", "Time", unit="ms"),
    )
    assert Table("t", "s", columns, pd.DataFrame()).headings() == [
        ("", "Net"), ("File (MiB)", "Raw"), ("File (MiB)", "Zipped"), ("Removed", "Asked"), ("Removed", "Done (%)"),
        ("", "Time (ms)"),
    ]  # fmt: skip


def test_the_csv_is_exact_and_whole():
    data = pd.DataFrame({"name": ["<b>", "two"], "top1": [80.466, None], "n": [3, 1], "hidden": [0.1 + 0.2, 2]})
    table = Table("t", "s", (Text("name", "Net"),), data, shown=data[:1])
    assert list(csv.reader(io.StringIO(table.csv()))) == [
        ["name", "top1", "n", "hidden"],
        ["<b>", "80.466", "3", "0.30000000000000004"],
        ["two", "", "1", "2.0"],
    ]


def test_rows_with_one_value_of_the_sections_column_stand_together():
    data = pd.DataFrame({"study": ["a", "a", "b"], "net": [1, 2, 3]})
    table = Table("t", "s", (Number("net", "Net"),), data, section=Text("study", "Study"))
    assert [[row["net"] for row in rows] for rows in table.sections()] == [[1, 2], [3]]
