"""What a job is covered by: the digest of its code, the entries and plug-ins that it may reach, its packages' versions.

Snakemake sees a touched script but not an edited import. So every rule has `code=code_of_job(...)` among its params,
and a job reruns when, and only when, what it depends on changed:

digest    of the syntax trees of the rule's script, of every module of this library that the script and the named entry
          modules import (transitively, imports inside functions too), and of the registered functions that the job
          uses; and of the files next to a module (a style, a script for browsers) that its constant RESOURCES names.
          A plug-in's file, and what it imports beside it, count as the library's modules do
of        the rule's script and the named modules, by which a running job checks its digest
uses      these registered functions; while the job runs, the register gives out no others (registry.only)
described entries whose fields the job asks for, without calling them: what a prune type or a scheme is to a table.
          Their fields are in the digest, their functions are not
plugins   where the plug-ins are that the job imports: those that registered something it uses
versions  of the packages that this code imports, as they are installed here

Three things are left out of the digest on purpose: comments and docstrings, which change nothing that is computed;
modules that cannot change a result (NO_RESULT); and registered functions that the job does not name. A registered
function is only ever reached through the register, so adding a method to a file, or editing its neighbour, reruns
nothing that does not use it.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from espalier import plugins, registry
from espalier.run import software

PACKAGE = __name__.partition(".")[0]
ROOT = Path(__file__).resolve().parents[2]

# Packages that change nothing that is computed: they check a record, or show progress.
NOT_COMPUTING = frozenset({"jsonschema", "tqdm", "yaml"})
# Modules of this library that cannot change a result, and are in no digest. What the register says of an entry that a
# job uses is in the job's digest; how the register works is not.
NO_RESULT = frozenset(
    f"{PACKAGE}.{module}"
    for module in (
        "imports",  # which function builds a net; what builds it is `pytorch.imported`
        "plugins",
        "registry",
        "run.code",  # this one
        "run.failures",  # which jobs failed
        "run.gpus",  # which GPU a job has
        "run.handover",  # only what the measuring job would find itself is taken over
        "run.progress",  # what is shown on the terminal
        "run.software",  # what a record says of versions and of the machine
        "run.warm_workers",  # which process runs a job
        "run.worker",
    )
)


class CodeChanged(Exception):
    """The library was edited while a run was going on."""


Use = tuple[str, str, str]  # kind, name and backend of a registered entry
Trees = tuple[tuple[str, ast.Module], ...]  # modules with what of them is left, the script as ""


def code_of_job(
    script: str | Path, modules: Iterable[str] = (), uses: Iterable[Use] = (), described: Iterable[Use] = ()
) -> dict[str, Any]:
    """The param `code` of a job: {"digest": 16 hex digits, "uses": [[kind, name, backend]], "versions": {name: text}},
    and of a job that uses plug-ins "plugins": [path or name of a module].

    script: path of the rule's script. modules: dotted names of library modules that the script reaches by name instead
    of by import (the backend's). uses: the registered entries that the job reaches; described: those whose fields it
    asks for. Nothing is imported for it.
    Raises PluginError if Python would import another module than the one beside a plug-in.
    """
    uses, described = tuple(sorted(set(uses))), tuple(sorted(set(described) - set(uses)))
    arguments = Path(script), tuple(sorted(set(modules))), uses, described
    code = {"digest": _digest(*arguments), "uses": [list(use) for use in uses], "versions": _versions(*arguments)}
    code["of"] = [Path(script).name, *arguments[1]]
    code |= {"described": [list(use) for use in described]} if described else {}
    places = [plugin.place for plugin in plugins.loaded() if plugin.module in dict(_reached(*arguments))]
    return code | ({"plugins": places} if places else {})


def stamp() -> str:
    """A digest of this library's files as they are, comments too: a hundredth of the time that `code_of_job` takes."""
    files = sorted(path for path in ROOT.rglob("*") if path.suffix in (".py", ".css", ".js"))
    contents = [f"{path.relative_to(ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files]
    return hashlib.sha256("\n".join(contents).encode()).hexdigest()[:16]


def check_unchanged(code: dict[str, Any], planned: str | None) -> None:
    """Raise CodeChanged if this library no longer is what a running job was planned with.

    code: of the job, planned: the library's `stamp` when the job was planned; None if that is not known.
    """
    if planned is None or (planned == stamp() and not code.get("plugins")):
        return
    script, *modules = code["of"]
    uses, described = ([tuple(use) for use in code.get(key, ())] for key in ("uses", "described"))
    for cached in (_digest, _versions, _reached, _residue):
        cached.cache_clear()
    if code_of_job(ROOT / script, modules, uses, described)["digest"] != code["digest"]:
        raise CodeChanged(
            "the code that this job runs was edited after the run was planned, so that nobody knows which version its "
            "result would be of. Start Snakemake again: what is finished stays, and a training goes on where it was if "
            "the edit was undone"
        )


@functools.cache
def _digest(script: Path, modules: tuple[str, ...], uses: tuple[Use, ...], described: tuple[Use, ...]) -> str:
    reached = _reached(script, modules, uses, described)
    parts = [_fields(entry) for entry in _entries((*uses, *described))]
    parts += [f"{module} {_dump(tree)}" for module, tree in reached]
    parts += [file for module, tree in reached for file in _resources(module, tree)]
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:16]


@functools.cache
def _versions(
    script: Path, modules: tuple[str, ...], uses: tuple[Use, ...], described: tuple[Use, ...]
) -> dict[str, str]:
    reached = dict(_reached(script, modules, uses, described))
    imported = {name.partition(".")[0] for tree in reached.values() for name in _imports(tree)}
    return software.installed(imported - {PACKAGE} - reached.keys() - NOT_COMPUTING - sys.stdlib_module_names)


@functools.cache
def _reached(script: Path, modules: tuple[str, ...], uses: tuple[Use, ...], described: tuple[Use, ...]) -> Trees:
    """Everything that the job reaches. Of described entries the plug-ins alone, which register them."""
    entries = _entries(uses)
    used: dict[str, set[str]] = {}
    for entry in entries:
        used.setdefault(entry.function.__module__, set()).add(entry.function.__name__)
    begin = {*modules, *used, *_plugins_of([*entries, *_entries(described)])}
    reached = _followed(script, begin, used)
    if more := _plugins_of(_given_out(reached)) - reached.keys():
        reached = _followed(script, begin | more, used)
    return tuple(reached.items())


def _followed(script: Path, begin: set[str], used: dict[str, set[str]]) -> dict[str, ast.Module]:
    """The script, the modules to begin with, and what they import, each with its syntax tree. used: the names of the
    registered functions that the job uses, by module."""
    reached: dict[str, ast.Module] = {"": _residue(script, frozenset())}
    waiting = begin | _imported_by("", script, reached[""])
    while waiting:
        module = waiting.pop()
        if module not in reached and module not in NO_RESULT and (path := _path(module)):
            reached[module] = _residue(path, frozenset(used.get(module, ())))
            waiting |= _imported_by(module, path, reached[module])
    return reached


def _entries(uses: Iterable[Use]) -> list[registry.Entry]:
    return [registry.get(registry.KINDS[kind], name, backend) for kind, name, backend in uses]


def _fields(entry: registry.Entry) -> str:
    """All that an entry says of itself; its function aside, and where its plug-in is."""
    values = [(field.name, getattr(entry, field.name)) for field in fields(entry)]
    named = [(name, _named(value)) for name, value in values if name not in ("function", "plugin")]
    return f"{entry.kind} {named!r}"


def _named(value: Any) -> Any:
    """A field's value; of a function its name, since its code is among the modules."""
    return f"{value.__module__}.{value.__qualname__}" if callable(value) else value


def _imported_by(module: str, path: Path, tree: ast.Module) -> set[str]:
    """What a module imports that may be the library's or, if it is a plug-in's module, the plug-in's."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    of_plugin = bool(module) and module.partition(".")[0] != PACKAGE
    names = _imports(tree, package if of_plugin else "")
    return {name for name in names if of_plugin or name.partition(".")[0] == PACKAGE}


def _plugins_of(entries: Iterable[registry.Entry]) -> set[str]:
    """The modules of the plug-ins that registered these entries."""
    modules = {plugin.name: plugin.module for plugin in plugins.loaded()}
    return {modules[entry.plugin] for entry in entries if entry.plugin}


def _given_out(modules: Iterable[str]) -> list[registry.Entry]:
    """The entries that a job of these modules uses without naming them: of kinds that are given out as a whole."""
    kinds = [kind for kind in registry.KINDS.values() if kind.digest == "all" and kind.home in modules]
    return [entry for kind in kinds for entry in registry.entries(kind).values()]


def _path(module: str) -> Path | None:
    """The file of a module of this package or of a plug-in; None for all others, and for what is no module."""
    if module.partition(".")[0] != PACKAGE:
        return plugins.file_of(module)
    base = ROOT.joinpath(*module.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


@functools.cache
def _residue(path: Path, used: frozenset[str]) -> ast.Module:
    """The module's syntax tree without what changes nothing: docstrings, imports that only a type checker follows, and
    the registered functions that are not in `used`."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    tree.body = [node for node in tree.body if not _is_another(node, used) and not _changes_nothing(node)]
    for node in _statements(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return tree


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """A module and all statements in it, at every depth; not their expressions, which ast.walk spends its time on."""
    yield node
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(node, part, ()):
            yield from _statements(inner)


def _is_another(node: ast.stmt, used: frozenset[str]) -> bool:
    """Whether a statement registers a function that the job does not use."""
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name not in used and _is_registered(node)


def _is_registered(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether a function is registered as one of a kind that jobs name, `@register(Score(...))`."""
    return any(
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
    """What is there for a type checker only."""
    return isinstance(node, ast.If) and _name(node.test) == "TYPE_CHECKING" and not node.orelse


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
        return f"[{' '.join([_text(item) for item in node])}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Constant):
        return f"Constant(value={node.value!r})"
    if isinstance(node, ast.Name):  # a third of all nodes
        return f"Name(id={node.id!r} ctx={type(node.ctx).__name__}())"
    values = [(name, getattr(node, name, None)) for name in node._fields if name != "kind"]
    fields = [f"{name}={_text(value)}" for name, value in values if value is not None and value != []]
    return f"{type(node).__name__}({' '.join(fields)})"


def _resources(module: str, tree: ast.Module) -> Iterator[str]:
    """The files that the module's constant RESOURCES names, each with the digest of its bytes."""
    path = _path(module)
    if path is None:  # the rule's script
        return
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "RESOURCES" for t in node.targets):
            for name in ast.literal_eval(node.value):
                yield f"{module} {name} {hashlib.sha256(path.with_name(name).read_bytes()).hexdigest()}"


@functools.cache
def _imports(tree: ast.Module, package: str = "") -> frozenset[str]:
    """Modules that the tree imports, wherever the statement stands, with the packages that they are in. package: the
    one that the module of the tree is in, which `from . import` begins at; such imports are left out without it."""
    names: set[str] = set()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (package or not node.level):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            names.update({source, *(f"{source}.{alias.name}" for alias in node.names)})
    return frozenset(_with_packages(names))


def _with_packages(names: Iterable[str]) -> Iterator[str]:
    """Each module and the packages that it is in, but the library's own: a.b.c -> a.b.c, a.b, a."""
    for name in names:
        yield name
        while "." in name:
            name = name.rpartition(".")[0]
            if name != PACKAGE:
                yield name
