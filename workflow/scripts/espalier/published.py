"""The published figures, and what a run has to show beside them.

The CSV files are in report/published/ (its README says what their columns really mean). A published study is one entry
of STUDIES: the set-up it was run with, and for each of its CSV files how a row is found among a run's results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pandas as pd

from espalier import tidy

COLUMNS = ("penalty", "penalty_type", "prune_type", "method", "ratio", "blocks", "top1", "top5")
FOLDER = Path(__file__).resolve().parents[3] / "report" / "published"


@dataclass(frozen=True)
class Setup:
    """What must be the same for two accuracies to be comparable. None: the source does not say."""

    data: str
    resolution: int
    epochs: int | None
    weights: str | None
    width: float
    coefficient: float | None = None  # of the penalty, where there is one
    model: str | None = None


@dataclass(frozen=True)
class Value:
    """A published column: `scale` times it is the column `result` of a run's results."""

    name: str
    result: str
    title: str
    digits: int
    scale: float = 1.0
    fine: int | None = None  # decimals of what a run has beside it, where nets may be much smaller


@dataclass(frozen=True)
class Rows:
    """The published rows of one CSV file, in the words of a run's results.

    read: the file as it is -> one row per published result, its keys named like the columns of results.csv.
    keys: the columns that a published row and a result must share, next to `where`, which holds for all rows.
    values: the columns to compare; `before` of them are those of the dense net that a row comes from.
    """

    file: str
    kind: str
    read: Callable[[pd.DataFrame], pd.DataFrame]
    where: dict[str, str]
    keys: tuple[str, ...]
    values: tuple[Value, ...]
    before: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Published:
    """A published study."""

    title: str
    setup: Setup
    rows: tuple[Rows, ...]
    note: str = ""  # what a reader of its figures must know
    test_images: int | None = None  # that its accuracies were measured on


def get(published_id: str) -> Published:
    """The published study of that id; raises LookupError with what there is."""
    if published_id not in STUDIES:
        raise LookupError(f"there are no published figures {published_id!r}. Allowed: {', '.join(sorted(STUDIES))}.")
    return STUDIES[published_id]


def files(published_id: str | None) -> list[Path]:
    """The CSV files of a published study: inputs of every job that shows them. None: no files."""
    return [FOLDER / rows.file for rows in get(published_id).rows] if published_id else []


def frame(published_id: str) -> pd.DataFrame:
    """All published rows of a study, `kind` as in its entry; each of COLUMNS is there, NaN where not published."""
    parts = [_read(rows).assign(kind=rows.kind) for rows in get(published_id).rows]
    table = pd.concat(parts, ignore_index=True)
    return table.reindex(columns=list(dict.fromkeys([*table.columns, *COLUMNS])))


def values(published_id: str, before: bool = False) -> list[Value]:
    """The columns that `compare` compares, each once."""
    fullest_first = sorted(get(published_id).rows, key=lambda rows: -len(rows.values))
    found = [v for rows in fullest_first for v in (*rows.values, *(rows.before if before else ()))]
    return list({value.name: value for value in found}.values())


def compare(published_id: str, results: pd.DataFrame, study: dict) -> pd.DataFrame:
    """Published rows with what the run has beside them: one row for each result that matches, in published order.

    results: the study's rows of results.csv; study: its checked config. The published columns keep their names and
    units; a column v has beside it `v_reproduced` (mean over seeds), `v_sd`, `v_difference` (reproduced - published).
    `n` is the number of seeds, `init` the initial weights, `variant` the result's; `comparable` says "yes", what
    differs ("no: data, epochs"), or "not run" for a row that the run did not compute.
    """
    entry = get(published_id)
    out = []
    for rows in entry.rows:
        found = _measured(rows, results)
        for _, row in _read(rows).iterrows():
            matches = [match for _, match in found.iterrows() if _same(row, match, rows.keys)]
            out += [_beside(entry, rows, row, match, study) for match in matches or [None]]
    return pd.DataFrame(out)


