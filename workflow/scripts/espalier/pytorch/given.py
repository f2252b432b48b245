"""The net that a chain begins with: new for a training, or one that was trained elsewhere, as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from espalier.datasets.prepare import load as load_data
from espalier.imports import is_imported
from espalier.pytorch.imported import check_net
from espalier.pytorch.models import build_model, save, weighted
from espalier.training.pretrained import is_file, is_missing
from espalier.training.recipe import KEEP_NOTHING, Keeping


def initial_net(model: dict[str, Any], manifest: dict[str, Any]) -> tuple[nn.Module, str]:
    """A new net, and which weights it has: "random", "imagenet" or "file".

    model: {name, width, ...the architecture's own options}, and optionally weights, "random", "imagenet" or the name of
    a file, and pretrained, the file that these are read from (see `pretrained`). An empty file stands for weights that
    could not be had, and that `fallback: random` does without. manifest: of the prepared data set. Raises ImportFailed
    for an imported net that cannot classify the data set's images.
    """
    weights, pretrained = model.get("weights") or "random", model.get("pretrained")
    weights = "file" if is_file(weights) else weights
    given = {key: value for key, value in model.items() if key not in ("weights", "fallback", "pretrained")}
    if pretrained and is_missing(pretrained):
        weights, pretrained = "random", None
    num_classes = len(manifest["classes"])
    net = build_model(num_classes=num_classes, weights=weights, pretrained=pretrained, **given)
    if is_imported(model["name"]):
        check_net(net, model["name"], num_classes, manifest["channels"], manifest["size"])
    return net, weights


def write_model(
    out: str | Path,
    *,
    data: str | Path,
    keeping: Keeping = KEEP_NOTHING,
    model: dict[str, Any],
    seed: int,
    untrained: bool = False,
) -> dict[str, Any]:
    """Write the net as it is to `out`.

    data: a prepared data set, whose classes the net has to have. model: as `Training` has it. seed: of what the net's
    function draws, where no file has its weights. untrained: the net is pruned before any training; raises ValueError
    if layers begin with weights of zero, which could not be told from pruned ones. Returns {"weights": "file", or
    "random" if its function set them}.
    """
    torch.manual_seed(seed)
    net, weights = initial_net(model, load_data(data).manifest)
    zero = [name for name, layer in weighted(net).items() if not layer.weight.detach().all()] if untrained else []
    if zero:
        raise ValueError(
            f"{', '.join(zero)} of {model['name']} begin with weights of zero, which could not be told from pruned "
            "ones: prune the net after a training, in chains that begin with train"
        )
    save(net, out)
    return {"weights": weights}
