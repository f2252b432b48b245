"""What is known of each net of a run, as plain values for JSON: for the page that a net is chosen on, for comparing two
runs, and for programs of others. All numbers come from espalier.analysis; absent ones are None."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import yaml

from espalier.analysis import labels, operators, registered, speed, tidy, tradeoffs, variants
from espalier.analysis.labels import net_names, pruning_label, scheme_label, training_label
from espalier.analysis.nets import untouched
from espalier.analysis.speed import Gain
from espalier.analysis.study import RunView, StudyView
from espalier.analysis.tradeoffs import Compared, Leads
from espalier.analysis.variants import AXES, LIMITS, Range, Standing
from espalier.analysis.verdicts import ONE_SEED, claim_word
from espalier.backends import BACKENDS

FORMAT = "espalier results 1"  # the first key of the file: another number, if a program that reads it has to change
LEADS = {"higher": "H", "lower": "L", "equal": "E", "unknown": "U"}  # in the strings of `leads`
# What the YAML of a study leaves out: the name stands above it; a study that times one net has to have its baselines.
IN_CONFIG = ("name", "chains", "unfinished", "latency")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a run comes from.

    chains: node -> the steps of its chain, as a config lists them; command: what computes a target of the run, with
    TARGET in its place; folder: of the results; config: keys of the config beside the studies that a net needs; given:
    study -> what a config says of it, where that is not what the checked config says.
    """

    chains: Mapping[str, Sequence[Any]]
    command: str
    folder: str = "results"
    config: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def results(run: RunView, origin: Origin) -> dict[str, Any]:
    """Everything of a run."""
    return {
        "format": FORMAT,
        "command": origin.command,
        "folder": origin.folder,
        "yaml": _yaml(origin.config) if origin.config else "",
        "software": tidy.software(run.results),
        "processors": _processors(run.latency),
        "limits": list(LIMITS),
        "standings": {str(standing): standing.words for standing in tradeoffs.Standing},
        "one_seed": ONE_SEED,
        "studies": [study(view, origin) for view in run.studies.values()],
    }


def study(view: StudyView, origin: Origin) -> dict[str, Any]:
    """A study: its set-up, its config but for the chains, and its nets."""
    nets = view.nets
    nets = nets.assign(name=net_names(nets))
    axes = [axis for axis in AXES if axis in nets and nets[axis].notna().any()]
    compared: Compared = {}  # once for all axes
    standings = {axis: variants.standing(view, axis, compared) for axis in axes}
    verdicts, published = variants.verdicts(view), _published(view)
    ends = dict(zip(view.results["node"], view.results["chain"], strict=True))
    config = origin.given.get(view.name, view.config)
    rows = []
    for (_, net), note in zip(nets.iterrows(), _notes(nets), strict=True):
        name = str(net["variant"])
        rows.append(
            _what(net)
            | _numbers(view, net)
            | {
                "note": note,
                "within": {f"{limit:g}": claim_word(verdict) for limit, verdict in verdicts.get(name, {}).items()},
                "standing": {axis: each.of[name] for axis, each in standings.items() if name in each.of},
                "best": [axis for axis, each in standings.items() if name in each.best],
                "over": {axis: len(each.over[name]) for axis, each in standings.items() if each.over.get(name)},
                "widths": _widths(view, net),
                "published": published.get(name),
                "chain": ends[net["end"]],
                "steps": origin.chains.get(str(net["end"])),
                "yaml": _yaml(origin.chains.get(str(net["end"]), []), flow=True).strip(),
            }
        )
    first = standings[axes[0]] if axes else Standing({}, {}, frozenset(), {})
    return {
        "name": view.name,
        "title": view.title,
        "setup": view.setup,
        "images": _number(nets["test_images"].min()) if "test_images" in nets else None,
        "smoke": labels.smoke_test(view.results),
        "yaml": _yaml({key: value for key, value in config.items() if key not in IN_CONFIG}),
        "axes": axes,
        "validated": first.validated,
        "leads": {"nets": list(first.of), "rows": _leads(list(first.of), first.leads)},
        "nets": rows,
    }


def _what(net: pd.Series) -> dict[str, Any]:
    """What a net is, and how it came about."""
    backend, quantized = BACKENDS[net["backend"]], pd.notna(net["scheme"])
    return {
        "variant": str(net["variant"]),
        "name": net["name"],
        "kind": net["kind"],
        "training": training_label(net),
        "prune_type": _text(net["prune_type"]),
        "method": _text(net["method"]),
        "amount": labels.amount(net) if pruning_label(net) else None,
        "schedule": _text(net["schedule"]),
        "retraining": labels.retraining_label(net) or _text(net["retraining"]),
        "scheme": scheme_label(net) or None,
        "random": bool(registered.random(net.to_frame().T).iloc[0]),
        "node": net["end"],
        "file": f"models/{net['end']}/{(backend.quantized if quantized else backend.net).file}",
        "runtime": labels.runtime_of(net),
        "reference": _text(net["reference_variant"]),
        "epochs": _number(net["epochs_total"]),
        "remark": "; ".join(filter(None, (labels.remark_on(net), labels.floor_label(net)))) or None,
    }


