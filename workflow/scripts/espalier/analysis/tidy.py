"""The tidy tables: what all jobs of a run measured, in seven CSV files, and reading them.

results.csv   one row per node
history.csv   one row per node and epoch
layers.csv    one row per node and layer
latency.csv   one row per timed node and batch size
summary.csv   one row per layer of each net that was wrapped to be pruned while it was trained
outcomes.csv  one row per node and split: which images the net classified correctly
classes.csv   one row per node and class: how many of its test images

and, of a study that asks for it, sensitivity.csv, one row per dense net, layer and ratio.

Every table, figure and finding is a function of these files, and of the published numbers. Percentages are 0 to 100,
sizes bytes, times seconds (latency: milliseconds).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from espalier import columns
from espalier.analysis.predictions import agreement, calibration_error
from espalier.analysis.references import with_references
from espalier.run import predictions as predictions_of_nets
from espalier.run.integrity import Damaged, check, check_digests, read_sealed, write_digests
from espalier.run.predictions import Predictions
from espalier.run.records import read

ID = columns.names(columns.NODE)
EPOCHS = ("trained", "epochs_total")
TABLES: dict[str, tuple[columns.Column, ...]] = {  # file -> the columns that it has beside its node
    "results": columns.NODE,
    "history": columns.HISTORY,
    "layers": columns.LAYERS,
    "latency": columns.LATENCY,
    "summary": columns.SUMMARY,
    "outcomes": columns.OUTCOMES,
    "classes": columns.CLASSES,
}
SENSITIVITY = "sensitivity.csv"
REWOUND = ("finetune", "rewind_weights")  # step and retraining of a net whose weights went back to an earlier epoch
DIGESTS = "digests.json"  # beside the tables: the SHA-256 of each
# The parts of a record beside the columns of its node.
PARTS = ("measured", "layers", "history", "summary", "files", "timing", "software")
SOFTWARE = "software_"  # how the columns begin that say what made a result
MACHINE = ("device", "processor")  # those of them that are no package


@dataclass(frozen=True)
class Tidy:
    """The seven tables, as DataFrames. A column of `results` is the manifest's, two are worked out from the records:

    data_note     what the manifest of the data set says of the images ("copies of the images as files")

    trained       the epochs that the net's weights were trained for, since they were drawn
    epochs_total  the epochs of all steps of its chain, what it cost to come by: more than `trained` if the net was
                  trained from scratch, since it took another training to find its shape

    and four on loading:

    variant     what seeds are averaged over: the node without its study and seed
    root        the training that the node comes from
    dense       the training without penalty that `root` belongs to (itself, if it has none)
    reference   the net that this net is compared with: `dense`, or `dense` fine-tuned, that was trained for as many
                epochs in all as this net (`trained`); of a net that was trained with a penalty the one trained with the
                same penalty and not pruned, where there is one; NaN if there is none, or if that net does not beat
                chance
    """

    results: pd.DataFrame
    history: pd.DataFrame
    layers: pd.DataFrame
    latency: pd.DataFrame
    summary: pd.DataFrame
    outcomes: pd.DataFrame
    classes: pd.DataFrame
    sensitivity: pd.DataFrame = field(default_factory=pd.DataFrame)  # empty, of a study that does not ask for it

    def of(self, study: str) -> Tidy:
        """One study's part."""
        results = self.results[self.results["study"] == study]
        others = (self.history, self.layers, self.latency, self.summary, self.outcomes, self.classes)
        layers = self.sensitivity
        layers = layers[layers["node"].isin(results["node"])] if len(layers) else layers
        of_study = (table[table["node"].isin(results["node"])] for table in others)
        return Tidy(results, *of_study, sensitivity=layers)


