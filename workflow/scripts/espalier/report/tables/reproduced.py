"""Of all published figures of a run's studies: how many were reproduced, refuted, or not compared, and why not."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

import pandas as pd

from espalier.analysis import selections
from espalier.analysis.reproduced import CLOSE, Figure, Outcome, figures, once
from espalier.analysis.study import RunView
from espalier.registry import TableItem, register
from espalier.report.table import Number, Table, Text

ORDER = (
    Outcome.EXACT, Outcome.REPRODUCED, Outcome.REFUTED, Outcome.UNDECIDED, Outcome.ONE_SEED, Outcome.NOT_COMPARABLE,
    Outcome.NOT_RUN,
)  # fmt: skip


@register(
    TableItem(
        "reproduced",
        scope="run",
        title="What was reproduced",
        caption="Every published figure of the run's studies, counted by what this run says of it. Exact: a count, or "
        "a file's size, that the net's shapes determine, equal as it is printed; where no net of the run is "
        "like the published one and its shape is known, it was built at its published width and counted, "
        "without training. Reproduced: in the 95 % prediction interval of one more run like those here, if "
        f"that is at most {CLOSE:g} points wide to either side. Refuted: outside it, after Holm's correction "
        "for all figures that are compared, or a count of the published net that is not as printed. Cannot be "
        "told: neither. One seed decides nothing. Not comparable: the set-ups differ in the properties that "
        "are named, or the source does not state them; times are of a machine. Of several nets next to one "
        "figure, the gravest outcome counts.",
        when=selections.has_published,
    )
)
def reproduced(view: RunView) -> Table:
    """One row for each study and published quantity, and one for all."""
    found = once(figures(view.studies.values(), view.counts))
    rows = [
        {"study": view.studies[study].title, "quantity": title} | _counted(list(group))
        for (study, title), group in groupby(
            sorted(found, key=lambda figure: _order(figure, list(view.studies))), key=lambda f: (f.study, f.value.title)
        )
    ]
    rows.append({"study": "All", "quantity": None} | _counted(found) | {"reasons": None})
    counts = [Number(outcome.value, outcome.value.capitalize()) for outcome in ORDER]
    columns = (
        Text("study", "Study"),
        Text("quantity", "Quantity"),
        Number("figures", "Figures"),
        *(column for column in counts if any(row[column.key] for row in rows)),
        Text("reasons", "Set-ups differ in, or source does not state"),
    )
    setup = f"{len(found)} published figures: {_summary(found)}"
    return Table("What was reproduced", setup, columns, pd.DataFrame(rows))


def _summary(found: list[Figure]) -> str:
    """How many figures have each outcome, and whether an accuracy is among those that are told."""
    counts = Counter(figure.outcome for figure in found)
    words = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in ORDER if counts[outcome])
    told = (Outcome.EXACT, Outcome.REPRODUCED, Outcome.REFUTED)
    if any(not figure.value.counted and figure.outcome in told for figure in found):
        return words
    return f"{words}; what is told are counts and sizes of files, and no accuracy"


def _order(figure: Figure, studies: list[str]) -> tuple[int, str]:
    return studies.index(figure.study), figure.value.title


def _counted(found: list[Figure]) -> dict[str, int | str | None]:
    """How many figures have each outcome, and all reasons for which some are not compared."""
    counts = Counter(figure.outcome for figure in found)
    reasons = dict.fromkeys(reason for figure in found for reason in figure.reasons.split(", ") if reason)
    return {"figures": len(found)} | {o.value: counts[o] for o in ORDER} | {"reasons": ", ".join(reasons) or None}
