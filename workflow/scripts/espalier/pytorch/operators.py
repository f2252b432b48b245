"""Which operators of an ONNX file take how long, by ONNX Runtime's own profile."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from espalier.training.operators import CONVERTS, FLOAT, INT8, Kernel, Operator, summed

WARMUP, CALLS = 2, 7
CONVERTING = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Cast")
WEIGHTED = ("Conv", "Gemm", "MatMul")  # also as parts of the names of their fused and quantized forms
SMALL = ("int8", "uint8")  # as the profile names the types of tensors


def operators(path: str | Path, images: np.ndarray, threads: int) -> list[Operator]:
    """The kinds of operators that a call with these images (n, c, h, w) runs, the one that takes longest first: those
    of the graph as ONNX Runtime has rewritten it, with the median of their times over CALLS calls."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        for _ in range(WARMUP + CALLS):
            session.run(["logits"], {"images": images})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return summed([list(_kernels(call)) for call in _calls(_nodes(events))])


def _nodes(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events that are an operator at work, in their order."""
    return [e for e in events if e.get("cat") == "Node" and str(e.get("name")).endswith("_kernel_time")]


def _calls(nodes: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Those of each call after the first WARMUP: each call runs the same operators."""
    each = len(nodes) // (WARMUP + CALLS)
    for call in range(WARMUP, WARMUP + CALLS):
        yield nodes[call * each : (call + 1) * each]


def _kernels(nodes: Iterable[dict[str, Any]]) -> Iterator[Kernel]:
    for node in nodes:
        name = node["args"]["op_name"]
        types = [kind for tensor in node["args"].get("input_type_shape", ()) for kind in tensor]
        kind = CONVERTS if name in CONVERTING else INT8 if any(each in SMALL for each in types) else FLOAT
        yield Kernel(name, kind, any(word in name for word in WEIGHTED), node["dur"] / 1000)
