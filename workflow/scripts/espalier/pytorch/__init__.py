"""The PyTorch backend: the same file names and signatures as the Keras backend."""

# Whose versions a record names.
PACKAGES = ("torch", "torchvision", "torch_pruning", "onnx", "onnxruntime")
