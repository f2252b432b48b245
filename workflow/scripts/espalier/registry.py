"""The register of everything that a config can name or a report can show.

Each kind of entry is a class: what an entry can do is a field, with a type, a default and an explanation. One function
with one registration adds a method::

    @register(Score("mean_abs", backend="pytorch", title="Mean absolute weight", cite="Li et al. 2017"))
    def mean_abs(weight, dims): ...

The modules that hold registrations import no framework at their top (torch and TensorFlow take seconds each), so that
the workflow can check a config against the register while it builds its graph.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from espalier.kinds import (
    AMOUNTS,
    ANY,
    COSTS,
    GROUPS,
    KINDS,
    SCOPES,
    Augmentation,
    Dataset,
    Entry,
    FigureItem,
    FindingItem,
    Imported,
    Init,
    Model,
    Penalty,
    PruneType,
    RegistrationError,
    Scheme,
    Score,
    TableItem,
)

__all__ = [
    "AMOUNTS",
    "ANY",
    "COSTS",
    "GROUPS",
    "KINDS",
    "SCOPES",
    "Augmentation",
    "Dataset",
    "Entry",
    "FigureItem",
    "FindingItem",
    "Imported",
    "Init",
    "Model",
    "NotDeclared",
    "Penalty",
    "PruneType",
    "RegistrationError",
    "Scheme",
    "Score",
    "TableItem",
    "UnknownName",
    "adopt",
    "entries",
    "forget",
    "get",
    "load",
    "of_plugin",
    "only",
    "register",
    "registering",
]

E = TypeVar("E", bound=Entry)
F = TypeVar("F", bound=Callable[..., Any])


class UnknownName(LookupError):
    """A name that nothing is registered under; `allowed` and `nearest` help to say so well."""

    def __init__(self, kind: str, backend: str, name: str, allowed: list[str]) -> None:
        self.kind, self.backend, self.name, self.allowed = kind, backend, name, allowed
        close = difflib.get_close_matches(str(name), allowed, n=1)
        self.nearest = close[0] if close else None
        where = "" if backend == ANY else f" for backend {backend!r}"
        super().__init__(
            f"{name!r} is not a registered {kind.replace('_', ' ')}{where}. Allowed: {', '.join(allowed)}."
        )


class NotDeclared(RuntimeError):
    """A running job reached for an entry that is not in its digest: after an edit of that, it would not run again."""


_entries: dict[tuple[str, str, str], Entry] = {}
_plugin = ""  # the plug-in that is being imported
_declared: frozenset[tuple[str, str]] | None = None  # (kind, name) of what a running job may reach; None: everything
_described: frozenset[tuple[str, str]] = frozenset()  # what it may ask for the fields of, and not call


def register(entry: Entry) -> Callable[[F], F]:
    """Decorator: put a function into the register as this entry.

    Registering a second function under the same kind, backend and name raises ValueError, so that no method shadows
    another unseen; so does a function that cannot be called as functions of this kind are.
    """

    def add(function: F) -> F:
        key = (entry.kind, entry.backend, entry.name)
        known = _entries.get(key)
        if known and _place(known.function) != _place(function):  # the same place: its module is imported again
            raise RegistrationError(
                f"{entry.kind} {entry.name!r} is registered twice: {_place(known.function)}, {_place(function)}"
            )
        complete = replace(entry, function=function, plugin=_plugin)
        complete.check()
        _entries[key] = complete
        return function

    return add


def adopt(entry: E) -> E:
    """Put an entry that has its function already into the register."""
    _entries[entry.kind, entry.backend, entry.name] = entry
    return entry


def entries(kind: type[E], backend: str = ANY) -> dict[str, E]:
    """All entries of a kind that `backend` can use, by name, in order of registration.

    In a running job: those that the job declares.
    """
    load(report=issubclass(kind, _OF_THE_REPORT))
    found = {e.name: e for e in _entries.values() if isinstance(e, kind) and e.backend in (backend, ANY)}
    return {name: _given(entry) for name, entry in found.items() if _may_be_reached(entry)}


def get(kind: type[E], name: str, backend: str = ANY) -> E:
    """The entry of that name.

    A model of torchvision, timm or the user's own file gets an entry when it is first asked for (`imports.model`, which
    may raise ImportFailed). Raises UnknownName with what is allowed, NotDeclared in a running job that does not declare
    it.
    """
    load(report=issubclass(kind, _OF_THE_REPORT))
    found: dict[str, Any] = {
        e.name: e for e in _entries.values() if isinstance(e, kind) and e.backend in (backend, ANY)
    }
    if name not in found and kind is Model and (":" in name or "/" in name):
        from espalier import imports

        found[name] = adopt(imports.model(name, backend))
    if name not in found:
        raise UnknownName(kind.kind, backend, name, sorted(found))
    if not _may_be_reached(found[name]):
        raise NotDeclared(
            f"this job uses the {kind.kind.replace('_', ' ')} {name!r}, which its digest of code does not cover: "
            "name it among what the job uses"
        )
    return _given(found[name])


@contextmanager
def only(uses: Iterable[tuple[str, str, str]], described: Iterable[tuple[str, str, str]] = ()) -> Iterator[None]:
    """While a job runs, give out only what its digest covers: (kind, name, backend) of each entry.

    uses: entries whole; described: their fields alone, without their functions.
    """
    global _declared, _described
    before = _declared, _described
    _declared, _described = (frozenset((kind, name) for kind, name, _ in keys) for keys in (uses, described))
    try:
        yield
    finally:
        _declared, _described = before


@contextmanager
def registering(plugin: str) -> Iterator[None]:
    """While a plug-in is imported: what is registered is the plug-in's."""
    global _plugin
    before, _plugin = _plugin, plugin
    try:
        yield
    finally:
        _plugin = before


