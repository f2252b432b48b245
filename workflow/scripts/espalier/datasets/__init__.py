"""The data sets that a config can name, each a registered function, and where their files are looked for.

A function that reads files has the parameter `root`, the folder that holds data sets, and `path`, a place that the
config names instead of the set's own. Its option `sources` finds, without reading them, the files that it would
read, and the folders whose images it would. To add a data set, add a module to this folder: all are found.
`prepare` makes arrays of any of them.
"""

from __future__ import annotations

import inspect
import os
from pathlib import Path

from espalier.datasets.limits import check_name, check_regular
from espalier.registry import Dataset, Entry, get

VARIABLE = "ESPALIER_DATA"  # the environment variable that says where data sets are
DEFAULT = "data"


def data_root(configured: str | None) -> str:
    """The folder that holds data sets: what the config says, else the environment variable, else `data`."""
    return str(_expanded(configured or os.environ.get(VARIABLE) or DEFAULT))


def _expanded(path: str | Path) -> Path:
    """A path with ~ replaced. Raises ValueError where there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError(
            f"{path}: there is no user {Path(path).parts[0].removeprefix('~')!r} on this machine"
        ) from None


def arguments(entry: Entry, root: str | Path, path: str | None) -> dict:
    """What a data set's function is called with: of root and path those that it has parameters for."""
    given = {"root": Path(root), "path": path and Path(root, _expanded(path))}
    return {key: value for key, value in given.items() if key in inspect.signature(entry.function).parameters}


def sources(name: str, root: str | Path, path: str | None = None) -> dict[str, Path]:
    """The files that a data set is read from, those in folders too, by names that say nothing of where the set lies;
    none if they are still to be downloaded.

    Files that were downloaded are left out: they are what their checksum says, or they are not used. Raises ValueError
    for a name or a kind of file that cannot be read.
    """
    files = {}
    for source in _found(name, root, path):
        place = f"{source.parent.name}/{source.name}"
        if source.is_dir():
            for file in sorted(source.iterdir()):
                check_name(source, file.name)
                if not file.is_dir():
                    check_regular(file)
                    files[f"{place}/{file.name}"] = file
        elif source.exists():
            files[place] = source
    return files


def _found(name: str, root: str | Path, path: str | None) -> list[Path]:
    entry = get(Dataset, name)
    find = entry.sources
    return find(**arguments(entry, root, path)) if find else []


def reads_files(name: str) -> bool:
    """Whether a data set is read from files (and does not come with an installed package)."""
    return "root" in inspect.signature(get(Dataset, name).function).parameters
