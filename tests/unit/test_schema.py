"""The tables of keys: the schema file and the docs are made of them, and no default stands in two places."""

import importlib
import inspect
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Literal

import jsonschema
import pytest
import yaml

from espalier.plan import page
from espalier.plan.explain import ConfigError
from espalier.plan.keys import Table, defaults, key, limits, rules, table
from espalier.plan.recipe import Recipe
from espalier.plan.schema import Config, Dataset, Model, document
from espalier.plan.steps import STEPS
from espalier.plan.steps.prune import Prune
from espalier.plan.steps.quantize import Quantize
from espalier.plan.validate import check_keys, validate
from espalier.training.recipe import Recipe as TrainingRecipe

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("file", "text"),
    [("workflow/schemas/config.schema.yaml", page.schema_text), ("docs/configuration.md", page.page)],
)
def test_what_is_made_of_the_tables_is_in_step_with_them(file, text):
    assert (PROJECT / file).read_text() == text(), f"{file} is out of step: run `make docs`"


def test_the_schema_file_allows_the_configs_that_come_with_the_project_and_refuses_a_wrong_one():
    schema = yaml.safe_load((PROJECT / "workflow/schemas/config.schema.yaml").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    for file in (PROJECT / "config.yaml", *(PROJECT / "config").glob("*.yaml")):
        config = yaml.safe_load(file.read_text())
        assert validator.is_valid(config), file
        study = next(iter(config["studies"].values()))
        study["train"]["learning_rate"] = 0
        assert not validator.is_valid(config)


@pytest.mark.parametrize(
    ("keys", "module", "function", "shared"),
    [
        (Dataset, "datasets.prepare", "Preparation", {"path", "classes", "fit"}),
        (Model, "pytorch.models", "build_model", {"width", "weights"}),
        (Quantize, "training.calibration", "Quantization", {"calibration_images"}),
    ],
)
def test_functions_of_the_library_have_the_defaults_of_the_config(keys, module, function, shared):
    usual = defaults(keys)
    parameters = inspect.signature(getattr(importlib.import_module(f"espalier.{module}"), function)).parameters
    own = {name: p.default for name, p in parameters.items() if p.default is not p.empty and name in usual}
    assert set(own) >= shared
    assert own == {name: usual[name] for name in own}


def test_a_recipe_of_the_config_is_what_the_library_is_called_with():
    keys, library = ([field.name for field in fields(recipe)] for recipe in (Recipe, TrainingRecipe))
    assert sorted(keys) == sorted(library)


def parts_of(schema, path=()):
    if isinstance(schema, dict):
        yield path, schema
        for name, value in schema.items():
            yield from parts_of(value, (*path, name))
    elif isinstance(schema, list):
        for number, value in enumerate(schema):
            yield from parts_of(value, (*path, number))


def test_every_key_is_described():
    for path, part in parts_of(document()):
        if path and path[-1] == "properties":
            assert all(value.get("description") for value in part.values()), path


def test_every_default_and_example_is_allowed():
    checked = 0
    for keys in (Config, *(step.keys for step in STEPS.values())):
        for path, part in parts_of(table(keys)):
            if path[-1:] == ("default",):
                continue
            for value in [*([part["default"]] if "default" in part else []), *part.get("examples", [])]:
                validate(value, part, list(path))
                checked += 1
    assert checked > 60


def test_gradual_pruning_ends_where_its_default_says():
    """A step that says only where pruning begins is checked against the default end, wherever that is."""
    from test_grid import KERAS, built

    end = defaults(Prune)["end"]
    step = {"prune_type": "weight", "ratio": 0.5, "schedule": "gradual"}
    assert built(["train", {"prune": step | {"begin": round(end - 0.01, 2)}}], **KERAS).jobs
    with pytest.raises(ConfigError, match=rf"would end at {end} of the steps, where it has not begun"):
        built(["train", {"prune": step | {"begin": end}}], **KERAS)


class Inner(Table):
    """A section in a section."""

    share: Annotated[float, key("A share.", required=True, minimum=0, maximum=1)]


class Outer(Table):
    """A table with a key of every type."""

    whole: Annotated[int, key("A whole number.", default=3, minimum=1)]
    word: Annotated[Literal["a", "b"] | None, key("A word, or nothing.", default=None)]
    several: Annotated[list[Annotated[int, limits(minimum=1)]], key("Numbers.", default=[])]
    either: Annotated[Literal["all"] | list[str], key("All, or names.", default="all")]
    inner: Annotated[Inner | None, key("A section, or nothing.")]
    helper: int = 3  # no key


def test_a_table_is_a_part_of_a_schema():
    assert table(Outer) == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "whole": {"type": "integer", "description": "A whole number.", "default": 3, "minimum": 1},
            "word": {"enum": [None, "a", "b"], "description": "A word, or nothing.", "default": None},
            "several": {
                "type": "array",
                "items": {"type": "integer", "minimum": 1},
                "description": "Numbers.",
                "default": [],
            },
            "either": {
                "anyOf": [{"const": "all"}, {"type": "array", "items": {"type": "string"}}],
                "description": "All, or names.",
                "default": "all",
            },
            "inner": {"anyOf": [{"type": "null"}, rules(Inner)], "description": "A section, or nothing."},
        },
    }
    assert rules(Inner)["required"] == ["share"]
    assert defaults(Outer) == {"whole": 3, "word": None, "several": [], "either": "all"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"whole": 0}, "a.whole: 0 is too small"),
        ({"inner": {}}, "a.inner.share: is missing"),
        ({"inner": {"share": 2}}, "a.inner.share: 2 is too large"),
        ({"helper": 1}, "a.helper: there is no such key"),
    ],
)
def test_values_are_checked_against_a_table(values, message):
    with pytest.raises(ConfigError) as caught:
        check_keys(values, Outer, ["a"])
    assert str(caught.value).startswith(message)
