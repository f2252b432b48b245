"""The tidy table: what every job of a run measured, in four CSV files, and its reading.

`results.csv` has one row per node, `history.csv` one per node and epoch, `layers.csv` one per node and layer,
`latency.csv` one per node and batch size. Every table and figure is a function of these four files, and beside them
of the published figures. Percentages are 0 to 100, sizes bytes, times seconds (latency: milliseconds).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

ID = (
    "node", "parent", "study", "seed", "step", "chain", "label", "backend", "dataset", "model", "width", "weights",
    "epochs", "init", "penalty", "penalty_type", "coefficient", "prune_type", "method", "ratio", "blocks",
)  # fmt: skip
HISTORY = (
    "node", "epoch", "learning_rate", "train_loss", "train_top1", "validation_loss", "validation_top1", "seconds",
)  # fmt: skip
LAYERS = ("node", "layer", "width", "weights", "zeros")
LATENCY = ("study", "seed", "node", "baseline", "threads", "batch_size", "repeats", "median_ms", "p90_ms")

NUMBERS = {"seed", "width", "epochs", "coefficient", "blocks"}  # of ID; all its other columns are text, ratio too
MIB = 2**20


@dataclass(frozen=True)
class Tidy:
    """The four tables, as DataFrames. Four columns of `results` are worked out on loading:

    variant   what seeds are averaged over: the node without its study and seed
    root      the training that the node comes from
    dense     the training without penalty that `root` is compared with (itself, if it has none)
    control   of a fine-tuned pruned net: `dense` trained further for as long, NaN where the study has none
    """

    results: pd.DataFrame
    history: pd.DataFrame
    layers: pd.DataFrame
    latency: pd.DataFrame

    def of(self, study: str) -> Tidy:
        """One study's part."""
        results = self.results[self.results["study"] == study]
        own = (table[table["node"].isin(results["node"])] for table in (self.history, self.layers, self.latency))
        return Tidy(results, *own)


def collect(records: Iterable[str | Path], latency: Iterable[str | Path], folder: str | Path) -> None:
    """Write the four CSV files into `folder`, rows in the order given, numbers as the records have them (repr)."""
    results, history, layers, timed = [], [], [], []
    for record in map(_read, records):
        row = {column: record.get(column) for column in ID} | record["measured"]
        row |= {f"timing_{key}": value for key, value in record["timing"].items()}
        row |= {f"software_{key}": value for key, value in record["software"].items()}
        results.append(row)
        history += [{"node": record["node"], **row} for row in record.get("history") or ()]
        layers += [{"node": record["node"], **row} for row in record.get("layers") or ()]
    for file in map(_read, latency):
        timing = {f"timing_{key}": value for key, value in file["timing"].items()}
        timed += [row | timing for row in file["rows"]]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "results.csv", ID, results)
    _write(folder / "history.csv", HISTORY, history)
    _write(folder / "layers.csv", LAYERS, layers)
    _write(folder / "latency.csv", LATENCY, timed)


def load(folder: str | Path) -> Tidy:
    """Read the four CSV files of `folder`. Text stays text (a ratio is "0.40"), what is empty is NaN."""
    text = dict.fromkeys(set(ID) - NUMBERS, str)
    tables = []
    for name in ("results", "history", "layers", "latency"):
        dtype = text if name == "results" else {"node": str, "baseline": str, "layer": str}
        table = pd.read_csv(
            Path(folder) / f"{name}.csv",
            dtype=dtype,
            keep_default_na=False,
            na_values=[""],
            float_precision="round_trip",
        )
        tables.append(table)
    return Tidy(_related(_with_ratios(tables[0])), *tables[1:])


def _with_ratios(results: pd.DataFrame) -> pd.DataFrame:
    """A net that is trained after pruning lacks what its parent lacked: it takes over that `actual_ratio`. Parents come
    before their children, as they were collected."""
    if "actual_ratio" not in results:
        return results
    ratios: dict[str, float] = {}
    for node, parent, ratio in zip(results["node"], results["parent"], results["actual_ratio"], strict=True):
        ratios[node] = ratios.get(parent, ratio) if pd.isna(ratio) else ratio
    return results.assign(actual_ratio=results["node"].map(ratios))


def over_seeds(results: pd.DataFrame, values: Iterable[str]) -> pd.DataFrame:
    """One row per study and variant: its columns as in its first seed, of `values` the mean, `n` the number of seeds,
    and for each value v a column `v_sd`, the sample standard deviation (NaN where n is 1: one run has no spread).
    A value that was not measured is NaN."""
    keys, values = ["study", "variant"], list(values)
    results = results.reindex(columns=list(dict.fromkeys([*results.columns, *values])))
    groups = results.groupby(keys, sort=False)
    first = groups.head(1).set_index(keys)
    first[values] = groups[values].mean()
    first[[f"{value}_sd" for value in values]] = groups[values].std(ddof=1)
    first["n"] = groups.size()
    return first.reset_index()


