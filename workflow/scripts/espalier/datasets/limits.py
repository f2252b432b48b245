"""What is refused before it is read: files that declare too much, names that cannot be kept, what is no file."""

from __future__ import annotations

import stat
from pathlib import Path

IMAGE_BYTES = 2**28  # of one image file
IMAGE_PIXELS = 10**8  # of one decoded image: 300 MB as RGB
ARRAY_BYTES = 2**33  # of one array, or of one member of an archive
MEMBERS = 10**7  # files in one folder or archive


def check_size(place: str, what: str, declared: int, limit: int, unit: str = "bytes") -> None:
    """Raise ValueError if what a file declares to hold is more than any data set of ours has."""
    if declared > limit:
        raise ValueError(f"{place}: {what} declares {declared:,} {unit}, more than the {limit:,} that are read here")


def check_name(place: Path, name: str) -> None:
    """Raise ValueError for a file name that is no text, or that would break a list of names in two."""
    if not name.isprintable() or any("\ud800" <= character <= "\udfff" for character in name):
        raise ValueError(f"{place}: the name {name!r} has characters that cannot be used in a file name: rename it")


def check_regular(path: Path) -> None:
    """Raise ValueError for a path that is no file to be read: a dangling link, a named pipe, a device."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if not path.is_symlink():
            raise
        raise ValueError(f"{path} is a link to {path.readlink()}, which does not exist: mend or remove it") from None
    except (OSError, RuntimeError) as error:  # such as a link to itself
        raise ValueError(f"{path} cannot be read ({error})") from None
    if not stat.S_ISREG(mode):
        kind = "a named pipe" if stat.S_ISFIFO(mode) else "a folder" if stat.S_ISDIR(mode) else "a device or socket"
        raise ValueError(f"{path} is {kind}, not a file: remove it from the data set")
