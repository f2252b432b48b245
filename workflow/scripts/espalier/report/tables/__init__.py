"""The tables of the report. A table is one registered function that returns a `Table` (espalier.report.table):

@register(TableItem("results", title="All results", caption="How to read it.", when=always))
def results(view): ...       # of one study: its StudyView
@register(TableItem("runtime", scope="run", title="Run time", caption="How to read it.", when=always))
def runtime(view): ...       # of the whole run: its RunView
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from espalier import registry
from espalier.analysis.selections import fits
from espalier.analysis.study import view_of, view_of_run
from espalier.report import html as html_writer


def names(rows: pd.DataFrame, study: dict) -> list[str]:
    """The tables that a study gets. rows: its part of the grid; study: its checked config."""
    return [n for n, e in _entries("study").items() if fits(e.when, rows, study)]


def run_names(studies: Iterable[tuple[pd.DataFrame, dict]] | None = None) -> list[str]:
    """The tables of the whole run that one of its studies asks for; all there are, if none are given. studies: of each
    its part of the grid and its checked config."""
    entries = _entries("run").items()
    return [n for n, e in entries if studies is None or any(fits(e.when, *study) for study in studies)]


def write(
    name: str,
    folder: str | Path,
    studies: dict[str, dict],
    study: str | None,
    *,
    csv: str | Path,
    html: str | Path,
    **files: list[str],
) -> None:
    """Write a table as CSV (exact values) and as an HTML page.

    folder: of the tidy table; studies: the checked configs by name; study: the name of the one that the table is about,
    None for a table of the whole run. files: what else the table reads, if anything.
    """
    entry = registry.get(registry.TableItem, name)
    if study is None:
        table, stem = entry(view_of_run(folder, studies), **files), name
    else:
        table, stem = entry(view_of(folder, studies[study])), f"{study}_{name}"
    _write(csv, table.csv())
    _write(html, html_writer.page(table, stem))


def note_on_seeds(seeds: pd.Series) -> str:
    """What the spreads of a table are. seeds: of each of its rows the number of seeds."""
    return "Mean ± sample standard deviation over the seeds." if seeds.max() > 1 else "One seed: no spread is known."


def _entries(scope: str) -> dict[str, registry.TableItem]:
    return {name: entry for name, entry in registry.entries(registry.TableItem).items() if entry.scope == scope}


def _write(path: str | Path, text: str) -> None:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
