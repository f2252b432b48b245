"""What is wrong with a config, in words: the place, the value, what is allowed, and the corrected YAML."""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from espalier.plan.suggest import close_to, nearest, number, suggestion

Violation = Any  # a jsonschema.ValidationError; by its types any attribute of it may be unset

REASONS = {  # keyword of JSON Schema -> what is wrong with a value that it refuses
    "minimum": "is too small",
    "exclusiveMinimum": "is too small",
    "maximum": "is too large",
    "exclusiveMaximum": "is too large",
    "minItems": "has too few entries",
    "minProperties": "is empty",
    "maxProperties": "has more than one name",
    "uniqueItems": "has an entry twice",
}
WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys with values",
}
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}


class ConfigError(ValueError):
    """A mistake in the config, in words: where it is, what is wrong, what is allowed, and the corrected YAML.

    corrected: {key: value} to put beside the key that is wrong, or a list, to put in the place of an entry of a list.
    """

    def __init__(self, path: list, problem: str, *, allowed: str = "", corrected: Any = None) -> None:
        self.path, self.problem, self.allowed, self.corrected = list(path), problem, allowed, corrected
        lines = [f"{dotted(path) or 'config'}: {problem}"]
        if allowed:
            lines.append(f"  Allowed: {allowed}")
        if corrected is not None:
            values = corrected.values() if isinstance(corrected, dict) else corrected
            style = None if any(isinstance(value, dict | list) for value in values) else False
            text = yaml.safe_dump(corrected, sort_keys=False, default_flow_style=style, width=100).rstrip()
            lines += ["  Corrected:", *(f"    {line}" for line in text.splitlines())]
        super().__init__("\n".join(lines))


def dotted(path: list) -> str:
    """The place in a config as text.

    >>> dotted(["studies", "a", "chains", 0])
    'studies.a.chains[0]'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def describe(rules: dict[str, Any]) -> str:
    """What a part of the schema allows, in words.

    >>> describe({"type": "number", "minimum": 0, "exclusiveMaximum": 1}), describe({"enum": [None, "random"]})
    ('a number, at least 0, below 1', 'null, random')
    """
    if "x-words" in rules:
        return rules["x-words"]
    if "anyOf" in rules:
        return " or ".join(describe(option) for option in rules["anyOf"])
    if "const" in rules:
        return str(rules["const"])
    if "enum" in rules:
        return ", ".join("null" if v is None else str(v) for v in rules["enum"])
    types = rules.get("type", "value")
    text = " or ".join(WORDS.get(t, t) for t in ([types] if isinstance(types, str) else types))
    text += "".join(f", {word} {rules[keyword]}" for keyword, word in BOUNDS.items() if keyword in rules)
    return f"{text} of: {describe(rules['items'])}" if "items" in rules else text


def unknown_key(path: list, key: str, allowed: list[str], instance: dict[str, Any]) -> ConfigError:
    """The error for a key that does not exist, with the nearest one that does."""
    close = close_to(key, allowed)
    hint = f" (did you mean {close!r}?)" if close else ""
    return ConfigError(
        [*path, key],
        f"there is no such key{hint}",
        allowed=", ".join(allowed) or "no keys",
        corrected={close: instance[key]} if close else None,
    )


def explained(error: Violation, path: list) -> ConfigError:
    """What a validator found, in words. path: the place of what was validated."""
    for option in error.context or ():  # of an anyOf: the option that was meant is the one whose type is right
        misnamed = "propertyNames" in option.relative_schema_path
        if misnamed or option.relative_path or option.validator not in ("type", "enum", "const"):
            return explained(option, path)
    where = [*path, *error.absolute_path]
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        return unknown_key(where, next(k for k in error.instance if k not in known), known, error.instance)
    if error.validator == "required":
        return _missing(error, where)
    if "propertyNames" in error.schema_path:
        return _unknown_step(error, where) if "enum" in error.schema else _bad_name(error, where)
    return _several(error, where) if error.validator == "maxProperties" else _wrong(error, where)


def _missing(error: Violation, where: list) -> ConfigError:
    """A key that there has to be."""
    missing = next(key for key in error.validator_value if key not in error.instance)
    part = error.schema["properties"][missing]
    example = suggestion(None, part)
    return ConfigError(
        [*where, missing],
        "is missing",
        allowed=_with_keys(part),
        corrected={missing: example} if example is not None else None,
    )


def _unknown_step(error: Violation, where: list) -> ConfigError:
    """A step of a chain, given with keys, whose name there is not."""
    name, names = error.instance, error.schema["enum"]
    step = error.parent.instance if error.parent else {}
    meant = nearest(name, names)
    corrected = [{meant: step[name]}] if step.get(name) else [meant]
    return ConfigError(where, f"there is no step {name!r}", allowed=", ".join(names), corrected=corrected)


def _bad_name(error: Violation, where: list) -> ConfigError:
    """A name of the user's own that would make no folder."""
    name = error.instance
    fitting = re.sub(r"[^a-z0-9]+", "_", str(name).lower()).strip("_0123456789")[:40].rstrip("_") or "my_study"
    fitting += "_study" if fitting == name else ""
    return ConfigError(
        [*where, name if str(name).isprintable() and len(str(name)) <= 60 else _shown(name)],
        f"{_shown(name)} is not a valid name here (how about {fitting!r}?)",
        allowed="lower-case letters, digits and underscores, a letter first, at most 64; no word of YAML or of `run`",
    )


def _several(error: Violation, where: list) -> ConfigError:
    """Several names where a list has one in each entry."""
    return ConfigError(
        where,
        f"{_shown(error.instance)} {_reason(error)}",
        allowed="one name in each entry of the list",
        corrected=[{k: v} if v else k for k, v in error.instance.items()],
    )


def _wrong(error: Violation, where: list) -> ConfigError:
    """A value that is not allowed."""
    meant = suggestion(error.instance, error.schema)
    if meant is None and error.parent is not None:
        meant = suggestion(error.instance, error.parent.schema)
    corrected = None
    if where and meant is not None:
        corrected = {where[-1]: meant} if isinstance(where[-1], str) else [meant]
    return ConfigError(
        where,
        f"{_shown(error.instance)} {_reason(error)}",
        allowed=_with_keys(error.schema),
        corrected=corrected,
    )


def _with_keys(rules: dict[str, Any]) -> str:
    """What a part of the schema allows, in words, the keys of a mapping too."""
    if "anyOf" in rules:
        return " or ".join(_with_keys(option) for option in rules["anyOf"])
    keys = ", ".join(rules.get("properties", ()))
    return f"keys with values: {keys}" if keys else describe(rules)


def _reason(error: Violation) -> str:
    if error.validator != "type":
        return REASONS.get(error.validator, "is not allowed here")
    value, reads = error.instance, number(error.instance) is not None
    if isinstance(value, str) and reads:
        return "is text to YAML, not a number (write 1.0e-4, not 1e-4 or '0.1')"
    if error.validator_value == "string" and reads:
        return "is a number to YAML, not text (write it in quotes)"
    if isinstance(value, float):
        return "is not a whole number" if math.isfinite(value) else "is not a finite number"
    return "has the wrong type"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
