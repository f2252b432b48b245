"""Quantization of a trained net into a TFLite file, after its training or with more training.

With every scheme the file takes normalised images in float32 and returns logits in float32: the int8 nets begin with an
operator that quantizes the images and end with one that turns the logits back. A call may have any number of images.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from espalier.datasets import prepare as datasets
from espalier.datasets.prepare import Data, Split
from espalier.keras import litert, models, train
from espalier.registry import Scheme, register
from espalier.run.threads import threads
from espalier.training.calibration import Quantization, calibration
from espalier.training.recipe import KEEP_NOTHING, Keeping

COMPARED = 256  # test images on which the file's outputs are compared with Keras's
INTEGERS = ("INT8", "INT16")  # what a calibrated net computes with; activations of 16 bits go with weights of 8
TOLERANCE = 1e-4  # share of the largest output by which float32 nets may differ, since sums have another order


def quantize_model(
    out: str | Path,
    *,
    data: str | Path,
    parent: str | Path,
    dense: str | Path | None = None,
    keeping: Keeping = KEEP_NOTHING,
    **step: Any,
) -> dict[str, Any]:
    """Quantize the net in `parent` by a registered scheme and write it to `out`, a .tflite file.

    data: a prepared data set. dense: not read. step: what `Quantization` says. Weights that are zero stay zero.

    Returns {"measured": {...}} and the "history" of a training. int8_operators: convolutions and matrices whose weights
    are int8 in the file read back. calibration_images, if there are any. export_difference, of float32: the largest
    difference between what the file and what Keras gives for test images. Raises ValueError for a scheme that trains
    without a recipe, and RuntimeError if the file is not what it should be: a float32 file that differs from Keras, an
    int8 scheme without int8 operators, or a calibrated one with float ones.
    """
    quantization, prepared = Quantization.of(step, "keras"), datasets.load(data)
    scheme, net = quantization.scheme, models.load(parent)
    normalise, inner = net.get_layer("normalise"), models.bare(net)
    images, measured, details = _calibration(quantization, prepared.train, normalise), {}, {}
    if images is not None:
        measured["calibration_images"] = len(images)
    if scheme.trains:
        inner, net = _simulated(inner, normalise, images)
        details = _trained(net, inner, quantization, prepared, keeping, parent)
    Path(out).write_bytes(_converted(inner, scheme, images))
    measured |= _checked_operators(out, scheme)
    if scheme.name == "float32":
        measured["export_difference"] = _compared(out, net, prepared.test.images[:COMPARED])
    return details | {"measured": measured | details.get("measured", {})}


def _calibration(quantization: Quantization, split: Split, normalise: Any) -> np.ndarray | None:
    """The normalised images that a calibrated scheme is shown; None for others."""
    if not quantization.scheme.calibrated:
        return None
    chosen = calibration(split, quantization.calibration_images, quantization.seed)
    return np.asarray(normalise(split.images[np.sort(chosen)]))


def _trained(
    net: Any, inner: Any, quantization: Quantization, data: Data, keeping: Keeping, parent: str | Path
) -> dict[str, Any]:
    """Train a net that rounds as int8 does, in place. inner: the same net of normalised images."""
    if quantization.recipe is None:
        raise ValueError(f"{quantization.scheme.name} trains the net, so it needs a recipe")
    masks = train.zero_masks(inner)
    learner = train.Learner(net, data, quantization.recipe, quantization.seed, masks)
    return train.fit(learner, [quantization.scheme.name, quantization.calibration_images], keeping, parent)


def _checked_operators(out: str | Path, scheme: Scheme) -> dict[str, int]:
    """How many operators of the file have int8 weights. Raises RuntimeError if they are not those that the scheme is
    to make."""
    operators = litert.weighted_operators(out)
    number = sum(row["weights"] == "INT8" for row in operators)
    if scheme.int8 and not number:
        raise RuntimeError(
            f"{out} holds no int8 operator: {scheme.name} made none of the {len(operators)} that have weights. "
            "TensorFlow leaves matrices and filters of fewer than 1024 weights in float32 where it does not calibrate"
        )
    left = [row["name"] for row in operators if not (row["weights"] == "INT8" and row["output"] in INTEGERS)]
    if scheme.calibrated and left:
        raise RuntimeError(f"{out} computes in float where {scheme.name} should not: {', '.join(left)}")
    return {"int8_operators": number}


def _compared(path: str | Path, net: Any, images: np.ndarray) -> float:
    """The largest |difference| between the outputs of a float32 file and of the net it was made of."""
    expected = litert.batched(net, images)
    given = litert.predict(path, litert.batched(net.get_layer("normalise"), images), threads())
    difference, limit = abs(given - expected).max(), TOLERANCE * max(1.0, abs(expected).max())
    if not difference <= limit:
        raise RuntimeError(f"the outputs of {path} differ from Keras's by {difference:.3g}, more than {limit:.3g}")
    return float(difference)


def _simulated(inner: Any, normalise: Any, images: np.ndarray | None) -> tuple[Any, Any]:
    """The net with weights and activations rounded as int8 does (TFMOT), ready to be trained.

    inner: a net of normalised images. normalise: the layer to put before it. images: normalised images to calibrate on.
    Returns the rounding net of normalised images and the rounding net of uint8 images, which share their weights.
    """
    from espalier.keras.runtime import keras, toolkit

    keras.backend.reset_uids()  # names count up within a process, and they are in the file
    rounding = toolkit().quantization.keras.quantize_model(inner)
    _set_ranges(rounding, inner, images)
    pixels = keras.Input(inner.input_shape[1:], dtype="uint8", name="images")
    return rounding, keras.Model(pixels, rounding(normalise(pixels)), name=inner.name)


def _set_ranges(rounding: Any, inner: Any, images: np.ndarray | None) -> None:
    """Start with the range that each activation has on `images`, in place.

    TFMOT starts with -6 to 6 everywhere and moves by a thousandth at each step: a training of fewer than thousands of
    steps would cut large activations off and round small ones coarsely.
    """
    from espalier.keras.runtime import keras, tf

    if images is None:
        raise ValueError("a scheme that trains begins with the ranges of calibration images: it must be calibrated")

    def ends(activations: Any) -> Any:
        return tf.stack([tf.reduce_min(activations), tf.reduce_max(activations)])[None]

    watched = keras.Model(inner.input, {layer.name: ends(layer.output) for layer in inner.layers})
    batches = [watched(images[i : i + litert.BATCH]) for i in range(0, len(images), litert.BATCH)]
    for layer in rounding.layers:
        # TFMOT's first layer quantizes the images; it wraps the others, one by one.
        name = layer.layer.name if hasattr(layer, "layer") else inner.input_names[0]
        for variable in layer.non_trainable_variables:
            kind = variable.name.split("/")[-1].split(":")[0]
            if kind.startswith(("output_", "post_activation_", "quantize_layer_")) and name in batches[0]:
                low, high = np.concatenate([batch[name] for batch in batches]).T
                if kind.endswith("_min"):
                    variable.assign(min(low.min(), 0.0))  # zero must be among the values
                elif kind.endswith("_max"):
                    variable.assign(max(high.max(), 0.0))


def _converted(net: Any, scheme: Scheme, images: np.ndarray | None) -> bytes:
    """The TFLite file of a net of normalised images. The converter's output is not shown; its errors are raised."""
    from espalier.keras.runtime import silent, tf

    given = tf.TensorSpec((None, *net.input_shape[1:]), tf.float32, name="images")
    # A SavedModel of the forward graph alone. The one that the converter itself makes from a Keras net also has what is
    # needed to train further, which takes minutes for a deep net.
    module: Any = tf.Module()
    module.kept = net.variables
    module.forward = tf.function(lambda images: {"logits": net(images, training=False)}, input_signature=[given])
    with silent(), tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=module.forward)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        scheme(tf.lite, converter, images)
        return converter.convert()


