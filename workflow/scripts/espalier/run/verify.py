"""`espalier verify`: compare all files of a run with what their jobs wrote, and with what the config plans.

damaged   not what its job wrote, or of another place; `--mend` deletes it
missing   planned, and not there
stale     of a node, data set or study that the config no longer plans, or made from a net that has changed since
foreign   no job of this workflow writes a file of this name there

Looked at are the folders that later jobs read from: `models`, `data` and `records`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espalier.backends import BACKENDS
from espalier.run import records
from espalier.run.integrity import Damaged, check, files_behind, read_sealed

if TYPE_CHECKING:
    from espalier.plan.grid import Grid

STATES = ("damaged", "missing", "stale", "foreign")
HEADS = ("manifest.json", "record.json", "latency.json")  # a folder with one of these is what a job left
TABLES = ("results.csv", "history.csv", "layers.csv", "latency.csv", "summary.csv", "outcomes.csv", "classes.csv")
HELP = """\
Compare all models, records, data sets and tables of a run with the digests that they were written with, and with what
the config plans. The exit status is 0 if nothing is damaged or missing, 1 if something is, 2 if the config is wrong."""
FOLDER = "the folder of the run's results (results, if none is given)"
CONFIG = Path("config.yaml")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a run: a state of STATES, and for a damaged file which one is to be deleted."""

    state: str
    path: Path
    text: str

    def __str__(self) -> str:
        return f"{self.state:8} {self.path}{': ' if self.text else ''}{self.text}"


class Inspection:
    """A look at all files of a run. results: its folder; grid: what its config plans. `faults`: what is wrong."""

    def __init__(self, results: Path, grid: Grid) -> None:
        self.results, self.grid = results, grid
        self.faults: list[Fault] = []
        self.planned: set[Path] = set()
        self._data()
        self._nodes()
        self._times()
        self._tables()
        self._unplanned()
        self.faults.sort(key=lambda fault: STATES.index(fault.state))

    def _fault(self, state: str, path: Path, text: str = "") -> None:
        self.faults.append(Fault(state, path, text))

    def _read(self, path: Path, read: Callable[[Path], dict[str, Any]] = read_sealed) -> dict[str, Any]:
        """The content of a planned file that carries its own digest; nothing, if it has a fault."""
        self.planned.add(path)
        if not path.exists():
            self._fault("missing", path)
            return {}
        try:
            return read(path)
        except Damaged as damaged:
            self._fault("damaged", path, damaged.problem)
            return {}

    def _compare(self, path: Path, digest: str | None, named_in: str) -> None:
        """Compare a planned file with its digest; None, if the file that names the digest has a fault itself."""
        self.planned.add(path)
        if not path.exists():
            self._fault("missing", path)
        elif digest is not None:
            try:
                check(path, digest, named_in)
            except Damaged as damaged:
                self._fault("damaged", path, damaged.problem)

    def _data(self) -> None:
        for name in self.grid.datasets():
            folder = self.results / "data" / name
            digests = self._read(folder / "manifest.json").get("files", {})
            self._read(folder / "timing.json")
            for file in ("images.npy", "labels.npy"):
                self._compare(folder / file, digests.get(file), "manifest.json")

    def _nodes(self) -> None:
        nets: dict[str, str | None] = {}  # node -> the digest of its net; None, if its record has a fault
        for job in self.grid.jobs.values():
            folder = self.results / "models" / job.node
            digests = self._read(folder / "record.json", records.read).get("files", {})
            nets[job.node] = digests.get("model_sha256")
            model = folder / BACKENDS[job.backend].format_of(job.step).file
            origin = self._read(model.with_name(f"{model.name}.json"), records.read).get("files", {})
            nets[job.node] = origin.get("model_sha256", nets[job.node])
            self._compare(model, nets[job.node], f"{model.name}.json")
            self._compare(folder / "predictions.npz", digests.get("predictions_sha256"), "record.json")
            if job.parent and digests and nets[job.parent] not in (None, digests["parent_sha256"]):
                self._fault("stale", folder, "it was made from another net than its parent now is")

    def _times(self) -> None:
        for name, study in self.grid.studies.items():
            for seed in study["seeds"] if "latency" in study else ():
                path = self.results / "records" / name / f"seed{seed}" / "latency.json"
                if any((row["study"], row["seed"]) != (name, seed) for row in self._read(path).get("rows", ())):
                    self._fault("damaged", path, "it holds the times of another study or seed")

    def _tables(self) -> None:
        for study in ("", *self.grid.studies):
            folder = self.results / "records" / study
            digests = self._read(folder / "digests.json")
            for file in TABLES:
                self._compare(folder / file, digests.get(file), "digests.json")

    def _unplanned(self) -> None:
        """What lies in the folders and is not planned."""
        for part in ("data", "models", "records"):
            for folder, _, names in os.walk(self.results / part):
                others = [path for name in sorted(names) if (path := Path(folder, name)) not in self.planned]
                if any(path.name in HEADS for path in others):
                    self._fault("stale", Path(folder), "the config does not plan it")
                else:
                    for path in others:
                        self._fault("foreign", path)


def mend(found: list[Fault]) -> list[Path]:
    """Delete the damaged files, so that they are made again; the deleted files."""
    deleted = []
    for path in dict.fromkeys(path for fault in found if fault.state == "damaged" for path in files_behind(fault.path)):
        path.unlink(missing_ok=True)
        deleted.append(path)
    return deleted


def add(parsers: Any) -> argparse.ArgumentParser:
    """Say what the command takes."""
    parser = parsers.add_parser("verify", help="compare the files of a run with what was written", description=HELP)
    parser.add_argument("results", nargs="?", type=Path, default=Path("results"), metavar="RESULTS", help=FOLDER)
    parser.add_argument("--configfile", type=Path, default=CONFIG, metavar="FILE", help="the config of the run")
    parser.add_argument("--mend", action="store_true", help="delete what is damaged, so that it can be made again")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Print what is wrong with a run, and give the exit status."""
    try:
        grid = planned(arguments.configfile)
    except (OSError, ValueError) as error:
        print(f"{arguments.configfile}: {error}", file=sys.stderr)
        return 2
    found = Inspection(arguments.results, grid).faults
    for fault in found:
        print(fault)
    counts = Counter(fault.state for fault in found)
    print(f"{len(grid.jobs)} results: {', '.join(f'{counts[state]} {state}' for state in STATES)}")
    if arguments.mend:
        for path in mend(found):
            print(f"deleted  {path}")
    if counts["damaged"] or counts["missing"]:
        other = "" if arguments.configfile == CONFIG else f" --configfile {arguments.configfile}"
        first = "" if arguments.mend or not counts["damaged"] else "delete what is damaged (--mend), then run: "
        print(f"{first}snakemake --cores all everything{other}")
    return int(bool(counts["damaged"] or counts["missing"]))


def planned(configfile: Path) -> Grid:
    """What a config plans; raises OSError or ValueError if it cannot be read or is wrong."""
    import yaml

    from espalier import plugins
    from espalier.plan import grid

    try:
        config = yaml.safe_load(configfile.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    plugins.load(plugins.find(plugins.named_in(config), [configfile.absolute().parent, Path.cwd()]))
    return grid.build(config, [configfile.absolute().parent])
