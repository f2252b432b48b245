"""The documents' questions, answered by this run."""

from __future__ import annotations

from dataclasses import asdict, fields

import pandas as pd

from espalier.analysis.study import StudyView
from espalier.registry import TableItem, register
from espalier.report.findings import names, of_study
from espalier.report.findings.finding import Finding
from espalier.report.table import Table, Text


def asked(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """All nets of a study that any question can be asked of."""
    return rows if names(rows, config) else rows[:0]


@register(
    TableItem(
        "findings",
        scope="study",
        title="Findings",
        caption="The questions of the published document, answered by the numbers of this run alone; how each answer "
        "follows from them stands beside it, and what the published figures say by the same definition.",
        when=asked,
    )
)
def findings(view: StudyView) -> Table:
    """One row per finding."""
    data = pd.DataFrame([asdict(finding) for finding in of_study(view)], columns=[f.name for f in fields(Finding)])
    columns = (
        Text("question", "Question"),
        Text("answer", "Answer"),
        Text("evidence", "The numbers", prose=True),
        *([Text("published", "Published, by the same definition")] if data["published"].any() else []),
        Text("definition", "How it is decided"),
    )
    return Table(f"{view.title}: findings", view.setup, columns, data.replace("", None))
