"""Checking a config against its schema and the register, and saying what is wrong so that it can be mended.

A ConfigError names the key and the value, says what is allowed, and shows the corrected YAML.
"""

from __future__ import annotations

import copy
import difflib
import functools
import inspect
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from espalier import registry

SCHEMA = Path(__file__).resolve().parents[2] / "schemas" / "config.schema.yaml"


class ConfigError(ValueError):
    """A mistake in the config, in words: where it is, what is wrong, what is allowed, and the corrected YAML."""

    def __init__(self, path: list, problem: str, *, allowed: str = "", corrected: Any = None):
        self.path, self.problem, self.allowed, self.corrected = list(path), problem, allowed, corrected
        lines = [f"{dotted(path) or 'config'}: {problem}"]
        if allowed:
            lines.append(f"  Allowed: {allowed}")
        if corrected is not None:
            text = yaml.safe_dump(corrected, sort_keys=False, default_flow_style=None, width=100).rstrip()
            lines += ["  Corrected:", *(f"    {line}" for line in text.splitlines())]
        super().__init__("\n".join(lines))


def dotted(path: list) -> str:
    """The place in a config as text: ["studies", "a", "chains", 0] -> "studies.a.chains[0]"."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


@functools.cache
def schema() -> dict:
    """The config's schema, its lists of registered names brought up to date from the register."""
    loaded = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))

    def refresh(part):
        if isinstance(part, dict):
            if kind := part.get("x-register"):
                part["enum"] = registered(kind)
            for value in part.values():
                refresh(value)
        elif isinstance(part, list):
            for value in part:
                refresh(value)

    refresh(loaded)
    return loaded


def registered(kind: str) -> list[str]:
    """Names of all registered entries of a kind, whatever their backend."""
    names = [name for backend in ("pytorch", "keras") for name in registry.entries(kind, backend)]
    return list(dict.fromkeys(names))


def check(config: dict) -> dict:
    """The config with every default filled in; raises ConfigError at the first thing that the schema does not allow.

    Steps of chains are checked when the grid expands them (`check_part`), since their values may be lists.
    """
    _validate(config, schema(), [])
    return _filled(copy.deepcopy(_plain(config)), schema())


def check_part(value: Any, definition: str, path: list) -> None:
    """Check one part of a config against a definition of the schema, such as "prune"; raises ConfigError."""
    part = {"$ref": f"#/$defs/{definition}", "$defs": schema()["$defs"]}
    _validate(value, part, path)


def check_arguments(entry: registry.Entry, arguments: dict, path: list, given: tuple[str, ...] = ()) -> None:
    """Check the values that a config gives to a registered function against its signature; raises ConfigError.

    given: parameters that the library fills in itself.
    """
    parameters = inspect.signature(entry.function).parameters
    allowed = {name: p for name, p in parameters.items() if name not in given}
    for name in arguments:
        if name not in allowed:
            raise unknown_key(path, name, sorted(allowed), arguments)
    for name, parameter in allowed.items():
        if parameter.default is parameter.empty and name not in arguments:
            raise ConfigError(path, f"{entry.name} needs a value for {name!r}", corrected={**arguments, name: 1})


def unknown_key(path: list, key: str, allowed: list[str], instance: dict) -> ConfigError:
    """The error for a key that does not exist, with the nearest one that does."""
    close = difflib.get_close_matches(str(key), allowed, n=1, cutoff=0.5)
    corrected = {close[0] if k == key and close else k: v for k, v in instance.items() if k != key or close}
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return ConfigError(
        [*path, key], f"there is no such key{hint}", allowed=", ".join(allowed) or "no keys", corrected=corrected or None
    )


