"""A run made up for tests of the report: records are written and collected as the workflow does it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from espalier.analysis import tidy
from espalier.analysis.study import StudyView
from espalier.plan.steps import STEPS
from espalier.run import predictions, records
from espalier.run.integrity import sha256, write_sealed
from espalier.run.predictions import Predictions

MEASURED = {
    "top1": 90.0, "top5": 99.0, "test_loss": 0.5, "params": 1000, "macs": 4000, "flops": 8000, "published_macs": 5000,
    "nonzero_params": 1000, "sparsity": 0.0, "size_bytes": 2**20, "zipped_bytes": 2**19,
}  # fmt: skip
TIMING = {
    "seconds": 10.0,
    "import_seconds": 2.0,
    "work_seconds": 7.0,
    "evaluate_seconds": 1.0,
    "peak_memory_mib": 500.0,
}
EPOCH = {"learning_rate": 0.1, "train_loss": 1.0, "train_top1": 50.0, "seconds": 1.0}
LAYER = {"width": 10, "weights": 100, "zeros": 0}
FILES = {"model_sha256": 64 * "0", "data_sha256": 64 * "1"}
SOFTWARE = {"python": "3.11.7", "torch": "2.14.1"}
NAMES = {
    "train": ("penalty", "penalty_type", "init"),
    "prune": ("prune_type", "method", "scope", "ratio", "blocks", "threshold", "pattern", "schedule"),
    "quantize": ("scheme",),
}
PLAIN = {"penalty": None, "penalty_type": None, "coefficient": None}
DONE = {  # what a step does to the columns by itself
    "prune": {"retraining": None, "budget": None},
    "finetune": {"retraining": "finetune"},
    "distill": {"retraining": "distill"},
    "scratch": PLAIN | {"retraining": "scratch", "budget": "epochs", "weights": "random"},
}


class Run:
    """Records of a study, one `add` each; a step takes on the columns of its parent."""

    def __init__(self, folder: Path, study: str = "s", **columns):
        self.folder, self.study, self.records, self.latency = folder, study, [], []
        self.predictions: list[Path] = []
        self.columns = dict.fromkeys(tidy.ID) | {"study": study, "backend": "pytorch", "dataset": "digits_32x32x3"}
        self.columns |= {"model": "vgg16_bn", "width": 1.0, "weights": "random", "epochs": 6}
        self.columns |= {"select": "last"} | columns

    def add(
        self,
        step,
        parent=None,
        *,
        seed=0,
        name="",
        layers=(),
        history=None,
        summary=(),
        timing=None,
        columns=None,
        correct=None,
        **measured,
    ) -> dict:
        """Write the record of a step after `parent` (a record that `add` returned) and return it. name: of its folder,
        after what is said there anyway. A step that trains has a history of its epochs. What a row of layers or of the
        history lacks is that of LAYER or EPOCH. correct: by split whether each image was classified correctly, or
        its Predictions, for predictions.npz; top1 is that of "test". A record that jobs may not write is an error."""
        row = dict(parent or self.columns) | DONE.get(step, {}) | (columns or {})
        row = {column: row[column] for column in tidy.ID}
        seed = parent["seed"] if parent else seed
        if history is None:
            trains = STEPS[step].trains or (step, row["schedule"]) == ("prune", "gradual")
            history = [{"epoch": epoch} for epoch in range(1, row["epochs"] + 1)] if trains else []
        said = [str(row[key]) for key in NAMES.get(step, ()) if row[key] is not None] + [name] * bool(name)
        row["node"] = "/".join((parent["node"] if parent else f"{self.study}/seed{seed}", "~".join((step, *said))))
        row |= {"parent": parent["node"] if parent else None, "seed": seed, "step": step, "label": "a label"}
        row["chain"] = f"{parent['chain']} > {step}" if parent else step
        path, files = self.folder / row["node"] / "record.json", dict(FILES)
        if correct:
            test = correct["test"]
            measured["top1"] = 100 * float(np.mean(test.correct if isinstance(test, Predictions) else test))
            self.predictions.append(write_predictions(path.with_name("predictions.npz"), correct))
            files["predictions_sha256"] = sha256(self.predictions[-1])
        details = {"measured": {key: value for key, value in (MEASURED | measured).items() if value is not None}}
        details |= {"layers": [LAYER | layer for layer in layers], "history": [EPOCH | epoch for epoch in history]}
        details |= {"summary": list(summary)}
        records.write(path, row, details, TIMING | (timing or {}), SOFTWARE, files)
        self.records.append(path)
        return json.loads(path.read_text())

    def chain(self, train=None, prune=None, *, seed=0, top1=90.0, before=50.0, after=None, pruned=None) -> list[dict]:
        """A training, its pruning and its fine-tuning. train, prune: columns; pruned: what the last two measured."""
        rows = [self.add("train", seed=seed, columns=train, top1=top1)]
        if prune:
            rows.append(self.add("prune", rows[0], columns=prune, top1=before, **(pruned or {})))
        if after is not None:
            rows.append(self.add("finetune", rows[1], top1=after, **(pruned or {})))
        return rows

    def quantize(self, parent: dict, scheme: str, **measured) -> dict:
        """A net made of `parent`: counts as its parent's, unless `measured` says otherwise."""
        return self.add("quantize", parent, columns={"scheme": scheme}, **(parent["measured"] | measured))

    def time(self, rows: list[dict], seed: int = 0) -> None:
        """Write latency.json with these rows (node, baseline, batch_size, median_ms, p90_ms)."""
        place = {"study": self.study, "seed": seed, "threads": 1, "repeats": 100}
        path = self.folder / "records" / self.study / f"seed{seed}" / "latency.json"
        software = {"python": "3.11.7", "processor": "a processor"}
        write_sealed(path, {"rows": [place | r for r in rows], "timing": TIMING, "software": software})
        self.latency.append(path)

    def collect(self, *others: Run) -> Path:
        """The folder of the tidy table of this study (and others)."""
        runs = (self, *others)
        out = self.folder / "records"
        predicted = [path for run in runs for path in run.predictions]
        tidy.collect(
            [p for r in runs for p in r.records], [p for r in runs for p in r.latency], out, predictions=predicted
        )
        return out

    def load(self) -> tidy.Tidy:
        return tidy.load(self.collect()).of(self.study)

    def view(self, study: dict | None = None, **columns) -> StudyView:
        """What a figure, a table or a finding of this run gets. study: the checked config; columns: set in all
        results."""
        tables = self.load()
        return StudyView(study or config(), replace(tables, results=tables.results.assign(**columns)))


