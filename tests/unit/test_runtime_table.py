"""Time and memory of the rules that write no record, read from their own files."""

import pandas as pd
import pytest
from a_run import Run, config

from espalier import registry
from espalier.analysis.study import view_of_run
from espalier.run.integrity import write_sealed

HEADER = "s\th:m:s\tmax_rss\tmax_vms\n"


def test_rules_stand_below_the_steps(tmp_path):
    run = Run(tmp_path, "one")
    run.add("train", timing={"seconds": 30.0, "import_seconds": 3.0, "peak_memory_mib": 700.0})
    (tmp_path / "a.tsv").write_text(f"{HEADER}2.5\t0:00:02\t120.5\t300\n")
    (tmp_path / "b.tsv").write_text(f"{HEADER}1.5\t0:00:01\t-\t-\n")
    write_sealed(tmp_path / "data.json", {"seconds": 6.0, "peak_memory_mib": 90.0, "threads": 1})
    table = registry.get(registry.TableItem, "runtime")(
        view_of_run(run.collect(), {"one": config("one", title="The first")}),
        prepare_dataset=[str(tmp_path / "data.json")],
        draw_figure=[str(tmp_path / "a.tsv"), str(tmp_path / "b.tsv")],
    )
    rows = table.data[["study", "step", "jobs", "seconds", "median_seconds", "peak_memory_mib"]]
    assert rows.astype(object).where(rows.notna(), None).values.tolist() == [
        ["The first", "train", 1, 30.0, 30.0, 700.0],
        ["the run", "prepare_dataset", 1, 6.0, 6.0, 90.0],
        ["the run", "draw_figure", 2, 4.0, 2.0, None],  # Snakemake saw the process that waited for a warm worker
        ["all", "all", 4, 40.0, 4.25, 700.0],
    ]
    assert pd.isna(table.data["import_percent"][2])
    assert table.data["evaluate_percent"].notna().tolist() == [True, False, False, True]
    assert table.data["import_percent"][3] == 10.0  # of the jobs that say: 3 of 30 seconds


def test_what_was_not_measured_is_not_zero(tmp_path):
    run = Run(tmp_path, "one")
    run.add("train", timing={"seconds": 30.0, "evaluate_seconds": 3.0})
    parts = {"import_seconds": 0.0, "work_seconds": 0.0, "evaluate_seconds": 0.0}
    write_sealed(tmp_path / "data.json", {"seconds": 6.0, "peak_memory_mib": 90.0, **parts})
    (tmp_path / "a.tsv").write_text(f"{HEADER}0.5\t0:00:00\t6.36\t10\n")
    data = registry.get(registry.TableItem, "runtime")(
        view_of_run(run.collect(), {"one": config("one", title="The first")}),
        prepare_dataset=[str(tmp_path / "data.json")],
        collect_records=[str(tmp_path / "a.tsv")],
    ).data.set_index("step")
    assert data.loc["prepare_dataset", ["import_percent", "work_percent", "evaluate_percent"]].isna().all()
    assert pd.isna(data.loc["collect_records", "peak_memory_mib"])
    assert data.loc["prepare_dataset", "peak_memory_mib"] == 90.0
    assert data.loc["all", "evaluate_percent"] == pytest.approx(100 * 3 / 36)
