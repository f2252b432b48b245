"""`espalier compare`: two or more runs side by side, the nets joined by their chains, and only what differs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

FILE = "results.json"
HELP = f"""\
Compare runs: the nets that they share, joined by study and chain, and only those that differ. Differences are those
from the first run to each of the others; of top-1 they are paired by seed, with standard errors where there are two
seeds or more. Times are not compared if the processors differ. A run is its folder of results, or its {FILE}. The exit
status is 0, or 2 if a run cannot be read."""


NEEDED = {"command", "processors", "software", "studies"}  # keys of a results.json


class Unreadable(Exception):
    """What was given is no run; the message says what to do."""


def add(parsers: Any) -> argparse.ArgumentParser:
    """Say what the command takes."""
    parser = parsers.add_parser("compare", help="tell what differs between runs", description=HELP)
    parser.add_argument("first", metavar="A", help=f"a folder of results, or its {FILE}")
    parser.add_argument("others", nargs="+", metavar="B", help="the runs to compare it with")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page, too")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Print what differs, as Markdown."""
    from espalier.report import beside

    try:
        first, *others = [(given, read(given)) for given in (arguments.first, *arguments.others)]
    except Unreadable as error:
        print(error, file=sys.stderr)
        return 2
    tables = [table for other in others for table in beside.tables(first, other)]
    print(beside.markdown_of(first[0], tables), end="")
    if arguments.html:
        try:
            arguments.html.write_text(beside.html_of(first[0], tables), encoding="utf-8", newline="\n")
        except OSError as error:
            print(f"{arguments.html} cannot be written: {error.strerror}", file=sys.stderr)
            return 2
    return 0


def read(given: str) -> dict[str, Any]:
    """The numbers of a run. given: its folder of results, or its results.json. Raises Unreadable."""
    from espalier.report.choose.data import FORMAT

    path = Path(given) / FILE if Path(given).is_dir() else Path(given)
    if not path.exists():
        raise Unreadable(f"{path} is not there. In the folder of that run, `snakemake --cores all` writes it.")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Unreadable(f"{path} cannot be read: it is no JSON ({error}).") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT or not found.keys() >= NEEDED:
        raise Unreadable(f"{path} is no {FILE} of this version ({FORMAT}). Let this version write it again.")
    return found
