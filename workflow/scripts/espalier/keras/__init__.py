"""The Keras backend (TensorFlow with tf-keras): the same file names and signatures as the PyTorch backend."""
