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
        caption="A row for each study of the run: the data and the net, the number of results, the accuracy and the "
        "epochs of the dense net that most other nets are compared with (each with the one of equal epochs), and the "
        "study's headline: the nets that no smaller or faster one reaches in accuracy. The overview and the CSV also "
        "name the smallest file and the fastest net of each study within half a point, one and two points of dense, "
        "and whether that is shown.",
        when=selections.always,
    )
)
def studies(view: RunView) -> Table:
    """One row per study."""
    return studies_table([study_row(study, of_study(study)) for study in view.studies.values()])
