"""Records and files: nothing wrong is written, and nothing half."""

import json
import zipfile

import jsonschema
import numpy as np
import pytest

from espalier.run import records
from espalier.run.files import whole, write_json, zipped_size

COLUMNS = {
    "node": "a/seed0/train", "parent": None, "study": "a", "seed": 0, "step": "train", "chain": "train", "label": "net",
    "backend": "pytorch", "dataset": "digits_8x8x1", "model": "net", "width": 1.0, "weights": "random", "epochs": 1,
    "select": "last", "init": None, "penalty": None, "penalty_type": None, "coefficient": None, "prune_type": None,
    "method": None, "scope": None, "ratio": None, "blocks": None, "threshold": None, "pattern": None, "schedule": None,
    "retraining": None, "budget": None, "scheme": None,
}  # fmt: skip
MEASURED = {
    "top1": 97.5, "top5": 100.0, "test_loss": 0.1, "params": 650, "macs": 640, "flops": 1280, "published_macs": 650,
    "nonzero_params": 650, "sparsity": 0.0, "size_bytes": 3000, "zipped_bytes": 2000,
}  # fmt: skip
LAYER = {"layer": "fc", "width": 10, "weights": 640, "zeros": 0}
EPOCH = {"epoch": 1, "learning_rate": 0.1, "train_loss": 2.0, "train_top1": 20.0, "seconds": 0.1}
DETAILS = {"measured": MEASURED, "layers": [LAYER], "history": [EPOCH]}
FILES = {"model_sha256": 64 * "a", "data_sha256": 64 * "b"}
TIMING = {
    "seconds": 1.0, "import_seconds": 0.5, "work_seconds": 0.3, "evaluate_seconds": 0.1, "peak_memory_mib": 300.0
}  # fmt: skip


def write(path, columns=None, details=None, timing=None):
    records.write(
        path, COLUMNS | (columns or {}), DETAILS | (details or {}), TIMING | (timing or {}), {"torch": "2"}, FILES
    )


def test_a_record_says_all_that_is_known_of_a_node(tmp_path):
    write(tmp_path / "record.json")
    record = json.loads((tmp_path / "record.json").read_text())
    assert record.pop("digest")
    assert record == COLUMNS | DETAILS | {"summary": [], "files": FILES, "timing": TIMING, "software": {"torch": "2"}}


WRONG = [
    {"columns": {"seed": "0"}},
    {"columns": {"step": "sharpen"}},
    {"columns": {"ratio": 0.4}},  # ratios are text
    {"columns": {"extra": 1}},
    {"details": {"measured": MEASURED | {"top1": 101}}},
    {"details": {"measured": MEASURED | {"top1": "97.5"}}},
    {"details": {"measured": MEASURED | {"sparsity": -1e-9}}},
    {"details": {"measured": MEASURED | {"params": 650.5}}},
    {"details": {"measured": MEASURED | {"actual_ratio": 1.01}}},
    {"details": {"measured": MEASURED | {"note": "fine"}}},
    {"details": {"measured": {k: v for k, v in MEASURED.items() if k != "macs"}}},
    {"details": {"layers": [LAYER | {"colour": 1}]}},
    {"details": {"layers": [{"layer": "fc"}]}},
    {"details": {"history": [{"epoch": 1}]}},
    {"timing": {"seconds": None}},
]


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_a_record_that_does_not_meet_the_schema_is_not_written(change, tmp_path):
    with pytest.raises(jsonschema.ValidationError):
        write(tmp_path / "record.json", **change)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("where", ["measured", "history", "timing"])
def test_a_number_that_is_not_finite_is_not_written(value, where, tmp_path):
    change = {
        "measured": {"details": {"measured": MEASURED | {"test_loss": value}}},
        "history": {"details": {"history": [EPOCH | {"train_loss": value}]}},
        "timing": {"timing": {"seconds": value}},
    }[where]
    with pytest.raises((ValueError, jsonschema.ValidationError)):
        write(tmp_path / "record.json", **change)
    assert not list(tmp_path.iterdir())


def test_a_missing_column_is_noticed(tmp_path):
    columns = {key: value for key, value in COLUMNS.items() if key != "method"}
    with pytest.raises(jsonschema.ValidationError, match="'method' is a required property"):
        records.write(tmp_path / "record.json", columns, DETAILS, TIMING, {}, FILES)


def test_the_columns_of_a_record_are_those_of_the_grid():
    from espalier.plan.grid import COLUMNS as GRID

    assert set(GRID) == set(COLUMNS)
    schema = records._validator().schema
    assert set(schema["required"]) == {*GRID, "measured", "layers", "history", "summary", "files", "timing", "software"}


def test_details_of_several_functions_are_put_together():
    merged = records.merged(
        {"measured": {"actual_ratio": 0.1}}, {"measured": {"top1": 90.0}, "layers": [LAYER]}, {"history": [EPOCH]}
    )
    assert merged == {"measured": {"actual_ratio": 0.1, "top1": 90.0}, "layers": [LAYER], "history": [EPOCH]}


# Files


def test_a_file_appears_when_the_block_ends_and_not_before(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    with whole(path) as beside:
        beside.write_text("new")
        assert not path.exists() and beside.suffix == ".txt" and beside.parent == path.parent
    assert path.read_text() == "new" and list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), whole(path) as beside:
        beside.write_text("half")
        1 / 0  # noqa: B018
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), whole(tmp_path / "file.txt"):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [float("nan"), {"a": [float("inf")]}, np.float32(1), {1, 2}])
def test_what_json_cannot_say_is_not_written(value, tmp_path):
    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "value.json", value)
    assert not list(tmp_path.iterdir())


def test_json_keeps_the_order_of_keys(tmp_path):
    write_json(tmp_path / "value.json", {"b": 1, "a": [1.5, None, "ä"]})
    text = (tmp_path / "value.json").read_text()
    assert json.loads(text) == {"b": 1, "a": [1.5, None, "ä"]} and text.index('"b"') < text.index('"a"')


def test_the_zipped_size_is_that_of_a_zip_file(tmp_path):
    zeros, noise = tmp_path / "zeros", tmp_path / "noise"
    zeros.write_bytes(bytes(100_000))
    noise.write_bytes(np.random.default_rng(0).bytes(100_000))
    for path in (zeros, noise):
        with zipfile.ZipFile(tmp_path / "archive.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path, path.name)
        assert zipped_size(path) == (tmp_path / "archive.zip").stat().st_size
    assert zipped_size(zeros) < 1000 < 100_000 < zipped_size(noise)
