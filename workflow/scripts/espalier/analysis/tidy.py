"""The tidy table: what every job of a run measured, in five CSV files, and its reading.

`results.csv` has one row per node, `history.csv` one per node and epoch, `layers.csv` one per node and layer,
`latency.csv` one per node and batch size, `summary.csv` one per layer of each net that was wrapped to be pruned while
it was trained. Every table and figure is a function of these files, and beside them of the published figures.
Percentages are 0 to 100, sizes bytes, times seconds (latency: milliseconds).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from espalier import columns
from espalier.analysis.references import with_references

ID = columns.names(columns.NODE)
NUMBERS = columns.numbers(columns.NODE)
EPOCHS = ("trained", "epochs_total")
HISTORY = ("node", *columns.names(columns.HISTORY))
LAYERS = ("node", *columns.names(columns.LAYERS))
LATENCY = columns.names(columns.LATENCY)
SUMMARY = ("node", *columns.names(columns.SUMMARY))
FILES = ("results", "history", "layers", "latency", "summary")

PARTS = ("measured", "layers", "history", "summary", "timing", "software")  # of a record, beside its node's columns
MIB = 2**20
SOFTWARE = "software_"  # how the columns begin that say what made a result
MACHINE = ("device", "processor")  # those of them that are no package


@dataclass(frozen=True)
class Tidy:
    """The five tables, as DataFrames. Two columns of `results` are worked out from the records:

    trained       the epochs that the net's weights were trained for, since they were drawn
    epochs_total  the epochs of all steps of its chain, what it cost to come by: more than `trained` if the net was
                  trained from scratch, since it took another training to find its shape

    and four on loading:

    variant     what seeds are averaged over: the node without its study and seed
    root        the training that the node comes from
    dense       the training without penalty that `root` belongs to (itself, if it has none)
    reference   the one dense net that all nets of the same `dense` are compared with: `dense` trained on for as long as
                pruned and quantized nets were (fine-tuned, or pruned while they were trained), if there is such a net,
                else `dense`
    """

    results: pd.DataFrame
    history: pd.DataFrame
    layers: pd.DataFrame
    latency: pd.DataFrame
    summary: pd.DataFrame

    def of(self, study: str) -> Tidy:
        """One study's part."""
        results = self.results[self.results["study"] == study]
        others = (self.history, self.layers, self.latency, self.summary)
        return Tidy(results, *(table[table["node"].isin(results["node"])] for table in others))


def collect(records: Iterable[str | Path], latency: Iterable[str | Path], folder: str | Path) -> None:
    """Write the CSV files into `folder`, rows in the order given, numbers as the records have them (repr).

    The initial weights of a net are those that its training recorded: what it really started from, not what was asked
    for; so are the epochs. Records come parents first."""
    results, history, layers, summary, timed = [], [], [], [], []
    seen: dict[str, dict] = {}
    for record in map(_read, records):
        row = _node(record)
        seen[record["node"]] = known = _from_trainings(record, seen.get(record["parent"]))
        results.append(row | known | record["measured"] | _of_job(record))
        history += [{"node": record["node"], **row} for row in record.get("history") or ()]
        layers += [{"node": record["node"], **row} for row in record.get("layers") or ()]
        summary += [{"node": record["node"], **row} for row in record.get("summary") or ()]
    for file in map(_read, latency):
        timed += [row | _of_job(file) for row in file["rows"]]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "results.csv", (*ID, *EPOCHS), results)
    _write(folder / "history.csv", HISTORY, history)
    _write(folder / "layers.csv", LAYERS, layers)
    _write(folder / "latency.csv", LATENCY, timed)
    _write(folder / "summary.csv", SUMMARY, summary)


