"""What the files contain that data sets and weights are read from, as digests that are found once per file.

A file that was copied to another disk, unpacked again or mounted anew has another time stamp and the same bytes, and
what was computed from it stands. So jobs are compared by the bytes of what they read, not by its time stamps.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from espalier.run.files import whole

LARGE = 16 * 2**30  # bytes: of more than these, times stand for the bytes, since reading them all takes minutes


class Contents:
    """Digests of files. The file `store` remembers them by path, size, times and inode, so that each is read once."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.known: dict[str, list] = {}
        self.new = False
        with contextlib.suppress(OSError, ValueError):  # a store that is missing or damaged is only slower
            known = json.loads(store.read_text())
            self.known = known if isinstance(known, dict) else {}

    def digest(self, files: Mapping[str, Path]) -> str:
        """Digest of the names of `files` and of what they contain; of sizes and times, if they are too large to read.

        Raises OSError for a file that cannot be read.
        """
        versions = {name: _version(file) for name, file in files.items()}
        if sum(size for size, *_ in versions.values()) > LARGE:
            contents: dict = {name: version[:2] for name, version in versions.items()}
        else:
            contents = {name: self._content(file, versions[name]) for name, file in files.items()}
            if self.new:
                self._save()
        return hashlib.sha256(json.dumps(sorted(contents.items())).encode()).hexdigest()[:16]

    def _content(self, file: Path, version: list[int]) -> str:
        path = str(file.absolute())
        known = self.known.get(path)
        if isinstance(known, list) and known[:-1] == version:
            return known[-1]
        with file.open("rb") as opened:
            content = hashlib.file_digest(opened, "sha256").hexdigest()
        self.known[path], self.new = [*version, content], True
        return content

    def _save(self) -> None:
        with contextlib.suppress(OSError):  # a folder that cannot be written to: read again next time
            self.store.parent.mkdir(parents=True, exist_ok=True)
            with whole(self.store) as out:
                Path(out).write_text(json.dumps(self.known))


def _version(file: Path) -> list[int]:
    """What changes when a file is written to or another one takes its place."""
    status = file.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
