"""Quantization: a PyTorch net exported to ONNX, in one of four number formats, for ONNX Runtime.

A scheme is called with the float32 export (batch norms folded into the convs by the exporter) and calibration batches,
and returns the ONNX model that is written. Weights are symmetric around zero in every scheme, so that weights that
pruning set to zero stay zero.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from espalier.datasets.prepare import Data
from espalier.datasets.prepare import load as load_data
from espalier.registry import Scheme, register
from espalier.run.threads import threads
from espalier.training.calibration import Calibrator, Further, Quantization, calibration
from espalier.training.recipe import KEEP_NOTHING, Keeping

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import nn

COMPARED = 256  # test images on which the export's outputs are compared with PyTorch's
BATCH = 32  # calibration images per call; the smallest and largest values do not depend on it
TOLERANCE = 1e-4  # largest difference, as a share of the largest logit: float32 sums in another order stay far below
LARGEST = 2**31 - 1  # bytes of a protobuf message, which an ONNX file with its weights inside is
MINMAX = Calibrator()
ONNX = "ONNX Runtime, onnxruntime.ai/docs/performance/model-optimizations"
# Operators of ONNX Runtime with weights, and which of their inputs these are.
INTEGER = {"QLinearConv": 3, "QGemm": 3, "QLinearMatMul": 3, "ConvInteger": 1, "MatMulInteger": 1}
INTEGER |= {"MatMulIntegerToFloat": 1, "DynamicQuantizeMatMul": 1}
FLOAT: dict[str, int] = dict.fromkeys(("Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"), 1)
INT8 = f"Jacob et al. 2018, arXiv:1712.05877; {ONNX}/quantization.html"


def quantize_model(
    out: str | Path,
    *,
    data: str | Path,
    parent: str | Path,
    dense: str | Path | None = None,
    keeping: Keeping = KEEP_NOTHING,
    **step: Any,
) -> dict[str, Any]:
    """Export the net in `parent` to ONNX, quantize it by a scheme and write it to `out`.

    data: prepared data set. dense: not read. keeping: of a scheme that trains. step: what `Quantization` says.

    Returns the "history" of a training, and what was "measured": `export_difference`, the largest |difference| of the
    float32 export's logits from PyTorch's over the first 256 test images; `int8_operators`, how many of the operators
    with weights ONNX Runtime computes in int8 when it runs the file; `calibration_images`, if there are any; and
    `float_layers`, those that were to stay in float. Raises RuntimeError if the export's outputs are not PyTorch's, or
    if of a scheme of int8 another operator with weights is computed in float; ValueError if the net is too large for
    one ONNX file, or has too few layers for `keep_float`.
    """
    import onnx

    from espalier.pytorch.models import load
    from espalier.pytorch.static import weighted_nodes

    quantization, prepared, net = Quantization.of(step, "pytorch"), load_data(data), load(parent)
    scheme = quantization.scheme
    model = export(net, prepared.test.images.shape[1:])
    measured: dict[str, Any] = {"export_difference": compare(net, model, prepared)}
    batches = _calibration_batches(quantization, prepared)
    if scheme.calibrated:
        measured["calibration_images"] = sum(map(len, batches))
    further = Further(net, prepared, quantization, keeping, parent)
    model = anonymous(scheme(model, batches, **quantization.options(further=further)))
    Path(out).write_bytes(model.SerializeToString(deterministic=True))
    onnx.checker.check_model(str(out), full_check=True)
    in_int8, left = int8_operators(optimized(out))
    if quantization.keep_float:
        kept = [layer for _, layer in weighted_nodes(model)]
        measured["float_layers"] = " ".join(kept)
        left = [] if len(left) == len(kept) == quantization.keep_float else left
    if scheme.int8 and (left or not in_int8):
        raise RuntimeError(f"{scheme.name} left {', '.join(left) or 'every operator'} of {parent} in float")
    measured |= {"int8_operators": len(in_int8)} | further.details.get("measured", {})
    return further.details | {"measured": measured}


def _calibration_batches(quantization: Quantization, data: Data) -> list[np.ndarray]:
    """The normalised images that a calibrated scheme is shown; none for others."""
    if not quantization.scheme.calibrated:
        return []
    chosen = calibration(data.train, quantization.calibration_images, quantization.seed)
    parts = np.array_split(chosen, -(-len(chosen) // BATCH))
    return [_input(data.train.images[part], data.manifest) for part in parts]


def export(net: nn.Module, image_shape: tuple[int, ...]) -> ModelProto:
    """A PyTorch net as an ONNX model with its weights inside, for any number of images of one shape (h, w, c).

    Raises ValueError if its weights are more than fits into one ONNX file (2 GiB).
    """
    import torch

    from espalier.pytorch.models import spec_of

    size = sum(t.numel() * t.element_size() for t in net.state_dict().values())
    if size > LARGEST:
        raise ValueError(
            f"{spec_of(net)['name']} has {size:,} bytes of weights; an ONNX file holds at most {LARGEST:,}"
        )
    height, width, channels = image_shape
    # Not the TorchScript exporter, though it takes 0.2 s and this one 3 s for VGG16-BN: it cannot express adaptive
    # pooling to more pixels than there are, as in VGG16 with small images. This one folds batch norms into convs, too.
    program: Any = torch.onnx.export(
        net.eval(),
        (torch.zeros(2, channels, height, width),),  # not one image: a size of 1 would be taken for fixed
        dynamo=True,
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("images")},),
        external_data=False,
        verbose=False,
    )
    model = anonymous(program.model_proto)
    del model.graph.value_info[:]  # shapes of weights, too, which a tool that transposes weights does not renew
    return model


def anonymous(model: ModelProto) -> ModelProto:
    """The model without stack traces, paths and unused operator sets, which tools add to it."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    used = {node.domain for node in graph.node}
    for unused in [operators for operators in model.opset_import if operators.domain not in used]:
        model.opset_import.remove(unused)
    return model