def differences(published: Setup, run: Setup) -> list[str]:
    """In which respects two set-ups differ; what either of them does not say is no difference."""
    pairs = {name: (getattr(published, name), getattr(run, name)) for name in Setup.__dataclass_fields__}
    return [name for name, (a, b) in pairs.items() if a is not None and b is not None and a != b]


def _read(rows: Rows) -> pd.DataFrame:
    text = dict.fromkeys(("ratio", "coefficient", "sparsity"), str)
    return rows.read(pd.read_csv(FOLDER / rows.file, dtype=text, float_precision="round_trip"))


def _measured(rows: Rows, results: pd.DataFrame) -> pd.DataFrame:
    """The results that `rows` can be about, over seeds, with the values in published units."""
    dense = {f"dense_{v.result}": v.result for v in rows.before}
    results = results.reindex(columns=list(dict.fromkeys([*results.columns, *dense.values()])))
    results = results.assign(
        first_epochs=tidy.related(results, "root", "epochs"),
        **{name: tidy.related(results, "root", column) for name, column in dense.items()},
    )
    for column, value in rows.where.items():
        results = results[results[column] == value]
    pairs = [(v.name, v.result, v.scale) for v in rows.values] + [
        (v.name, f"dense_{v.result}", v.scale) for v in rows.before
    ]
    results = results.reindex(columns=list(dict.fromkeys([*results.columns, *(column for _, column, _ in pairs)])))
    scaled = {f"{name}_reproduced": pd.to_numeric(results[column]) / scale for name, column, scale in pairs}
    return tidy.over_seeds(results.assign(**scaled), scaled)


def _same(published, result, keys: tuple[str, ...]) -> bool:
    return all(_key(published[key]) == _key(result[key]) for key in keys)


def _key(value) -> str:
    """A key as text, however it is written: 0.2, "0.20" and "0.2" are one; NaN is ""."""
    if pd.isna(value):
        return ""
    try:
        return format(Decimal(str(value)).normalize(), "f")
    except ArithmeticError:
        return str(value)


def _beside(entry: Published, rows: Rows, published, result, study: dict) -> dict:
    """One row of `compare`."""
    row = {"kind": rows.kind, **published}
    for value in (*rows.values, *rows.before):
        reproduced = None if result is None else result[f"{value.name}_reproduced"]
        row[f"{value.name}_reproduced"] = reproduced
        row[f"{value.name}_sd"] = None if result is None else result[f"{value.name}_reproduced_sd"]
        row[f"{value.name}_difference"] = None if result is None else reproduced - row[value.name]
    if result is None:
        return row | {"n": 0, "init": None, "variant": None, "comparable": "not run"}
    row |= {"n": result["n"], "init": result["init"], "variant": result["variant"]}
    differs = differences(entry.setup, _setup(study, result, entry.setup.epochs))
    return row | {"comparable": f"no: {', '.join(differs)}" if differs else "yes"}


def _setup(study: dict, result, published_epochs: int | None) -> Setup:
    """The set-up of a result. Its epochs: of training and fine-tuning, those which are not as published."""
    epochs = [int(result[e]) for e in ("first_epochs", "epochs")]
    epochs = next((e for e in epochs if e != published_epochs), published_epochs)
    coefficient = result["coefficient"] if pd.notna(result["penalty"]) else None
    data = study["dataset"]
    return Setup(data["name"], data["size"], epochs, result["weights"], result["width"], coefficient, result["model"])


# ------------------------------------------------------------------------------------------------------------------
# The studies. "FLOPs" of the CIFAR-100 tables are multiply-accumulates by an old count, "model size/MB" are millions of
# parameters (report/published/README.md).

_FLOPS = Value("flops_g", "published_macs", "FLOPs, as published (G)", 2, 1e9, 4)
_PARAMS = Value("params_m", "params", "Parameters (M)", 2, 1e6, 3)
_FLOPS_BEFORE = Value("flops_g_before", "published_macs", "FLOPs before (G)", 2, 1e9, 4)
_PARAMS_BEFORE = Value("params_m_before", "params", "Parameters before (M)", 2, 1e6, 3)
_TOP1 = Value("top1", "top1", "Top-1 (%)", 2)
_TOP5 = Value("top5", "top5", "Top-5 (%)", 2)
_ACTUAL_RATIO = Value("actual_ratio", "actual_ratio", "Ratio done", 4)


