"""Static int8 of an ONNX model with a choice of calibration, and with the layers left in float that lose most by it."""

from __future__ import annotations

import contextlib
import io
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from espalier.pytorch.onnx_runtime import session
from espalier.run.threads import threads
from espalier.training.calibration import Calibrator

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

MINMAX = Calibrator()
BINS = 512  # of the histograms that entropy is computed of
FLOAT = ("Conv", "Gemm", "MatMul")  # operators with weights, which are their second input
SAME_RANGE = ("MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze")  # output and input
SUFFIX = ".weight"  # of the name of a layer's weight


class Reader:
    """Calibration batches as ONNX Runtime asks for them: one by one, then None."""

    def __init__(self, batches: Sequence[np.ndarray]) -> None:
        self.batches = iter(batches)

    def get_next(self) -> dict[str, np.ndarray] | None:
        images = next(self.batches, None)
        return None if images is None else {"images": images}


@contextlib.contextmanager
def prepared(model: ModelProto) -> Iterator[Path]:
    """A file of the model as ONNX Runtime's quantizer wants it: optimized, with all shapes known but the number of
    images."""
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        exported, ready = Path(folder) / "exported.onnx", Path(folder) / "prepared.onnx"
        onnx.save(model, exported)
        quant_pre_process(exported, ready, skip_symbolic_shape=True)
        yield ready


