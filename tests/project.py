"""The project in a copy of its own, in which a test runs Snakemake."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "config.yaml", "workflow", "profiles", "report", "envs")


@dataclass
class Project:
    """A copy of the project, or a finished run of it, that a test may change."""

    folder: Path
    env: dict[str, str] | None = None  # the environment that Snakemake is run in; None: that of the tests

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start Snakemake in the folder; standard error is joined to standard output. options: of the Popen."""
        command = [sys.executable, "-m", "snakemake", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        options = pipes | {"cwd": self.folder, "env": self.env, "text": True, "preexec_fn": heed_interrupts} | options
        return subprocess.Popen(command, **options)

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake in the folder to its end."""
        running = self.start(*arguments)
        output, _ = running.communicate()
        return subprocess.CompletedProcess(running.args, running.returncode, output)

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


def heed_interrupts() -> None:
    """Tests may run in the background of a shell, whose processes ignore an interrupt, and hand that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def copy(folder: Path) -> Project:
    """A copy of the project in which nothing has run."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source = PROJECT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part)
    return Project(folder)
