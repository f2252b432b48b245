"""TensorBoard logs of a training: loss and accuracy by epoch, and the net's graph."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any


class Board:
    """Event files in `folder`/train and `folder`/validation. Without a folder nothing is written.

    The logs hold the whole training once: files of an earlier attempt are removed, so a resumed training must add its
    earlier epochs again.
    """

    def __init__(self, folder: str | Path | None, net: Any) -> None:
        self.writers: dict[str, Any] = {}
        if folder is None:
            return
        from espalier.keras.runtime import tf

        for run in ("train", "validation"):
            shutil.rmtree(Path(folder) / run, ignore_errors=True)
            self.writers[run] = tf.summary.create_file_writer(str(Path(folder) / run))
        forward = tf.function(lambda images: net(images, training=False))
        graph = forward.get_concrete_function(tf.TensorSpec((None, *net.input_shape[1:]), tf.uint8)).graph
        with self.writers["train"].as_default():
            tf.summary.graph(graph)

    def add(self, row: dict[str, Any]) -> None:
        """Write one epoch, at its number: `epoch_loss`, and in percent `epoch_accuracy`."""
        if not self.writers:
            return
        from espalier.keras.runtime import tf

        for run, writer in self.writers.items():
            with writer.as_default(step=row["epoch"]):
                for tag, key in (("epoch_loss", f"{run}_loss"), ("epoch_accuracy", f"{run}_top1")):
                    if key in row:
                        tf.summary.scalar(tag, row[key])
            writer.flush()

    def close(self) -> None:
        """Finish the event files."""
        for writer in self.writers.values():
            writer.close()
