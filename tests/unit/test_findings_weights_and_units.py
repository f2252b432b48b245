"""Findings about weight against unit pruning, on nets made up for them."""

import json

import pytest
from a_finding import TWO_INITS, answers, mlp, outcomes, value, values
from a_run import by_ratio, config

PUBLISHED = config(published="mnist_mlp")


def test_where_the_curves_part(tmp_path):
    part = answers(mlp(tmp_path, TWO_INITS), PUBLISHED)["curves_part"]
    assert (part.verdict, part.n) == ("won", 1)
    assert values(part, "parting", "points", init="normal-0.1") == {1.0: 0.25, 5.0: 0.25}
    assert values(part, "parting", "points", init="glorot") == {1.0: 0.25, 5.0: 0.50}
    assert value(part, "widest_gap", init="normal-0.1", ratio=0.25) == 38.0
    assert value(part, "widest_gap", source="published", ratio=0.60) == pytest.approx(77.25999951)


def test_curves_that_part_in_one_initialisation_only(tmp_path):
    alike = {"weight": [90.0, 88.0, 70.0], "unit": [90.0, 87.5, 69.0]}
    part = answers(mlp(tmp_path, {"a": TWO_INITS["glorot"], "b": alike}))["curves_part"]
    assert part.verdict == "undecided" and values(part, "parting", "points", init="b") == {1.0: None, 5.0: None}
    assert answers(mlp(tmp_path / "none", {"b": alike}))["curves_part"].verdict == "lost"


def test_whether_unit_pruning_overtakes(tmp_path):
    overtakes = answers(mlp(tmp_path, TWO_INITS), PUBLISHED)["unit_overtakes"]
    assert overtakes.verdict == "won"
    assert values(overtakes, "unit_lead", "ratio", init="normal-0.1") == {0.0: 0.0, 0.25: -38.0, 0.5: 1.5}
    assert outcomes(overtakes, init="normal-0.1") == ["undecided", "lost", "won"]
    assert values(overtakes, "unit_lead", "ratio", init="glorot") == {0.0: 0.0, 0.25: -2.5, 0.5: -51.0}
    assert "won" not in outcomes(overtakes, source="published")


def test_unit_pruning_overtakes_only_by_more_than_chance(tmp_path):
    run = mlp(tmp_path, {"glorot": {"weight": [90.0, 50.0, 60.0], "unit": [90.0, 70.0, 61.0]}})
    overtakes = answers(run, test_images=100)["unit_overtakes"]
    # At 25 % by 20 points, chance 2 sqrt(25 + 21) = 13.56; at 50 % by 1, chance 2 sqrt(24 + 23.79) = 13.83
    assert outcomes(overtakes) == ["undecided", "won", "undecided"] and overtakes.verdict == "won"
    lead = overtakes.fact("unit_lead", ratio=0.25)
    assert (lead.low, lead.high) == (pytest.approx(20 - 13.564660), pytest.approx(20 + 13.564660))
    weak = mlp(tmp_path / "weak", {"glorot": {"weight": [90.0, 80.0, 60.0], "unit": [90.0, 70.0, 61.0]}})
    assert answers(weak, test_images=100)["unit_overtakes"].verdict == "undecided"  # ahead at 50 %, by a chance
    never = mlp(tmp_path / "never", {"glorot": {"weight": [90.0, 80.0, 60.0], "unit": [90.0, 70.0, 50.0]}})
    assert answers(never)["unit_overtakes"].verdict == "lost"


def test_the_knee_moves_with_the_initial_weights(tmp_path):
    found = answers(mlp(tmp_path, TWO_INITS), PUBLISHED)
    knee, moves = found["knee"], found["knee_moves"]
    knees = {(f.of["init"], f.of["prune_type"]): f.value for f in knee.facts if f.of["points"] == 5 and "init" in f.of}
    assert {key: at for key, at in knees.items() if key[0]} == {
        ("normal-0.1", "weight"): 0.25, ("normal-0.1", "unit"): 0.0, ("glorot", "weight"): 0.5, ("glorot", "unit"): 0.25
    }  # fmt: skip
    assert values(knee, "knee", "points", source="published", prune_type="weight") == {5.0: 0.5, 1.0: 0.25, 10.0: 0.6}
    assert moves.verdict == "won" and values(moves, "knee", "init") == {"normal-0.1": 0.25, "glorot": 0.5}
    assert values(moves, "cost", "init", ratio=0.5) == {"normal-0.1": 30.0, "glorot": 1.0}
    assert moves.published and knee.headline


def test_a_knee_that_does_not_move(tmp_path):
    same = dict.fromkeys(("a", "b"), TWO_INITS["glorot"])
    assert answers(mlp(tmp_path, same))["knee_moves"].verdict == "lost"
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
