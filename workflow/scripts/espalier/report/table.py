"""A table as one HTML page that needs nothing else: sortable, printable, light or dark, with its own CSV inside.

It works from a folder, inside the frame of a Snakemake report, and without a network.
"""

from __future__ import annotations

import base64
import csv
import io
from dataclasses import dataclass
from html import escape
from numbers import Number

import pandas as pd

ABSENT = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Column:
    """A shown column of a table.

    digits: decimals of its numbers (None: as they are); significant: of small numbers so many digits, where those
    decimals leave fewer; signed: a plus sign for gains; spread: the column with the standard deviation; group: heading
    over several columns; help: what it means, shown on hovering; prose: sentences, so that the table takes the width
    there is and wraps.
    """

    key: str
    title: str
    digits: int | None = None
    group: str = ""
    help: str = ""
    signed: bool = False
    spread: str = ""
    prose: bool = False
    significant: int = 0


@dataclass(frozen=True)
class Table:
    """A table before it is written: exact values in `data`, how they are shown in `columns`.

    setup: the line above it (data, resolution, epochs, weights, seeds); notes: sentences below it. The CSV holds all of
    `data`, shown or not; `shown`: the rows of the page, where they sum up those of `data`.
    """

    title: str
    setup: str
    columns: tuple[Column, ...]
    data: pd.DataFrame
    notes: tuple[str, ...] = ()
    shown: pd.DataFrame | None = None

    @property
    def rows(self) -> pd.DataFrame:
        """What the page shows."""
        return self.data if self.shown is None else self.shown

    def csv(self) -> str:
        """The data as CSV, numbers exact, absent values empty."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.data.columns)
        writer.writerows(
            ["" if _absent(v) else v for v in row] for row in self.data.astype(object).itertuples(index=False)
        )
        return out.getvalue()

    def markdown(self) -> str:
        """The shown columns as a Markdown table, headings of groups before their columns', notes as a list below."""
        heads = [f"{column.group}: {column.title}" if column.group else column.title for column in self.columns]
        lines = [heads, ["---:" if _all_numbers(self.rows[c.key], c) else "---" for c in self.columns]]
        for _, row in self.rows.iterrows():
            cells = (text(row[c.key], c, row[c.spread] if c.spread else None) for c in self.columns)
            lines.append([cell.replace("|", r"\|") for cell in cells])
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return "\n".join([table, "", *(f"* {note}" for note in self.notes)]).rstrip() + "\n"

    def page(self, name: str) -> str:
        """The table as an HTML document; `name` is that of the CSV file it offers."""
        numeric = [_all_numbers(self.rows[column.key], column) for column in self.columns]
        data = f"data:text/csv;charset=utf-8;base64,{base64.b64encode(self.csv().encode()).decode()}"
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return _PAGE.format(
            title=escape(self.title),
            setup=escape(self.setup),
            style=_STYLE,
            script=_SCRIPT,
            kind="prose" if any(column.prose for column in self.columns) else "figures",
            head=_groups(self.columns) + _head(self.columns, numeric),
            body="\n".join(_row(row, self.columns, numeric) for _, row in self.rows.iterrows()),
            notes=f'<ul class="notes">{notes}</ul>' if notes else "",
            csv=f'<a class="csv" download="{escape(name)}.csv" href="{data}">Download CSV</a>',
        )


def without_constant(
    columns: tuple[Column, ...], rows: pd.DataFrame, keys: tuple[str, ...]
) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """`columns` without those of `keys` that have one value, the same in all rows, and a note that says it: such a
    column takes the width that the others need."""
    alike = [column for column in columns if column.key in keys and rows[column.key].nunique() == 1]
    said = [f"{column.title}: {text(rows[column.key].dropna().iloc[0], column)}." for column in alike]
    note = (f"The same in all rows. {' '.join(said)}",) if said else ()
    return tuple(column for column in columns if column not in alike), note


