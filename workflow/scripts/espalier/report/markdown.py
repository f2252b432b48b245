"""A table as Markdown (GitHub's), and text that Markdown is to show as it is."""

from __future__ import annotations

import re

from espalier.report.table import Column, Row, Table, Text

# What would be read as markup: an underscore only at the edge of a word, "<" only where a tag may begin.
_MARKUP = re.compile(r"[\\`*\[\]~|$]|(?<!\w)_|_(?!\w)|<(?=[A-Za-z/!?])|&(?=#?\w+;)")


def table(table: Table) -> str:
    """The shown columns, headings of groups before those of their columns; the notes as a list below."""
    headings = [f"{group}: {heading}" if group else heading for group, heading in table.headings()]
    lines = [
        [escape(heading) for heading in headings],
        ["---:" if c.align == "right" else "---" for c in table.columns],
    ]
    for rows in table.sections():
        if table.section:
            lines.append([f"**{_words(table.section, rows[0])}**", *[""] * (len(table.columns) - 1)])
        lines += [[_words(column, row) for column in table.columns] for row in rows]
    cells = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([cells, "", *(f"* {escape(note)}" for note in table.notes)]).rstrip() + "\n"


def escape(text: str) -> str:
    r"""Text on one line, shown as it is: whatever Markdown would read as markup stands after a backslash.

    >>> print(escape("filter_wise | `a` <b>"))
    filter_wise \| \`a\` \<b>
    """
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split("\n")))


def code(text: str) -> str:
    """Text in a typewriter face, between more backticks than it holds in a row."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}".replace("|", r"\|")


def _words(column: Column, row: Row) -> str:
    """What stands in a cell."""
    plain = isinstance(column, Text)
    warning = f" ({escape(column.warning(row))})" if column.warning(row) else ""
    words = code(column.text(row)) if plain and column.code else escape(column.text(row))
    if plain and column.link:
        words = f"[{words}]({row[column.link]})"
    if plain and column.remark and row[column.remark]:
        words += f" ({escape(row[column.remark])})"
    return words + warning
