"""A study in miniature: its jobs, run one after another in a folder, as the rules would run them."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from espalier import registry
from espalier.backends import BACKENDS
from espalier.datasets import prepare
from espalier.plan import grid
from espalier.plan.job import Job
from espalier.plan.steps import STEPS

STUDY = "contract"
CLASSES = ["0", "1", "2"]  # of the handwritten digits: some 500 images


def start(backend: str) -> None:
    """Start a framework, as the jobs of a backend do: on one thread of the CPU."""
    with contextlib.suppress(ImportError):
        import triton._C.libtriton  # noqa: F401  # type: ignore  # first: TensorFlow's LLVM and this one get along so
    importlib.import_module(f"espalier.{backend}.runtime").start(1, "cpu")


def study(backend: str, model: str, *, size: int, channels: int, chains: list, **options: Any) -> dict[str, Any]:
    """The config of a tiny study: handwritten digits of three classes, one epoch."""
    dataset = {"name": "digits", "size": size, "channels": channels, "classes": CLASSES}
    recipe = {"epochs": 1, "batch_size": 64, "learning_rate": 0.01}
    return {
        "backend": backend,
        "dataset": dataset,
        "model": {"name": model, **options},
        "train": recipe,
        "chains": chains,
    }


class Chains:
    """The chains of one study; each job runs when its file is first asked for."""

    def __init__(self, config: dict[str, Any], folder: str | Path) -> None:
        """Raises ConfigError if the config is wrong."""
        self.folder = Path(folder)
        self.grid = grid.build({"threads": 1, "device": "cpu", "studies": {STUDY: config}})
        self._done: dict[str, dict[str, Any]] = {}
        start(config["backend"])

    @property
    def jobs(self) -> list[Job]:
        """The jobs, parents before children."""
        return list(self.grid.jobs.values())

    @cached_property
    def data(self) -> Path:
        """The folder of the prepared data."""
        (name, dataset), *_ = self.grid.datasets().items()
        prepare.prepare(self.folder / name, prepare.Preparation(**dataset))
        return self.folder / name

    def file(self, node: str) -> Path:
        """The model's file of a node."""
        job = self.grid.jobs[node]
        return self.folder / node / BACKENDS[job.backend].format_of(job.step).file

    def run(self, node: str) -> dict[str, Any]:
        """Run a node's job, and before it those that it comes from; what was measured of its file, read back."""
        if node not in self._done:
            job = self.grid.jobs[node]
            if job.parent:
                self.run(job.parent)
            self.file(node).parent.mkdir(parents=True, exist_ok=True)
            data = self.data
            with registry.only(job.uses):
                self._done[node] = self._run(job, data)
        return self._done[node]

    def _run(self, job: Job, data: Path) -> dict[str, Any]:
        step, out = STEPS[job.step], self.file(job.node)
        files = {"parent": job.parent, "dense": self.grid.trained(job)} if job.parent else {}
        files = {name: self.file(node) for name, node in files.items() if name in step.reads}
        done = self._function(job, job.function)(out, data=data, **files, **job.params)
        beside = {name: files[name] for name in step.measured_with}
        measured = self._function(job, step.measure)(out, data, **beside)
        return done["measured"] | measured["measured"] if "measured" in done else measured["measured"]

    def _function(self, job: Job, name: str) -> Callable[..., dict[str, Any]]:
        module, _, function = name.partition(".")
        return getattr(importlib.import_module(f"espalier.{job.backend}.{module}"), function)
