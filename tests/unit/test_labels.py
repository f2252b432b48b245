"""What nets and set-ups are called."""

import pytest
from a_run import Run, below, by_ratio, config, gradual, penalised

from espalier.analysis import labels, tidy


@pytest.mark.parametrize(
    "columns, name",
    [
        ({"prune_type": "weight", "method": "magnitude", "pattern": "2:4"}, "weight magnitude 2:4"),
        (below(1e-3, "filter_wise", "max_abs"), "filter_wise max_abs below 0.001"),
        (by_ratio("weight", "magnitude", "0.50") | {"scope": "global"}, "weight magnitude 0.50"),
        (by_ratio("weight", "magnitude", "0.50") | {"scope": "layer"}, "weight magnitude 0.50 layer"),
        (
            by_ratio("weight", "magnitude", "0.50") | {"scope": "global", "backend": "keras"},
            "weight magnitude 0.50 global",
        ),
        (by_ratio("weight", "magnitude", "0.50") | {"scope": "layer", "backend": "keras"}, "weight magnitude 0.50"),
        (by_ratio("filter_wise", "l1", "0.5") | {"scope": "global"}, "filter_wise l1 0.50 global"),
        (by_ratio("filter_wise", "l1", "0.5") | {"scope": "layer"}, "filter_wise l1 0.50"),  # as it was published
        (by_ratio("filter_wise", "taylor", "0.5") | {"scope": "global"}, "filter_wise taylor 0.50"),
        (by_ratio("filter_wise", "taylor", "0.5") | {"scope": "layer"}, "filter_wise taylor 0.50 layer"),
        (gradual("0.50"), "weight magnitude 0.50 gradual"),
        ({"prune_type": "depth_wise", "method": "mean_abs", "blocks": 1}, "depth_wise mean_abs 1 block"),
    ],
)
def test_names_of_pruned_nets(columns, name):
    assert labels.pruning_label(dict.fromkeys(tidy.ID) | {"backend": "pytorch"} | columns) == name


def test_names_of_quantized_nets_and_of_fine_tuned_nets(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train", columns=penalised("filter_wise"))
    run.quantize(run.add("finetune", dense), "dynamic_int8")
    run.quantize(run.add("prune", dense, columns=below(0.01)), "static_int8")
    rows = run.load().results
    assert labels.net_names(rows) == [
        "l2_groups filter_wise",
        "l2_groups filter_wise, fine-tuned",
        "l2_groups filter_wise, fine-tuned, dynamic_int8",
        "weight magnitude below 0.01, l2_groups filter_wise training",
        "weight magnitude below 0.01, l2_groups filter_wise training, static_int8",
    ]
    assert [labels.runtime_of(row) for _, row in rows.iterrows()] == [
        "PyTorch", "PyTorch", "ONNX Runtime", "PyTorch", "ONNX Runtime",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "variant, amounts, way",
    [
        ("train~l2_groups~fw/prune~fw~sum~0.40/finetune~epochs=9", True, "train/prune~*~sum~0.40/finetune~epochs=9"),
        ("train~l2_groups~fw/prune~fw~sum~0.40/finetune", False, "train/prune~*~sum/finetune"),
        ("train/prune~fw~max_abs~threshold=0.001", False, "train/prune~*~max_abs"),
        ("train/prune~fw~max_abs~1e-05", False, "train/prune~*~max_abs"),
        ("train/prune~fw~magnitude~2:4", False, "train/prune~*~magnitude"),
        ("train~batch_size=32/prune~fw~l1~0.5", False, "train~batch_size=32/prune~*~l1"),
    ],
)
def test_ways(variant, amounts, way):
    assert labels.way_of({"variant": variant, "prune_type": "fw"}, amounts) == way


def test_a_dense_net_that_was_rewound_is_called_so(tmp_path):
    run = Run(tmp_path)
    dense = run.add("train")
    run.add("finetune", dense)
    run.add("finetune", dense, name="rewind=true", columns={"retraining": "rewind"})
    rows = run.load().results
    assert labels.net_names(rows) == ["dense", "dense, fine-tuned", "dense, rewound"]


def test_what_was_chosen_by_the_test_images_is_remarked():
    remarks = [labels.remark_on({"select": select}) for select in ("last", "best_validation", "best_test", None)]
    assert remarks == [None, None, "best epoch on test", None]


def test_set_up_in_one_line():
    line = labels.setup_line(config(model={"name": "vgg16_bn", "width": 0.25}, seeds=[0, 1, 2]))
    assert line == (
        "digits at 32x32x3; vgg16_bn at 0.25 of its width; 6 epochs of training, 3 of fine-tuning; "
        "initial weights random, not pretrained; seeds 0, 1, 2 (n=3)"
    )
    assert "fine-tuning" not in labels.setup_line(config(chains=[["train", {"prune": {}}]]))


IMAGENET = {"name": "vgg16", "width": 1.0, "weights": "imagenet"}


def test_set_up_names_the_weights_that_were_really_used(tmp_path):
    run = Run(tmp_path, weights="imagenet")
    run.add("train")
    study = config(model=IMAGENET)
    assert "training, 3 of fine-tuning; ImageNet weights; seed 0" in labels.setup_line(study, run.load().results)
    run = Run(tmp_path / "without", weights="imagenet")
    root = run.add("train", columns={"weights": "random"})  # the config asked for others
    run.add("prune", root, columns=by_ratio("weight", "magnitude", "0.50") | {"weights": "imagenet"})
    results = run.load().results
    assert results["weights"].tolist() == ["random", "random"]
    said = "random initial weights: ImageNet weights could not be had"
    assert said in labels.setup_line(study, results)
    assert "initial weights random, not pretrained" in labels.setup_line(config(), results)


def test_set_up_before_there_are_results_says_what_is_asked_for():
    assert "; ImageNet weights; " in labels.setup_line(config(model=IMAGENET))
    study = config(model=IMAGENET | {"fallback": "random"})
    assert "; ImageNet weights (random ones, if they cannot be had); " in labels.setup_line(study)


def test_set_up_names_the_classes_where_not_all_are_used():
    data = {"name": "digits", "size": 48, "channels": 3, "classes": ["0", "1"]}
    assert labels.setup_line(config(dataset=data)).startswith("digits, classes 0 and 1 at 48x48x3; ")
    assert labels.data_name(data | {"classes": ["0", "1", "7"]}) == "digits, classes 0, 1 and 7"


def test_set_up_names_the_number_of_test_images_where_it_is_known(tmp_path):
    run = Run(tmp_path)
    run.add("train", test_images=360)
    assert "smoke test: accuracies of 360 test images; seed 0 (n=1)" in labels.setup_line(config(), run.load().results)


def test_set_up_says_how_epochs_were_chosen_if_it_is_not_the_last(tmp_path):
    best = {"best_validation": "the best epoch on validation images", "best_test": "the best epoch on the test images"}
    for select, words in best.items():
        study = config(train={"epochs": 6, "select": select})
        assert f"; {words}; " in labels.setup_line(study)
        run = Run(tmp_path / select, select=select)
        dense = run.add("train")
        assert f"; {words}; " in labels.setup_line(study, run.load().results)
        run.add("finetune", dense, columns={"select": "last"})
        assert f"; {words} (some nets); " in labels.setup_line(study, run.load().results)
    assert "best" not in labels.setup_line(config(train={"epochs": 6, "select": "last"}))
