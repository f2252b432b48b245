"""The state of a training after each epoch, so that a long one can be interrupted. No pickle: tensors and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from espalier.run.fingerprint import fingerprint


class Checkpoint:
    """The latest state of one training in a folder. Without a folder nothing is kept."""

    def __init__(self, folder: str | Path | None, identity: list, parent: str | Path | None):
        self.path = Path(folder) / "state.safetensors" if folder else None
        self.identity = fingerprint(identity, files=[parent]) if folder else None

    def keep(self, net, optimizer, history: list[dict], best: dict | None = None) -> None:
        """Put the present state in place of the last, whole or not at all. best: the tensors of the best epoch so far,
        where a training ends with those."""
        if self.path is None:
            return
        from safetensors.torch import save_file

        tensors = {f"net.{key}": value.contiguous() for key, value in net.state_dict().items()}
        tensors |= {f"best.{key}": value.contiguous() for key, value in (best or {}).items()}
        numbers = {}
        for index, values in optimizer.state_dict()["state"].items():
            for key, value in values.items():
                if isinstance(value, torch.Tensor):
                    tensors[f"optimizer.{index}.{key}"] = value.contiguous()
                else:
                    numbers[f"{index}.{key}"] = value
        header = {"identity": self.identity, "history": history, "numbers": numbers}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".partial")
        save_file(tensors, beside, metadata={"training": json.dumps(header)})
        beside.replace(self.path)

    def resume(self, net, optimizer) -> tuple[list[dict], dict | None]:
        """Bring net and optimizer to the kept state and return its history, and the tensors of the best epoch if they
        were kept; an empty history if there is none to go on from, or it belongs to another training."""
        if self.path is None or not self.path.exists():
            return [], None
        from safetensors import safe_open

        with safe_open(self.path, framework="pt") as file:
            header = json.loads(file.metadata()["training"])
            if header["identity"] != self.identity:
                return [], None
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (a file, not a dict)
        net.load_state_dict({k.removeprefix("net."): v for k, v in tensors.items() if k.startswith("net.")})
        state: dict[int, dict] = {}
        optimized = {k.removeprefix("optimizer."): v for k, v in tensors.items() if k.startswith("optimizer.")}
        for name, value in (optimized | header["numbers"]).items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        for parameter, values in optimizer.state.items():  # in channels-last order where the parameter is, as before
            for key, value in values.items():
                if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                    values[key] = torch.empty_like(parameter).copy_(value)
        print(f"going on after epoch {len(header['history'])}", flush=True)
        best = {k.removeprefix("best."): v for k, v in tensors.items() if k.startswith("best.")}
        return header["history"], best or None
