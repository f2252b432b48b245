"""Selections: which rows of a study something is about.

A selection is one function that is asked twice. Before the run it gets the study's rows of the grid: the study gets a
figure, a table or a finding if the selection takes any of them (`when=gradual`). After the run it gets the rows of
results.csv: those that it takes are what the figure shows (`view.select(gradual)`, `view.nets_of(gradual)`). Being one
function, it cannot promise a figure of nets that the figure then does not find.

Each takes `rows`, one per node, with the columns of the grid, and `config`, the study's checked config; it returns some
of the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from espalier.analysis import labels, references, registered
from espalier.analysis.retraining import PLAIN, TUNING, tuned

Selection = Callable[[pd.DataFrame, dict], pd.DataFrame]

WEIGHT_AND_UNIT = ("weight", "unit")  # the prune types that the MNIST study compares with each other
FILTERS = "filter_wise"  # the prune type that the CIFAR-100 study compares with all others
POINTS = 3  # figures of fewer different amounts are tables
AMOUNTS = ["prune_type", "ratio", "blocks", "threshold", "pattern"]
SAME = ("penalty", "method", "ratio")  # what nets share whose prune types are compared, beside their steps


class SelectionError(ValueError):
    """A selection that fails, or gives something else than rows: which, and where it is defined."""


def fits(selection: Selection, rows: pd.DataFrame, config: dict) -> bool:
    """Whether a study gets what the selection is of: whether it takes any of the study's rows.

    Raises SelectionError for a selection, a plug-in's say, that cannot be asked.
    """
    code = getattr(selection, "__code__", None)
    where = f"{Path(code.co_filename).name}, line {code.co_firstlineno}" if code else repr(selection)
    try:
        taken = selection(rows, config)
    except Exception as error:
        raise SelectionError(f"{where}: `when` fails, {type(error).__name__}: {error}") from None
    if not isinstance(taken, pd.DataFrame):
        raise SelectionError(f"{where}: `when` gives a {type(taken).__name__}: give some of the rows, rows[...]")
    return not taken.empty


def always(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """All nets."""
    return rows


def has_published(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """All nets of a study that names published numbers to be compared with."""
    return rows if config.get("published") else rows[:0]


def pruned(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Pruned nets, and what was made of them."""
    return rows[rows["prune_type"].notna()]


