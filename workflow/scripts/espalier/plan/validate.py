"""Checking values of a config against tables of keys and against the signatures of registered functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from jsonschema.exceptions import relevance

from espalier import registry
from espalier.plan.explain import ConfigError, describe, explained, unknown_key
from espalier.plan.keys import Table, rules, table
from espalier.plan.suggest import Validator, suggestion


def plain(value: Any) -> Any:
    """Plain dicts and lists, whatever mapping type the loader chose; keys as text (YAML reads `on` and 1 otherwise)."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def validate(value: Any, part: dict[str, Any], path: list) -> None:
    """Check a value against a part of the schema; raises ConfigError."""
    errors = list(Validator(part).iter_errors(plain(value)))
    if errors:
        raise explained(max(errors, key=relevance), path)


def check_keys(values: dict[str, Any], keys: type[Table], path: list) -> None:
    """Check the keys of a section or step against its table; raises ConfigError."""
    validate(values, table(keys), path)


def example(keys: type[Table], key: str) -> dict[str, Any] | None:
    """A key of a table with a value that it allows; None if there is no telling."""
    value = suggestion(None, table(keys)["properties"].get(key, {}))
    return None if value is None else {key: value}


def check_arguments(
    entry: registry.Entry,
    arguments: dict[str, Any],
    path: list,
    given: tuple[str, ...] = (),
    examples: dict[str, Any] | None = None,
) -> None:
    """Check the values that a config gives to a registered function against its signature; raises ConfigError.

    A value must be of the type that the parameter is annotated with, or of its default's. given: parameters that the
    library fills in itself. examples: values to show for parameters that are wrong or left out.
    """
    parameters = inspect.signature(entry.function).parameters
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = {name: p for name, p in parameters.items() if name not in given and p.kind not in several}
    allowed = {name: _evaluated(p, entry.function) for name, p in named.items()}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for name, value in arguments.items():
        if name not in allowed and takes_any:
            continue
        if name not in allowed:
            raise unknown_key(path, name, sorted(allowed), arguments)
        try:
            validate(value, _rules(allowed[name]), [*path, name])
        except ConfigError as error:
            known = {name: examples[name]} if examples and name in examples else error.corrected
            raise ConfigError(error.path, error.problem, allowed=error.allowed, corrected=known) from None
    for name, parameter in allowed.items():
        if parameter.default is parameter.empty and name not in arguments:
            raise _missing(entry, parameter, path, examples or {})


def example_of(entry: registry.Entry, name: str) -> Any:
    """A value that a parameter of a registered function takes, by its annotation; None if there is no telling."""
    return suggestion(None, _rules(_evaluated(inspect.signature(entry.function).parameters[name], entry.function)))


def _missing(entry: registry.Entry, parameter: inspect.Parameter, path: list, examples: dict[str, Any]) -> ConfigError:
    """The error for a value that a registered function needs."""
    name = parameter.name
    shown = examples.get(name, suggestion(None, _rules(parameter)))
    return ConfigError(
        [*path, name],
        f"is missing: {entry.name} needs a value for it",
        allowed=describe(_rules(parameter)),
        corrected={name: shown} if shown is not None else None,
    )


def _evaluated(parameter: inspect.Parameter, function: Callable[..., Any]) -> inspect.Parameter:
    """The parameter with its annotation as a type; without one, if only type checkers import that type."""
    if not isinstance(parameter.annotation, str):
        return parameter
    try:
        return parameter.replace(annotation=eval(parameter.annotation, function.__globals__))
    except NameError:
        return parameter.replace(annotation=parameter.empty)


def _rules(parameter: inspect.Parameter) -> dict[str, Any]:
    """What a parameter takes, as a part of a schema: by its annotation, else by its default."""
    annotated = parameter.annotation is not parameter.empty
    return rules(parameter.annotation if annotated else type(parameter.default))
