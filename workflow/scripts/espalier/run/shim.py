"""What every rule's script begins with: the log, the threads, the clock, and the record at the end.

    with job(snakemake) as this:
        train, measure = this.functions("train.train_model", "profile.measure_model")
        ...

No other module of the library knows of Snakemake.
"""

from __future__ import annotations

import gc
import importlib
import os
import resource
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from espalier import plugins, registry
from espalier.run import code, failures, gpus, threads, warm_workers
from espalier.run.fingerprint import fingerprint


class RunningJob:
    """A job while it runs: what Snakemake gives its script, and how long each part of it took."""

    def __init__(self, snakemake: Any) -> None:
        self.input, self.output, self.params = snakemake.input, snakemake.output, snakemake.params
        self.wildcards, self.cores = snakemake.wildcards, snakemake.threads  # the cores that it was given
        self.execution: dict[str, Any] = snakemake.params.get("execution", {})  # what has no bearing on the result
        asked = self.execution.get("threads", self.cores)
        self.threads = snakemake.params.get("threads", asked)  # that it computes with, however few cores there are
        self.code: dict[str, Any] = snakemake.params.get("code", {})  # of espalier.run.code
        self.library: str | None = self.execution.get("library")  # its stamp when the job was planned
        self.device: str = self.execution.get("device", "cpu")
        self.log = Path(str(snakemake.log))
        self.started = time.perf_counter()
        self.seconds = {"import": 0.0, "work": 0.0, "evaluate": 0.0}
        self.software: dict[str, str] = {}

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the time that a block takes to a part of the job: import, work or evaluate."""
        started = time.perf_counter()
        yield
        self.seconds[part] += time.perf_counter() - started

    def backend(self, *modules: str) -> list[Any]:
        """Start the job's framework and import these modules of its backend."""
        package = f"espalier.{self.params.backend}"
        if self.device == "cpu":
            gpus.hide()
        else:
            gpus.reserve(self.execution["jobs_per_gpu"])
        with self.timed("import"), uncollected():
            runtime = importlib.import_module(f"{package}.runtime")
            runtime.start(self.threads, self.device)
            loaded = [importlib.import_module(f"{package}.{module}") for module in modules]
        self.software = runtime.versions()
        return loaded

    def functions(self, *functions: str) -> list[Callable[..., dict[str, Any]]]:
        """Start the job's framework and return these functions of its backend, each named as "module.function"."""
        names = [name.split(".") for name in functions]
        modules = self.backend(*(module for module, _ in names))
        return [getattr(module, name) for module, (_, name) in zip(modules, names, strict=True)]

    def preflight(self) -> None:
        """Try what the study asks of its net, if the job is told to: before hours of training, not after them."""
        if not (told := self.execution.get("preflight")):
            return
        plugins.load(plugins.find(told["code"].get("plugins", ()), [Path.cwd()]))
        once = importlib.import_module(f"espalier.{self.params.backend}.preflight").once
        with registry.only(told["code"]["uses"]):
            once(
                told["out"],
                key=fingerprint(told["code"], 0, str(told["asked"])),
                data=self.params.data,
                **told["asked"],
            )

    def module(self, name: str) -> Any:
        """A module of the job's backend that has `versions()` of its own; the framework is not started."""
        with self.timed("import"), uncollected():
            loaded = importlib.import_module(f"espalier.{self.params.backend}.{name}")
        self.software = loaded.versions()
        return loaded

    def timing(self) -> dict[str, float]:
        """What the job has cost so far: seconds, in all and by part, peak memory (MiB), and its threads."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
        peak += float(os.environ.get(warm_workers.SHARED, 0))  # without what it has in common with a worker
        parts = {f"{part}_seconds": seconds for part, seconds in self.seconds.items()}
        seconds = time.perf_counter() - self.started
        return {"seconds": seconds, **parts, "peak_memory_mib": peak, "threads": self.threads}

    @property
    def checkpoint(self) -> Path:
        """Folder for the state of a training while it runs, next to the log. Each version of the code and of its
        packages has a folder of its own, and each number of threads and device: no training begins with one and ends
        with another."""
        return self.log.with_suffix(".checkpoint") / fingerprint(self.code, self.threads, self.device)[:16]

    @property
    def handover(self) -> Path:
        """Folder for what the job of a step measures of its net, next to the logs of the node."""
        return self._logs / f"{self.wildcards.node}.measured"

    @property
    def tensorboard(self) -> Path | None:
        """Folder for TensorBoard's logs, of a training of a backend that writes them."""
        return self._logs / "tensorboard" / self.wildcards.node / "events" if self.execution["tensorboard"] else None

    @property
    def _logs(self) -> Path:
        """Folder of all logs, of a job of a node."""
        return self.log.parents[self.wildcards.node.count("/")]

    def forget_checkpoint(self) -> None:
        """Remove the state of the training, after its model is written."""
        shutil.rmtree(self.checkpoint.parent, ignore_errors=True)


@contextmanager
def uncollected() -> Iterator[None]:
    """Disable garbage collection while a framework is imported, and leave out what was imported of later collections.
    A framework's million objects stay anyway; to search them takes a tenth of the time of the import."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def in_words(error: Exception) -> str:
    """The first line of an error's message; its type as well, where the message alone says nothing.

    >>> in_words(ValueError("no such file")), in_words(KeyError("form")), in_words(IndexError())
    ('no such file', "KeyError: 'form'", 'IndexError')
    """
    message = next(iter(str(error).strip().splitlines()), "")
    return message if " " in message else ": ".join(part for part in (type(error).__name__, message) if part)


@contextmanager
def job(snakemake: Any) -> Iterator[RunningJob]:
    """Run a script's body with its output in the job's log and its libraries on the job's threads.

    The register gives out what the job's param `code` declares and nothing else, since after an edit of anything else
    the job would not run again. An error goes into the log with its traceback, and to the terminal as one line that
    names the log; a note next to the log keeps the reason until the job succeeds (espalier.run.failures).
    """
    this = RunningJob(snakemake)
    gc.set_threshold(100_000)  # models, and what is imported later, are objects that stay too
    threads.use(this.threads, this.cores)
    terminal = os.fdopen(os.dup(2), "w", buffering=1)
    from espalier.run import progress

    progress.terminal = terminal
    this.log.parent.mkdir(parents=True, exist_ok=True)
    resumed = this.checkpoint.exists()  # then the epochs before stay in the log
    failures.begin(this.log)
    with this.log.open("a" if resumed else "w", buffering=1) as log:
        sys.stdout.flush()
        sys.stderr.flush()
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
        try:
            plugins.load(plugins.find(this.code.get("plugins", ()), [Path.cwd()]))
            code.check_unchanged(this.code, this.library)
            with registry.only(this.code.get("uses", ()), this.code.get("described", ())):
                yield this
            code.check_unchanged(this.code, this.library)
            failures.succeed(this.log)
        except Exception as error:
            traceback.print_exc()
            reason = in_words(error)
            failures.fail(this.log, reason)
            print(f"error: {reason}\n       (more in {this.log})", file=terminal)
            sys.exit(1)
        finally:
            gc.freeze()  # the process ends here: no time for freeing its objects one by one
