"""A table as HTML: a page that needs nothing else, or a fragment of another page.

A page is sortable, printable, light or dark, and holds its own CSV. It works from a folder, inside the frame of a
Snakemake report, and without a network: style and script are inlined.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path

from espalier.report.table import ABSENT, Column, Row, Table, Text

RESOURCES = ("table.css", "table.js")  # files next to this one that pages hold: part of the digest of this code
STYLE, SCRIPT = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in RESOURCES)


def page(table: Table, name: str) -> str:
    """The table as an HTML document; `name` is that of the CSV file it offers."""
    prose = any(isinstance(column, Text) and column.prose for column in table.columns)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(table.title)}</title>
<style>
{STYLE}</style>
</head>
<body class="{"prose" if prose else "figures"}">
<header><h1>{escape(table.title)}</h1><p class="setup">{escape(table.setup)}</p></header>
<table>
{_content(table, sortable=True)}
</table>
<footer>{_notes(table)}{_download(table, name)}</footer>
<script>
{SCRIPT}</script>
</body>
</html>
"""


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
            cells.append(f'<th scope="col"{kind} aria-sort="none" data-column="{i}">{button}</th>')
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
        classes = " ".join(name for name, on in (("number", numeric), ("absent", absent)) if on)
        kind = f' class="{classes}"' if classes else ""
        key = f' data-sort="{escape(column.sort_key(row))}"' if sortable else ""
        tag, scope = ("td", "") if i else ("th", ' scope="row"')
        yield f"<{tag}{scope}{kind}{key}>{_words(column, row)}</{tag}>"


def _words(column: Column, row: Row) -> str:
    """What stands in a cell."""
    words = escape(column.text(row))
    if isinstance(column, Text):
        if column.code:
            words = f"<code>{words}</code>"
        if column.link:
            words = f'<a href="{escape(row[column.link])}">{words}</a>'
        if column.remark and row[column.remark]:
            words += f"<br><small>{escape(row[column.remark])}</small>"
    return words
