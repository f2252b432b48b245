"""The PyTorch backend: the same modules and functions as the Keras backend."""
