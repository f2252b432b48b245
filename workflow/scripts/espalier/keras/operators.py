"""Which operators a TFLite file holds, and in which type they compute. LiteRT has no profile that Python can read, so
that it is not known how long each takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from espalier.keras import litert
from espalier.training.operators import CONVERTS, FLOAT, INT8, Kernel, Operator, summed

CONVERTING = ("QUANTIZE", "DEQUANTIZE")
FLOATS = (np.float32, np.float16)


def operators(path: str | Path, images: np.ndarray, threads: int) -> list[Operator]:
    """The kinds of operators of a file, in their order. One with int8 weights that is given and gives float32 (a
    dynamic_int8 file has such) quantizes its inputs in each call: it counts as int8, its name has "hybrid" after it."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    types = {each["index"]: each["dtype"] for each in interpreter.get_tensor_details()}
    return summed([[_kernel(each, types) for each in interpreter._get_ops_details() if each["op_name"] != "DELEGATE"]])


def _kernel(operator: dict, types: dict[int, type]) -> Kernel:
    name = operator["op_name"]
    inputs, outputs = ([types.get(int(index)) for index in operator[key]] for key in ("inputs", "outputs"))
    if name in CONVERTING:
        return Kernel(name, CONVERTS, False)
    small = np.int8 in inputs
    hybrid = small and outputs[0] in FLOATS
    weighted = name in litert.WEIGHTED
    return Kernel(f"{name} hybrid" if hybrid else name, INT8 if small else FLOAT, weighted)
