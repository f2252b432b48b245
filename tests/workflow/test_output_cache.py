"""Results shared between working copies by Snakemake's own cache (--cache)."""

import os
import shutil

import pytest
from project import PROJECT, copy

TRAINED = "results/models/mlp/seed0/train"
PRUNED = f"{TRAINED}/prune~unit~l2~0.50"


@pytest.fixture
def working_copy(tmp_path):
    """working_copy(name): a fresh copy of the project with the smallest study, whose cache all copies share."""
    (tmp_path / "cache").mkdir()

    def made(name):
        project = copy(tmp_path / name)
        shutil.copy2(PROJECT / "tests" / "config" / "tiny.yaml", project.folder / "config.yaml")
        project.env = {**os.environ, "SNAKEMAKE_OUTPUT_CACHE": str(tmp_path / "cache")}
        return project

    return made


def test_another_working_copy_takes_data_nets_and_records_from_the_cache_and_notices_damage(working_copy, tmp_path):
    first, second, third = map(working_copy, ("first", "second", "third"))
    first.run("--cores", "2", "--cache", "--", "models")
    second.run("--cores", "2", "--cache", "--", "models")
    for node in (TRAINED, PRUNED):
        for file in ("model.keras", "model.keras.json", "record.json"):  # with the times of the first, so not computed
            assert (second.folder / node / file).read_bytes() == (first.folder / node / file).read_bytes()
    trained = (first.folder / TRAINED / "model.keras").read_bytes()
    cached = next(path for path in (tmp_path / "cache").glob("*_model.keras") if path.read_bytes() == trained)
    cached.write_bytes(trained[:-100] + bytes([trained[-100] ^ 1]) + trained[-99:])
    for record in (tmp_path / "cache").glob("*_record.json"):  # so that the third has to read the nets
        record.unlink()
    done = third.snakemake("--cores", "2", "--cache", "--", "models")
    assert done.returncode != 0 and f"{TRAINED}/model.keras is damaged" in done.stdout
