"""The nets of a study side by side: each against the dense net that it comes from, averaged over seeds."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd

from espalier.analysis import tidy
from espalier.backends import BACKENDS

KINDS = ("weight", "unit")  # the prune types that the MNIST study sets against each other
MASKED = ("weight",)  # prune types that set weights to zero and leave the shapes as they are
LAYERWISE = ("weight", "unit")  # prune types that usually have a threshold in each layer, not one for the whole net
EXPORT = "float32"  # the scheme that quantizes nothing: the same net, for another runtime
LIMITS = (0.5, 1.0, 2.0)  # budgets of accuracy: points of top-1 below the reference
NEAR = LIMITS[1]  # the one that is named first, and drawn

# What `of` averages over seeds: measured, and worked out from what was measured.
MEASURED = (
    "top1", "top5", "test_loss", "params", "nonzero_params", "sparsity", "macs", "actual_ratio", "size_bytes",
    "zipped_bytes", "int8_operators", "h5_bytes", "h5_zipped_bytes", "wrapped_bytes", "ms_per_image", "dense_ms",
    "timed_threads", "measured",
)  # fmt: skip
DERIVED = (
    "trained", "reference_trained", "epochs_total", "before", "after", "dense_top1", "control_top1", "reference_top1",
    "drop", "compression", "nonzero_compression", "speed_up", "smaller", "source_top1", "change", "smaller_raw",
)  # fmt: skip
ENDING = ("variant", "select", "retraining", "trained", "epochs_total")  # of the last net of the chain, too
# What a net is compared by with its reference.
REFERENCE = ("top1", "trained", "params", "nonzero_params", "macs", "zipped_bytes", "size_bytes")


def of(results: pd.DataFrame) -> pd.DataFrame:
    """One row for each variant of a study: every net, a pruned one together with its fine-tuned self. One that was
    fine-tuned in several ways has a row for each of them; `node` is the pruned net, `variant` and `end` the last one.
    A quantized net is a variant of its own. All are held against one dense net, their `reference` (see tidy.Tidy).

    A net trained from scratch is a variant of its own too: nothing of the pruned one but its shape is in it.
    Over seeds (mean, `_sd`, `n`; see tidy.over_seeds), with MEASURED as they are at the end, and

    kind                  "dense", "pruned", "quantized" or "pruned + quantized"; an export is what it was made from
    before, after         top-1 right after pruning, and after fine-tuning (NaN where there was none); of a net that was
                          pruned while it was trained there is no "before"
    dense_top1            top-1 of the dense net as it was first trained
    control_top1          top-1 of the dense net trained as long as pruned ones (NaN where there is none)
    reference_top1, drop  top-1 of the reference, and how many points the variant is below it
    trained, epochs_total, reference_trained
                          for how many epochs its weights were trained, all steps that led to it, and the reference
    compression           parameters, reference / variant; `nonzero_compression`: those that are not zero
    speed_up              the theoretical one: MACs, reference / variant
    smaller, smaller_raw  saved file, zipped and as it is, reference / variant
    source_top1, change   of a quantized net: top-1 of the net it was made from, and how far it is above that
    """
    nodes = results.set_index("node", drop=False)
    nodes = nodes.reindex(columns=list(dict.fromkeys([*nodes.columns, *MEASURED])))
    parents = nodes["parent"].map(nodes["step"])
    tunes = nodes[(nodes["step"] == "finetune") & (parents == "prune")]
    ends = pd.DataFrame({"node": tunes["parent"].to_numpy(), "end": tunes["node"].to_numpy()}, dtype=object)
    rows = nodes.drop(index=tunes.index).reset_index(drop=True).merge(ends, on="node", how="left")
    quantized = rows["step"] == "quantize"
    gradual = (rows["step"] == "prune") & (rows["schedule"] == "gradual")
    pruned, tuned = (rows["step"] == "prune") & ~gradual, rows["end"].notna() | gradual
    rows["end"] = rows["end"].fillna(rows["node"])
    ending = [*(column for column in MEASURED if column != "actual_ratio"), *ENDING]
    last = nodes[ending].loc[rows["end"]].set_axis(rows.index)
    reference = nodes[list(REFERENCE)].loc[rows["reference"]].set_axis(rows.index)
    source = rows["parent"].map(nodes["top1"]).where(quantized)
    rows = rows.assign(
        **last,
        reference_trained=reference["trained"],
        kind=[kind(row) for row in rows[["prune_type", "scheme"]].to_dict("records")],
        before=rows["top1"].where(pruned),
        after=last["top1"].where(tuned),
        dense_top1=rows["dense"].map(nodes["top1"]),
        control_top1=reference["top1"].where(rows["reference"] != rows["dense"]),
        reference_top1=reference["top1"],
        drop=reference["top1"] - last["top1"],
        compression=reference["params"] / last["params"],
        nonzero_compression=reference["nonzero_params"] / last["nonzero_params"],
        speed_up=reference["macs"] / last["macs"],
        smaller=reference["zipped_bytes"] / last["zipped_bytes"],
        smaller_raw=reference["size_bytes"] / last["size_bytes"],
        source_top1=source,
        change=last["top1"] - source,
    )
    return tidy.over_seeds(rows, [*MEASURED, *DERIVED])


def pruned(nets: pd.DataFrame) -> pd.DataFrame:
    """Those of `of` that end with pruning, or with pruning and fine-tuning."""
    return nets[nets["step"] == "prune"].reset_index(drop=True)


def compressed(nets: pd.DataFrame) -> pd.DataFrame:
    """Those of `of` that something was done to: pruned (by more than nothing), quantized, or both."""
    unchanged = (nets["kind"] == "dense") | ((nets["kind"] == "pruned") & (nets["actual_ratio"] == 0))
    return nets[~unchanged].reset_index(drop=True)


def smallest(nets: pd.DataFrame, limit: float = NEAR) -> dict[str, pd.Series]:
    """By kind, the net with the smallest zipped file of those at most `limit` points below the reference. nets: as
    `compressed` gives them; an export is no smaller net, whatever its file weighs."""
    nets = nets[(nets["drop"] <= limit) & (nets["scheme"] != EXPORT) & nets["smaller"].notna()]
    return {kind: rows.loc[rows["smaller"].idxmax()] for kind, rows in nets.groupby("kind", sort=False)}


def kind(row) -> str:
    """What was done to a row's net: "dense" (nothing), "pruned", "quantized", "pruned + quantized"."""
    done = [
        word
        for word, on in (
            ("pruned", pd.notna(row["prune_type"])),
            ("quantized", pd.notna(row["scheme"]) and row["scheme"] != EXPORT),
        )
        if on
    ]
    return " + ".join(done) or "dense"


