"""Whether a file still is what was written: digests of files, JSON that carries its own, and an error that names the
damaged file and says what to do.

Every file that a job reads was written by a job before it. A disk, a copy that was cut short or a hand may have changed
it since, and a changed model still loads. So each record names the SHA-256 of its model, each manifest those of its
arrays, and both carry a digest of themselves. What is read is compared with them first.
"""

from __future__ import annotations

import functools
import hashlib
import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from espalier.run.files import write_json

DIGEST = "digest"  # the last key of a JSON file that carries its own digest


class Damaged(Exception):
    """A file is not what was written. `path` is the file; the message is one line: which, why, and what to do."""

    def __init__(self, path: str | Path, problem: str) -> None:
        self.path, self.problem = Path(path), problem
        delete = shlex.join(["rm", *map(str, files_behind(path))])
        super().__init__(f"{path} is damaged: {problem}. Delete it and run again, and it is made again: {delete}")


def files_behind(path: str | Path) -> list[Path]:
    """The file, and what it is a link to: an output that Snakemake took from its cache is a link into it. Both have to
    be deleted for the file to be made again."""
    path = Path(path)
    return [path, path.resolve()] if path.is_symlink() else [path]


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits. A file that did not change is read once per process."""
    status = Path(path).stat()
    return _sha256(str(path), status.st_ino, status.st_size, status.st_mtime_ns)


@functools.cache
def _sha256(path: str, *version: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(path: str | Path, expected: str, named_in: str) -> None:
    """Compare a file with the SHA-256 that another one names for it; raises Damaged. named_in: that one, for the
    message."""
    if not Path(path).exists():
        raise Damaged(path, "it is not there")
    if not Path(path).stat().st_size:
        raise Damaged(path, "it is empty")
    if (found := sha256(path)) != expected:
        raise Damaged(path, f"its SHA-256 is {found[:12]}..., and {named_in} says {expected[:12]}...")


def write_sealed(path: str | Path, value: dict[str, Any]) -> None:
    """Write a dict as JSON whose last key is the digest of the rest, and of the name of the folder: the file of another
    folder is not taken for this one. A digest that the dict has already is left out."""
    value = {key: part for key, part in value.items() if key != DIGEST}
    write_json(path, value | {DIGEST: _digest(value, path)})


def read_sealed(path: str | Path) -> dict[str, Any]:
    """Read what `write_sealed` wrote, without the digest. Raises Damaged for anything else."""
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Damaged(path, "it is not there") from None
    except (ValueError, RecursionError) as error:
        raise Damaged(path, f"it is not whole ({type(error).__name__})") from None
    if not isinstance(value, dict) or DIGEST not in value:
        raise Damaged(path, "it does not carry its digest, as every file of this version does")
    digest = value.pop(DIGEST)
    if digest != _digest(value, path):
        raise Damaged(path, "its content is not what was written here: it does not match the digest that it carries")
    return value


def _digest(value: dict[str, Any], path: str | Path) -> str:
    folder = Path(path).absolute().parent.name
    return hashlib.sha256(json.dumps([folder, value], sort_keys=True).encode()).hexdigest()


def write_digests(path: Path, files: Iterable[Path]) -> None:
    """Write the digests of files that lie beside `path`."""
    write_sealed(path, {file.name: sha256(file) for file in files})


def check_digests(path: Path) -> None:
    """Compare files with the digests that `write_digests` wrote; raises Damaged."""
    for name, expected in read_sealed(path).items():
        check(path.with_name(name), expected, path.name)