def text(value, column: Column, spread=None) -> str:
    """A value as the table shows it: "1,234", "80.47", "+0.31", "97.12 +- 0.31"; a dash for what is absent."""
    if _absent(value):
        return ABSENT
    if not _numeric(value):
        return str(value)
    digits = decimals(value, column.significant, column.digits) if column.significant else column.digits
    shown = number(value, digits, column.signed)
    return shown if _absent(spread) else f"{shown} ± {number(spread, digits)}"


def number(value, digits: int | None = None, signed: bool = False) -> str:
    """A number with thousands separated and a real minus sign. Whole numbers and digits=None: as it is."""
    sign = "+" if signed else ""
    if digits is not None:
        shown = f"{value:{sign},.{digits}f}"
    elif float(value).is_integer():
        shown = f"{int(value):{sign},}"
    else:
        shown = f"{value:{sign}g}"
    if not shown.strip("+-0.,"):  # -0.00 and +0.00 are 0.00
        shown = shown.lstrip("+-")
    return shown.replace("-", MINUS)


def decimals(value: float, significant: int, least: int = 0) -> int:
    """The decimals that show so many significant digits of a number, and at least `least` of them."""
    if not value:
        return least
    exponent = int(f"{value:.{significant - 1}e}".partition("e")[2])
    return max(least, significant - 1 - exponent)


def sort_key(value) -> str:
    """What the page sorts a cell by: a number exactly, text in lower case, nothing for what is absent."""
    if _absent(value):
        return ""
    return repr(float(value)) if _numeric(value) else str(value).lower()


def _absent(value) -> bool:
    return value is None or (pd.api.types.is_scalar(value) and pd.isna(value))


def _numeric(value) -> bool:
    return isinstance(value, Number) and not isinstance(value, bool)


def _all_numbers(values: pd.Series, column: Column) -> bool:
    """Whether a column is of numbers, but for words in place of some of them: then it is right-aligned."""
    there = [value for value in values if not _absent(value)]
    return any(map(_numeric, there)) if there else column.digits is not None


def _head(columns: tuple[Column, ...], numeric: list[bool]) -> str:
    cells = []
    for i, (column, right) in enumerate(zip(columns, numeric, strict=True)):
        kind = ' class="number"' if right else ""
        hint = f' title="{escape(column.help)}"' if column.help else ""
        button = f'<button type="button"{hint}>{escape(column.title)}<span aria-hidden="true"></span></button>'
        cells.append(f'<th scope="col"{kind} aria-sort="none" data-column="{i}">{button}</th>')
    return f"<tr>{''.join(cells)}</tr>"


def _groups(columns: tuple[Column, ...]) -> str:
    """The row of headings over groups of columns; none, if there are no groups."""
    spans: list[list] = []
    for column in columns:
        if spans and spans[-1][0] == column.group:
            spans[-1][1] += 1
        else:
            spans.append([column.group, 1])
    if not any(title for title, _ in spans):
        return ""
    cells = (
        f'<th scope="colgroup" colspan="{n}">{escape(t)}</th>' if t else f'<td colspan="{n}"></td>' for t, n in spans
    )
    return f'<tr class="groups">{"".join(cells)}</tr>'


def _row(row: pd.Series, columns: tuple[Column, ...], numeric: list[bool]) -> str:
    cells = []
    for i, (column, right) in enumerate(zip(columns, numeric, strict=True)):
        value = row[column.key]
        shown = text(value, column, row[column.spread] if column.spread else None)
        classes = " ".join(name for name, on in (("number", right), ("absent", shown == ABSENT)) if on)
        kind = f' class="{classes}"' if classes else ""
        tag, scope = ("td", "") if i else ("th", ' scope="row"')
        cells.append(f'<{tag}{scope}{kind} data-sort="{escape(sort_key(value))}">{escape(shown)}</{tag}>')
    return f"<tr>{''.join(cells)}</tr>"


