"""Running the real workflow: in a copy of the project, on the embedded data."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config.yaml", "workflow", "profiles", "report", "envs")


@dataclass
class Project:
    """A copy of the project, or a finished run of it, that a test may change."""

    folder: Path

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run Snakemake in the folder; standard error is joined to standard output."""
        command = [sys.executable, "-m", "snakemake", *arguments]
        return subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, *arguments: str) -> str:
        """Run Snakemake and expect it to end well; its output."""
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout

    def planned(self, *arguments: str) -> dict[str, int]:
        """What a dry run says would be done: rule -> number of jobs, targets left out."""
        output = self.run("--dry-run", *arguments)
        if "Nothing to be done" in output:
            return {}
        table = output[output.rindex("Job stats:") :]
        counts = {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, flags=re.M)}
        return {rule: n for rule, n in counts.items() if rule not in ("total", "all")}

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace text in one of the project's files; the text must be there once."""
        path = self.folder / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new))


def _copy(folder: Path) -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source = PROJECT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part)
    return Project(folder)


@pytest.fixture
def project(tmp_path) -> Project:
    """A fresh copy of the project in which nothing has run."""
    return _copy(tmp_path / "project")


@pytest.fixture(scope="session")
def small_run(tmp_path_factory) -> Project:
    """The miniature config, run to its end. Not to be changed: take `finished` for that."""
    fresh = _copy(tmp_path_factory.mktemp("small") / "project")
    shutil.copy2(PROJECT / "tests" / "config" / "small.yaml", fresh.folder / "config.yaml")
    fresh.run("--cores", "2")
    return fresh


@pytest.fixture
def finished(small_run, tmp_path) -> Project:
    """A copy of the finished miniature run, time stamps and Snakemake's memory with it."""
    shutil.copytree(small_run.folder, tmp_path / "finished", symlinks=True)
    return Project(tmp_path / "finished")
