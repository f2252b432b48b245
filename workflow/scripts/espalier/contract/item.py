"""The contract of figures, tables and findings: each is made of the studies of a made-up run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import pandas as pd

from espalier.analysis.selections import fits
from espalier.analysis.study import StudyView, view_of, view_of_run
from espalier.contract import made_up
from espalier.contract.trial import NotChecked
from espalier.registry import FigureItem, FindingItem, TableItem

Item = FigureItem | TableItem | FindingItem
TABLES = ("results", "history", "layers", "latency", "summary", "outcomes")


class Trial:
    """A figure, table or finding, and the made-up run."""

    def __init__(self, entry: Item, folder: Path) -> None:
        self.entry, self.folder = entry, folder
        self.grid, self.records = made_up.run()

    @cached_property
    def suiting(self) -> list[str]:
        """The made-up studies that the entry is for."""
        return [
            name for name, study in self.grid.studies.items() if fits(self.entry.when, self.grid.frame(name), study)
        ]

    @property
    def is_of_run(self) -> bool:
        """Whether it is a table of the whole run."""
        return getattr(self.entry, "scope", "study") == "run"

    @cached_property
    def views(self) -> list[StudyView]:
        """The view of each study that the entry is for."""
        if not self.suiting:
            raise NotChecked("its `when` fits none of the made-up studies: try it with a config that it is for")
        return [view_of(self.records, self.grid.studies[name]) for name in self.suiting]

    @cached_property
    def written(self) -> dict[str, str]:
        """What is made of each study that the entry is for, as text, by the study's title."""
        return self.write()

    def write(self, number: int | None = None) -> dict[str, str]:
        """The same, made again, of the first studies."""
        if self.is_of_run:
            return {"the run": _page(self.entry(view_of_run(self.records, self.grid.studies)))}
        return {view.title: _written[self.entry.kind](self, view) for view in self.views[:number]}


@contextmanager
def trial(entry: Item) -> Iterator[Trial]:
    with tempfile.TemporaryDirectory() as folder:
        yield Trial(entry, Path(folder))


def _drawn(trial: Trial, view: StudyView) -> str:
    from matplotlib.figure import Figure

    from espalier.report.figures import style

    out = trial.folder / "figure.svg"
    with style.applied():
        figure = trial.entry(view)
        if not isinstance(figure, Figure):
            raise TypeError(f"it gives a {type(figure).__name__}, not a matplotlib Figure: return style.figure(...)")
        if not figure.axes:
            raise ValueError(f"the figure of {view.title!r} has no axes: figure.subplots() makes some")
        style.titled(figure, trial.entry.title, view.setup)
        style.save(figure, out)
    return out.read_text()


def _page(table: object) -> str:
    """A table as CSV and as a page."""
    from espalier.report import html
    from espalier.report.table import Table

    if not isinstance(table, Table):
        raise TypeError(f"it gives a {type(table).__name__}, not a Table: return Table(...) of espalier.report.table")
    return table.csv() + html.page(table, "made_up")


def _tabled(trial: Trial, view: StudyView) -> str:
    return _page(trial.entry(view))


def _found(trial: Trial, view: StudyView) -> str:
    from espalier.report.findings.finding import Finding

    finding = trial.entry(view)
    if finding is not None and not isinstance(finding, Finding):
        raise TypeError(
            f"it gives a {type(finding).__name__}: give a Finding of espalier.report.findings.finding, or None"
        )
    return repr(finding)


_written: dict[str, Callable[[Trial, StudyView], str]] = {"figure": _drawn, "table": _tabled, "finding": _found}


def is_for_some_studies(trial: Trial) -> str | None:
    """`when` takes of a study's rows those that it is about, by the rows and the study's config."""
    for name, study in trial.grid.studies.items():
        rows = trial.grid.frame(name)
        taken = trial.entry.when(rows, study)
        if not isinstance(taken, pd.DataFrame) or not set(taken.index) <= set(rows.index):
            given = "other rows" if isinstance(taken, pd.DataFrame) else f"a {type(taken).__name__}"
            return f"It gives {given}: take some rows, such as rows[rows['scheme'].notna()], or `always`."
    return None


def is_made(trial: Trial) -> str | None:
    """It is made of every made-up study that it is for, and changes none of the tables that it is given."""
    before = [] if trial.is_of_run else [{name: getattr(v.tidy, name).copy() for name in TABLES} for v in trial.views]
    for title, text in trial.written.items():
        if not text:
            return f"Of {title!r} nothing is made."
    for view, tables in zip(trial.views if before else [], before, strict=True):
        for name, table in tables.items():
            if not getattr(view.tidy, name).equals(table):
                return f"It changes view.{name}: work on a copy, view.{name}.assign(...) or .copy()."
    return None


def is_the_same_each_time(trial: Trial) -> str | None:
    """The same numbers give the same figure, table or finding, to the last byte."""
    for title, text in trial.write(1).items():
        if trial.written[title] != text:
            return f"Two of {title!r} differ: draw no random numbers, and loop over no set."
    return None


def says_how_to_read_it(trial: Trial) -> str | None:
    """It has a caption, which says how to read it."""
    if trial.entry.kind == "finding" or getattr(trial.entry, "caption", "").strip():
        return None
    return "Its caption is empty."


CHECKS = (says_how_to_read_it, is_for_some_studies, is_made, is_the_same_each_time)
