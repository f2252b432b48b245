"""The PyTorch backend: the same file names and signatures as the Keras backend."""
