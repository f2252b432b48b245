"""What a run says of each published figure: reproduced, refuted, or why neither can be said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import pandas as pd

from espalier.analysis import published
from espalier.analysis.statistics import LEVEL, SEEDS, holm, one_more
from espalier.analysis.study import StudyView
from espalier.published.entry import Value

CLOSE = 5.0  # points to either side: an interval that is wider holds too much to be a confirmation


class Outcome(StrEnum):
    """What a run says of a published figure, the gravest first: of several nets that a figure is of, the gravest
    counts."""

    REFUTED = "refuted"
    ONE_SEED = "one seed"
    UNDECIDED = "cannot be told"
    REPRODUCED = "reproduced"
    EXACT = "exact"
    NOT_COMPARABLE = "not comparable"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Figure:
    """A published figure next to one net of a run.

    place: of the figure among those of its study; value: its column. reasons: the properties in which the set-ups
    differ, or that the source does not state. p: that one more run like these gives the published number; None where
    that is not asked.
    """

    study: str
    place: tuple[int, str]
    value: Value
    outcome: Outcome
    reasons: str = ""
    p: float | None = None


Counts = Sequence[Mapping[str, Any]]  # of published nets, built at their published width


def figures(studies: Iterable[StudyView], counts: Counts = ()) -> list[Figure]:
    """Every published figure of these studies, once for each net that stands next to it.

    A figure is **exact** if it is a count, or a file's size, that the net's shapes determine, and equal as it is
    printed. Where no net of the run has the published set-up and the shape of the published net is known, `counts`
    decide: that net built at its published width, and a count that is not equal is refuted. Any other figure is
    compared only where no property of the set-ups is different and the source states all that matter. It is
    **reproduced** if it lies in the 95 % prediction interval of one more run (statistics.against_published), and this
    interval is no wider than CLOSE points to either side: wide ones hold anything. It is **refuted** if it lies outside
    after Holm's correction for all figures that are compared. Else it cannot be told, and one seed decides nothing.
    A figure counts as far as its printed digits tell: what lies within half of the last digit is equal to it.
    Times are of a machine, and never compared.
    """
    found = [figure for view in studies for figure in _figures(view, counts)]
    adjusted = holm([figure.p for figure in found])
    return [
        replace(figure, outcome=Outcome.REFUTED) if p is not None and p < 1 - LEVEL else figure
        for figure, p in zip(found, adjusted, strict=True)
    ]


def once(found: Iterable[Figure]) -> list[Figure]:
    """Each figure once, with the gravest outcome of its nets."""
    gravity = list(Outcome)
    gravest: dict[tuple[str, tuple[int, str]], Figure] = {}
    for figure in found:
        key = figure.study, figure.place
        if key not in gravest or gravity.index(figure.outcome) < gravity.index(gravest[key].outcome):
            gravest[key] = figure
    return list(gravest.values())


def _figures(view: StudyView, counts: Counts) -> Iterator[Figure]:
    if not view.config.get("published"):
        return
    rows = view.compared
    values = published.values(view.config["published"])
    keys = ["kind", *(column for column in published.COLUMNS if column in rows), *(value.name for value in values)]
    places = rows.groupby(list(dict.fromkeys(keys)), dropna=False, sort=False).ngroup()
    for place, (_, row) in zip(places, rows.iterrows(), strict=True):
        for value in published.values(view.config["published"], kind=row["kind"]):
            if pd.notna(row.get(value.name)):
                figure = _figure(view.name, (place, value.name), value, row)
                yield _by_shape(figure, row, published.counted(counts, view.config["published"], row))


def _by_shape(figure: Figure, row: pd.Series, counts: Mapping[str, Any] | None) -> Figure:
    """The figure by the published net itself, where the run has none like it and the shape of that is known."""
    open_, value = (Outcome.NOT_RUN, Outcome.NOT_COMPARABLE), figure.value
    if not value.counted or figure.outcome not in open_ or counts is None or value.result not in counts:
        return figure
    equal = round(counts[value.result] / value.scale, value.digits) == round(row[value.name], value.digits)
    return replace(figure, outcome=Outcome.EXACT if equal else Outcome.REFUTED, reasons="")


def _figure(study: str, place: tuple[int, str], value: Value, row: pd.Series) -> Figure:
    """A figure next to a net, before it is corrected for the others. row: of published.compare."""
    here, theirs = row[f"{value.name}_reproduced"], row[value.name]
    if row["comparable"] == "not run" or pd.isna(here):
        return Figure(study, place, value, Outcome.NOT_RUN)
    equal = round(here, value.digits) == round(theirs, value.digits)  # as printed
    if value.counted and equal:
        return Figure(study, place, value, Outcome.EXACT)
    if value.of_machine:
        return Figure(study, place, value, Outcome.NOT_COMPARABLE, "machine")
    if row["comparable"] != "yes":
        reasons = [row[column] for column in published.DETAILS if pd.notna(row[column])]
        return Figure(study, place, value, Outcome.NOT_COMPARABLE, ", ".join(reasons))
    if row["n"] < SEEDS:
        return Figure(study, place, value, Outcome.ONE_SEED)
    deviation = float(row[f"{value.name}_sd"])
    if not deviation and not value.counted:  # equal counts of right answers hide the spread
        return Figure(study, place, value, Outcome.UNDECIDED)
    beyond = max(
        abs(float(here - theirs)) - 0.5 * 10**-value.digits, 0.0
    )  # what was printed may have been rounded so far
    estimate = one_more(beyond, deviation**2, int(row["n"]))
    p, interval = estimate.p(), estimate.interval()
    assert p is not None and interval is not None  # there is a part
    close = not value.title.endswith("(%)") or interval.high - estimate.value <= CLOSE
    return Figure(study, place, value, Outcome.REPRODUCED if p >= 1 - LEVEL and close else Outcome.UNDECIDED, p=p)
