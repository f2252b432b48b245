"""The software of a run."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import selections
from espalier.analysis.study import RunView
from espalier.analysis.tidy import SOFTWARE, software
from espalier.registry import TableItem, register
from espalier.report.table import Number, Table, Text


@register(
    TableItem(
        "environment",
        scope="run",
        title="Software",
        caption="The versions of packages that the jobs themselves reported, by framework, and the devices and "
        "processors that the jobs ran on. If a row has more than one version, the report shows results of different "
        "environments.",
        when=selections.always,
    )
)
def environment(view: RunView) -> Table:
    """One row per backend and package, then the device and the processor."""
    rows = [
        {"backend": backend, "package": name, "version": ", ".join(versions), "jobs": jobs[SOFTWARE + name].count()}
        for backend, jobs in view.results.groupby("backend", sort=False)
        for name, versions in software(jobs).items()
    ]
    data = pd.DataFrame(rows, columns=["backend", "package", "version", "jobs"])
    columns = (
        Text("backend", "Backend"),
        Text("package", "Package, device, processor"),
        Text("version", "Version"),
        Number("jobs", "Jobs"),
    )
    return Table("Software of this run", f"reported by {len(view.results)} jobs", columns, data)
