"""The kinds of entries of the register: what each can do is a field, with a type, a default and an explanation.

An entry is checked when it is registered: its fields, and whether its function can be called as its kind is.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass, fields
from types import UnionType
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

ANY = "any"  # the backend of an entry that serves both frameworks
GROUPS = ("filters", "channels", "neurons", "blocks", "units", "weights")  # what a score can rank
BACKENDS = ("pytorch", "keras", ANY)
SCOPES = ("global", "layer", "erk")  # one threshold for the whole net, or one for each layer; erk: shares by shape
# How a config says what a pruned net may cost: shares of the dense net, factors that it is divided by, or MiB.
COSTS = ("macs", "params", "speed_up", "compression", "size_mib")
AMOUNTS = ("ratio", "blocks", "threshold", "pattern", *COSTS)  # how a config says how much is pruned
NAME = "[a-z][a-z0-9_]*"  # of an entry: names become folders


class RegistrationError(ValueError):
    """Something that cannot be registered: what is wrong with it."""


def _no_function(*args: Any, **kwargs: Any) -> Any:
    raise TypeError("this entry has no function yet: it is the argument of `@register(...)`")


@dataclass(frozen=True)
class Entry:
    """One registered thing: its name, a title for readers, its source, and the function that does it."""

    kind: ClassVar[str] = ""
    # Which functions of this kind are in the digest of a job's code: those that the job names, or all of them.
    digest: ClassVar[Literal["used", "all"]] = "used"
    # The module that gives out all entries of a kind whose digest is "all": jobs that import it use all of them.
    home: ClassVar[str] = ""
    # Names of the positional arguments that the function is called with, by backend (ANY: of every backend).
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {}
    # What else a function may need, by the names of its parameters; None: anything, which a config gives as an option.
    extras: ClassVar[tuple[str, ...] | None] = ()
    # Values that a field is limited to.
    allowed: ClassVar[dict[str, tuple]] = {}

    name: str
    _: KW_ONLY
    title: str
    backend: str = ANY
    cite: str = ""
    function: Callable[..., Any] = _no_function
    plugin: str = ""  # the plug-in that registers it, as the config names it; of the library: none

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def check(self) -> None:
        """Raise RegistrationError if a field has a wrong value, or the function cannot be called as its kind is."""
        if not re.fullmatch(NAME, self.name):
            raise RegistrationError(
                f"{self.kind} {self.name!r}: a name has lower-case letters, digits and underscores, a letter first"
            )
        self._check_fields()
        if not inspect.isroutine(self.function) and not inspect.isclass(self.function):
            raise RegistrationError(f"{self.kind} {self.name!r}: {self.function!r} is not a function")
        self._check_signature()

    def _check_fields(self) -> None:
        hints = get_type_hints(type(self))
        for field in fields(self):
            value, hint = getattr(self, field.name), hints[field.name]
            given = f"{self.kind} {self.name!r}: {field.name}={value!r}"
            if not _fits(value, hint):
                advice = f": write ({value!r},)" if isinstance(value, str) and get_origin(hint) is tuple else ""
                raise RegistrationError(f"{given} is not of type {_type(hint)}{advice}")
            allowed = self.allowed.get(field.name, BACKENDS if field.name == "backend" else None)
            if allowed and not set(value if isinstance(value, tuple) else (value,)) <= set(allowed):
                raise RegistrationError(f"{given} is not allowed, but {_listed(map(repr, allowed))}")

    def _check_signature(self) -> None:
        expected = self.arguments.get(self.backend, self.arguments.get(ANY, ()))
        parameters = inspect.signature(self.function).parameters.values()
        any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        taken = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if len(taken) < len(expected) and not any_number:
            raise RegistrationError(
                f"{self.kind} {self.name!r}: its function takes {_listed(taken)}, "
                f"but it is called with {_listed(expected)}"
            )
        if self.extras is None:
            return
        needed = [
            p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        if unknown := [name for name in needed if name not in (*taken[: len(expected)], *self.extras)]:
            raise RegistrationError(
                f"{self.kind} {self.name!r} asks for {_listed(unknown)}; it can be given "
                f"{_listed([*expected, *self.extras])}"
            )


@dataclass(frozen=True)
class Dataset(Entry):
    """A data set: () -> images, labels, test images, test labels, class names (`datasets.prepare.Raw`).

    A function that reads files has the parameters `root` (the folder that holds data sets) and `path`.
    """

    kind: ClassVar[str] = "dataset"
    extras: ClassVar[tuple[str, ...] | None] = ("root", "path")
    sources: Callable[..., list] | None = None  # of root and path: the files that it reads
    classes: tuple[str, ...] | None = None  # the class names, where they are known before anything is read


@dataclass(frozen=True)
class Model(Entry):
    """An architecture. PyTorch: (num_classes, widths, width) -> module. Keras: (pixels, num_classes) -> logits."""

    kind: ClassVar[str] = "model"
    extras: ClassVar[tuple[str, ...] | None] = None
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {"pytorch": ("num_classes",), "keras": ("pixels", "num_classes")}
    # The structures that prune types and scores can ask for; ANY: what it has is found out when it is built
    has: tuple[str, ...] = ()
    imagenet: bool = False  # there are ImageNet weights of it
    application: str = ""  # its name in keras.applications
    blocks: int = 0  # how many residual blocks it has
    channels: tuple[int, ...] = (1, 3)  # the numbers of image channels that it takes
    smallest: int = 1  # the smallest side of an image, in pixels
    # PyTorch: (net) -> None, which draws the initial weights in place; None: those that the function's modules draw
    initial: Callable[..., None] | None = None

    def offers(self, structure: str) -> bool:
        """Whether it has a structure that a prune type or score asks for, as far as that is known before it is
        built."""
        return ANY in self.has or structure in self.has


@dataclass(frozen=True)
class Imported(Model):
    """An architecture that no one registers: a function of the user's own, or a builder of torchvision or timm.

    Its name says where it is from: "my_nets:make_net", "torchvision/resnet18", "timm/convnext_atto" (see `imports`).
    """

    called_with_classes: bool = True  # its function takes the number of classes

    def check(self) -> None:
        """Nothing: `imports` makes these entries, of names that are no folders."""


@dataclass(frozen=True)
class Init(Entry):
    """A distribution of initial weights: (options) -> a function (generator, shape) -> array."""

    kind: ClassVar[str] = "init"
    extras: ClassVar[tuple[str, ...] | None] = None


@dataclass(frozen=True)
class Augmentation(Entry):
    """A random change of training images: (images, ..., generator) -> images.

    One that asks for `labels`, each class's share of each image (n, classes), returns images and labels.
    """

    kind: ClassVar[str] = "augmentation"
    extras: ClassVar[tuple[str, ...] | None] = None
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {ANY: ("images",)}
    crops: bool = False  # `size` may be at most as large as the image with its padding
    colours: bool = False  # it tells red from blue: its images are in the order RGB


@dataclass(frozen=True)
class Penalty(Entry):
    """What is added to the loss: (groups) -> number, groups being matrices with one row per group."""

    kind: ClassVar[str] = "penalty"
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {ANY: ("groups",)}
    # What the rows hold: the weights of the prune type's groups, or the scale of a batch norm's channel
    of: Literal["weights", "scales"] = "weights"


@dataclass(frozen=True, kw_only=True)
class PruneType(Entry):
    """What is pruned. PyTorch: (net) -> the groups of weights that go together.

    Keras: (net, score, ratio, scope, generator) -> the pruned net.
    """

    kind: ClassVar[str] = "prune_type"
    allowed: ClassVar[dict[str, tuple]] = {"by": GROUPS, "scopes": SCOPES, "amounts": AMOUNTS}
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {
        ANY: ("net",),
        "keras": ("net", "score", "ratio", "scope", "generator"),
    }
    needs: str  # a structure that a model must have
    by: tuple[str, ...]  # the kinds of groups that are scored
    amounts: tuple[str, ...]  # how it can be told how much goes, the usual one first
    scopes: tuple[str, ...] = ()  # whether groups compete across the net or within their layer, the default first
    default_method: str = ""  # the score where a config names none
    schedules: tuple[str, ...] = ()  # beside pruning at once
    spares: str = ""  # what is never pruned, in words
    masks: bool = False  # sets weights to zero: shapes, MACs and parameters stay as they are

    def usual_scope(self, score: Score) -> str | None:
        """The scope where a config names none: the one that the score was published with, else the first; None, if
        this prune type has no scopes."""
        return score.scope if score.scope in self.scopes else next(iter(self.scopes), None)

    def usual_competition(self, score: Score) -> str | None:
        """The same as the column `scope` tells it: "normalized" where layers compete by normalised scores."""
        scope = self.usual_scope(score)
        return "normalized" if scope == "global" and score.normalize else scope

    @property
    def cuts_channels(self) -> bool:
        """Whether it takes channels or neurons out of layers, of which a multiple of a number is kept (PyTorch)."""
        return self.backend == "pytorch" and set(self.by) <= {"filters", "channels", "neurons"}


@dataclass(frozen=True)
class Score(Entry):
    """The importance of groups of weights: one number per group; the lowest go first.

    PyTorch: (weight, dims, ...), where further parameters ask for more: `gradient` of the loss, `scale` of the batch
    norm, slopes of `gates` on the outputs, a seeded `generator`. Keras: (groups, generator), groups being a matrix with
    one row per group.
    """

    kind: ClassVar[str] = "score"
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {ANY: ("weight", "dims"), "keras": ("groups", "generator")}
    extras: ClassVar[tuple[str, ...] | None] = ("gradient", "batch_gradient", "scale", "gates", "generator")
    allowed: ClassVar[dict[str, tuple]] = {"of": GROUPS, "scope": ("", *SCOPES), "normalize": ("", "layer")}
    of: tuple[str, ...] = GROUPS  # the kinds of groups that it can rank
    needs: str = ""  # a structure that a model must have
    scope: str = ""  # the scope it was published with, where that is not its prune type's first
    normalize: str = ""  # "layer": it was published with each layer's scores divided by their mean (PyTorch)
    # PyTorch: a row of the weight holds all parameters that go with a group, batch norms and the readers' inputs too
    coupled: bool = False
    signed: bool = False  # its numbers can be negative
    random: bool = False  # a choice by chance, which every other score has to beat


@dataclass(frozen=True)
class Scheme(Entry):
    """A way to quantize. PyTorch: (onnx_model, batches) -> onnx_model. Keras: (lite, converter, images) -> None.

    Further parameters ask for what a config says: `calibrator`, how ranges are taken from calibration images
    (`training.calibration.Calibrator`); `keep_float`, how many layers stay in float; `further`, of a PyTorch net that
    is trained before it is exported, the training to do (`training.calibration.Further`).
    """

    kind: ClassVar[str] = "scheme"
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {
        "pytorch": ("model", "batches"),
        "keras": ("lite", "converter", "images"),
    }
    extras: ClassVar[tuple[str, ...] | None] = ("calibrator", "keep_float", "further")
    calibrated: bool = False  # needs calibration images
    trains: bool = False  # takes a recipe
    int8: bool = False  # the file must hold int8 operators
    quantizes: bool = True  # the net gets fewer bits; else it is only exported for the runtime of quantized nets
    about_times: str = ""  # what a reader must know of its prediction times, in a sentence
    slow_because: str = ""  # why its nets can be slower than in float32, to be said where they are


@dataclass(frozen=True, kw_only=True)
class FigureItem(Entry):
    """A figure of the report: (view) -> matplotlib Figure. view: the StudyView of a study."""

    kind: ClassVar[str] = "figure"
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {ANY: ("view",)}
    caption: str  # how to read it
    when: Callable[..., Any]  # a selection, (rows, config) -> rows: a study of which it takes any row gets it


@dataclass(frozen=True, kw_only=True)
class TableItem(Entry):
    """A table of the report: (view) -> Table. view: the StudyView of a study, or the RunView of a run (see `scope`)."""

    kind: ClassVar[str] = "table"
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {ANY: ("view",)}
    caption: str  # how to read it
    when: Callable[..., Any]  # a selection, (rows, config) -> rows: a study of which it takes any row gets it
    scope: Literal["study", "run"] = "study"  # what it is about


@dataclass(frozen=True, kw_only=True)
class FindingItem(Entry):
    """A question that a study answers: (view) -> Finding, or None. view: the StudyView of a study.

    Tables and pages ask for all findings that fit a study, not for one by name: so each is in the digest of their jobs.
    """

    kind: ClassVar[str] = "finding"
    digest: ClassVar[Literal["used", "all"]] = "all"
    home: ClassVar[str] = "espalier.report.findings"
    arguments: ClassVar[dict[str, tuple[str, ...]]] = {ANY: ("view",)}
    when: Callable[..., Any]  # a selection, (rows, config) -> rows: a study of which it takes any row gets it
    rank: int = 0  # a higher one comes later in the report


KINDS: dict[str, type[Entry]] = {
    kind.kind: kind
    for kind in (
        Dataset, Model, Init, Augmentation, Penalty, PruneType, Score, Scheme, FigureItem, TableItem, FindingItem
    )
}  # fmt: skip


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of an annotated type, as far as annotations of fields go."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in inner
    if origin is UnionType or origin is Union:
        return any(_fits(value, option) for option in inner)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(part, inner[0]) for part in value)
    if origin is Callable:
        return callable(value)
    return hint is Any or (isinstance(value, hint) and (hint is bool or not isinstance(value, bool)))


def _type(hint: Any) -> str:
    return getattr(hint, "__name__", "") if isinstance(hint, type) and not get_args(hint) else str(hint).split(".")[-1]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"
