"""Checking a config as a whole, and filling in its defaults."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from espalier.plan.door import opened
from espalier.plan.explain import ConfigError
from espalier.plan.keys import table
from espalier.plan.limits import check_size
from espalier.plan.preprocessing import spelt_out
from espalier.plan.schema import Config
from espalier.plan.validate import plain, validate

__all__ = ["ConfigError", "check", "typed", "with_numbers"]


def check(config: dict[str, Any], folders: Iterable[str | Path] = ()) -> dict[str, Any]:
    """The config with every default filled in; raises ConfigError at the first thing that its tables do not allow.

    folders: where relative paths of nets and weights of the user's own begin (`door.opened`).

    Steps of chains are checked when the grid expands them, since their values may be lists.
    """
    check_size(config)
    config = opened(config, folders)
    validate(config, table(Config), [])
    _refuse_ends_of_scripts(plain(config), [])
    return _filled(spelt_out(copy.deepcopy(plain(config))), table(Config))


def _refuse_ends_of_scripts(value: Any, path: list) -> None:
    """Raise ConfigError at text that would end a script of the report, into which Snakemake writes it as it stands."""
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            _refuse_ends_of_scripts(part, [*path, key])
    elif isinstance(value, str) and (mended := re.sub("<(?=/script|!--)", "< ", value, flags=re.IGNORECASE)) != value:
        raise ConfigError(
            path,
            f"is {value!r}: in a page of the report this would end a script",
            allowed="text without '</script' and '<!--'",
            corrected={path[-1]: mended} if isinstance(path[-1], str) else [mended],
        )


def typed(value: Any) -> Any:
    """A value with its texts as YAML would have read them: numbers as numbers.

    >>> typed(["0", "1.5", {"threads": "2", "name": "mlp"}])
    [0, 1.5, {'threads': 2, 'name': 'mlp'}]
    """
    if isinstance(value, dict):
        return {key: typed(part) for key, part in value.items()}
    if isinstance(value, list):
        return [typed(part) for part in value]
    return yaml.safe_load(value) if isinstance(value, str) else value


def with_numbers(config: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The config with numbers, true and false where --config left texts.

    Snakemake reads a single number as one, but not those within a list or a mapping, and `true` not at all.

    given: what --config gave, as Snakemake read it. Only what the config has from there is changed: where another
    workflow uses this one, --config may be about the other one, or about a part of it that this config is.

    >>> given = {"seeds": ["0"], "latency": {"threads": "2"}}
    >>> with_numbers({"seeds": ["0"], "latency": {"threads": "2", "repeats": 9}}, given)
    {'seeds': [0], 'latency': {'threads': 2, 'repeats': 9}}
    >>> with_numbers({"seeds": [7]}, given), with_numbers({"seeds": ["0"]}, {"compression": given})
    ({'seeds': [7]}, {'seeds': [0]})
    """
    for part in (given, *(value for value in given.values() if isinstance(value, dict))):
        config = {key: _numbered(value, part[key]) if key in part else value for key, value in config.items()}
    return config


def _numbered(value: Any, given: Any) -> Any:
    """A value of the config, of which `given` is what --config gave."""
    if isinstance(value, dict) and isinstance(given, dict):
        return {key: _within(part, given[key]) if key in given else part for key, part in value.items()}
    return typed(value) if (isinstance(value, list) or value in ("true", "false")) and value == given else value


def _within(value: Any, given: Any) -> Any:
    """The same of a value within another one, where Snakemake leaves every number as text."""
    return typed(value) if isinstance(value, str) and value == given else _numbered(value, given)


def _filled(value: Any, rules: dict[str, Any]) -> Any:
    """The value with the defaults of its keys filled in (in place)."""
    if not isinstance(value, dict) or "x-inherits" in rules:
        return value
    known = rules.get("properties", {})
    for key, part in known.items():
        if key not in value and "default" in part:
            value[key] = copy.deepcopy(part["default"])
        if key in value:
            value[key] = _filled(value[key], part)
    others = rules.get("additionalProperties")
    if isinstance(others, dict):
        value |= {key: _filled(part, others) for key, part in value.items() if key not in known}
    return value
