"""The commands beside the workflow: `python -m espalier COMMAND`, with workflow/scripts on PYTHONPATH.

A command is a module with two functions: `add(parsers)` says what it takes, `run(arguments)` does it and gives the exit
status. Its own imports stand in `run`, so that the other commands do not pay for them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from espalier.contract import command as check
from espalier.plan import init
from espalier.run import verify

COMMANDS = (init, check, verify)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    whole = argparse.ArgumentParser(prog="espalier", description="Commands beside the workflow.")
    parsers = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(parsers).set_defaults(run=command.run)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    given = parser().parse_args(arguments)
    return given.run(given)


if __name__ == "__main__":
    sys.exit(main())
