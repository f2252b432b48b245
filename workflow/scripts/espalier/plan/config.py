"""Checking a config against its schema and the register, and saying what is wrong so that it can be mended.

A ConfigError names the key and the value, says what is allowed, and shows the corrected YAML.
"""

from __future__ import annotations

import copy
import difflib
import functools
import inspect
import math
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import jsonschema
import yaml

from espalier import registry

SCHEMA = Path(__file__).resolve().parents[3] / "schemas" / "config.schema.yaml"


class ConfigError(ValueError):
    """A mistake in the config, in words: where it is, what is wrong, what is allowed, and the corrected YAML.

    corrected: {key: value} to put beside the key that is wrong, or a list, to put in the place of an entry of a list.
    """

    def __init__(self, path: list, problem: str, *, allowed: str = "", corrected: Any = None):
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
    names = [name for backend in ("pytorch", "keras") for name in registry.entries(registry.KINDS[kind], backend)]
    return list(dict.fromkeys(names))


def check(config: dict) -> dict:
    """The config with every default filled in; raises ConfigError at the first thing that the schema does not allow.

    Steps of chains are checked when the grid expands them (`check_part`), since their values may be lists.
    """
    _validate(config, schema(), [])
    _refuse_ends_of_scripts(_plain(config), [])
    return _filled(copy.deepcopy(_plain(config)), schema())


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


def check_part(value: Any, definition: str, path: list) -> None:
    """Check one part of a config against a definition of the schema, such as "prune"; raises ConfigError."""
    part = {"$ref": f"#/$defs/{definition}", "$defs": schema()["$defs"]}
    _validate(value, part, path)


def example(definition: str, key: str) -> dict | None:
    """A key of a definition of the schema with a value that it allows; None if there is no telling."""
    value = _suggestion(None, _property({"$ref": f"#/$defs/{definition}"}, key))
    return None if value is None else {key: value}


def check_arguments(
    entry: registry.Entry, arguments: dict, path: list, given: tuple[str, ...] = (), examples: dict | None = None
) -> None:
    """Check the values that a config gives to a registered function against its signature; raises ConfigError.

    A value must be of the type that the parameter is annotated with, or of its default's. given: parameters that the
    library fills in itself. examples: values to show for parameters that are wrong or left out.
    """
    parameters = inspect.signature(entry.function, eval_str=True).parameters
    allowed = {name: p for name, p in parameters.items() if name not in given}
    for name, value in arguments.items():
        if name not in allowed:
            raise unknown_key(path, name, sorted(allowed), arguments)
        try:
            _validate(value, _rules(allowed[name]), [*path, name])
        except ConfigError as error:
            known = {name: examples[name]} if examples and name in examples else error.corrected
            raise ConfigError(error.path, error.problem, allowed=error.allowed, corrected=known) from None
    for name, parameter in allowed.items():
        if parameter.default is parameter.empty and name not in arguments:
            example = (examples or {}).get(name, _suggestion(None, _rules(parameter)))
            raise ConfigError(
                [*path, name],
                f"is missing: {entry.name} needs a value for it",
                allowed=describe(_rules(parameter)),
                corrected={name: example} if example is not None else None,
            )


def _rules(parameter: inspect.Parameter) -> dict:
    """What a parameter takes, as a part of a schema: any value, if neither annotation nor default tells.

    `Annotated[int, {"minimum": 1}]` says of what type it is and adds to the schema.
    """
    bounds = getattr(parameter.annotation, "__metadata__", ({},))[0]
    if bounds:
        return _rules(parameter.replace(annotation=parameter.annotation.__origin__)) | bounds
    kind = parameter.annotation if parameter.annotation is not parameter.empty else type(parameter.default)
    if get_origin(kind) is Literal:
        return {"enum": list(get_args(kind))}
    types = {int: "integer", float: "number", str: "string", bool: "boolean"}
    return {"type": types[kind]} if kind in types else {}


def typed(values: list) -> list:
    """A list of texts as YAML would have read them: numbers as numbers."""
    return [yaml.safe_load(value) if isinstance(value, str) else value for value in values]


