"""The published studies: how each was set up, and what the rows and columns of its CSV files are in a run's results.

The CSV files are in report/published/; its README says what their columns really mean. Another study that has published
figures is one more entry of STUDIES.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from espalier.analysis.tidy import MIB


@dataclass(frozen=True)
class Setup:
    """What must be the same for two accuracies to be comparable. None: the source does not say."""

    data: str
    resolution: int
    epochs: int | None
    weights: str | None
    width: float
    coefficient: float | None = None  # of the penalty, where there is one
    model: str | None = None
    selection: str | None = None  # `select`: which epoch's weights a training ended with, as in the recipe


@dataclass(frozen=True)
class Value:
    """A published column: `scale` times it is the column `result` of a run's results. of_machine: whether it is a time,
    which on another machine is another."""

    name: str
    result: str
    title: str
    digits: int
    scale: float = 1.0
    of_machine: bool = False


@dataclass(frozen=True)
class Rows:
    """The published rows of one CSV file, in the words of a run's results.

    read: the file as it is -> one row per published result, its keys named like the columns of results.csv.
    keys: the columns that a published row and a result must share, next to `where`, which holds for all rows.
    values: the columns to compare; `before` of them are those of the dense net that a row comes from.
    """

    file: str
    kind: str
    read: Callable[[pd.DataFrame], pd.DataFrame]
    where: dict[str, str]
    keys: tuple[str, ...]
    values: tuple[Value, ...]
    before: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Published:
    """A published study."""

    title: str
    setup: Setup
    rows: tuple[Rows, ...]
    note: str = ""  # what a reader of its figures must know
    test_images: int | None = None  # that its accuracies were measured on
    layers: str = ""  # the CSV file that counts zeros by layer, if there is one


# "FLOPs" of the CIFAR-100 tables are multiply-accumulates by an old count, "model size/MB" are millions of
# parameters (report/published/README.md).

_FLOPS = Value("flops_g", "published_macs", "FLOPs, as published (G)", 2, 1e9)
_PARAMS = Value("params_m", "params", "Parameters (M)", 2, 1e6)
_FLOPS_BEFORE = Value("flops_g_before", "published_macs", "FLOPs before (G)", 2, 1e9)
_PARAMS_BEFORE = Value("params_m_before", "params", "Parameters before (M)", 2, 1e6)
_TOP1 = Value("top1", "top1", "Top-1 (%)", 2)
_TOP5 = Value("top5", "top5", "Top-5 (%)", 2)
_ACTUAL_RATIO = Value("actual_ratio", "actual_ratio", "Ratio done", 4)


def _trainings(arch: str) -> Rows:
    def read(table: pd.DataFrame) -> pd.DataFrame:
        table = table[table["arch"] == arch]
        plain = table["regularization"] == "none"
        penalty = pd.Series("l2_groups", table.index).mask(plain)
        return table.assign(penalty=penalty, penalty_type=table["regularization"].mask(plain))

    keys = ("penalty", "penalty_type")
    return Rows("cifar100_training.csv", "training", read, {"step": "train"}, keys, (_FLOPS, _PARAMS, _TOP1, _TOP5))


def _pruned(arch: str, amount: str) -> Rows:
    def read(table: pd.DataFrame) -> pd.DataFrame:
        table = table[table["arch"] == arch].rename(columns={"ratio": amount})
        # What plots are drawn against: the share of groups removed. For blocks it is not published: N of 16.
        share = table["actual_ratio"] if amount == "ratio" else table[amount].astype(float) / 16
        return table.assign(penalty="l2_groups", penalty_type=table["prune_type"], share=share)

    return Rows(
        "cifar100_pruning.csv",
        "pruning",
        read,
        {"chain": "train > prune > finetune", "retraining": "finetune"},
        ("penalty", "penalty_type", "prune_type", "method", amount),
        (_ACTUAL_RATIO, _FLOPS, _PARAMS, _TOP1, _TOP5),
        (_FLOPS_BEFORE, _PARAMS_BEFORE),
    )


def _mnist_curves(table: pd.DataFrame) -> pd.DataFrame:
    """The two curves of the document, one row per point."""
    curves = [
        pd.DataFrame(
            {"prune_type": kind, "method": method, "ratio": table["sparsity"], "top1": table[f"{kind}_accuracy"]}
        )
        for kind, method in (("weight", "magnitude"), ("unit", "l2"))
    ]
    curves = pd.concat(curves, ignore_index=True)
    return curves.assign(scope="layer", share=curves["ratio"].astype(float))


_SIZE = Value("size_mb", "h5_bytes", "File (MiB)", 2, MIB)
_FILE = replace(_SIZE, result="size_bytes")  # of a quantized net: the file itself, no .h5
_WRAPPED = replace(_SIZE, result="wrapped_bytes")
_ZIPPED = Value("zipped_mb", "h5_zipped_bytes", "File, zipped (MiB)", 2, MIB)
_LOSS = Value("test_loss", "test_loss", "Test loss", 4)
_MS = Value("ms_per_image", "ms_per_image", "Time for one image (ms)", 1, of_machine=True)
_GRADUAL = {"prune_type": "weight", "method": "magnitude", "schedule": "gradual"}


def _cifar10_weights(which: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The row of the pruned or of the unpruned net."""
    pruned = _GRADUAL if which == "pruned" else {}
    return lambda table: table[table["model"] == which].rename(columns={"test_accuracy": "top1"}).assign(**pruned)


