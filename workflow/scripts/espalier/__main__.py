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
from espalier.report import compare
from espalier.run import verify

COMMANDS = (init, check, compare, verify)

ABOUT = """\
Commands beside the workflow. Snakemake computes results (snakemake --cores all); these commands look at them, or at
what you are about to run. None of them trains a net of your config; only verify --mend changes files of results."""
EXAMPLES = """\
examples:
  python -m espalier init --model my_nets.py:make_net --weights best.pt --data images/
  python -m espalier compare results other/results     what differs between two runs
  python -m espalier verify                            is every file still what its job wrote?
  python -m espalier check my_methods.py               does my plug-in do what it has to?

python -m espalier COMMAND --help says what a command takes. Set PYTHONPATH=workflow/scripts, in the folder of the
workflow, so that Python finds it. The page results/choose.html needs no command: open it in a browser."""


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    looks = argparse.RawDescriptionHelpFormatter
    whole = argparse.ArgumentParser("python -m espalier", description=ABOUT, epilog=EXAMPLES, formatter_class=looks)
    parsers = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(parsers).set_defaults(run=command.run)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    given = parser().parse_args(words or ["--help"])
    return given.run(given)


if __name__ == "__main__":
    sys.exit(main())
