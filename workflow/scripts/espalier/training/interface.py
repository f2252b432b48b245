"""The functions that both backends offer, module by module: the same names and parameters in both.

A function that runs a step writes a model to `out`. Its files are `data` (the folder of the prepared data set),
`parent` (the net that the step is applied to) and `dense` (the one that the chain began with); `keeping` says what a
training keeps in addition to its net; `step` are the params of the step's job. It returns parts of the job's record:
"measured", "history", "summary", "weights", "epochs". A function that measures a net returns "measured",
"predictions" and "layers".
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    from espalier.training.operators import Operator
    from espalier.training.recipe import Keeping


class RuntimeModule(Protocol):
    """Starting the framework."""

    def start(self, threads: int, device: str = "cpu") -> None: ...

    def versions(self) -> dict[str, str]: ...


class ModelsModule(Protocol):
    """Nets in files."""

    def save(self, net: Any, path: str | Path) -> None: ...

    def load(self, path: str | Path) -> Any: ...


class PretrainedModule(Protocol):
    """Weights of other images to start from."""

    def fetch_weights(
        self, out: str | Path, *, model: dict[str, Any], size: int, given: str | Path | None = None
    ) -> None: ...

    def read_weights(self, out: str | Path, *, given: str | Path, model: dict[str, Any], data: str | Path) -> None: ...


class GivenModule(Protocol):
    """A net that was trained elsewhere."""

    def write_model(
        self,
        out: str | Path,
        *,
        data: str | Path,
        keeping: Keeping = ...,
        model: dict[str, Any],
        seed: int,
        untrained: bool = False,
    ) -> dict[str, Any]: ...


class TrainModule(Protocol):
    """Training."""

    def train_model(
        self,
        out: str | Path,
        *,
        data: str | Path,
        parent: str | Path | None = None,
        dense: str | Path | None = None,
        keeping: Keeping = ...,
        macs: Callable[[Any], int] | None = None,
        **step: Any,
    ) -> dict[str, Any]: ...


class ScratchModule(Protocol):
    """Training a pruned net from new weights."""

    def train_model(
        self,
        out: str | Path,
        *,
        data: str | Path,
        parent: str | Path,
        dense: str | Path,
        keeping: Keeping = ...,
        **step: Any,
    ) -> dict[str, Any]: ...


class DistillModule(Protocol):
    """Training with the dense net as a teacher."""

    def distill_model(
        self,
        out: str | Path,
        *,
        data: str | Path,
        parent: str | Path,
        dense: str | Path,
        keeping: Keeping = ...,
        temperature: float,
        weight: float,
        **step: Any,
    ) -> dict[str, Any]: ...


class PruneModule(Protocol):
    """Pruning."""

    def prune_model(
        self,
        out: str | Path,
        *,
        data: str | Path,
        parent: str | Path,
        dense: str | Path | None = None,
        keeping: Keeping = ...,
        **step: Any,
    ) -> dict[str, Any]: ...


class QuantizeModule(Protocol):
    """Quantization."""

    def quantize_model(
        self,
        out: str | Path,
        *,
        data: str | Path,
        parent: str | Path,
        dense: str | Path | None = None,
        keeping: Keeping = ...,
        **step: Any,
    ) -> dict[str, Any]: ...


class ProfileExportedModule(Protocol):
    """Measuring a quantized net by its runtime."""

    def measure_model(self, path: str | Path, data: str | Path, parent: str | Path) -> dict[str, Any]: ...


class ProfileModule(Protocol):
    """Measuring a trained or pruned net."""

    def measure_model(self, path: str | Path, data: str | Path) -> dict[str, Any]: ...


class LatencyModule(Protocol):
    """Nets as functions to be timed, without the framework for a quantized one."""

    FRAMEWORK: str  # the suffix of the files that take the framework to run

    def versions(self) -> dict[str, str]: ...

    def predictor(
        self, path: str | Path, threads: int
    ) -> tuple[Callable[[np.ndarray], Any], Callable[[Any], np.ndarray]]: ...

    def operators(self, path: str | Path, images: np.ndarray, threads: int) -> list[Operator]: ...


MODULES: dict[str, type] = {
    "runtime": RuntimeModule,
    "models": ModelsModule,
    "pretrained": PretrainedModule,
    "given": GivenModule,
    "train": TrainModule,
    "scratch": ScratchModule,
    "distill": DistillModule,
    "prune": PruneModule,
    "quantize": QuantizeModule,
    "profile": ProfileModule,
    "profile_exported": ProfileExportedModule,
    "latency": LatencyModule,
}
