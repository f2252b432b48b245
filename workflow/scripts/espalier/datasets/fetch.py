"""Files of data sets: what was read, and fetching what is not there."""

from __future__ import annotations

import hashlib
import http.client
import socket
import sys
import tempfile
import time
from pathlib import Path

TRIES = 3
WAIT = 5.0  # seconds before the second try, twice as many before the third
TIMEOUT = 60.0  # seconds without an answer


def described(path: Path, root: Path, official: bool | None = None) -> dict:
    """What the manifest says of a file that was read: its name below the data root, and its sha256.

    official: whether its checksum is the one that the publisher states; left out if None (there is none).
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"file": shown(path, root), "sha256": digest} | ({} if official is None else {"official": official})


def shown(path: Path, root: Path) -> str:
    """A path as the manifest gives it: below the data root, which may lie elsewhere on another machine."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def has_md5(path: Path, md5: str) -> bool:
    """Whether a file has this checksum."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == md5


def fetch(name: str, urls: list[str], md5: str, root: Path, instead: Path) -> Path:
    """A file of a data set from the first of these addresses that gives it whole; its path below `root`/downloads.

    What lies there already is checked and not fetched again. instead: the folder that the user can put it into. Raises
    RuntimeError if no address gave the file with that checksum, each tried three times.
    """
    from torchvision.datasets.utils import download_url

    file = Path(urls[0]).name
    path = root / "downloads" / name / file
    if path.exists() and has_md5(path, md5):
        return path
    print(f"{file} of {name} is not in {instead}: downloading it to {path.parent}", file=sys.stderr, flush=True)
    tried, before = [], socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)  # torchvision waits for ever
    try:
        for number in range(TRIES):
            time.sleep(WAIT * number)
            for url in urls:
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    # Two jobs may fetch the same file: each has its own until it is whole and right.
                    with tempfile.TemporaryDirectory(dir=path.parent) as own:
                        download_url(url, own, file, md5)
                        Path(own, file).replace(path)
                    return path
                except (OSError, RuntimeError, http.client.HTTPException) as error:
                    tried.append(f"{url}: {error}")
                    print(tried[-1], file=sys.stderr, flush=True)
    finally:
        socket.setdefaulttimeout(before)
    raise RuntimeError(
        f"{file} of {name} could not be downloaded ({tried[-1]}): put it into {instead}, or set `data_root` to where"
        " it is\nTried:\n" + "\n".join(tried)
    )
