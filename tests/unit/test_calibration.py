"""The images that calibrate: of every class, drawn by the seed."""

from collections import Counter

import numpy as np

from espalier.datasets.prepare import Split
from espalier.training.calibration import calibration


def test_calibration_images_are_of_every_class_and_drawn_by_the_seed():
    labels = np.repeat([0, 1, 2], [50, 30, 4])
    split = Split(np.zeros((84, 1, 1, 1), np.uint8), labels)
    chosen = calibration(split, 24, seed=0)
    assert len(set(chosen)) == 24
    assert Counter(labels[chosen].tolist()) == {0: 10, 1: 10, 2: 4}
    assert chosen.tolist() == calibration(split, 24, seed=0).tolist()
    assert chosen.tolist() != calibration(split, 24, seed=1).tolist()
    assert sorted(calibration(split, 500, seed=0)) == list(range(84))
