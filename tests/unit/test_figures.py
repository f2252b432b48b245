"""The figures: which a study gets, and what is drawn, read off the artists."""

import itertools
import json
from xml.etree import ElementTree

import numpy as np
import pytest
from a_run import Run, below, by_ratio, config, gradual, penalised
from matplotlib.backends.backend_agg import FigureCanvasAgg

from espalier import registry
from espalier.analysis import labels, published
from espalier.columns import MIB
from espalier.report import figures
from espalier.report.figures import style


@pytest.fixture(autouse=True)
def applied():
    with style.applied():  # ticks are made, and texts measured, late
        yield


def draw(name: str, run: Run, study: dict):
    return registry.get(registry.FigureItem, name)(run.view(study))


def series(axes) -> dict[str, tuple]:
    """What error-bar lines show, by marker: (x, y, hollow)."""
    lines = [container.lines[0] for container in axes.containers]
    return {
        line.get_marker(): (list(line.get_xdata()), list(line.get_ydata()), line.get_markerfacecolor() == "white")
        for line in lines
    }


def finished(name: str, run: Run, study: dict):
    """The figure with its heading, laid out as it is saved."""
    figure = draw(name, run, study)
    style.titled(figure, "A title", labels.setup_line(study))
    FigureCanvasAgg(figure).draw()
    return figure


