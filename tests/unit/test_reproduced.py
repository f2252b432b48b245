"""What a run says of published figures: exact, reproduced, refuted, or not compared."""

import pytest
from a_run import Run, by_ratio, config, penalised

from espalier.analysis.reproduced import Outcome, figures, once
from espalier.analysis.study import view_of_run
from espalier.registry import TableItem, get

# The published row: filters, mean_abs, 0.2: 9.20 G MACs, 129.51 M parameters, 0.1913 done, top-1 80.47, top-5 94.94.
STUDY = config(published="cifar100_vgg16_bn", seeds=[0, 1, 2], dataset={"name": "cifar100", "size": 224, "channels": 3})
COUNTS = {"published_macs": 9_199_366_592, "params": 129_510_628, "actual_ratio": 0.1912878787878788}
AS_PUBLISHED = {"epochs": 100, "weights": "imagenet", "select": "best_test"}


def run_of(tmp_path, top1, top5, **columns) -> Run:
    """A run with the net of the published row, once for each seed with these accuracies."""
    run = Run(tmp_path, **(AS_PUBLISHED | columns))
    for seed, (first, fifth) in enumerate(zip(top1, top5, strict=True)):
        pruned = by_ratio("filter_wise", "mean_abs", "0.20")
        run.chain(penalised("filter_wise"), pruned, seed=seed, after=first, pruned=COUNTS | {"top5": fifth})
    return run


def outcomes(run: Run, study=STUDY) -> dict[str, Outcome]:
    """The outcome of each figure that is of the pruned net."""
    found = once(figures(view_of_run(run.collect(), {"s": study}).studies.values()))
    return {f.value.name: f.outcome for f in found if f.outcome != Outcome.NOT_RUN and f.place[0] == PLACE}


PLACE = 5  # of the row among the published: 4 trainings, one pruned net before it


def test_a_figure_in_the_interval_of_one_more_run_is_reproduced_and_one_outside_is_refuted(tmp_path):
    # Top-1: 80.4, s = 0.4, one more run 80.4 +- 4.303 * 0.4 * sqrt(4/3) = [78.4, 82.4]; published 80.47.
    # Top-5: 90.1, s = 0.1, [89.6, 90.6]; published 94.94: t = 41.9 with 2 degrees of freedom, p = 0.0006.
    run = run_of(tmp_path, [80.0, 80.4, 80.8], [90.0, 90.1, 90.2])
    counts = dict.fromkeys(("flops_g", "params_m", "actual_ratio"), Outcome.EXACT)
    assert outcomes(run) == counts | {"top1": Outcome.REPRODUCED, "top5": Outcome.REFUTED}


def test_a_figure_outside_that_holm_does_not_refute_cannot_be_told(tmp_path):
    # t = 0.53 / (0.1 * sqrt(4/3)) = 4.6 with 2 degrees of freedom: p = 0.044 alone, 0.088 of the last two (the two
    # counts of the training, which are far off, come first).
    run = run_of(tmp_path, [80.9, 81.0, 81.1], [94.9, 94.94, 94.98])
    assert outcomes(run)["top1"] == Outcome.UNDECIDED


def test_a_wide_interval_confirms_nothing(tmp_path):
    # s = 2: 4.303 * 2 * sqrt(4/3) = 9.9 points to either side.
    run = run_of(tmp_path, [78.0, 80.0, 82.0], [94.9, 94.94, 94.98])
    assert (outcomes(run)["top1"], outcomes(run)["top5"]) == (Outcome.UNDECIDED, Outcome.REPRODUCED)


def test_one_seed_decides_nothing_about_an_accuracy(tmp_path):
    found = outcomes(run_of(tmp_path, [80.47], [94.94]), STUDY | {"seeds": [0]})
    assert (found["top1"], found["flops_g"]) == (Outcome.ONE_SEED, Outcome.EXACT)


@pytest.mark.parametrize("columns", [{"weights": "random"}, {"epochs": 6}])
def test_an_accuracy_of_another_set_up_is_not_compared_and_a_count_of_the_same_shapes_is_exact(tmp_path, columns):
    found = outcomes(run_of(tmp_path, [80.0, 80.4, 80.8], [90.0, 90.1, 90.2], **columns))
    assert (found["top1"], found["params_m"]) == (Outcome.NOT_COMPARABLE, Outcome.EXACT)


SHAPES = [  # of the published row, and of the dense net, as golden data has them; of "sum" too, which is misprinted
    {"published": "cifar100_vgg16_bn", "published_macs": 15_507_270_656, "params": 134_678_692},
    {"published": "cifar100_vgg16_bn", "prune_type": "filter_wise", "method": "mean_abs", "ratio": "0.2", **COUNTS},
    {"published": "cifar100_vgg16_bn", "prune_type": "filter_wise", "method": "sum", "ratio": "0.2",
     "published_macs": 3_000_000_000, "params": 55_873_940},
]  # fmt: skip


def test_a_count_of_the_published_shape_stands_where_the_run_has_no_such_net(tmp_path):
    run = Run(tmp_path, width=0.25, **AS_PUBLISHED)  # four times narrower, so no count of it is the published one
    narrow = {"published_macs": 600_000_000, "params": 9_000_000, "actual_ratio": 0.15}
    run.chain(penalised("filter_wise"), by_ratio("filter_wise", "mean_abs", "0.20"), after=60.0, pruned=narrow)
    view = view_of_run(run.collect(), {"s": STUDY})
    alone = once(figures(view.studies.values()))
    assert not any(figure.outcome in (Outcome.EXACT, Outcome.REFUTED) for figure in alone)
    found = once(figures(view.studies.values(), SHAPES))
    of = {(f.place[0], f.value.name): f.outcome for f in found}
    exact = [of[PLACE, name] for name in ("flops_g", "params_m", "actual_ratio")]
    assert exact == [Outcome.EXACT] * 3 and of[PLACE, "top1"] == Outcome.NOT_COMPARABLE
    assert all(of[place, name] == Outcome.EXACT for place in range(4) for name in ("flops_g", "params_m"))
    assert sum(f.outcome == Outcome.REFUTED and f.value.name == "params_m" for f in found) == 1  # 55.88, of 55.87394


def test_the_table_counts_every_published_figure_once(tmp_path):
    run = run_of(tmp_path, [80.0, 80.4, 80.8], [90.0, 90.1, 90.2])
    table = get(TableItem, "reproduced")(view_of_run(run.collect(), {"s": STUDY}))
    total = table.data.iloc[-1]
    # 4 trainings with 4 numbers (FLOPs, parameters, top-1, top-5), 15 pruned nets with 5.
    assert total["figures"] == 4 * 4 + 15 * 5
    assert sum(total[outcome.value] for outcome in Outcome) == total["figures"]
    assert (total["exact"], total["reproduced"]) == (3, 1)
    assert total["refuted"] == 1 + 2  # the training's counts are made up
    assert total["cannot be told"] == 2  # its accuracies are the same for each seed, which hides their spread
