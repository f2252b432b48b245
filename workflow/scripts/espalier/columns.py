"""The columns of a node, once: how the grid, the records, the tidy tables and the docs know a node and its numbers.

A column that is added here is a column of the grid, a key that every record must have, a column of `results.csv`, and a
row of the tables in docs/outputs.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass

MIB = 2**20  # bytes


@dataclass(frozen=True)
class Column:
    """One column: its name, the Python type of its values, and what it says, with the unit."""

    name: str
    type: type[str] | type[int] | type[float] | type[bool] | type[list]  # a list holds whole numbers
    text: str
    _: KW_ONLY
    allowed: tuple[str, ...] = ()  # the only values that there are; empty: any
    optional: bool = False  # of a node: null where it does not apply; of what was measured: left out
    sparse: bool = False  # of a node: left out where it does not apply, so that other nodes stay what they were
    minimum: float | None = None
    maximum: float | None = None


def names(columns: Iterable[Column]) -> tuple[str, ...]:
    """The names of columns, in their order.

    >>> names(NODE[:4])
    ('node', 'parent', 'study', 'seed')
    """
    return tuple(column.name for column in columns)


def numbers(columns: Iterable[Column]) -> set[str]:
    """The names of the columns that hold numbers; the others hold text, also `ratio`, which stays as it was given.

    >>> sorted(numbers(NODE))
    ['blocks', 'coefficient', 'epochs', 'seed', 'threshold', 'width']
    """
    return {column.name for column in columns if column.type in (int, float)}


# What a node is. A step inherits the values of its parent and changes those that it is about.
NODE = (
    Column("node", str, "Folder of the node under results/models."),
    Column("parent", str, "The node that the last step started from; none of a training from new weights.",
           optional=True),
    Column("study", str, "Name of the study in the config."),
    Column("seed", int, "The study's seed."),
    Column("step", str, "Kind of the last step."),
    Column("chain", str, "Kinds of all steps, joined by ' > '."),
    Column("label", str, "The node in words."),
    Column("backend", str, "The framework.", allowed=("pytorch", "keras")),
    Column("dataset", str, "Folder of the prepared data set: name_height x width x channels."),
    Column("model", str, "Registered name of the architecture."),
    Column("width", float, "Share of the architecture's channels that the dense net has."),
    Column("weights", str, "Weights that the chain really started from; file: of the user's own.",
           allowed=("random", "imagenet", "file")),
    Column("epochs", int, "Epochs of the last training step.", optional=True),
    Column("select", str, "Epoch whose weights the last training step kept; best_test if any step before chose by the "
           "test images.", allowed=("last", "best_validation", "best_test"), optional=True),
    Column("init", str, "Distribution of the initial weights, with its options.", optional=True),
    Column("penalty", str, "Penalty that was added to the loss.", optional=True),
    Column("penalty_type", str, "Prune type whose groups the penalty sums over.", optional=True),
    Column("coefficient", float, "Factor of the penalty in the loss.", optional=True),
    Column("prune_type", str, "What the last pruning removed.", optional=True),
    Column("method", str, "Importance score that the last pruning went by.", optional=True),
    Column("scope", str, "One ranking of the whole net, or one in each layer. normalized: one of the whole net, by "
           "scores that were divided by their layer's mean; erk: one in each layer, with a share by its shape.",
           allowed=("global", "layer", "normalized", "erk"), optional=True),
    Column("ratio", str, "Share of the groups that was asked to go, as text with two or more decimals.",
           optional=True),
    Column("blocks", int, "Number of residual blocks that was asked to go.", optional=True),
    Column("threshold", float, "Groups with a lower score went.", optional=True),
    Column("pattern", str, "N:M: N of each M weights were kept.", optional=True),
    Column("asked", str, "What was asked to be left of the dense net, where the last pruning was given no ratio, "
           "blocks, threshold or pattern: `macs 0.50`.", optional=True, sparse=True),
    Column("schedule", str, "gradual: pruned during training.", allowed=("gradual",), optional=True),
    Column("retraining", str, "How the net was trained after its last pruning (a dense net: after its training): "
           "rewind is fine-tuning with the learning rates of the training, rewind_weights is that with its "
           "weights too, scratch is training from new weights.",
           optional=True),
    Column("budget", str, "What a training from scratch has as many of as the dense net's training.",
           allowed=("epochs", "flops"), optional=True),
    Column("scheme", str, "How the net was quantized; float32 is an export without quantization.", optional=True),
)  # fmt: skip

# What was measured of a net, on the file read back from disk.
MEASURED = (
    Column("top1", float, "Accuracy on the test images, percent.", minimum=0, maximum=100),
    Column("top5", float, "Share of the test images whose label is among the five likeliest classes, percent.",
           minimum=0, maximum=100),
    Column("test_loss", float, "Mean cross entropy on the test images.", minimum=0),
    Column("test_images", int, "Number of test images.", minimum=1, optional=True),
    Column("chance_top1", float, "Share of the test images that are of the commonest class, percent: what a net "
           "reaches that gives every image that class.", minimum=0, maximum=100, optional=True),
    Column("params", int, "Parameters.", minimum=1),
    Column("macs", int, "Multiply-accumulates of conv and linear layers for one image, without biases.", minimum=0),
    Column("flops", int, "Twice the MACs.", minimum=0),
    Column("published_macs", int, "The count that the CIFAR-100 study calls FLOPs.", minimum=0, optional=True),
    Column("nonzero_params", int, "Parameters that are not zero.", minimum=0),
    Column("sparsity", float, "Parameters that are zero, percent.", minimum=0, maximum=100),
    Column("size_bytes", int, "Size of the model's file.", minimum=1),
    Column("zipped_bytes", int, "Size of that file in a zip archive.", minimum=1),
    Column("actual_ratio", float, "Share of the dense net's groups that is gone.", minimum=0, maximum=1,
           optional=True),
    Column("layers_on_floor", int, "Layers that pruning cut down to the least that a layer keeps.", minimum=0,
           optional=True),
    Column("selected_epoch", int, "Epoch whose weights the net has, where the best epoch was chosen.", minimum=1,
           optional=True),
    Column("wrapped_params", int, "Parameters with the wrappers of gradual pruning (masks, thresholds).", minimum=1,
           optional=True),
    Column("wrapped_trainable_params", int, "Trainable parameters with these wrappers.", minimum=1, optional=True),
    Column("wrapped_bytes", int, "Size of the net with these wrappers and the optimizer, as .h5.", minimum=1,
           optional=True),
    Column("h5_bytes", int, "Size of a Keras net as .h5 without optimizer, the format of the published studies.",
           minimum=1, optional=True),
    Column("h5_zipped_bytes", int, "Size of that .h5 file in a zip archive.", minimum=1, optional=True),
    Column("export_difference", float, "Largest difference between outputs of the exported net and of the framework.",
           minimum=0, optional=True),
    Column("int8_operators", int, "Operators of the quantized file that compute with 8-bit weights.", minimum=0,
           optional=True),
    Column("calibration_images", int, "Training images that the ranges of activations were measured on.", minimum=1,
           optional=True),
    Column("float_layers", str, "Layers that selective quantization left in float, joined by spaces.", optional=True),
)  # fmt: skip

# One row for each layer that carries weights.
LAYERS = (
    Column("layer", str, "Name of the layer."),
    Column("width", int, "Output channels or units."),
    Column("weights", int, "Number of weights."),
    Column("zeros", int, "Weights that are zero."),
    Column("kind", str, "Class of the layer.", optional=True),
    Column("biases", int, "Number of biases.", optional=True),
    Column("bias_zeros", int, "Biases that are zero.", optional=True),
    Column("filter_zeros", list, "Zeros in each filter of a convolution that has any.", optional=True),
)

# One row for each epoch of a training. A backend may add numbers of its own (the penalty, the sparsity so far).
HISTORY = (
    Column("epoch", int, "Number of the epoch.", minimum=1),
    Column("learning_rate", float, "Learning rate of the last step of the epoch."),
    Column("train_loss", float, "Mean cross entropy on the training images, without the penalty."),
    Column("train_top1", float, "Accuracy on the training images as they were trained on, percent.", minimum=0,
           maximum=100),
    Column("validation_loss", float, "Mean cross entropy on the validation images.", optional=True),
    Column("validation_top1", float, "Accuracy on the validation images, percent.", minimum=0, maximum=100,
           optional=True),
    Column("seconds", float, "Duration of the epoch.", minimum=0),
)  # fmt: skip

# One row for each layer of a net that was pruned gradually.
SUMMARY = (
    Column("layer", str, "Name of the layer."),
    Column("kind", str, "Class of the layer."),
    Column("output_shape", str, "Shape of its output for one image."),
    Column("params", int, "Parameters."),
    Column("wrapped_params", int, "Parameters with the wrappers of gradual pruning."),
    Column("pruned", bool, "Whether gradual pruning removes weights of the layer."),
)

# One row for each timed net and batch size.
LATENCY = (
    Column("study", str, "Name of the study in the config."),
    Column("seed", int, "The study's seed."),
    Column("node", str, "The timed node."),
    Column("baseline", str, "The node whose time this one is compared with."),
    Column("threads", int, "Threads of the runtime."),
    Column("batch_size", int, "Images in a batch."),
    Column("repeats", int, "Timed calls."),
    Column("median_ms", float, "Median time of a call, milliseconds."),
    Column("p90_ms", float, "90th percentile of the times, milliseconds."),
    Column("ratio_low", float, "Lower end of the 95 % interval of the time of the baseline / that of the net, over the "
           "rounds of calls; of a baseline: of its second copy / its first.", minimum=0, optional=True),
    Column("ratio_high", float, "Upper end of that interval.", minimum=0, optional=True),
    Column("noise", float, "Factor by which the times of two copies of the baseline may differ: a smaller gain is "
           "none.", minimum=1, optional=True),
    Column("operators", str, "Of a net in ONNX Runtime or LiteRT, as JSON, what a call runs: for each kind of operator "
           "its name, what it `computes` in (int8, float32, or it only `converts`), whether it has weights, their "
           "number, and by ONNX Runtime's own profile the milliseconds they take.", optional=True),
    Column("cores", int, "Cores that the job was given: on one machine all, so that no other job ran.", optional=True),
    Column("load", float, "Processes that ran or waited on the machine in the minute before (load average).",
           minimum=0, optional=True),
)  # fmt: skip

# One row for each layer and ratio, of the dense nets of a study with `sensitivity`.
SENSITIVITY = (
    Column("node", str, "The dense net."),
    Column("prune_type", str, "What was removed."),
    Column("method", str, "Importance score that it went by."),
    Column("layer", str, "Name of the layer, the first of those that can lose channels only together."),
    Column("together", int, "Number of these layers.", minimum=1),
    Column(
        "channels",
        int,
        "Channels that can go, each with those it can only go together with; or single weights.",
        minimum=2,
    ),
    Column("ratio", float, "Share of them that was asked to go.", minimum=0, maximum=1),
    Column("removed", int, "Number of them that went.", minimum=0),
    Column("images", int, "Validation images.", minimum=1),
    Column("top1", float, "Accuracy on them without these channels, untrained, percent.", minimum=0, maximum=100),
    Column("dense_top1", float, "Accuracy of the dense net on them, percent.", minimum=0, maximum=100),
)

# Which images a net classified correctly, a row for each node and split.
OUTCOMES = (
    Column("split", str, "The images.", allowed=("test", "validation")),
    Column("images", int, "Number of images.", minimum=1),
    Column("correct", str, "A bit for each image in the order of the data set, 1 where the net is right: eight in a "
           "byte, the first one highest, bytes as two hexadecimal digits."),
    Column("calibration_error", float, "Expected calibration error (Guo et al. 2017): how far confidence and accuracy "
           "are apart, percentage points, in 15 bins of equal width.", minimum=0, maximum=100, optional=True),
    Column("agreement", float, "Share of the images that the net gives the same class as the training that it comes "
           "from, percent.", minimum=0, maximum=100, optional=True),
)  # fmt: skip

# How many test images of each class a net classified correctly, a row for each node and class.
CLASSES = (
    Column("class", str, "Name of the class."),
    Column("images", int, "Test images of that class.", minimum=1),
    Column("correct", int, "Those that the net classified correctly.", minimum=0),
)

# The files that a record is of. What a later job reads is compared with these.
FILES = (
    Column("model_sha256", str, "SHA-256 of the model's file."),
    Column("parent_sha256", str, "SHA-256 of the parent's model, as the step read it.", optional=True),
    Column("predictions_sha256", str, "SHA-256 of `predictions.npz`.", optional=True),
    Column("data_sha256", str, "SHA-256 of the images and labels, as the manifest of the data set names it."),
)

# What a job cost.
TIMING = (
    Column("seconds", float, "Duration of the job.", minimum=0),
    Column("import_seconds", float, "Of these, importing the framework.", minimum=0),
    Column("work_seconds", float, "Training, pruning or quantizing.", minimum=0),
    Column("evaluate_seconds", float, "Measuring the saved net.", minimum=0),
    Column("peak_memory_mib", float, "The most memory that the job held, MiB.", minimum=0),
    Column("threads", int, "Threads of the job.", minimum=1, optional=True),
)
