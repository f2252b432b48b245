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
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, Literal, TypeVar

ANY = "any"  # the backend of an entry that serves both frameworks
GROUPS = ("filters", "channels", "blocks", "units", "weights")  # what a score can rank


def _no_function(*args: Any, **kwargs: Any) -> Any:
    raise TypeError("this entry has no function yet: it is the argument of `@register(...)`")


@dataclass(frozen=True)
class Entry:
    """One registered thing: its name, a title for readers, its source, and the function that does it."""

    kind: ClassVar[str] = ""
    # Which functions of this kind are in the digest of a job's code: those that the job names, or all of them.
    digest: ClassVar[Literal["used", "all"]] = "used"
    # Names of the positional arguments that the function is called with, by backend (ANY: of every backend).
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {}

    name: str
    _: KW_ONLY
    title: str
    backend: str = ANY
    cite: str = ""
    function: Callable[..., Any] = _no_function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def check(self) -> None:
        """Raise TypeError if the function cannot be called as functions of this kind are."""
        expected = self.arguments.get(self.backend, self.arguments.get(ANY))
        if expected is None:
            return
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = inspect.signature(self.function).parameters.values()
        taken = [p for p in parameters if p.kind in positional]
        if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
            return
        if len(taken) < len(expected):
            raise TypeError(
                f"{self.kind} {self.name!r}: its function takes {_listed(p.name for p in taken)}, "
                f"but it is called with {_listed(expected)}"
            )


@dataclass(frozen=True)
class Dataset(Entry):
    """A data set: () -> images, labels, test images, test labels, class names (`datasets.prepare.Raw`).

    A function that reads files has the parameters `root` (the folder that holds data sets) and `path`.
    """

    kind: ClassVar[str] = "dataset"
    sources: Callable[..., list] | None = None  # of root and path: the files that it reads
    classes: tuple[str, ...] | None = None  # the class names, where they are known before anything is read


@dataclass(frozen=True)
class Model(Entry):
    """An architecture. PyTorch: (num_classes, widths, width) -> module. Keras: (pixels, num_classes) -> logits."""

    kind: ClassVar[str] = "model"
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {"pytorch": ("num_classes",), "keras": ("pixels", "num_classes")}
    has: tuple[str, ...] = ()  # the structures that prune types and scores can ask for
    imagenet: bool = False  # there are ImageNet weights of it
    application: str = ""  # its name in keras.applications
    blocks: int = 0  # how many residual blocks it has
    channels: tuple[int, ...] = (1, 3)  # the numbers of image channels that it takes
    smallest: int = 1  # the smallest side of an image, in pixels


@dataclass(frozen=True)
class Init(Entry):
    """A distribution of initial weights: (options) -> a function (generator, shape) -> array."""

    kind: ClassVar[str] = "init"


@dataclass(frozen=True)
class Augmentation(Entry):
    """A random change of training images: (images, ..., generator) -> images."""

    kind: ClassVar[str] = "augmentation"
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {ANY: ("images",)}
    crops: bool = False  # `size` may be at most as large as the image with its padding


@dataclass(frozen=True)
class Penalty(Entry):
    """What is added to the loss: (groups) -> number, groups being matrices with one row per group."""

    kind: ClassVar[str] = "penalty"
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {ANY: ("groups",)}


@dataclass(frozen=True, kw_only=True)
class PruneType(Entry):
    """What is pruned: (net) -> the groups of weights that go together."""

    kind: ClassVar[str] = "prune_type"
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {ANY: ("net",)}
    needs: str  # a structure that a model must have
    by: tuple[str, ...]  # the kinds of groups that are scored
    amounts: tuple[str, ...]  # how it can be told how much goes, the usual one first
    scopes: tuple[str, ...] = ()  # whether groups compete across the net or within their layer, the default first
    default_method: str = ""  # the score where a config names none
    schedules: tuple[str, ...] = ()  # beside pruning at once
    spares: str = ""  # what is never pruned, in words


@dataclass(frozen=True)
class Score(Entry):
    """The importance of groups: (weight, dims, ...) -> one number per group; the lowest go first.

    Further parameters ask for more: `gradient` of the loss, `scale` of the batch norm, a seeded `generator`.
    """

    kind: ClassVar[str] = "score"
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {ANY: ("weight", "dims")}
    EXTRAS: ClassVar[tuple[str, ...]] = ("gradient", "scale", "generator")
    of: tuple[str, ...] = GROUPS  # the kinds of groups that it can rank
    needs: str = ""  # a structure that a model must have
    scope: str = ""  # the scope it was published with, where that is not its prune type's first

    def check(self) -> None:
        """Raise TypeError if the function cannot be called, or asks for something that no score is given."""
        super().check()
        asked = list(inspect.signature(self.function).parameters.values())[2:]
        unknown = [p.name for p in asked if p.name not in self.EXTRAS and p.default is p.empty]
        if unknown:
            raise TypeError(
                f"score {self.name!r} asks for {_listed(unknown)}; beside weight and dims a score can be given "
                f"{_listed(self.EXTRAS)}"
            )


