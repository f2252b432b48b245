"""Training, as both backends are called with it: the recipe, the step, and what is kept of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The optimizer, its schedule and the loss; the keys of a config's recipe, which says what each means."""

    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    momentum: float
    nesterov: bool
    weight_decay: float
    decay_norm_and_bias: bool
    warmup_epochs: int
    warmup_from: float
    milestones: Sequence[int]
    gamma: float
    label_smoothing: float
    shuffle: bool
    augment: Sequence[str | dict[str, Any]] = ()
    plateau: dict[str, Any] | None = None
    select: str = "last"
    precision: str = "float32"
    init: dict[str, Any] | None = None
    penalty: str | None = None
    prune_type: str | None = None
    coefficient: float | None = None
    schedule: str = "milestones"
    rise: float = 0.25
    ema: float | None = None
    offset: int = 0  # epochs of the schedule that are over when the training begins


@dataclass(frozen=True, kw_only=True)
class Training:
    """A step that trains. seed: of everything that is random in it.

    model: {"name": a registered architecture, "width", ...its own options, "weights", "fallback", "pretrained": the
    file of ImageNet weights that a new net begins with}.
    scratch: "epochs" or "flops", to train a pruned net from new weights (Liu et al. 2019, arXiv:1810.05270), for the
    recipe's epochs, or for as many as cost the MACs that the recipe costs the dense net.
    origin: {"recipe", "seed"} of the training whose weights, after so many of its "epochs", a pruned net goes back to
    (Frankle et al. 2020, arXiv:1912.05671).
    """

    model: dict[str, Any]
    recipe: Recipe
    seed: int
    scratch: str | None = None
    origin: dict[str, Any] | None = None

    @classmethod
    def of(cls, step: dict[str, Any]) -> Training:
        """A step's params, whose recipe is a dict."""
        return cls(**{**step, "recipe": Recipe(**step["recipe"])})


@dataclass(frozen=True)
class Keeping:
    """What a training keeps in addition to its net, and where; None: it is not kept.

    checkpoint: folder for the state after each epoch; a training that finds one of the same recipe, seed, data, parent
    and kind of device goes on from there, and ends where it would have ended. tensorboard: folder for TensorBoard's
    logs. label: what the progress bar calls the training.
    """

    checkpoint: str | Path | None = None
    tensorboard: str | Path | None = None
    label: str = "training"


KEEP_NOTHING = Keeping()
