"""A run as Markdown pages with its figures and tables as files: to keep with the code, or for a supplement.

pages/README.md, config.yaml           what ran: command, config, data, software; a row for each study
pages/<study>/README.md                published against reproduced, what differs, the document's questions, figures
pages/<study>/*.svg, *.csv             the figures and the tables
pages/*.csv                            the tidy tables
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from espalier import registry
from espalier.analysis.study import RunView, StudyView, view_of_run
from espalier.report import markdown, unfinished
from espalier.report.findings import of_study
from espalier.report.findings.finding import Finding
from espalier.report.markdown import escape
from espalier.report.studies import smoke_tests, studies_table, study_row
from espalier.report.table import Number, Table, Text, number
from espalier.run.integrity import read_sealed

TIDY = ("results", "history", "layers", "latency", "outcomes", "classes")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a run's results come from.

    config: the whole checked config; command: that computes the results; manifests: files of the prepared data sets;
    revision: of the code, "" if it is not known; unfinished: the results that are missing (espalier.run.finished).
    """

    config: dict[str, Any]
    command: str
    manifests: list[str]
    revision: str = ""
    unfinished: unfinished.Rows = ()


def write_pages(
    folder: str | Path, studies: dict[str, dict], out: str | Path, items: list[str], origin: Origin
) -> None:
    """Write the pages of a run into the folder `out`.

    folder: of the tidy tables; studies: the checked configs by name; items: files of figures (.svg) and tables (.csv),
    each in a folder named after its study.
    """
    run, out = view_of_run(folder, studies), Path(out)
    for name in TIDY:
        _copy(Path(folder) / f"{name}.csv", out)
    _write(
        out / "config.yaml",
        "# The checked config: every key that was not given has its default. The folder of the data is left out.\n"
        + yaml.safe_dump(json.loads(json.dumps(_to_be_run(origin.config))), sort_keys=False),
    )
    findings = {name: of_study(view) for name, view in run.studies.items()}
    for name, view in run.studies.items():
        own = [Path(item) for item in items if Path(item).parent.name == name]
        for item in own:
            _copy(item, out / name)
        _write(out / name / "README.md", study_page(view, findings[name], own))
    _write(out / "README.md", run_page(run, findings, origin))


def _to_be_run(config: dict[str, Any]) -> dict[str, Any]:
    """The checked config as one to run: without the folder of the data, and without the key `name` of studies."""
    studies = {name: {k: v for k, v in study.items() if k != "name"} for name, study in config["studies"].items()}
    return config | {"data_root": None, "studies": studies}


def study_page(view: StudyView, findings: list[Finding], items: list[Path]) -> str:
    """A study's page. findings: all of the study; items: its figures and tables."""
    parts = [f"# {escape(view.title)}", escape(view.setup + ".")]
    if view.published is not None:
        table = registry.get(registry.TableItem, "published")(view)
        parts += ["## Published and reproduced", markdown.table(table)]
    if findings:
        parts.append("## The questions")
    for finding in findings:
        parts += _finding(finding)
    figures = [item for item in items if item.suffix == ".svg"]
    if figures:
        parts.append("## Figures")
    for item in figures:
        entry = registry.get(registry.FigureItem, item.stem)
        title = escape(entry.title)
        parts += [f"### {title}", f"![{title}]({item.name})", escape(entry.caption)]
    tables = {item.name: registry.get(registry.TableItem, item.stem) for item in items if item.suffix == ".csv"}
    parts += ["## Tables", "\n".join(f"* [{escape(entry.title)}]({name})" for name, entry in tables.items())]
    return "\n\n".join(parts) + "\n"


def _finding(finding: Finding) -> Iterator[str]:
    """A question, its answer, and how that follows from the numbers."""
    yield f"**{escape(finding.question)}** {escape(finding.answer)}"
    yield escape(finding.evidence)
    if finding.published:
        yield f"Published, by the same definition: {escape(finding.published)}"
    yield f"*{escape(finding.definition)}*"


def run_page(run: RunView, findings: dict[str, list[Finding]], origin: Origin) -> str:
    """The page of the whole run. findings: those of each study."""
    rows = [study_row(view, findings[name]) for name, view in run.studies.items()]
    hours = run.results["timing_seconds"].sum() / 3600
    code = f", code at {escape(origin.revision)}" if origin.revision else ""
    parts = [
        "# Reproduced",
        f"{len(run.results)} results, {number(hours, 1)} hours of jobs, from",
        f"    {origin.command}",
        f"([config.yaml](config.yaml){code}). Every number on these pages is in "
        "the tidy tables " + ", ".join(f"[{name}.csv]({name}.csv)" for name in TIDY) + ".",
        *([remark] if (remark := smoke_tests(run)) else []),
        *(["## Missing results", markdown.table(unfinished.table(origin.unfinished))] if origin.unfinished else []),
        "## Studies",
        markdown.table(_linked(studies_table(rows))),
        *_reproduced(run),
        "## Data",
        markdown.table(_data(origin.manifests)),
        "## Software",
        markdown.table(registry.get(registry.TableItem, "environment")(run)),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _reproduced(run: RunView) -> list[str]:
    """The section on the published figures, if a study names any."""
    if not any(view.config.get("published") for view in run.studies.values()):
        return []
    entry = registry.get(registry.TableItem, "reproduced")
    return [f"## {entry.title}", escape(entry.caption), markdown.table(entry(run))]


def _linked(studies: Table) -> Table:
    """The studies with their titles leading to their pages."""
    title, *columns = studies.columns
    data = studies.data.assign(page=studies.data["name"] + "/README.md")
    return replace(studies, columns=(Text(title.key, title.title, link="page"), *columns), data=data)


def _data(manifests: list[str]) -> Table:
    """The data sets of a run."""
    columns = (
        Text("name", "Data set"),
        Text("images", "Images"),
        Number("classes", "Classes"),
        Text("repeated", "Also among the training images"),
        Text("origin", "Read from"),
        Text("sha256", "SHA-256 of the prepared images", code=True),
    )
    rows = pd.DataFrame([_data_row(Path(path)) for path in manifests], columns=[column.key for column in columns])
    return Table("Data", "", columns, rows)


def _data_row(path: Path) -> dict[str, Any]:
    manifest = read_sealed(path)
    return {
        "name": path.parent.name,
        "images": ", ".join(f"{name} {end - start:,}" for name, (start, end) in manifest["splits"].items()),
        "classes": len(manifest["classes"]),
        "repeated": ", ".join(f"{name} {number:,}" for name, number in manifest["repeated"].items()),
        "origin": _origin(manifest["source"]),
        "sha256": manifest["sha256"],
    }


def _origin(source: dict[str, Any]) -> str:
    """What a data set was read from, in words; files that are not the publisher's by their names."""
    others = [file["file"] for file in source.get("files", ()) if file.get("official") is False]
    notes = [source["note"]] if "note" in source else []
    notes += [f"not the publisher's file: {', '.join(others)}"] if others else []
    return "; ".join((source.get("form", "made by its function"), *notes))  # a plug-in need not say


def _copy(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / path.name)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
