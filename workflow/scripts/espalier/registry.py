"""The register of everything a config can name: data sets, models, scores, penalties, prune types, figures, tables.

One function with one registration is all it takes to add a method::

    @register("mean_abs", kind="score", backend="pytorch", title="Mean absolute weight", cite="Li et al. 2017")
    def mean_abs(weight, dims): ...

The modules that hold registrations import no framework at their top (torch and TensorFlow cost seconds each), so
the workflow can check a config against the register while it builds its graph.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ANY = "any"  # the backend of an entry that serves both frameworks


@dataclass(frozen=True)
class Entry:
    """One registered thing: what it is called, what it can do, where it comes from."""

    name: str
    kind: str
    backend: str
    title: str
    cite: str
    function: Callable
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)


class UnknownName(LookupError):
    """A name that nothing is registered under; `allowed` and `nearest` help to say so well."""

    def __init__(self, kind: str, backend: str, name: str, allowed: list[str]):
        self.kind, self.backend, self.name, self.allowed = kind, backend, name, allowed
        close = difflib.get_close_matches(str(name), allowed, n=1)
        self.nearest = close[0] if close else None
        where = "" if backend == ANY else f" for backend {backend!r}"
        super().__init__(
            f"{name!r} is not a registered {kind.replace('_', ' ')}{where}. Allowed: {', '.join(allowed)}."
        )


_entries: dict[tuple[str, str, str], Entry] = {}


def register(name: str, *, kind: str, title: str, backend: str = ANY, cite: str = "", **options) -> Callable:
    """Decorator: put a function into the register under (`kind`, `backend`, `name`).

    `options` are the capabilities the entry declares, such as what structure a prune type needs. Registering the
    same key for a second function raises ValueError, so that no method shadows another unseen.
    """

    def add(function: Callable) -> Callable:
        key = (kind, backend, name)
        known = _entries.get(key)
        if known and _place(known.function) != _place(function):  # the same place: its module is imported again
            raise ValueError(f"{kind} {name!r} is registered twice: {_place(known.function)}, {_place(function)}")
        _entries[key] = Entry(name, kind, backend, title, cite, function, options)
        return function

    return add


def _place(function: Callable) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def entries(kind: str, backend: str = ANY) -> dict[str, Entry]:
    """All entries of a kind that `backend` can use, by name, in order of registration."""
    load()
    return {e.name: e for e in _entries.values() if e.kind == kind and e.backend in (backend, ANY)}


def get(kind: str, name: str, backend: str = ANY) -> Entry:
    """The entry of that name; raises UnknownName with what is allowed."""
    found = entries(kind, backend)
    if name not in found:
        raise UnknownName(kind, backend, name, sorted(found))
    return found[name]


# The folders and modules that hold registrations. A figure or a table is a module of its own in its package.
SOURCES = (
    "espalier.datasets",
    "espalier.pytorch.augment",
    "espalier.pytorch.models",
    "espalier.pytorch.scores",
    "espalier.pytorch.penalties",
    "espalier.pytorch.groups",
    "espalier.keras.models",
    "espalier.keras.prune",
    "espalier.pytorch.quantize",
    "espalier.keras.quantize",
    "espalier.report.figures",
    "espalier.report.tables",
)
_loaded = False


def load() -> None:
    """Import every module that registers something (once)."""
    global _loaded
    if _loaded:
        return
    _loaded = True
    for source in SOURCES:
        module = importlib.import_module(source)
        for child in pkgutil.iter_modules(getattr(module, "__path__", ())):
            importlib.import_module(f"{source}.{child.name}")
