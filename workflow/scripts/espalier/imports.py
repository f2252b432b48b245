"""Nets that no one registers: a function of the user's own, and the builders of torchvision and timm.

A config names them, `model: {import: "my_nets.py:make_net"}` or `model: {name: torchvision/resnet18}`. The register
gets an entry for such a net when it is first asked for. The name says where the net is from:

my_nets:make_net        a function or class of a loaded plug-in's module, whose source is in the digest of every job
torchvision/resnet18    a builder of torchvision
timm/convnext_atto      a model of timm, which has to be installed

Nothing here imports a framework. What a name stands for is built by `pytorch.imported` and `keras.imported`.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from espalier import plugins
from espalier.kinds import ANY, Imported

CLASSES = "num_classes"  # the parameter that a function takes the number of classes by
PIXELS = "pixels"  # the parameter that a Keras function takes the input tensor by
LIBRARIES = ("torchvision", "timm")
BUILDER = re.compile(r"^@register_model\((?:name=)?\"?(\w*)\"?\)\n(?:@.*\n)*def (\w+)\(", re.M)


class ImportFailed(ValueError):
    """A net that cannot be imported: what is wrong, what is allowed, and the nearest name that there is."""

    def __init__(self, problem: str, *, allowed: str = "", nearest: str | None = None) -> None:
        self.problem, self.allowed, self.nearest = problem, allowed, nearest
        super().__init__(f"{problem}. Allowed: {allowed}" if allowed else problem)


def is_imported(name: str) -> bool:
    """Whether a model of this name is none that is registered by a function.

    >>> is_imported("torchvision/resnet18"), is_imported("my_nets:make_net"), is_imported("resnet50")
    (True, True, False)
    """
    return "/" in name or ":" in name


def model(name: str, backend: str) -> Imported:
    """The entry of an imported net. Raises ImportFailed if there is no such net, or no such function in its module."""
    return _of_library(name, backend) if "/" in name else _of_user(name, backend)


def _of_library(name: str, backend: str) -> Imported:
    """A builder of torchvision or timm."""
    library, _, builder = name.partition("/")
    if library not in LIBRARIES:
        raise ImportFailed(f"{name!r}: there is no library of nets {library!r}", allowed=", ".join(LIBRARIES))
    if backend != "pytorch":
        raise ImportFailed(f"{name} is a net of PyTorch, and the backend is {backend}", allowed="backend: pytorch")
    if importlib.util.find_spec(library) is None:
        raise ImportFailed(f"{name}: {library} is not installed. Install it: pip install {library}")
    names = torchvision_names() if library == "torchvision" else ()
    if names and builder not in names:
        close = difflib.get_close_matches(builder, names, n=1)
        nearest = f"torchvision/{close[0]}" if close else None
        raise ImportFailed(f"torchvision has no net {builder!r}", allowed=", ".join(names), nearest=nearest)

    def build(num_classes: int, **options: Any) -> Any:
        if reads := sorted(option for option in options if option.startswith(("checkpoint", "pretrained", "weights"))):
            raise ImportFailed(
                f"{name}: the option {reads[0]} reads weights that no job knows of",
                allowed="weights: best.pt under model",
            )
        return _builder("pytorch", f"{library}_net")(num_classes, builder, **options)

    return Imported(
        name, backend=backend, title=f"{builder} of {library}", imagenet=library == "torchvision", has=(ANY,),
        function=_standing_for(build, backend, f"{library}_net"),
    )  # fmt: skip


@functools.cache
def torchvision_names() -> tuple[str, ...]:
    """The names of torchvision's nets for classification, read from its source: to import it takes seconds."""
    spec = importlib.util.find_spec("torchvision")
    folder = Path(spec.origin).parent / "models" if spec and spec.origin else Path()
    found = [match for file in sorted(folder.glob("*.py")) for match in BUILDER.findall(file.read_text("utf-8"))]
    return tuple(sorted(given or function for given, function in found))