def compare(net: nn.Module, model: ModelProto, data: Data) -> float:
    """The largest |difference| between the logits of a net and of its export, over the first test images.

    Raises RuntimeError if it is more than rounding in float32 explains.
    """
    import torch

    from espalier.pytorch.exported import Net

    images = torch.from_numpy(_input(data.test.images[:COMPARED], data.manifest))
    with torch.inference_mode():
        expected, found = net(images), Net(model.SerializeToString(), threads())(images)
    difference, largest = float((found - expected).abs().max()), float(expected.abs().max())
    if not difference <= TOLERANCE * largest:  # so written that NaN fails, too
        raise RuntimeError(
            f"the exported net's logits are up to {difference:g} from PyTorch's, whose largest is {largest:g}"
        )
    return difference


def optimized(path: str | Path) -> ModelProto:
    """The model that ONNX Runtime makes from a file and runs on this CPU, before it rearranges memory."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    # Operators are fused up to this level; the one above, which the sessions have, fits them to the CPU's caches.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "optimized.onnx")
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def int8_operators(model: ModelProto) -> tuple[list[str], list[str]]:
    """The operators with weights (conv, linear) of an `optimized` model that compute in int8, and those that compute in
    float, by name. The file itself does not tell: int8 weights with float inputs are made float before each call.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    quantized, left = [], []
    for node in model.graph.node:  # in order: whatever a node takes has been made
        if node.input and all(name in constants for name in node.input if name):
            constants.update(node.output)  # weights on their way from int8 to float
        place = INTEGER.get(node.op_type, FLOAT.get(node.op_type))
        if place is not None and node.input[place] in constants:  # a product of two activations has no weights
            (quantized if node.op_type in INTEGER else left).append(node.name)
    return quantized, left


@register(Scheme("float32", backend="pytorch", title="float32", cite=ONNX, quantizes=False))
def float32(model: ModelProto, batches: Sequence[np.ndarray]) -> ModelProto:
    """The export as it is."""
    return model


@register(
    Scheme(
        "float16",
        backend="pytorch",
        title="float16 weights (computed in float32 on a CPU)",
        cite=f"{ONNX}/float16.html",
        about_times="float16 is the storage: on a CPU ONNX Runtime computes in float32.",
    )
)
def float16(model: ModelProto, batches: Sequence[np.ndarray]) -> ModelProto:
    """Weights are stored in float16. On a CPU ONNX Runtime computes in float32: a smaller file, not a faster net."""
    from onnxruntime.quantization.onnx_model import ONNXModel
    from onnxruntime.transformers.float16 import convert_float_to_float16

    converted = ONNXModel(convert_float_to_float16(model, keep_io_types=True))
    converted.topological_sort()  # the casts of images and logits come last, but a file must be in order
    return converted.model