def overlaps(texts) -> list[tuple[str, str]]:
    """The pairs of texts that lie on each other."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text() and text.get_visible()]
    return [(a, b) for (a, one), (b, other) in itertools.combinations(boxes, 2) if one.overlaps(other)]


def titles(figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


def legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def vgg(tmp_path, seeds=(0,)) -> Run:
    run = Run(tmp_path)
    nets = (
        ("filter_wise", "mean_abs", "0.40", 0.39, 30.0, 86.0, 800),  # asked first, drawn second
        ("filter_wise", "mean_abs", "0.20", 0.19, 60.0, 88.0, 900),
        ("filter_wise", "sum", "0.20", 0.18, 50.0, 85.0, 700),
        ("channel_wise", "mean_abs", "0.20", 0.20, 55.0, 87.0, 950),
    )
    for seed in seeds:
        run.add("train", seed=seed, top1=90.0)
        roots = {k: run.add("train", columns=penalised(k), seed=seed) for k in ("filter_wise", "channel_wise")}
        for kind, method, ratio, done, before, after, macs in nets:
            counts = {"actual_ratio": done, "macs": macs * 1e6, "params": macs * 1e3}
            pruned = run.add("prune", roots[kind], columns=by_ratio(kind, method, ratio), top1=before, **counts)
            run.add("finetune", pruned, top1=after + seed, **counts)
    return run


def test_which_figures_a_study_gets(tmp_path):
    structured = {"accuracy_vs_ratio", "accuracy_vs_macs", "accuracy_vs_params", "training_curves", "layer_widths"}
    others = {"latency", "speed_up", "weight_vs_unit", "filter_sparsity", "prune_or_quantize"}

    def of_these(names):  # there may be more figures than this test is about
        return set(names) & (structured | others)

    rows = vgg(tmp_path).load().results
    assert of_these(figures.names(rows, config())) == structured
    assert of_these(figures.names(rows, config(latency={}))) == structured | {"latency", "speed_up"}
    assert of_these(figures.names(rows[rows["step"] == "train"], config())) == {"training_curves"}
    both = rows.assign(backend="keras", method="random", prune_type=["weight", "unit"] * 5 + ["unit"])
    assert of_these(figures.names(both, config())) == {"weight_vs_unit", "training_curves", "layer_widths"}
    assert "filter_sparsity" in figures.names(rows.assign(prune_type="weight", threshold=0.01), config())
    eighth = rows.assign(scheme=["static_int8", *[None] * (len(rows) - 1)])
    assert of_these(figures.names(eighth, config())) == structured | {"prune_or_quantize"}
    one = rows.assign(prune_type="weight")  # nothing is taken out of the net: no curve against MACs
    assert of_these(figures.names(one, config())) == {"accuracy_vs_ratio", "training_curves"}
    assert of_these(figures.names(one, config(latency={}))) == {"accuracy_vs_ratio", "training_curves", "latency"}


def test_accuracy_against_ratio(tmp_path):
    figure = draw("accuracy_vs_ratio", vgg(tmp_path), config())
    assert titles(figure) == ["filter_wise", "channel_wise", "", ""]
    tuned, tuned_channels, pruned, _ = (series(axes) for axes in figure.axes)
    assert tuned == {"o": ([19.0, 39.0], [88.0, 86.0], False), "s": ([18.0], [85.0], False)}
    assert pruned == {"o": ([19.0, 39.0], [60.0, 30.0], True), "s": ([18.0], [50.0], True)}
    assert tuned_channels == {"o": ([20.0], [87.0], False)}
    for axes in figure.axes:
        assert [list(line.get_ydata()) for line in axes.lines if line.get_color() == style.DENSE["color"]] == [
            [90.0, 90.0]
        ]
    assert legend(figure) == ["mean_abs", "sum", "dense"]


def test_the_dense_net_trained_as_long_is_a_second_line_beside_fine_tuned_nets(tmp_path):
    run = vgg(tmp_path)
    run.add("finetune", json.loads(run.records[0].read_text()), top1=93.0)
    figure = draw("accuracy_vs_ratio", run, config())
    lines = [[line.get_ydata()[0] for line in axes.lines if line.get_color() == "#444444"] for axes in figure.axes]
    assert lines == [[90.0, 93.0], [90.0, 93.0], [90.0], [90.0]]  # after fine-tuning, right after pruning
    assert legend(figure) == ["mean_abs", "sum", "dense", "unpruned, of equal epochs"]


def test_published_points_have_panels_of_their_own_in_grey(tmp_path):
    figure = draw("accuracy_vs_ratio", vgg(tmp_path), config(published="cifar100_vgg16_bn"))
    assert len(figure.axes) == 6 and figure.axes[3 * 2 - 2].get_ylabel() == "published\ntop-1 (%)"
    shown = series(figure.axes[5])  # channel_wise
    assert shown["o"][0] == pytest.approx([19.38, 38.98, 59.0]) and shown["o"][1] == [80.66, 79.9, 78.62]
    assert {container.lines[0].get_color() for container in figure.axes[5].containers} == {style.PUBLISHED}
    assert legend(figure) == ["mean_abs", "sum", "group_lasso", "mean", "sum_abs", "dense"]


def costing(tmp_path, seeds=(0,)) -> Run:
    """Dense 90, 91, 92, of 1000 MACs and 100 parameters; filters and channels, and random filters, fine-tuned."""
    run = Run(tmp_path)
    nets = (
        ("filter_wise", "mean_abs", "0.20", 500, 60, (88.0, 89.5, 90.0)),
        ("filter_wise", "mean_abs", "0.40", 250, 40, (86.0, 87.0, 88.0)),
        ("filter_wise", "random", "0.40", 200, 30, (80.0, 82.0, 82.0)),
        ("channel_wise", "sum", "0.20", 800, 20, (89.0, 90.0, 91.5)),
    )
    for seed in seeds:
        root = run.add("train", seed=seed, top1=90.0 + seed, macs=1000, params=100)
        run.add("finetune", root, top1=90.0 + seed, macs=1000, params=100)
        for kind, method, ratio, macs, params, tops in nets:
            counts = {"actual_ratio": float(ratio), "macs": macs, "params": params}
            pruned = run.add("prune", root, columns=by_ratio(kind, method, ratio), top1=40.0, **counts)
            run.add("finetune", pruned, top1=tops[seed], **counts)
    return run


def test_all_prune_types_and_methods_stand_in_one_panel_at_equal_cost(tmp_path):
    figure = draw("accuracy_vs_macs", costing(tmp_path), config(published="cifar100_vgg16_bn"))
    assert titles(figure) == ["after fine-tuning", "right after pruning", "published"]
    after, before, there = figure.axes
    marks = {name: style.of_method(name)["marker"] for name in ("mean_abs", "random", "sum", "group_lasso")}
    assert series(after) == {
        marks["mean_abs"]: ([50.0, 25.0], [-2.0, -4.0], False),  # from the dense net on
        marks["random"]: ([20.0], [-10.0], False),
        marks["sum"]: ([80.0], [-1.0], False),
    }
    assert series(before)[marks["sum"]][1] == [-50.0]
    assert there.get_xlim() == after.get_xlim() and there.get_ylim() == after.get_ylim() != before.get_ylim()
    shown = [container.lines[0] for container in there.containers if container.lines[0].get_marker() == "^"]
    # filter_wise group_lasso as published: 7.67 of 15.51 G, 80.81 %; dense is the published training without penalty
    rows = published.frame("cifar100_vgg16_bn")
    dense = rows[(rows["kind"] == "training") & rows["penalty"].isna()]["top1"].iloc[0]
    assert (100 * 7.67 / 15.51, pytest.approx(80.81 - dense)) in [
        (line.get_xdata()[0], line.get_ydata()[0]) for line in shown
    ]
    assert {"filter_wise", "channel_wise", "mean_abs", "random", "random choice", "dense"} <= set(legend(figure))
    params = draw("accuracy_vs_params", costing(tmp_path / "again"), config())
    assert series(params.axes[0])[marks["sum"]][0] == [20.0] and params.axes[0].get_xscale() == "log"


def test_leads_over_dense_have_paired_intervals_and_random_choice_a_band(tmp_path):
    axes = draw("accuracy_vs_macs", costing(tmp_path, (0, 1, 2)), config()).axes[0]
    line = next(each for each in axes.containers if each.lines[0].get_marker() == "o")
    (low, high) = line.lines[2][1].get_segments()[0][:, 1]
    # differences -2, -1.5, -2: mean -1.8333, sd 0.2887, t of two degrees of freedom 4.3027
    half = 4.302653 * 0.288675 / 3**0.5
    assert (low, high) == (pytest.approx(-1.833333 - half), pytest.approx(-1.833333 + half))
    (band,) = axes.collections[-1:] if not axes.collections else [c for c in axes.collections if c.get_alpha() == 0.13]
    edges = band.get_paths()[0].vertices
    # -10, -9, -10: mean -9.6667, sd 0.5774
    assert edges[:, 1].min() == pytest.approx(-9.666667 - 4.302653 * 0.577350 / 3**0.5)


def test_a_study_without_a_dense_net_of_equal_epochs_has_nothing_to_compare_after_fine_tuning(tmp_path):
    run = vgg(tmp_path)  # no dense net was trained on
    assert titles(draw("accuracy_vs_macs", run, config())) == ["right after pruning"]


def test_weights_set_to_zero_save_no_computation_and_are_left_out(tmp_path):
    run = costing(tmp_path)
    run.add("prune", json.loads(run.records[0].read_text()), columns=by_ratio("weight", "magnitude", "0.50"), top1=80.0)
    for name in ("accuracy_vs_macs", "accuracy_vs_params"):
        words = legend(draw(name, run, config()))
        assert "magnitude" not in words and "weight" not in words


def test_a_prune_type_and_a_method_look_the_same_in_all_figures(tmp_path):
    one, other = style.of_type("filter_wise"), style.of_method("mean_abs")
    run = costing(tmp_path)
    line = draw("accuracy_vs_macs", run, config()).axes[0].containers[0].lines[0]
    assert (line.get_color(), line.get_marker()) == (one["color"], other["marker"])
    ratio = draw("accuracy_vs_ratio", run, config()).axes[0].containers[0].lines[0]
    assert (ratio.get_color(), ratio.get_marker()) == (other["color"], other["marker"])
    known = [style.of_method(name) for name in style.METHODS]
    assert len({look["marker"] for look in known}) == len(known)
    assert style.of_method("of a plug-in") == style.of_method("of a plug-in")


def test_a_scale_is_shared_by_what_is_shown_before_and_after(tmp_path):
    run = vgg(tmp_path)
    root = json.loads(run.records[0].read_text())
    run.add("prune", root, columns=by_ratio("depth_wise", "l2", "0.90"), actual_ratio=0.9)
    figure = draw("accuracy_vs_ratio", run, config(published="cifar100_vgg16_bn"))
    after, before, there = (
        [axes for axes in figure.axes if axes.get_subplotspec().rowspan.start == i] for i in range(3)
    )
    assert {axes.get_xlim() for axes in (*after, *before, *there)} == {before[-1].get_xlim()}  # and as published
    assert {axes.get_ylim() for axes in (*after, *there)} == {after[0].get_ylim()} != {before[0].get_ylim()}
    assert len(after) == 2 and len(before) == 3 and before[-1].get_xlim()[1] > 90


def test_means_over_seeds_with_their_intervals(tmp_path):
    figure = draw("accuracy_vs_ratio", vgg(tmp_path, seeds=(0, 1, 2)), config())
    assert series(figure.axes[0])["o"][1] == [89.0, 87.0]
    bar = figure.axes[0].containers[0].lines[2][-1].get_segments()[0]
    half = 4.302653 / 3**0.5  # 88, 89, 90: a deviation of 1, Student's t of two degrees of freedom
    assert bar[:, 1].tolist() == pytest.approx([89 - half, 89 + half])


def test_one_seed_has_what_the_test_images_leave(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train", test_images=360)
    columns = by_ratio("weight", "magnitude", "0.50")
    run.add("prune", dense, columns=columns, top1=90.0, actual_ratio=0.5, test_images=360)
    bar = draw("accuracy_vs_ratio", run, config()).axes[0].containers[0].lines[2][-1].get_segments()[0]
    assert bar[:, 1].tolist() == pytest.approx([86.47, 92.69], abs=0.005)  # Wilson's interval, as in test_choose


def test_another_penalty_is_a_line_of_its_own(tmp_path):
    run = vgg(tmp_path)
    prune = by_ratio("filter_wise", "mean_abs", "0.40")
    run.chain(penalised("filter_wise", "group_lasso"), prune, before=20.0, after=84.0, pruned={"actual_ratio": 0.4})
    assert "mean_abs, after group_lasso training" in legend(draw("accuracy_vs_ratio", run, config()))


def test_one_prune_type_stands_side_by_side(tmp_path):
    run = Run(tmp_path, model="resnet50")
    root = run.add("train", top1=90.0)
    for blocks in (1, 2):
        columns = {"prune_type": "depth_wise", "method": "mean_abs", "blocks": blocks}
        pruned = run.add("prune", root, columns=columns, top1=50.0, actual_ratio=blocks / 16)
        run.add("finetune", pruned, top1=90.0 - blocks)
    figure = draw("accuracy_vs_ratio", run, config(published="cifar100_resnet50"))
    kinds = ("after fine-tuning", "right after pruning", "published")
    assert titles(figure) == [f"depth_wise, {kind}" for kind in kinds]
    assert series(figure.axes[0])["o"][0] == [6.25, 12.5]
    assert series(figure.axes[2])["o"][0] == [6.25, 12.5, 25.0]  # N = 1, 2, 4 of 16 blocks


def epochs(*values: float) -> list[dict]:
    keys = ("train_loss", "train_top1", "validation_loss", "validation_top1")
    return [{"epoch": i + 1} | dict.fromkeys(keys, value) | {"penalty": 0.5} for i, value in enumerate(values)]


def test_training_curves(tmp_path):
    run = Run(tmp_path)
    for seed in (0, 1):
        run.add("train", seed=seed, history=epochs(1.0, 2.0 + seed))
    root = run.add("train", columns=penalised("filter_wise"), history=epochs(1.5, 1.5))
    for ratio, values in (("0.20", (1.0, 5.0)), ("0.40", (2.0, 4.0)), ("0.60", (9.0, 4.5))):
        pruned = run.add("prune", root, columns=by_ratio("filter_wise", "sum", ratio))
        run.add("finetune", pruned, history=epochs(*values))
    figure = draw("training_curves", run, config())
    validation, train = figure.axes[0].lines[:2]
    assert validation.get_label() == "dense" and list(validation.get_ydata()) == [1.0, 2.5]  # over seeds
    assert train.get_linewidth() < validation.get_linewidth()
    tuned = figure.axes[1]
    assert "3 pruned" in titles(figure)[1]
    assert list(tuned.lines[0].get_ydata()) == [2.0, 4.5]  # medians
    band = tuned.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (1.0, 9.0)
    assert legend(figure) == ["dense", "l2_groups filter_wise", "validation images", "training images"]


def test_training_curves_of_pruned_nets_from_scratch_stand_beside_those_of_fine_tuned_ones(tmp_path):
    run = Run(tmp_path)
    root = run.add("train", history=epochs(1.0, 2.0))
    pruned = run.add("prune", root, columns=by_ratio("filter_wise", "sum", "0.20"))
    run.add("finetune", pruned, history=epochs(3.0, 4.0))
    run.add("scratch", pruned, history=epochs(5.0, 6.0))
    figure = draw("training_curves", run, config())
    assert titles(figure)[1].count("1 pruned") == 2  # fine-tuned, and from scratch
    tuned = figure.axes[1]
    lines = {line.get_label(): list(line.get_ydata()) for line in tuned.lines}
    assert lines == {"filter_wise, fine-tuned": [3.0, 4.0], "filter_wise, from scratch": [5.0, 6.0]}


def test_one_epoch_of_fine_tuning_is_epoch_1_and_a_net_of_two_seeds_is_one_net(tmp_path):
    run = Run(tmp_path)
    for seed in (0, 1):
        root = run.add("train", seed=seed, history=epochs(1.0, 2.0))
        pruned = run.add("prune", root, seed=seed, columns=by_ratio("filter_wise", "sum", "0.20"))
        run.add("finetune", pruned, seed=seed, history=epochs(3.0))
    figure = draw("training_curves", run, config())
    assert "1 pruned" in titles(figure)[1]
    lowest, highest = figure.axes[3].get_xlim()
    assert [tick for tick in figure.axes[3].get_xticks() if lowest <= tick <= highest] == [1]


def test_a_wild_epoch_makes_the_loss_logarithmic(tmp_path):
    run = Run(tmp_path)
    history = epochs(50.0, 2.0, 1.5, 1.0)
    history[0] |= {"train_loss": 2000.0, "validation_loss": 2000.0}
    run.add("train", history=history)
    assert draw("training_curves", run, config()).axes[0].get_yscale() == "log"


def test_without_fine_tuning_there_is_one_column(tmp_path):
    run = Run(tmp_path)
    run.add("train", history=epochs(2.0, 1.0))
    assert len(draw("training_curves", run, config()).axes) == 2


METHODS = {"weight": "magnitude", "unit": "l2"}


def mlp(tmp_path) -> Run:
    run = Run(tmp_path, backend="keras", model="mlp")
    for init, accuracies in (("normal-0.1", (90.0, 89.0, 50.0)), ("glorot", (91.0, 90.0, 88.0))):
        root = run.add("train", columns={"init": init}, top1=accuracies[0])
        for kind in ("weight", "unit"):
            for ratio, top1 in zip(("0", "0.25", "0.50"), accuracies, strict=True):
                lost = 0 if ratio == "0" else 10 * (kind == "unit")
                columns = by_ratio(kind, METHODS[kind], ratio)
                run.add("prune", root, columns=columns, top1=top1 - lost, actual_ratio=float(ratio))
    return run


def test_weight_against_unit(tmp_path):
    figure = draw("weight_vs_unit", mlp(tmp_path), config(published="mnist_mlp"))
    assert titles(figure) == [
        "this run, init normal-0.1\nknees: weight 25 %, unit 0 %",
        "this run, init glorot\nknees: weight 50 %, unit 0 %",
        "published\nknees: weight 50 %, unit 0 %",
    ]
    assert legend(figure) == ["weight", "unit"]
    first, signs = series(figure.axes[0]), [style.of_type(kind)["marker"] for kind in ("weight", "unit")]
    assert first == {
        signs[0]: ([0.0, 25.0, 50.0], [90.0, 89.0, 50.0], False),
        signs[1]: ([0.0, 25.0, 50.0], [90.0, 79.0, 40.0], False),
    }
    there = published.frame("mnist_mlp")
    for marker, kind in zip(signs, ("weight", "unit"), strict=True):
        x, y, _ = series(figure.axes[2])[marker]
        assert x == pytest.approx([0, 25, 50, 60, 70, 80, 90, 95, 97, 99])
        assert y == there[there["prune_type"] == kind]["top1"].tolist()


def test_a_baseline_of_a_single_ratio_is_to_be_seen_beside_weights_and_units(tmp_path):
    run = Run(tmp_path, backend="keras", model="mlp")
    root = run.add("train", top1=91.0)
    for kind, method in (("weight", "magnitude"), ("unit", "l2")):
        for ratio in ("0", "0.50"):
            run.add("prune", root, columns=by_ratio(kind, method, ratio), top1=80.0, actual_ratio=float(ratio))
    run.add("prune", root, columns=by_ratio("weight", "random", "0.50"), top1=60.0, actual_ratio=0.5)
    figure = draw("weight_vs_unit", run, config(published="mnist_mlp"))
    assert legend(figure) == ["weight", "unit", "weight random"]
    shown = [(line.get_marker(), list(line.get_xdata()), list(line.get_ydata())) for line in figure.axes[0].lines]
    assert (style.of_method("random")["marker"], [50.0], [60.0]) in shown


def layers(*widths: int | None) -> list[dict]:
    return [{"layer": f"conv{i}", "width": w, "weights": 9, "zeros": 0} for i, w in enumerate(widths, 1) if w]


def test_layer_widths(tmp_path):
    run = Run(tmp_path)
    run.add("train", layers=layers(16, 32, 64))
    root = run.add("train", columns=penalised("filter_wise"), layers=layers(16, 32, 64))
    for ratio, widths in (("0.20", (16, 24, 48)), ("0.60", (8, None, 16))):
        run.add("prune", root, columns=by_ratio("filter_wise", "sum", ratio), layers=layers(*widths))
    axes = draw("layer_widths", run, config()).axes[0]
    kept = axes.images[0].get_array()
    assert np.ma.filled(kept, -1).tolist() == [[100, 100, 100], [100, 75, 75], [50, -1, 25]]
    assert [text.get_text() for text in axes.texts] == ["16", "32", "64", "16", "24", "48", "8", "16"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["conv1", "conv2", "conv3"]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "dense", "filter_wise sum 0.20, l2_groups training", "filter_wise sum 0.60, l2_groups training",
    ]  # fmt: skip


def test_layers_that_only_hold_zeros_are_not_shown_as_narrower(tmp_path):
    run = Run(tmp_path)
    root = run.add("train", layers=layers(100, 10))
    run.add("prune", root, columns=by_ratio("weight", "magnitude", "0.50"), layers=layers(100, 10))
    run.add("prune", root, columns=by_ratio("filter_wise", "l2", "0.50"), layers=layers(50, 10))
    axes = draw("layer_widths", run, config()).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dense", "filter_wise l2 0.50"]


def test_latency(tmp_path):
    run = mlp(tmp_path)
    dense = "s/seed0/train~glorot"
    pruned = f"{dense}/prune~unit~l2~0.50"
    rows = [(pruned, 1, 0.5, 0.75), (dense, 1, 1.0, 1.5), (pruned, 256, 4.0, 5.0), (dense, 256, 4.0, 4.5)]
    run.time({"node": n, "baseline": dense, "batch_size": b, "median_ms": m, "p90_ms": p} for n, b, m, p in rows)
    figure = draw("latency", run, config(latency={}))
    assert titles(figure) == ["batch of 1", "batch of 256"]
    one = figure.axes[0]
    assert [label.get_text() for label in one.get_yticklabels()] == ["dense, init glorot", "unit l2 0.50, init glorot"]
    assert series(one) == {"o": ([1.0], [0], False), style.of_type("unit")["marker"]: ([0.5], [1], False)}
    whiskers = {c.get_label(): c.lines[2][0].get_segments()[0][:, 0].tolist() for c in one.containers}
    assert whiskers == {"dense": [1.0, 1.5], "unit": [0.5, 0.75]}
    dashed = [line for line in one.lines if line.get_color() == style.DENSE["color"]]
    assert [list(line.get_xdata()) for line in dashed] == [[1.0, 1.0]]


def two_way(tmp_path) -> Run:
    """A net pruned in one step and in two, by threshold and by pattern, of plain and of penalised training."""
    run = Run(tmp_path)
    root, lasso = run.add("train", top1=95.0), run.add("train", columns=penalised("filter_wise", "group_lasso"))
    for ratio, top1 in (("0.20", 94.0), ("0.40", 92.0)):
        once = run.add(
            "prune", root, columns=by_ratio("filter_wise", "l1", ratio), actual_ratio=float(ratio), top1=50.0
        )
        tuned = run.add("finetune", once, top1=top1, actual_ratio=float(ratio))
        if ratio == "0.20":
            twice = run.add("prune", tuned, columns=by_ratio("filter_wise", "l1", "0.40"), actual_ratio=0.4, top1=60.0)
            run.add("finetune", twice, top1=93.0, actual_ratio=0.4)
    for parent in (root, lasso):
        run.add("prune", parent, columns=below(0.01), actual_ratio=0.1, top1=90.0)
    run.add("prune", root, columns={"prune_type": "weight", "method": "magnitude", "pattern": "2:4"}, actual_ratio=0.5)
    for scope in ("layer", "global"):
        columns = by_ratio("weight", "magnitude", "0.50") | {"scope": scope}
        run.add("prune", root, columns=columns, actual_ratio=0.5, top1=91.0)
    return run


def test_a_line_joins_nets_that_went_through_the_same_steps(tmp_path):
    figure = draw("accuracy_vs_ratio", two_way(tmp_path), config())
    assert legend(figure) == [
        "l1", "l1, in 2 steps", "magnitude by threshold", "magnitude by threshold, after group_lasso training",
        "magnitude N:M", "magnitude layer", "magnitude", "dense",
    ]  # fmt: skip
    lines = [container.lines[0] for container in figure.axes[0].containers]
    assert [(list(line.get_xdata()), list(line.get_ydata())) for line in lines] == [
        ([20.0, 40.0], [94.0, 92.0]), ([40.0], [93.0]),
    ]  # fmt: skip
    assert len({line.get_marker() for line in lines}) == 1  # one method
    assert len({(str(line.get_linestyle()), line.get_markeredgecolor()) for line in lines}) == 2
    assert titles(figure) == ["filter_wise", "", "weight"]  # no weights were fine-tuned: no panel, its heading below
    labels = [(axes.get_ylabel().partition("\n")[0], axes.get_xlabel()) for axes in figure.axes]
    assert labels == [
        ("after fine-tuning", ""),
        ("right after pruning", "groups removed (%)"),
        ("", "weights set to zero (%)"),
    ]


def test_a_prune_type_that_was_not_published_has_no_panel_in_that_row(tmp_path):
    study = config(published="cifar100_resnet50")  # by blocks alone
    run = Run(tmp_path, model="resnet50")
    root = run.add("train", top1=90.0)
    for kind in ("depth_wise", "filter_wise", "channel_wise"):
        run.add("prune", root, columns=by_ratio(kind, "mean_abs", "0.40"), top1=50.0, actual_ratio=0.4)
    figure = draw("accuracy_vs_ratio", run, study)
    assert titles(figure) == ["depth_wise", "filter_wise", "channel_wise", ""]
    assert [axes.get_xlabel() for axes in figure.axes] == ["groups removed (%)"] * 4
    assert all(axes.containers for axes in figure.axes)


def test_one_ratio_alone_is_not_zoomed_in_on(tmp_path):
    run = Run(tmp_path)
    root = run.add("train", top1=95.0)
    for method, done in (("magnitude", 0.9), ("random", 0.90000001)):
        run.add("prune", root, columns=by_ratio("weight", method, "0.90"), top1=94.0, actual_ratio=done)
    axes = finished("accuracy_vs_ratio", run, config()).axes[0]
    assert axes.get_xlim()[0] == 0
    assert not axes.xaxis.get_offset_text().get_text() and not overlaps(axes.get_xticklabels())


def test_nets_pruned_while_they_were_trained_have_no_points_right_after_pruning(tmp_path):
    run = Run(tmp_path, backend="keras", model="mobilenet_v2")
    root = run.add("train", top1=95.0)
    for ratio in ("0.50", "0.25"):
        run.add("prune", root, columns=gradual(ratio), top1=100 - 20 * float(ratio), actual_ratio=float(ratio))
    figure = draw("accuracy_vs_ratio", run, config(published="cats_dogs_mobilenetv2"))
    assert titles(figure) == ["weight, after gradual pruning", "weight, published"]
    sign = style.of_method("magnitude")["marker"]
    assert series(figure.axes[0])[sign] == ([25.0, 50.0], [95.0, 90.0], False)
    assert series(figure.axes[1])[sign][0] == [25.0, 30.0, 50.0, 75.0]
    assert figure.axes[0].get_xlabel() == "weights set to zero (%)"
    assert legend(figure) == ["magnitude gradual", "dense"]


def test_curves_of_gradual_pruning_and_of_training_to_quantize(tmp_path):
    run = Run(tmp_path, backend="keras", model="vgg16")
    root = run.add("train", history=epochs(2.0, 1.0))
    rows = [row | {"sparsity": zeros} for row, zeros in zip(epochs(0.5, 0.4), (30.0, 50.0), strict=True)]
    run.add("prune", root, columns=gradual("0.50"), history=rows, sparsity=49.0)
    run.add("quantize", root, columns={"scheme": "qat_int8"}, history=epochs(0.7, 0.6))
    run.quantize(root, "static_int8")
    figure = draw("training_curves", run, config())
    later, zeros = figure.axes[1], figure.axes[5]
    assert {line.get_label(): list(line.get_ydata()) for line in later.lines} == {
        "weight magnitude 0.50 gradual": [0.5, 0.4],
        "dense, qat_int8": [0.7, 0.6],
    }
    assert [list(line.get_ydata()) for line in zeros.lines] == [[30.0, 50.0]]


def test_a_long_heading_is_broken_to_the_width_of_its_panel(tmp_path):
    run = Run(tmp_path, backend="keras", model="vgg16")
    root = run.add("train", history=epochs(2.0, 1.0))
    pruned = run.add("prune", root, columns=by_ratio("weight", "random", "0.90"))
    run.add("finetune", pruned, history=epochs(0.5, 0.4))
    run.add("prune", root, columns=gradual("0.50"), history=epochs(0.5, 0.4))
    run.add("quantize", root, columns={"scheme": "qat_int8"}, history=epochs(0.7, 0.6))
    axes = finished("training_curves", run, config()).axes[1]
    heading = axes.set_title(axes.get_title(loc="left"))
    assert heading.get_text().count("\n") == 1 and heading.get_text().count(";") == 2  # three kinds of training
    assert heading.get_window_extent().x1 <= axes.get_window_extent().x1


def test_filters(tmp_path):
    run = Run(tmp_path, model="cifar10_conv")
    rows = [
        {"layer": "conv1_1", "width": 2, "weights": 54, "zeros": 36, "kind": "Conv2d", "filter_zeros": [9, 27]},
        {"layer": "conv2_1", "width": 3, "weights": 54, "zeros": 0, "kind": "Conv2d"},
        {"layer": "fc1", "width": 9, "weights": 99, "zeros": 50, "kind": "Linear"},
    ]
    run.add("prune", run.add("train"), columns=below(0.01), layers=rows)
    axes = draw("filter_sparsity", run, config()).axes[0]
    shares = [mesh.get_array().ravel().tolist() for mesh in axes.collections]
    assert shares == [[pytest.approx(100 / 3), 100.0], [0.0, 0.0, 0.0]]
    assert [text.get_text() for text in axes.texts] == [" 1 of 2 dead", " 0 of 3 dead"]
    assert [list(line.get_xdata()) for line in axes.lines if line.get_marker() == "v"] == [[2]]


def test_a_study_without_convolutions_has_no_filters_to_show(tmp_path):
    run = Run(tmp_path)
    rows = [{"layer": "fc1", "width": 9, "weights": 99, "zeros": 50, "kind": "Linear"}]
    run.add("prune", run.add("train"), columns=below(0.01), layers=rows)
    assert draw("filter_sparsity", run, config()).axes == []


def sizes(tmp_path) -> Run:
    """Dense 4 MiB; pruned, quantized, both."""
    run = Run(tmp_path)
    half = {"zipped_bytes": 2 * MIB, "macs": 1000, "size_bytes": 2 * MIB}
    whole = {"zipped_bytes": 4 * MIB, "size_bytes": 4 * MIB}
    dense = run.add("train", top1=90.0, **whole)
    pruned = run.add("prune", dense, columns=by_ratio("filter_wise", "sum", "0.50"), top1=89.5, **half)
    export = run.quantize(dense, "float32")
    static = run.quantize(dense, "static_int8", top1=88.0, zipped_bytes=MIB)
    both = run.quantize(pruned, "static_int8", top1=70.0, zipped_bytes=MIB // 2)
    times = (
        (dense, dense, 4.0),
        (pruned, dense, 2.0),
        (export, export, 2.0),
        (static, export, 0.5),
        (both, export, 0.25),
    )
    run.time(
        {"node": net["node"], "baseline": base["node"], "batch_size": size, "median_ms": ms, "p90_ms": 2 * ms}
        for net, base, ms in times
        for size in (1, 64)
    )
    return run


def test_prune_or_quantize(tmp_path):
    figure = draw("prune_or_quantize", sizes(tmp_path), config())
    assert {marker: point[:2] for marker, point in series(figure.axes[0]).items()} == {
        "*": ([4.0], [90.0]), "o": ([2.0], [89.5]), "s": ([1.0], [88.0]), "D": ([0.5], [70.0]),
    }  # fmt: skip
    assert "D" not in series(figure.axes[1])
    assert legend(figure) == [
        "dense", "pruned", "quantized", "pruned + quantized", "best means so far", "top-1 of dense", "a point below it",
    ]  # fmt: skip
    (steps,) = [line for line in figure.axes[0].lines if line.get_drawstyle() == "steps-post"]
    assert list(steps.get_xdata()) == [0.5, 1.0, 2.0, 4.0]  # each larger one is better


def test_prune_or_quantize_marks_what_is_certain(tmp_path):
    run = Run(tmp_path)
    for seed, noise in enumerate((0.0, 0.2, -0.1)):
        dense = run.add("train", seed=seed, top1=90.0 + noise, zipped_bytes=4 * MIB)
        run.quantize(dense, "static_int8", top1=85.0 + 2 * noise, zipped_bytes=MIB)
        columns = by_ratio("filter_wise", "sum", "0.50")
        run.add("prune", dense, columns=columns, top1=70.0 + 3 * noise, zipped_bytes=2 * MIB, actual_ratio=0.5)
    figure = draw("prune_or_quantize", run, config(seeds=[0, 1, 2]))
    (ring,) = [line for line in figure.axes[0].lines if line.get_markersize() == 14]
    assert list(ring.get_xdata()) == [1.0, 4.0]  # dense and int8 are on the frontier
    pale = [container.lines[0] for container in figure.axes[0].containers if container.lines[0].get_alpha() == 0.35]
    assert [list(line.get_xdata()) for line in pale] == [[2.0]]  # int8 is smaller and better
    assert {"on the frontier", "dominated"} <= set(legend(figure))


def test_a_net_trained_with_a_penalty_is_not_drawn_as_the_dense_one(tmp_path):
    run = sizes(tmp_path)
    run.add("train", columns=penalised("filter_wise"), top1=85.0, zipped_bytes=3 * MIB)
    figure = draw("prune_or_quantize", run, config())
    stars = {
        line.get_markerfacecolor() == "white": (list(line.get_xdata()), list(line.get_ydata()))
        for line in figure.axes[0].lines
        if line.get_marker() == "*"
    }
    assert stars == {False: ([4.0], [90.0]), True: ([3.0], [85.0])}
    assert legend(figure)[:2] == ["dense", "dense, trained with a penalty"]


def test_prune_or_quantize_shows_the_dense_net_of_each_number_of_epochs(tmp_path):
    run = sizes(tmp_path)
    longer = run.add("finetune", json.loads(run.records[0].read_text()), top1=92.0, zipped_bytes=4 * MIB)
    for scheme in ("float32", "float16", "dynamic_int8", "static_int8"):  # as many as the nets of the shorter training
        run.quantize(longer, scheme, top1=88.0, zipped_bytes=MIB)
    figure = draw("prune_or_quantize", run, config())
    dashed = [each for each in figure.axes[0].lines if each.get_drawstyle() == "default"]
    heights = [line.get_ydata()[0] for line in dashed if line.get_linestyle() in ("--", ":")]
    assert heights == [90.0, 89.0, 92.0, 91.0]
    assert "top-1 of dense, of equal epochs" in legend(figure)


def test_measured_against_promised(tmp_path):
    run = sizes(tmp_path)
    slow = run.quantize(json.loads(run.records[0].read_text()), "dynamic_int8")
    row = {"node": slow["node"], "baseline": "s/seed0/train/quantize~float32", "batch_size": 1}
    run.time([row | {"median_ms": 4.0, "p90_ms": 5.0}], seed=1)
    figure = draw("speed_up", run, config(latency={}))
    assert titles(figure) == ["batch of 1", "batch of 64"]
    points = {
        (line.get_marker(), line.get_fillstyle()): (list(line.get_xdata()), list(line.get_ydata()))
        for line in figure.axes[0].lines
        if line.get_linestyle() == "None"
    }
    assert points == {
        ("s", "full"): ([4.0], [2.0]),
        ("o", "none"): ([1.0], [4.0]),
        ("s", "none"): ([4.0], [8.0]),
        ("o", "bottom"): ([1.0], [0.5]),
    }
    assert legend(figure) == [
        "not pruned", "filter_wise", "static_int8", "dynamic_int8", "as promised", "as fast as dense",
    ]  # fmt: skip
    fills = {handle.get_label(): handle.get_fillstyle() for handle in figure.legends[0].legend_handles}
    assert (fills["filter_wise"], fills["static_int8"], fills["dynamic_int8"]) == ("full", "none", "bottom")


def test_points_stand_where_they_were_measured_with_their_intervals(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    pruned = run.add("prune", dense, columns=by_ratio("weight", "magnitude", "0.50"))
    export, fast, both = (
        run.quantize(net, scheme)
        for net, scheme in ((dense, "float32"), (dense, "static_int8"), (pruned, "static_int8"))
    )
    row = {"baseline": export["node"], "batch_size": 1, "p90_ms": 9.0}
    ends = {"ratio_low": 3.8, "ratio_high": 4.3}
    run.time(
        [row | ends | {"node": net["node"], "median_ms": ms} for net, ms in ((export, 4.0), (fast, 1.0), (both, 1.01))]
    )
    axes = draw("speed_up", run, config(latency={})).axes[0]
    assert {line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "None"} == {1.0}
    bars = [container.lines[2][0].get_segments()[0][:, 1].tolist() for container in axes.containers]
    assert bars[0] == pytest.approx([3.8, 4.3])


def test_each_runtime_has_its_baseline(tmp_path):
    figure = draw("latency", sizes(tmp_path), config(latency={}))
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "dense  (PyTorch)", "filter_wise sum 0.50  (PyTorch)", "dense, float32 export  (ONNX Runtime)",
        "dense, static_int8  (ONNX Runtime)", "filter_wise sum 0.50, static_int8  (ONNX Runtime)",
    ]  # fmt: skip
    lines = [(line.get_xdata()[0], list(line.get_ydata())) for line in axes.lines if line.get_color() == "#444444"]
    assert lines == [(4.0, [-0.4, 1.4]), (2.0, [1.6, 4.4])]
    assert axes.get_xscale() == "log"  # 8 ms against 0.25


def test_series_differ_in_marker_and_line_not_only_in_colour():
    looks = list(style.styles("abcdefgh").values())
    assert len({look["marker"] for look in looks}) == len({str(look["linestyle"]) for look in looks}) == 8
    many = style.styles("abcdefghijklmnopqrstuvwx").values()
    assert len({(look["marker"], str(look["linestyle"])) for look in many}) == 24


def words(figure):
    """The texts of a figure, but the labels of ticks that are not in the picture."""
    yield figure._suptitle
    for axes in figure.axes:
        yield from (axes.set_title(axes.get_title(loc="left")), axes.xaxis.label, axes.yaxis.label, *axes.texts)
        (left, right), (low, high) = sorted(axes.get_xlim()), sorted(axes.get_ylim())
        yield from (text for text in axes.get_xticklabels() if left <= text.get_position()[0] <= right)
        yield from (text for text in axes.get_yticklabels() if low <= text.get_position()[1] <= high)
    for box in (*figure.legends, *(axes.get_legend() for axes in figure.axes)):
        yield from box.get_texts() if box else ()


@pytest.mark.parametrize(
    "name", ["accuracy_vs_ratio", "accuracy_vs_macs", "layer_widths", "training_curves", "prune_or_quantize"]
)
def test_nothing_lies_outside_the_picture_or_on_other_words(tmp_path, name):
    run = Run(tmp_path)
    run.add("train", layers=layers(*[64] * 16), history=epochs(2.0, 1.0))
    for kind in ("filter_wise", "channel_wise", "filter_and_channel_wise"):
        root = run.add("train", columns=penalised(kind), history=epochs(2.0, 1.0))
        for method in ("group_lasso", "mean_abs", "mean", "sum_abs", "sum"):
            prune, counts = by_ratio(kind, method, "0.20"), {"actual_ratio": 0.2}
            pruned = run.add("prune", root, columns=prune, layers=layers(*[32] * 16), top1=50.0, **counts)
            run.add("finetune", pruned, history=epochs(2.0, 1.0), **counts)
    figure = finished(name, run, config(published="cifar100_vgg16_bn"))
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert height <= 7
    assert not overlaps(text for text in words(figure) if not text.get_rotation() % 90)
    assert box.x0 >= -0.01 and box.y0 >= -0.01 and box.x1 <= width + 0.01 and box.y1 <= height + 0.01


def test_a_title_of_the_config_is_no_formula(tmp_path):
    figure = draw("accuracy_vs_ratio", vgg(tmp_path), config())
    title = r"from $5_$ to \$6 $\frac$"
    style.titled(figure, title, "a; b")
    figure.savefig(tmp_path / "a.svg")
    assert figure._suptitle.get_text().splitlines()[0] == title


def test_an_svg_file_is_a_picture_with_a_title_whose_words_are_text(tmp_path):
    study = config(title='Pruned & "quantized" <nets>')
    figures.draw("accuracy_vs_ratio", vgg(tmp_path).collect(), study, tmp_path / "a.svg")
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img" and root.get("aria-label").startswith('Pruned & "quantized" <nets>: Accuracy')
    assert root.find(f"{space}title").text == root.get("aria-label")
    words = {"".join(text.itertext()) for text in root.iter(f"{space}text")}
    assert {"filter_wise", "mean_abs", "groups removed (%)"} <= words


def test_the_same_table_gives_the_same_file(tmp_path):
    folder = vgg(tmp_path).collect()
    for out in ("a.svg", "b.svg"):
        figures.draw("accuracy_vs_ratio", folder, config(), tmp_path / out)
    first = (tmp_path / "a.svg").read_bytes()
    assert first == (tmp_path / "b.svg").read_bytes() and b"<dc:date>" not in first
    figures.draw("accuracy_vs_ratio", folder, config(), tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