def collect(
    records: Iterable[str | Path],
    latency: Iterable[str | Path],
    folder: str | Path,
    *,
    predictions: Iterable[str | Path] = (),
    manifests: Iterable[str | Path] = (),
) -> None:
    """Write the CSV files into `folder`, rows in the order given, numbers as the records have them (repr).

    records: the record.json of each node, parents first; latency: the files of measure_latency; predictions: the
    predictions.npz next to the records; manifests: of the data sets. The initial weights and the epochs of a net are
    those that its trainings recorded: what it really started from, not what was asked for. Raises Damaged for a file
    that is not what its job wrote, ValueError for a record that another version of the code wrote.
    """
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    trainings: dict[str, dict[str, Any]] = {}  # by node
    data = {Path(path).parent.name: read_sealed(path) for path in manifests}
    dense: dict[str, dict[str, Predictions]] = {}  # of each training that nets come from, by node
    predicted = {Path(path).parent: Path(path) for path in predictions}
    for path in map(Path, records):
        record = read(path)
        node = record["node"]
        first, manifest = "/".join(node.split("/")[:3]), data.get(record["dataset"], {})
        trainings[node] = _trainings(record, trainings.get(record["parent"]), trainings.get(first))
        noted = {"data_note": note} if (note := manifest.get("source", {}).get("note")) else {}
        rows["results"].append(_node(record) | trainings[node] | record["measured"] | noted | _of_job(record))
        if path.parent in predicted:
            splits = _predictions(predicted[path.parent], record["files"])
            if node == first:
                dense[node] = splits
            rows["outcomes"] += _outcomes(node, splits, dense.get(first, {}) if node != first else {})
            rows["classes"] += _classes(node, splits["test"], manifest.get("classes"))
        for name in ("history", "layers", "summary"):
            rows[name] += [{"node": node, **row} for row in record.get(name) or ()]
    for path in map(Path, latency):
        rows["latency"] += _timed(path)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, of_table in TABLES.items():
        first = {"results": (*ID, *EPOCHS), "latency": columns.names(of_table)}
        _write(folder / f"{name}.csv", first.get(name, ("node", *columns.names(of_table))), rows[name])
    write_digests(folder / DIGESTS, [folder / f"{name}.csv" for name in TABLES])


def collect_sensitivity(records: Iterable[str | Path], out: str | Path) -> None:
    """Write what was measured of the layers of dense nets as one table. Raises Damaged for a file that is not what its
    job wrote, or that lies in the folder of another node."""
    rows = [row for record in records for row in read(record)["rows"]]
    _write(Path(out), columns.names(columns.SENSITIVITY), rows)


def _predictions(path: Path, files: Mapping[str, str]) -> dict[str, Predictions]:
    """The predictions of a net by split. files: the digests of its record."""
    check(path, files["predictions_sha256"], "record.json")
    return predictions_of_nets.read(path)


def _outcomes(
    node: str, splits: Mapping[str, Predictions], dense: Mapping[str, Predictions]
) -> Iterator[dict[str, Any]]:
    """Which images of each split the net of a node classified correctly, how far its confidence is off, and how often
    it gives the class that the dense net gives. dense: predictions of that net; empty, if it is this one."""
    for split, images in splits.items():
        row = {
            "node": node,
            "split": split,
            "images": len(images.correct),
            "correct": np.packbits(images.correct).tobytes().hex(),
            "calibration_error": 100 * calibration_error(images.correct, images.confidence),
        }
        yield row | ({"agreement": 100 * agreement(images.predicted, dense[split].predicted)} if dense else {})


