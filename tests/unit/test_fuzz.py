"""A thousand broken configs: each is planned or refused in words, and none ends with a traceback."""

import copy
import random

import pytest
import yaml
from project import PROJECT

from espalier.plan import grid
from espalier.plan.config import ConfigError

CONFIGS = {"config.yaml": PROJECT / "config.yaml", "small.yaml": PROJECT / "tests" / "config" / "small.yaml"}
MUTANTS = 500  # of each
JUNK = (
    None, True, False, 0, -1, 1, 2, 10**400, 0.5, -0.0, 1e-300, float("nan"), float("inf"), "", " ", "a\n", "\0", "é",
    "2:4", "1e-4", "40%", "none", "train", "prune", "filter_wise", "random", 300 * "x", "</script>", "{x}", "<results>",
    "~", "..", [], {}, [[]], [{}], {"": None}, {None: None}, {1: 2}, [None], ["train"], [1, 1], [0.5, "0.5"],
    {"name": "x"}, b"\xff",
)  # fmt: skip


def places(tree):
    """Every container of a tree with each of its keys."""
    found, waiting = [], [tree]
    while waiting:
        part = waiting.pop()
        keys = list(part) if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ()
        found += [(part, key) for key in keys]
        waiting += [part[key] for key in keys]
    return found


def replaced(chance, tree):
    part, key = chance.choice(places(tree))
    part[key] = copy.deepcopy(chance.choice(JUNK))


def removed(chance, tree):
    part, key = chance.choice(places(tree))
    del part[key]


def moved(chance, tree):
    """A value stands where another one stood, with all that is in it."""
    (part, key), (other, place) = chance.choice(places(tree)), chance.choice(places(tree))
    part[key] = copy.deepcopy(other[place])


def listed(chance, tree):
    part, key = chance.choice(places(tree))
    part[key] = [part[key], copy.deepcopy(chance.choice(JUNK))]


def wrapped(chance, tree):
    part, key = chance.choice(places(tree))
    part[key] = {chance.choice(("name", "train", "x", 1)): part[key]}


def misspelt(chance, tree):
    part, key = chance.choice([(part, key) for part, key in places(tree) if isinstance(part, dict)])
    name = list(str(key))
    name[chance.randrange(len(name)) if name else slice(0)] = chance.choice(("", "_", "\n", "A", "ab"))
    part["".join(name)] = part.pop(key)


CHANGES = (replaced, replaced, removed, moved, listed, wrapped, misspelt)


def studies_of(name):
    """One config for each study of a file: what is wrong in one study is found whatever the others are."""
    config = yaml.safe_load(CONFIGS[name].read_text())
    return [config | {"studies": {study: keys}} for study, keys in config["studies"].items()]


def mutants(name):
    chance, originals = random.Random(name), studies_of(name)
    for number in range(MUTANTS):
        tree = copy.deepcopy(originals[number % len(originals)])
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            chance.choice(CHANGES)(chance, tree)
        yield number, tree


@pytest.mark.parametrize("name", CONFIGS)
def test_a_broken_config_is_planned_or_refused_in_words(name):
    planned = refused = 0
    for number, tree in mutants(name):
        try:
            assert grid.build(tree).jobs
            planned += 1
        except ConfigError as error:
            refused += 1
            assert len(str(error).splitlines()) > 1 and len(str(error)) < 20_000, number
        except Exception as error:
            raise AssertionError(f"mutant {number} of {name}: {error!r}\n{tree}") from error
    assert planned > MUTANTS / 50 and refused > MUTANTS / 2


def test_a_file_that_lost_or_got_some_characters_is_planned_or_refused_in_words():
    chance, text = random.Random(0), CONFIGS["small.yaml"].read_text()
    read = 0
    for _ in range(100):
        start = chance.randrange(len(text))
        more = chance.choices("\n\t :-[]{}&*!#'\"%@`x1", k=chance.choice((0, 1, 3)))
        broken = text[:start] + "".join(more) + text[start + chance.choice((0, 1, 1, 30)) :]
        try:
            tree = yaml.safe_load(broken)
        except (yaml.YAMLError, ValueError):
            continue
        read += 1
        try:
            grid.build(tree)
        except ConfigError as error:
            assert str(error)
    assert read > 30