_STYLE = """
:root { color-scheme: light dark;
  --ink: #1b1b1b; --soft: #5c5c5c; --paper: #fff; --band: #f5f5f2; --line: #d9d9d4; --mark: #0b57a4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e4; --soft: #a9a9a2; --paper: #17181a; --band: #202225; --line: #3a3c40; --mark: #8ec1f5; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 1.25rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif; }
.figures { width: max-content; min-width: 100%; }
header, footer { position: sticky; left: 1.25rem; width: min(62rem, calc(100vw - 2.5rem)); }
h1 { font-size: 1.3rem; line-height: 1.25; margin: 0 0 .25rem; text-wrap: balance; }
.setup { margin: 0 0 .9rem; color: var(--soft); }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums; font-size: .92rem; }
thead { position: sticky; top: 0; z-index: 2; background: var(--paper); }
th, td { padding: .3rem .55rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
.figures :is(th, td) { max-width: 21rem; }
.figures tbody th { max-width: 17rem; }
.figures thead th[data-column] { max-width: 8rem; white-space: normal; }
.prose tbody :is(th, td) { padding-block: .5rem; }
.prose tbody th { min-width: 9rem; }
thead th { padding: 0; vertical-align: bottom; font-weight: 600; border-bottom: 2px solid var(--ink);
  background: var(--paper); }
thead .groups th { padding: .3rem .55rem 0; text-align: center; white-space: nowrap; max-width: none;
  border: solid var(--paper); border-width: 0 .4rem; box-shadow: inset 0 -1px var(--soft); }
thead .groups td { border: 0; background: var(--paper); }
thead button { all: unset; display: block; width: 100%; box-sizing: border-box; padding: .34rem .55rem; cursor: pointer;
  position: relative; }
thead button:focus-visible, a:focus-visible { outline: 2px solid var(--mark); outline-offset: -2px; }
thead button:hover { color: var(--mark); }
thead button span::after { content: "\\2195"; opacity: .3; position: absolute; padding-left: .05em; }
th[aria-sort=ascending] button span::after { content: "\\2191"; opacity: 1; }
th[aria-sort=descending] button span::after { content: "\\2193"; opacity: 1; }
tbody th { font-weight: 500; position: sticky; left: 0; background: var(--paper); z-index: 1; }
tbody tr:nth-child(even) > * { background: var(--band); }
.number { text-align: right; white-space: nowrap; }
.absent { color: var(--soft); }
.notes { margin: .9rem 0 0; padding-left: 1.1rem; color: var(--soft); font-size: .88rem; }
footer { padding-top: .2rem; }
.csv { display: inline-block; margin-top: .8rem; color: var(--mark); }
@media print {
  :root { --ink: #000; --soft: #444; --paper: #fff; --band: #f3f3f3; --line: #bbb; }
  @page { size: A4 landscape; margin: 12mm; }
  body { padding: 0; font-size: 11px; }
  .figures { width: auto; min-width: 0; font-size: 8px; }
  header, footer { width: auto; position: static; }
  thead, tbody th { position: static; }
  th, td, thead button { padding: .1rem .25rem; }
  thead button span, .csv { display: none; }
  tr { break-inside: avoid; }
}
"""

# Sorts by data-sort: numbers as numbers, text as text, empty cells last; ascending, descending, then as it was.
_SCRIPT = """
(() => {
  const table = document.querySelector("table"), body = table.tBodies[0], original = [...body.rows];
  const heads = [...table.querySelectorAll("th[data-column]")];
  const compare = (a, b) => {
    const x = Number(a), y = Number(b);
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en", {numeric: true}) : x - y;
  };
  const next = {none: "ascending", ascending: "descending", descending: "none"};
  for (const head of heads) head.querySelector("button").addEventListener("click", () => {
    const order = next[head.getAttribute("aria-sort")], column = Number(head.dataset.column);
    heads.forEach(h => h.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", order);
    const key = row => row.cells[column].dataset.sort, sign = order === "descending" ? -1 : 1;
    const rows = order === "none" ? original : [...original].sort((a, b) => {
      const x = key(a), y = key(b);
      return x === "" || y === "" ? (x === "") - (y === "") : sign * compare(x, y);
    });
    body.append(...rows);
  });
})();
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body class="{kind}">
<header><h1>{title}</h1><p class="setup">{setup}</p></header>
<table>
<thead>{head}</thead>
<tbody>
{body}
</tbody>
</table>
<footer>{notes}{csv}</footer>
<script>{script}</script>
</body>
</html>
"""
