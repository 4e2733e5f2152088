"""ONNX: the whole network as one file, for ONNX Runtime and others, in any language."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import RunError
from engine.export.architecture import Architecture
from engine.export.registry import Runner, register
from engine.sanitize import printable
from engine.storage import atomic

if TYPE_CHECKING:
    import onnx

    from engine.arrays import Array
    from engine.layers import Sequential

OPSET, IR_VERSION = 17, 8  # of 2022: whatever runs ONNX files knows them
INPUT, OUTPUT = "image", "logits"
_SAMPLES = 2


def run_onnx(path: Path, images: "Array") -> "Array":
    """Logits that ONNX Runtime computes from a file, (N, classes).

    Args:
        path: the file.
        images: (N, C, H, W), float32 pixels divided by 255.
    """
    return _run(path.read_bytes(), images)


@register(
    "onnx",
    about="the whole network, for ONNX Runtime and others",
    extra="onnx",
    package="onnx",
    runner=Runner("onnxruntime", run_onnx),
)
def write_onnx(path: Path, model: "Sequential", architecture: Architecture) -> None:
    """Write the network, its normalisation included, and what belongs to it as metadata.

    The input ``image`` is float32 (N, C, H, W), pixels divided by 255, for any N; the output
    ``logits`` is (N, classes), before a softmax. Before the file is written, ONNX checks it and,
    where it is installed, ONNX Runtime runs it.

    Raises:
        ConfigError: ONNX has no operators for a layer.
        RunError: ONNX refuses it, or ONNX Runtime computes other logits than the network.
        OSError: the disk refused; what was there before is untouched.
    """
    import onnx

    proto = _model(model, architecture)
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise RunError(
            f"{path}: not written: ONNX refuses it: {printable(str(error), 300)}"
        ) from error
    content = proto.SerializeToString(deterministic=True)
    if find_spec("onnxruntime") is not None:
        _check(path, content, model, architecture)
    atomic.write_atomic(path, content, follow_symlinks=True)


def _model(model: "Sequential", architecture: Architecture) -> "onnx.ModelProto":
    import numpy as np
    from onnx import TensorProto, helper

    from engine import __version__
    from engine.export.layers.onnx_nodes import Graph

    graph = Graph()
    mean, std = (
        graph.constant(name, np.array(values, np.float32).reshape(1, -1, 1, 1))
        for name, values in (("mean", architecture.mean), ("std", architecture.std))
    )
    centred = graph.node("normalise", "Sub", INPUT, mean)
    graph.layer(model, "", graph.node("normalise", "Div", centred, std))
    graph.nodes[-1].output[0] = OUTPUT  # no other node takes the output of the last one
    (classes,) = model.output_shape(architecture.input_shape)
    proto = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "network",
            [
                helper.make_tensor_value_info(
                    INPUT, TensorProto.FLOAT, ["N", *architecture.input_shape]
                )
            ],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", classes])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="cnn-tui",
        producer_version=__version__,
    )
    helper.set_model_props(proto, _metadata(architecture))
    return proto


def _metadata(architecture: Architecture) -> dict[str, str]:
    import json

    return {
        "input": f"{INPUT}: float32 (N, C, H, W), pixels divided by 255; normalised inside",
        "output": f"{OUTPUT}: float32 (N, classes), before a softmax",
        **{name: json.dumps(value) for name, value in architecture.to_dict().items()},
    }


def _check(path: Path, content: bytes, model: "Sequential", architecture: Architecture) -> None:
    """Compare the logits for random images.

    Raises:
        RunError: they are others.
    """
    import numpy as np

    from engine.export.comparison import agree, largest_difference, logits_of

    rng = np.random.default_rng(0)
    images = rng.random((_SAMPLES, *architecture.input_shape), np.float32)
    ours, theirs = logits_of(model, architecture, images), _run(content, images)
    if not agree(ours, theirs):
        raise RunError(
            f"{path}: not written: ONNX Runtime computes other logits than the network: "
            f"they differ by up to {largest_difference(ours, theirs):.2g}"
        )


def _run(content: bytes, images: "Array") -> "Array":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # only what ends it; that comes as an exception, too
    options.intra_op_num_threads = 1  # the batches are small
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (logits,) = session.run([OUTPUT], {INPUT: images})
    return logits
