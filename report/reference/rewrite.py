"""Write the pages of the runs in this folder again from their tidy tables, by the code as it is now.

    PYTHONPATH=workflow/scripts .venv/bin/python report/reference/rewrite.py [RUN ...]

Nothing is computed anew: findings, tables and figures are functions of the tidy tables. What the pages say of data,
software and the command stays as the run wrote it. Columns that a run's code did not have are empty.
"""

from __future__ import annotations

import importlib
import multiprocessing
import re
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from espalier import published
from espalier.analysis import tidy
from espalier.analysis.study import COUNTS, view_of_run
from espalier.backends import BACKENDS
from espalier.plan import grid
from espalier.report import figures, tables
from espalier.report.findings import of_study
from espalier.report.pages import Origin, run_page, study_page
from espalier.run.integrity import write_digests, write_sealed

HERE = Path(__file__).parent
OF_THE_RUN = ("Data", "Software")  # sections of its page that no tidy table has
SUMMARY = "summary.csv"
OF_PREDICTIONS = "mistakes"  # the table that older runs, which kept no predictions, do not have


def rewrite(run: Path) -> None:
    """Write the pages of one run."""
    planned = grid.build(yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory() as folder:
        whole = completed(run, Path(folder))
        view = view_of_run(whole, planned.studies)
        for name in planned.studies:
            items = drawn(whole, name, planned, run / name)
            page = study_page(view.studies[name], of_study(view.studies[name]), items)
            (run / name / "README.md").write_text(page, encoding="utf-8")
        findings = {name: of_study(each) for name, each in view.studies.items()}
        now = run_page(view, findings, Origin(config={}, command="", manifests=[]))
    page, before = sections(now), sections((run / "README.md").read_text(encoding="utf-8"))
    page |= {title: before[title] for title in ("", *OF_THE_RUN)}
    (run / "README.md").write_text("".join(page.values()), encoding="utf-8")


def completed(run: Path, folder: Path) -> Path:
    """A folder with all tidy tables of a run, each with all columns that it has now."""
    for name, of_table in tidy.TABLES.items():
        file = run / f"{name}.csv"
        wanted = ["node", *(column.name for column in of_table)]
        table = pd.read_csv(file, dtype=str, keep_default_na=False) if file.exists() else pd.DataFrame(columns=wanted)
        table = table.reindex(columns=list(dict.fromkeys([*table.columns, *wanted])))
        if name == "results" and "data_note" not in table:
            table["data_note"] = table["dataset"].map(notes(run))
        table.to_csv(folder / f"{name}.csv", index=False)
    write_digests(folder / tidy.DIGESTS, [folder / f"{name}.csv" for name in tidy.TABLES])
    # Each in a process of its own: the frameworks do not go together.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        for backend, rows in zip(BACKENDS, pool.map(counts, BACKENDS), strict=True):
            write_sealed(folder / COUNTS.format(backend), {"rows": rows})
    return folder


def counts(backend: str) -> list[dict[str, Any]]:
    """The counts of a backend's published nets whose shapes are known."""
    count = importlib.import_module(f"espalier.{backend}.published_counts").count
    shaped = [name for name, study in published.STUDIES.items() if study.shapes and study.shapes.backend == backend]
    return [row for name in shaped for row in count(name)]


def notes(run: Path) -> dict[str, str]:
    """What the page of a run says of the images of its data sets, behind the form that they were read from."""
    data = sections((run / "README.md").read_text(encoding="utf-8"))["Data"]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in data.splitlines() if line.startswith("| ")]
    return {cells[0]: note for cells in rows for cell in cells if (note := cell.partition("; ")[2])}


def drawn(folder: Path, name: str, planned: grid.Grid, out: Path) -> list[Path]:
    """The figures and tables of a study, written into its folder in place of those that were there. The table of layers
    of wrapped nets stays as it is: its tidy table is none of those that pages have."""
    rows, study = planned.frame(name), planned.studies[name]
    for file in out.iterdir():
        if file.name != SUMMARY:
            file.unlink()
    items = [out / SUMMARY] if (out / SUMMARY).exists() else []
    for item in figures.names(rows, study):
        items.append(out / f"{item}.svg")
        figures.draw(item, folder, study, items[-1])
    for item in tables.names(rows, study):
        if f"{item}.csv" == SUMMARY or (item == OF_PREDICTIONS and not kept(folder)):
            continue
        items.append(out / f"{item}.csv")
        tables.write(item, folder, planned.studies, name, csv=items[-1], html=folder / "table.html")
    return items


def kept(folder: Path) -> bool:
    """Whether a run kept what its nets said of each test image."""
    return len((folder / "classes.csv").read_text(encoding="utf-8").splitlines()) > 1


def sections(page: str) -> dict[str, str]:
    """The parts of a page by their headings; "" is what stands before the first one."""
    first, *others = re.split(r"^(?=## )", page, flags=re.M)
    return {"": first} | {part.splitlines()[0].removeprefix("## "): part for part in others}


if __name__ == "__main__":
    for each in sys.argv[1:] or sorted(path.parent.name for path in HERE.glob("*/config.yaml")):
        rewrite(HERE / each)