def _classes(node: str, images: Predictions, names: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    """How many images of each class that there are the net of a node classified correctly. names: of the classes; None
    for their numbers."""
    for number in np.unique(images.label).tolist():
        of_class = images.label == number
        correct = int(images.correct[of_class].sum())
        name = names[number] if names else str(number)
        yield {"node": node, "class": name, "images": int(of_class.sum()), "correct": correct}


def correct_images(outcome: Mapping[str, Any]) -> np.ndarray:
    """Of a row of outcomes.csv whether each image was classified correctly: (images,), bool.

    >>> correct_images({"images": 3, "correct": "a0"}).tolist()
    [True, False, True]
    """
    packed = np.frombuffer(bytes.fromhex(outcome["correct"]), dtype=np.uint8)
    return np.unpackbits(packed, count=int(outcome["images"])).astype(bool)


def _timed(path: Path) -> list[dict[str, Any]]:
    """The rows of a latency.json, with what its job says of itself; raises Damaged if it is another study's."""
    file = read_sealed(path)
    place = "/".join(path.absolute().parent.parts[-2:])
    for row in file["rows"]:
        if f"{row['study']}/seed{row['seed']}" != place:
            raise Damaged(path, f"it holds the times of {row['study']}, seed {row['seed']}")
    return [row | _of_job(file) for row in file["rows"]]


def _node(record: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a record's node. Raises ValueError for a record that lacks one, or has a key that is none."""
    missing = [column.name for column in columns.NODE if column.name not in record and not column.sparse]
    unknown = [key for key in record if key not in (*ID, *PARTS)]
    if missing or unknown:
        wrong = [f"has no {key}" for key in missing] + [f"has {key}, which is no column" for key in unknown]
        raise ValueError(f"the record of {record.get('node')} {', '.join(wrong)}: another version of the code wrote it")
    return {key: record.get(key) for key in ID}


def _of_job(file: Mapping[str, Any]) -> dict[str, Any]:
    """What a job says of itself: its times and memory, the versions of its software, and the machine."""
    times = {f"timing_{key}": value for key, value in file["timing"].items()}
    return times | {f"{SOFTWARE}{key}": value for key, value in file["software"].items()}


def _trainings(
    record: Mapping[str, Any], parent: Mapping[str, Any] | None, first: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What a node's trainings say of it: the `weights` it began with, the `epochs` of the last one, and of all (see
    Tidy). parent, first: the same of its parent and of the net that its chain begins with. An epoch counts if the
    history has a row of it. Weights that went back to an epoch of their training are then trained for its other
    epochs."""
    trained, epochs = len(record.get("history") or ()), record["epochs"]
    if parent is None:
        return {"weights": record["weights"], "epochs": epochs, "trained": trained, "epochs_total": trained}
    new = record["step"] == "scratch"
    before = 0 if new else parent["trained"]
    if first and (record["step"], record["retraining"]) == REWOUND:
        before = first["trained"] - trained
    return {
        "weights": record["weights"] if new else parent["weights"],
        "epochs": parent["epochs"] if epochs is None else epochs,
        "trained": before + trained,
        "epochs_total": parent["epochs_total"] + trained,
    }


def load(folder: str | Path) -> Tidy:
    """Read the CSV files of `folder`; raises Damaged if one is not as it was collected. Text stays text (a ratio is
    "0.40"), what is empty is NaN. Columns of text are objects: `.fillna("")` comes before `.str`."""
    check_digests(Path(folder) / DIGESTS)
    tables = {name: _load(Path(folder) / f"{name}.csv", of_table) for name, of_table in TABLES.items()}
    if (layers := Path(folder) / SENSITIVITY).exists():
        tables["sensitivity"] = _load(layers, columns.SENSITIVITY)
    return Tidy(**tables | {"results": with_references(_with_ratios(tables["results"]))})


def _load(path: Path, of_table: tuple[columns.Column, ...]) -> pd.DataFrame:
    text = ["node", *(column.name for column in of_table if column.type in (str, list))]
    table = pd.read_csv(
        path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""], float_precision="round_trip"
    )
    # As objects all columns of text can be one array, which copy() makes of them: rows are taken out of that many times
    # as fast as out of each column by itself.
    return table.astype(dict.fromkeys(table.select_dtypes("str"), object)).copy()


def _with_ratios(results: pd.DataFrame) -> pd.DataFrame:
    """A net that is trained after pruning lacks what its parent lacks: it gets the `actual_ratio` of its parent, which
    comes before it."""
    if "actual_ratio" not in results:
        return results
    ratios: dict[str, float] = {}
    for node, parent, ratio in zip(results["node"], results["parent"], results["actual_ratio"], strict=True):
        ratios[node] = ratios.get(str(parent), float(ratio)) if pd.isna(ratio) else float(ratio)
    return results.assign(actual_ratio=results["node"].map(ratios))


def software(results: pd.DataFrame) -> dict[str, list[str]]:
    """Package -> the versions that the jobs of these results reported; what they ran on (MACHINE) last."""
    names = [column.removeprefix(SOFTWARE) for column in results if column.startswith(SOFTWARE)]
    names.sort(key=lambda name: MACHINE.index(name) + 1 if name in MACHINE else 0)
    versions = {name: sorted(set(results[SOFTWARE + name].dropna())) for name in names}
    return {name: reported for name, reported in versions.items() if reported}


def _write(path: Path, first: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """Write rows under the columns `first`, and whatever more they have: what was measured, then timing, then software,
    each in the order in which it first appears."""
    more = dict.fromkeys(key for row in rows for key in row if key not in first)
    names = [*first, *sorted(more, key=lambda key: key.startswith("timing_") + 2 * key.startswith(SOFTWARE))]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_cell(row.get(name)) for name in names] for row in rows)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else str(value)