def static_int8(
    model: ModelProto,
    batches: Sequence[np.ndarray],
    calibrator: Calibrator = MINMAX,
    keep_float: int = 0,
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> ModelProto:
    """The model with weights (each output channel with its own scale) and activations (unsigned) in 8 bits.

    keep_float: how many of the layers that are `most_sensitive` stay in float. ranges: layer -> the range of its input,
    where that is known; the others are those on the calibration images. Raises ValueError if no layer would be in int8.
    """
    with prepared(model) as path:
        measured = path.with_name("ranges.json")
        write_ranges(path, measured, batches, calibrator)
        kept = _kept(path, measured, batches, calibrator, keep_float) if keep_float else []
        given = {"TensorQuantOverrides": _of_tensors(path, ranges)} if ranges else {}
        return kept_in_float(_quantized(path, measured, calibrator, nodes_to_exclude=kept, extra_options=given), kept)


def _kept(model: Path, ranges: Path, batches: Sequence[np.ndarray], calibrator: Calibrator, number: int) -> list[str]:
    """The nodes that stay in float."""
    nodes = most_sensitive(model, ranges, batches, calibrator)
    if number >= len(nodes):
        raise ValueError(
            f"keep_float: {number}, and the net has {len(nodes)} conv and linear layers: none would be int8"
        )
    return nodes[:number]


def kept_in_float(model: ModelProto, nodes: Sequence[str]) -> ModelProto:
    """The model, in which ONNX Runtime computes these convs and linear layers in float, in place.

    Left as they are, it quantizes their weights itself when it loads the file, with one scale for all channels, since
    what they read and what is read of them is int8 (WeightBiasQuantization, one of its optimizers). It does not where
    another operator than Relu or Clip follows: here the maximum of the output and the lowest number there is.
    """
    from onnx import helper, numpy_helper

    if not nodes:
        return model
    graph, results = model.graph, {output.name for output in model.graph.output}
    lowest = numpy_helper.from_array(np.array(np.finfo(np.float32).min), "lowest_float")
    graph.initializer.append(lowest)
    for place, node in reversed(list(enumerate(graph.node))):
        output = node.output[0]
        if node.name in nodes and output not in results:
            node.output[0] = f"{output}_in_float"
            graph.node.insert(
                place + 1, helper.make_node("Max", [node.output[0], lowest.name], [output], f"{node.name}_max")
            )
    return model


def _of_tensors(path: Path, ranges: Mapping[str, tuple[float, float]]) -> dict[str, list[dict[str, np.ndarray]]]:
    """The ranges of layers' inputs as those of the model's tensors, for ONNX Runtime.

    An operator that only moves numbers, or picks some of them, has its input's range: that is the one to be set.
    """
    import onnx

    model = onnx.load(path)
    made_by = {output: node for node in model.graph.node for output in node.output}
    found, missing = {}, set(ranges)
    for node, layer in weighted_nodes(model):
        if layer in ranges:
            tensor = node.input[0]
            while tensor in made_by and made_by[tensor].op_type in SAME_RANGE:
                tensor = made_by[tensor].input[0]
            low, high = (np.array(end, np.float32) for end in ranges[layer])
            found[tensor] = [{"rmin": low, "rmax": high}]
            missing.discard(layer)
    if missing:
        raise RuntimeError(f"the export does not name {', '.join(sorted(missing))}, whose trained ranges it is to have")
    return found


def write_ranges(model: Path, out: Path, batches: Sequence[np.ndarray], calibrator: Calibrator) -> None:
    """Write the range of each activation on the calibration images, as ONNX Runtime's calibrator finds it.

    Its histograms are told to have `BINS` bins for entropy: by default they have 128 for 128 levels, so that there is
    one range to choose from, the whole one. Percentiles cut both ends: by default the range would be symmetric.
    """
    from onnxruntime.quantization.calibrate import create_calibrator, save_tensors_data

    options = {"entropy": {"num_bins": BINS}, "percentile": {"percentile": calibrator.percentile, "symmetric": False}}
    with contextlib.redirect_stdout(io.StringIO()):  # it tells each of its steps
        collector: Any = create_calibrator(
            model,
            augmented_model_path=str(out.with_suffix(".onnx")),
            calibrate_method=_method(calibrator),
            extra_options=options.get(calibrator.method, {}),
        )
        for batch in batches:  # each on its own: all activations of all images do not fit into memory
            collector.collect_data(Reader([batch]))
        save_tensors_data(collector.compute_data(), out)


def most_sensitive(model: Path, ranges: Path, batches: Sequence[np.ndarray], calibrator: Calibrator) -> list[str]:
    """The nodes of conv and linear layers, first the one whose quantization alone changes the logits most.

    The change is the noise in the logits of the calibration images, of equal ones the earlier layer's first. It is
    printed as a signal-to-noise ratio.
    """
    import onnx

    float_model = onnx.load(model)
    nodes = {node.name: layer for node, layer in weighted_nodes(float_model)}
    exact = _logits(float_model, batches)
    noise = {}
    for node, layer in nodes.items():
        alone = _quantized(model, ranges, calibrator, nodes_to_quantize=[node])
        noise[node] = float(np.square(_logits(alone, batches) - exact).sum())
        ratio = 10 * math.log10(float(np.square(exact).sum()) / noise[node]) if noise[node] else math.inf
        print(f"{layer} alone in int8: {ratio:.1f} dB of signal to noise in the logits", flush=True)
    return sorted(nodes, key=lambda node: -noise[node])


def weighted_nodes(model: ModelProto) -> list[tuple[NodeProto, str]]:
    """The operators whose weights are floats in the model, each with the name of its layer."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return [
        (node, node.input[1].removesuffix(SUFFIX))
        for node in model.graph.node
        if node.op_type in FLOAT and node.input[1] in constants
    ]


def _quantized(model: Path, ranges: Path, calibrator: Calibrator, **options: Any) -> ModelProto:
    """A prepared model quantized by these ranges. options: of ONNX Runtime, such as which nodes."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_static

    out = model.with_name("quantized.onnx")
    quantize_static(
        model, out, per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        calibrate_method=_method(calibrator), calibration_cache_path=ranges, **options,
    )  # fmt: skip
    return onnx.load(out)


def _method(calibrator: Calibrator) -> Any:
    from onnxruntime.quantization import CalibrationMethod

    methods = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}
    return CalibrationMethod[methods[calibrator.method]]


def _logits(model: ModelProto, batches: Sequence[np.ndarray]) -> np.ndarray:
    """The logits of all calibration images."""
    net = session(model.SerializeToString(), threads())
    return np.concatenate([net.run(["logits"], {"images": images})[0] for images in batches])
