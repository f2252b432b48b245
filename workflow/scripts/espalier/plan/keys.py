"""The keys of a config as tables: annotations of a class say of each key its type, default, bounds and meaning, once.

    class Quantize(Table):
        calibration_images: Annotated[int, key("Training images for calibration.", default=128, minimum=1)]

A table becomes a part of a JSON Schema by `rules`: the config is checked against it, defaults are filled in from it,
the schema file and docs/configuration.md are written from it. Functions in the register say in the same way what they
take: `padding: Annotated[int, {"minimum": 0}] = 0`.
"""

from __future__ import annotations

import functools
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from espalier import registry
from espalier.backends import BACKENDS

TYPES = {int: "integer", float: "number", str: "string", bool: "boolean"}


class Table:
    """The keys of a section of the config; a TypedDict will do, too. An annotation without `key(...)` is no key."""

    RULES: ClassVar[dict[str, Any]] = {}  # keywords of JSON Schema for the section as a whole


class Rules(dict[str, Any]):
    """Keywords of JSON Schema in an annotation. Hashable, so that `|` can join an annotated type to another."""

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)


def key(help: str, *, required: bool = False, **rules: Any) -> Rules:
    """What is known of a key beside its type: its meaning, and keywords of JSON Schema such as default and minimum.

    required: whether its section must have it.
    """
    return Rules({"description": help, **({"x-required": True} if required else {}), **rules})


def named(kind: type[registry.Entry]) -> Rules:
    """Of a value that is the name of a registered entry."""
    return Rules({"x-register": kind.kind})


def limits(**rules: Any) -> Rules:
    """Of a value: keywords of JSON Schema."""
    return Rules(rules)


def rules(annotation: Any) -> dict[str, Any]:
    """What an annotation allows, as a part of a JSON Schema; any value, if it does not tell.

    >>> rules(int), rules(Literal["a", "b"]), rules(list[float])
    ({'type': 'integer'}, {'enum': ['a', 'b']}, {'type': 'array', 'items': {'type': 'number'}})
    >>> rules(Annotated[str | None, {"minLength": 1}])
    {'type': ['string', 'null'], 'minLength': 1}
    """
    origin, arguments = get_origin(annotation), list(get_args(annotation))
    if origin is Annotated:
        return functools.reduce(_with, annotation.__metadata__, rules(arguments[0]))
    if origin is Literal:
        return {"enum": arguments} if arguments[1:] else {"const": arguments[0]}
    if origin in (Union, UnionType):
        return _any_of([rules(option) for option in arguments if option is not type(None)], type(None) in arguments)
    if origin is list:
        return {"type": "array", "items": rules(arguments[0])}
    if origin is dict:
        values = rules(arguments[1])
        return {"type": "object", "additionalProperties": values} if values else {"type": "object"}
    if is_typeddict(annotation) or (isinstance(annotation, type) and issubclass(annotation, Table)):
        return table(annotation)
    return {"type": TYPES[annotation]} if annotation in TYPES else {}


def table(keys: type) -> dict[str, Any]:
    """A section as a part of a JSON Schema. Its lists of registered names are those of the register as it is now."""
    return _table(keys, registry.names())


def defaults(keys: type) -> dict[str, Any]:
    """The default of each key of a section that has one."""
    return {name: part["default"] for name, part in table(keys)["properties"].items() if "default" in part}


def registered(kind: str) -> list[str]:
    """Names of all registered entries of a kind, whatever their backend."""
    names = [name for backend in BACKENDS for name in registry.entries(registry.KINDS[kind], backend)]
    return list(dict.fromkeys(names))


@functools.cache
def _table(keys: type, register: Any) -> dict[str, Any]:
    hints = get_type_hints(keys, include_extras=True)
    parts = {name: rules(hint) for name, hint in hints.items() if get_origin(hint) is Annotated}
    required = [name for name, part in parts.items() if part.pop("x-required", False)]
    made = {"type": "object", "additionalProperties": False, "required": required, "properties": parts} | getattr(
        keys, "RULES", {}
    )
    return {keyword: value for keyword, value in made.items() if keyword != "required" or value}


def _with(part: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """A part of a schema with more keywords; names that the register has, if it says so."""
    names = {"enum": registered(more["x-register"])} if "x-register" in more else {}
    return part | more | names


def _any_of(options: list[dict[str, Any]], null: bool) -> dict[str, Any]:
    """One of several, or null."""
    if null and len(options) == 1:
        (part,) = options
        if set(part) == {"type"} and part["type"] in TYPES.values():
            return {"type": [part["type"], "null"]}
        if set(part) <= {"enum", "const"}:
            return {"enum": [None, *part.get("enum", [part.get("const")])]}
    return {"anyOf": [{"type": "null"}] * null + options}
