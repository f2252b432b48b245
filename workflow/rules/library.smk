# The library: where its files are, in the checkout or, of a workflow that Snakemake fetches from a repository, in Snakemake's
# source cache; and that each workflow imports its own.

import gc
import inspect
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The graph's objects stay until the end: to search them for garbage again and again is a tenth of a dry run of many jobs.
gc.freeze()
gc.set_threshold(100_000, 50, 100)

FOLDER = workflow.current_basedir  # of this file: a path, or a place in a repository


def fetched(name):
    """The copy of a file of the repository in Snakemake's source cache, where the scripts of jobs are copied to as well: so
    jobs find the library beside them."""
    cached = Path(workflow.source_path(f"../../{name}"))
    path = cached.with_name(Path(name).name)  # Snakemake adds the revision to the names of files of a local repository
    if cached == path:
        return path
    if path.exists() and path.read_bytes() != cached.read_bytes():
        raise WorkflowError(
            f"two revisions of one local repository cannot be used together ({name}): use a clone for each"
        )
    if not path.exists():
        partial = path.with_name(f".{os.getpid()}-{path.name}")
        partial.write_bytes(cached.read_bytes())
        partial.replace(path)
    return path


def repository():
    """The folder with the files of this workflow. Fetched are those that jobs and the graph read: workflow/files.txt."""
    if isinstance(FOLDER, os.PathLike):
        return Path(FOLDER).parents[1]
    listed = fetched("workflow/files.txt")
    for name in listed.read_text().split():
        fetched(name)
    return listed.parents[1]


def is_of(module, name):
    """Whether a module is of the library, or of a plug-in that it has loaded."""
    plugins = sys.modules[f"{module}.plugins"].loaded() if f"{module}.plugins" in sys.modules else ()
    return name.partition(".")[0] == module or any(plugin.file_of(name) for plugin in plugins)


def make_importable(folder):
    """Make `espalier` the library in this folder. Another one that a workflow beside this one has imported stays as it is
    for that workflow, which does not import it again."""
    known = sys.modules.get("espalier")
    if known is not None and Path(known.__file__).parents[1] != folder:
        for name in [name for name in sys.modules if is_of("espalier", name)]:
            del sys.modules[name]
    sys.path.insert(0, str(folder))
    try:
        import espalier
    finally:
        sys.path.remove(str(folder))  # of a package, Python finds the modules without it


REPOSITORY = repository()
SCRIPTS = REPOSITORY / "workflow" / "scripts"
make_importable(SCRIPTS)


def with_signature(function):
    """The function, its signature kept with it. Snakemake asks for it at each call, and to find it out takes longer than
    most of these calls: a tenth of a dry run."""
    function.__signature__ = inspect.signature(function)
    return function
