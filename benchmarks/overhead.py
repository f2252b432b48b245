"""What the workflow costs beside its work: a config's run against the same work in one bare process per framework.

    .venv/bin/python benchmarks/overhead.py [--config config.yaml] [--cores 2] [--jobs 0]

The bare processes run side by side and call the library's functions for the jobs of their framework, one after another,
in the order of the grid: each imports its framework once, and reads, trains, prunes, quantizes, evaluates and writes
what the workflow's jobs do. They draw no figure and time no prediction. Against them are run, in fresh copies of the
project: the whole run; and the nets and their records alone, with warm workers and without. Prints wall-clock and
processor time of each, and their ratios to the first. --jobs N adds what N jobs of a second of work each cost. Linux
alone: it counts processes that Snakemake's jobs leave behind.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[1]
SCRIPTS = PROJECT / "workflow" / "scripts"
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: processes whose parent ended become children of this one
sys.path.append(str(SCRIPTS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=PROJECT / "config.yaml")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--jobs", type=int, default=0, help="how many jobs of a second to run too (default none)")
    parser.add_argument("--bare", nargs=2, metavar=("BACKEND", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        return bare(options.config, *options.bare)
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    sweep(options.config, options.cores)
    if options.jobs:
        seconds(options.jobs, options.cores)


def sweep(config: Path, cores: int) -> None:
    """The jobs of a config, bare and as a workflow."""
    from espalier.plan import grid

    jobs = grid.build(yaml.safe_load(config.read_text())).jobs.values()
    rows = Rows(f"{len(jobs)} results of {config.name}, {cores} cores")
    with tempfile.TemporaryDirectory() as folder:
        rows.add("one bare process per framework", *side_by_side(config, {job.backend for job in jobs}, folder))
    for name, targets in {
        "the whole run with its tables and figures, warm workers": [],
        "nets and records alone, warm workers": ["--", "models"],
        "nets and records alone, each job imports": ["--config", "warm_workers=false", "--", "models"],
    }.items():
        with tempfile.TemporaryDirectory() as folder:
            copy(Path(folder), config)
            rows.add(name, ([*snakemake(cores), *targets], folder))


def side_by_side(config: Path, backends: set[str], folder: str) -> list[tuple[list[str], str]]:
    """The commands of the bare processes."""
    here = [sys.executable, __file__, "--config", str(config)]
    return [([*here, "--bare", backend, folder], str(PROJECT)) for backend in sorted(backends)]


def bare(config: Path, backend: str, folder: str) -> None:
    """Run the jobs of one framework in this process."""
    from espalier import datasets
    from espalier.backends import BACKENDS
    from espalier.datasets import prepare
    from espalier.plan import grid
    from espalier.plan.steps import STEPS
    from espalier.run import predictions, threads

    planned = grid.build(yaml.safe_load(config.read_text()))
    threads.use(planned.config["threads"])
    importlib.import_module(f"espalier.{backend}.runtime").start(planned.config["threads"], "cpu")
    root = datasets.data_root(planned.config["data_root"])

    def file(node: str) -> Path:
        return Path(folder, node, BACKENDS[backend].format_of(planned.jobs[node].step).file)

    for job in planned.jobs.values():
        if job.backend != backend:
            continue
        dataset = planned.studies[job.study]["dataset"]
        data = Path(folder, backend, grid.dataset_id(dataset))
        if not data.exists():
            prepare.prepare(data, prepare.Preparation(**dataset, data_root=root))
        step, out = STEPS[job.step], file(job.node)
        out.parent.mkdir(parents=True)
        nets = {"parent": job.parent, "dense": planned.trained(job)} if job.parent else {}
        nets = {name: file(node) for name, node in nets.items() if name in step.reads}
        call(backend, step.function)(out, data=data, **nets, **job.params)
        measured = call(backend, step.measure)(out, data, **{name: nets[name] for name in step.measured_with})
        predictions.write(out.with_name("predictions.npz"), measured.pop("predictions"))


def call(backend: str, name: str):
    """A function of a backend, named as "module.function"."""
    module, _, function = name.partition(".")
    return getattr(importlib.import_module(f"espalier.{backend}.{module}"), function)


def seconds(number: int, cores: int) -> None:
    """Jobs of a second of work that want pandas: with warm workers, without, and without Snakemake."""
    work = "import pandas, time\nbegun = time.process_time()\nwhile time.process_time() < begun + 1:\n    pass\n"
    head = "from espalier.run.warm_workers import run_in_worker\nrun_in_worker('report', 1)\n"
    rules = f"""
import sys
sys.path.append({str(SCRIPTS)!r})
from espalier.run import warm_workers
warm_workers.allow() if config["warm"] else warm_workers.forbid()
rule all:
    input: [f"done/{{n}}" for n in range({number})]
rule job:
    output: touch("done/{{n}}")
    script: "job.py"
"""
    rows = Rows(f"{number} jobs of a second each, {cores} cores")
    with tempfile.TemporaryDirectory() as folder:
        loop = f"import pandas, time\nfor _ in range({number // cores}):\n    end = time.process_time() + 1\n"
        Path(folder, "loop.py").write_text(loop + "    while time.process_time() < end:\n        pass\n")
        rows.add(f"{cores} loops", *[([sys.executable, "loop.py"], folder)] * cores)
    for name, warm in {"jobs, warm workers": 1, "jobs, each imports": 0}.items():
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "Snakefile").write_text(rules)
            Path(folder, "job.py").write_text(f"import sys\nsys.path.append({str(SCRIPTS)!r})\n{head}{work}")
            rows.add(name, ([*snakemake(cores), "--config", f"warm={warm}"], folder))


def snakemake(cores: int) -> list[str]:
    return [sys.executable, "-m", "snakemake", "--cores", str(cores)]


def copy(folder: Path, config: Path) -> None:
    """A fresh copy of the project's files, with this config as its own."""
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in tracked.splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, folder / name)
    shutil.copy2(config, folder / "config.yaml")


def timed(*commands: tuple[list[str], str]) -> tuple[float, float]:
    """Wall-clock and processor seconds of commands that run side by side, each in its folder."""
    before, begun = used(), time.perf_counter()
    running = [
        subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for command, folder in commands
    ]
    for process in running:
        _, errors = process.communicate()
        if process.returncode:
            sys.exit(errors.decode()[-4000:])
    wall = time.perf_counter() - begun
    with suppress(ChildProcessError):  # the workers, which end a moment later
        while True:
            os.wait()
    return wall, used() - before


def used() -> float:
    """Processor seconds of the processes that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


class Rows:
    """A table that is printed row by row; its ratios are to the first."""

    def __init__(self, title: str) -> None:
        self.first: tuple[float, float] | None = None
        print(f"\n| {title} | time (s) | ratio | processor time (s) | ratio |")
        print("| --- | ---: | ---: | ---: | ---: |", flush=True)

    def add(self, name: str, *commands: tuple[list[str], str]) -> None:
        wall, processor = timed(*commands)
        self.first = self.first or (wall, processor)
        ratios = wall / self.first[0], processor / self.first[1]
        print(f"| {name} | {wall:.0f} | {ratios[0]:.2f} | {processor:.0f} | {ratios[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
