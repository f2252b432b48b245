"""The first page of the report: what ran, on what, and what came out.

It is a fragment of HTML and a page too: Snakemake's report shows it on its landing page (report/workflow.rst) and as an
item. Its style is for the elements inside `.espalier` only.
"""

from __future__ import annotations

from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from espalier.analysis import tidy
from espalier.analysis.nets import NEAR
from espalier.analysis.study import RunView, StudyView, view_of_run
from espalier.plan.steps import STEPS
from espalier.report import html
from espalier.report import unfinished as missing
from espalier.report.findings import budget, of_study
from espalier.report.findings.finding import Finding
from espalier.report.findings.words import listed
from espalier.report.studies import smoke_tests, studies_table, study_row
from espalier.report.table import ABSENT, Table, Text, number

RESOURCES = ("overview.css",)  # files next to this one that the page holds: part of the digest of this code
STYLE = Path(__file__).with_name(*RESOURCES).read_text(encoding="utf-8")


def write_overview(
    folder: str | Path, studies: dict[str, dict], out: str | Path, unfinished: missing.Rows = ()
) -> None:
    """Write the overview of the tidy table in `folder`. studies: the checked configs by name, in the order to show;
    unfinished: the results that are missing, of these studies and of others."""
    run = view_of_run(folder, studies)
    findings = {name: of_study(view) for name, view in run.studies.items()}
    rows = [study_row(view, findings[name]) for name, view in run.studies.items()]
    parts = [
        f'<!doctype html><meta charset="utf-8"><title>Overview</title>\n<style>\n{STYLE}</style>',
        '<div class="espalier">',
        f"<p>{escape(_lead(run))}</p>",
        *([f"<p>{escape(remark)}</p>"] if (remark := smoke_tests(run)) else []),
        *([f"<h2>Missing results</h2>{html.fragment(missing.table(unfinished), 'missing')}"] if unfinished else []),
        html.fragment(_studies(rows), "studies"),
        html.fragment(_budgets(run, rows), "budgets"),
        *(_study(view, findings[name]) for name, view in run.studies.items()),
        f'<p class="setup">{escape(_software(run))}</p>',
        "</div>",
    ]
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(parts) + "\n", encoding="utf-8", newline="\n")


def _lead(run: RunView) -> str:
    """What ran, in a few sentences."""
    results, studies = run.results, run.studies
    steps = listed(f"{n} of {STEPS[step].noun}" for step, n in results["step"].value_counts(sort=False).items())
    data = listed(sorted({view.config["dataset"]["name"] for view in studies.values()}))
    minutes, memory = results["timing_seconds"].sum() / 60, results["timing_peak_memory_mib"].max()
    return (
        f"{len(studies)} {'study' if len(studies) == 1 else 'studies'}, {len(results)} results ({steps}), all on "
        f"{data}: {number(minutes, 1)} minutes of computing, at most {number(memory, 0)} MiB in a job. "
        "The second table says how small and how fast a net can get before its accuracy falls. "
        "Every number below is computed from the records of these jobs."
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


def _study(view: StudyView, findings: list[Finding]) -> str:
    """A study's findings, and what of the published numbers it may be compared with."""
    answers = [(finding.question, finding.answer) for finding in findings]
    if view.published is not None:
        answers.append(("What of the published figures was reproduced?", _reproduced(view.compared, view.published)))
    items = "".join(f"<dt>{escape(question)}</dt><dd>{escape(answer)}</dd>" for question, answer in answers)
    return f'<h2>{escape(view.title)}</h2><p class="setup">{escape(view.setup)}</p><dl>{items}</dl>'


def _reproduced(compared: pd.DataFrame, published: pd.DataFrame) -> str:
    """How many of the published rows were run, and whether they are comparable. compared: these rows with the results
    that match them."""
    keys = [column for column in published if column in compared]
    run = compared[compared["comparable"] != "not run"]
    total, done = len(compared.drop_duplicates(keys)), len(run.drop_duplicates(keys))
    return f"{done} of {total} published rows were run. {_comparable(run) if done else ''}".strip()


def _comparable(run: pd.DataFrame) -> str:
    """Whether the rows that were run are comparable: by how much they differ, or in what their set-ups do."""
    if (run["comparable"] == "yes").all():
        gap = run["top1_difference"].abs()
        return (
            f"They are comparable: top-1 differs by {number(gap.mean(), 2)} points in the mean, at most "
            f"{number(gap.max(), 2)}."
        )
    others = (run["comparable"] != "yes").sum()
    share = "none of them is" if others == len(run) else f"{others} of {len(run)} are not"
    differ, unstated = (_names(run[column]) for column in ("different", "not_stated"))
    reasons = [f"{listed(differ)} differ"] * bool(differ)
    reasons += [f"the source does not state {listed(unstated)}"] * bool(unstated)
    return f"In accuracy {share} comparable: {'; '.join(reasons)}."


def _names(lists: pd.Series) -> list[str]:
    """The properties that are named in a column of lists of them, each once, in order."""
    return list(dict.fromkeys(name for names in lists.dropna() for name in names.split(", ")))


def _software(run: RunView) -> str:
    """The versions that the jobs reported."""
    versions = tidy.software(run.results).items()
    return "Software: " + ", ".join(f"{name} {' / '.join(several)}" for name, several in versions) + "."
