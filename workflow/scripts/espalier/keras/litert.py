"""TFLite files and LiteRT, the runtime that they are made for: what a file predicts, and which operators it holds.

A file takes normalised images (n, h, w, c) float32 and returns logits (n, classes), for a binary net (n, 1), in
float32; in between it may compute in other formats.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 32  # images per call; another number changes the last bits of the result
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")  # their second input is the weights


class Net:
    """A TFLite file, open: call it with a batch. threads: CPU threads."""

    def __init__(self, path: str | Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(model_path=str(path), num_threads=threads)
        (self.input,), (self.output,) = self.interpreter.get_input_details(), self.interpreter.get_output_details()
        self.shape = None

    def __call__(self, images: np.ndarray) -> np.ndarray:
        if images.shape != self.shape:  # the file leaves open how many images a call has
            self.interpreter.resize_tensor_input(self.input["index"], images.shape)
            self.interpreter.allocate_tensors()
            self.shape = images.shape
        self.interpreter.set_tensor(self.input["index"], images)
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self.output["index"])


def predict(path: str | Path, images: np.ndarray, threads: int) -> np.ndarray:
    """The outputs of the file in `path` for normalised images (n, h, w, c) float32: (n, outputs)."""
    net = Net(path, threads)
    return np.concatenate([net(images[i : i + BATCH]) for i in range(0, len(images), BATCH)])


def batched(function: Callable[..., Any], images: np.ndarray) -> np.ndarray:
    """What a function of TensorFlow's gives for images, a few at a time: a large net's activations fill memory."""
    return np.concatenate([np.asarray(function(images[i : i + BATCH])) for i in range(0, len(images), BATCH)])


def weighted_operators(path: str | Path) -> list[dict]:
    """The operators of a TFLite file that have weights, in order, as they are in the file.

    One row each: its name, and the types of its `weights` and its `output`, such as INT8 or FLOAT32. A float16 file has
    its weights turned into float32 by operators of their own: they count as FLOAT32 here.
    """
    from ai_edge_litert import schema_py_generated as schema

    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if name.isupper()}
    types = {code: name for name, code in vars(schema.TensorType).items() if name.isupper()}
    model, rows = schema.Model.GetRootAs(Path(path).read_bytes()), []
    for graph in map(model.Subgraphs, range(model.SubgraphsLength())):
        for operator in map(graph.Operators, range(graph.OperatorsLength())):
            name = names[model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()]
            if name in WEIGHTED:
                weights, output = graph.Tensors(operator.Inputs(1)), graph.Tensors(operator.Outputs(0))
                rows.append({"name": name, "weights": types[weights.Type()], "output": types[output.Type()]})
    return rows
