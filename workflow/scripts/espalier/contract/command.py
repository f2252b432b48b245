"""`espalier check FILE`: try out what a file registers, and say what is wrong with it."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from espalier.contract.trial import Verdict
    from espalier.registry import Entry

WIDTH = 100
HELP = """\
Try out what plug-ins register: signature, shapes, the same result each time, ties, finite values, unchanged arguments.
A model is trained for an epoch, pruned, saved, loaded and exported; a figure is drawn of a made-up run. The exit status
is 0 if everything holds, 1 if not, 2 if a file cannot be imported."""


def add(parsers: Any) -> argparse.ArgumentParser:
    """Say what the command takes."""
    parser = parsers.add_parser("check", help="try out what a plug-in registers", description=HELP)
    parser.add_argument("files", nargs="+", metavar="FILE", help="a Python file, or an importable module")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="try out the entries of this name")
    parser.add_argument("--all", action="store_true", help="tell the checks that hold, too")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Try out what the files register; print what is wrong, and give the exit status."""
    from espalier import contract, plugins

    try:
        plugins.load(plugins.find(arguments.files, [Path.cwd()]))
    except plugins.PluginError as error:
        print(str(error).removeprefix("plugins: "), file=sys.stderr)
        return 2
    chosen = entries(arguments.only)
    if not chosen:
        print(nothing(arguments.files, arguments.only))
        return 1
    wrong = 0
    for entry in chosen:
        with quiet():
            verdicts = contract.check(entry)
        print(report(entry, verdicts, everything=arguments.all), flush=True)
        wrong += any(verdict.problem for verdict in verdicts)
    return int(wrong > 0)


def entries(names: Iterable[str]) -> list[Entry]:
    """What the loaded plug-ins registered, in order; of these names, if there are any."""
    from espalier import plugins, registry

    registered = [entry for plugin in plugins.loaded() for entry in registry.of_plugin(plugin.name)]
    wanted = set(names)
    return [entry for entry in registered if not wanted or entry.name in wanted]


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing to the terminal, of libraries written in C neither."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(stream) for stream in (1, 2)]
    with Path(os.devnull).open("w") as nowhere:
        for stream in (1, 2):
            os.dup2(nowhere.fileno(), stream)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for stream, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, stream)
            os.close(copy)


def nothing(files: list[str], names: list[str]) -> str:
    """What is said where there is nothing to try out."""
    if names:
        return f"{', '.join(files)}: nothing is registered as {', '.join(names)}"
    return f"{', '.join(files)}: nothing is registered: put @register(Score(...)) above the function"


def report(entry: Entry, verdicts: list[Verdict], *, everything: bool) -> str:
    """What is told of an entry: one line, and the checks that do not hold."""
    backend = "" if entry.backend == "any" else f" ({entry.backend})"
    wrong = sum(bool(verdict.problem) for verdict in verdicts)
    skipped = sum(bool(verdict.skipped) for verdict in verdicts)
    outcome = f"{wrong} of {len(verdicts)} checks do not hold" if wrong else f"{len(verdicts) - skipped} checks hold"
    from espalier.contract.trial import SAME_ERROR

    lines = [f"{entry.kind.replace('_', ' ')} {entry.name}{backend}: {outcome}"]
    for verdict in verdicts:
        if verdict.problem:
            lines += [_indented("- ", verdict.demand), _indented("  ", verdict.problem)]
        elif verdict.skipped == SAME_ERROR:
            continue
        elif verdict.skipped:
            lines.append(_indented("- ", f"not checked: {verdict.demand} ({verdict.skipped})"))
        elif everything:
            lines.append(_indented("- ", f"holds: {verdict.demand}"))
    if again := sum(verdict.skipped == SAME_ERROR for verdict in verdicts):
        lines.append(_indented("- ", f"{again} more checks run into the same error"))
    return "\n".join(lines)


def _indented(mark: str, text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=f"  {mark}", subsequent_indent=" " * (2 + len(mark)))
