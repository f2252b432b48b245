"""Tables in a real browser: what stays in sight, which columns are chosen, and that results fit a page."""

import a_browser
import pandas as pd
import pytest
from a_browser import needs_a_browser

from espalier import registry
from espalier.analysis.study import view_of
from espalier.contract import made_up
from espalier.report import html
from espalier.report.table import Number, Table, Text

pytestmark = needs_a_browser

HELP = """
const all = selector => [...document.querySelectorAll(selector)];
const heads = all("th[data-column]"), left = element => Math.round(element.getBoundingClientRect().left);
const titles = () => heads.filter(head => !head.hidden).map(head => head.textContent);
const press = name => all(".views button").find(button => button.textContent === name).click();
"""


@pytest.fixture
def shown(tmp_path):
    """shown(table, script, width): what a script returns on a table's page."""

    def show(table: Table, script: str, width: int = 800):
        page = tmp_path / "page.html"
        page.write_text(html.page(table, "name"), encoding="utf-8")
        return a_browser.run(page, HELP + script, width=width)

    return show


@pytest.fixture
def wide():
    """A table that is wider and longer than the page, with groups of columns and two choices of them."""
    data = pd.DataFrame({"name": [f"net {i}" for i in range(60)]} | {f"c{i}": [float(i)] * 60 for i in range(30)})
    numbers = (
        Number(f"c{i}", f"A long heading {i}", group=f"G{i // 10}", views=("even",) if i % 2 == 0 else ("odd",))
        for i in range(30)
    )
    return Table("t", "s", (Text("name", "Net"), *numbers), data)


def test_names_stand_under_their_heading_wherever_the_page_is_scrolled_to(shown, wide):
    script = """
    press("All");
    scrollTo(900, 400);
    await wait();
    const name = all("tbody th")[30], groups = all(".groups > *"), head = heads[0].getBoundingClientRect();
    return {x: scrollX, y: scrollY, name: left(name), head: left(heads[0]), group: left(groups[0]), top: head.top,
      covered: document.elementFromPoint(head.left + 5, head.top + 5) !== null
        && heads[0].contains(document.elementFromPoint(head.left + 5, head.top + 5)),
      next: left(heads[1])};"""
    found = shown(wide, script)
    assert found["x"] > 500 and found["y"] > 100  # it did scroll
    assert found["name"] == found["head"] == found["group"] == 0 and found["next"] < 0
    assert 0 <= found["top"] < 100 and found["covered"]


def test_buttons_choose_columns_and_groups_stay_above_theirs(shown, wide):
    script = """
    const spans = () => all(".groups > *").filter(cell => !cell.hidden).reduce((sum, cell) => sum + cell.colSpan, 0);
    const cells = () => [...all("tbody tr")[0].cells].filter(cell => !cell.hidden).length;
    const pressed = () => all("[aria-pressed=true]").map(button => button.textContent);
    const state = () => [titles().length, spans(), cells(), pressed()];
    const first = state();
    press("Odd");
    const odd = state();
    press("All");
    return [first, odd, state()];"""
    assert shown(wide, script) == [[16, 16, 16, ["Even"]], [16, 16, 16, ["Odd"]], [31, 31, 31, ["All"]]]


def test_sorting_goes_by_the_column_that_is_pressed_whatever_is_hidden(shown):
    data = pd.DataFrame({"name": ["a", "b"], "x": [1, 2], "y": [2, 1]})
    columns = (Text("name", "Net"), Number("x", "X", views=("one",)), Number("y", "Y", views=("two",)))
    script = """
    press("Two");
    heads[2].querySelector("button").click();
    return all("tbody tr").map(row => row.cells[0].textContent);"""
    assert shown(Table("t", "s", columns, data), script) == ["b", "a"]


@pytest.fixture(scope="module")
def tables():
    """Tables of the made-up run, each of the study with the most to show."""
    planned, records = made_up.run()
    studies = {"results": "filters", "latency": "filters", "quantization": "quantized"}
    views = {name: view_of(records, planned.studies[study]) for name, study in studies.items()}
    return {name: registry.get(registry.TableItem, name)(view) for name, view in views.items()}


@pytest.mark.parametrize("name", ["results", "latency", "quantization"])
def test_every_choice_of_columns_fits_a_wide_page_and_a_net_is_named_by_its_facts(shown, tables, name):
    script = """
    const sizes = {};
    for (const button of all(".views button")) {
      button.click();
      sizes[button.textContent] = {width: document.documentElement.scrollWidth, titles: titles()};
    }
    return sizes;"""
    for width, facts in ((1400, True), (800, False)):
        found = shown(tables[name], script, width)
        chosen = {view: size for view, size in found.items() if view != "All"}
        assert chosen and all(("Prune type" in size["titles"]) == facts for size in chosen.values())
        assert all(("Net" in size["titles"]) == (not facts) for size in chosen.values())
        assert {"Net", "Prune type"} <= set(found["All"]["titles"])
        if facts:
            assert all(size["width"] <= 1400 for size in chosen.values()), found
