"""Rounds of steps: the chains that they stand for, with amounts that are worked out by hand."""

import copy

import pytest
from test_grid import PRUNE, built, nodes

from espalier.plan import limits, rounds
from espalier.plan.explain import ConfigError

FILTERS = {"prune_type": "filter_wise", "method": "mean_abs"}


def in_rounds(number, amount, *more, **keys):
    return {"rounds": {"number": number, "steps": [{"prune": amount}, "finetune", *more]} | keys}


def test_a_chain_with_rounds_is_the_chain_written_out_and_shares_its_nodes():
    written = ["train"]
    for macs in (0.5, 0.25, 0.125):
        written += [{"prune": FILTERS | {"macs": macs}}, "finetune"]
    short = ["train", in_rounds(3, FILTERS | {"macs": 0.125})]
    assert nodes(short) == nodes(written)
    with pytest.raises(ConfigError, match="there twice"):
        built(written, short)
    half = ["train", {"prune": FILTERS | {"macs": 0.5}}, "scratch"]
    assert len(nodes(short, half)) == len(nodes(short)) + 1  # `train` and the first pruning are shared


def test_steps_after_rounds_follow_the_last_of_them():
    made = nodes(["train", in_rounds(2, FILTERS | {"speed_up": 4}), {"quantize": {"scheme": "float32"}}])
    assert made[-1] == (
        "train/prune~filter_wise~mean_abs~speed_up=2/finetune/prune~filter_wise~mean_abs~speed_up=4/finetune"
        "/quantize~float32"
    )


@pytest.mark.parametrize(
    "name, value, course, expected",
    [
        # The same share of what was left each time: 0.064^(1/3) = 0.4
        ("macs", 0.064, "geometric", [0.4, 0.16, 0.064]),
        ("params", 0.064, "geometric", [0.4, 0.16, 0.064]),
        ("speed_up", 8, "geometric", [2, 4, 8]),
        ("compression", 3.375, "geometric", [1.5, 2.25, 3.375]),
        ("ratio", 0.936, "geometric", [0.6, 0.84, 0.936]),
        # 0.9 goes: 0.3 in each round
        ("macs", 0.1, "linear", [0.7, 0.4, 0.1]),
        ("speed_up", 4, "linear", [1.3333, 2, 4]),  # 3/4, 2/4 and 1/4 are left
        # 1 - (1 - i/3)^3 of it: 19/27, 26/27 and all
        ("macs", 0.46, "cubic", [0.62, 0.48, 0.46]),
        ("ratio", 0.54, "cubic", [0.38, 0.52, 0.54]),
    ],
)
def test_amounts_of_three_rounds(name, value, course, expected):
    assert rounds.amounts(name, value, 3, course) == expected


def test_a_ratio_of_groups_is_a_share_of_what_the_round_before_left():
    # Of 1, 0.6 goes, then 0.6 of the 0.4 that is left, and so on: 0.936 in all.
    assert rounds.amounts("ratio", 0.936, 3, "geometric", of_rest=True) == [0.6, 0.6, 0.6]
    # 0.2 of 1, 0.2 of 0.8, 0.2 of 0.6
    assert rounds.amounts("ratio", 0.6, 3, "linear", of_rest=True) == [0.2, 0.25, 0.3333]
    relative, absolute = (
        nodes(["train", in_rounds(2, prune | {"ratio": 0.75})])[-1]
        for prune in (FILTERS, {"prune_type": "weight"})
    )  # fmt: skip
    assert relative.count("~0.50") == 2
    assert absolute == "train/prune~weight~magnitude~0.50/finetune/prune~weight~magnitude~0.75/finetune"


def test_rounding_of_the_rounds_before_is_made_up_for_by_the_last():
    left = 1.0
    for ratio in rounds.amounts("ratio", 0.5, 7, "geometric", of_rest=True):
        left *= 1 - ratio
    assert left == pytest.approx(0.5, abs=1e-4)


def test_lists_inside_of_rounds_are_expanded_once_for_all_rounds():
    chain = ["train", in_rounds(2, FILTERS | {"method": ["mean_abs", "sum"], "macs": [0.25, 0.04]})]
    ends = [node for node in nodes(chain) if node.count("finetune") == 2]
    assert ends == [
        f"train/prune~filter_wise~{method}~macs={first}/finetune/prune~filter_wise~{method}~macs={last}/finetune"
        for method in ("mean_abs", "sum")
        for first, last in (("0.50", "0.25"), ("0.20", "0.04"))
    ]
    assert len(nodes(["train", in_rounds([2, 3], FILTERS | {"macs": 0.125})])) == 1 + 4 + 6


def error_of(*chain, **study):
    with pytest.raises(ConfigError) as caught:
        built(list(chain), **study)
    return caught.value


@pytest.mark.parametrize(
    "step, place, words",
    [
        (in_rounds(1, PRUNE), "rounds.number", "1 is too small"),
        (in_rounds(10**9, PRUNE), "", "results"),
        (in_rounds(2, {"prune_type": "filter_wise", "threshold": 0.1}), "rounds.steps[0].prune", "rounds of threshold"),
        (in_rounds(2, {"prune_type": "filter_wise", "size_mib": 1.0}), "rounds.steps[0].prune", "rounds of size_mib"),
        (in_rounds(2, {"prune_type": "filter_wise"}), "rounds.steps[0].prune", "no amount"),
        (in_rounds(2, FILTERS | {"macs": 1.5}), "rounds.steps[0].prune.macs", "1.5 is too large"),
        (in_rounds(2, FILTERS | {"macs": 0.99999}), "rounds.steps[0].prune.macs", "remove nothing"),
        (in_rounds(2, FILTERS | {"ratio": 0}), "rounds.steps[0].prune.ratio", "remove nothing"),
        (in_rounds(2, FILTERS | {"macs": 0.5}, course="square"), "rounds.course", "'square'"),
        (in_rounds(2, PRUNE, {"quantize": {"scheme": "float32"}}), "", "quantize is followed by prune"),
        (in_rounds(2, PRUNE, "scratch"), "", "scratch comes after finetune"),
        ({"rounds": {"number": 2, "steps": ["finetune"]}}, "rounds.steps", "none of the steps prunes"),
        ({"rounds": {"number": 2, "steps": ["train"]}}, "rounds.steps[0]", "'train'"),
        ({"rounds": {"number": 2}}, "rounds.steps", "is missing"),
        ({"rounds": 3}, "rounds", "3"),
        ({"round": {"number": 2, "steps": ["prune"]}}, "", "no step 'round'"),
    ],
)
def test_what_is_wrong_with_rounds_is_said_with_its_place(step, place, words):
    error = error_of("train", step)
    assert words in str(error).partition("\n")[0]
    assert str(error).startswith(f"studies.a.chains[0][1].{place}" if place else "studies.a")
    assert "\n  Allowed: " in str(error)


def test_the_number_of_results_counts_rounds():
    study = {"chains": [["train", in_rounds(50, PRUNE)]]}
    assert limits._jobs(study, [0, 1]) >= 2 * (1 + 2 * 50)
    config = {"studies": {"a": copy.deepcopy(study)}, "max_jobs": 50}
    with pytest.raises(ConfigError, match="plans up to"):
        limits.check_size(config)
