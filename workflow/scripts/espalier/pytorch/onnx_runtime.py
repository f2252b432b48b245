"""Running ONNX files by ONNX Runtime on the CPU, without PyTorch."""

from __future__ import annotations

from pathlib import Path

import onnxruntime


def session(model: str | Path | bytes, threads: int) -> onnxruntime.InferenceSession:
    """An ONNX file (or its bytes), ready to run on `threads` CPU threads, one operator after another.

    Input `images` (n, c, h, w) float32, normalised; output `logits` (n, classes) float32.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3  # errors
    # Idle threads of one net must not spin while another net in the same process is timed.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    model = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