def _cifar10_trainings(table: pd.DataFrame) -> pd.DataFrame:
    plain = table["penalty"] == "none"
    return table.rename(columns={"test_accuracy": "top1"}).assign(penalty=table["penalty"].mask(plain))


def _cifar10_sparse(table: pd.DataFrame) -> pd.DataFrame:
    """The counts of all layers together, a row for each run."""
    table = table[table["layer"] == "all"]
    done = {"penalty": "group_lasso", "penalty_type": "filter_wise", "prune_type": "weight", "method": "magnitude"}
    return table.assign(sparsity=100 * table["sparse"] / table["total"], params_m=table["total"] / 1e6, **done)


def _cats_dogs(table: pd.DataFrame) -> pd.DataFrame:
    """Nets pruned to a final sparsity while they were trained; one of 0 is the dense net."""
    table = table.rename(columns={"final_sparsity": "ratio", "validation_accuracy": "top1"})
    return table.assign(share=table["ratio"].astype(float), **_GRADUAL)


def _cats_dogs_dense(table: pd.DataFrame) -> pd.DataFrame:
    table = table.rename(columns={"validation_accuracy": "top1"})
    return table[table["final_sparsity"].astype(float) == 0]


def _cats_dogs_pruned(table: pd.DataFrame) -> pd.DataFrame:
    return _cats_dogs(table[table["final_sparsity"].astype(float) > 0])


def _cats_dogs_quantized(table: pd.DataFrame) -> pd.DataFrame:
    """Run 1 quantized the dense net, run 2 the pruned one: it starts from the accuracy printed for that."""
    table = table.rename(columns={"tflite_mb": "size_mb", "validation_accuracy": "top1"})
    schemes = {"none": "float32", "dynamic_range": "dynamic_int8", "float16": "float16"}
    pruned = table["run"] == "2"
    chain = pd.Series("train > quantize", table.index).mask(pruned, "train > prune > quantize")
    columns = {key: pd.Series(value, table.index).where(pruned) for key, value in (_GRADUAL | {"ratio": "0.9"}).items()}
    return table.assign(scheme=table["scheme"].map(schemes), chain=chain, **columns)


_CIFAR100_NOTE = (
    "Published FLOPs are multiply-accumulates at 224x224 as an old version of thop counted them; published model sizes "
    "are millions of parameters. The same count is used for both columns here. One run of one seed was published, its "
    "best epoch chosen on the test set."
)
_VGG = Setup("cifar100", 224, 100, "imagenet", 1.0, 1e-5, "vgg16_bn", "best_test")
_RESNET = replace(_VGG, model="resnet50")

