"""All studies of a run, one row each."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import selections as when
from espalier.analysis.study import RunView
from espalier.registry import TableItem, register
from espalier.report.overview import study_row
from espalier.report.table import Column, Table


@register(
    TableItem(
        "studies",
        scope="run",
        title="Studies",
        caption="Every study of the run: what it was run on, how many results it has, the accuracy of the dense net "
        "that all others are compared with (trained as long as the pruned ones, where that was run) and its epochs, "
        "and the study's headline. The overview has the smallest file and the fastest net of each study within half a "
        "point, one and two points of that net's accuracy; so has the CSV.",
        when=when.always,
    )
)
def table_of_studies(view: RunView) -> Table:
    """One row per study."""
    data = pd.DataFrame([study_row(study) for study in view.studies.values()])
    columns = (
        Column("title", "Study"),
        Column("dataset", "Data"),
        Column("resolution", "Resolution"),
        Column("model", "Net"),
        Column("epochs", "Epochs"),
        Column("weights", "Initial weights"),
        Column("seeds", "Seeds"),
        Column("nodes", "Results"),
        Column("dense_top1", "Dense top-1 (%)", 2, spread="dense_top1_sd"),
        Column("headline", "Headline", prose=True),
    )
    return Table("Studies of this run", f"{len(data)} studies, {int(data['nodes'].sum())} results", columns, data)
