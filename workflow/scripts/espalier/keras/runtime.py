"""Starting TensorFlow for a job: quiet, deterministic, on a fixed number of threads.

This is the one place that imports TensorFlow; others take `tf` and `keras` from here, inside their functions. Whatever
builds the graph of jobs must not import this module: it takes seconds.
"""

from __future__ import annotations

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # tf.keras is tf-keras (Keras 2), as the TensorFlow Model Optimization toolkit needs
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf  # noqa: E402 (the environment first)
import tf_keras as keras  # noqa: E402

tf.get_logger().setLevel("ERROR")
tf.config.experimental.enable_op_determinism()


def start(threads: int) -> None:
    """Use `threads` CPU threads. Must come before the first computation; later only the same number is accepted."""
    wanted = (threads, 1)  # threads within an operation; operations one after another
    try:
        tf.config.threading.set_intra_op_parallelism_threads(wanted[0])
        tf.config.threading.set_inter_op_parallelism_threads(wanted[1])
    except RuntimeError:
        now = tf.config.threading.get_intra_op_parallelism_threads(), tf.config.threading.get_inter_op_parallelism_threads()
        raise RuntimeError(
            f"TensorFlow already runs on {now[0]} threads and cannot change to {threads} in the same process: "
            "call espalier.keras.runtime.start(threads) before anything is computed, once per process"
        ) from None


def versions() -> dict[str, str]:
    """What a record says of the software that made it."""
    return {"tensorflow": tf.__version__, "tf_keras": keras.__version__}
