"""The page of a study: what it answers, what it shows, and that it needs nothing else."""

import base64

import pytest
from a_page import parse

from espalier.analysis.study import view_of
from espalier.contract import made_up
from espalier.report import study_page
from espalier.report.findings import of_study

TABLES = {"results": "All results", "findings": "Findings & more"}
WORDS = {name: [f"<{name}>", "How to read it."] for name in ("prune_or_quantize", "training_curves")}


@pytest.fixture(scope="module")
def study():
    """The checked config of a made-up study, and the folder of its tidy tables."""
    planned, records = made_up.run()
    return next(iter(planned.studies.values())), records


@pytest.fixture
def page(study, tmp_path):
    """Its page, with two figures."""
    figures = [tmp_path / f"{name}.svg" for name in WORDS]
    for figure in figures:
        figure.write_text(f"<svg><title>{figure.stem}</title></svg>")
    out = tmp_path / "studies" / "page.html"
    out.parent.mkdir()
    study_page.write(study[1], study[0], study_page.Shown(figures, WORDS, TABLES), out)
    return parse(out.read_text())


def test_each_question_has_a_card_with_its_answer_and_the_numbers_folded(page, study):
    findings = of_study(view_of(study[1], study[0]))
    cards = page.all("article")
    assert [card.one("h2").text for card in cards] == [finding.question for finding in findings]
    assert [card.one("p", class_="answer").text for card in cards] == [finding.answer for finding in findings]
    assert all(card.one("strong").text for card in cards)
    assert all(finding.evidence in card.one("dl").text for card, finding in zip(cards, findings, strict=True))


def test_each_figure_is_there_once_beside_a_question_or_below_them(page):
    shown = [base64.b64decode(image["src"].partition("base64,")[2]).decode() for image in page.all("img")]
    assert sorted(shown) == [f"<svg><title>{name}</title></svg>" for name in WORDS]
    beside = [image["alt"] for card in page.all("article") for image in card.all("img")]
    titles = {title for title, _ in WORDS.values()}
    assert WORDS["prune_or_quantize"][0] in beside and {image["alt"] for image in page.all("img")} == titles


def test_a_question_whose_figure_stands_beside_an_earlier_one_leads_to_it(page):
    figures = {figure["id"] for figure in page.all("figure")}
    leading = [link["href"] for card in page.all("article") for link in card.all("a") if link["href"].startswith("#")]
    assert leading and {link.removeprefix("#") for link in leading} <= figures == set(WORDS)


def test_links_lead_to_the_tables_and_to_the_page_that_a_net_is_chosen_on(page, study):
    links = [link["href"] for link in page.one("nav").all("a")]
    name = study[0]["name"]
    of_run = ["../tables/reproduced.html"] if study[0]["published"] else []
    assert links == [f"../choose.html#study={name}", *(f"../tables/{name}/{table}.html" for table in TABLES), *of_run]


def test_it_loads_nothing(page):
    assert not page.all("link") and not page.all("script")
    assert all(image["src"].startswith("data:") for image in page.all("img"))


def test_a_study_without_figures_has_its_answers_all_the_same(study, tmp_path):
    study_page.write(study[1], study[0], study_page.Shown(), tmp_path / "page.html")
    assert parse((tmp_path / "page.html").read_text()).all("article")
