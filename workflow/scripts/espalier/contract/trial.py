"""Running the checks of a contract: what each demands, and what came of it."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espalier.registry import Entry

SAME_ERROR = "the same error"  # why a check is skipped whose error was told already

Check = Callable[[Any], str | None]  # of a trial: what is wrong and how to mend it


@dataclass(frozen=True)
class Verdict:
    """One check, by its function's name: what must hold, and if it does not, what is wrong and how to mend it."""

    check: str
    demand: str
    problem: str = ""
    skipped: str = ""  # why it was not checked

    @property
    def holds(self) -> bool:
        return not self.problem and not self.skipped


class NotChecked(Exception):
    """A check that cannot be made of this entry: why."""


def verdicts(entry: Entry, trial: Any, checks: Iterable[Check]) -> list[Verdict]:
    """What came of each check. An error that several checks run into is told once."""
    told: list[Verdict] = [_documented(entry)]
    for check in checks:
        name, demand = check.__name__, _first_sentence(check)
        try:
            verdict = Verdict(name, demand, check(trial) or "")
        except NotChecked as reason:
            verdict = Verdict(name, demand, skipped=str(reason))
        except (Exception, SystemExit) as error:
            verdict = Verdict(name, demand, _told(error, entry))
        if verdict.problem and any(verdict.problem == earlier.problem for earlier in told):
            verdict = Verdict(name, demand, skipped=SAME_ERROR)
        told.append(verdict)
    return told


def _documented(entry: Entry) -> Verdict:
    missing = [name for name, text in (("title", entry.title), ("docstring", entry.function.__doc__)) if not text]
    problem = f"It has no {' and no '.join(missing)}: the report and the list of methods show them." if missing else ""
    return Verdict("is_documented", "It has a title and a docstring.", problem)


def _first_sentence(check: Check) -> str:
    return " ".join((inspect.getdoc(check) or check.__name__).split("\n\n")[0].split())


def _told(error: BaseException, entry: Entry) -> str:
    """An error with the line of the entry's own file in which it arose."""
    said = " ".join(str(error).split()) or "no message"
    own = inspect.getsourcefile(inspect.unwrap(entry.function)) or ""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own]
    where = f" ({Path(own).name}, line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {said}{where}"
