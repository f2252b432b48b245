"""A recipe for tests: the defaults of the config's keys, and what a test changes."""

from espalier.plan.keys import table
from espalier.plan.recipe import Recipe as Keys
from espalier.training.recipe import Recipe

DEFAULTS = {key: part.get("default") for key, part in table(Keys)["properties"].items()}


def a_recipe(**changes):
    return Recipe(**DEFAULTS | {"epochs": 1} | changes)
