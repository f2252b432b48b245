"""How long the jobs of a run take: the share of the work that is done, and the time that is left.

What a job costs is known from the same job of an earlier run, else from jobs of its kind: of the same study, in
earlier runs and in this one. Where there are none, kinds of job have the proportions of the default run (SECONDS): a
study whose trainings took a hundred times as long as those of the default run fine-tunes a hundred times as long, too.
"""

from __future__ import annotations

import csv
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from espalier.plan.steps import STEPS

if TYPE_CHECKING:
    from espalier.plan.grid import Grid

# Seconds of the mean job of the default run, on two cores without a GPU, by the name of its rule.
SECONDS = {
    "prepare_dataset": 1.2, "fetch_weights": 20.0, "read_weights": 3.0, "given": 3.0, "train": 14.0, "regularize": 14.0,
    "finetune": 9.0, "distill": 12.0, "scratch": 14.0, "prune": 5.5, "quantize": 6.7, "measure": 0.3,
    "measure_latency": 1.5, "collect_records": 0.5, "collect_run": 1.0, "draw_figure": 3.0, "make_table": 1.5,
    "write_overview": 3.0, "write_choose": 3.0, "write_pages": 3.0,
}  # fmt: skip
OTHER = 1.0  # seconds of a rule that is not in this list
SMALL = "digits"  # the data set of the default run, of whose studies SECONDS holds without any scale
SAMPLES = 5  # records that are read of a study and kind of step of a run that ended before its tables were made
WORK = 20.0  # seconds for which what is expected counts as much as what is seen of this run

Kind = tuple[str, str]  # the name of a rule; its study, if it is a step of a chain


@dataclass(frozen=True)
class Planned:
    """A job that a run is to do."""

    rule: str
    study: str = ""
    node: str = ""

    @property
    def kind(self) -> Kind:
        """What jobs that take about as long have in common."""
        return (self.rule, self.study if self.rule in STEPS or self.rule == "measure" else "")


@dataclass
class Times:
    """What is known of how long jobs take. seconds: of the jobs of a kind; nodes: of the job of a node; small: studies
    of which SECONDS holds as it is."""

    seconds: dict[Kind, list[float]] = field(default_factory=lambda: defaultdict(list))
    nodes: dict[str, float] = field(default_factory=dict)
    small: frozenset[str] = frozenset()

    def learn(self, job: Planned, seconds: float) -> None:
        """Note how long a job took."""
        self.seconds[job.kind].append(seconds)

    def of(self, job: Planned) -> float | None:
        """The seconds that a job is expected to take; None, if nothing of its study has ever run.

        >>> times = Times()
        >>> times.of(Planned("finetune", "a")), times.of(Planned("draw_figure", "a"))
        (None, 3.0)
        >>> times.learn(Planned("train", "a"), 1400.0)
        >>> times.of(Planned("train", "a")), times.of(Planned("finetune", "a")), times.of(Planned("train", "b"))
        (1400.0, 900.0, None)
        """
        if job.rule in STEPS and job.node in self.nodes:
            return self.nodes[job.node]
        if known := self.seconds.get(job.kind):
            return median(known)
        scale = self._scale(job.kind[1]) if job.rule in STEPS else 1.0
        return None if scale is None else scale * SECONDS.get(job.rule, OTHER)

    def _scale(self, study: str) -> float | None:
        """How much longer the steps of a study take than those of the default run."""
        known = {rule: median(self.seconds[rule, study]) for rule in STEPS if self.seconds.get((rule, study))}
        if known:
            return sum(known.values()) / sum(SECONDS.get(rule, OTHER) for rule in known)
        return 1.0 if study in self.small else None


def known(grid: Grid, results: Path) -> Times:
    """What an earlier run left: its table of all results, else some records of each study and kind of step."""
    small = frozenset(name for name, study in grid.studies.items() if study["dataset"]["name"] == SMALL)
    times = Times(small=small)
    for study, step, node, seconds in _earlier(grid, results):
        times.nodes[node] = seconds
        times.learn(Planned(step, study), seconds)
    return times


