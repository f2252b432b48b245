"""The figures of the report. A figure is one registered function: the view of a study -> a matplotlib Figure.

    @register(FigureItem("accuracy_vs_macs", title="Accuracy against computation", caption="...", when=shrunk))
    def accuracy_vs_macs(view): ...

The caption says how to read it. `when(rows, study)` says whether a study gets it, from what is known before the run:
the study's rows of the grid, and its config (espalier.analysis.selections).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from espalier import registry
from espalier.analysis.selections import fits
from espalier.analysis.study import view_of
from espalier.report.figures import style


def names(rows: pd.DataFrame, study: dict) -> list[str]:
    """The figures that a study gets. rows: its part of the grid; study: its checked config."""
    return [name for name, entry in registry.entries(registry.FigureItem).items() if fits(entry.when, rows, study)]


def draw(name: str, folder: str | Path, study: dict, out: str | Path) -> None:
    """Draw a figure from the tidy table in `folder` into `out` (.svg, .png, .pdf): same table, same bytes."""
    entry, view = registry.get(registry.FigureItem, name), view_of(folder, study)
    with style.applied():
        figure = entry(view)
        style.titled(figure, f"{view.title}: {entry.title}", view.setup)
        style.save(figure, out)
