"""Columns are described once: grid, records, tidy tables and docs follow."""

import csv

import pytest
from a_run import FILES, MEASURED, TIMING

from espalier import columns
from espalier.analysis import tidy
from espalier.plan import grid
from espalier.run import record_schema, records
from espalier.run.integrity import write_sealed

VALUES = {str: "text", int: 3, float: 0.25}
RECORD = {c.name: c.allowed[0] if c.allowed else VALUES[c.type] for c in record_schema.NODE} | {
    "node": "s/seed3/train", "parent": None, "measured": MEASURED, "layers": [], "history": [], "summary": [],
    "files": FILES, "timing": TIMING, "software": {"python": "3.11.7"},
}  # fmt: skip


def collected(tmp_path, record):
    path = tmp_path / record["node"] / "record.json"
    write_sealed(path, record)
    tidy.collect([path], [], tmp_path / "records")
    with (tmp_path / "records" / "results.csv").open(newline="") as file:
        return next(csv.DictReader(file))


def test_every_column_of_a_node_reaches_the_table(tmp_path):
    records._validator().validate(RECORD)
    row = collected(tmp_path, RECORD)
    assert {key: row[key] for key in grid.COLUMNS} == {
        key: "" if RECORD[key] is None else str(RECORD[key]) for key in grid.COLUMNS
    }
    loaded = tidy.load(tmp_path / "records").results.iloc[0]
    assert {key: loaded[key] for key in grid.COLUMNS if key != "parent"} == {
        key: RECORD[key] for key in grid.COLUMNS if key != "parent"
    }


def test_a_column_that_the_tables_do_not_know_is_not_dropped_in_silence(tmp_path):
    with pytest.raises(ValueError, match="s/seed3/train has colour, which is no column"):
        collected(tmp_path, RECORD | {"colour": "red"})


def test_a_column_that_a_record_lacks_is_not_left_empty_in_silence(tmp_path):
    with pytest.raises(ValueError, match="s/seed3/train has no method"):
        collected(tmp_path, {key: value for key, value in RECORD.items() if key != "method"})


def test_no_name_stands_twice_in_a_row_of_the_table():
    row = [*columns.names(columns.NODE), *columns.names(columns.MEASURED), *tidy.EPOCHS]
    assert len(row) == len(set(row))


def test_the_schema_file_is_in_step_with_the_columns():
    assert records.SCHEMA.read_text(encoding="utf-8") == record_schema.schema_text(), "run `make docs`"


def test_the_page_of_outputs_is_in_step_with_the_columns():
    text = record_schema.PAGE.read_text(encoding="utf-8")
    assert record_schema.BEGIN in text and record_schema.END in text
    assert text == record_schema.page(text), "run `make docs`"
