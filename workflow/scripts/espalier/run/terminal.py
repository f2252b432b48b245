"""What a run says on the terminal: one line for a job, with the time that is left; the failures, and the answer, last.

Snakemake's own handler of the terminal is replaced by one that says less. The file that Snakemake writes in
`.snakemake/log` has all of it as ever: why each job runs, its files, and its resources.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from espalier.run.expected import Progress, in_words

# Notices of Snakemake that a user of this workflow need not read.
UNSAID = (
    "Building DAG of jobs", "Using shell", "Select jobs to execute", "Conda environments: ignored",
    "Singularity containers: ignored", "Group jobs: inactive", "Complete log(s)", "Elapsed time", "Waiting at most",
    "Adding ", "Loading script code", "Assuming unrestricted",
)  # fmt: skip
CLOCK = "%H:%M:%S"
NONE = "\N{EN DASH}"  # what tables show where there is nothing
SCRIPT_FAILED = "RuleException:\nCalledProcessError in file"
AT_ONCE = 1.0  # seconds: a job that takes less has no line
UNKNOWN = 1e6  # seconds of a job of which nothing is known: the kinds with such jobs are named first
LONG = 60.0  # seconds: of a job that takes longer, the start says for how long, and its end has a line too


@dataclass(frozen=True)
class Run:
    """What is asked of a run while it says something.

    dry: whether it only says what it would do; progress: of the jobs that Snakemake has laid out; answer: what came
    out, "" if nothing is to be said.
    """

    dry: Callable[[], bool]
    progress: Callable[[], Progress]
    answer: Callable[[], str]


class Terminal(logging.StreamHandler):
    """Snakemake's records in words.

    before: the handler that it takes the place of; its filters, its stream and its colours stay. run: what is asked of
    the run, when Snakemake has laid out its jobs.
    """

    def __init__(self, before: logging.StreamHandler, run: Run) -> None:
        super().__init__(before.stream)
        self.name = before.name
        self.before, self.run = before, run
        self.progress: Progress | None = None
        self.names: dict[int, str] = {}
        self.wording = {
            None: self._other,
            "error": self._error,
            "run_info": self._run_info,
            "job_info": self._job_info,
            "job_finished": self._job_finished,
            "job_error": self._job_error,
            "group_info": _nothing,
            "job_started": _nothing,
            "progress": _nothing,
            "resources_info": _nothing,
            "workflow_started": _nothing,
            "shellcmd": _nothing,
        }
        for chosen in before.filters:
            self.addFilter(chosen)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the words of a record, if it has any."""
        try:
            if words := self.format(record):
                decorate: Callable[[logging.LogRecord, str], str] | None = getattr(self.before, "decorate", None)
                if decorate and getattr(record, "event", None) not in ("job_info", "job_finished"):
                    words = decorate(record, words)
                self.stream.write(f"{words}\n")
                self.flush()
        except BrokenPipeError:
            raise
        except Exception:
            self.handleError(record)

    def format(self, record: logging.LogRecord) -> str:
        """The words of a record, "" for none."""
        event = getattr(record, "event", None)
        if self.run.dry():
            return self._of_dry_run(record, event)
        say = self.wording.get(event)
        return say(record) if say else self.before.format(record)

    def _of_dry_run(self, record: logging.LogRecord, event: str | None) -> str:
        """Snakemake's own words, with the reasons, and how long the jobs take."""
        words = self.before.format(record)
        if event != "run_info":
            return words
        progress = self.run.progress()
        costs = [progress.times.of(job) for job in progress.jobs.values()]
        if unknown := sum(cost is None for cost in costs):
            said = f"{unknown} jobs are of studies of which nothing has run yet: nobody knows how long they take."
        else:
            said = f"Expected: about {in_words(sum(cost or 0.0 for cost in costs))} if one job runs after the other."
        return f"{words.rstrip()}\n{said}\n"

    def _other(self, record: logging.LogRecord) -> str:
        words = str(record.msg or "")
        if record.levelno == logging.INFO and words.startswith(UNSAID):
            return ""
        if words.startswith("Nothing to be done") and (answer := self.run.answer()):
            return f"{words}\n{answer}"
        return words

    def _error(self, record: logging.LogRecord) -> str:
        """What went wrong. That a script ended with an error, the script has said itself, with the reason."""
        words = self.before.format(record)
        return "" if words.startswith(SCRIPT_FAILED) else words

    def _run_info(self, record: logging.LogRecord) -> str:
        """How many jobs of each kind there are, the longest in all first, and how long they take."""
        self.progress = self.run.progress()
        costs: dict[str, float] = defaultdict(float)
        counts: Counter[str] = Counter()
        for job in self.progress.jobs.values():
            costs[job.rule] += self.progress.times.of(job) or UNKNOWN
            counts[job.rule] += 1
        kinds = ", ".join(f"{counts[rule]} {rule}" for rule in sorted(costs, key=costs.__getitem__, reverse=True))
        left = self.progress.left()
        time_left = "" if left is None else f", about {in_words(left)}"
        return f"{len(self.progress.jobs)} jobs{time_left}: {kinds}"

    def _job_info(self, record: logging.LogRecord) -> str:
        number = record.__dict__["jobid"]
        name = self.names[number] = record.__dict__["rule_msg"] or record.__dict__["rule_name"]
        if self.progress is None or number not in self.progress.jobs:
            return ""
        self.progress.start(number)
        seconds = self.progress.expected(number)
        if seconds is not None and seconds < AT_ONCE:
            return ""
        return self._line(f"{name} ({in_words(seconds)})" if seconds and seconds >= LONG else name)

    def _job_finished(self, record: logging.LogRecord) -> str:
        number = record.__dict__["job_id"]
        if self.progress is None:
            return ""
        seconds = self.progress.finish(number)
        return self._line(f"finished {self.names.get(number)}, in {in_words(seconds)}") if seconds >= LONG else ""

    def _job_error(self, record: logging.LogRecord) -> str:
        number = record.__dict__["jobid"]
        if self.progress is not None:
            self.progress.fail(number)
        name = self.names.get(number) or record.__dict__["rule_name"]
        line = f"{time.strftime(CLOCK)}  FAILED: {name}"
        if record.__dict__.get("aux") or getattr(self.before.formatter, "show_failed_logs", False):
            return f"{line}\n{self.before.format(record)}"  # a cluster's own log, or what the user asked to see
        return line

    def _line(self, words: str) -> str:
        """A line of the time, the share that is done, and the time that is left."""
        clock = time.strftime(CLOCK)
        if self.progress is None:
            return f"{clock}  {words}"
        left, share = self.progress.left(), self.progress.share()
        if left is None or share is None:
            return f"{clock}  {len(self.progress.finished)} of {len(self.progress.jobs)} jobs done  {words}"
        return f"{clock}  {int(100 * share):3d} %  {f'{in_words(left)} left':<16}  {words}"


