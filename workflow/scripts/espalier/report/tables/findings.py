"""Questions about a study, answered by this run."""

from __future__ import annotations

from dataclasses import fields

import pandas as pd

from espalier.analysis.study import StudyView
from espalier.registry import TableItem, register
from espalier.report.findings import names, of_study
from espalier.report.findings.finding import Finding, frame
from espalier.report.table import Table, Text


def asked(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """All nets of a study that any question can be asked of."""
    return rows if names(rows, config) else rows[:0]


@register(
    TableItem(
        "findings",
        scope="study",
        title="Findings",
        caption="The questions of the published document, answered by the numbers of this run alone. Next to each "
        "answer stand the numbers that it follows from, how it follows from them, and what the published numbers say "
        "by the same definition.",
        when=asked,
    )
)
def findings(view: StudyView) -> Table:
    """For readers one row per finding; in the CSV one per fact (see finding.frame)."""
    answers = of_study(view)
    columns = (
        Text("question", "Question"),
        Text("answer", "Answer"),
        Text("evidence", "The numbers", prose=True),
        *([Text("published", "Published, by the same definition")] if any(f.published for f in answers) else []),
        Text("definition", "How it is decided"),
    )
    words = [field.name for field in fields(Finding) if field.name in {column.key for column in columns}]
    shown = pd.DataFrame([{key: getattr(answer, key) or None for key in words} for answer in answers], columns=words)
    return Table(f"{view.title}: findings", view.setup, columns, frame(view.name, answers), shown=shown, cards=True)