def baseline(row) -> str:
    """Which baseline of pruning a row's net is: "random", "global magnitude" (the smallest weights of the whole net),
    or "" if it is none of them."""
    if row["method"] == "random":
        return "random"
    magnitude = row["prune_type"] in MASKED and row["method"] == "magnitude" and pd.notna(row["ratio"])
    return "global magnitude" if magnitude and row["scope"] == "global" else ""


def runtime(row) -> str:
    """What a row's net is run by: the framework that trained it, or what a quantized or exported net is for."""
    backend = BACKENDS[row["backend"]]
    return (backend.quantized if pd.notna(row["scheme"]) else backend.net).runtime


def margin(one, other) -> float:
    """How many points of top-1 two nets may be apart by chance: twice the standard error of the difference of the two
    (about what 95 of 100 differences by chance stay within)."""
    return 2 * (_variance(one) + _variance(other)) ** 0.5


def _variance(row) -> float:
    """The squared standard error of a top-1: of the mean over seeds; of one seed the binomial one, of the test images;
    0 where neither is known."""
    if pd.notna(row.get("top1_sd")):
        return row["top1_sd"] ** 2 / row["n"]
    images = row.get("test_images")
    return 0.0 if pd.isna(images) else row["top1"] * (100 - row["top1"]) / images


def remark(row) -> str | None:
    """What a reader must know of a row's accuracy: that the epoch was chosen by the very images it is measured on."""
    return "best epoch on test" if row["select"] == "best_test" else None


def training_label(row) -> str:
    """How a row's net was trained, in words: "dense", "l2_groups filter_wise", "dense, init glorot"."""
    penalty = f"{row['penalty']} {row['penalty_type']}" if pd.notna(row["penalty"]) else "dense"
    return penalty + _init(row)


def pruning_label(row) -> str:
    """How a row's net was pruned, in words: "filter_wise mean_abs 0.40", "depth_wise mean_abs 2 blocks", "weight
    magnitude 2:4", "weight magnitude below 0.001", "weight magnitude 0.50 global", "weight magnitude 0.50 gradual"; ""
    if it was not. The scope is named where it is not the usual one."""
    if pd.isna(row["prune_type"]):
        return ""
    if pd.notna(row["blocks"]):
        amount = f"{row['blocks']:g} block{'s' if row['blocks'] != 1 else ''}"
    elif pd.notna(row["pattern"]):
        amount = row["pattern"]
    elif pd.notna(row["threshold"]):
        amount = f"below {row['threshold']:g}"
    else:
        amount = f"{float(row['ratio']):.2f}"
    words = [row["prune_type"], row["method"], amount, scope(row), row["schedule"]]
    return " ".join(word for word in words if pd.notna(word) and word)