@register(
    Scheme(
        "dynamic_int8",
        backend="pytorch",
        title="dynamic int8",
        cite=INT8,
        int8=True,
        slow_because="ONNX Runtime computes such a convolution by ConvInteger, whose kernel takes many times as long "
        "as that of static quantization for the same products (benchmarks/dynamic_int8.py profiles it), and searches "
        "the range of its inputs in every call",
    )
)
def dynamic_int8(model: ModelProto, batches: Sequence[np.ndarray]) -> ModelProto:
    """Weights in int8 (linear layers: each output channel with its own scale); activations are quantized in each call,
    by their range in that call.

    Made for linear layers. A convolution (ConvInteger) is slower than in float32: ONNX Runtime has no fast kernel for
    it, and conv, bias and ReLU, one operator in float32, become seven.
    """
    from onnxruntime.quantization import quantize_dynamic

    # Linear layers (Gemm) have no dynamic form; naming MatMul makes the quantizer turn them into MatMul and Add.
    return quantized(quantize_dynamic, model, op_types_to_quantize=["Conv", "MatMul"], per_channel=True)


@register(
    Scheme("static_int8", backend="pytorch", title="static int8", cite=INT8, calibrated=True, trains=False, int8=True)
)
def static_int8(
    model: ModelProto, batches: Sequence[np.ndarray], calibrator: Calibrator = MINMAX, keep_float: int = 0
) -> ModelProto:
    """Weights (each output channel with its own scale) and activations in 8 bits, the ranges of activations fixed: the
    smallest and largest values on the calibration images, or as the calibrator says. Of so many layers as `keep_float`
    says weights and outputs stay in float.

    Activations are unsigned: only these residual additions are fused by ONNX Runtime. With signed activations it ran 20
    of 53 convs of ResNet50, and all additions, in float.

    Weights use all 8 bits. ONNX Runtime can use 7 (reduce_range) for CPUs without VNNI instructions, on which sums of
    int8 products may saturate. On a CPU that has them this gained nothing: the same time, and 0.9 dB less signal to
    noise in the logits of VGG16-BN. The reported accuracy is measured on the CPU at hand, saturation included.
    """
    from onnxruntime.quantization import QuantType, quantize_static

    from espalier.pytorch import static

    if calibrator != MINMAX or keep_float:
        return static.static_int8(model, batches, calibrator, keep_float)
    options = {"per_channel": True, "activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    return quantized(quantize_static, model, static.Reader(batches), **options)


@register(
    Scheme(
        "qat_int8",
        backend="pytorch",
        title="quantization-aware int8",
        cite=f"{INT8}; Nagel et al. 2021, arXiv:2106.08295",
        calibrated=True,
        trains=True,
        int8=True,
    )
)
def qat_int8(model: ModelProto, batches: Sequence[np.ndarray], further: Further) -> ModelProto:
    """As static int8, after a training in which the net rounds as int8 does, by the ranges that it was trained with.

    Batch norms are folded into the convs before it (static folding).
    """
    from espalier.pytorch import qat

    return qat.qat_int8(further, batches)


def quantized(quantize: Callable[..., None], model: ModelProto, *arguments: Any, **options: Any) -> ModelProto:
    """The model that a function of onnxruntime.quantization makes of another; these functions work on files."""
    import onnx

    from espalier.pytorch.static import prepared

    with prepared(model) as path:
        out = path.with_name("quantized.onnx")
        quantize(path, out, *arguments, **options)
        return onnx.load(out)


def _input(images: np.ndarray, manifest: dict[str, Any]) -> np.ndarray:
    """uint8 images (n, h, w, c) as the nets take them: (n, c, h, w) float32, normalised."""
    from espalier.pytorch.evaluate import to_input, to_tensor

    return to_input(to_tensor(images), manifest).contiguous().numpy()
