"""Starting TensorFlow for a job: quiet, deterministic, on a fixed number of threads, on one device.

Only this module imports TensorFlow; others take `tf` and `keras` from here, inside their functions. What builds the
graph of jobs must not import this module, since that takes seconds.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, cast

from espalier.backends import BACKENDS
from espalier.run import software

os.environ["TF_USE_LEGACY_KERAS"] = (
    "1"  # tf.keras is tf-keras (Keras 2), as the TensorFlow Model Optimization toolkit needs
)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Discard standard error, also that of C++: TensorFlow's libraries write there before their log level is set."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def without(*modules: str) -> Iterator[None]:
    """Inside the block these modules cannot be imported; those that are loaded already stay."""
    hidden = [module for module in modules if module not in sys.modules]
    cast(dict[str, Any], sys.modules).update(
        dict.fromkeys(hidden)
    )  # None: an import of it fails as if it were not installed
    try:
        yield
    finally:
        for module in hidden:
            sys.modules.pop(module, None)


# Keras imports pandas and SciPy where they are installed, for data frames and affine transforms of images. This
# workflow uses neither with Keras, and they take half a second.
with silent(), without("pandas", "scipy"):
    import tensorflow as tf
    import tf_keras as keras  # noqa: F401 (taken from here by all others)


def toolkit() -> Any:
    """The TensorFlow Model Optimization toolkit (TFMOT). Its import looks in Keras 3 for a module that only Keras 2
    had, which takes a second and fails, so Keras 3 is hidden from it."""
    with silent(), without("keras"):
        import tensorflow_model_optimization
    return tensorflow_model_optimization


tf.get_logger().setLevel("ERROR")
tf.config.experimental.enable_op_determinism()
tf.config.experimental.enable_tensor_float_32_execution(False)  # float32 on a GPU too, not 10 of its 23 bits


def start(threads: int, device: str = "cpu") -> None:
    """Use `threads` CPU threads, and of the devices only `device`. Must come before the first computation; later only
    the same is accepted.

    device: cpu, cuda, or auto for CUDA where there is such a device. Raises RuntimeError for cuda where there is none.
    """
    cards = tf.config.list_physical_devices("GPU") if device != "cpu" else []
    if device == "cuda" and not cards:
        raise RuntimeError("`device: cuda`, and TensorFlow finds no CUDA device: use `device: auto`, or cpu")
    tf.config.set_visible_devices(cards[:1], "GPU")
    for card in cards[:1]:
        tf.config.experimental.set_memory_growth(card, True)  # not all of it, so that jobs fit beside each other
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)  # within an operation
        tf.config.threading.set_inter_op_parallelism_threads(1)  # operations one after another
    except RuntimeError:
        now = tf.config.threading.get_intra_op_parallelism_threads() or "all"
        raise RuntimeError(
            f"TensorFlow already runs on {now} threads and cannot change to {threads} in the same process: "
            "call espalier.keras.runtime.start(threads) before anything is computed, once per process"
        ) from None


@contextlib.contextmanager
def as_built() -> Iterator[None]:
    """Run graphs as they are, without rewriting them first. On a CPU rewriting makes no training step faster, and
    delays the first one by seconds for a net with 150 variables or with TFMOT's branches."""
    before = tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": before})


def kind_of_device() -> str:
    """Where nets are trained and evaluated: "cuda" or "cpu"."""
    return "cuda" if tf.config.get_visible_devices("GPU") else "cpu"


def versions() -> dict[str, str]:
    """The versions of the software, and the device, for the record."""
    cards = tf.config.get_visible_devices("GPU")
    card = tf.config.experimental.get_device_details(cards[0]).get("device_name", "") if cards else ""
    return software.versions(*BACKENDS["keras"].packages) | {"device": f"cuda ({card})" if cards else "cpu"}