def _plain(value: Any) -> Any:
    """Plain dicts and lists, whatever mapping type the loader chose."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _validate(value: Any, part: dict, path: list) -> None:
    errors = list(jsonschema.Draft202012Validator(part).iter_errors(_plain(value)))
    if errors:
        raise _explained(max(errors, key=jsonschema.exceptions.relevance), path)


def _explained(error: jsonschema.ValidationError, path: list) -> ConfigError:
    for option in error.context:  # of an anyOf: the option that was meant is the one whose type is right
        if option.relative_path or option.validator not in ("type", "enum", "const"):
            return _explained(option, path)
    where = [*path, *error.absolute_path]
    value, rules = error.instance, error.schema
    if error.validator == "additionalProperties":
        known = list(rules["properties"])
        return unknown_key(where, next(k for k in value if k not in known), known, value)
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in value)
        hint = _deref(rules.get("properties", {}).get(missing, {})).get("description", "")
        return ConfigError(
            where, f"the key {missing!r} is missing", allowed=hint, corrected={missing: _suggestion(None, _property(rules, missing))}
        )
    if "propertyNames" in error.schema_path:
        allowed = ", ".join(rules["enum"]) if "enum" in rules else "lower-case letters, digits and underscores, a letter first"
        return ConfigError(where, f"{value!r} is not a valid name here", allowed=allowed)
    key = where[-1] if where else None
    suggestion = _suggestion(value, rules)
    return ConfigError(
        where,
        f"{_shown(value)} {_reason(error)}",
        allowed=_description(rules),
        corrected={key: suggestion} if isinstance(key, str) and suggestion is not None else None,
    )


def _reason(error: jsonschema.ValidationError) -> str:
    if error.validator == "type":
        if isinstance(error.instance, str) and _number(error.instance) is not None:
            return "is text to YAML, not a number (write 1.0e-4, not 1e-4 or '0.1')"
        return "has the wrong type"
    reasons = {
        "minimum": "is too small",
        "exclusiveMinimum": "is too small",
        "maximum": "is too large",
        "exclusiveMaximum": "is too large",
        "minItems": "has too few entries",
        "minProperties": "is empty",
        "maxProperties": "has more than one name: a step is one name with its keys",
        "uniqueItems": "has an entry twice",
    }
    return reasons.get(error.validator, "is not allowed here")


def _description(rules: dict) -> str:
    """What a part of the schema allows, in words."""
    rules = _deref(rules)
    if "anyOf" in rules:
        return " or ".join(_description(option) for option in rules["anyOf"])
    if "const" in rules:
        return str(rules["const"])
    if "enum" in rules:
        return ", ".join(str(v) for v in rules["enum"])
    types = rules.get("type", "value")
    words = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false", "null": "null"}
    words |= {"array": "a list", "object": "keys with values"}
    text = " or ".join(words.get(t, t) for t in ([types] if isinstance(types, str) else types))
    for key, word in (("minimum", "at least"), ("exclusiveMinimum", "above"), ("maximum", "at most")):
        if key in rules:
            text += f", {word} {rules[key]}"
    if "exclusiveMaximum" in rules:
        text += f", below {rules['exclusiveMaximum']}"
    if "items" in rules:
        text += f" of: {_description(rules['items'])}"
    return text


def _suggestion(value: Any, rules: dict) -> Any:
    """A value that the schema allows, as near to what was given as can be told; None if there is no telling."""
    rules = _deref(rules)
    number = _number(value)
    if "anyOf" in rules:
        options = [_suggestion(value, option) for option in rules["anyOf"]]
        return next((option for option in options if option is not None), None)
    if "enum" in rules:
        close = difflib.get_close_matches(str(value), [str(v) for v in rules["enum"]], n=1)
        return close[0] if close else rules["enum"][0]
    if rules.get("exclusiveMaximum") == 1 and number is not None and 1 < number < 100:
        return number / 100  # a percentage
    candidates = [number, rules.get("default"), rules.get("minimum"), 0.5, 1, [] if value is None else [value]]
    if rules.get("type") == "integer" and number is not None:
        candidates.insert(0, round(number))
    candidates.append([0] if value is None else [0, 1])
    for candidate in candidates:
        part = {**rules, "$defs": schema()["$defs"]}
        if candidate is not None and jsonschema.Draft202012Validator(part).is_valid(candidate):
            return candidate
    return None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _deref(rules: dict) -> dict:
    """A part of the schema with its $ref looked up; keys beside the $ref win."""
    if "$ref" in rules:
        target = _deref(schema()["$defs"][rules["$ref"].rpartition("/")[2]])
        return {**target, **{k: v for k, v in rules.items() if k != "$ref"}}
    return rules


def _property(rules: dict, key: str) -> dict:
    return _deref(rules).get("properties", {}).get(key, {})


def _filled(value: Any, rules: dict) -> Any:
    """The value with the schema's defaults filled in (in place)."""
    rules = _deref(rules)
    if isinstance(value, dict) and "x-inherits" not in rules:
        for key, part in rules.get("properties", {}).items():
            part = _deref(part)
            if key not in value and "default" in part:
                value[key] = copy.deepcopy(part["default"])
            if key in value:
                value[key] = _filled(value[key], part)
        extra = rules.get("additionalProperties")
        if isinstance(extra, dict):
            for key in value:
                if key not in rules.get("properties", {}):
                    value[key] = _filled(value[key], extra)
    return value
