"""Tables as HTML pages."""

import base64
import csv
import io
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from espalier.report.table import Column, Table, decimals, number, sort_key, text, without_constant


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


def test_cells():
    column = Column("top1", "Top-1", 2)
    assert text(97.123, column, 0.314) == "97.12 ± 0.31"
    assert text(97.123, column, float("nan")) == "97.12"  # one seed: no spread
    assert text(float("nan"), column) == text(None, column) == "–"
    assert text("not run", column) == "not run"


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
    assert text(value, Column("flops", "FLOPs", 2, significant=3)) == shown


def test_the_spread_has_the_decimals_of_the_number():
    assert text(0.02760, Column("flops", "FLOPs", 2, significant=3), 0.000123) == "0.0276 ± 0.0001"


def test_as_many_decimals_as_the_digits_asked_for_need():
    assert [decimals(value, 3) for value in (0.0231, 0.515, 9.999, 48.2, 1234.5)] == [4, 3, 1, 1, 0]


def test_columns_of_one_value_become_a_note():
    rows = pd.DataFrame({"net": ["a", "b"], "by": ["X", "X"], "threads": [2.0, None], "of": ["y", "z"], "n": [1, 1]})
    columns = tuple(Column(key, key.title()) for key in rows)
    left, note = without_constant(columns, rows, ("by", "threads", "of"))
    assert [column.key for column in left] == ["net", "of", "n"]
    assert note == ("The same in all rows. By: X. Threads: 2.",)
    assert without_constant(columns, rows, ("of",)) == (columns, ())


def test_sort_keys_are_exact_and_nothing_for_what_is_absent():
    assert sort_key(0.1 + 0.2) == "0.30000000000000004"
    assert sort_key(np.int64(12)) == "12.0"
    assert sort_key("VGG") == "vgg"
    assert sort_key(None) == sort_key(float("nan")) == ""


class Page(HTMLParser):
    """The parts of a page that the tests look at."""

    def __init__(self, page: str):
        super().__init__()
        self.heads, self.cells, self.links, self.tags = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if tag == "th" and "data-column" in attributes:
            self.heads.append(attributes)
        if "data-sort" in attributes:
            self.cells.append([attributes["data-sort"], attributes.get("class", ""), ""])
        if tag == "a":
            self.links.append(attributes)

    def handle_data(self, data):
        if self.cells and not self.cells[-1][2]:
            self.cells[-1][2] = data


@pytest.fixture
def table():
    data = pd.DataFrame(
        {"name": ["<b>", "two"], "top1": [80.466, None], "top1_sd": [0.5, None], "n": [3, 1], "hidden": [0.1 + 0.2, 2]}
    )
    columns = (Column("name", "Net"), Column("top1", "Top-1", 2, "Accuracy", spread="top1_sd"), Column("n", "Seeds"))
    return Table("A & B", "digits at 32x32x3", columns, data, ("a note",))


def test_page_has_the_values_their_keys_and_classes(table):
    page = Page(table.page("s_results"))
    assert page.cells == [
        ["<b>", "", "<b>"],
        ["80.466", "number", "80.47 ± 0.50"],
        ["3.0", "number", "3"],
        ["two", "", "two"],
        ["", "number absent", "–"],
        ["1.0", "number", "1"],
    ]
    assert "A &amp; B" in table.page("x") and "digits at 32x32x3" in table.page("x") and "a note" in table.page("x")


def test_a_column_of_numbers_with_a_word_in_it_stays_one_of_numbers():
    data = pd.DataFrame({"name": ["a", "b"], "zeros": [50.0, "not pruned"]})
    page = Page(Table("t", "s", (Column("name", "Layer"), Column("zeros", "Zeros", 2)), data).page("x"))
    assert page.cells[1::2] == [["50.0", "number", "50.00"], ["not pruned", "number", "not pruned"]]


def test_words_in_place_of_numbers_as_they_are_leave_them_numbers():
    data = pd.DataFrame({"name": ["a", "b"], "asked": [20.0, "2:4"]})
    page = Page(Table("t", "s", (Column("name", "Net"), Column("asked", "Asked")), data).page("x"))
    assert page.cells[1::2] == [["20.0", "number", "20"], ["2:4", "number", "2:4"]]


def test_a_table_may_show_a_sum_of_its_rows_and_its_csv_has_them_all(table):
    shown = pd.DataFrame({"name": ["both"], "top1": [80.0], "top1_sd": [None], "n": [4]})
    short = Table(table.title, table.setup, table.columns, table.data, shown=shown)
    assert short.csv() == table.csv()
    assert [cell[2] for cell in Page(short.page("x")).cells] == ["both", "80.00", "4"]
    assert short.markdown().splitlines()[2:] == ["| both | 80.00 | 4 |"]


def test_headings_are_buttons_that_say_how_the_table_is_sorted(table):
    page = Page(table.page("s_results"))
    assert [(head["data-column"], head["aria-sort"]) for head in page.heads] == [(str(i), "none") for i in range(3)]
    assert sum(tag == "button" for tag, _ in page.tags) == 3
    assert ("th", {"scope": "colgroup", "colspan": "1"}) in page.tags  # Accuracy, over Top-1
    assert sum(attributes.get("scope") == "row" for _, attributes in page.tags) == 2


def test_the_csv_inside_is_exact_and_whole(table):
    link = Page(table.page("s_results")).links[0]
    assert link["download"] == "s_results.csv"
    inside = base64.b64decode(link["href"].partition("base64,")[2]).decode()
    assert inside == table.csv()
    rows = list(csv.reader(io.StringIO(inside)))
    assert rows == [
        ["name", "top1", "top1_sd", "n", "hidden"],
        ["<b>", "80.466", "0.5", "3", "0.30000000000000004"],
        ["two", "", "", "1", "2.0"],
    ]


def test_page_needs_nothing_from_elsewhere(table):
    page = table.page("s_results")
    assert not re.findall(r"https?:|//|@import|url\(", re.sub(r"base64,[^\"]*", "", page))
    assert [attributes for tag, attributes in Page(page).tags if "src" in attributes or tag == "link"] == []


def test_tables_of_sentences_wrap(table):
    assert '<body class="figures">' in table.page("x")
    prose = Table("t", "s", (Column("name", "Net", prose=True),), table.data)
    assert '<body class="prose">' in prose.page("x")


def test_a_table_is_markdown_too():
    data = pd.DataFrame({"name": ["a | b", "c"], "top1": [97.123, np.nan], "sd": [0.314, np.nan], "why": ["x", None]})
    columns = (Column("name", "Net"), Column("top1", "Top-1", 2, group="Test", spread="sd"), Column("why", "Why"))
    assert Table("t", "set-up", columns, data, ("a note",)).markdown() == (
        "| Net | Test: Top-1 | Why |\n| --- | ---: | --- |\n| a \\| b | 97.12 ± 0.31 | x |\n| c | – | – |\n\n* a note\n"
    )
