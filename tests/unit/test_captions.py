"""The captions of the report: names of the config, and of a user's own figures, are shown as they are."""

from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
from a_page import parse
from docutils.core import publish_parts

REPORT = Path(__file__).resolve().parents[2] / "report"
WILD = "a_ `b`_ *c* |d| <b> \\ e__ & 'f'"


def rendered(template: str, **names):
    """A caption as Snakemake renders it."""
    text = jinja2.Environment().from_string((REPORT / template).read_text()).render(categories={}, **names)
    page = parse(publish_parts(text, writer_name="html", settings_overrides={"report_level": 5})["body"])
    assert not page.all("b") and not page.all("a")
    return page


@pytest.mark.parametrize("template", ["captions/figure.rst", "captions/table.rst"])
def test_captions_and_setups_are_no_markup(template):
    params = {"caption": f"Read {WILD}.", "setup": WILD}
    snakemake = SimpleNamespace(params=SimpleNamespace(**params, get=params.get))
    caption, setup, *_ = rendered(template, snakemake=snakemake, files=[]).all("p")
    assert caption.text == f"Read {WILD}." and setup.one("em").text == f"{WILD}."


def test_titles_on_the_landing_page_are_no_markup():
    snakemake = SimpleNamespace(config={"studies": {"one": {"title": WILD}, "two": {}}})
    items = rendered("workflow.rst", snakemake=snakemake, files=[]).all("li")
    assert [item.text.strip() for item in items] == [WILD, "two"]


def test_the_landing_page_holds_the_overview_as_it_is(tmp_path):
    overview = tmp_path / "overview.html"
    overview.write_text('<div class="espalier">\n\n<p>a * b</p>\n</div>\n')
    page = rendered("workflow.rst", snakemake=None, files=[SimpleNamespace(path=overview)])
    assert page.one("div", class_="espalier").one("p").text == "a * b"
