"""Plug-ins: Python files of the user's own, or importable modules, whose registrations are as good as the library's.

A config names them, `plugins: [my_nets.py]`. They are imported before anything looks into the register: when the
workflow builds its graph, and in each job that uses one of them. Whatever is wrong with a plug-in is one PluginError,
with the file and the line.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espalier import registry

LIBRARY = __name__.partition(".")[0]


class PluginError(ValueError):
    """A plug-in cannot be used: what is wrong with it, in which file and line."""


@dataclass(frozen=True)
class Plugin:
    """One plug-in: its name in the config, the module that it is imported as, its file, and the folder of its modules.

    `folder` is where Python looks for what the plug-in imports beside it: modules of this folder belong to the plug-in.
    """

    name: str
    module: str
    file: Path
    folder: Path

    @property
    def place(self) -> str:
        """What finds the plug-in from the working directory: its path, or the name of an importable module."""
        return _shown(self.file) if _is_path(self.name) else self.module

    def file_of(self, module: str) -> Path | None:
        """The file of a module of the plug-in; None for a module from elsewhere."""
        package = module.partition(".")[0]
        if package in ("", LIBRARY) or (_is_installed(self.folder) and package != self.module.partition(".")[0]):
            return None
        base = self.folder.joinpath(*module.split("."))
        return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


_loaded: dict[str, Plugin] = {}  # by module, in the order of loading


def loaded() -> list[Plugin]:
    """The plug-ins of this process."""
    return list(_loaded.values())


def named_in(config: Mapping[str, Any]) -> list[str]:
    """The plug-ins that a config names. What is no list of texts is left for the check of the config to refuse.

    >>> named_in({"plugins": ["my_nets.py"]}), named_in({"plugins": "my_nets.py"}), named_in({})
    (['my_nets.py'], [], [])
    """
    given = config.get("plugins")
    return given if isinstance(given, list) and all(isinstance(name, str) for name in given) else []


def find(names: Iterable[str], folders: Iterable[Path]) -> list[Plugin]:
    """The plug-ins that a config names, none of them imported.

    names: paths of Python files, or names of importable modules. folders: where relative paths begin; the first that
    has the file counts. Raises PluginError for a file that is not there and for a module that Python does not find.
    """
    folders = list(folders)
    return [_at(name, folders) if _is_path(name) else _importable(name) for name in names]


def load(plugins: Iterable[Plugin]) -> None:
    """Import plug-ins, so that what they register can be used. One that is loaded already is left as it is.

    Raises PluginError if a plug-in cannot be imported, or registers what cannot be registered; nothing of such a
    plug-in stays in the register.
    """
    for plugin in plugins:
        registry.load()  # the library's names first: a plug-in cannot take one of them
        known = _loaded.get(plugin.module)
        if known is None:
            _import(plugin)
        elif known.file != plugin.file:
            raise PluginError(f"plugins: {plugin.name}: {_shown(known.file)} has the same name: rename one of the two")


def unload(plugin: Plugin) -> None:
    """Forget a plug-in: its registrations, and its modules."""
    _loaded.pop(plugin.module, None)
    registry.forget(plugin.name)
    for name, module in list(sys.modules.items()):
        if _is_of(plugin, name, getattr(module, "__file__", None)):
            del sys.modules[name]
    if plugin.folder not in [other.folder for other in loaded()] and str(plugin.folder) in sys.path:
        sys.path.remove(str(plugin.folder))


def file_of(module: str) -> Path | None:
    """The file of a module that belongs to a loaded plug-in, None for all others.

    Raises PluginError if Python would import another module of that name.
    """
    for plugin in loaded():
        if path := plugin.file_of(module):
            _check_found(module.partition(".")[0], plugin)
            return path
    return None


def _is_path(name: str) -> bool:
    return name.endswith(".py") or "/" in name or "\\" in name


def _at(name: str, folders: list[Path]) -> Plugin:
    path = Path(name).expanduser()
    places = [path] if path.is_absolute() else list(dict.fromkeys(folder / path for folder in folders))
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        looked = ", ".join(_shown(place.absolute()) for place in places)
        raise PluginError(f"plugins: {name}: there is no such file. Looked for: {looked}")
    if file.suffix != ".py" or not file.stem.isidentifier():
        raise PluginError(
            f"plugins: {name}: Python cannot import a file of this name: use letters, digits and underscores, a letter "
            "first, and .py at the end"
        )
    file = file.resolve()
    return Plugin(name, file.stem, file, file.parent)


def _is_installed(folder: Path) -> bool:
    """Whether a folder is one of those that hold the packages of the environment."""
    return any(folder == Path(sysconfig.get_path(key)).resolve() for key in ("purelib", "platlib"))


def _importable(name: str) -> Plugin:
    if not all(part.isidentifier() for part in name.split(".")):
        raise PluginError(
            f"plugins: {name!r} is neither the path of a Python file (my_nets.py) nor the name of a module (my_nets)"
        )
    try:
        spec = importlib.util.find_spec(name)  # imports the packages that the module is in
    except ModuleNotFoundError:
        spec = None
    except (Exception, SystemExit) as error:
        raise PluginError(f"plugins: {name}: the package that it is in cannot be imported: {_reason(error)}") from None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise PluginError(
            f"plugins: {name}: Python finds no module of this name: install it, put its folder on PYTHONPATH, or give "
            "the path of a file, such as my_nets.py"
        )
    file = Path(spec.origin).resolve()
    above = len(name.split(".")) - (file.name != "__init__.py")
    return Plugin(name, name, file, file.parents[above])


def _import(plugin: Plugin) -> None:
    if _is_path(plugin.name):
        _check_name(plugin)
        if str(plugin.folder) not in sys.path:
            sys.path.append(str(plugin.folder))  # at its end: a file beside a plug-in hides no installed module
        importlib.invalidate_caches()
    _loaded[plugin.module] = plugin
    try:
        with registry.registering(plugin.name):
            importlib.import_module(plugin.module)
    except (Exception, SystemExit) as error:
        message = f"plugins: {_where(error, plugin)}: {_reason(error)}"
        unload(plugin)
        raise PluginError(message) from None


def _check_name(plugin: Plugin) -> None:
    """Raise PluginError if Python has another module of the plug-in's name, and would import that one."""
    try:
        spec = importlib.util.find_spec(plugin.module)
        other = spec.origin if spec else None  # of a folder without __init__.py too: a file takes precedence over it
    except ValueError:  # a module that is running, such as __main__
        other = "the running program"
    if other and Path(other).resolve() != plugin.file:
        raise PluginError(
            f"plugins: {plugin.name}: Python has another module {plugin.module!r} ({other}): rename the file"
        )