def _earlier(grid: Grid, results: Path) -> Iterable[tuple[str, str, str, float]]:
    """The study, step, node and seconds of results of an earlier run."""
    try:
        with (results / "records" / "results.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                yield row["study"], row["step"], row["node"], float(row["timing_seconds"])
        return
    except (OSError, ValueError, KeyError):
        pass  # a run that did not come that far
    read: Counter[Kind] = Counter()
    for job in grid.jobs.values():
        if read[job.step, job.study] < SAMPLES and (seconds := _recorded(results / "models" / job.node)) is not None:
            read[job.step, job.study] += 1
            yield job.study, job.step, job.node, seconds


def _recorded(folder: Path) -> float | None:
    try:
        record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        return float(record["timing"]["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or damaged, which is not for this to say


@dataclass
class Progress:
    """How far a run is.

    jobs: what is to be done, by the numbers that Snakemake gives; children: the numbers of the jobs that need a job;
    lanes: how many jobs run side by side, as far as that can be known; learns: whether the time from the start of a job
    to its end is its own, and not also that in the queue of a cluster.
    """

    jobs: Mapping[int, Planned]
    children: Mapping[int, Iterable[int]]
    times: Times
    lanes: float = 1.0
    learns: bool = True
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.began = self.clock()
        self.running: dict[int, float] = {}  # when they were started
        self.finished: set[int] = set()
        self.lost: set[int] = set()  # jobs that failed, and those that need them

    def start(self, number: int) -> None:
        """Note that a job is started."""
        self.running[number] = self.clock()
        self.lost.discard(number)  # a job that failed is tried again

    def finish(self, number: int) -> float:
        """Note that a job has ended well; the seconds since its start."""
        seconds = self.clock() - self.running.pop(number, self.clock())
        if self.learns and number in self.jobs:
            self.times.learn(self.jobs[number], seconds)
        self.finished.add(number)
        return seconds

    def fail(self, number: int) -> None:
        """Note that a job has failed: what needs it is not going to run."""
        self.running.pop(number, None)
        lost = [number]
        while lost:
            number = lost.pop()
            if number not in self.lost:
                self.lost.add(number)
                lost += self.children.get(number, ())

    def expected(self, number: int) -> float | None:
        """The seconds that a job is expected to take, None if nobody knows."""
        return self.times.of(self.jobs[number]) if number in self.jobs else None

    @property
    def open(self) -> list[int]:
        """The jobs that are not finished, and not lost."""
        return [number for number in self.jobs if number not in self.finished and number not in self.lost]

    def left(self) -> float | None:
        """The seconds until the end of the run; None, if a study has trainings of which nothing is known yet."""
        costs, now = self._costs(self.open), self.clock()
        if costs is None:
            return None
        left = {n: max(cost - (now - self.running.get(n, now)), 0.0) for n, cost in costs.items()}
        done = self._done() + sum(costs.values()) - sum(left.values())
        lanes = (done + WORK * self.lanes) / (now - self.began + WORK)
        return max(sum(left.values()) / lanes, max(left.values(), default=0.0))

    def share(self) -> float | None:
        """The share of the run's work that is done, from 0 to 1; None, where the time that is left is not known."""
        left, done = self._costs(self.open), self._done()
        if left is None:
            return None
        running = sum(min(left[n], self.clock() - started) for n, started in self.running.items() if n in left)
        return (done + running) / total if (total := done + sum(left.values())) else 1.0

    def _done(self) -> float:
        """The seconds of the finished jobs, as they would be expected now."""
        costs = self._costs(self.finished)
        return sum(costs.values()) if costs else 0.0

    def _costs(self, numbers: Iterable[int]) -> dict[int, float] | None:
        """The seconds of jobs; None, if there is one of which nothing is known."""
        known: dict[Planned, float | None] = {}
        costs = {}
        for number in numbers:
            if (job := self.jobs.get(number)) is None:
                continue
            kind = job if job.node in self.times.nodes else Planned(job.rule, job.study)
            if kind not in known:
                known[kind] = self.times.of(kind)
            cost = known[kind]
            if cost is None:
                return None
            costs[number] = cost
        return costs


def in_words(seconds: float) -> str:
    """A time that need not be exact.

    >>> [in_words(seconds) for seconds in (4.2, 89.0, 1260.0, 4000.0, 97_000.0, 300_000.0)]
    ['4 s', '1.5 min', '21 min', '1 h 5 min', '27 h', '3.5 days']
    """
    minutes = seconds / 60
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    if minutes < 9.95:
        return f"{minutes:.1f} min".replace(".0", "")
    if minutes < 59.5:
        return f"{minutes:.0f} min"
    if minutes < 600:
        hours, rest = divmod(5 * round(minutes / 5), 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{minutes / 60:.0f} h" if minutes < 2880 else f"{minutes / 1440:.1f} days"
