"""ImageNet weights as a file of the run: fetched by a job of its own, so that no training needs the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from espalier.pytorch.models import WeightsUnavailable, imagenet_weights
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


def _read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a .pth file, read without running code from it."""
    import pickle

    print(f"weights from {path}", flush=True)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsUnavailable(f"{path} cannot be read as weights: {str(error).splitlines()[0]}") from error