def of_plugin(plugin: str) -> list[Entry]:
    """What a plug-in registered, in order of registration."""
    return [entry for entry in _entries.values() if entry.plugin == plugin]


def forget(plugin: str) -> None:
    """Take out what a plug-in registered."""
    for entry in of_plugin(plugin):
        del _entries[entry.kind, entry.backend, entry.name]


def _may_be_reached(entry: Entry) -> bool:
    if _declared is None or entry.digest == "all":
        return True
    return (entry.kind, entry.name) in _declared | _described


def _given(entry: E) -> E:
    """The entry, or one without its function if the running job may ask for its fields alone."""
    whole = _declared is None or entry.digest == "all" or (entry.kind, entry.name) in _declared
    return entry if whole else replace(entry, function=_not_covered)


def _not_covered(*args: Any, **kwargs: Any) -> Any:
    raise NotDeclared("this job's digest of code covers the fields of this entry, not its function")


def _place(function: Callable[..., Any]) -> str:
    """Where a function is defined: "espalier.pytorch.scores.l1, line 66"."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    line = f", line {code.co_firstlineno}" if code else ""
    return f"{function.__module__}.{function.__qualname__}{line}"


def names() -> tuple[tuple[str, str, str], ...]:
    """(kind, backend, name) of all entries: what changes when one is registered."""
    load()
    return tuple(_entries)


# The folders and modules that hold registrations. A figure or a table is a module of its own in its package.
COMPUTING = (
    "espalier.datasets",
    "espalier.pytorch.augment",
    "espalier.pytorch.architectures",
    "espalier.pytorch.cifar_nets",
    "espalier.pytorch.scores",
    "espalier.pytorch.penalties",
    "espalier.pytorch.groups",
    "espalier.keras.augment",
    "espalier.keras.architectures",
    "espalier.keras.groups",
    "espalier.keras.scores",
    "espalier.pytorch.quantize",
    "espalier.keras.quantize",
)
REPORTING = ("espalier.report.figures", "espalier.report.findings", "espalier.report.tables")
_OF_THE_REPORT = (FigureItem, TableItem, FindingItem)
_loaded: set[str] = set()


def load(*, report: bool = True) -> None:
    """Import every module that registers something (once). report: those of the report too, which need pandas."""
    for source in (*COMPUTING, *(REPORTING if report else ())):
        if source in _loaded:
            continue
        _loaded.add(source)
        module = importlib.import_module(source)
        for child in pkgutil.iter_modules(getattr(module, "__path__", ())):
            importlib.import_module(f"{source}.{child.name}")
