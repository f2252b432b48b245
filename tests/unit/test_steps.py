"""Kinds of steps: what each says of itself holds in the library, in the rules and in the config."""

import ast
from pathlib import Path

import pytest

from espalier.backends import BACKENDS
from espalier.plan import recipe
from espalier.plan.keys import table
from espalier.plan.steps import STEPS

LIBRARY = Path(__file__).resolve().parents[2] / "workflow" / "scripts" / "espalier"


def parameters(backend, name):
    """The parameters of a function of a backend, without an import of its framework."""
    module, _, function = name.partition(".")
    tree = ast.parse((LIBRARY / backend / f"{module}.py").read_text())
    found = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function)
    return {argument.arg for argument in (*found.args.args, *found.args.kwonlyargs)}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", STEPS)
def test_the_functions_that_run_a_step_take_the_files_that_it_reads(kind, backend):
    step = STEPS[kind]
    assert parameters(backend, step.function) >= {"out", "keeping", *step.reads}
    assert parameters(backend, step.measure) >= {"path", "data", *step.measured_with}
    assert set(step.measured_with) <= set(step.reads)


@pytest.mark.parametrize("kind", STEPS)
def test_the_keys_that_name_a_folder_are_keys_of_the_step(kind):
    """Those of trainings are named together: each kind has some of them."""
    step = STEPS[kind]
    shared = recipe.NAMED if step.trains else ()
    assert set(step.named) <= {*table(step.keys)["properties"], *shared}


def test_a_folder_is_named_by_values_first_then_by_keys_in_one_order():
    assert STEPS["train"].folder({}) == "train"
    assert STEPS["train"].folder({"epochs": 2, "prune_type": "unit", "penalty": "l2_groups", "augment": []}) == (
        "train~l2_groups~unit~augment=none~epochs=2"
    )
    assert STEPS["quantize"].folder({"calibration_images": 64, "scheme": "static_int8"}) == (
        "quantize~static_int8~calibration_images=64"
    )


def test_a_recipe_has_the_keys_of_its_table_and_the_offset_of_a_rewound_one():
    assert set(table(recipe.Recipe)["properties"]) == set(recipe.KEYS) - {"offset"}
