"""Selections: which nets of a study something is about."""

import pandas as pd
import pytest

from espalier import columns
from espalier.analysis import selections


def gradually_pruned(*ratios: str) -> pd.DataFrame:
    """The rows of nets that were pruned gradually to these sparsities."""
    pruned = {"step": "prune", "chain": "train > prune", "schedule": "gradual", "prune_type": "weight"}
    return pd.DataFrame([dict.fromkeys(columns.names(columns.NODE)) | pruned | {"ratio": ratio} for ratio in ratios])


@pytest.mark.parametrize(("ratios", "enough"), [(["0.50"], False), (["0.50", "0.50"], False), (["0.50", "0.75"], True)])
def test_where_accuracy_collapses_is_asked_of_several_sparsities(ratios, enough):
    assert selections.fits(selections.gradual_ratios, gradually_pruned(*ratios), {}) == enough
    assert selections.fits(selections.gradual, gradually_pruned(*ratios), {})