def _of_user(name: str, backend: str) -> Imported:
    """A function or class of a plug-in's module."""
    module, _, wanted = name.partition(":")
    plugin = next((plugin for plugin in plugins.loaded() if plugin.module == module), None)
    if plugin is None:
        raise ImportFailed(
            f"{name}: the module {module} is not loaded. In a config, name its file by `import`; in Python, "
            f"load it first: plugins.load(plugins.find(['/path/of/{module}.py'], []))"
        )
    made = _found(plugin, wanted)
    signature = _signature(made, f"{plugin.name}:{wanted}")
    taken = signature.parameters.values()
    classes = any(p.name == CLASSES or p.kind is p.VAR_KEYWORD for p in taken)

    def build(*given: Any, **options: Any) -> Any:
        return _builder(backend, "own_net")(*given, made=made, **options)

    build.__signature__ = _with_given(signature, backend)  # pyright: ignore[reportFunctionMemberAccess]
    return Imported(
        name, backend=backend, title=f"{wanted} of {plugin.module}", has=(ANY,), plugin=plugin.name,
        called_with_classes=classes, function=_standing_for(build, backend, "own_net"),
    )  # fmt: skip


def _found(plugin: plugins.Plugin, wanted: str) -> Callable[..., Any]:
    """The function or class of that name. Raises ImportFailed if there is none that can make a net."""
    own = vars(importlib.import_module(plugin.module))
    names = [
        name for name, value in own.items() if callable(value) and getattr(value, "__module__", "") == plugin.module
    ]
    if wanted not in own:
        close = difflib.get_close_matches(wanted, names, n=1)
        nearest = f"{plugin.name}:{close[0]}" if close else None
        allowed = ", ".join(names) or "a function that returns the net"
        raise ImportFailed(f"{plugin.name} has no {wanted!r}", allowed=allowed, nearest=nearest)
    made = own[wanted]
    allowed = "a function that returns the net, or the class of the net"
    torch: Any = sys.modules.get("torch")
    if not callable(made) or (torch and isinstance(made, torch.nn.Module)):
        kind = type(made).__name__
        raise ImportFailed(f"{wanted} of {plugin.name} is a value of type {kind}, not a function", allowed=allowed)
    if inspect.isclass(made) and not _is_net(made):
        raise ImportFailed(f"{wanted} of {plugin.name} is a class, and not the class of a net", allowed=allowed)
    return made


def _is_net(made: type) -> bool:
    """Whether a class is one of PyTorch's modules or of Keras's models, by the names of its base classes."""
    bases = {f"{base.__module__.partition('.')[0]}.{base.__name__}" for base in made.__mro__}
    return bool(bases & {"torch.Module", "tf_keras.Model", "keras.Model"})


def _signature(made: Callable[..., Any], place: str) -> inspect.Signature:
    """What a function takes, annotations as types where they can be had."""
    try:
        return inspect.signature(made, eval_str=True)
    except (ValueError, TypeError) as error:
        raise ImportFailed(f"{place}: Python does not know what it takes: {error}") from None
    except Exception:  # an annotation that only a type checker can evaluate
        signature = inspect.signature(made)
        bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
        return signature.replace(parameters=bare, return_annotation=signature.empty)


def _with_given(signature: inspect.Signature, backend: str) -> inspect.Signature:
    """The signature with the parameters that the library fills in, in their order; a config gives the others."""
    given = (PIXELS, CLASSES) if backend == "keras" else (CLASSES,)
    first = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in given]
    rest = [
        p if p.kind is p.VAR_KEYWORD else p.replace(kind=p.KEYWORD_ONLY)
        for p in signature.parameters.values()
        if p.name not in given and p.kind is not p.VAR_POSITIONAL
    ]
    return inspect.Signature([*first, *rest])


def in_words(error: BaseException) -> str:
    """An error in a line: its type and message, and where in a file of the user's it arose."""
    message = next(iter(str(error).strip().splitlines()), "")
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [(Path(file), line) for file, line in frames if _is_users(file)]
    where = f" ({own[-1][0].name}, line {own[-1][1]})" if own else ""
    return f"{type(error).__name__}: {message}{where}" if message else f"{type(error).__name__}{where}"


def _is_users(file: str) -> bool:
    """Whether code is from a file that is neither of an installed package nor of this library."""
    library = Path(__file__).resolve().parent
    return not file.startswith("<") and "site-packages" not in file and library not in Path(file).resolve().parents


def _builder(backend: str, name: str) -> Callable[..., Any]:
    return getattr(importlib.import_module(f"espalier.{backend}.imported"), name)


def _standing_for(build: Callable[..., Any], backend: str, name: str) -> Callable[..., Any]:
    """The function under the name of the one that it calls, by which the digest of a job's code finds that."""
    build.__module__, build.__name__, build.__qualname__ = f"espalier.{backend}.imported", name, name
    return build