def related(results: pd.DataFrame, to: str, column: str) -> pd.Series:
    """For every row, `column` of the node named in its column `to` ("parent", "root", "dense")."""
    return results[to].map(results.set_index("node")[column])


def setup_line(study: dict, results: pd.DataFrame | None = None) -> str:
    """What every table and figure says of itself: data, resolution, net, epochs, initial weights and seeds.

    study: its checked config; results: its rows, once there are any (initial weights are then those really used).
    """
    data, net, epochs = study["dataset"], study["model"], study["train"]["epochs"]
    retrained = (study.get("finetune") or {}).get("epochs", epochs)
    tunes = any("finetune" in step for chain in study["chains"] for step in chain)
    weights = (
        net.get("weights", "random") if results is None else " and ".join(sorted(set(results["weights"].dropna())))
    )
    seeds = study["seeds"]
    images = pd.Series(dtype=float) if results is None else results.get("test_images", pd.Series(dtype=float)).dropna()
    tested = [f"{' and '.join(f'{n:g}' for n in sorted(set(images)))} test images"] if len(images) else []
    return "; ".join((
        f"{data['name']} at {data['size']}x{data['size']}x{data.get('channels', 3)}",
        f"{net['name']}" + ("" if net.get("width", 1) == 1 else f" at {net['width']:g} of its width"),
        f"{epochs} epoch{'' if epochs == 1 else 's'} of training" + (f", {retrained} of fine-tuning" if tunes else ""),
        "initial weights random, not pretrained" if weights == "random" else f"initial weights {weights}",
        *tested,
        f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))} (n={len(seeds)})",
    ))  # fmt: skip


def _related(results: pd.DataFrame) -> pd.DataFrame:
    """The results with the columns that `Tidy` names."""
    parents = dict(zip(results["node"], results["parent"], strict=True))

    def root(node: str) -> str:
        while pd.notna(parents.get(node)):
            node = parents[node]
        return node

    prefixes = results["study"] + "/seed" + results["seed"].astype(str) + "/"
    variant = [n.removeprefix(p) for n, p in zip(results["node"], prefixes, strict=True)]
    results = results.assign(variant=variant, root=results["node"].map(root))
    plain = results[(results["step"] == "train") & results["penalty"].isna()]
    plain = {_kind(row): row["node"] for _, row in plain[::-1].iterrows()}  # the first of several
    roots = [row for _, row in results.set_index("node", drop=False).loc[results["root"]].iterrows()]
    dense = [row["node"] if pd.isna(row["penalty"]) else plain.get(_kind(row), row["node"]) for row in roots]
    results = results.assign(dense=dense)
    return results.assign(control=_controls(results))


def _controls(results: pd.DataFrame) -> list:
    """For each row the node that `Tidy.control` is."""
    tunings = [
        tuple(part for part in variant.split("/") if part.partition("~")[0] == "finetune")
        for variant in results["variant"]
    ]
    by_name, by_length = {}, {}
    rows = list(zip(results.to_dict("records"), tunings, strict=True))
    for row, tuning in rows:
        if row["step"] == "finetune" and pd.isna(row["prune_type"]) and pd.isna(row["penalty"]):
            by_name.setdefault((row["dense"], tuning), row["node"])
            by_length.setdefault((row["dense"], len(tuning), row["epochs"]), row["node"])
    return [
        by_name.get((row["dense"], tuning), by_length.get((row["dense"], len(tuning), row["epochs"]), float("nan")))
        if tuning and pd.notna(row["prune_type"])
        else float("nan")
        for row, tuning in rows
    ]


def _kind(row) -> tuple:
    """What a training has in common with the dense training that it is compared with."""
    return row["study"], row["seed"], "" if pd.isna(row["init"]) else row["init"]


def _read(path: str | Path) -> dict:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _write(path: Path, columns: tuple[str, ...], rows: list[dict]) -> None:
    """Write rows under `columns` and whatever more they have: what was measured, then timing, then software, each in
    the order in which it first appears."""
    more = dict.fromkeys(key for row in rows for key in row if key not in columns)
    columns = [*columns, *sorted(more, key=lambda key: key.startswith("timing_") + 2 * key.startswith("software_"))]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)


def _cell(value) -> str:
    if value is None:
        return ""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else str(value)