def quantized(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Quantized nets: an export as float32 is none."""
    return rows[registered.quantized(rows)]


def exported(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Nets that were quantized, or at least exported for the runtime of the quantized ones."""
    return rows[rows["scheme"].notna()]


def compressed(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Nets that were pruned, quantized, or both."""
    return rows[rows["prune_type"].notna() | registered.quantized(rows)]


def pruned_and_quantized(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Compressed nets of a study that prunes as well as quantizes."""
    both = fits(pruned, rows, config) and fits(quantized, rows, config)
    return compressed(rows, config) if both else rows[:0]


def shrunk(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Nets that something was really taken out of: only then do MACs and parameters go down."""
    return rows[rows["prune_type"].notna() & ~registered.masked(rows)]


def weights_and_units(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Pruned nets of initial weights of which single weights were pruned as well as units."""
    rows = pruned(rows, config)
    inits = rows["init"].fillna("")
    kinds = {init: set(found) for init, found in rows.groupby(inits)["prune_type"]}
    return _where(rows, [set(WEIGHT_AND_UNIT) <= kinds[init] for init in inits])


def pruned_otherwise(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Pruned nets of a study that does not compare weights with units, if there are POINTS of them: of fewer the table
    says as much as a figure."""
    taken = rows[:0] if fits(weights_and_units, rows, config) else pruned(rows, config)
    return taken if _amounts(taken) >= POINTS else rows[:0]


def shrunk_otherwise(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Shrunk nets of a study that does not compare weights with units, which differ in little but sparsity; if there
    are POINTS of them with the dense net."""
    taken = rows[:0] if fits(weights_and_units, rows, config) else shrunk(rows, config)
    return taken if _amounts(taken) + 1 >= POINTS else rows[:0]


def filters_and_others(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Nets pruned filter_wise, and in other ways that take something out, with the same penalty, method, ratio and
    steps. Random choice is a baseline, and not among them."""
    rows = shrunk(rows, config)
    rows = rows[rows["ratio"].notna() & _pruned_last(rows) & ~registered.random(rows)]
    keys = list(zip(*(rows[column].fillna("") for column in SAME), ways(rows), strict=True))
    kinds: dict[tuple, set[str]] = {}
    for key, kind in zip(keys, rows["prune_type"], strict=True):
        kinds.setdefault(key, set()).add(kind)
    return _where(rows, [FILTERS in kinds[key] and len(kinds[key]) > 1 for key in keys])


def blocks_pruned(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Nets that whole blocks were removed from, not by a random choice."""
    return rows[rows["blocks"].notna() & _pruned_last(rows) & ~registered.random(rows)]


def finetuned(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Nets that were pruned at once, not by a random choice, and fine-tuned as the study says."""
    plain = rows["schedule"].isna() & (rows["retraining"] == PLAIN) & ~registered.random(rows)
    return rows[tuned(rows) & plain]


def from_scratch(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Pruned nets that were fine-tuned, and their shapes trained from scratch."""
    return _of_one_parent(rows, tuned(rows) & (rows["retraining"] == PLAIN), rows["step"] == "scratch")


def rewound(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Pruned nets that were fine-tuned as the study says, and by the learning rates of the training."""
    return _compared(rows, "rewind")


def distilled(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Pruned nets that were fine-tuned as the study says, and with the dense net as their teacher."""
    return _compared(rows, "distill")


def penalised(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """All trainings of a study that trains with a penalty."""
    return rows[rows["step"].isin(("train", "regularize"))] if rows["penalty"].notna().any() else rows[:0]


def gradual(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Nets that were pruned while they were trained, from a net that was not fine-tuned before."""
    slow = (rows["schedule"] == "gradual") & (rows["step"] == "prune")
    return rows[slow & ~rows["chain"].str.contains("|".join(TUNING))]


def gradual_ratios(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Nets that were pruned while they were trained, if there are several sparsities."""
    rows = gradual(rows, config)
    return rows if rows["ratio"].nunique() > 1 else rows[:0]


def thresholded(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Nets whose weights under a threshold were set to zero: how many these are, is counted by layer and by filter."""
    return rows[registered.masked(rows) & rows["threshold"].notna() & (rows["step"] == "prune")]


def thresholded_penalised(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """The same nets, if some were trained with a penalty, and some without."""
    rows = thresholded(rows, config)
    return rows if rows["penalty"].notna().any() and rows["penalty"].isna().any() else rows[:0]


def against_baselines(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Pruned nets of a study that has a baseline of pruning among them, and others."""
    rows = rows[rows["step"] == "prune"]
    return rows if len(set(baselines(rows))) > 1 else rows[:0]


def scanned(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """The dense nets of a study whose layers are pruned one at a time."""
    return rows[rows["step"].isin(("train", "given"))] if config.get("sensitivity") is not None else rows[:0]


def timed(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """All nets of a study whose prediction time is measured."""
    return rows if config.get("latency") is not None else rows[:0]


def timed_pruned(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Pruned nets of a study whose prediction time is measured."""
    return pruned(timed(rows, config), config)


def timed_compressed(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Pruned or quantized nets of a study whose prediction time is measured."""
    return compressed(timed(rows, config), config)


def timed_at_costs(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Pruned or quantized nets of a study whose prediction time is measured, if what is taken out of nets leaves POINTS
    different counts, with that of the dense net: of fewer the table says as much as a figure."""
    taken = timed_compressed(rows, config)
    return taken if _amounts(shrunk(rows, config)) + 1 >= POINTS else rows[:0]


def timed_int8(rows: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Nets that compute with 8-bit integers, of a study whose prediction time is measured."""
    rows = timed(rows, config)
    return rows[registered.int8(rows)]


def baselines(rows: pd.DataFrame) -> list[str]:
    """Which baseline of pruning each row's net is: "random", "global magnitude" (the smallest weights of the whole
    net), or "" if it is none of them."""
    magnitude = registered.masked(rows) & (rows["method"] == "magnitude") & (rows["scope"] == "global")
    names = pd.Series("", rows.index, dtype=object).mask(magnitude & rows["ratio"].notna(), "global magnitude")
    return names.mask(registered.random(rows), "random").tolist()


def ways(rows: pd.DataFrame) -> list[str]:
    """How each row's net came about, whatever its prune type (see labels.way_of)."""
    rows = rows.assign(variant=references.variants(rows))
    return [labels.way_of(row) for _, row in rows.iterrows()]


def _amounts(rows: pd.DataFrame) -> int:
    """How many different amounts nets were pruned by, of each prune type."""
    return len(rows[AMOUNTS].drop_duplicates())


def _where(rows: pd.DataFrame, answers: list[bool]) -> pd.DataFrame:
    return rows[pd.Series(answers, rows.index, dtype=bool)]


def _pruned_last(rows: pd.DataFrame) -> pd.Series:
    """Which nets end with pruning, or with pruning and fine-tuning."""
    return (rows["step"] == "prune") | tuned(rows)


def _compared(rows: pd.DataFrame, retraining: str) -> pd.DataFrame:
    """Pruned nets that were fine-tuned as the study says, and the same nets trained further in another way."""
    after = tuned(rows)
    return _of_one_parent(rows, after & (rows["retraining"] == PLAIN), after & (rows["retraining"] == retraining))


def _of_one_parent(rows: pd.DataFrame, ones: pd.Series, others: pd.Series) -> pd.DataFrame:
    """The ones and the others that were made of a net that one of each kind was made of."""
    both = set(rows[ones]["parent"]) & set(rows[others]["parent"])
    return rows[(ones | others) & rows["parent"].isin(both)]
