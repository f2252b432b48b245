"""A run as Markdown pages with its figures and tables as files: what one keeps beside code, or puts into a supplement.

pages/README.md, config.yaml           what ran: command, config, data, software; a row for each study
pages/<study>/README.md                published against reproduced, what differs, the document's questions, figures
pages/<study>/*.svg, *.csv             the figures and the tables
pages/*.csv                            the tidy tables
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import yaml

from espalier import registry
from espalier.analysis.study import RunView, StudyView, view_of_run
from espalier.report.findings import of_study
from espalier.report.overview import study_row
from espalier.report.table import number

TIDY = ("results", "history", "layers", "latency")


def write_pages(
    folder: str | Path,
    studies: dict[str, dict],
    out: str | Path,
    *,
    items: list[str],
    manifests: list[str],
    config: dict,
    command: str,
    revision: str = "",
) -> None:
    """Write the pages of a run into the folder `out`.

    folder: of the tidy tables; studies: the checked configs by name; items: files of figures (.svg) and tables (.csv),
    each in a folder named after its study; manifests: of the prepared data sets; config: the whole checked config;
    command: that gives these results; revision: of the code, if it is known.
    """
    run, out = view_of_run(folder, studies), Path(out)
    for name in TIDY:
        _copy(Path(folder) / f"{name}.csv", out)
    (out / "config.yaml").write_text(
        "# As it was checked: every key that was not given has its default. Where the data lay is left out.\n"
        + yaml.safe_dump(json.loads(json.dumps(_to_be_run(config))), sort_keys=False)
    )
    for name, view in run.studies.items():
        own = [Path(item) for item in items if Path(item).parent.name == name]
        for item in own:
            _copy(item, out / name)
        _write(out / name / "README.md", study_page(view, own))
    _write(out / "README.md", run_page(run, manifests, command, revision))


def _to_be_run(config: dict) -> dict:
    """The checked config as one to run: without where the data lay, and the names that its studies were given."""
    studies = {name: {k: v for k, v in study.items() if k != "name"} for name, study in config["studies"].items()}
    return config | {"data_root": None, "studies": studies}


def study_page(view: StudyView, items: list[Path]) -> str:
    """A study's page. items: its figures and tables."""
    parts = [f"# {view.title}", view.setup + "."]
    if view.published is not None:
        table = registry.get(registry.TableItem, "published")(view)
        parts += ["## Published and reproduced", table.markdown()]
    found = of_study(view)
    if found:
        parts.append("## The questions")
    for finding in found:
        parts += [f"**{finding.question}** {finding.answer}", finding.evidence]
        if finding.published:
            parts.append(f"Published, by the same definition: {finding.published}")
        parts.append(f"*{finding.definition}*")
    figures = [item for item in items if item.suffix == ".svg"]
    tables = [item for item in items if item.suffix == ".csv"]
    if figures:
        parts.append("## Figures")
    for item in figures:
        entry = registry.get(registry.FigureItem, item.stem)
        parts += [f"### {entry.title}", f"![{entry.title}]({item.name})", entry.caption]
    parts.append("## Tables")
    parts.append("\n".join(f"* [{registry.get(registry.TableItem, item.stem).title}]({item.name})" for item in tables))
    return "\n\n".join(parts) + "\n"


def run_page(run: RunView, manifests: list[str], command: str, revision: str) -> str:
    """The page of the whole run."""
    rows = [study_row(view) for view in run.studies.values()]
    lines = ["| study | data | net | seeds | results | dense top-1 (%) | headline |", "| --- " * 7 + "|"]
    for row in rows:
        top1 = number(row["dense_top1"], 2)
        if pd.notna(row["dense_top1_sd"]):
            top1 += f" ± {number(row['dense_top1_sd'], 2)}"
        cells = (f"[{row['title']}]({row['name']}/README.md)", f"{row['dataset']} {row['resolution']}", row["model"])
        cells += (row["seeds"], row["nodes"], top1, row["headline"])
        lines.append(f"| {' | '.join(map(str, cells))} |")
    results = run.results
    hours = results["timing_seconds"].sum() / 3600
    parts = [
        "# Reproduced",
        f"{len(results)} results, {number(hours, 1)} hours of jobs, from",
        f"    {command}",
        f"([config.yaml](config.yaml){f', code at {revision}' if revision else ''}). Every number on these pages is in "
        "the tidy tables " + ", ".join(f"[{name}.csv]({name}.csv)" for name in TIDY) + ".",
        "## Studies",
        "\n".join(lines),
        "## Data",
        "\n".join(["| data set | images | classes | read from | SHA-256 of the prepared images |", "| --- " * 5 + "|"]
                  + [_data_row(Path(path)) for path in manifests]),
        "## Software",
        registry.get(registry.TableItem, "environment")(run).markdown(),
    ]  # fmt: skip
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _data_row(path: Path) -> str:
    manifest = json.loads(path.read_text(encoding="utf-8"))
    counts = ", ".join(f"{name} {end - start:,}" for name, (start, end) in manifest["splits"].items())
    cells = (path.parent.name, counts, len(manifest["classes"]), _origin(manifest["source"]), f"`{manifest['sha256']}`")
    return f"| {' | '.join(map(str, cells))} |"


def _origin(source: dict) -> str:
    """What a data set was read from, in words; files that are not the publisher's by their names."""
    others = [file["file"] for file in source.get("files", ()) if file.get("official") is False]
    notes = [source["note"]] if "note" in source else []
    notes += [f"not the publisher's file: {', '.join(others)}"] if others else []
    return "; ".join((source["form"], *notes))


def _copy(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / path.name)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