TFLITE = "TensorFlow Lite, Post-training quantization, tensorflow.org/lite/performance/post_training_quantization"


@register(Scheme("float32", backend="keras", title="float32", cite=TFLITE, quantizes=False))
def float32(lite: Any, converter: Any, images: np.ndarray | None) -> None:
    """Nothing is quantized: the net in another format."""


@register(
    Scheme(
        "float16",
        backend="keras",
        title="float16",
        cite=TFLITE,
        about_times="float16 is the storage: on a CPU LiteRT computes in float32.",
    )
)
def float16(lite: Any, converter: Any, images: np.ndarray | None) -> None:
    """Weights of 16 bits; the runtime turns them into float32 and computes in that."""
    from espalier.keras.runtime import tf

    converter.optimizations = [lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


@register(
    Scheme(
        "dynamic_int8",
        backend="keras",
        title="dynamic int8",
        cite=f"{TFLITE}; Krishnamoorthi 2018, arXiv:1806.08342",
        int8=True,
        slow_because="the range of a layer's inputs is searched and the inputs quantized in every call, and where the "
        "fast kernels of LiteRT (XNNPACK) do not take an operator, as depthwise convolutions, the net runs in pieces",
    )
)
def dynamic_int8(lite: Any, converter: Any, images: np.ndarray | None) -> None:
    """Weights of 8 bits; activations are float32, and quantized by the range that each image has, before each operator.

    Matrices and filters of fewer than 1024 weights stay float32. On a CPU, LiteRT leaves the rest to XNNPACK, which
    multiplies in int8 and is faster than float32, where the runtimes of the published study and ONNX Runtime are
    slower. Depthwise convolutions with int8 weights XNNPACK does not take; LiteRT computes them itself.
    """
    converter.optimizations = [lite.Optimize.DEFAULT]


@register(
    Scheme(
        "static_int8",
        backend="keras",
        title="static int8",
        cite="Jacob et al. 2018, arXiv:1712.05877; Krishnamoorthi 2018, arXiv:1806.08342",
        calibrated=True,
        trains=False,
        int8=True,
    )
)
def static_int8(lite: Any, converter: Any, images: np.ndarray) -> None:
    """Weights and activations of 8 bits, activations by the range that each had on the calibration images."""
    converter.optimizations = [lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in images)
    converter.target_spec.supported_ops = [lite.OpsSet.TFLITE_BUILTINS_INT8]


@register(
    Scheme(
        "qat_int8",
        backend="keras",
        title="quantization-aware int8",
        cite="Jacob et al. 2018, arXiv:1712.05877; TensorFlow Model Optimization Toolkit",
        calibrated=True,
        trains=True,
        int8=True,
    )
)
def qat_int8(lite: Any, converter: Any, images: np.ndarray | None) -> None:
    """Weights and activations of 8 bits by the ranges that the net was trained with, while it rounded as int8 does."""
    converter.optimizations = [lite.Optimize.DEFAULT]
