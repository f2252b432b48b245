"""Names and sizes of a config: what cannot work, or would take minutes, is refused at once."""

import copy
import time

import pytest
import yaml

from espalier.plan import grid
from espalier.plan.config import ConfigError
from espalier.plan.limits import DEPTH, JOBS

PRUNE = {"prune_type": "filter_wise", "method": "mean_abs", "ratio": 0.4}
CONFIG = {
    "studies": {
        "net": {
            "backend": "pytorch",
            "dataset": {"name": "digits", "size": 32},
            "model": {"name": "vgg16_bn"},
            "train": {"epochs": 1},
            "chains": [["train", {"prune": PRUNE}]],
        }
    }
}
NET = CONFIG["studies"]["net"]


def with_study(**changes):
    return {"studies": {"net": copy.deepcopy(NET) | changes}}


def pruned_by(**lists):
    return with_study(chains=[["train", {"prune": PRUNE | lists}]])


def nested(depth, wrap):
    value = "x"
    for _ in range(depth):
        value = wrap(value)
    return value


def bomb(first, wrap):
    """Nine levels, each nine aliases of the one before: 9^9 values in a kilobyte."""
    lines = [f"a: &a {first}"]
    lines += [
        f"{name}: &{name} {wrap([f'*{before}'] * 9)}" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    return yaml.safe_load("\n".join(lines))["i"]


def mapping(values):
    return "{" + ", ".join(f"k{number}: {value}" for number, value in enumerate(values)) + "}"


def listing(values):
    return f"[{', '.join(values)}]"


CYCLE: dict = {"net": {}}
CYCLE["net"]["title"] = CYCLE

TOO_LARGE = {
    "lists in lists": with_study(title=nested(2000, lambda value: [value])),
    "keys in keys": with_study(model={"name": "vgg16_bn", "option": nested(2000, lambda value: {"a": value})}),
    "steps": with_study(chains=nested(2000, lambda value: [value])),
    "a cycle": {"studies": CYCLE},
    "a bomb of lists": with_study(title=bomb(listing("123456789"), listing)),
    "a bomb of keys": with_study(model={"name": "vgg16_bn", "option": bomb("{x: 1}", mapping)}),
    "many chains": with_study(chains=[["train", {"prune": PRUNE | {"ratio": n / 1e6}}] for n in range(100_000)]),
}
TOO_MANY = {
    "ratios": (pruned_by(ratio=[number / 1e6 for number in range(100_000)]), 1 + 100_000),
    "seeds": (CONFIG | {"seeds": list(range(10_000))}, 10_000 * 2),
    "seeds of a study": (with_study(seeds=list(range(10_000))), 10_000 * 2),
    "a product": (with_study(chains=[["train", *[{"prune": PRUNE | {"ratio": [0.1] * 99}}] * 3]]), 980_200),
    "alternatives": (with_study(chains=[["train", {"prune": [PRUNE] * 10_000}]]), 1 + 10_000),
}


@pytest.mark.parametrize("name", ["a\n", 300 * "x", "none", "null", "all", "true", "", "a/b", "..", "é", "a b", "A"])
def test_a_name_of_a_study_that_makes_no_folder_or_is_a_word_of_yaml_is_refused(name):
    with pytest.raises(ConfigError, match="is not a valid name here") as error:
        grid.build({"studies": {name: NET}})
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("name", ["a", 64 * "x", "none_study", "con", "results"])
def test_other_names_are_fine(name):
    assert grid.build({"studies": {name: NET}}).studies.keys() == {name}


@pytest.mark.parametrize("folder", ["", " ", "/", "a\nb", "a\n", "{study}", 300 * "x", None, 3, ["a"]])
def test_a_folder_for_the_results_that_is_none_is_refused(folder):
    with pytest.raises(ConfigError, match=r"pathvars\.results"):
        grid.build(CONFIG | {"pathvars": {"results": folder}})


@pytest.mark.parametrize("folder", ["results", "/tmp/results of mine", "a/b", "../beside", "Ergebnisse-ä"])
def test_any_other_folder_is_fine(folder):
    grid.build(CONFIG | {"pathvars": {"results": folder}})


AT_ONCE = 1000  # times as long as a plain config takes; to plan the jobs would take ten thousands of times as long


def seconds_of_a_plain_config():
    started = time.process_time()
    grid.build(CONFIG)
    return time.process_time() - started


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_is_nested_without_end_is_refused_at_once(name):
    started = time.process_time()
    with pytest.raises(ConfigError, match=r"nested too deeply|holds more than"):
        grid.build(TOO_LARGE[name])
    assert time.process_time() - started < AT_ONCE * seconds_of_a_plain_config()


@pytest.mark.parametrize("name", TOO_MANY)
def test_too_many_jobs_are_refused_at_once_with_their_number(name):
    config, number = TOO_MANY[name]
    started = time.process_time()
    with pytest.raises(ConfigError, match=f"{number:,} results") as error:
        grid.build(config)
    assert time.process_time() - started < AT_ONCE * seconds_of_a_plain_config()
    assert f"max_jobs: {number}" in str(error.value)


def test_the_limit_can_be_raised():
    seeds = {"seeds": list(range(JOBS // 2 + 1))}
    with pytest.raises(ConfigError, match="max_jobs"):
        grid.build(CONFIG | seeds)
    assert len(grid.build(CONFIG | seeds | {"max_jobs": JOBS + 2}).jobs) == JOBS + 2


def test_chains_that_share_steps_are_counted_once():
    chains = [["train", {"prune": PRUNE | {"ratio": number / 1000}}] for number in range(1, 101)]
    assert len(grid.build(with_study(chains=chains) | {"max_jobs": 101}).jobs) == 101
    with pytest.raises(ConfigError, match="101 results"):
        grid.build(with_study(chains=chains) | {"max_jobs": 100})


def test_a_title_of_a_line_is_long_enough():
    grid.build(with_study(title=200 * "x"))
    with pytest.raises(ConfigError, match=r"studies\.net\.title"):
        grid.build(with_study(title=201 * "x"))


def test_usual_configs_are_far_from_the_limits():
    assert DEPTH > 5 * 8  # studies, net, chains, 0, 1, prune, 0, method
