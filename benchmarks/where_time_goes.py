"""Where the time of a finished run went, from its records: imports, the work itself, evaluation.

.venv/bin/python benchmarks/where_time_goes.py [results]
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "results")
    results = pd.read_csv(folder / "records" / "results.csv")
    results["other"] = results["timing_seconds"] - results[[f"timing_{p}_seconds" for p in PARTS]].sum(axis=1)
    print("| jobs | number | total (s) | imports | work | evaluation | other | peak memory (MiB) |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    groups = [*results.groupby(["backend", "step"], sort=False), (("all", ""), results)]
    for (backend, step), rows in groups:
        total = rows["timing_seconds"].sum()
        shares = [rows[f"timing_{part}_seconds"].sum() / total for part in PARTS] + [rows["other"].sum() / total]
        shown = " | ".join(f"{100 * share:.0f} %" for share in shares)
        memory = rows["timing_peak_memory_mib"].max()
        print(f"| {backend} {step} | {len(rows)} | {total:.0f} | {shown} | {memory:.0f} |")


PARTS = ("import", "work", "evaluate")

if __name__ == "__main__":
    main()
