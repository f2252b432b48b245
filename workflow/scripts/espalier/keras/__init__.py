"""The Keras backend (TensorFlow with tf-keras): the same file names and signatures as the PyTorch backend."""

# Whose versions a record names.
PACKAGES = ("tensorflow", "tf_keras", "tensorflow_model_optimization", "ai_edge_litert")
