"""Which jobs failed, and why: a job leaves a note beside its log when it begins, and removes it when it succeeds.

So a note is there of every job that failed, with the reason; of one that was killed too, which could not say so itself.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from espalier.run.files import write_json

KILLED = "it was killed: stopped by hand or by the machine, which may have run out of memory or time"
SUFFIX = ".failed.json"
SHOWN = 3  # logs that are named of jobs which failed for one reason


@dataclass(frozen=True)
class Failure:
    """A job that did not succeed. began, ended: seconds since 1970; `ended` is None of a job that was killed, or still
    runs."""

    log: str
    reason: str
    began: float
    ended: float | None = None

    @property
    def killed(self) -> bool:
        """Whether the job ended without a word."""
        return self.ended is None


def note_of(log: str | Path) -> Path:
    """Where the note of a job is.

    >>> note_of("logs/s/seed0/train.keras.log").as_posix()
    'logs/s/seed0/train.keras.failed.json'
    """
    log = Path(log)
    return log.with_name(f"{log.name.removesuffix('.log')}{SUFFIX}")


def begin(log: Path) -> None:
    """Leave the note of a job that begins."""
    write_json(note_of(log), asdict(Failure(str(log), KILLED, time.time())))


def fail(log: Path, reason: str) -> None:
    """Say in the note why the job failed."""
    began = read(log)
    now = time.time()
    write_json(note_of(log), asdict(Failure(str(log), reason, began.began if began else now, now)))


def succeed(log: Path) -> None:
    """Remove the note."""
    note_of(log).unlink(missing_ok=True)


def read(log: str | Path) -> Failure | None:
    """What the note of a job says; None, if there is none: the job succeeded, or never began."""
    return _read(note_of(log))


def since(logs: Path, began: float) -> list[Failure]:
    """The jobs that began after a time (seconds since 1970) and did not succeed, in the order in which they began.
    logs: the folder of all logs."""
    notes = [note for path in logs.rglob(f"*{SUFFIX}") if (note := _read(path))]
    return sorted((note for note in notes if note.began >= began), key=_began)


def in_words(failed: list[Failure]) -> list[str]:
    """What failed, for the user: each reason once, with what to do where that is not a part of it, and the logs.

    >>> print(in_words([Failure("a.log", "no such file", 0.0, 1.0), Failure("b.log", "no such file", 0.0, 1.0)])[0])
    failed: no such file
            a.log
            b.log
    """
    logs: dict[str, list[str]] = {}
    for failure in failed:
        logs.setdefault(failure.reason, []).append(failure.log)
    return ["\n        ".join([f"failed: {reason}", *_remedy(reason), *_few(names)]) for reason, names in logs.items()]


def _remedy(reason: str) -> list[str]:
    return ["If it was memory: a smaller number after --cores runs fewer jobs at once."] if reason == KILLED else []


def _few(names: list[str]) -> list[str]:
    more = len(names) - SHOWN
    return [*names[:SHOWN], *([f"and {more} more for the same reason"] if more > 0 else [])]


def _began(failure: Failure) -> float:
    return failure.began


def _read(path: Path) -> Failure | None:
    try:
        note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Failure(**note)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):  # a note that is not whole still says that its job did not succeed
        return Failure(f"{str(path).removesuffix(SUFFIX)}.log", KILLED, path.stat().st_mtime)