STUDIES = {
    "cifar100_vgg16_bn": Published(
        "VGG16-BN on CIFAR-100: filters, channels, or both, pruned by importance scores",
        _VGG,
        (_trainings("vgg16_bn"), _pruned("vgg16_bn", "ratio")),
        _CIFAR100_NOTE
        + " filter_wise and channel_wise training were published with identical accuracies: their penalty is "
        "the same sum of squares. The published 40 % row of filter_wise with 58.71 % done is the 60 % row.",
        10_000,
    ),
    "cifar100_resnet50": Published(
        "ResNet50 on CIFAR-100: whole residual blocks removed",
        _RESNET,
        (_trainings("resnet50"), _pruned("resnet50", "blocks")),
        _CIFAR100_NOTE + " The published depth_wise penalty never reached the gradient: its row equals the dense one. "
        "The share of blocks done was not published.",
        10_000,
    ),
    "mnist_mlp": Published(
        "An MLP on MNIST: single weights against whole units",
        Setup("mnist", 28, None, "random", 1.0, model="mlp"),
        (
            Rows(
                "mnist_weight_vs_unit.csv",
                "pruning",
                _mnist_curves,
                {"chain": "train > prune"},
                ("prune_type", "method", "scope", "ratio"),
                (_TOP1,),
            ),
        ),
        "The document prints neither the sizes of its layers, nor its epochs, nor its initial weights: the net is the "
        "usual one of this exercise, and each published point stands beside every initialisation that was run. "
        "Published are weights pruned by magnitude and units by their l2 norm, each layer by itself.",
        10_000,
    ),
    "cifar10_cnn": Published(
        "A conv net on CIFAR-10 in Keras: weights pruned while it is trained",
        Setup("cifar10", 32, None, "random", 1.0, model="cifar10_cnn"),
        (
            Rows(
                "cifar10_weight_pruning.csv",
                "training",
                _cifar10_weights("unpruned"),
                {"chain": "train"},
                (),
                (_SIZE, _ZIPPED, _LOSS, _TOP1),
            ),
            Rows(
                "cifar10_weight_pruning.csv",
                "pruning",
                _cifar10_weights("pruned"),
                {"chain": "train > prune"},
                ("prune_type", "method", "schedule"),
                (_WRAPPED, _ZIPPED, _LOSS, _TOP1),
            ),
        ),
        "The published pruned file of 16.28 MiB still held the training wrappers and the optimizer: the file before "
        "both are stripped stands beside it here. All other sizes here are of .h5 files without wrappers and "
        "optimizer, in MiB. Neither the final sparsity nor the layers nor the epochs were published: the published row "
        "stands beside every sparsity that was run.",
        10_000,
    ),
    "cifar10_conv": Published(
        "A conv net on CIFAR-10 in PyTorch: group lasso over filters, then weights under a threshold counted as zero",
        Setup("cifar10", 32, None, "random", 1.0, model="cifar10_conv"),
        (
            Rows(
                "cifar10_filter_training.csv",
                "training",
                _cifar10_trainings,
                {"chain": "train"},
                ("penalty", "penalty_type"),
                (_LOSS, _TOP1),
            ),
            Rows(
                "cifar10_filter_pruning.csv",
                "pruning",
                _cifar10_sparse,
                {"chain": "train > prune"},
                ("penalty", "penalty_type", "prune_type", "method"),
                (Value("sparsity", "sparsity", "Weights that are zero (%)", 3), _PARAMS),
            ),
        ),
        "Two listings of zeros were published, of the net with group lasso. Neither threshold nor coefficient nor "
        "epochs are printed. The accuracy printed for the net with group lasso, 64.062, is that of one batch of 128 "
        "images; the 50,000 images of the other are called the test set. Zeros by layer are in the table of sparse "
        "weights.",
        50_000,
        "cifar10_filter_pruning.csv",
    ),
    "cats_dogs_mobilenetv2": Published(
        "MobileNetV2 on cats and dogs: pruned to four sparsities while it is trained",
        Setup("cats_vs_dogs", 96, 10, "imagenet", 1.0, model="mobilenet_v2"),
        (
            Rows(
                "cats_vs_dogs_mobilenetv2_pruning.csv",
                "pruning",
                _cats_dogs,
                {"chain": "train > prune"},
                ("prune_type", "method", "schedule", "ratio"),
                (_ZIPPED, _TOP1),
            ),
        ),
        "The published sizes are of zipped .h5 files without the optimizer, in MiB. Accuracies are of 1,000 validation "
        "photographs, as printed; of the dense net none is. The row of 0.30 is called the original setting there.",
        1_000,
    ),
    "cats_dogs_vgg16": Published(
        "VGG16 on cats and dogs: pruned to 0.9 while it is trained, and quantized",
        Setup("cats_vs_dogs", 150, 15, "imagenet", 1.0, model="vgg16"),
        (
            Rows(
                "cats_vs_dogs_vgg16_pruning.csv",
                "training",
                _cats_dogs_dense,
                {"chain": "train"},
                (),
                (_SIZE, _ZIPPED, _TOP1),
            ),
            Rows(
                "cats_vs_dogs_vgg16_pruning.csv",
                "pruning",
                _cats_dogs_pruned,
                {"chain": "train > prune"},
                ("prune_type", "method", "schedule", "ratio"),
                (_SIZE, _ZIPPED, _TOP1),
            ),
            Rows(
                "cats_vs_dogs_vgg16_quantization.csv",
                "quantization",
                _cats_dogs_quantized,
                {"step": "quantize"},
                ("chain", "prune_type", "method", "schedule", "ratio", "scheme"),
                (_FILE, _TOP1, _MS),
            ),
        ),
        "Sizes are MiB: of .h5 files without the optimizer, of quantized nets of TFLite files. Run 2 of the "
        "quantization starts from the accuracy that is printed for the pruned net, 90.10, and so stands beside the "
        "pruned net here. Times were published without processor and threads, and those of another machine are no "
        "times of this one. The document prints 0.9010 for the original too and says that this is wrong.",
        1_000,
    ),
}
