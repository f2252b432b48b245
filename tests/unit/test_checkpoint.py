"""The state of an interrupted training: kept whole, read whole, and set aside if it is damaged."""

import random

import numpy as np
import pytest

from espalier.training.checkpoint import Checkpoint

HISTORY = [{"epoch": 1, "train_loss": 2.0}, {"epoch": 2, "train_loss": 1.0}]


@pytest.fixture
def checkpoint(tmp_path):
    generator = np.random.default_rng(0)
    kept = Checkpoint(tmp_path / "folder", ["recipe", 0], None)
    kept.keep({"weights": generator.random((8, 8)), "step": np.array(3)}, HISTORY, {"weights": generator.random(4)})
    return kept


def test_a_kept_state_comes_back_to_the_bit(checkpoint, capsys):
    generator = np.random.default_rng(0)
    kept = checkpoint.resume()
    assert np.array_equal(kept.state["weights"], generator.random((8, 8))) and kept.state["step"] == 3
    assert np.array_equal(kept.best["weights"], generator.random(4)) and kept.history == HISTORY
    assert "after epoch 2" in capsys.readouterr().out


def test_the_state_of_another_training_is_left_alone(checkpoint, tmp_path):
    assert Checkpoint(tmp_path / "folder", ["recipe", 1], None).resume() is None
    assert checkpoint.resume() is not None


def flipped(content, number):
    place = random.Random(number).randrange(8 * len(content))
    return content[: place // 8] + bytes([content[place // 8] ^ 1 << place % 8]) + content[place // 8 + 1 :]


@pytest.mark.parametrize("damage", [lambda c: b"", lambda c: c[: len(c) // 2], lambda c: c[:-1], lambda c: b"{}"])
def test_a_damaged_checkpoint_is_named_set_aside_and_the_training_starts_from_its_beginning(checkpoint, damage, capsys):
    content = damage(checkpoint.path.read_bytes())
    checkpoint.path.write_bytes(content)
    assert checkpoint.resume() is None
    aside = checkpoint.path.with_suffix(".damaged")
    assert aside.read_bytes() == content and not checkpoint.path.exists() and str(aside) in capsys.readouterr().out
    checkpoint.keep({"weights": np.zeros(2)}, HISTORY[:1])
    assert checkpoint.resume().history == HISTORY[:1]


def test_no_flipped_bit_reaches_a_training(checkpoint):
    content, first = checkpoint.path.read_bytes(), checkpoint.resume()
    for number in range(300):
        checkpoint.path.write_bytes(flipped(content, number))
        kept = checkpoint.resume()
        assert kept is None or (
            kept.history == first.history
            and all(np.array_equal(kept.state[name], array) for name, array in first.state.items())
            and kept.state.keys() == first.state.keys()
            and np.array_equal(kept.best["weights"], first.best["weights"])
        )
