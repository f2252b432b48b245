"""Weights to begin with, in both backends: which they are, and ImageNet weights that cannot be had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WEIGHTS = ("random", "imagenet")  # values of `weights` that are no files


def is_file(weights: str) -> bool:
    """Whether a value of `weights` is the name of a file.

    >>> is_file("best.pt"), is_file("imagenet")
    (True, False)
    """
    return weights not in WEIGHTS


def do_without(out: str | Path, model: dict[str, Any], given: str | Path | None, tried: str) -> None:
    """Write an empty file in the place of weights that could not be fetched, if the study may begin with random ones.

    model: with `fallback`, "random" if it may. given: the user's file of weights, which is to be used or mended. tried:
    what failed. Raises RuntimeError if the study needs the weights.
    """
    if given or model.get("fallback") != "random":
        raise RuntimeError(
            f"{tried}. Put a file of them into the folder `weights` of data_root, or allow trainings to begin with "
            "random weights by `fallback: random` under `model` in the config: the tables will say so."
        )
    print(f"{tried}. Trainings begin with random weights, as `fallback: random` allows.", flush=True)
    Path(out).touch()


def is_missing(pretrained: str | Path) -> bool:
    """Whether a file stands for weights that could not be had; if so, the log says what begins."""
    missing = Path(pretrained).stat().st_size == 0
    if missing:
        print(f"{pretrained} is empty: beginning with random weights, as `fallback: random` allows", flush=True)
    return missing
