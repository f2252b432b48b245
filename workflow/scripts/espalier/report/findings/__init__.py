"""The documents' questions, answered by numbers of the records. A finding is one registered function:

    @register(FindingItem("knee", title="Where the curves bend", when=weights_and_units))
    def knee(view): return [Finding(question, answer, evidence, definition)]

`when(rows, study)` says whether a study gets it, as for figures and tables. Those of a higher `rank` (0, if not given)
come later: questions that can be asked of any study, after those of its document.
"""

from __future__ import annotations

import pandas as pd

from espalier import registry
from espalier.analysis.selections import fits
from espalier.analysis.study import StudyView
from espalier.report.findings import (  # noqa: F401 (they register findings)
    baselines,
    budget,
    gradual,
    quantization,
    retraining,
    sparse,
    sparsity,
    speed,
    structured,
    trainings,
)
from espalier.report.findings.finding import Finding


def names(rows: pd.DataFrame, study: dict) -> list[str]:
    """The findings that a study gets. rows: its part of the grid, or of results.csv; study: its checked config."""
    found = [entry for entry in registry.entries(registry.FindingItem).values() if fits(entry.when, rows, study)]
    return [entry.name for entry in sorted(found, key=lambda entry: entry.rank)]


def of_study(view: StudyView) -> list[Finding]:
    """All findings about a study."""
    return [f for name in names(view.results, view.config) for f in registry.get(registry.FindingItem, name)(view)]


def headline(found: list[Finding]) -> str:
    """What is said of a study in one line; a dash, if nothing is."""
    return next((f.headline for f in found if f.headline), "\N{EN DASH}")
