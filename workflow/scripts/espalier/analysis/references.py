"""Which nets a net is compared with: the training it comes from, and the dense net that is its reference."""

from __future__ import annotations

import pandas as pd

from espalier.analysis.chance import without_chance
from espalier.analysis.retraining import PLAIN, TUNING


def related(results: pd.DataFrame, to: str, column: str) -> pd.Series:
    """For every row, `column` of the node that its column `to` names ("parent", "root", "reference")."""
    return results[to].map(results.set_index("node")[column])


def with_references(results: pd.DataFrame) -> pd.DataFrame:
    """The results with the columns `variant`, `root`, `dense` and `reference` (see tidy.Tidy)."""
    roots = _roots(results)
    results = results.assign(variant=variants(results), root=roots)
    results = results.assign(dense=_dense(results))
    results = results.assign(reference=_references(results))
    return results.assign(reference=without_chance(results))


def variants(rows: pd.DataFrame) -> list[str]:
    """Each row's node without its study and seed: what is averaged over seeds.

    >>> variants(pd.DataFrame({"node": ["s/seed0/train/prune"], "study": ["s"], "seed": [0]}))
    ['train/prune']
    """
    prefixes = rows["study"] + "/seed" + rows["seed"].astype(str) + "/"
    return [node.removeprefix(prefix) for node, prefix in zip(rows["node"], prefixes, strict=True)]


def _roots(results: pd.DataFrame) -> list[str]:
    """For each row the net that its chain begins with, trained or given. Parents come before their children."""
    roots: dict[str, str] = {}
    for node, parent in zip(results["node"], results["parent"], strict=True):
        roots[node] = node if pd.isna(parent) else roots.get(str(parent), str(parent))
    return [roots[node] for node in results["node"]]


def _dense(results: pd.DataFrame) -> list[str]:
    """For each row the first net without a penalty, trained or given, of the same study, seed and initial weights as
    its root; the root itself, if there is none. A net before any training is no such net."""
    trainings = results[results["parent"].isna()]
    usable = trainings["penalty"].isna() & (trainings["step"] != "init")
    plain: dict[tuple, str] = {}
    for row in trainings[usable].to_dict("records"):
        plain.setdefault(_initial(row), row["node"])
    dense: dict[str, str] = {}
    for row, itself in zip(trainings.to_dict("records"), usable, strict=True):
        node = str(row["node"])
        dense[node] = node if itself else plain.get(_initial(row), node)
    return [dense.get(str(root), str(root)) for root in results["root"]]


def _initial(row: dict) -> tuple:
    """What a training shares with the dense training that it is compared with."""
    return row["study"], row["seed"], "" if pd.isna(row["init"]) else row["init"]


def _references(results: pd.DataFrame) -> list[str | None]:
    """For each row the node that `Tidy.reference` is: of the dense net as it was first trained, and of its fine-tuned
    versions, the one that was trained for as many epochs in all as this net, by whatever steps (fine-tuning, gradual
    pruning, quantization-aware training); of several the one that was fine-tuned by the same steps.

    A pruned or quantized net that was trained with a penalty is compared with a net that was trained for as many epochs
    with the same penalty, and that nothing else was done to; where there is none, with one without a penalty. A dense
    net is its own reference. None, where no such net was trained for as many."""
    tunings, nets = _tunings(results), results.to_dict("records")
    candidates: dict[tuple, list[str]] = {}
    for net in nets:
        if _untouched(net):
            plain = net["node"] == net["dense"] or (net["step"] == PLAIN and pd.isna(net["penalty"]))
            key = _of_dense(net) if plain else _of_penalty(net)
            candidates.setdefault(key, []).append(net["node"])
    references: list[str | None] = []
    for net in nets:
        keys = [_of_dense(net)] if _untouched(net) or pd.isna(net["penalty"]) else [_of_penalty(net), _of_dense(net)]
        equal = next((candidates[key] for key in keys if key in candidates), [])
        own = [node for node in equal if node == net["node"]]
        alike = [node for node in equal if tunings[node] == tunings[net["node"]]]
        references.append(next(iter([*own, *alike, *equal]), None))
    return references


def _of_dense(net: dict) -> tuple:
    """What a net shares with the nets without a penalty that it may be compared with."""
    return net["dense"], net["trained"]


def _of_penalty(net: dict) -> tuple:
    """What a net shares with the nets of the same penalty that it may be compared with."""
    return net["root"], net["trained"], net["penalty"], net["penalty_type"]


def _tunings(results: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """For each node the folders of the steps that trained it further, and its parents."""
    tunings: dict[str, tuple[str, ...]] = {}
    for row in results.to_dict("records"):
        own = (row["variant"].rpartition("/")[2],) if row["step"] in TUNING else ()
        tunings[row["node"]] = tunings.get(row["parent"], ()) + own
    return tunings


def _untouched(net: dict) -> bool:
    """Neither pruned, nor quantized or exported."""
    return pd.isna(net["prune_type"]) and pd.isna(net["scheme"])
