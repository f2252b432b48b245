"""The first page of the report: what ran, on what, and what came out.

A fragment of HTML that is a page of its own too: Snakemake's report shows it on its landing page (report/workflow.rst),
and as an item. Its style holds for what is inside `.espalier` only.
"""

from __future__ import annotations

from dataclasses import fields, replace
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from espalier.analysis import published, tidy
from espalier.analysis.nets import NEAR
from espalier.analysis.study import RunView, StudyView, view_of_run
from espalier.plan.steps import STEPS
from espalier.report import findings, html
from espalier.report.findings import budget
from espalier.report.findings.finding import Finding, listed
from espalier.report.studies import studies_table, study_row
from espalier.report.table import ABSENT, Table, Text, number

RESOURCES = ("overview.css",)  # files next to this one that the page holds: part of the digest of this code
STYLE = Path(__file__).with_name(*RESOURCES).read_text(encoding="utf-8")


def write_overview(folder: str | Path, studies: dict[str, dict], out: str | Path) -> None:
    """Write the overview of the tidy table in `folder`. studies: the checked configs by name, in the order to show."""
    run = view_of_run(folder, studies)
    found = {name: findings.of_study(view) for name, view in run.studies.items()}
    rows = [study_row(view, found[name]) for name, view in run.studies.items()]
    parts = [
        f'<!doctype html><meta charset="utf-8"><title>Overview</title>\n<style>\n{STYLE}</style>',
        '<div class="espalier">',
        f"<p>{_lead(run)}</p>",
        html.fragment(_studies(rows), "studies"),
        html.fragment(_budgets(run, rows), "budgets"),
        *(_study(view, found[name]) for name, view in run.studies.items()),
        f'<p class="setup">{_software(run)}</p>',
        "</div>",
    ]
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(parts) + "\n", encoding="utf-8", newline="\n")


def _lead(run: RunView) -> str:
    """What ran, in two sentences."""
    results, studies = run.results, run.studies
    counts = results["step"].value_counts(sort=False)
    steps = listed(f"{n} of {STEPS[step].noun}" for step, n in counts.items())
    data = listed(sorted({view.config["dataset"]["name"] for view in studies.values()}))
    shown = "The second table says how small and how fast a net can get before its accuracy falls. "
    minutes = results["timing_seconds"].sum() / 60
    return escape(
        f"{len(studies)} {'study' if len(studies) == 1 else 'studies'}, {len(results)} results ({steps}), all on "
        f"{data}: {number(minutes, 1)} minutes of computing, at most "
        f"{number(results['timing_peak_memory_mib'].max(), 0)} MiB in a job. {shown}Every number below is computed "
        "from the records of these jobs."
    )


def _studies(rows: list[dict[str, Any]]) -> Table:
    """The studies, one row each; their headlines are in the second table."""
    table = studies_table(rows)
    narrow = {"dataset": Text("dataset", "Data", remark="resolution")}
    left_out = ("resolution", "headline")
    return replace(table, columns=tuple(narrow.get(c.key, c) for c in table.columns if c.key not in left_out))


def _budgets(run: RunView, rows: list[dict[str, Any]]) -> Table:
    """The smallest and the fastest net within each limit, below the title and the headline of their study."""
    nets = []
    for row in rows:
        view = run.studies[row["name"]]
        remarks = budget.coarse(view)
        for limit, (smallest, fastest) in (budget.table(view) or {NEAR: (ABSENT, ABSENT)}).items():
            within = f"{limit:g} point{'' if limit == 1 else 's'}"
            remark = "less than one test image" if remarks[limit] else ""
            nets.append({**row, "within": within, "remark": remark, "smallest": smallest, "fastest": fastest})
    columns = (Text("within", "Within", remark="remark"), Text("smallest", "Smallest file, zipped"))
    return Table(
        "The smallest and the fastest nets",
        "",
        (*columns, Text("fastest", "Fastest net")),
        pd.DataFrame(nets),
        section=Text("title", "Study", remark="headline"),
    )


def _study(view: StudyView, found: list[Finding]) -> str:
    """A study's findings, and what of the published figures it may be compared with."""
    answers = [(f.question, f.answer) for f in found]
    if view.published is not None:
        answers.append(("What of the published figures was reproduced?", _reproduced(view)))
    items = "".join(f"<dt>{escape(question)}</dt><dd>{escape(answer)}</dd>" for question, answer in answers)
    return f'<h3>{escape(view.title)}</h3><p class="setup">{escape(view.setup)}</p><dl>{items}</dl>'


def _reproduced(view: StudyView) -> str:
    """How many published rows were run, and whether they are comparable."""
    rows = view.compared
    keys = [column for column in view.published if column in rows]
    run = rows[rows["comparable"] != "not run"]
    total, done = len(rows.drop_duplicates(keys)), len(run.drop_duplicates(keys))
    text = f"{done} of {total} published rows were run. "
    if not done:
        return text.strip()
    if (run["comparable"] == "yes").all():
        gap = run["top1_difference"].abs()
        return (
            text + f"They are comparable: top-1 differs by {number(gap.mean(), 2)} points in the mean, at most "
            f"{number(gap.max(), 2)}."
        )
    verdicts = run["comparable"].drop_duplicates()
    differs = {what for verdict in verdicts if verdict != "yes" for what in verdict.removeprefix("no: ").split(", ")}
    names = [name for name in (field.name for field in fields(published.Setup)) if name in differs]
    count = int((run["comparable"] != "yes").sum())
    share = "none of them is" if count == len(run) else f"{count} of {len(run)} are not"
    return text + f"In accuracy {share} comparable: {listed(names)} differ."


def _software(run: RunView) -> str:
    """The versions that the jobs reported."""
    versions = tidy.software(run.results).items()
    return escape("Software: " + ", ".join(f"{name} {' / '.join(found)}" for name, found in versions) + ".")
