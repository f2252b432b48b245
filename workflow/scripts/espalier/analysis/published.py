"""The published numbers, and the results of a run next to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import pandas as pd

from espalier.analysis.nets import over_seeds
from espalier.analysis.references import related
from espalier.published import FOLDER, STUDIES
from espalier.published.entry import Published, Rows, Setup, Value

COLUMNS = (
    "run", "penalty", "penalty_type", "prune_type", "method", "ratio", "blocks", "schedule", "scheme", "top1", "top5",
)  # fmt: skip
PROPERTIES = tuple(name for name in Setup.__dataclass_fields__ if name != "unstated")


def get(published_id: str) -> Published:
    """The published study of that id; raises LookupError with what there is."""
    if published_id not in STUDIES:
        raise LookupError(f"there are no published numbers {published_id!r}. Allowed: {', '.join(sorted(STUDIES))}.")
    return STUDIES[published_id]


def files(published_id: str | None) -> list[Path]:
    """The CSV files of a published study: inputs of every job that shows them. None: no files."""
    return list(dict.fromkeys(FOLDER / rows.file for rows in get(published_id).rows)) if published_id else []


def frame(published_id: str) -> pd.DataFrame:
    """All published rows of a study, `kind` as in its entry; each of COLUMNS is there, NaN where not published."""
    parts = [_read(rows).assign(kind=rows.kind) for rows in get(published_id).rows]
    table = pd.concat(parts, ignore_index=True)
    return table.reindex(columns=list(dict.fromkeys([*table.columns, *COLUMNS])))


def by_layer(published_id: str | None) -> pd.DataFrame:
    """The published counts of zeros, one row per run and layer: run, layer ("conv1_1.weight", "all"), sparse, total.
    No rows, if the study has none."""
    file = get(published_id).layers if published_id else ""
    return pd.read_csv(FOLDER / file) if file else pd.DataFrame(columns=["run", "layer", "sparse", "total"])


def values(published_id: str, before: bool = False, kind: str | None = None) -> list[Value]:
    """The columns that `compare` compares, each once. kind: only those of rows of this kind (`Rows.kind`), of which one
    column can be another result: a file's size is that of an .h5 file or of a TFLite file."""
    those = [rows for rows in get(published_id).rows if kind in (None, rows.kind)]
    fullest_first = sorted(those, key=lambda rows: -len(rows.values))
    columns = [v for rows in fullest_first for v in (*rows.values, *(rows.before if before else ()))]
    return list({value.name: value for value in columns}.values())


