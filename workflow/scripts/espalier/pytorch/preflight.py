"""Trying in seconds, with random weights and before anything is trained, what a study asks of its net."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espalier.datasets.prepare import Data
from espalier.datasets.prepare import load as load_data
from espalier.imports import is_imported
from espalier.pytorch import coupling, models
from espalier.pytorch import groups as grouping
from espalier.pytorch.amounts import prune_model
from espalier.pytorch.imported import check_net
from espalier.pytorch.macs import profile_model
from espalier.pytorch.quantize import quantize_model
from espalier.registry import PruneType, Scheme, get
from espalier.run.files import write_json

if TYPE_CHECKING:
    from torch import nn

CALIBRATION = 16  # images, of schemes that are calibrated
NO_TRAINING: dict[str, Any] = {  # of schemes that train: the recipe of a trial
    "epochs": 0, "batch_size": 1, "optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.0, "nesterov": False,
    "weight_decay": 0.0, "decay_norm_and_bias": True, "warmup_epochs": 0, "warmup_from": 0.0, "milestones": [],
    "gamma": 0.1, "label_smoothing": 0.0, "shuffle": False,
}  # fmt: skip
IMAGES = 4  # on which two nets are compared


class Refused(ValueError):
    """A study asks of its net what cannot be done."""


def once(out: str | Path, *, key: str, **asked: Any) -> None:
    """`preflight`, unless `out` is the report of one with this key, in which all worked. key: a digest of what is
    asked, and of the code."""
    try:
        report = json.loads(Path(out).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        report = {}
    if report.get("key") != key:
        preflight(out, key=key, **asked)


def preflight(
    out: str | Path,
    *,
    data: str | Path,
    model: Mapping[str, Any],
    prunings: Sequence[Mapping[str, Any]],
    schemes: Sequence[str],
    key: str = "",
) -> dict[str, Any]:
    """Build the net of a study, count it, save it and read it back; prune, save and read back by each of `prunings`,
    and export and quantize what is left; write what works, and why other things do not, to `out`, and return it.

    data: prepared data set. model: its name, width and options. prunings: params of steps that prune. schemes: names of
    quantization schemes. key: goes into the report if all works. Raises Refused with the reasons if anything fails.
    """
    prepared = load_data(data)
    with tempfile.TemporaryDirectory() as folder:
        dense = Path(folder) / "dense.safetensors"
        report = {"model": model["name"]} | _tried(lambda: _built(dense, model, prepared))
        if report["works"]:
            report |= {
                "prune": [_pruned(step, dense, Path(data), prepared, schemes) for step in prunings],
                "quantize": [_quantized(scheme, dense, Path(data)) for scheme in schemes],
            }
    reasons = _reasons(report)
    write_json(out, report if reasons or not key else report | {"key": key})
    if reasons:
        # What the net itself cannot do is to be mended in the net.
        advice = ". Take this out of the study's chains" if report["works"] else ""
        raise Refused(f"preflight of {model['name']}: {'; '.join(reasons)}{advice}")
    return report


def _tried(what: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """What a trial finds, and that it works; or why it does not."""
    try:
        return {"works": True, **what()}
    except Exception as error:  # the user's net may raise anything
        message = next(iter(str(error).strip().splitlines()), "")
        known = isinstance(error, ValueError | RuntimeError) and message
        return {"works": False, "why": message if known else f"{type(error).__name__}: {message}"}


def _reasons(report: Mapping[str, Any]) -> list[str]:
    """What does not work, in words."""
    if not report["works"]:
        return [report["why"]]
    parts = [(f"prune_type {part['prune_type']}", part) for part in report["prune"]]
    parts += [(f"scheme {part['scheme']}", part) for part in report["quantize"]]
    return [f"{name}: {part['why']}" for name, part in parts if not part["works"]]


def _built(path: Path, model: Mapping[str, Any], data: Data) -> dict[str, Any]:
    """The counts of the new net, after it was saved to `path` and read back."""
    import torch

    given = {key: value for key, value in model.items() if key not in ("weights", "fallback", "pretrained")}
    torch.manual_seed(0)
    classes, name = len(data.manifest["classes"]), model["name"]
    net = models.build_model(num_classes=classes, **given).eval()
    if is_imported(name):
        check_net(net, name, classes, data.manifest["channels"], data.manifest["size"])
    models.save(net, path)
    _compare(net, models.load(path), data)
    profile = profile_model(net, data.manifest["size"])
    return {"params": profile.params, "macs": profile.macs}


def _pruned(step: Mapping[str, Any], dense: Path, data: Path, prepared: Data, schemes: Sequence[str]) -> dict[str, Any]:
    """What comes of a step that prunes, and of exporting and quantizing what it leaves by the first of the schemes."""

    def trial() -> dict[str, Any]:
        path, size = dense.with_name("pruned.safetensors"), prepared.manifest["size"]
        measured = prune_model(path, data=data, parent=dense, **step)["measured"]
        net = models.load(path)
        again = dense.with_name("again.safetensors")
        models.save(net, again)
        _compare(net, models.load(again), prepared)
        if schemes:
            _quantize(schemes[0], path, data)
        kinds = get(PruneType, step["prune_type"], "pytorch").by
        stays = _stays(models.load(dense), size, kinds[0]) if kinds[0] in grouping.LAYERS and len(kinds) == 1 else {}
        return measured | {"macs": profile_model(net, size).macs, "stays": stays}

    return {"prune_type": step["prune_type"]} | _tried(trial)


def _stays(net: nn.Module, size: int, kind: str) -> dict[str, list[str]]:
    """The layers of which nothing can be taken out, by the reason."""
    found: dict[str, list[str]] = {}
    for units in coupling.coupled(net, size, kind):
        if units.why:
            found.setdefault(units.why, []).extend(units.layers)
    return found


def _quantized(scheme: str, dense: Path, data: Path) -> dict[str, Any]:
    return {"scheme": scheme} | _tried(lambda: _quantize(scheme, dense, data))


def _quantize(scheme: str, parent: Path, data: Path) -> dict[str, Any]:
    step: dict[str, Any] = {"scheme": scheme, "calibration_images": CALIBRATION}
    if get(Scheme, scheme, "pytorch").trains:
        step["recipe"] = NO_TRAINING
    return quantize_model(parent.with_suffix(".onnx"), data=data, parent=parent, **step)["measured"]


def _compare(net: nn.Module, read: nn.Module, data: Data) -> None:
    """Raise ValueError unless a net and the one that was read back from its file give the same outputs."""
    import torch

    from espalier.pytorch.evaluate import to_input, to_tensor

    images = to_input(to_tensor(data.test.images[:IMAGES]), data.manifest)
    with torch.inference_mode():
        if not torch.equal(net.eval()(images), read.eval()(images)):
            raise ValueError("read back from its file, the net gives other outputs: does it draw random numbers?")