def _nothing(record: logging.LogRecord) -> str:
    return ""


def answer(studies: Iterable[Mapping[str, str]], page: str) -> str:
    """The last lines of a run. studies: rows of the table of studies; page: the file that a net is chosen on.

    >>> nets = {"smallest_1": "weight magnitude 0.80: 3.1 times smaller", "fastest_1": "\N{EN DASH}"}
    >>> print(answer([{"title": "MNIST", "headline": "..."} | nets], "results/choose.html"))
    MNIST, at most 1 point below dense
        smallest  weight magnitude 0.80: 3.1 times smaller
        fastest   none
    Choose a net: open results/choose.html
    """
    lines = []
    for study in studies:
        best = {goal: study.get(f"{goal}_1", NONE) for goal in ("smallest", "fastest")}
        if all(net.startswith(NONE) for net in best.values()):
            lines.append(f"{study['title']}: {study['headline']}")
            continue
        lines.append(f"{study['title']}, at most 1 point below dense")
        lines += [f"    {goal:<8}  {net.replace(NONE, 'none', 1)}" for goal, net in best.items()]
    return "\n".join([*lines, f"Choose a net: open {page}"])


def install(logger: logging.Logger, run: Run) -> Terminal | None:
    """Replace Snakemake's handler of the terminal; None, if there is another one: of a plugin that the user chose."""
    before = next((handler for handler in logger.handlers if handler.name == "DefaultStreamHandler"), None)
    if not isinstance(before, logging.StreamHandler):
        return None
    terminal = Terminal(before, run)
    logger.removeHandler(before)
    logger.addHandler(terminal)
    return terminal
