"""The configs in config/ plan what they say. Counted by hand; nothing is trained and no data set is needed."""

import shutil

import pytest
from project import PROJECT

SEEDS = 3
COUNTS = {
    # VGG16-BN: dense and three penalised; 15 published rows and random at three ratios. ResNet50: dense and penalised;
    # 4 rows, random three times. CIFAR-10 in PyTorch: plain and group lasso, a threshold on each, filters. Penalised
    # nets trained on without pruning: 3, 1 and 1. ImageNet weights of four nets.
    "published": {
        "fetch_weights": 4,
        "train": SEEDS * ((4 + 2 + 2) + (2 + 1 + 1 + 1)),
        "prune": SEEDS * ((15 + 3 + 4 + 3 + 1 + 2) + (2 * 20 + 2 + 4 + 1)),
        "finetune": SEEDS * ((15 + 3 + 1 + 4 + 3 + 1 + 1 + 1) + (1 + 1) + (3 + 1 + 1)),
        "quantize": SEEDS * (5 + 2),
        "measure_latency": SEEDS * 2,
    },
    # Two initialisations, one with two recipes, 20 sparsities each; of the last random choice 2 x 2 and a global
    # threshold 3, the dense net and two pruned ones trained on, these by two schedules and from scratch; 3 schemes.
    "mnist": {
        "train": SEEDS * 3, "prune": SEEDS * (3 * 20 + 4 + 3),
        "finetune": SEEDS * (1 + 2 * 2), "scratch": SEEDS * 2,
        "quantize": SEEDS * 3, "measure_latency": SEEDS,
    },
    # Keras: 3 gradual, 2 at once; those and the dense one trained on, one from scratch; 3 + 2 schemes.
    # PyTorch: plain and group lasso, a threshold on each, filters; both trained on; 3 schemes. And one that overfits.
    "cifar10": {
        "train": 1 + 2 + 1, "prune": (3 + 2) + 3, "finetune": (1 + 2) + 3,
        "scratch": 1, "quantize": (3 + 2) + 3, "measure_latency": 1 + 1,
    },
    # Dense and penalised; four published filter-wise rows and two of other types, random three times, weights; all of
    # them trained on, and the two unpruned nets; one rewound, one from scratch; 3 + 2 schemes.
    "cifar100": {
        "train": 2, "prune": 4 + 2 + 3 + 1, "finetune": 4 + 2 + 3 + 1 + 2 + 1, "scratch": 1,
        "quantize": 3 + 2, "measure_latency": 1,
    },
    # Four scores at four costs, all trained on, and the dense net; two of them rewound, and from scratch; 2 schemes of
    # each of three nets.
    "cifar100_methods": {
        "train": SEEDS, "prune": SEEDS * 16, "finetune": SEEDS * (16 + 1 + 2), "scratch": SEEDS * 2,
        "quantize": SEEDS * (2 + 2 * 2), "measure_latency": SEEDS,
    },
    # Five structured scores at seven costs, five unstructured ones at five; all trained on, two scores rewound too, and
    # the dense net both ways; from scratch twice of the structured, once of the unstructured.
    "fair": {
        "train": SEEDS, "prune": SEEDS * (5 * 7 + 5 * 5), "finetune": SEEDS * (5 * 7 + 5 * 5 + 2 * 5 + 2),
        "scratch": SEEDS * (2 * 5 + 5), "quantize": SEEDS * (2 + 3 * 2), "measure_latency": SEEDS,
    },
    # MobileNetV2: 4 gradual, 2 at once; 3 + 2 schemes. VGG16: 1 gradual, 2 at once; 5 + 2 + 3.
    "cats_dogs": {
        "train": 2, "prune": (4 + 2) + (1 + 2), "finetune": (2 + 1) + (2 + 1),
        "quantize": (3 + 2) + (5 + 2 + 3), "measure_latency": 2,
    },
    # MobileNetV2: 4 gradual, the dense one trained on; 4 schemes and QAT of that, 2 schemes of two pruned nets.
    "cats_dogs_imagenet": {
        "fetch_weights": 1, "train": SEEDS, "prune": SEEDS * 4, "finetune": SEEDS,
        "quantize": SEEDS * (4 + 1 + 2 * 2), "measure_latency": SEEDS,
    },
    # VGG16: 1 gradual, the dense one trained on; 4 schemes and QAT of the dense net, 2 schemes of the pruned one.
    "cats_dogs_vgg16_imagenet": {
        "fetch_weights": 1, "train": SEEDS, "prune": SEEDS, "finetune": SEEDS, "quantize": SEEDS * (4 + 1 + 2),
        "measure_latency": SEEDS,
    },
}  # fmt: skip
REPORT = {
    "prepare_dataset", "collect_records", "count_published", "collect_run", "draw_figure", "make_table",
    "make_run_table", "make_runtime_table", "write_choose", "write_overview", "write_study",
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_a_preset_plans_these_jobs(project, name):
    shutil.copytree(PROJECT / "config", project.folder / "config")
    planned = project.planned("--configfile", f"config/{name}.yaml")
    nets = sum(n for rule, n in COUNTS[name].items() if rule not in ("measure_latency", "fetch_weights"))
    counted = {rule: n for rule, n in planned.items() if rule not in REPORT}
    assert counted == COUNTS[name] | {"measure": nets}


def test_every_preset_is_counted():
    presets = {path.stem for path in (PROJECT / "config").glob("*.yaml") if not path.is_symlink()}
    assert presets == set(COUNTS)