def unknown_key(path: list, key: str, allowed: list[str], instance: dict) -> ConfigError:
    """The error for a key that does not exist, with the nearest one that does."""
    close = difflib.get_close_matches(str(key), allowed, n=1, cutoff=0.75)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return ConfigError(
        [*path, key],
        f"there is no such key{hint}",
        allowed=", ".join(allowed) or "no keys",
        corrected={close[0]: instance[key]} if close else None,
    )


def nearest(value: Any, names: list[str]) -> str:
    """The name that is most like what was given; the first, if none is."""
    close = difflib.get_close_matches(str(value), names, n=1)
    return close[0] if close else names[0]


def _plain(value: Any) -> Any:
    """Plain dicts and lists, whatever mapping type the loader chose; keys as text (YAML reads `on` and 1 otherwise)."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _is_integer(_, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_, value: Any) -> bool:
    return _is_integer(_, value) or (isinstance(value, float) and math.isfinite(value))


# JSON Schema, but 2.0 is no whole number (range() takes none), and .nan and .inf are no numbers.
_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)


def _validate(value: Any, part: dict, path: list) -> None:
    errors = list(_Validator(part).iter_errors(_plain(value)))
    if errors:
        raise _explained(max(errors, key=jsonschema.exceptions.relevance), path)


def _explained(error: jsonschema.ValidationError, path: list) -> ConfigError:
    for option in error.context:  # of an anyOf: the option that was meant is the one whose type is right
        named = "propertyNames" in option.relative_schema_path
        if named or option.relative_path or option.validator not in ("type", "enum", "const"):
            return _explained(option, path)
    where = [*path, *error.absolute_path]
    value, rules = error.instance, error.schema
    if error.validator == "additionalProperties":
        known = list(rules["properties"])
        return unknown_key(where, next(k for k in value if k not in known), known, value)
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in value)
        part = _property(rules, missing)
        example = _suggestion(None, part)
        return ConfigError(
            [*where, missing],
            "is missing",
            allowed=_with_keys(part),
            corrected={missing: example} if example is not None else None,
        )
    if "propertyNames" in error.schema_path and "enum" in rules:
        step = error.parent.instance if error.parent else {}
        meant = nearest(value, rules["enum"])
        corrected = [{meant: step[value]}] if step.get(value) else [meant]
        return ConfigError(where, f"there is no step {value!r}", allowed=", ".join(rules["enum"]), corrected=corrected)
    if "propertyNames" in error.schema_path:
        fitting = re.sub(r"[^a-z0-9]+", "_", str(value).lower()).strip("_0123456789") or "my_study"
        return ConfigError(
            [*where, value],
            f"{value!r} is not a valid name here (how about {fitting!r}?)",
            allowed="lower-case letters, digits and underscores, a letter first",
        )
    if error.validator == "maxProperties":
        return ConfigError(
            where,
            f"{_shown(value)} {_reason(error)}",
            allowed="one name in each entry of the list",
            corrected=[{k: v} if v else k for k, v in value.items()],
        )
    key = where[-1] if where else None
    suggestion = _suggestion(value, rules)
    if suggestion is None and error.parent is not None:
        suggestion = _suggestion(value, error.parent.schema)
    corrected = {key: suggestion} if isinstance(key, str) else [suggestion]
    return ConfigError(
        where,
        f"{_shown(value)} {_reason(error)}",
        allowed=_with_keys(rules),
        corrected=corrected if where and suggestion is not None else None,
    )


def _with_keys(rules: dict) -> str:
    """What a part of the schema allows, in words, the keys of a mapping too."""
    rules = deref(rules)
    if "anyOf" in rules:
        return " or ".join(_with_keys(option) for option in rules["anyOf"])
    keys = ", ".join(rules.get("properties", ()))
    return f"keys with values: {keys}" if keys else describe(rules)


def _reason(error: jsonschema.ValidationError) -> str:
    if error.validator == "type":
        if isinstance(error.instance, str) and _number(error.instance) is not None:
            return "is text to YAML, not a number (write 1.0e-4, not 1e-4 or '0.1')"
        if error.validator_value == "string" and _number(error.instance) is not None:
            return "is a number to YAML, not text (write it in quotes)"
        if isinstance(error.instance, float):
            return "is not a whole number" if math.isfinite(error.instance) else "is not a finite number"
        return "has the wrong type"
    reasons = {
        "minimum": "is too small",
        "exclusiveMinimum": "is too small",
        "maximum": "is too large",
        "exclusiveMaximum": "is too large",
        "minItems": "has too few entries",
        "minProperties": "is empty",
        "maxProperties": "has more than one name",
        "uniqueItems": "has an entry twice",
    }
    return reasons.get(error.validator, "is not allowed here")


def describe(rules: dict) -> str:
    """What a part of the schema allows, in words."""
    rules = deref(rules)
    if "anyOf" in rules:
        return " or ".join(describe(option) for option in rules["anyOf"])
    if "const" in rules:
        return str(rules["const"])
    if "enum" in rules:
        return ", ".join("null" if v is None else str(v) for v in rules["enum"])
    types = rules.get("type", "value")
    words = {
        "integer": "a whole number",
        "number": "a number",
        "string": "text",
        "boolean": "true or false",
        "null": "null",
    }
    words |= {"array": "a list", "object": "keys with values"}
    text = " or ".join(words.get(t, t) for t in ([types] if isinstance(types, str) else types))
    for key, word in (("minimum", "at least"), ("exclusiveMinimum", "above"), ("maximum", "at most")):
        if key in rules:
            text += f", {word} {rules[key]}"
    if "exclusiveMaximum" in rules:
        text += f", below {rules['exclusiveMaximum']}"
    if "items" in rules:
        text += f" of: {describe(rules['items'])}"
    return text


def _suggestion(value: Any, rules: dict) -> Any:
    """A value that the schema allows, as near to what was given as can be told; None if there is no telling."""
    rules = deref(rules)
    number = _number(value)
    if "anyOf" in rules:
        options = [_suggestion(value, option) for option in rules["anyOf"]]
        return next((option for option in options if option is not None), rules.get("default"))
    if "enum" in rules:
        return rules["enum"][0] if value is None else _like(value, rules["enum"])
    if rules.get("exclusiveMaximum") == 1 and number is not None and 1 < number < 100:
        return number / 100  # a percentage
    candidates = [number, rules.get("default"), *rules.get("examples", ()), rules.get("minimum"), 0.5, 1]
    if rules.get("type") == "integer" and number is not None:
        candidates.insert(0, round(number))
    if rules.get("type") == "array":
        items = value if isinstance(value, list) else [value]
        mended = [v if v is not None and _valid(v, rules["items"]) else _suggestion(v, rules["items"]) for v in items]
        candidates = [list(dict.fromkeys(mended)) if rules.get("uniqueItems") else mended, *candidates]
        candidates.append([_suggestion(None, rules["items"])])
    if rules.get("type") == "object" and "required" in rules:
        scalar = None if isinstance(value, dict | list) else value
        candidates.append({key: _suggestion(scalar, _property(rules, key)) for key in rules["required"]})
    return next((c for c in candidates if c is not None and _valid(c, rules)), None)


def _like(value: Any, allowed: list) -> Any:
    """The allowed value that is most like what was given; the first, if none is."""
    by_text = {str(v): v for v in allowed}
    return by_text[nearest(value, list(by_text))]


def _valid(value: Any, rules: dict) -> bool:
    return _Validator({**rules, "$defs": schema()["$defs"]}).is_valid(value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    percent = isinstance(value, str) and value.endswith("%")
    try:
        number = float(value[:-1]) / 100 if percent else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def deref(rules: dict) -> dict:
    """A part of the schema with its $ref looked up; keys beside the $ref win."""
    if "$ref" in rules:
        target = deref(schema()["$defs"][rules["$ref"].rpartition("/")[2]])
        return {**target, **{k: v for k, v in rules.items() if k != "$ref"}}
    return rules


def _property(rules: dict, key: str) -> dict:
    return deref(rules).get("properties", {}).get(key, {})


def _filled(value: Any, rules: dict) -> Any:
    """The value with the schema's defaults filled in (in place)."""
    rules = deref(rules)
    if isinstance(value, dict) and "x-inherits" not in rules:
        for key, part in rules.get("properties", {}).items():
            part = deref(part)
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
