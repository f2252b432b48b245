"""The published numbers, and next to them what the run has in their place."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from espalier.analysis import published as published_studies
from espalier.analysis import selections
from espalier.analysis.labels import net_names, remark_on
from espalier.analysis.study import StudyView
from espalier.published.entry import Setup, Value
from espalier.registry import TableItem, register
from espalier.report.table import Column, Number, Table, Text, decimals, number, without_constant

SIGNIFICANT = 3  # digits of what a run has, whose nets may be much smaller than the published ones
NAMED_BY = ("run", "penalty", "penalty_type", "init", "prune_type", "method", "ratio", "blocks", "scheme")


@register(
    TableItem(
        "published",
        scope="study",
        title="Published and reproduced",
        caption="Each published row, and next to each published number the number of this run; where rows may be "
        "compared, also the difference (this run - published). The column Comparable says whether they may be: no, if "
        "a property of the set-ups is different; not stated, if the source does not say all that matters. Which these "
        "are stands in the last columns, or below the table where it is the same for all rows. Counts of another width "
        "or resolution differ because the nets do.",
        when=selections.has_published,
    )
)
def published(view: StudyView) -> Table:
    """One row for each published row and matching net."""
    data = view.compared
    for column in NAMED_BY:
        data[column] = data.get(column)
    data.insert(0, "name", [_name(row) for _, row in data.iterrows()])
    nets = view.nets
    data["here"] = data["variant"].map(dict(zip(nets["variant"], net_names(nets), strict=True)))
    data["remark"] = [remark_on(row) for _, row in data.iterrows()]
    comparable = bool((data["comparable"] == "yes").any())
    columns = tuple(_columns(data, published_studies.values(view.config["published"])))
    columns, alike = without_constant(columns, data, () if comparable else ("different", "not_stated"))
    notes = (*alike, *_notes(view, data, comparable))
    return Table(f"{view.title}: published and reproduced", view.setup, columns, data, notes)


def _notes(view: StudyView, data: pd.DataFrame, comparable: bool) -> Iterator[str]:
    if not comparable:
        yield "No row may be compared, so that no differences are shown; the CSV has them."
    if view.source:
        yield f"Published: {view.source.title}. {view.source.note}"
        before = _before_pruning(data, view.config["published"])
        yield f"Set-up of the published run: {_words(view.source.setup)}. {before}".strip()
    yield "Here: this run, the mean over its seeds." if data["n"].max() > 1 else "Here: this run, one seed."


def _name(row: pd.Series) -> str:
    """A published row in words."""
    words = _pruned(row)
    if pd.isna(row["prune_type"]):
        words = "dense" if pd.isna(row["penalty"]) else f"trained with {row['penalty_type']} penalty"
    parts = [words, row["scheme"], None if pd.isna(row["run"]) else f"run {row['run']}"]
    return ", ".join(part for part in parts if pd.notna(part))


def _pruned(row: pd.Series) -> str:
    """How a published net was pruned: as much of it as was printed."""
    parts = [row["prune_type"], row["method"]]
    if pd.notna(row["blocks"]):
        parts.append(f"N = {row['blocks']}")
    elif pd.notna(row["ratio"]):
        parts.append(f"{float(row['ratio']):.2f}")
    return " ".join(part for part in parts if pd.notna(part))


def _columns(data: pd.DataFrame, values: list[Value]) -> Iterator[Column]:
    yield Text("name", "Published row")
    yield Text("comparable", "Comparable", help="Whether the set-ups are the same, as far as the source states them")
    if data["init"].notna().any():
        yield Text("init", "Initial weights here")
    elif _several(data):
        yield Text("here", "What stands beside it")
    for value in values:
        if data[value.name].notna().any():
            yield from _columns_of(value, data)
    if data["n"].max() > 1:
        yield Number("n", "Seeds")
    if data["different"].notna().any():
        yield Text("different", "Set-ups differ in")
    if data["not_stated"].notna().any():
        yield Text("not_stated", "Source does not state")
    if data["remark"].notna().any():
        yield Text("remark", "Remark", help="On what is measured here")


def _columns_of(value: Value, data: pd.DataFrame) -> Iterator[Column]:
    """A published value, the same of this run, and their difference, if any row may be compared."""
    here, spread, difference = (f"{value.name}_{suffix}" for suffix in ("reproduced", "sd", "difference"))
    yield Number(value.name, "Published", value.digits, group=value.title)
    yield Number(here, "Here", value.digits, group=value.title, spread=spread, significant=SIGNIFICANT)
    if not value.of_machine and data[difference][data["comparable"] == "yes"].notna().any():
        yield Number(difference, "Difference", value.digits, group=value.title, signed=True)


def _several(data: pd.DataFrame) -> bool:
    """Whether one published row has several results."""
    return bool(data["name"][data["variant"].notna()].duplicated().any())


def _before_pruning(data: pd.DataFrame, published_id: str) -> str:
    """What the published rows print of the net before pruning, which is the same in all of them."""
    shown = published_studies.values(published_id)
    parts = []
    for value in published_studies.values(published_id, before=True):
        theirs, ours = data[value.name].dropna(), data[f"{value.name}_reproduced"].dropna()
        if value not in shown and len(theirs) and len(ours):
            here = number(ours.iloc[0], decimals(ours.iloc[0], SIGNIFICANT, value.digits))
            parts.append(f"{value.title}: published {number(theirs.iloc[0], value.digits)}, here {here}")
    return "; ".join(parts) + "." if parts else ""


def _words(setup: Setup) -> str:
    epochs = "epochs not stated" if setup.epochs is None else f"{setup.epochs} epochs"
    penalty = "" if setup.coefficient is None else f", coefficient of the penalty {setup.coefficient:g}"
    if setup.selection == "best_test":
        penalty += ", the epoch that is best on the test images"
    net = "" if setup.model is None else f"{setup.model}, "
    data = f"{setup.data} at {setup.resolution}x{setup.resolution}"
    return f"{net}{data}, {epochs}, initial weights {setup.weights}{penalty}"
