"""What a job is covered by: the digest of its code, the registered entries that it may reach, its packages' versions.

Snakemake sees a touched script but not an edited import. So every rule has `code=code_of_job(...)` among its params,
and a job reruns when, and only when, what it depends on changed:

digest    of the syntax trees of the rule's script, of every module of this library that the script and the named entry
          modules import (transitively, imports inside functions too), and of the registered functions that the job
          uses; and of the files next to a module (a style, a script for browsers) that its constant RESOURCES names
uses      these registered functions; while the job runs, the register gives out no others (registry.only)
versions  of the packages that this code imports, as they are installed here

Two things are left out of the digest on purpose: comments and docstrings, which change nothing that is computed; and
registered functions that the job does not name. A registered function is only ever reached through the register, so
adding a method to a file, or editing its neighbour, reruns nothing that does not use it.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from espalier import registry
from espalier.run import software

PACKAGE = __name__.partition(".")[0]
ROOT = Path(__file__).resolve().parents[2]

# Packages that change nothing that is computed: they check a record, or show progress.
NOT_COMPUTING = frozenset({"jsonschema", "tqdm", "yaml"})

Use = tuple[str, str, str]  # kind, name and backend of a registered entry
Trees = tuple[tuple[str, ast.Module], ...]  # modules with what of them is left, the script as ""


def code_of_job(script: str | Path, modules: Iterable[str] = (), uses: Iterable[Use] = ()) -> dict[str, Any]:
    """The param `code` of a job: {"digest": 16 hex digits, "uses": [[kind, name, backend]], "versions": {name: text}}.

    script: path of the rule's script. modules: dotted names of library modules that the script reaches by name instead
    of by import (the backend's). uses: the registered entries that the job reaches. Nothing is imported for it.
    """
    uses = tuple(sorted(set(uses)))
    arguments = Path(script), tuple(sorted(set(modules))), uses
    return {"digest": _digest(*arguments), "uses": [list(use) for use in uses], "versions": _versions(*arguments)}


def code_version(script: str | Path, modules: Iterable[str] = (), uses: Iterable[Use] = ()) -> str:
    """The digest alone."""
    return code_of_job(script, modules, uses)["digest"]


@functools.cache
def _digest(script: Path, modules: tuple[str, ...], uses: tuple[Use, ...]) -> str:
    reached = _reached(script, modules, uses)
    parts = [f"{module} {_dump(tree)}" for module, tree in reached]
    parts += [file for module, tree in reached for file in _resources(module, tree)]
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:16]


@functools.cache
def _versions(script: Path, modules: tuple[str, ...], uses: tuple[Use, ...]) -> dict[str, str]:
    imported = {name.partition(".")[0] for _, tree in _reached(script, modules, uses) for name in _imports(tree)}
    return software.installed(imported - {PACKAGE} - NOT_COMPUTING - sys.stdlib_module_names)


@functools.cache
def _reached(script: Path, modules: tuple[str, ...], uses: tuple[Use, ...]) -> Trees:
    """Everything that the job reaches."""
    used: dict[str, set[str]] = {}
    for kind, name, backend in uses:
        function = registry.get(registry.KINDS[kind], name, backend).function
        used.setdefault(function.__module__, set()).add(function.__name__)
    reached = {"": _residue(script, frozenset())}
    waiting = {*modules, *used, *_imports(reached[""])}
    while waiting:
        module = waiting.pop()
        if module not in reached and (path := _path(module)):
            reached[module] = _residue(path, frozenset(used.get(module, ())))
            waiting |= _imports(reached[module])
    return tuple(reached.items())


def _path(module: str) -> Path | None:
    """The file of a module of this package, None for what is not one (a name imported from a module, say)."""
    if module.partition(".")[0] != PACKAGE:
        return None
    base = ROOT.joinpath(*module.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


@functools.cache
def _residue(path: Path, used: frozenset[str]) -> ast.Module:
    """The module's syntax tree without what changes nothing: docstrings, imports that only a type checker follows, and
    the registered functions that are not in `used`."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    tree.body = [n for n in tree.body if not (_is_registered(n) and n.name not in used) and not _changes_nothing(n)]
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return tree


def _is_registered(node: ast.stmt) -> bool:
    """Whether a statement registers a function of a kind that jobs name, `@register(Score(...))`."""
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and any(
        isinstance(d, ast.Call) and _name(d.func) == "register" and _digest_of(d) == "used" for d in node.decorator_list
    )


def _digest_of(registration: ast.Call) -> str:
    """How the kind of a registration is treated: its policy in the register; "all" if the kind is not a plain name, so
    that nothing is left out by mistake."""
    entry = registration.args[0] if registration.args else None
    kind = getattr(registry, _name(entry.func), None) if isinstance(entry, ast.Call) else None
    return getattr(kind, "digest", "all")


def _name(node: ast.expr) -> str:
    return getattr(node, "id", getattr(node, "attr", ""))


def _changes_nothing(node: ast.stmt) -> bool:
    """The register's list of modules (which others there are changes nothing that a job computes), and what is there
    for a type checker only."""
    if isinstance(node, ast.If):
        return _name(node.test) == "TYPE_CHECKING" and not node.orelse
    return isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "SOURCES" for t in node.targets)


@functools.cache
def _dump(tree: ast.Module) -> str:
    return _text(tree)


def _text(node: Any) -> str:
    """A syntax tree as text: the same in all versions of Python, unlike that of ast.dump, which differ in the empty
    fields that they write.

    >>> _text(ast.parse("x = None"))
    "Module(body=[Assign(targets=[Name(id='x' ctx=Store())] value=Constant(value=None))])"
    """
    if isinstance(node, list):
        return f"[{' '.join(map(_text, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    constant = isinstance(node, ast.Constant)
    fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, []) or constant]
    return f"{type(node).__name__}({' '.join(f'{name}={_text(value)}' for name, value in fields if name != 'kind')})"


def _resources(module: str, tree: ast.Module) -> Iterator[str]:
    """The files that the module's constant RESOURCES names, each with the digest of its bytes."""
    path = _path(module)
    for node in tree.body if path else ():
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "RESOURCES" for t in node.targets):
            for name in ast.literal_eval(node.value):
                yield f"{module} {name} {hashlib.sha256(path.with_name(name).read_bytes()).hexdigest()}"


@functools.cache
def _imports(tree: ast.Module) -> frozenset[str]:
    """Modules that the tree imports, wherever the statement stands, with the parent packages of this package's."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    own = {name for name in names if name.partition(".")[0] == PACKAGE}
    return frozenset(names | {name.rpartition(".")[0] for name in own if name.count(".") > 1})
