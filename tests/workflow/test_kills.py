"""Runs that are killed at random, twenty times in all, end with the same bits as one that was left alone."""

import random
import shutil

import pytest
from hammer import Hammer, miniature, results

REPORT = ("collect_records", "draw_figure", "make_table", "write_overview")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    project = miniature(tmp_path_factory.mktemp("undisturbed"))
    project.run("--cores", "2")
    return results(project)


def test_twenty_kills_change_nothing(undisturbed, tmp_path):
    hammer = Hammer(miniature(tmp_path), random.Random(20))
    while hammer.kills < 20:
        if hammer.run("--cores", "2", kills=20 - hammer.kills) == 0:  # it came to its end: the report once more
            shutil.rmtree(hammer.project.folder / "results" / "figures")
            shutil.rmtree(hammer.project.folder / "results" / "tables")
    hammer.project.run("--cores", "2")
    assert set(hammer.struck) & set(REPORT) and hammer.struck["group"] + hammer.struck["parent"] > 0, hammer.struck
    assert results(hammer.project) == undisturbed
    assert hammer.project.planned() == {}
    for log in (hammer.project.folder / "results" / "logs" / "stripes").rglob("train.safetensors.log"):
        assert all(f"epoch {epoch}/12: " in log.read_text() for epoch in range(1, 13))
