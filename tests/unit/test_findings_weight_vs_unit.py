"""Findings about weight against unit pruning, on nets made up for them."""

import json

import pytest
from a_finding import TWO_INITS, answers, mlp, outcomes, value, values
from a_run import by_ratio, config
from scipy import stats

PUBLISHED = config(published="mnist_mlp")


SEEDS = {  # three seeds; differences at 25 %: 38, 37, 39; at 50 %: -1.5, 0.5, 1.0
    "weight": [(90.0, 90.5, 91.0), (88.0, 88.0, 89.0), (60.0, 61.0, 62.0)],
    "unit": [(90.0, 90.5, 91.0), (50.0, 51.0, 50.0), (61.5, 60.5, 61.0)],
}


def test_where_the_curves_part(tmp_path):
    part = answers(mlp(tmp_path, {"a": SEEDS}), PUBLISHED)["curves_part"]
    assert (part.verdict, part.n) == ("won", 3)
    assert values(part, "parting", "points", init="a") == {1.0: 0.25, 5.0: 0.25}
    gap = part.fact("widest_gap", init="a", ratio=0.25)
    interval = stats.ttest_1samp([38.0, 37.0, 39.0], 0).confidence_interval()
    assert (gap.value, gap.low, gap.high) == (38.0, pytest.approx(interval.low), pytest.approx(interval.high))
    assert (gap.outcome, gap.family) == ("won", "weights against units")
    assert value(part, "widest_gap", source="published", ratio=0.60) == pytest.approx(77.25999951)
    assert part.fact("widest_gap", source="published", ratio=0.60).outcome is None  # one run


def test_equal_curves_are_never_shown_and_one_seed_says_nothing(tmp_path):
    alike = {"weight": [(90.0, 91.0), (88.0, 87.0)], "unit": [(90.0, 91.0), (87.0, 88.0)]}
    part = answers(mlp(tmp_path, {"b": alike}, ratios=("0", "0.25")))["curves_part"]
    assert part.verdict == "undecided" and values(part, "parting", "points", init="b") == {1.0: None, 5.0: None}
    assert answers(mlp(tmp_path / "one", TWO_INITS))["curves_part"].verdict is None


def test_whether_unit_pruning_overtakes(tmp_path):
    overtakes = answers(mlp(tmp_path, {"a": SEEDS}), PUBLISHED)["unit_overtakes"]
    assert values(overtakes, "unit_lead", "ratio", init="a") == {0.25: -38.0, 0.5: 0.0}  # at 0 nothing was removed
    assert outcomes(overtakes, init="a") == ["lost", "undecided"] and overtakes.verdict == "undecided"
    assert outcomes(overtakes, source="published") == []


def test_unit_pruning_overtakes_only_by_more_than_chance(tmp_path):
    weight = [(90.0, 90.0, 90.0), (50.0, 52.0, 51.0), (60.0, 61.0, 62.0)]
    for folder, unit, verdict in (
        ("sure", [(90.0,) * 3, (70.0, 71.0, 70.0), (60.5, 61.0, 61.5)], "won"),
        ("weak", [(90.0,) * 3, (40.0, 41.0, 42.0), (60.5, 61.5, 64.0)], "undecided"),
        ("never", [(90.0,) * 3, (40.0, 41.0, 42.0), (50.0, 50.5, 50.0)], "lost"),
    ):
        run = mlp(tmp_path / folder, {"glorot": {"weight": weight, "unit": unit}})
        assert answers(run)["unit_overtakes"].verdict == verdict


def test_the_knee_of_the_means_that_of_each_seed_and_the_one_that_is_shown(tmp_path):
    lists = {
        "weight": [(97.0, 97.0, 97.0), (95.0, 95.5, 95.2), (93.0, 91.0, 92.5), (80.0, 79.0, 78.0)],
        "unit": [(97.0, 97.0, 97.0), (80.0, 81.0, 79.0), (70.0, 60.0, 50.0), (60.0, 50.0, 40.0)],
    }
    run = mlp(tmp_path, {"a": lists}, ratios=("0", "0.25", "0.50", "0.75"))
    knee = answers(run, PUBLISHED)["knee"]
    of = {"init": "a", "prune_type": "weight"}
    # drops at 50 %: 4, 6, 4.5: mean 4.83, upper bound 4.83 + 2.92 * 1.04 / sqrt(3) = 6.6
    assert (value(knee, "knee", points=5.0, **of), value(knee, "knee_shown", **of)) == (0.5, 0.25)
    assert values(knee, "knee_of_seed", "seed", **of) == {0: 0.5, 1: 0.25, 2: 0.5}
    assert value(knee, "knee_shown", init="a", prune_type="unit") == 0.0
    assert values(knee, "knee", "points", source="published", prune_type="weight") == {5.0: 0.5, 1.0: 0.25, 10.0: 0.6}


