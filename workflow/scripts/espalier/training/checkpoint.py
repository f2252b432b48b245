"""The state of a training after each epoch, so that a long one can be interrupted. No pickle: arrays and JSON."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from espalier.run.files import whole
from espalier.run.fingerprint import fingerprint

Arrays = Mapping[str, np.ndarray]
Row = dict[str, Any]  # of a history: what one epoch gave


@dataclass(frozen=True)
class Kept:
    """What a checkpoint holds: the training's state, the rows of its epochs, the net of the best epoch if wanted."""

    state: Arrays
    history: list[Row]
    best: Arrays | None


class Checkpoint:
    """The latest state of one training, in a folder. Without a folder nothing is kept."""

    def __init__(self, folder: str | Path | None, identity: list[Any], parent: str | Path | None) -> None:
        """identity: what distinguishes this training from others, as JSON; the content of `parent` does so too."""
        self.path = Path(folder) / "state.npz" if folder else None
        self.identity = fingerprint(identity, files=[parent]) if folder else None

    def keep(self, state: Arrays, history: list[Row], best: Arrays | None = None) -> None:
        """Replace the kept state by this one, as a whole or not at all."""
        if self.path is None:
            return
        arrays = {f"state.{name}": array for name, array in state.items()}
        arrays |= {f"best.{name}": array for name, array in (best or {}).items()}
        header = json.dumps({"identity": self.identity, "history": history, "arrays": sorted(arrays)})
        with whole(self.path) as beside, beside.open("wb") as file:
            np.savez(file, allow_pickle=False, header=np.array(header), **arrays)

    def resume(self) -> Kept | None:
        """The kept state; None if there is none, or it belongs to another training, or it is damaged: then it is set
        aside, the log says so, and the training starts from its beginning."""
        if self.path is None or not self.path.exists():
            return None
        try:
            kept = self._read(self.path)
        except (
            ValueError,
            KeyError,
            TypeError,
            EOFError,
            OSError,
            NotImplementedError,
            BadZipFile,
            zlib.error,
        ) as error:
            aside = self.path.replace(self.path.with_suffix(".damaged"))
            print(f"the checkpoint is damaged ({type(error).__name__}) and set aside as {aside}; ", end="")
            print("the training starts from its beginning", flush=True)
            return None
        if kept:
            print(f"going on after epoch {len(kept.history)}", flush=True)
        return kept

    def _read(self, path: Path) -> Kept | None:
        """The state in a file. The checksums of the archive are compared as its arrays are read."""
        with np.load(path, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            if header["identity"] != self.identity:
                return None
            if header["arrays"] != sorted({*file.files} - {"header"}):
                raise ValueError("arrays are missing")
            state, best = (
                {name.removeprefix(part): file[name] for name in file.files if name.startswith(part)}
                for part in ("state.", "best.")
            )
        return Kept(state, header["history"], best or None)