def write_predictions(path: Path, correct: dict[str, list[bool] | Predictions]) -> Path:
    """Write predictions; of images of which it is only said which are classified correctly, those of two classes, where
    all images are of class 0. correct: by split."""
    splits = {}
    for split, right in correct.items():
        if isinstance(right, Predictions):
            splits[split] = right
            continue
        sure = np.full(len(right), 0.9, dtype=np.float32)
        wrong = (~np.asarray(right, dtype=bool)).astype(np.uint8)
        splits[split] = Predictions(np.zeros(len(right), np.uint8), wrong, sure, sure)
    predictions.write(path, splits)
    return path


def config(name: str = "s", **keys) -> dict:
    """The checked config of a study."""
    study = {"name": name, "title": f"The study {name}", "published": None, "backend": "pytorch", "seeds": [0]}
    study |= {"dataset": {"name": "digits", "size": 32, "channels": 3}, "model": {"name": "vgg16_bn", "width": 1.0}}
    study |= {"train": {"epochs": 6}, "finetune": {"epochs": 3}, "chains": [["train", {"prune": {}}, "finetune"]]}
    return study | keys


def penalised(prune_type: str, penalty: str = "l2_groups", coefficient: float = 1e-5) -> dict:
    return {"penalty": penalty, "penalty_type": prune_type, "coefficient": coefficient}


def by_ratio(prune_type: str, method: str, ratio: str) -> dict:
    return {"prune_type": prune_type, "method": method, "ratio": ratio}


def below(threshold: float, prune_type: str = "weight", method: str = "magnitude") -> dict:
    return {"prune_type": prune_type, "method": method, "ratio": None, "threshold": threshold}


def gradual(ratio: str, **columns) -> dict:
    return by_ratio("weight", "magnitude", ratio) | {"schedule": "gradual"} | columns