def _node(record: dict) -> dict:
    """The columns of a record's node. Raises ValueError for a record that lacks one, or has a key that is none."""
    missing = [key for key in ID if key not in record]
    unknown = [key for key in record if key not in (*ID, *PARTS)]
    if missing or unknown:
        wrong = [f"has no {key}" for key in missing] + [f"has {key}, which is no column" for key in unknown]
        raise ValueError(f"the record of {record.get('node')} {', '.join(wrong)}: another version of the code wrote it")
    return {key: record[key] for key in ID}


def _of_job(file: dict) -> dict:
    """What a job says of itself: its times and memory, versions of its software, and the machine."""
    times = {f"timing_{key}": value for key, value in file["timing"].items()}
    return times | {f"{SOFTWARE}{key}": value for key, value in file["software"].items()}


def _from_trainings(record: dict, parent: dict | None) -> dict:
    """What a node's trainings leave to know of it: `weights` it began with, `epochs` of the last one, and of all (see
    Tidy). parent: the same of its parent. An epoch is one that a history has a row of."""
    own, epochs = len(record.get("history") or ()), record["epochs"]
    if parent is None:
        return {"weights": record["weights"], "epochs": epochs, "trained": own, "epochs_total": own}
    new = record["step"] == "scratch"
    return {
        "weights": record["weights"] if new else parent["weights"],
        "epochs": parent["epochs"] if epochs is None else epochs,
        "trained": own if new else parent["trained"] + own,
        "epochs_total": parent["epochs_total"] + own,
    }


def load(folder: str | Path) -> Tidy:
    """Read the CSV files of `folder`. Text stays text (a ratio is "0.40"), what is empty is NaN. Columns of text are
    objects: `.fillna("")` comes before `.str`."""
    text = dict.fromkeys(set(ID) - NUMBERS, str)
    tables = []
    for name in FILES:
        dtype = text if name == "results" else dict.fromkeys(("node", "baseline", "layer", "kind", "filter_zeros"), str)
        table = pd.read_csv(
            Path(folder) / f"{name}.csv",
            dtype=dtype,
            keep_default_na=False,
            na_values=[""],
            float_precision="round_trip",
        )
        # As objects all columns of text can be one array, which copy() makes of them: rows are taken out of that many
        # times as fast as out of each column by itself.
        tables.append(table.astype(dict.fromkeys(table.select_dtypes("str"), object)).copy())
    return Tidy(with_references(_with_ratios(tables[0])), *tables[1:])


def _with_ratios(results: pd.DataFrame) -> pd.DataFrame:
    """A net that is trained after pruning lacks what its parent lacked: it takes over that `actual_ratio`. Parents come
    before their children, as they were collected."""
    if "actual_ratio" not in results:
        return results
    ratios: dict[str, float] = {}
    for node, parent, ratio in zip(results["node"], results["parent"], results["actual_ratio"], strict=True):
        ratios[node] = ratios.get(parent, ratio) if pd.isna(ratio) else ratio
    return results.assign(actual_ratio=results["node"].map(ratios))


def software(results: pd.DataFrame) -> dict[str, list[str]]:
    """Package -> the versions that the jobs of these results reported; what they ran on (MACHINE) last."""
    names = [column.removeprefix(SOFTWARE) for column in results if column.startswith(SOFTWARE)]
    names.sort(key=lambda name: MACHINE.index(name) + 1 if name in MACHINE else 0)
    found = {name: sorted(set(results[SOFTWARE + name].dropna())) for name in names}
    return {name: versions for name, versions in found.items() if versions}


def _read(path: str | Path) -> dict:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _write(path: Path, columns: tuple[str, ...], rows: list[dict]) -> None:
    """Write rows under `columns` and whatever more they have: what was measured, then timing, then software, each in
    the order in which it first appears."""
    more = dict.fromkeys(key for row in rows for key in row if key not in columns)
    columns = [*columns, *sorted(more, key=lambda key: key.startswith("timing_") + 2 * key.startswith(SOFTWARE))]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)


def _cell(value) -> str:
    if value is None:
        return ""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else str(value)
