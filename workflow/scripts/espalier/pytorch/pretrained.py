"""Weights to begin with as a file of the run: ImageNet weights, fetched by a job of its own, so that no training needs
the network, or those of a file of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from espalier.datasets.prepare import load as load_data
from espalier.pytorch.checkpoints import weights_for
from espalier.pytorch.models import WeightsUnavailable, imagenet_weights, skeleton
from espalier.training.pretrained import do_without


def fetch_weights(out: str | Path, *, model: dict[str, Any], size: int, given: str | Path | None = None) -> None:
    """Write torchvision's first ImageNet weights of an architecture to `out`, a .safetensors file.

    model: its `name`, and `fallback`, "random" for an empty file where the weights cannot be fetched. size: side of the
    images, of no account here. given: a file of such weights, .pth, read without running code from it; None to fetch
    them. Raises RuntimeError if that cannot be done.
    """
    try:
        weights = _read(Path(given)) if given else imagenet_weights(model["name"])
    except WeightsUnavailable as error:
        do_without(out, model, given, str(error))
    else:
        save_file({key: value.contiguous() for key, value in weights.items()}, out)


def read_weights(out: str | Path, *, given: str | Path, model: dict[str, Any], data: str | Path) -> None:
    """Write the weights of a file of the user's own to `out`, a .safetensors file with the names that the net has.

    given: .safetensors, .pt, .pth or .npz. model: the net's `name` and options. data: a prepared data set, whose
    classes the net gets. Raises WeightsRefused if the file is not of this net, ImportFailed if the net cannot be used.
    """
    manifest = load_data(data).manifest
    options = {key: value for key, value in model.items() if key not in ("weights", "fallback")}
    net = skeleton(num_classes=len(manifest["classes"]), **options)
    save_file(weights_for(net, given), out)


def _read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a .pth file, read without running code from it."""
    import pickle

    print(f"weights from {path}", flush=True)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsUnavailable(f"{path} cannot be read as weights: {str(error).splitlines()[0]}") from error
