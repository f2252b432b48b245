"""The Keras backend (TensorFlow with tf-keras): the same modules and functions as the PyTorch backend."""