@dataclass(frozen=True)
class Scheme(Entry):
    """A way to quantize. PyTorch: (onnx_model, batches) -> onnx_model. Keras: (lite, converter, images) -> None."""

    kind: ClassVar[str] = "scheme"
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {
        "pytorch": ("model", "batches"),
        "keras": ("lite", "converter", "images"),
    }
    calibrated: bool = False  # needs calibration images
    trains: bool = False  # takes a recipe
    int8: bool = False  # the file must hold int8 operators


@dataclass(frozen=True, kw_only=True)
class FigureItem(Entry):
    """A figure of the report: (view) -> matplotlib Figure. view: the StudyView of a study."""

    kind: ClassVar[str] = "figure"
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {ANY: ("view",)}
    caption: str  # how to read it
    when: Callable[..., bool]  # (rows, study) -> whether a study gets it


@dataclass(frozen=True, kw_only=True)
class TableItem(Entry):
    """A table of the report: (view) -> Table. view: the StudyView of a study, or the RunView of a run (see `scope`)."""

    kind: ClassVar[str] = "table"
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {ANY: ("view",)}
    caption: str  # how to read it
    when: Callable[..., bool]  # (rows, study) -> whether a study gets it
    scope: Literal["study", "run"] = "study"  # what it is about


@dataclass(frozen=True, kw_only=True)
class FindingItem(Entry):
    """A question that a study answers: (view) -> list of Finding. view: the StudyView of a study.

    Tables and pages ask for all findings that fit a study, not for one by name: so each is in the digest of their jobs.
    """

    kind: ClassVar[str] = "finding"
    digest: ClassVar[Literal["used", "all"]] = "all"
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {ANY: ("view",)}
    when: Callable[..., bool]  # (rows, study) -> whether a study gets it
    rank: int = 0  # a higher one comes later in the report


KINDS: dict[str, type[Entry]] = {
    kind.kind: kind
    for kind in (
        Dataset, Model, Init, Augmentation, Penalty, PruneType, Score, Scheme, FigureItem, TableItem, FindingItem
    )
}  # fmt: skip

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
_declared: frozenset[tuple[str, str]] | None = None  # (kind, name) of what a running job may reach; None: everything


def register(entry: Entry) -> Callable[[F], F]:
    """Decorator: put a function into the register as this entry.

    Registering a second function under the same kind, backend and name raises ValueError, so that no method shadows
    another unseen. Raises TypeError if the function cannot be called as functions of this kind are.
    """

    def add(function: F) -> F:
        key = (entry.kind, entry.backend, entry.name)
        known = _entries.get(key)
        if known and _place(known.function) != _place(function):  # the same place: its module is imported again
            raise ValueError(
                f"{entry.kind} {entry.name!r} is registered twice: {_place(known.function)}, {_place(function)}"
            )
        complete = replace(entry, function=function)
        complete.check()
        _entries[key] = complete
        return function

    return add


def entries(kind: type[E], backend: str = ANY) -> dict[str, E]:
    """All entries of a kind that `backend` can use, by name, in order of registration.

    In a running job: those that the job declares.
    """
    load()
    found = {e.name: e for e in _entries.values() if isinstance(e, kind) and e.backend in (backend, ANY)}
    return {name: entry for name, entry in found.items() if _may_be_reached(entry)}


def get(kind: type[E], name: str, backend: str = ANY) -> E:
    """The entry of that name.

    Raises UnknownName with what is allowed, NotDeclared in a running job that does not declare it.
    """
    load()
    found = {e.name: e for e in _entries.values() if isinstance(e, kind) and e.backend in (backend, ANY)}
    if name not in found:
        raise UnknownName(kind.kind, backend, name, sorted(found))
    if not _may_be_reached(found[name]):
        raise NotDeclared(
            f"this job uses the {kind.kind.replace('_', ' ')} {name!r}, which its digest of code does not cover: "
            "name it among what the job uses"
        )
    return found[name]


@contextmanager
def only(uses: Iterable[tuple[str, str, str]]) -> Iterator[None]:
    """While a job runs, give out only what its digest covers: `uses`, (kind, name, backend) of each entry."""
    global _declared
    before, _declared = _declared, frozenset((kind, name) for kind, name, _ in uses)
    try:
        yield
    finally:
        _declared = before


def _may_be_reached(entry: Entry) -> bool:
    return _declared is None or entry.digest == "all" or (entry.kind, entry.name) in _declared


def _place(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


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
    "espalier.report.findings",
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
