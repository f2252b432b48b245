"""Tables as HTML: pages and fragments, read back as a browser reads them."""

import base64
import re
from dataclasses import replace

import pandas as pd
import pytest
from a_page import parse

from espalier.report import html
from espalier.report.table import Number, Table, Text

WILD = "</script></style></td><b>&amp; \"'"  # what would break out of a page, were it not escaped


@pytest.fixture
def table():
    data = pd.DataFrame(
        {"name": ["<b>", "two"], "top1": [80.466, None], "top1_sd": [0.5, None], "n": [3, 1], "hidden": [0.1 + 0.2, 2]}
    )
    columns = (
        Text("name", "Net"),
        Number("top1", "Top-1", 2, group="Accuracy", unit="%", spread="top1_sd", help="of all"),
        Number("n", "Seeds"),
    )
    return Table("A & B", "digits at 32x32x3", columns, data, ("a note",))


def test_a_page_has_the_values_their_keys_and_classes(table):
    page = parse(html.page(table, "s_results"))
    cells = [cell for row in page.one("tbody").all("tr") for cell in row.children]
    assert [(cell.tag, cell["data-sort"], cell.get("class"), cell.text) for cell in cells] == [
        ("th", "<b>", None, "<b>"),
        ("td", "80.466", "number", "80.47 ± 0.50"),
        ("td", "3.0", "number", "3"),
        ("th", "two", None, "two"),
        ("td", "", "number absent", "–"),
        ("td", "1.0", "number", "1"),
    ]
    assert page.one("title").text == page.one("h1").text == "A & B"
    assert page.one("p", class_="setup").text == "digits at 32x32x3"
    assert [note.text for note in page.one("ul", class_="notes").all("li")] == ["a note"]


def test_a_column_of_numbers_with_a_word_in_it_stays_one_of_numbers():
    data = pd.DataFrame({"name": ["a", "b", "c"], "zeros": [50.0, "not pruned", "2:4"]})
    table = Table("t", "s", (Text("name", "Layer"), Number("zeros", "Zeros", 2)), data)
    cells = parse(html.page(table, "x")).one("tbody").all("td", class_="number")
    assert [(cell["data-sort"], cell.text) for cell in cells] == [
        ("50.0", "50.00"), ("not pruned", "not pruned"), ("2:4", "2:4"),
    ]  # fmt: skip


def test_headings_are_buttons_that_say_how_the_table_is_sorted(table):
    head = parse(html.page(table, "s_results")).one("thead")
    headings = head.all("th", scope="col")
    assert [(heading["data-column"], heading["aria-sort"]) for heading in headings] == [
        (str(i), "none") for i in range(3)
    ]
    assert [button.get("title") for button in head.all("button")] == [None, "of all", None]
    assert [cell.text for cell in head.all("th", scope="colgroup")] == ["Accuracy (%)"]


def test_the_first_column_has_its_own_cell_in_every_row_of_headings():
    """It keeps its place when the page is scrolled to the right: a cell that it shared would cover the others."""
    columns = (Text("a", "A"), Text("b", "B"), Text("c", "C", group="G"), Text("d", "D", group="G"))
    table = Table("t", "s", columns, pd.DataFrame({key: ["x"] for key in "abcd"}))
    groups, headings = parse(html.page(table, "x")).one("thead").all("tr")
    assert [(cell["colspan"], cell.text) for cell in groups.children] == [("1", ""), ("1", ""), ("2", "G")]
    assert len(headings.children) == 4


def test_the_csv_is_inside(table):
    link = parse(html.page(table, "s_results")).one("a")
    assert link["download"] == "s_results.csv"
    assert base64.b64decode(link["href"].partition("base64,")[2]).decode() == table.csv()


def test_a_table_may_show_a_sum_of_its_rows_and_its_csv_has_them_all(table):
    shown = pd.DataFrame({"name": ["both"], "top1": [80.0], "top1_sd": [None], "n": [4]})
    short = replace(table, shown=shown)
    assert short.csv() == table.csv()
    assert parse(html.page(short, "x")).cells() == [["both", "80.00", "4"]]


