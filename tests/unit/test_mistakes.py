"""What nets get wrong, on six images of three classes, by numbers worked out by hand."""

import numpy as np
import pytest
from a_run import Run, by_ratio, config

from espalier.analysis import mistakes
from espalier.report.tables.mistakes import what_is_wrong
from espalier.run.predictions import Predictions

LABELS = [0, 0, 0, 1, 1, 2]
STUDY = config(seeds=[0, 1])


def predicted(classes, confidence=0.75):
    """Predictions of the six images."""
    sure = np.full(6, confidence, dtype=np.float32)
    return {"test": Predictions(np.array(LABELS, np.uint8), np.array(classes, np.uint8), sure, np.log(sure))}


@pytest.fixture
def view(tmp_path):
    """A dense net, trained further, and a pruned one, of two seeds."""
    run = Run(tmp_path)
    nets = {  # seed -> what the dense net gives, what it gives when trained further, and what the pruned net gives
        0: ([0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 1, 2]),
        1: ([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 2], [0, 0, 0, 1, 0, 2]),
    }
    for seed, (dense, further, pruned) in nets.items():
        root = run.add("train", seed=seed, correct=predicted(dense))
        run.add("finetune", root, correct=predicted(further, 0.9))
        shrunk = run.add("prune", root, columns=by_ratio("filter_wise", "l2", "0.50"), correct=predicted(dense))
        run.add("finetune", shrunk, correct=predicted(pruned))
    return run.view(STUDY)


def test_images_are_lost_and_won_and_classes_lose(view):
    found = mistakes.of_nets(view).join(view.nets[["kind", "variant"]]).set_index("kind").loc["pruned"]
    # seed 0: right by the reference 6, lost images 2 and 3; seed 1: right 5, lost image 5, won image 3
    assert found["lost"] == pytest.approx(100 * (2 / 6 + 1 / 6) / 2) and found["won"] == pytest.approx(100 * 1 / 12)
    # class 0: from 3/3 to 1/3, from 2/3 to 3/3; class 1: from 2/2 to 2/2, from 2/2 to 1/2; class 2: none
    expected = {"1": 25.0, "0": 100 * (2 / 3 - 1 / 3) / 2, "2": 0.0}
    assert list(found["by_class"]) == list(expected)
    assert found["by_class"] == pytest.approx(expected)


def test_agreement_is_with_the_net_that_was_trained_first_and_calibration_by_confidence(view):
    found = mistakes.of_nets(view).join(view.nets["variant"]).set_index("variant")
    dense, further = found.loc["train"], found.loc["train/finetune"]
    assert np.isnan(dense["agreement"]) and np.isnan(dense["lost"]) and dense["by_class"] == {}
    assert further["agreement"] == pytest.approx(100 * 5 / 6)  # another class for one image, in either seed
    # accuracy 1 and 5/6 at a confidence of 0.9: (0.1 + |5/6 - 0.9|) / 2
    assert further["calibration_error"] == pytest.approx(100 * (0.1 + 0.9 - 5 / 6) / 2, abs=1e-5)


def test_the_difference_of_lost_and_won_is_what_top_1_loses(view):
    nets = view.nets.join(mistakes.of_nets(view)[["won"]]).assign(gone=mistakes.of_nets(view)["lost"])
    compared = nets[nets["gone"].notna()]
    assert len(compared) == 1
    assert (compared["gone"] - compared["won"]).tolist() == pytest.approx(compared["drop"].tolist())


def test_the_table_names_the_classes_that_lose_most(view):
    table = what_is_wrong(view)
    row = next(row for row in table.rows() if row["pruned"] == "filter_wise")
    assert row["worst"] == "1 \u221225.0, 0 \u221216.7"
    assert "3 classes of 1 to 3 test images" in " ".join(table.notes)


def test_without_predictions_there_is_a_table_that_says_so(tmp_path):
    run = Run(tmp_path)
    run.chain(prune=by_ratio("filter_wise", "l2", "0.50"), after=80.0)
    table = what_is_wrong(run.view())
    assert len(table.data) == 2 and table.data["agreement"].isna().all() and "not kept" in table.notes[0]
