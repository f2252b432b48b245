"""A net that learned nothing is no result: nothing is compared with it, and its study says so."""

import numpy as np
import pytest
from a_finding import answers
from a_run import Run, by_ratio, config

from espalier.analysis.chance import beats_chance, lower
from espalier.report import figures
from espalier.report.findings import of_study
from espalier.report.studies import study_row
from espalier.report.tables.results import results
from espalier.run.predictions import Predictions

CHANCE = {"test_images": 360, "chance_top1": 10.0}


def study(folder, *tops, learned=(), **measured):
    """Dense nets of several seeds with these top-1, each pruned to half its size without a loss; nets by another
    initialisation that learned."""
    run = Run(folder)
    for init, accuracies in (("normal-0.1", tops), ("glorot", learned)):
        for seed, top1 in enumerate(accuracies):
            dense = run.add("train", seed=seed, top1=top1, columns={"init": init}, **CHANCE | measured)
            half = {"actual_ratio": 0.5, "params": 500, "zipped_bytes": 2**18}
            pruned = by_ratio("filter_wise", "mean_abs", "0.50")
            run.add("prune", dense, columns=pruned, top1=top1, **half, **CHANCE | measured)
    return run


def test_the_interval_is_wilsons():
    # 10 of 100: (0.1 + 1.96^2/200 - 1.96 sqrt(0.09/100 + 1.96^2/40000)) / (1 + 1.96^2/100) = 0.0552
    assert lower(10.0, 100) == pytest.approx(5.52, abs=0.005)
    assert lower(0.0, 50) == pytest.approx(0.0, abs=1e-12)
    # 60 is told from a coin's 50 with 100 images (lower end 50.2), not with 90 (49.7)
    assert beats_chance({"top1": 60.0, "chance_top1": 50.0, "test_images": 100})
    assert not beats_chance({"top1": 60.0, "chance_top1": 50.0, "test_images": 90})
    assert beats_chance({"top1": 10.0})  # of a record that does not say


def test_chance_is_the_share_of_the_commonest_class():
    label = np.array([0, 0, 0, 1, 2, 2, 1, 0], np.uint8)
    ones = np.ones(8, np.float32)
    assert Predictions(label, label, ones, ones).chance == 50.0


def test_nothing_is_compared_with_a_dense_net_at_chance(tmp_path):
    view = study(tmp_path, 10.0).view(config())
    nets = view.nets.set_index("node")
    assert nets["drop"].isna()["s/seed0/train~normal-0.1/prune~filter_wise~mean_abs~0.50"]
    assert of_study(view) == []
    row = study_row(view, [])
    assert "not beat chance" in row["headline"] and "smaller" not in row["headline"]
    assert {row[f"smallest_{limit}"] for limit in ("0.5", "1", "2")} == {"\N{EN DASH}"}
    assert "not beat chance" in view.setup and "not beat chance" in results(view).setup


def test_one_seed_at_chance_is_enough(tmp_path):
    assert "not beat chance" in study(tmp_path / "a", 90.0, 10.0).view(config(seeds=[0, 1])).setup
    assert "not beat chance" not in study(tmp_path / "b", 90.0, 91.0).view(config(seeds=[0, 1])).setup


def test_what_learned_is_compared_all_the_same(tmp_path):
    view = study(tmp_path, 10.0, learned=(90.0,)).view(config())
    drops = view.nets.set_index("init")["drop"][lambda drop: drop.index == "glorot"]
    assert drops.tolist() == [0.0, 0.0] and "not beat chance" in view.setup
    best = answers(study(tmp_path / "again", 10.0, learned=(90.0,)))["budget"]
    assert "glorot" in best.fact("times_smaller", limit=1.0).of["net"]


def test_figures_and_tables_of_a_study_at_chance_are_made(tmp_path):
    run = study(tmp_path, 10.0)
    folder, study_config = run.collect(), config()
    for name in figures.names(run.load().results, study_config):
        figures.draw(name, folder, study_config, tmp_path / f"{name}.svg")
        assert (tmp_path / f"{name}.svg").stat().st_size
