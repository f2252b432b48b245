"""The state of a training after each epoch, so that a long one can be interrupted. No pickle: arrays and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from espalier.run.fingerprint import fingerprint


class Checkpoint:
    """The latest state of one training in a folder. Without a folder nothing is kept."""

    def __init__(self, folder: str | Path | None, identity: list, parent: str | Path | None):
        self.path = Path(folder) / "state.npz" if folder else None
        self.identity = fingerprint(identity, files=[parent]) if folder else None

    def keep(self, net, optimizer, history: list[dict], best: list[np.ndarray] | None = None) -> None:
        """Put the present state in place of the last, whole or not at all. best: the net's variables after the best
        epoch so far, where a training ends with those."""
        if self.path is None:
            return
        arrays = {f"{number:04}": variable.numpy() for number, variable in enumerate(_variables(net, optimizer))}
        arrays |= {f"best{number:04}": array for number, array in enumerate(best or ())}
        header = json.dumps({"identity": self.identity, "history": history})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".partial")
        with beside.open("wb") as file:
            np.savez(file, header=np.array(header), **arrays)
        beside.replace(self.path)

    def resume(self, net, optimizer) -> tuple[list[dict], list[np.ndarray] | None]:
        """Bring net and optimizer to the kept state and return its history, and the best epoch's variables if they were
        kept.

        The history is empty if there is no state, or it belongs to another training.
        """
        if self.path is None or not self.path.exists():
            return [], None
        with np.load(self.path, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            if header["identity"] != self.identity:
                return [], None
            best = [file[name] for name in sorted(file.files) if name.startswith("best")]
            for number, variable in enumerate(_variables(net, optimizer)):
                variable.assign(file[f"{number:04}"])
        print(f"going on after epoch {len(header['history'])}", flush=True)
        return header["history"], best or None


def _variables(net, optimizer) -> list:
    return [*net.variables, *optimizer.variables]
