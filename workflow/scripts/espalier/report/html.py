"""A table as HTML: a page that needs nothing else, or a fragment of another page.

A page is sortable, printable, light or dark, and holds its own CSV. It works from a folder, inside the frame of a
Snakemake report, and without a network: style and script are inlined.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby
from pathlib import Path

from espalier.report.table import ABSENT, Column, Row, Table, Text

RESOURCES = ("table.css", "table.js")  # files next to this one that pages hold: part of the digest of this code
STYLE, SCRIPT = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in RESOURCES)


def page(table: Table, name: str) -> str:
    """The table as an HTML document; `name` is that of the CSV file it offers."""
    prose = any(isinstance(column, Text) and column.prose for column in table.columns)
    kind = "cards" if table.cards else "prose" if prose else "figures"
    return document(
        table.title,
        f'<header><h1>{escape(table.title)}</h1><p class="setup">{escape(table.setup)}</p>{_views(table)}</header>\n'
        f"{_cards(table) if table.cards else _rows(table)}\n"
        f"<footer>{_notes(table)}{_download(table, name)}</footer>",
        kind,
        "" if table.cards else SCRIPT,
    )


def document(title: str, body: str, kind: str, script: str = "") -> str:
    """A page in the style of all pages of tables. kind: the class of its body; script: JavaScript."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{STYLE}</style>
</head>
<body class="{kind}">
{body}
{f"<script>{chr(10)}{script}</script>" if script else ""}
</body>
</html>
"""


def card(question: str, answer: str, details: Iterable[tuple[str, str]] = (), figure: str = "") -> str:
    """A question with its answer. details: what is folded, titles and words; figure: HTML that stands beside it."""
    folded = "".join(f"<dt>{escape(title)}</dt><dd>{escape(words)}</dd>" for title, words in details)
    first, stop, rest = answer.partition(". ")
    below = f"<details><summary>The numbers, and how it is decided</summary><dl>{folded}</dl></details>"
    said = f"<strong>{escape(first + stop)}</strong>{escape(rest)}"
    return (
        f'<article class="card"><div><h2>{escape(question)}</h2><p class="answer">{said}</p>'
        f"{below if folded else ''}</div>{figure}</article>"
    )


def _rows(table: Table) -> str:
    """The rows as a table."""
    return f"<main>\n<table>\n{_content(table, sortable=True)}\n</table>\n</main>"


def _cards(table: Table) -> str:
    """Each row as a question with its answer."""
    question, answer, *others = table.columns
    cards = [
        card(
            question.text(row),
            answer.text(row),
            [(column.title, words) for column in others if (words := column.text(row)) != ABSENT],
        )
        for row in table.rows()
    ]
    return "\n".join(["<main>", *cards, "</main>"])


def _views(table: Table) -> str:
    """Buttons that choose the columns, if the table offers a choice."""
    if not table.views:
        return ""
    names = [*table.views, "all"]
    buttons = "".join(
        f'<button type="button" data-view="{escape(name)}" aria-pressed="false">{escape(name.capitalize())}</button>'
        for name in names
    )
    return f'<div class="views" role="group" aria-label="Columns"><span>Columns</span>{buttons}</div>'


def fragment(table: Table, name: str) -> str:
    """The table as an element of another page, which brings the style; `name` is its class there."""
    return f'<table class="{escape(name)}">\n{_content(table, sortable=False)}\n</table>'


def _notes(table: Table) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in table.notes)
    return f'<ul class="notes">{notes}</ul>' if notes else ""


def _download(table: Table, name: str) -> str:
    """A link that holds the CSV."""
    data = f"data:text/csv;charset=utf-8;base64,{base64.b64encode(table.csv().encode()).decode()}"
    return f'<a class="csv" download="{escape(name)}.csv" href="{data}">Download CSV</a>'


def _content(table: Table, sortable: bool) -> str:
    headings = table.headings()
    rows = [*_group_headings([group for group, _ in headings]), _headings(table.columns, headings, sortable)]
    bodies = [f"<tbody>\n{_section(table, rows, sortable)}\n</tbody>" for rows in table.sections()]
    return "\n".join([f"<thead>{''.join(rows)}</thead>", *(bodies or ["<tbody></tbody>"])])


def _group_headings(groups: list[str]) -> Iterator[str]:
    """The row of headings over groups of columns, if there are any. The first cell stays with its column, which keeps
    its place when the page is scrolled to the right."""
    if not any(groups):
        return
    spans = [(groups[0], 1), *((group, len(list(same))) for group, same in groupby(groups[1:]))]
    cells = (
        f'<th scope="colgroup" colspan="{n}">{escape(group)}</th>' if group else f'<td colspan="{n}"></td>'
        for group, n in spans
    )
    yield f'<tr class="groups">{"".join(cells)}</tr>'


def _headings(columns: tuple[Column, ...], headings: list[tuple[str, str]], sortable: bool) -> str:
    cells = []
    for i, (column, (_, heading)) in enumerate(zip(columns, headings, strict=True)):
        kind = ' class="number"' if column.align == "right" else ""
        hint = f' title="{escape(column.help)}"' if column.help else ""
        if sortable:
            button = f'<button type="button"{hint}>{escape(heading)}<span aria-hidden="true"></span></button>'
            shown = f' data-views="{escape(" ".join(column.views))}"' if column.views else ""
            shown += f' data-room="{column.room}"' if column.room else ""
            cells.append(f'<th scope="col"{kind} aria-sort="none" data-column="{i}"{shown}>{button}</th>')
        else:
            cells.append(f'<th scope="col"{kind}{hint}>{escape(heading)}</th>')
    return f"<tr>{''.join(cells)}</tr>"


def _section(table: Table, rows: list[Row], sortable: bool) -> str:
    """Rows under the heading that they share, if they have one."""
    lines = [f"<tr>{''.join(_cells(table.columns, row, sortable))}</tr>" for row in rows]
    if table.section:
        heading = f'<th scope="rowgroup" colspan="{len(table.columns)}">{_words(table.section, rows[0])}</th>'
        lines.insert(0, f'<tr class="section">{heading}</tr>')
    return "\n".join(lines)


def _cells(columns: tuple[Column, ...], row: Row, sortable: bool) -> Iterator[str]:
    for i, column in enumerate(columns):
        numeric, absent = column.align == "right", column.text(row) == ABSENT
        kinds = (("number", numeric), ("absent", absent), ("fact", column.header))
        classes = " ".join(name for name, on in kinds if on)
        kind = f' class="{classes}"' if classes else ""
        key = f' data-sort="{escape(column.sort_key(row))}"' if sortable else ""
        tag, scope = ("td", "") if i and not column.header else ("th", ' scope="row"')
        yield f"<{tag}{scope}{kind}{key}>{_words(column, row)}</{tag}>"


def _words(column: Column, row: Row) -> str:
    """What stands in a cell."""
    words = escape(column.text(row))
    if column.header:
        words = words.replace("_", "_<wbr>")  # "filter_and_channel_wise" is wider than its column
    if warning := column.warning(row):
        words += f'<br><small class="flag">\N{WARNING SIGN} {escape(warning)}</small>'
    if isinstance(column, Text):
        if column.code:
            words = f"<code>{words}</code>"
        if column.link:
            words = f'<a href="{escape(row[column.link])}">{words}</a>'
        if column.remark and row[column.remark]:
            words += f"<br><small>{escape(row[column.remark])}</small>"
    return words
