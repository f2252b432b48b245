"""The first page of the report: what ran, on what, and what came out.

A fragment of HTML that is a page of its own too: Snakemake's report shows it on its landing page (report/workflow.rst),
and as an item. Its style holds for what is inside `.espalier` only.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import pandas as pd

from espalier.analysis import nets as variants
from espalier.analysis import published
from espalier.analysis import tidy as tidy_table
from espalier.analysis.study import RunView, StudyView, view_of_run
from espalier.report import findings
from espalier.report.findings import budget
from espalier.report.findings.finding import Finding, listed
from espalier.report.table import number


def write_overview(folder: str | Path, studies: dict[str, dict], out: str | Path) -> None:
    """Write the overview of the tidy table in `folder`. studies: the checked configs by name, in the order to show."""
    run = view_of_run(folder, studies)
    found = {name: findings.of_study(view) for name, view in run.studies.items()}
    rows = {name: study_row(view, found[name]) for name, view in run.studies.items()}
    parts = [_STYLE, '<div class="espalier">', f"<p>{_lead(run)}</p>", _table(rows), _budgets(run, rows)]
    parts += [_study(view, found[name]) for name, view in run.studies.items()]
    parts += [f'<p class="setup">{_software(run)}</p>', "</div>"]
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(parts) + "\n", encoding="utf-8", newline="\n")


def study_row(view: StudyView, found: list[Finding] | None = None) -> dict:
    """What is said of a study in a row; where it has several references, of the first. found: its findings, if they are
    there already."""
    data, net, nets = view.config["dataset"], view.config["model"], view.nets
    dense = nets[nets["node"] == nets["reference"]].iloc[0]
    less = budget.coarse(view)
    return {
        "name": view.name,
        "title": view.title,
        "dataset": tidy_table.data_name(data),
        "resolution": f"{data['size']}x{data['size']}x{data.get('channels', 3)}",
        "model": f"{net['name']}" + ("" if net.get("width", 1) == 1 else f", width {net['width']:g}"),
        "epochs": int(dense["trained"]),
        "weights": tidy_table.weights_name(view.config, view.results).removeprefix("initial weights "),
        "seeds": ", ".join(map(str, sorted(set(view.results["seed"])))),
        "nodes": len(view.results),
        "dense_top1": dense["top1"],
        "dense_top1_sd": dense["top1_sd"],
        "headline": findings.headline(findings.of_study(view) if found is None else found),
        **{
            f"{what}_{limit:g}": words + (f" ({less[limit]})" if less[limit] else "")
            for limit, pair in budget.table(view).items()
            for what, words in zip(("smallest", "fastest"), pair, strict=True)
        },
    }


def _lead(run: RunView) -> str:
    """What ran, in two sentences."""
    results, studies = run.results, run.studies
    counts = results["step"].value_counts(sort=False)
    words = {"train": "training", "regularize": "regularised training", "prune": "pruning", "finetune": "fine-tuning"}
    words |= {"scratch": "training from scratch", "quantize": "quantization"}
    steps = listed(f"{n} of {words.get(step, step)}" for step, n in counts.items())
    data = listed(sorted({view.config["dataset"]["name"] for view in studies.values()}))
    shown = "The second table says how small and how fast a net can get before its accuracy falls. "
    minutes = results["timing_seconds"].sum() / 60
    return escape(
        f"{len(studies)} {'study' if len(studies) == 1 else 'studies'}, {len(results)} results ({steps}), all on "
        f"{data}: {number(minutes, 1)} minutes of computing, at most "
        f"{number(results['timing_peak_memory_mib'].max(), 0)} MiB in a job. {shown}Every number below is computed "
        "from the records of these jobs."
    )


def _table(rows: dict[str, dict]) -> str:
    """The studies, one row each."""
    heads = ("Study", "Data", "Net", "Epochs", "Weights", "Seeds", "Results", "Dense top-1 (%)")
    lines = []
    for row in rows.values():
        top1 = number(row["dense_top1"], 2)
        if pd.notna(row["dense_top1_sd"]):
            top1 += f" ± {number(row['dense_top1_sd'], 2)}"
        data = f"{row['dataset']} {row['resolution']}"
        cells = (row["title"], data, row["model"], row["epochs"], row["weights"], row["seeds"], row["nodes"], top1)
        lines.append("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>")
    return _rows("studies", heads, lines)


def _rows(name: str, heads: tuple[str, ...], lines: list[str]) -> str:
    head = "".join(f'<th scope="col">{title}</th>' for title in heads)
    return f'<table class="{name}"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def _budgets(run: RunView, rows: dict[str, dict]) -> str:
    """The headline of each study in a row of its own, and under it its smallest and fastest nets within each limit."""
    heads = ("Within", "Smallest file, zipped", "Fastest net")
    lines = []
    for name, row in rows.items():
        found = budget.table(run.studies[name]) or dict.fromkeys([variants.NEAR], ("\N{EN DASH}",) * 2)
        less = budget.coarse(run.studies[name])
        title = f"{escape(row['title'])}<br><span>{escape(row['headline'])}</span>"
        lines.append(f'<tr><th scope="rowgroup" colspan="{len(heads)}">{title}</th></tr>')
        for limit, pair in found.items():
            points = f"<td>{limit:g} point{'' if limit == 1 else 's'}"
            points += "<br><span>less than one test image</span></td>" if less[limit] else "</td>"
            lines.append(f"<tr>{points}" + "".join(f"<td>{escape(cell)}</td>" for cell in pair) + "</tr>")
    return _rows("budgets", heads, lines)


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
    names = [name for name in published.Setup.__dataclass_fields__ if name in differs]
    count = int((run["comparable"] != "yes").sum())
    share = "none of them is" if count == len(run) else f"{count} of {len(run)} are not"
    return text + f"In accuracy {share} comparable: {listed(names)} differ."


def _software(run: RunView) -> str:
    """The versions that the jobs reported."""
    versions = tidy_table.software(run.results).items()
    return escape("Software: " + ", ".join(f"{name} {' / '.join(found)}" for name, found in versions) + ".")


_STYLE = """<!doctype html><meta charset="utf-8"><title>Overview</title>
<style>
.espalier { color: #1b1b1b; background: #fff; max-width: 58rem; margin: 0 auto; text-align: left;
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif; }
.espalier h3 { font-size: 1.08em; font-weight: 650; margin: 1.5em 0 .1em; color: inherit; }
.espalier p { margin: .4em 0; }
.espalier .setup { color: #5c5c5c; font-size: .92em; }
.espalier table { border-collapse: collapse; width: 100%; margin: .9em 0; font-size: .92em;
  font-variant-numeric: tabular-nums; }
.espalier :is(th, td) { text-align: left; vertical-align: top; padding: .3em .6em .3em 0; color: inherit;
  border-bottom: 1px solid #d9d9d4; }
.espalier th { border-bottom: 2px solid #1b1b1b; font-weight: 600; vertical-align: bottom; }
.espalier .studies :is(th, td):nth-last-child(-n+2) { text-align: right; white-space: nowrap; }
.espalier .budgets td { width: 40%; }
.espalier .budgets td:first-child { width: 20%; padding-left: 1em; }
.espalier .budgets tbody th { padding-top: .9em; border-bottom: 1px solid #d9d9d4; }
.espalier .budgets span { color: #5c5c5c; font-weight: 400; }
.espalier dl { margin: .5em 0; display: grid; grid-template-columns: minmax(11rem, 1fr) 2.4fr; gap: .35em 1.2em; }
.espalier dt { font-weight: 500; color: #444; margin: 0; }
.espalier dd { margin: 0; padding: 0; }
.prose:has(.espalier) { max-width: 60rem; }
.h-screen:has(.espalier) { align-items: flex-start; }
</style>"""
