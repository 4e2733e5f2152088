"""The engine's networks in ONNX Runtime, where it is installed."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from engine.export.architecture import Architecture
from engine.export.onnx import INPUT, OUTPUT, write_onnx
from engine.layers import Sequential


def onnx_installed() -> bool:
    """Whether there is anything to compare with."""
    return all(find_spec(name) is not None for name in ("onnx", "onnxruntime"))


def onnx_network(
    model: Sequential, shape: tuple[int, ...], threads: int
) -> Callable[[np.ndarray], np.ndarray]:
    """From images (N, C, H, W), as the network takes them, to logits, on so many threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    session = onnxruntime.InferenceSession(
        _content(model, shape), options, providers=["CPUExecutionProvider"]
    )
    return partial(_logits, session)


def _logits(session: Any, x: np.ndarray) -> np.ndarray:
    (logits,) = session.run([OUTPUT], {INPUT: x})
    return np.asarray(logits)


def _content(model: Sequential, shape: tuple[int, ...]) -> bytes:
    """The exported network without its normalisation, which the other sides do not time either."""
    import onnx

    channels = shape[0]
    classes = tuple(map(str, range(*model.output_shape(shape))))
    architecture = Architecture(model.spec(), shape, classes, (0.0,) * channels, (1.0,) * channels)
    with TemporaryDirectory() as folder:
        path = Path(folder, "network.onnx")
        write_onnx(path, model, architecture)
        proto = onnx.load(path)
    nodes = proto.graph.node
    if [node.op_type for node in nodes[:2]] != ["Sub", "Div"]:
        raise SystemExit("the exported network does not begin with its normalisation any more")
    normalised = nodes[1].output[0]
    for node in nodes[2:]:
        node.input[:] = [INPUT if name == normalised else name for name in node.input]
    unused = {nodes[0].input[1], nodes[1].input[1]}  # mean and standard deviation
    kept = [constant for constant in proto.graph.initializer if constant.name not in unused]
    del nodes[:2], proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)
    content: bytes = proto.SerializeToString()
    return content
