"""Killing runs at random: the whole group of processes, the Snakemake alone, or one of its jobs."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from project import PROJECT, Project, copy

TIMED = ("seconds", "timing")  # what differs between two runs of the same thing
COMPARED = (".safetensors", ".npz", ".npy", ".svg")  # byte by byte
TIMED_FIGURES = ("latency", "speed_up")


@dataclass
class Hammer:
    """What kills runs of a project. `struck`: how often which was killed: "group", "parent", or a job's script."""

    project: Project
    chance: random.Random
    struck: Counter[str] = field(default_factory=Counter)

    @property
    def kills(self) -> int:
        return sum(self.struck.values())

    def run(self, *arguments: str, kills: int) -> int:
        """Run Snakemake and kill at most so many times: jobs of it, until the run itself is killed or ends. Before each
        kill some jobs end, so that runs get on, however slow the machine is. Returns Snakemake's exit status."""
        output = self.project.folder / "output.txt"
        with output.open("w") as file:
            # --verbose: in Snakemake's own words, which say of each job that it has ended
            running = self.project.start("--verbose", *arguments, stdout=file, start_new_session=True)
        last, done = self.kills + kills, 0
        while self.kills < last and running.poll() is None:
            done += self.chance.choice((0, 0, 1, 1, 2, 3))
            while output.read_text().count("Finished jobid") < done and running.poll() is None:
                time.sleep(0.05)
            time.sleep(self.chance.uniform(0.1, 1.5))
            self._strike(running)
        running.wait()
        while self._processes():  # jobs that outlived their Snakemake hold its lock
            time.sleep(0.1)
        return running.returncode

    def _strike(self, running: subprocess.Popen[str]) -> None:
        jobs = [(pid, script) for pid, script in self._processes() if script]
        if not jobs or running.poll() is not None:
            return
        kind = self.chance.choice(("job", "job", "group", "parent"))
        if kind == "job":
            pid, script = self.chance.choice(jobs)
            with contextlib.suppress(ProcessLookupError):  # it may have ended by now
                os.kill(pid, signal.SIGKILL)
                self.struck[script] += 1
        else:
            kill = os.kill if kind == "parent" else os.killpg
            kill(running.pid, signal.SIGKILL)
            self.struck[kind] += 1
            running.wait()

    def _processes(self) -> list[tuple[int, str]]:
        """The processes that run in the project's folder, each with the name of the script whose job it is, or ""."""
        found, here = [], self.project.folder.resolve()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
                if (process / "cwd").readlink() == here and state != "Z":
                    found.append((int(process.name), _script((process / "cmdline").read_text())))
            except OSError:
                continue  # it has ended
        return found


def _script(command: str) -> str:
    """The script of a job: "make_table" of python\0.../.snakemake/scripts/tmp1a2b.make_table.py."""
    word = next((word for word in command.split("\0")[1:] if "/.snakemake/scripts/" in word), "")
    return word.rpartition("/")[2].partition(".")[2].removesuffix(".py") if command.startswith(("/", "python")) else ""


def miniature(folder: Path) -> Project:
    """A project with the smallest run that has everything that can be killed."""
    project = copy(folder)
    shutil.copy2(PROJECT / "tests" / "config" / "kills" / "config.yaml", project.folder)
    shutil.copy2(PROJECT / "examples" / "plugin" / "my_methods.py", project.folder)
    return project


def results(project: Project) -> dict[str, Any]:
    """Everything that a run computed, by path: records without what they took, nets and figures as bytes."""
    found: dict[str, Any] = {}
    for path in sorted((project.folder / "results").rglob("*")):
        name = path.relative_to(project.folder).as_posix()
        if path.suffix in COMPARED and path.stem not in TIMED_FIGURES:
            found[name] = path.read_bytes()
        elif path.name == "record.json":
            found[name] = dict(_untimed(json.loads(path.read_text())))
    return found


def _untimed(record: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if key == "history":
            yield key, [{k: v for k, v in epoch.items() if k not in TIMED} for epoch in value]
        elif key not in (*TIMED, "digest"):
            yield key, value
