"""Two runs side by side: tables of what differs, as Markdown and as a page. A run is its name and what its results.json
holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import pandas as pd
import yaml

from espalier.analysis import two_runs
from espalier.analysis.statistics import SEEDS
from espalier.analysis.two_runs import Both, Pair
from espalier.analysis.verdicts import ONE_SEED
from espalier.report import html, markdown
from espalier.report.table import Column, Number, Table, Text

Run = tuple[str, dict[str, Any]]
COSTS = {
    "zipped_bytes": "Zipped file", "size_bytes": "File", "params": "Parameters", "macs": "MACs", "ms_per_image": "Time",
}  # fmt: skip
VERDICTS = {"won": "higher", "lost": "lower", "undecided": "cannot be told"}


def tables(first: Run, second: Run) -> Iterator[Table]:
    """What two runs ran on, and each study that both have."""
    yield _origins(first, second)
    for both in two_runs.studies(first[1], second[1]):
        yield _study(both, first[0], second[0])


def markdown_of(first: str, tables: Sequence[Table]) -> str:
    """The tables as Markdown. first: the run that others are compared with."""
    parts = [f"# Compared with {markdown.escape(first)}"]
    for table in tables:
        parts += [f"## {markdown.escape(table.title)}", markdown.escape(table.setup)]
        notes = "\n".join(f"* {markdown.escape(note)}" for note in table.notes)
        parts.append(markdown.table(table) if len(table.data) else notes)
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def html_of(first: str, tables: Sequence[Table]) -> str:
    """The tables as one page."""
    title = escape(f"Compared with {first}")
    parts = []
    for table in tables:
        notes = "".join(f"<li>{escape(note)}</li>" for note in table.notes)
        shown = html.fragment(table, "beside") if len(table.data) else ""
        parts.append(f"<h2>{escape(table.title)}</h2>\n<p>{escape(table.setup)}</p>\n{shown}")
        parts.append(f'<ul class="notes">{notes}</ul>' if notes else "")
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<style>\n{html.STYLE}</style>\n</head>\n<body class="figures">\n<main>\n<h1>{title}</h1>\n'
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _origins(first: Run, second: Run) -> Table:
    """Command, software, processor and studies, where they differ."""
    sides = [_origin(run, other) for (_, run), (_, other) in ((first, second), (second, first))]
    names = [name for name in dict.fromkeys([*sides[0], *sides[1]]) if sides[0].get(name) != sides[1].get(name)]
    rows = [{"what": name, "first": sides[0].get(name), "second": sides[1].get(name)} for name in names]
    columns = (Text("what", "What differs"), Text("first", first[0]), Text("second", second[0]))
    words = "" if rows else "Command, software and studies are the same."
    return Table(f"{second[0]}: what it ran on", words, columns, pd.DataFrame(rows, columns=[c.key for c in columns]))


def _origin(run: dict[str, Any], other: dict[str, Any]) -> dict[str, str]:
    software = {name: " / ".join(versions) for name, versions in run["software"].items()}
    alone = two_runs.alone(run, other)
    return {"command": run["command"]} | software | ({"studies of its own": ", ".join(alone)} if alone else {})


def _study(both: Both, first: str, second: str) -> Table:
    """The nets of a study that differ."""
    pairs = [pair for pair in both.pairs if pair.differs]
    data = pd.DataFrame([_row(pair) for pair in pairs])
    columns = (Text("name", "Net"), *(_columns(data, first, second) if pairs else ()))
    counts = {"in both runs": both.pairs, "differing": pairs, f"only in {first}": both.only_first}
    counts |= {f"only in {second}": both.only_second}
    words = "; ".join(f"{name}: {len(nets)}" for name, nets in counts.items())
    notes = tuple(_notes(both, bool(pairs), first, second))
    return Table(f"{second}: {both.first['title']}", f"Nets {words}.", columns, data, notes)


def _row(pair: Pair) -> dict[str, Any]:
    known = pair.comparison.n >= SEEDS
    verdict = VERDICTS[pair.comparison.verdict] if known else ONE_SEED if pair.comparison.n else "no seed in common"
    return {
        "name": pair.first["name"], "first": pair.first["top1"]["value"], "second": pair.second["top1"]["value"],
        "difference": pair.comparison.difference, "error": pair.standard_error, "verdict": verdict, **pair.ratios,
    }  # fmt: skip


def _columns(data: pd.DataFrame, first: str, second: str) -> Iterator[Column]:
    """Those in which some net differs."""
    if (data["difference"] != 0).any():
        yield Number("first", first, 2, group="Top-1", unit="%")
        yield Number("second", second, 2, group="Top-1", unit="%")
        yield Number("difference", "Difference", 2, signed=True, unit="points", spread="error")
        yield Text("verdict", "Verdict")
    for axis, title in COSTS.items():
        if axis in data and ((data[axis] != 1) & data[axis].notna()).any():
            yield Number(axis, title, 3, unit="times")


def _notes(both: Both, differ: bool, first: str, second: str) -> Iterator[str]:
    if differ:
        yield (
            f"Difference: {second} less {first}, paired by seed, ± standard error. Verdicts: Student's t test, "
            f"corrected for all nets of the study (Holm). Sizes and times: {second} / {first}."
        )
    if both.untimed:
        yield f"Times are not compared: {both.untimed}."
    elif differ:
        yield "The times of two runs were not measured in turns, so that no verdict follows from them."
    for name, nets in ((first, both.only_first), (second, both.only_second)):
        if nets:
            yield f"Only in {name}: {'; '.join(net['name'] for net in nets)}."
    one, other = (yaml.safe_load(study["yaml"]) for study in (both.first, both.second))
    if keys := [key for key in dict.fromkeys([*one, *other]) if one.get(key) != other.get(key)]:
        yield f"The configs of the study differ in {', '.join(keys)}."