def _trainings(arch: str) -> Rows:
    def read(table: pd.DataFrame) -> pd.DataFrame:
        table = table[table["arch"] == arch]
        plain = table["regularization"] == "none"
        penalty = pd.Series("l2_groups", table.index).mask(plain)
        return table.assign(penalty=penalty, penalty_type=table["regularization"].mask(plain))

    keys = ("penalty", "penalty_type")
    return Rows("cifar100_training.csv", "training", read, {"step": "train"}, keys, (_FLOPS, _PARAMS, _TOP1, _TOP5))


def _pruned(arch: str, amount: str) -> Rows:
    def read(table: pd.DataFrame) -> pd.DataFrame:
        table = table[table["arch"] == arch].rename(columns={"ratio": amount})
        # What plots are drawn against: the share of groups removed. For blocks it is not published: N of 16.
        share = table["actual_ratio"] if amount == "ratio" else table[amount].astype(float) / 16
        return table.assign(penalty="l2_groups", penalty_type=table["prune_type"], share=share)

    return Rows(
        "cifar100_pruning.csv",
        "pruning",
        read,
        {"chain": "train > prune > finetune"},
        ("penalty", "penalty_type", "prune_type", "method", amount),
        (_ACTUAL_RATIO, _FLOPS, _PARAMS, _TOP1, _TOP5),
        (_FLOPS_BEFORE, _PARAMS_BEFORE),
    )


def _mnist_curves(table: pd.DataFrame) -> pd.DataFrame:
    """The two curves of the document, one row per point."""
    curves = [
        pd.DataFrame({"prune_type": kind, "ratio": table["sparsity"], "top1": table[f"{kind}_accuracy"]})
        for kind in ("weight", "unit")
    ]
    curves = pd.concat(curves, ignore_index=True)
    return curves.assign(share=curves["ratio"].astype(float))


_CIFAR100_NOTE = (
    "Published FLOPs are multiply-accumulates at 224x224 as an old version of thop counted them; published model sizes "
    "are millions of parameters. The same count is used for both columns here. One run of one seed was published, its "
    "best epoch chosen on the test set."
)
_VGG = Setup("cifar100", 224, 100, "imagenet", 1.0, 1e-5, "vgg16_bn")
_RESNET = replace(_VGG, model="resnet50")

STUDIES = {
    "cifar100_vgg16_bn": Published(
        "VGG16-BN on CIFAR-100: filters, channels, or both, pruned by importance scores",
        _VGG,
        (_trainings("vgg16_bn"), _pruned("vgg16_bn", "ratio")),
        _CIFAR100_NOTE
        + " filter_wise and channel_wise training were published with identical accuracies: their penalty is "
        "the same sum of squares. The published 40 % row of filter_wise with 58.71 % done is the 60 % row.",
        10_000,
    ),
    "cifar100_resnet50": Published(
        "ResNet50 on CIFAR-100: whole residual blocks removed",
        _RESNET,
        (_trainings("resnet50"), _pruned("resnet50", "blocks")),
        _CIFAR100_NOTE + " The published depth_wise penalty never reached the gradient: its row equals the dense one. "
        "The share of blocks done was not published.",
        10_000,
    ),
    "mnist_mlp": Published(
        "An MLP on MNIST: single weights against whole units",
        Setup("mnist", 28, None, "random", 1.0, model="mlp"),
        (
            Rows(
                "mnist_weight_vs_unit.csv",
                "pruning",
                _mnist_curves,
                {"chain": "train > prune"},
                ("prune_type", "ratio"),
                (_TOP1,),
            ),
        ),
        "The document prints neither the sizes of its layers, nor its epochs, nor its initial weights: the net is the "
        "usual one of this exercise, and each published point stands beside every initialisation that was run.",
        10_000,
    ),
}