def test_the_knee_moves_with_the_initial_weights(tmp_path):
    found = answers(mlp(tmp_path, TWO_INITS), PUBLISHED)
    knee, moves = found["knee"], found["knee_moves"]
    knees = {(f.of["init"], f.of["prune_type"]): f.value for f in knee.facts if f.of["points"] == 5 and "init" in f.of}
    assert {key: at for key, at in knees.items() if key[0]} == {
        ("normal-0.1", "weight"): 0.25, ("normal-0.1", "unit"): 0.0, ("glorot", "weight"): 0.5, ("glorot", "unit"): 0.25
    }  # fmt: skip
    assert values(moves, "knee", "init") == {"normal-0.1": 0.25, "glorot": 0.5}
    assert values(moves, "cost", "init", ratio=0.5) == {"normal-0.1": 30.0, "glorot": 1.0}
    assert moves.published and moves.verdict is None  # one seed


def test_what_pruning_costs_differs_between_two_settings(tmp_path):
    other = {"weight": [(92.0, 92.5, 92.0), (91.5, 91.0, 91.5), (91.0, 91.5, 92.0)], "unit": SEEDS["unit"]}
    moves = answers(mlp(tmp_path, {"a": SEEDS, "b": other}))["knee_moves"]
    # costs at 50 %: 30, 29.5, 29 and 1, 1, 0: differences 29, 28.5, 29; at 25 %: 2, 2.5, 2 and 0.5, 1.5, 0.5
    lead = moves.fact("cost_lead", ratio=0.5)
    interval = stats.ttest_1samp([29.0, 28.5, 29.0], 0).confidence_interval()
    assert (lead.low, lead.high) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert outcomes(moves) == ["won", "won"] and moves.verdict == "won"  # p 0.014 and 0.00003
    arms = [["train", {"prune": {}}], [{"train": {"init": "a", "epochs": 5}}], [{"train": {"init": "b", "epochs": 9}}]]
    confounded = answers(mlp(tmp_path / "c", {"a": SEEDS, "b": other}), config(chains=arms))["knee_moves"]
    assert "recipe" in confounded.question and "recipe" not in moves.question


def test_a_knee_that_does_not_move(tmp_path):
    same = dict.fromkeys(("a", "b"), SEEDS)
    assert answers(mlp(tmp_path, same))["knee_moves"].verdict == "undecided"  # equality cannot be shown
    assert "knee_moves" not in answers(mlp(tmp_path / "one", {"a": TWO_INITS["glorot"]}))


def test_curves_are_compared_at_the_sparsities_that_both_have(tmp_path):
    run = mlp(tmp_path, {"glorot": {"weight": [90.0, 80.0, 70.0]}, "he": {"weight": [91.0, 90.0, 60.0]}})
    for init, ratios in (("glorot", ("0.50", "0.75")), ("he", ("0.25",))):
        root = next(r for r in (json.loads(p.read_text()) for p in run.records) if r["init"] == init)
        for ratio in ratios:
            run.add("prune", root, columns=by_ratio("unit", "l2", ratio), top1=40.0, actual_ratio=float(ratio))
    only = run.add("train", columns={"init": "alone"})
    run.add("prune", only, columns=by_ratio("weight", "magnitude", "0.10"), top1=50.0, actual_ratio=0.1)
    found = answers(run)
    # glorot: both at 0 and 50 % (70 against 40); he: both at 0 and 25 % (90 against 40); alone: weights only
    assert values(found["curves_part"], "widest_gap", "init") == {"glorot": 30.0, "he": 50.0}
    assert values(found["curves_part"], "widest_gap", "ratio") == {0.5: 30.0, 0.25: 50.0}
    assert values(found["knee_moves"], "cost", "init", ratio=0.5) == {"glorot": 20.0, "he": 31.0}


def test_inits_with_other_ratios_are_compared_where_both_have_them(tmp_path):
    run = mlp(tmp_path, {"a": {"weight": [90.0, 80.0, 70.0], "unit": [90.0, 80.0, 70.0]}})
    other = mlp(tmp_path, {"b": {"weight": [90.0, 89.0], "unit": [90.0, 89.0]}}, ratios=("0", "0.25"))
    run.records += other.records
    assert values(answers(run)["knee_moves"], "cost", "init", ratio=0.25) == {"a": 10.0, "b": 1.0}


def test_published_numbers_of_another_kind_are_no_obstacle(tmp_path):
    found = answers(mlp(tmp_path, TWO_INITS), config(published="cifar100_vgg16_bn"))
    assert not any(fact.source == "published" for fact in found["knee"].facts) and found["knee"].published == ""