def _check_found(name: str, plugin: Plugin) -> None:
    """Raise PluginError if Python finds a module of this name elsewhere than beside the plug-in."""
    spec = importlib.util.find_spec(name)
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    if not any(place and Path(place).resolve().is_relative_to(plugin.folder) for place in places):
        raise PluginError(
            f"plugins: {plugin.name} imports {name}, and Python has another module of this name "
            f"({spec.origin if spec else 'nowhere'}): rename the one beside {plugin.name}"
        )


def _is_of(plugin: Plugin, module: str, file: str | None) -> bool:
    """Whether an imported module is one of the plug-in's."""
    path = Path(file).resolve() if file else None
    return bool(path) and path.is_relative_to(plugin.folder) and plugin.file_of(module) == path


def _where(error: BaseException, plugin: Plugin) -> str:
    """The file and line of a plug-in in which an error arose: "my_nets.py, line 12"."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_file():
        return f"{_shown(Path(error.filename))}, line {error.lineno}"
    own = [
        (Path(frame.f_code.co_filename), line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if _is_of(plugin, frame.f_globals.get("__name__", ""), frame.f_code.co_filename)
    ]
    return f"{_shown(own[-1][0])}, line {own[-1][1]}" if own else _shown(plugin.file)


def _reason(error: BaseException) -> str:
    if isinstance(error, registry.RegistrationError):
        return str(error)
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _shown(path: Path) -> str:
    """A path as it is written from the working directory if it lies below that."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
