"""The contract of prune types."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from espalier import registry
from espalier.contract import tiny_study
from espalier.contract.model import AMOUNTS, USUAL
from espalier.contract.trial import NotChecked
from espalier.registry import Model, PruneType


class Trial:
    """A prune type, and the smallest registered model that has what it needs."""

    def __init__(self, entry: PruneType, folder: Path) -> None:
        self.entry, self.folder = entry, folder
        suiting = [m for m in registry.entries(Model, entry.backend).values() if entry.needs in m.has]
        self.model = min(suiting, key=lambda model: (model.blocks, model.smallest), default=None)

    def study(self) -> tiny_study.Chains:
        """The model trained for an epoch and pruned, by each of the amounts that the prune type takes: of those that
        say what is left only by the size of its file, since a net this narrow may be left no smaller."""
        if self.model is None:
            raise NotChecked(f"no registered model has {self.entry.needs!r}")
        keys = [key for key in self.entry.amounts if key not in registry.COSTS or key == "size_mib"]
        steps = [{"prune": {"prune_type": self.entry.name, key: AMOUNTS[key]}} for key in keys]
        size, channels = max(USUAL, self.model.smallest), self.model.channels[-1]
        return tiny_study.Chains(
            tiny_study.study(
                self.entry.backend, self.model.name,
                size=size, channels=channels, chains=[["train", step] for step in steps], width=0.25,
            ),
            self.folder,
        )  # fmt: skip


@contextmanager
def trial(entry: PruneType) -> Iterator[Trial]:
    with tempfile.TemporaryDirectory() as folder:
        yield Trial(entry, Path(folder))


def gives_groups(trial: Trial) -> str | None:
    """It gives the groups of a net: matrices with one row per group, views of its weights (PyTorch)."""
    if trial.entry.backend != "pytorch":
        return None
    import torch

    from espalier.pytorch.models import build_model

    if trial.model is None:
        raise NotChecked(f"no registered model has {trial.entry.needs!r}")
    tiny_study.start("pytorch")
    net = build_model(trial.model.name, 3, width=0.25)
    groups = trial.entry(net)
    if not groups or not all(isinstance(matrix, torch.Tensor) and matrix.dim() == 2 for matrix in groups):
        return (
            f"It gives {[tuple(getattr(m, 'shape', ())) for m in groups]}: give a list of matrices (groups, weights)."
        )
    if not all(matrix.requires_grad for matrix in groups):
        return "No gradient goes through its groups, so that no penalty can use them: give views, and no detach()."
    return None


def prunes_a_net(trial: Trial) -> str | None:
    """A small net is pruned by it, by each of the amounts that it takes, and read back."""
    study = trial.study()
    for job in study.jobs:
        measured = study.run(job.node)
        if job.step == "prune" and not 0 <= measured["actual_ratio"] < 1:
            return f"Of its groups {measured['actual_ratio']:.0%} are gone."
    return None


CHECKS = (gives_groups, prunes_a_net)
