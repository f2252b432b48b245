"""The page that a net is chosen on: one file that needs nothing from elsewhere, the numbers in it as JSON."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from espalier.analysis.study import view_of_run
from espalier.report.choose import data
from espalier.run.files import whole, write_json

# Files next to this one that the page holds: part of the digest of this code.
RESOURCES = ("page.css", "base.js", "chart.js", "table.js", "panel.js", "other.js", "page.js")
STYLE, *SCRIPTS = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in RESOURCES)


def write(
    folder: str | Path, studies: dict[str, dict], origin: data.Origin, *, html: str | Path, numbers: str | Path
) -> None:
    """Write the page, and its numbers as a file of their own. folder: of the tidy tables; studies: the checked configs
    by name, in the order to show."""
    found = data.results(view_of_run(folder, studies), origin)
    write_json(numbers, found)
    with whole(html) as beside:
        beside.write_text(page(found), encoding="utf-8", newline="\n")


def embedded(value: Any) -> str:
    """A value as JSON that may stand in a script element of a page: no text in it can end that element.

    >>> embedded({"title": "</script>"})
    '{"title":"\\\\u003c/script>"}'
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def page(found: dict[str, Any]) -> str:
    """The page as HTML. found: as data.results gives it."""
    title = "Choose a net"
    script = "\n".join(SCRIPTS)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{STYLE}</style>
</head>
<body>
<header><h1>{escape(title)}</h1><p id="setup" class="soft"></p></header>
{BODY}
<script type="application/json" id="data">{embedded(found)}</script>
<script>
"use strict";
(() => {{
{script}
}})();
</script>
</body>
</html>
"""


BODY = """\
<noscript><p>This page needs JavaScript. The same numbers are in results.json beside it, and in the report's tables.</p>
</noscript>
<main>
<form id="controls" onsubmit="return false" aria-label="What is shown">
<p><label for="study">Study</label> <select id="study"></select></p>
<p><label for="x">Cost</label> <select id="x"></select></p>
<p><label for="y">Accuracy shown</label> <select id="y"><option value="all">all</option>
<option value="10">10 points below dense</option><option value="3">3 points below dense</option></select></p>
<p><label for="by">Colours</label> <select id="by"></select></p>
<p><label for="q">Search</label> <input id="q" type="search" autocomplete="off"></p>
<fieldset><legend>Budget</legend>
<p><label for="drop">Points of accuracy lost</label> <input id="drop" type="range" min="0" step="1">
<output id="drop_says" for="drop"></output></p>
<p><label for="size">Saved file, zipped</label> <input id="size" type="range" min="0" step="1">
<output id="size_says" for="size"></output></p>
<p><label for="time">Time for one image</label> <input id="time" type="range" min="0" step="1">
<output id="time_says" for="time"></output></p>
<p><input id="only" type="checkbox"> <label for="only">only where the accuracy is shown to hold</label>
<button id="clear" type="button">Clear</button></p>
</fieldset>
</form>
<section id="picture" aria-label="Chart">
<div id="legend" class="buttons" role="group" aria-label="Legend: press to hide or show"></div>
<div id="chart"></div><div id="tip" hidden></div>
<div id="key" class="soft"></div>
</section>
<section id="fits" aria-labelledby="fits_title">
<h2 id="fits_title">What fits</h2>
<p id="count" aria-live="polite"></p>
<ol id="list"></ol>
<p id="more" class="soft"></p>
</section>
<section id="panel" aria-label="The selected net"></section>
<section id="pins" aria-label="Two nets side by side" hidden></section>
<section id="nets" aria-labelledby="nets_title">
<h2 id="nets_title">The nets that fit</h2>
<div class="buttons"><details><summary>Columns</summary>
<div id="columns" role="group" aria-label="Columns"></div></details>
<button id="csv" type="button">Save as CSV</button></div>
<div class="scroll" tabindex="0" role="region" aria-label="Table of the nets that fit">
<table><thead id="head"></thead><tbody id="rows"></tbody></table></div>
</section>
<section id="other" aria-labelledby="other_title">
<h2 id="other_title">Compare with another run</h2>
<p><label for="other_file">The results.json of the other run: choose it, or drop it here</label>
<input id="other_file" type="file" accept=".json,application/json"></p>
<p id="other_says" aria-live="polite"></p>
<div id="other_rows"></div>
</section>
<section id="how">
<h2>How to read it</h2>
<ul>
<li>Points lost: top-1 of the dense net of equal epochs less that of the net, seed by seed. Brackets are 95 % intervals;
of sizes they are the least and the most of the seeds, of times also what the rounds and the noise leave open.</li>
<li>Shown: the upper 95 % bound of the loss is at most the limit, corrected for all nets of the study (Holm).
Not so: the lower bound is above it. Else it cannot be told. One seed gives no verdict: brackets are then what the test
images leave.</li>
<li>All accuracies are those of test images. A net that is chosen by them looks better than it is: take one whose loss
is shown, or measure the chosen one on images of your own.</li>
<li>Dominated: another net costs no more and its top-1 is higher, for certain. On the frontier: each other net costs
more, or its top-1 is lower, for certain. Else it cannot be told. Top-1 is compared seed by seed, on test images,
corrected for all pairs of nets (Holm). The line joins the nets that no cheaper one reaches in the mean, on validation
images where their accuracies are known.</li>
<li>Faster: the dense net's median time / that of the net, in the same runtime, timed in turns; a gain within the noise,
which is what two copies of the dense net differ by, is none.</li>
<li>Published figures stand at the cost of this run's net of the same chain. A cross is a net that was pruned at
random.</li>
</ul>
</section>
<p id="said" class="hidden" aria-live="polite"></p>
</main>"""