def _numbers(view: StudyView, net: pd.Series) -> dict[str, Any]:
    """What was measured of a net: values, each with its range."""
    accuracy, gain = view.accuracy(net), variants.gain(view, net)
    return {
        "n": len(accuracy.top1),
        "top1": _range(variants.top1(accuracy, float(net["test_images"])))
        | {"seeds": {str(seed): value for seed, value in accuracy.top1.items()}},
        "drop": _range(Range(0.0) if net["reference_variant"] == net["variant"] else variants.drop(view, net)),
        **{axis: _range(variants.cost(view, net, axis)) for axis in AXES},
        "removed": _number(net["actual_ratio"]),
        "smaller": _range(variants.times_smaller(view, net)),
        "fewer_macs": _number(net["speed_up"]),
        "faster": _faster(view, net, gain),
        "threads": _number(net["timed_threads"]),
    }


def _faster(view: StudyView, net: pd.Series, gain: Gain | None) -> dict[str, Any]:
    """How many times as fast a net is, and why it is, or is not."""
    why = " ".join(words for words in (speed.reason(net, gain), operators.why(view.times, net)) if words)
    if gain is None:
        return {"value": None, "low": None, "high": None, "why": why}
    verdict = {"won": "faster", "lost": "slower", "undecided": "cannot be told"}[gain.verdict]
    return _range(Range(gain.ratio, gain.low, gain.high, "rounds")) | {"verdict": verdict, "why": why}


def _notes(nets: pd.DataFrame) -> list[str | None]:
    """Why a net has no place in the Pareto set."""
    exported, nothing = registered.exported(nets), untouched(nets)
    return [
        "an export of the net, no net of its own" if export else "nothing was removed" if none else None
        for export, none in zip(exported, nothing, strict=True)
    ]


def _widths(view: StudyView, net: pd.Series) -> list[list[Any]] | None:
    """Of each layer with weights its name, its width and that of the dense net; None if all are as in the dense net."""
    own, dense = (_widths_of(view, str(net[key])) for key in ("end", "dense"))
    if own == dense or not own:
        return None
    return [[layer, own.get(layer), dense.get(layer)] for layer in dict.fromkeys([*dense, *own])]


def _widths_of(view: StudyView, node: str) -> dict[str, int]:
    layers = view.layers[view.layers["node"] == node]
    return {str(layer): int(width) for layer, width in zip(layers["layer"], layers["width"], strict=True)}


def _published(view: StudyView) -> dict[str, dict[str, Any]]:
    """By variant the published top-1 of that chain, and what differs in the set-ups."""
    if view.published is None:
        return {}
    rows = view.compared
    rows = rows[rows["variant"].notna() & rows["top1"].notna()].drop_duplicates("variant")
    keys = ("top1", "comparable", "different", "not_stated")
    return {
        str(row["variant"]): {key: _number(row[key]) if key == "top1" else _text(row[key]) for key in keys}
        for _, row in rows.iterrows()
    }


def _leads(names: list[str], known: Leads) -> list[str]:
    """For each net a letter for each of the others, and "-" for itself: whether its top-1 is higher than theirs."""
    return ["".join("-" if one == other else LEADS[known[one, other]] for other in names) for one in names]


def _processors(latency: pd.DataFrame) -> list[str]:
    """What the nets were timed on."""
    column = f"{tidy.SOFTWARE}processor"
    return sorted(set(latency[column].dropna())) if column in latency else []


def _yaml(value: Any, flow: bool = False) -> str:
    """A part of a config as YAML; flow: on one line."""
    plain = json.loads(json.dumps(value))  # without anchors, and tuples as lists
    return yaml.safe_dump(plain, sort_keys=False, default_flow_style=flow, width=math.inf, allow_unicode=True)


def _range(of: Range) -> dict[str, Any]:
    ends = {} if math.isnan(of.low) or of.low == of.high else {"low": of.low, "high": of.high, "of": of.of}
    return {"value": _number(of.value), **ends}


def _number(value: Any) -> float | int | None:
    """A number for JSON, whole ones without a point; None for NaN."""
    if value is None or pd.isna(value):
        return None
    return int(value) if float(value).is_integer() else float(value)


def _text(value: Any) -> str | None:
    return None if value is None or pd.isna(value) else str(value)
