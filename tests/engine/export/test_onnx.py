"""The ONNX file, as ONNX Runtime reads and runs it."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from engine.errors import ConfigError, RunError
from engine.export import EXPORTERS, Architecture
from engine.export.comparison import largest_difference, logits_of
from engine.layers import LAYERS, Flatten, Layer, ReLU, Sequential
from engine.models.presets import PRESETS
from tests.support.cases import Case
from tests.support.conformance import CASES
from tests.support.preset_networks import preset_network

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


def session_of(graph: Any) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def computed(layer: Layer, x: np.ndarray) -> np.ndarray:
    """What ONNX Runtime makes of x by the nodes of one layer."""
    from onnx import TensorProto, helper

    from engine.export.layers.onnx_nodes import Graph
    from engine.export.onnx import IR_VERSION, OPSET

    graph = Graph()
    same = graph.node("x", "Identity", "input")  # a layer may have no node of its own
    out = graph.layer(layer, "0", same)
    shapes = {"input": x.shape[1:], out: layer.output_shape(x.shape[1:])}
    first, last = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
        for name, shape in shapes.items()
    )
    proto = helper.make_model(
        helper.make_graph(graph.nodes, "layer", [first], [last], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(proto, full_check=True)
    (found,) = session_of(proto).run(None, {"input": x})
    return found


def test_every_layer_has_its_nodes() -> None:
    from engine.export.layers.onnx_nodes import NODES

    assert {*LAYERS.values()} <= NODES.functions.keys()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_layer_computes_the_same_there(case: Case) -> None:
    layer, x = case.make(np.float32).eval(), case.input(np.float32)
    expected = layer.forward(x)
    np.testing.assert_allclose(
        computed(layer, x), expected, rtol=1e-4, atol=1e-5 * max(1, np.abs(expected).max())
    )


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_computes_the_same_there_for_any_number_of_images(
    tmp_path: Path, name: str
) -> None:
    model, architecture = preset_network(name)
    path = tmp_path / "net.onnx"
    EXPORTERS["onnx"].write(path, model, architecture)
    runner = EXPORTERS["onnx"].expect_runner()
    for count in (1, 5):
        images = np.random.default_rng(1).random((count, *architecture.input_shape), np.float32)
        ours, theirs = logits_of(model, architecture, images), runner.logits(path, images)
        assert theirs.shape == (count, 10)
        assert largest_difference(ours, theirs) < 1e-4 * np.abs(ours).max()


def test_the_file_says_what_goes_in_and_what_comes_out(
    tmp_path: Path, model: Sequential, architecture: Architecture
) -> None:
    EXPORTERS["onnx"].write(tmp_path / "net.onnx", model, architecture)
    proto = onnx.load(tmp_path / "net.onnx")
    assert (proto.ir_version, [entry.version for entry in proto.opset_import]) == (8, [17])
    session = session_of(proto)
    ((image,), (logits,)) = session.get_inputs(), session.get_outputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(float)", ["N", 1, 5, 5])
    assert (logits.name, logits.shape) == ("logits", ["N", 3])
    metadata = session.get_modelmeta().custom_metadata_map
    assert "divided by 255" in metadata["input"]
    assert "before a softmax" in metadata["output"]
    assert json.loads(metadata["classes"]) == ["a", "b", "ü"]
    assert (json.loads(metadata["mean"]), json.loads(metadata["std"])) == ([0.1], [0.3])
    assert json.loads(metadata["layers"]) == architecture.layers
    weights = {constant.name for constant in proto.graph.initializer}
    assert weights >= model.state_dict().keys()


def test_a_file_that_computes_something_else_is_not_written(
    tmp_path: Path, model: Sequential, architecture: Architecture
) -> None:
    from engine.export.layers.onnx_nodes import NODES

    def wrong(graph: Any, layer: Layer, name: str, x: str) -> str:
        return graph.node(name, "Add", x, x)

    with (
        patch.dict(NODES.functions, {Flatten: wrong}),
        pytest.raises(RunError, match=r"net\.onnx: not written: ONNX refuses it: .*Gemm.* rank 2"),
    ):
        EXPORTERS["onnx"].write(tmp_path / "net.onnx", model, architecture)
    model.layers.insert(1, ReLU())
    with (
        patch.dict(NODES.functions, {ReLU: wrong}),
        pytest.raises(RunError, match="not written: ONNX Runtime computes other logits"),
    ):
        EXPORTERS["onnx"].write(tmp_path / "net.onnx", model, architecture)
    assert not list(tmp_path.iterdir())


def test_a_layer_without_nodes_is_refused_with_the_formats_that_take_it(
    tmp_path: Path, model: Sequential, architecture: Architecture
) -> None:
    class Odd(ReLU):
        pass

    model.layers.insert(1, Odd())
    with pytest.raises(ConfigError, match="Odd cannot be written as onnx; choose --format npz"):
        EXPORTERS["onnx"].write(tmp_path / "net.onnx", model, architecture)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e38])
def test_weights_that_diverged_are_exported_as_they_are(
    tmp_path: Path, model: Sequential, architecture: Architecture, value: float
) -> None:
    model.layers[0].params["weight"][0, 0, 0, 0] = value
    EXPORTERS["onnx"].write(tmp_path / "net.onnx", model, architecture)
    assert (tmp_path / "net.onnx").exists()