def compare(published_id: str, results: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Published rows with the results of a run that match them: one row for each match, in published order.

    results: the study's rows of results.csv; config: its checked config. The published columns keep their names and
    units; next to a column v stand `v_reproduced` (mean over seeds), `v_sd`, `v_difference` (reproduced - published).
    `n` is the number of seeds, `init`, `variant` and `select` are the result's. `comparable` says whether accuracies
    may be compared: "yes"; "no", if a property of the set-ups is `different` ("data, epochs"); "not stated", if none is
    and the source does not say all of them (`not_stated`); or "not run" for a row that the run did not compute.
    """
    entry = get(published_id)
    compared = []
    for rows in entry.rows:
        measured = _measured(rows, results)
        for _, published in _read(rows).iterrows():
            matches = [result for _, result in measured.iterrows() if _same(published, result, rows.keys)]
            compared += [_row(entry, rows, published, match, config) for match in matches or [None]]
    return pd.DataFrame(compared)


def counted(rows: Iterable[Mapping[str, Any]], published_id: str, row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The counts of the published net that a row of `compare` is about, built at its published width; None if its shape
    is not known. rows: of the job that counts them."""

    def keys(of: Mapping[str, Any]) -> list[str]:
        return [_key(of.get(key)) for key in ("prune_type", "method", "ratio", "blocks")]

    found = (counts for counts in rows if counts["published"] == published_id and keys(counts) == keys(row))
    return next(found, None)


class Sameness(StrEnum):
    """Whether a property of a published set-up and of a run's is the same."""

    SAME = "same"
    DIFFERENT = "different"
    NOT_STATED = "not stated"


def properties(published: Setup, run: Setup) -> dict[str, Sameness]:
    """Each property of two set-ups that the run has: whether it is the same. What the run does not have (a coefficient
    without a penalty) is left out, and so is the choice of the epoch where the source does not speak of one."""
    found = {}
    for name in PROPERTIES:
        theirs, ours = getattr(published, name), getattr(run, name)
        if ours is not None and (theirs is not None or name != "selection"):
            found[name] = Sameness.NOT_STATED if theirs is None else _sameness(theirs == ours)
    return found | dict.fromkeys(published.unstated, Sameness.NOT_STATED)


def _sameness(equal: bool) -> Sameness:
    return Sameness.SAME if equal else Sameness.DIFFERENT


def _read(rows: Rows) -> pd.DataFrame:
    text = dict.fromkeys(("ratio", "coefficient", "sparsity", "final_sparsity", "run"), str)
    return rows.read(pd.read_csv(FOLDER / rows.file, dtype=text, float_precision="round_trip"))


def _measured(rows: Rows, results: pd.DataFrame) -> pd.DataFrame:
    """The results that `rows` can be about, over seeds, with the values in published units."""
    dense = {f"dense_{value.result}": value.result for value in rows.before}
    results = results.reindex(columns=list(dict.fromkeys([*results.columns, *dense.values()])))
    results = results.assign(
        first_epochs=related(results, "root", "epochs"),
        **{name: related(results, "root", column) for name, column in dense.items()},
    )
    for column, value in rows.where.items():
        results = results[results[column] == value]
    columns = [(value, value.result) for value in rows.values]
    columns += [(value, f"dense_{value.result}") for value in rows.before]
    results = results.reindex(columns=list(dict.fromkeys([*results.columns, *(column for _, column in columns)])))
    scaled = {
        f"{value.name}_reproduced": pd.to_numeric(results[column]) / value.scale for value, column in columns
    }  # fmt: skip
    return over_seeds(results.assign(**scaled), scaled)


DETAILS = {"different": Sameness.DIFFERENT, "not_stated": Sameness.NOT_STATED}  # columns of `compare`


def _same(published: pd.Series, result: pd.Series, keys: tuple[str, ...]) -> bool:
    return all(_key(published[key]) == _key(result[key]) for key in keys)


def _key(value: Any) -> str:
    """A key as text, however it is written; NaN is "".

    >>> _key(0.2), _key("0.20"), _key("sum"), _key(None)
    ('0.2', '0.2', 'sum', '')
    """
    if pd.isna(value):
        return ""
    try:
        return format(Decimal(str(value)).normalize(), "f")
    except ArithmeticError:
        return str(value)


def _row(entry: Published, rows: Rows, published: pd.Series, result: pd.Series | None, config: dict) -> dict[str, Any]:
    """One row of `compare`. result: None, if the run has nothing that matches the published row."""
    row = {"kind": rows.kind, **published}
    for value in (*rows.values, *rows.before):
        reproduced = None if result is None else result[f"{value.name}_reproduced"]
        row[f"{value.name}_reproduced"] = reproduced
        row[f"{value.name}_sd"] = None if result is None else result[f"{value.name}_reproduced_sd"]
        row[f"{value.name}_difference"] = None if reproduced is None else reproduced - row[value.name]
    if result is None:
        return row | dict.fromkeys(("init", "variant", "select", *DETAILS)) | {"n": 0, "comparable": "not run"}
    row |= {key: result[key] for key in ("n", "init", "variant", "select")}
    found = properties(entry.setup, _setup(config, result, entry.setup.epochs))
    names = {name: [key for key in found if found[key] == value] for name, value in DETAILS.items()}
    comparable = "no" if names["different"] else "not stated" if names["not_stated"] else "yes"
    return row | {"comparable": comparable} | {name: ", ".join(keys) or None for name, keys in names.items()}


def _setup(config: dict, result: pd.Series, published_epochs: int | None) -> Setup:
    """The set-up of a result. Its epochs: of training and fine-tuning, those which are not as published."""
    epochs = [int(result[column]) for column in ("first_epochs", "epochs")]
    return Setup(
        data=config["dataset"]["name"],
        resolution=config["dataset"]["size"],
        epochs=next((number for number in epochs if number != published_epochs), published_epochs),
        weights=result["weights"],
        width=result["width"],
        coefficient=result["coefficient"] if pd.notna(result["penalty"]) else None,
        model=result["model"],
        selection=result["select"] if pd.notna(result["select"]) else None,
        images="original" if pd.isna(result.get("data_note")) else "lossy copies",
    )
