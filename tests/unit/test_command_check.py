"""`python -m espalier check FILE`: the exit status, and what is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from espalier import plugins
from espalier.__main__ import main

PROJECT = Path(__file__).resolve().parents[2]
RIGHT = '''
from espalier.registry import Score, register


@register(Score("right", backend="pytorch", title="Right"))
def right(weight, dims):
    """Sum of |w|."""
    return weight.abs().sum(dims)
'''
WRONG = '''

@register(Score("wrong", backend="pytorch", title="Wrong"))
def wrong(weight, dims):
    """Every weight."""
    return weight.abs()
'''


@pytest.fixture
def check(tmp_path, monkeypatch, capfd, own_register):
    """check(text, *arguments): the exit status and the output of the command for a file with this text."""
    monkeypatch.chdir(tmp_path)

    def checked(text, *arguments):
        Path("mine.py").write_text(text)
        status = main(["check", "mine.py", *arguments])
        told = capfd.readouterr()
        return status, told.out + told.err

    yield checked
    for plugin in plugins.loaded():
        plugins.unload(plugin)


def test_what_holds_takes_one_line(check):
    status, told = check(RIGHT)
    assert status == 0 and len(told.splitlines()) == 1 and "right" in told


def test_what_is_wrong_is_told_with_what_should_hold(check):
    status, told = check(RIGHT + WRONG)
    assert status == 1
    right, wrong, *problem = told.splitlines()
    assert "right" in right and "wrong" in wrong and "(6, 5)" in " ".join(problem)


def test_entries_can_be_chosen_by_name(check):
    status, told = check(RIGHT + WRONG, "--only", "right")
    assert status == 0 and "wrong" not in told


def test_every_check_is_told_where_it_is_asked_for(check):
    status, told = check(RIGHT, "--all")
    assert status == 0 and len(told.splitlines()) > 5


@pytest.mark.parametrize("text", ["x = 1\n1 / 0\n", "x = 1\ndef f(:\n"])
def test_a_file_that_cannot_be_imported_is_told_with_its_line(check, text):
    status, told = check(text)
    assert status == 2 and told.startswith("mine.py, line 2: ") and "Traceback" not in told


@pytest.mark.parametrize("arguments", [(), ("--only", "nothing")])
def test_nothing_to_check_is_not_success(check, arguments):
    status, told = check("x = 1\n" if not arguments else RIGHT, *arguments)
    assert status == 1 and "mine.py" in told


def test_the_example_passes_as_a_command():
    command = [sys.executable, "-m", "espalier", "check", "examples/plugin/my_methods.py"]
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "workflow" / "scripts")}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 4 and done.stderr == ""


def test_the_example_is_as_short_as_it_says():
    lines = (PROJECT / "examples" / "plugin" / "my_methods.py").read_text().splitlines()
    assert len(lines) <= 60
