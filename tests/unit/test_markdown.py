"""Tables as Markdown, and text that Markdown shows as it is."""

import re

import numpy as np
import pandas as pd
import pytest

from espalier.report import markdown
from espalier.report.table import Number, Table, Text


def test_a_table():
    data = pd.DataFrame({"name": ["a | b", "c"], "top1": [97.123, np.nan], "sd": [0.314, np.nan], "why": ["x", None]})
    columns = (
        Text("name", "Net"),
        Number("top1", "Top-1", 2, group="Test", unit="%", spread="sd"),
        Text("why", "Why"),
    )
    assert markdown.table(Table("t", "set-up", columns, data, ("a note",))) == (
        "| Net | Test (%): Top-1 | Why |\n| --- | ---: | --- |\n| a \\| b | 97.12 ± 0.31 | x |\n| c | – | – |\n\n"
        "* a note\n"
    )


def test_links_code_remarks_and_sections():
    data = pd.DataFrame({"s": ["one"], "t": ["[x]"], "at": ["x/README.md"], "sha": ["f00d"], "more": ["small"]})
    columns = (Text("t", "Title", link="at", remark="more"), Text("sha", "SHA", code=True))
    made = markdown.table(Table("t", "", columns, data, section=Text("s", "S")))
    assert made.splitlines()[2:] == ["| **one** |  |", r"| [\[x\]](x/README.md) (small) | `f00d` |"]


@pytest.mark.parametrize(
    "text, escaped",
    [
        ("filter_wise mean_abs 0.40", "filter_wise mean_abs 0.40"),  # inside a word an underscore is none of markup
        ("_a_ *b* `c`", r"\_a\_ \*b\* \`c\`"),
        ("a | b", r"a \| b"),
        ("[a](b)", r"\[a\](b)"),
        ("</script> <!-- < 0.001", r"\</script> \<!-- < 0.001"),
        ("R&D &amp; &#60;", r"R&D \&amp; \&#60;"),
        ("~~gone~~", r"\~\~gone\~\~"),
        ("back\\slash", r"back\\slash"),
        ("from $5 to $6", r"from \$5 to \$6"),  # between dollar signs GitHub reads a formula
        ("two\nlines", "two lines"),
    ],
)
def test_text_that_would_be_markup_is_escaped(text, escaped):
    assert markdown.escape(text) == escaped


def test_no_cell_ends_early_and_no_row_breaks():
    wild = "a | b\n`c` | \\"
    columns = (Text("a", wild), Text("b", wild, code=True), Number("n", "N"))
    made = markdown.table(Table("t", "", columns, pd.DataFrame({"a": [wild], "b": ["a | `b`"], "n": [wild]}), (wild,)))
    for line in made.splitlines()[:3]:
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 4, line
    assert len(made.splitlines()) == 5


@pytest.mark.parametrize("text", ["plain", "with `one`", "with ``two``", "`"])
def test_code_is_fenced_by_more_backticks_than_it_holds(text):
    fence, inside = re.fullmatch(r"(`+)(?: (.*) |[^`]*)\1", markdown.code(text)).groups()
    assert fence not in text and inside in (text, None)
