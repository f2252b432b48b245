"""`espalier init`: what it asks, and what it refuses before it writes anything."""

import argparse
from pathlib import Path

import pytest

from espalier.plan import init


def given(**options):
    parser = init.add(argparse.ArgumentParser().add_subparsers())
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    return parser.parse_args(words)


def test_what_is_not_given_is_asked_for_and_an_empty_answer_is_the_default():
    asked = []

    def ask(question):
        asked.append(question)
        return {0: "", 1: "digits", 2: ""}[len(asked) - 1]

    assert init.answers(given(model="resnet20"), ask) == {
        "model": "resnet20", "weights": "", "data": "digits", "budget": "10min",
    }  # fmt: skip
    assert len(asked) == 3


def test_what_is_needed_is_asked_for_again():
    answers = iter(["", "", "resnet20"])
    asked = init.answers(given(data="digits", weights="best.pt", budget="1h"), lambda question: next(answers))
    assert asked["model"] == "resnet20"


def test_without_a_terminal_the_missing_options_are_named():
    with pytest.raises(ValueError, match="--model, --data must be given"):
        init.answers(given(), None)


@pytest.mark.parametrize("budget", ["soon", "10 fortnights", "0min", "-3min"])
def test_a_budget_that_is_no_time_is_refused(budget):
    with pytest.raises(ValueError, match="90s, 10min, 2h"):
        init.seconds(budget)


def test_a_config_that_is_there_is_not_replaced(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("mine")
    with pytest.raises(ValueError, match="is there already"):
        init.write(given(model="resnet20", data="digits", out=str(file)), None)
    assert Path(file).read_text() == "mine"
