"""What a step's job leaves of its measuring, and what becomes of predictions in a file."""

import numpy as np
import pytest

from espalier.run import handover, predictions

FILES = {"model_sha256": 64 * "a", "data_sha256": 64 * "b"}
CODE = {"digest": "1f", "uses": [], "versions": {"torch": "2.9"}}
LOGITS = np.log([[1, 3, 4], [8, 1, 1], [0.5, 0.25, 0.25]])
LABELS = np.array([1, 0, 2])


@pytest.fixture
def test_images():
    return predictions.of_logits(LOGITS, LABELS, LOGITS.argmax(axis=1))


def test_predictions_are_classes_and_probabilities(test_images):
    assert test_images.predicted.tolist() == [2, 0, 0] and test_images.correct.tolist() == [False, True, False]
    assert test_images.confidence.tolist() == pytest.approx([4 / 8, 8 / 10, 0.5])
    assert np.exp(test_images.log_likelihood).tolist() == pytest.approx([3 / 8, 8 / 10, 0.25])
    many = predictions.of_logits(np.zeros((1, 300)), np.array([299]), np.array([0]))
    assert (many.label.tolist(), many.predicted.dtype, test_images.predicted.dtype) == ([299], np.uint16, np.uint8)


def test_large_logits_are_no_infinite_probabilities():
    certain = predictions.of_logits(np.array([[1e4, -1e4]]), np.array([1]), np.array([0]))
    assert (certain.confidence.item(), certain.log_likelihood.item()) == (1, -2e4)


def test_predictions_are_read_as_they_were_written_and_the_same_ones_are_the_same_bytes(tmp_path, test_images):
    for name in ("a.npz", "b.npz"):
        predictions.write(tmp_path / name, {"test": test_images, "validation": test_images})
    found = predictions.read(tmp_path / "a.npz")
    assert list(found) == ["test", "validation"]
    assert (found["validation"].log_likelihood == test_images.log_likelihood).all()
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.fixture
def left(tmp_path, test_images):
    measured = {"measured": {"top1": 100 / 3}, "predictions": {"test": test_images}}
    handover.leave(tmp_path / "x.measured", handover.key(CODE, FILES), measured, 0.25)
    return tmp_path / "x.measured"


def test_what_was_measured_by_the_same_code_of_the_same_files_is_taken_over(left, test_images):
    measured, timing = handover.take(left, handover.key(CODE, FILES))
    assert measured["measured"] == {"top1": 100 / 3}
    assert (measured["predictions"]["test"].confidence == test_images.confidence).all()
    assert timing == {"seconds": 0.25, "evaluate_seconds": 0.25}
    handover.forget(left)
    assert handover.take(left, handover.key(CODE, FILES)) is None


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ({"digest": "2f"}, {}),
        ({"versions": {"torch": "2.10"}}, {}),
        ({}, {"model_sha256": 64 * "c"}),
        ({}, {"data_sha256": 64 * "c"}),
    ],
)
def test_what_other_code_measured_or_of_other_files_is_not(left, code, files):
    assert handover.take(left, handover.key(CODE | code, FILES | files)) is None


@pytest.mark.parametrize("name", [handover.MEASURED, handover.PREDICTIONS])
def test_nor_what_is_damaged(left, name):
    content = (left / name).read_bytes()
    (left / name).write_bytes(content[: len(content) // 2])
    assert handover.take(left, handover.key(CODE, FILES)) is None