def scope(row) -> str:
    """The scope of a row's pruning where it has one (a threshold or a pattern has none) that is not the usual one of
    its prune type, else ""."""
    if pd.notna(row["threshold"]) or pd.notna(row["pattern"]):
        return ""
    usual = "layer" if row["prune_type"] in LAYERWISE else "global"
    return "" if pd.isna(row["scope"]) or row["scope"] == usual else row["scope"]


def retraining(row) -> str:
    """How a row's net was trained after its pruning, in words, where that is not plain fine-tuning: "rewound", "from
    scratch", "from scratch for equal FLOPs", "from scratch, fine-tuned"."""
    later, words = row["chain"].rpartition("prune")[2], []
    if "scratch" in later:
        words.append("from scratch" + (" for equal FLOPs" if row["budget"] == "flops" else ""))
    if row["retraining"] == "rewind" or (words and "finetune" in later):
        words.append("rewound" if row["retraining"] == "rewind" else "fine-tuned")
    return ", ".join(words)


def label(row) -> str:
    """A variant in words: "filter_wise mean_abs 0.40, l2_groups training", "weight magnitude 0.50, init glorot",
    "filter_wise mean_abs 0.40, from scratch", "dense, static_int8", "dense, fine-tuned, static_int8"."""
    parts = [pruning_label(row)]
    if not parts[0]:
        parts = [training_label(row), "fine-tuned" if "finetune" in row["chain"] and not retraining(row) else ""]
    elif pd.isna(row["penalty"]):
        parts[0] += _init(row)
    else:
        groups = "" if row["penalty_type"] == row["prune_type"] else f" {row['penalty_type']}"
        parts.append(f"{row['penalty']}{groups} training{_init(row)}")
    parts.append(retraining(row))
    if pd.notna(row["scheme"]):
        parts.append(f"{EXPORT} export" if row["scheme"] == EXPORT else row["scheme"])
    return ", ".join(part for part in parts if part)


AMOUNT = re.compile(r"((ratio|blocks|threshold|pattern)=)?[\d.:]+(e-?\d+)?")


def way(row, amounts: bool = True) -> str:
    """How a net came about, whatever its prune type: its folders with "*" for that, of the training the options only.
    amounts: whether nets that were pruned by different amounts came about in different ways."""
    first, *rest = row["variant"].split("/")
    words = [["*" if word == row["prune_type"] else word for word in folder.split("~")] for folder in rest]
    if not amounts:
        words = [[word for word in folder if not AMOUNT.fullmatch(word)] for folder in words]
    return "/".join(map("~".join, [["train", *(word for word in first.split("~") if "=" in word)], *words]))


def labels(rows: pd.DataFrame, of: Callable = label) -> list[str]:
    """What `of` says of each row; where it says the same of several variants, what tells their folders apart is added:
    "filter_wise sum 0.50, prune 0.20" (pruned before), "dense, train batch_size=64"."""
    said = [of(row) for _, row in rows.iterrows()]
    shared: dict[str, dict[str, list]] = {}
    for name, variant in zip(said, rows["variant"], strict=True):
        shared.setdefault(name, {})[variant] = [part.split("~") for part in variant.split("/")]
    told = {name: told_apart(name, found) for name, found in shared.items()}
    return [told[name][variant] for name, variant in zip(said, rows["variant"], strict=True)]


def told_apart(name: str, found: dict[str, list[list[str]]]) -> dict[str, str]:
    """A name for each of the variants that share `name`. found: a variant -> the words of each of its folders."""
    folders = set.intersection(*({tuple(folder) for folder in parts} for parts in found.values()))
    words = set.intersection(*({word for _, *rest in parts for word in rest} for parts in found.values()))
    names = {
        variant: ", ".join([
            name,
            *(
                " ".join([step, *(word for word in rest if word not in words)])
                for step, *rest in parts
                if (step, *rest) not in folders
            ),
        ])
        for variant, parts in found.items()
    }  # fmt: skip
    return names if len(set(names.values())) == len(names) else {variant: f"{name} ({variant})" for variant in found}


def _init(row) -> str:
    return f", init {row['init']}" if pd.notna(row["init"]) else ""
