"""Questions about a study, answered by numbers of the records. A finding is one registered function:

    @register(FindingItem("knee", title="Where the curves bend", when=weights_and_units))
    def knee(view): return Finding(question=..., facts=(fact("knee", 0.5, prune_type="weight"),), n=3, answer=...)

It returns facts and the words that are made of them, or None, if the study's results have no answer. `when` is a
selection (espalier.analysis.selections), as for figures and tables. Findings of a higher `rank` (0, if not given) come
later: questions that can be asked of any study, after those of a published one.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from espalier import registry
from espalier.analysis.chance import nothing_learned
from espalier.analysis.selections import fits
from espalier.analysis.study import StudyView
from espalier.report.findings import (  # noqa: F401 (they register findings)
    baselines,
    budget,
    gradual,
    group_lasso,
    knees,
    noise,
    pareto,
    quantization,
    retraining,
    speed,
    structured,
    trainings,
    weight_vs_unit,
)
from espalier.report.findings.finding import Finding


def names(rows: pd.DataFrame, config: dict) -> list[str]:
    """The findings that a study gets. rows: its part of the grid, or of results.csv; config: its checked config."""
    entries = [e for e in registry.entries(registry.FindingItem).values() if fits(e.when, rows, config)]
    return [entry.name for entry in sorted(entries, key=lambda entry: entry.rank)]


def of_study(view: StudyView) -> list[Finding]:
    """All findings about a study; none, if its dense nets learned nothing."""
    if nothing_learned(view.results):
        return []
    answers = {name: registry.get(registry.FindingItem, name)(view) for name in names(view.results, view.config)}
    return [replace(finding, name=name) for name, finding in answers.items() if finding is not None]


def headline(findings: list[Finding]) -> str:
    """What is said of a study in one line; a dash, if nothing is."""
    return next((finding.headline for finding in findings if finding.headline), "\N{EN DASH}")
