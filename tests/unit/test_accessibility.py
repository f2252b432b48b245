"""The HTML pages of a run against axe-core's rules, in a real browser: wide and narrow, light and dark."""

import json
from importlib.resources import files

import a_browser
import pytest
from a_browser import needs_a_browser

from espalier.contract import made_up
from espalier.report import beside, figures, study_page, tables
from espalier.report.choose import data, page
from espalier.report.overview import write_overview

pytestmark = needs_a_browser

# The source is part of a script of the page.
AXE = (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8").replace("</script", "<\\/script")
# Everything that can be unfolded is open, a net is selected, and two are pinned, where the page has such things.
FOUND = """
let pressed = 0;
const press = (selector, words) => {
  const button = [...document.querySelectorAll(selector)].find(each => words.test(each.textContent));
  if (button) { button.click(); pressed += 1; }
};
press("#rows button", /./); press("#panel button", /Pin as A/); press("#rows tr:nth-child(2) button", /./);
press("#panel button", /Pin as B/);
for (const folded of document.querySelectorAll("details")) folded.open = true;
const found = await axe.run({resultTypes: ["violations"]});
return {dark: matchMedia("(prefers-color-scheme: dark)").matches, pressed,
  passed: found.passes.length, broken: found.violations
  .map(rule => [rule.id, rule.impact, rule.nodes[0].html.slice(0, 200), rule.nodes[0].failureSummary])};"""
HOST = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Report</title></head>
<body><main><h1>Report</h1>{}</main></body></html>"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages of a made-up run by name."""
    planned, folder = made_up.run()
    out = tmp_path_factory.mktemp("pages")
    chains = {node: planned.chain(node) for node in planned.jobs}
    origin = data.Origin(chains=chains, command="snakemake TARGET --cores all")
    page.write(folder, planned.studies, origin, html=out / "choose.html", numbers=out / "results.json")
    name, study = next(iter(planned.studies.items()))
    drawn = [out / f"{figure}.svg" for figure in ("training_curves", "prune_or_quantize", "latency")]
    for figure in drawn:
        figures.draw(figure.stem, folder, study, figure)
    words = {figure.stem: (figure.stem, "A caption.") for figure in drawn}
    study_page.write(folder, study, study_page.Shown(drawn, words, {"results": "Results"}), out / "study.html")
    for table in ("results", "findings"):
        tables.write(table, folder, planned.studies, name, csv=out / f"{table}.csv", html=out / f"{table}.html")
    write_overview(folder, planned.studies, out / "fragment.html")  # the report of Snakemake is around it
    first, second = (json.loads((out / "results.json").read_text()) for _ in range(2))
    for net in second["studies"][0]["nets"]:
        net["params"]["value"] += 1
    two = ("results", first), ("other", second | {"processors": ["another"]})
    (out / "compare.html").write_text(beside.html_of("results", list(beside.tables(*two))))
    (out / "overview.html").write_text(HOST.format((out / "fragment.html").read_text()))
    return out


@pytest.mark.parametrize("width", [800, 1400])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["choose", "study", "results", "findings", "overview", "compare"])
def test_no_rule_is_broken(pages, name, dark, width):
    found = a_browser.run(pages / f"{name}.html", AXE + FOUND, width=width, dark=dark)
    assert found["dark"] == dark and found["passed"] > 10 and found["pressed"] == (4 if name == "choose" else 0)
    assert not found["broken"]
