"""Both backends offer the same functions: those of the protocol, with its parameters."""

import ast
import inspect
from pathlib import Path

import pytest

from espalier import backends
from espalier.backends import BACKENDS
from espalier.training.interface import MODULES

LIBRARY = Path(backends.__file__).parent


def parameters_of(function):
    """Names, kinds and whether there is a default of a function's parameters, from its source."""
    arguments = function.args
    positional = [(a.arg, "positional", False) for a in arguments.args]
    optional = len(arguments.defaults)
    positional = [(name, kind, i >= len(positional) - optional) for i, (name, kind, _) in enumerate(positional)]
    named = [
        (a.arg, "keyword", d is not None) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    rest = [(arguments.kwarg.arg, "rest", False)] if arguments.kwarg else []
    return [*positional, *sorted(named), *rest]


def expected_of(function):
    """The same of a function of the protocol, without its `self`."""
    kinds = {"POSITIONAL_OR_KEYWORD": "positional", "KEYWORD_ONLY": "keyword", "VAR_KEYWORD": "rest"}
    found = [
        (p.name, kinds[p.kind.name], p.default is not p.empty)
        for p in list(inspect.signature(function).parameters.values())[1:]
    ]
    order = list(kinds.values())
    return sorted(found, key=lambda row: (order.index(row[1]), row[0] if row[1] == "keyword" else ""))


def types_of(function):
    """Annotations of a function's parameters, as they are written."""
    arguments = [*function.args.args, *function.args.kwonlyargs]
    return {a.arg: ast.unparse(a.annotation) for a in arguments if a.annotation}


def source_of(backend, module):
    return ast.parse((LIBRARY / backend / f"{module}.py").read_text(encoding="utf-8")).body


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("module", MODULES)
def test_a_backend_has_the_functions_of_the_protocol(module, backend):
    body = source_of(backend, module)
    functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    names = {ast.unparse(target) for node in body if isinstance(node, ast.Assign) for target in node.targets}
    protocol = MODULES[module]
    for name, function in inspect.getmembers(protocol, inspect.isfunction):
        if name.startswith("_"):
            continue
        assert name in functions, f"{backend}.{module} lacks {name}"
        assert parameters_of(functions[name]) == expected_of(function), f"{backend}.{module}.{name}"
        wanted = {key: text for key, text in function.__annotations__.items() if key not in ("return", "step", "net")}
        assert {key: types_of(functions[name])[key] for key in wanted} == wanted, f"{backend}.{module}.{name}"
    assert set(vars(protocol).get("__annotations__", {})) <= names


def test_every_function_that_a_step_runs_is_in_the_protocol():
    from espalier.plan.steps import STEPS

    for step in STEPS.values():
        for place in (step.function, step.measure):
            module, _, name = place.partition(".")
            assert hasattr(MODULES[module], name), place
