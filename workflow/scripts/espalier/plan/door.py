"""Nets of the user's own in a config: their files are found and imported before names are looked up.

`model: {import: "my_nets.py:make_net", weights: best.pt}` becomes `{name: "my_nets:make_net", weights: <path of the
file from the working directory>}`, and the register gets an entry of that name.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from espalier import imports, plugins, registry
from espalier.backends import BACKENDS
from espalier.plan.explain import ConfigError
from espalier.plan.suggest import close_to
from espalier.training.pretrained import WEIGHTS, is_file


def opened(config: Any, folders: Iterable[str | Path] = ()) -> Any:
    """The config with its imported nets under their names, in the register, and the paths of their weights.

    folders: where relative paths begin, in the order in which they are tried; the working directory is the last. Raises
    ConfigError for a file, function or net that there is not. What is no config at all is left for its check to refuse.
    """
    studies = config.get("studies") if isinstance(config, dict) else None
    if not isinstance(studies, dict):
        return config
    places = [*(Path(folder) for folder in folders), Path.cwd()]
    return dict(config) | {"studies": {name: _study(study, str(name), places) for name, study in studies.items()}}


def as_given(study: dict[str, Any]) -> dict[str, Any]:
    """A checked study as a config names it, to be run from the working directory: the reverse of `opened`. A study that
    gave no `train` has one without a number of epochs, which no config may have."""
    kept = {key: value for key, value in study.items() if key != "train" or "epochs" in value}
    model = dict(study["model"])
    module, _, function = model["name"].partition(":")
    if function:
        plugin = next(plugin for plugin in plugins.loaded() if plugin.module == module)
        del model["name"]
        model = {"import": f"{plugin.place}:{function}"} | model
    return kept | {"model": model}


def _study(study: Any, name: str, places: list[Path]) -> Any:
    """A study with its net under its name."""
    model = study.get("model") if isinstance(study, dict) else None
    backend = study.get("backend") if isinstance(study, dict) else None
    if not isinstance(model, dict) or not isinstance(backend, str) or backend not in BACKENDS:
        return study
    path = ["studies", name, "model"]
    model = dict(model)
    key = "import" if "import" in model else "name"
    if key == "import":
        model["name"] = _imported(model, places, path)
        del model["import"]
    if isinstance(model.get("name"), str) and imports.is_imported(model["name"]):
        _register(model["name"], backend, [*path, key])
    if isinstance(model.get("weights"), str) and is_file(model["weights"]):
        model["weights"] = _weights(model["weights"], backend, places, [*path, "weights"])
    return dict(study) | {"model": model}


def _imported(model: dict[str, Any], places: list[Path], path: list) -> str:
    """The name of the net that `import` says; its file or module is imported."""
    given = model["import"]
    path = [*path, "import"]
    allowed = (
        'the file and a function of it, "my_nets.py:make_net", or of an installed module, "my_package.nets:make_net"'
    )
    if "name" in model:
        raise ConfigError(path, "is there beside `name`: a net has one of the two", allowed=allowed)
    file, _, function = given.rpartition(":") if isinstance(given, str) else ("", "", "")
    if not file or not function.isidentifier():
        example = f"{given}:make_net" if isinstance(given, str) and given.endswith(".py") else "my_nets.py:make_net"
        raise ConfigError(path, f"{given!r} names no function", allowed=allowed, corrected={"import": example})
    try:
        (plugin,) = plugins.find([file], places)
        plugins.load([plugin])
    except plugins.PluginError as error:
        raise ConfigError(path, str(error).removeprefix("plugins: "), allowed=allowed) from None
    return f"{plugin.module}:{function}"


def _register(name: str, backend: str, path: list) -> None:
    """Put an imported net into the register."""
    try:
        registry.get(registry.Model, name, backend)
    except imports.ImportFailed as error:
        corrected = {path[-1]: error.nearest} if error.nearest else None
        raise ConfigError(path, error.problem, allowed=error.allowed, corrected=corrected) from None


def _weights(given: str, backend: str, places: list[Path], path: list) -> str:
    """The path of a file of weights, from the working directory if it lies below that."""
    suffixes = BACKENDS[backend].weights
    allowed = f"random, imagenet, or a file of weights ({', '.join(suffixes)})"
    file = Path(given).expanduser()
    looked = [file] if file.is_absolute() else list(dict.fromkeys(place / file for place in places))
    found = next((place for place in looked if place.is_file()), None)
    if found is None:
        meant = None if file.suffix else close_to(given, list(WEIGHTS))
        where = "" if meant else f". Looked for: {', '.join(str(place.absolute()) for place in looked)}"
        corrected = {"weights": meant} if meant else None
        raise ConfigError(path, f"there is no file {given!r}{where}", allowed=allowed, corrected=corrected)
    if found.suffix.lower() not in suffixes:
        raise ConfigError(path, f"{given}: files that end in {found.suffix!r} are not read", allowed=allowed)
    found = found.absolute()
    return str(found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found)
