"""What a config could have meant: a value that the schema allows, as near to what was given as can be told."""

from __future__ import annotations

import difflib
import math
from typing import Any

from jsonschema import Draft202012Validator, validators


def _is_integer(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_: Any, value: Any) -> bool:
    return _is_integer(_, value) or (isinstance(value, float) and math.isfinite(value))


# JSON Schema, but 2.0 is no whole number (range() takes none), and .nan and .inf are no numbers.
Validator = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_integer, "number": _is_number}),
)


def nearest(value: Any, names: list[str]) -> str:
    """The name that is most like what was given; the first, if none is.

    >>> nearest("mean_asb", ["sum", "mean_abs"]), nearest("?", ["sum", "mean_abs"])
    ('mean_abs', 'sum')
    """
    close = difflib.get_close_matches(str(value), names, n=1)
    return close[0] if close else names[0]


def close_to(value: Any, names: list[str]) -> str | None:
    """The name that is so much like what was given that it must have been meant; None, if none is."""
    return next(iter(difflib.get_close_matches(str(value), names, n=1, cutoff=0.75)), None)


def number(value: Any) -> float | None:
    """The number that a value is or reads like ("1e-4", "40%"); None if it does not.

    >>> number("40%"), number("high"), number(True)
    (0.4, None, None)
    """
    if isinstance(value, bool) or value is None:
        return None
    percent = isinstance(value, str) and value.endswith("%")
    try:
        read = float(value[:-1]) / 100 if percent else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def suggestion(value: Any, rules: dict[str, Any]) -> Any:
    """A value that a part of the schema allows, as near to `value` as can be told; None if there is no telling.

    >>> share = {"type": "number", "minimum": 0, "exclusiveMaximum": 1, "examples": [0.5]}
    >>> suggestion(40, share), suggestion(1.5, share), suggestion("0.1", share)
    (0.4, 0.5, 0.1)
    """
    if "anyOf" in rules:
        options = [suggestion(value, option) for option in rules["anyOf"]]
        return next((option for option in options if option is not None), rules.get("default"))
    if "enum" in rules:
        return rules["enum"][0] if value is None else _like(value, rules["enum"])
    return next((c for c in _candidates(value, rules) if c is not None and Validator(rules).is_valid(c)), None)


def _candidates(value: Any, rules: dict[str, Any]) -> list:
    """Values that may do, the likeliest first."""
    read = number(value)
    candidates = [read, rules.get("default"), *rules.get("examples", ()), rules.get("minimum"), 0.5, 1]
    if read is not None and rules.get("exclusiveMaximum") == 1 and 2 <= read < 100:
        candidates.insert(0, read / 100)  # a percentage
    if read is not None and rules.get("type") == "integer":
        candidates.insert(0, round(read))
    if rules.get("type") == "array":
        candidates = [_list(value, rules), *candidates, [suggestion(None, rules["items"])]]
    if rules.get("type") == "object" and "required" in rules:
        scalar = None if isinstance(value, dict | list) else value
        candidates.append({key: suggestion(scalar, rules["properties"][key]) for key in rules["required"]})
    return candidates


def _list(value: Any, rules: dict[str, Any]) -> list:
    """The entries of a list, or what is to be one, each as it is or mended."""
    items, valid = value if isinstance(value, list) else [value], Validator(rules["items"]).is_valid
    mended = [v if v is not None and valid(v) else suggestion(v, rules["items"]) for v in items]
    return [v for i, v in enumerate(mended) if v not in mended[:i]] if rules.get("uniqueItems") else mended


def _like(value: Any, allowed: list) -> Any:
    """The allowed value that is most like what was given; the first, if none is."""
    by_text = {str(v): v for v in allowed}
    return by_text[nearest(value, list(by_text))]