def test_a_page_needs_nothing_from_elsewhere(table):
    page = html.page(table, "s_results")
    assert not re.findall(r"https?:|@import|url\(", re.sub(r"base64,[^\"]*", "", page))
    tree = parse(page)
    assert not tree.all("link") and not [script for script in tree.all("script") if "src" in script.attributes]
    assert tree.one("style").text.strip() == html.STYLE.strip()
    assert tree.one("script").text.strip() == html.SCRIPT.strip()


def test_tables_of_sentences_wrap(table):
    assert parse(html.page(table, "x")).one("body")["class"] == "figures"
    prose = Table("t", "s", (Text("name", "Net", prose=True),), table.data)
    assert parse(html.page(prose, "x")).one("body")["class"] == "prose"


def everything(words: str) -> Table:
    """A table with these words in every place that it has."""
    columns = (
        Text("a", words, link="b", remark="b", group=words, help=words, unit=words),
        Text("b", words, code=True),
    )
    data = pd.DataFrame({"a": [words], "b": [words], words: [words]})
    return Table(words, words, columns, data, (words,), section=Text("a", "A", remark="b"))


def test_no_words_break_out_of_a_page():
    page = parse(html.page(everything(WILD), WILD))
    assert page.one("title").text == page.one("h1").text == page.one("p", class_="setup").text == WILD
    assert page.one("li").text == WILD and not page.all("b") and len(page.all("script")) == 1
    assert page.cells() == [[f"{WILD}\n{WILD}"], [f"{WILD}\n{WILD}", WILD]]
    assert [page.all("a")[i]["href"] for i in (0,)] == [WILD] and page.all("button")[0]["title"] == WILD


def test_a_fragment_is_a_plain_table_with_a_class():
    table = parse(html.fragment(everything(WILD), "nets")).one("table", class_="nets")
    assert not table.all("button") and not table.all("b")
    section, row = table.one("tbody").all("tr")
    assert section.one("th", scope="rowgroup")["colspan"] == "2" and section.one("small").text == WILD
    assert row.one("th", scope="row").text == f"{WILD}\n{WILD}" and row.one("code").text == WILD


def test_each_section_is_a_body_of_its_own():
    data = pd.DataFrame({"study": ["a", "a", "b"], "net": ["x", "y", "z"]})
    table = Table("t", "s", (Text("net", "Net"),), data, section=Text("study", "Study"))
    bodies = parse(html.page(table, "t")).all("tbody")
    assert [[row.text for row in body.all("tr")] for body in bodies] == [["a", "x", "y"], ["b", "z"]]
    assert all([row.get("class") for row in body.all("tr")].index("section") == 0 for body in bodies)


def test_a_warning_stands_below_its_value():
    data = pd.DataFrame({"name": ["a", "b"], "done": [0.0, 40.0], "wrong": ["nothing was removed", None]})
    table = Table("t", "s", (Text("name", "Net"), Number("done", "Done", 2, flag="wrong")), data)
    flagged, right = parse(html.page(table, "x")).one("tbody").all("td")
    assert flagged.one("small", class_="flag").text.endswith("nothing was removed") and flagged["data-sort"] == "0.0"
    assert not right.all("small")


def test_a_table_of_questions_is_shown_as_cards_with_the_rest_folded():
    data = pd.DataFrame({"q": ["A?", WILD], "a": ["yes", WILD], "why": ["because", None]})
    table = Table("t", "s", (Text("q", "Q"), Text("a", "A"), Text("why", "Why")), data, cards=True)
    page = parse(html.page(table, "x"))
    first, second = page.all("article")
    assert (first.one("h2").text, first.one("strong").text) == ("A?", "yes")
    assert (first.one("details").one("dt").text, first.one("dd").text) == ("Why", "because")
    assert (second.one("h2").text, second.one("strong").text) == (WILD, WILD) and not second.all("details")
    assert not page.all("table") and not page.all("script") and page.one("a")["download"] == "x.csv"
