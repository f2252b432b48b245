"""Which code a job runs, as a digest: what makes the workflow rerun a job when, and only when, its code changed.

Snakemake sees a touched script but not an edited import. So every rule carries `code_version(...)` among its params:
a digest of the shim, of every module of this library that the shim and the named entry modules import (transitively,
imports inside functions too), and of the registered functions that this very job uses.

Two things are left out on purpose: comments and docstrings, which change nothing that is computed; and registered
functions that the job does not name. A registered function is only ever reached through the register, so adding a
method to a file, or editing its neighbour, reruns nothing that does not use it.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

from espalier import registry

PACKAGE = __name__.partition(".")[0]
ROOT = Path(__file__).resolve().parents[2]


def code_version(script: str | Path, modules: Iterable[str] = (), uses: Iterable[tuple[str, str, str]] = ()) -> str:
    """Digest (16 hex digits) of the code that a job runs.

    script: path of the rule's shim. modules: dotted names of library modules that the shim reaches by name instead of
    by import (the backend's). uses: (kind, name, backend) of the registered functions that the job calls.
    """
    return _version(Path(script), tuple(sorted(set(modules))), tuple(sorted(set(uses))))


@functools.cache
def _version(script: Path, modules: tuple[str, ...], uses: tuple[tuple[str, str, str], ...]) -> str:
    used: dict[str, set[str]] = {}
    for kind, name, backend in uses:
        function = registry.get(registry.KINDS[kind], name, backend).function
        used.setdefault(function.__module__, set()).add(function.__name__)
    parts, seen = [], set()
    trees = [("", _residue(script, frozenset()))]
    waiting = {*modules, *used}
    while trees or waiting:
        while waiting:
            module = waiting.pop()
            if module not in seen and (path := _path(module)):
                seen.add(module)
                trees.append((module, _residue(path, frozenset(used.get(module, ())))))
        if trees:
            module, tree = trees.pop()
            parts.append(f"{module} {_dump(tree)}")
            waiting |= _imports(tree)
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:16]


def _path(module: str) -> Path | None:
    """The file of a module of this package, None for what is not one (a name imported from a module, say)."""
    if module.partition(".")[0] != PACKAGE:
        return None
    base = ROOT.joinpath(*module.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


@functools.cache
def _residue(path: Path, used: frozenset[str]) -> ast.Module:
    """The module's syntax tree without docstrings and without the registered functions that are not in `used`."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    tree.body = [n for n in tree.body if not (_is_registered(n) and n.name not in used) and not _is_sources(n)]
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
    """How the kind of a registration is treated: its policy in the register; "used" if the kind is not a plain name."""
    entry = registration.args[0] if registration.args else None
    kind = getattr(registry, _name(entry.func), None) if isinstance(entry, ast.Call) else None
    return getattr(kind, "digest", "used")


def _name(node: ast.expr) -> str:
    return getattr(node, "id", getattr(node, "attr", ""))


def _is_sources(node: ast.stmt) -> bool:
    """The register's list of modules: which others there are changes nothing that a job computes."""
    return isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "SOURCES" for t in node.targets)


@functools.cache
def _dump(tree: ast.Module) -> str:
    return ast.dump(tree)


@functools.cache
def _imports(tree: ast.Module) -> frozenset[str]:
    """Modules of this package that the tree imports, wherever the statement stands, with their parent packages."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    names = {name for name in names if name.partition(".")[0] == PACKAGE}
    return frozenset(names | {name.rpartition(".")[0] for name in names if name.count(".") > 1})
