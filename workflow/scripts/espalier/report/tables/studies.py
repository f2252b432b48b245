"""All studies of a run, one row each."""

from __future__ import annotations

from espalier.analysis import selections
from espalier.analysis.study import RunView
from espalier.registry import TableItem, register
from espalier.report.findings import of_study
from espalier.report.studies import studies_table, study_row
from espalier.report.table import Table


@register(
    TableItem(
        "studies",
        scope="run",
        title="Studies",
        caption="Every study of the run: what it was run on, how many results it has, the accuracy of the dense net "
        "that all others are compared with (trained as long as the pruned ones, where that was run) and its epochs, "
        "and the study's headline. The overview has the smallest file and the fastest net of each study within half a "
        "point, one and two points of that net's accuracy; so has the CSV.",
        when=selections.always,
    )
)
def studies(view: RunView) -> Table:
    """One row per study."""
    return studies_table([study_row(study, of_study(study)) for study in view.studies.values()])
