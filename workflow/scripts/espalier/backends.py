"""The backends: what each calls its files and runtimes, and which packages its jobs compute with.

Nothing here imports a framework. The functions that both backends offer: `training.interface`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A way to store a net: the name of its file in a node's folder, and the runtime that runs it."""

    file: str
    runtime: str

    @property
    def suffix(self) -> str:
        """The end of the file's name, without a dot."""
        return self.file.rpartition(".")[2]


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A framework that nets are trained, pruned and quantized with."""

    name: str
    net: Format  # of trained and pruned nets
    quantized: Format  # of quantized and exported nets
    pretrained: str  # the end of the names of files with ImageNet weights, without a dot
    weights: tuple[str, ...]  # the ends of the names of files with weights that nets can begin with
    packages: tuple[str, ...]  # whose versions a record names
    tensorboard: bool = False  # its trainings write logs for TensorBoard

    def format_of(self, step: str) -> Format:
        """The format of the net that a kind of step makes.

        >>> BACKENDS["pytorch"].format_of("prune").file, BACKENDS["pytorch"].format_of("quantize").file
        ('model.safetensors', 'model.onnx')
        """
        return self.quantized if step == "quantize" else self.net


BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        Backend(
            name="pytorch",
            net=Format("model.safetensors", "PyTorch"),
            quantized=Format("model.onnx", "ONNX Runtime"),
            pretrained="safetensors",
            weights=(".safetensors", ".pt", ".pth", ".npz"),
            packages=("torch", "torchvision", "torch_pruning", "onnx", "onnxruntime"),
        ),
        Backend(
            name="keras",
            net=Format("model.keras", "TensorFlow"),
            quantized=Format("model.tflite", "LiteRT"),
            pretrained="h5",
            weights=(".h5", ".keras"),
            tensorboard=True,
            packages=("tensorflow", "tf_keras", "tensorflow_model_optimization", "ai_edge_litert"),
        ),
    )
}
