"""What all layers share: names, states, errors that teach, summaries."""

from typing import Any

import numpy as np
import pytest

from engine.errors import ShapeError
from engine.layers import (
    LAYERS,
    ArgumentError,
    AvgPool2D,
    BatchNorm1D,
    BatchNorm2D,
    Conv2D,
    Dense,
    Dropout,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
    Residual,
    Sequential,
    Tanh,
)


@pytest.mark.parametrize("kind", [BatchNorm1D, BatchNorm2D])
def test_a_scale_that_is_not_trained_is_a_buffer(kind: Any, rng: np.random.Generator) -> None:
    trained, fixed = (kind(3, scale=scale).initialise(rng) for scale in (True, False))
    statistics = ["running_mean", "running_var"]
    assert (list(trained.params), list(trained.buffers)) == (["weight", "bias"], statistics)
    assert (list(fixed.params), list(fixed.buffers)) == (["bias"], ["weight", *statistics])
    for layer in (trained, fixed):
        assert list(layer.buffer_shapes()) == list(layer.buffers)


@pytest.fixture
def network(rng: np.random.Generator) -> Sequential:
    body = [Conv2D(2, 2, 3, padding=1), BatchNorm2D(2)]
    return Sequential(
        [Conv2D(1, 2, 3), ReLU(), Residual(body), GlobalAvgPool2D(), Dense(2, 3)]
    ).initialise(rng, np.float64)


def test_the_base_class_computes_nothing() -> None:
    layer = Layer()
    with pytest.raises(NotImplementedError):
        layer.forward(np.zeros(1))
    with pytest.raises(NotImplementedError):
        layer.backward(np.zeros(1))
    assert layer.output_shape((3, 4)) == (3, 4)
    assert layer.param_shapes() == layer.buffer_shapes() == {}
    assert layer.multiply_adds((3, 4)) == 0
    assert layer.children() == {}


def test_names_are_those_of_pytorch(network: Sequential) -> None:
    assert list(network.named_parameters()) == [
        "0.weight", "0.bias", "2.body.0.weight", "2.body.0.bias",
        "2.body.1.weight", "2.body.1.bias", "4.weight", "4.bias",
    ]  # fmt: skip
    assert list(network.named_buffers()) == ["2.body.1.running_mean", "2.body.1.running_var"]
    assert list(network.named_grads()) == list(network.named_parameters())
    assert list(network.state_dict()) == [
        *list(network.named_parameters())[:6],
        *network.named_buffers(),
        "4.weight",
        "4.bias",
    ]
    assert [name for name, _ in network.named_layers()] == [
        "", "0", "1", "2", "2.body", "2.body.0", "2.body.1", "2.shortcut", "3", "4",
    ]  # fmt: skip
    assert (len(network), network[1], [*network][4]) == (5, network.layers[1], network.layers[4])


def test_shapes_of_all_layers_before_anything_runs(network: Sequential) -> None:
    rows = [(name, before, after) for name, _, before, after in network.named_shapes((1, 6, 7))]
    assert rows == [
        ("0", (1, 6, 7), (2, 4, 5)),
        ("1", (2, 4, 5), (2, 4, 5)),
        ("2.body.0", (2, 4, 5), (2, 4, 5)),
        ("2.body.1", (2, 4, 5), (2, 4, 5)),
        ("3", (2, 4, 5), (2,)),
        ("4", (2,), (3,)),
    ]


def test_modes_reach_every_layer(network: Sequential) -> None:
    network.eval()
    assert not any(layer.training for layer in network.walk())
    network.train()
    assert all(layer.training for layer in network.walk())


def test_a_state_goes_into_another_network(network: Sequential) -> None:
    state = {name: array.copy() + 1 for name, array in network.state_dict().items()}
    arrays = dict(network.state_dict())
    network.load_state_dict(state)
    for name, array in network.state_dict().items():
        np.testing.assert_array_equal(array, state[name])
        assert array is arrays[name]


def test_a_state_that_does_not_fit_changes_nothing(network: Sequential) -> None:
    before = {name: array.copy() for name, array in network.state_dict().items()}
    state = {name: array + 1 for name, array in before.items()}
    missing = {name: array for name, array in state.items() if name != "4.bias"}
    with pytest.raises(ShapeError, match=r"have no 4.bias, which this network needs"):
        network.load_state_dict(missing)
    with pytest.raises(ShapeError, match=r"have 5.bias, which this network does not know"):
        network.load_state_dict(state | {"5.bias": np.zeros(1)})
    with pytest.raises(ShapeError, match=r"4.bias: the weights have shape \(4,\).* network \(3,\)"):
        network.load_state_dict(state | {"4.bias": np.zeros(4)})
    for name, array in network.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_masks_need_a_generator(rng: np.random.Generator) -> None:
    layer = Dropout(0.4)
    with pytest.raises(RuntimeError, match=r"Dropout\(p=0.4\) draws a mask.*set_rng"):
        layer.forward(np.ones((2, 3)))
    layer.set_rng(rng)
    layer.forward(np.ones((2, 3)))


@pytest.mark.parametrize("layer", [Conv2D(1, 2, 3), ReLU(), MaxPool2D(2), Dropout(), Tanh()])
def test_backward_before_forward(layer: Layer) -> None:
    with pytest.raises(RuntimeError, match=r"backward before forward; call forward\(x\) first"):
        layer.backward(np.ones((1, 2, 3, 3)))


WRONG_INPUTS: list[tuple[Layer, tuple[int, ...], str]] = [
    (Conv2D(3, 16, 3), (1, 28, 28), r"Conv2D\(3→16, k=3\) got input of shape.*expected 3 channels"),
    (Conv2D(3, 16, 3), (3,), r"expected \(channels, height, width\)"),
    (Conv2D(3, 16, 5), (3, 4, 9), "an image that the kernel fits into"),
    (Conv2D(3, 16, 5), (3, 9, 4), "an image that the kernel fits into"),
    (MaxPool2D(2), (3,), r"expected \(channels, height, width\)"),
    (MaxPool2D(3), (3, 2, 9), "an image that the window fits into"),
    (AvgPool2D(3), (3, 9, 2), "an image that the window fits into"),
    (GlobalAvgPool2D(), (3,), r"expected \(channels, height, width\)"),
    (Dense(4, 2), (1, 2, 2), "put a Flatten before it"),
    (Dense(4, 2), (5,), r"Dense\(4→2\) got.*expected 4 features"),
    (BatchNorm2D(4), (3, 5, 5), r"expected \(C, H, W\) with C = 4"),
    (BatchNorm2D(4), (4,), r"expected \(C, H, W\) with C = 4"),
    (BatchNorm1D(4), (5,), r"expected \(C,\) with C = 4"),
]


@pytest.mark.parametrize(("layer", "shape", "words"), WRONG_INPUTS)
def test_inputs_that_do_not_fit(
    layer: Layer, shape: tuple[int, ...], words: str, rng: np.random.Generator
) -> None:
    with pytest.raises(ShapeError, match=words):
        layer.output_shape(shape)
    with pytest.raises(ShapeError, match=words):
        layer.initialise(rng).forward(np.zeros((2, *shape), np.float32))


def test_batch_norm_needs_more_than_one_value(rng: np.random.Generator) -> None:
    layer = BatchNorm1D(3).initialise(rng)
    with pytest.raises(ShapeError, match=r"one value a channel.*more than one sample"):
        layer.forward(np.ones((1, 3), np.float32))
    np.testing.assert_array_equal(layer.buffers["running_var"], 1)
    layer.eval().forward(np.ones((1, 3), np.float32))


def test_branches_that_cannot_be_added() -> None:
    layer = Residual([Conv2D(2, 4, 3, padding=1)])
    with pytest.raises(ShapeError, match=r"body gives \(4, 5, 5\) and the shortcut \(2, 5, 5\)"):
        layer.output_shape((2, 5, 5))


WRONG_ARGUMENTS: list[tuple[str, dict[str, Any], str, str]] = [
    ("Conv2D", {"in_channels": 0}, "in_channels", "whole number >= 1, got 0"),
    ("Conv2D", {"in_channels": True}, "in_channels", "got True"),
    ("Conv2D", {"out_channels": 2.5}, "out_channels", "got 2.5"),
    ("Conv2D", {"kernel_size": [3]}, "kernel_size", r"pair \[height, width\], got \[3\]"),
    ("Conv2D", {"kernel_size": "3"}, "kernel_size", "got '3'"),
    ("Conv2D", {"stride": [1, 0]}, "stride", "got 0"),
    ("Conv2D", {"padding": "valid"}, "padding", "'same', got 'valid'"),
    ("Conv2D", {"padding": -1}, "padding", "whole number >= 0, got -1"),
    ("Conv2D", {"dilation": True}, "dilation", "got True"),
    ("Conv2D", {"groups": 2}, "groups", "2 does not divide in_channels=3 and out_channels=2"),
    ("Conv2D", {"in_channels": 4, "out_channels": 3, "groups": 2}, "groups", "does not divide"),
    ("Conv2D", {"bias": "no"}, "bias", "true or false, got 'no'"),
    ("Conv2D", {"init": "hee"}, "init", "one of he, .*; got 'hee'"),
    ("Dense", {"init": 1}, "init", "got 1"),
    ("Dropout", {"p": 1.0}, "p", "0.0 <= number < 1.0, got 1.0"),
    ("Dropout", {"p": "half"}, "p", "got 'half'"),
    ("LeakyReLU", {"negative_slope": 1.5}, "negative_slope", "<= number <= 1.0, got 1.5"),
    ("ELU", {"alpha": False}, "alpha", "got False"),
    ("MaxPool2D", {"padding": 2}, "padding", r"at most half the kernel \(2\), got 2"),
    ("AvgPool2D", {"count_include_pad": 1}, "count_include_pad", "true or false, got 1"),
    ("BatchNorm2D", {"eps": 0}, "eps", "got 0"),
]
DEFAULTS: dict[str, dict[str, Any]] = {
    "Conv2D": {"in_channels": 3, "out_channels": 2, "kernel_size": 3},
    "Dense": {"in_features": 3, "out_features": 2},
    "MaxPool2D": {"kernel_size": 2},
    "AvgPool2D": {"kernel_size": 2},
    "BatchNorm2D": {"num_features": 2},
}


@pytest.mark.parametrize(("name", "arguments", "where", "words"), WRONG_ARGUMENTS)
def test_arguments_that_cannot_be(
    name: str, arguments: dict[str, Any], where: str, words: str
) -> None:
    with pytest.raises(ArgumentError, match=words) as caught:
        LAYERS[name](**DEFAULTS.get(name, {}) | arguments)
    assert caught.value.name == where
    assert str(caught.value).startswith(f"{where}: ")


def test_numbers_of_numpy_are_numbers() -> None:
    layer = Conv2D(np.int64(3), 2, (np.int32(3), 2))  # type: ignore[arg-type]
    assert layer.spec() == {"Conv2D": {"in_channels": 3, "out_channels": 2, "kernel_size": [3, 2]}}
    assert type(layer.in_channels) is int
    assert Dropout(np.float64(0.25)).spec() == {"Dropout": {"p": 0.25}}


def test_representations() -> None:
    layer = Conv2D(3, 4, 3, stride=2, padding="same", dilation=(1, 2), bias=False)
    assert repr(layer) == "Conv2D(3→4, k=3, stride=2, padding=same, dilation=(1, 2), bias=False)"
    assert repr(Dense(3, 4, bias=False)) == "Dense(3→4, bias=False)"
    assert repr(BatchNorm2D(3)) == "BatchNorm2D(3)"
    assert repr(ReLU()) == "ReLU()"
    assert repr(Residual([ReLU(), Tanh()], [ReLU()])) == "Residual(ReLU, Tanh + shortcut)"
    assert repr(Sequential([ReLU(), Residual([Tanh()])])) == "Sequential(ReLU(), Residual(Tanh))"


def test_a_summary_adds_up(network: Sequential) -> None:
    summary = network.summary((1, 6, 7))
    convolutions = 2 * 9 * 20 + 2 * 2 * 9 * 20
    assert summary.multiply_adds == convolutions + 2 * 20 + 2 * 3
    assert summary.multiply_adds == network.multiply_adds((1, 6, 7))
    assert summary.parameters == network.count_parameters() == 20 + 38 + 4 + 9
    assert summary.activation_bytes == 4 * (3 * 40 + 2 + 3)
    lines = str(summary).splitlines()
    assert len(lines) == 5 + 4
    assert lines[0].split() == ["layer", "output", "parameters", "multiply-adds", "memory"]
    assert lines[2].split() == ["0", "Conv2D(1→2,", "k=3)", "2×4×5", "20", "360", "0.2", "KB"]
    assert lines[-1].split()[:3] == ["total", "a", "sample"]


def test_nan_stays_nan() -> None:
    """A broken network must not look whole again behind an activation or a pool."""
    x = np.array([[[[np.nan, 1.0], [2.0, -3.0]]]])
    for layer in (ReLU(), LAYERS["LeakyReLU"](), LAYERS["ELU"](), MaxPool2D(2), AvgPool2D(2)):
        assert np.isnan(layer.forward(x)[0, 0, 0, 0])


def test_large_numbers_overflow_nothing() -> None:
    x = np.array([[-1e4, -700.0, 700.0, 1e4]])
    for name in ("Sigmoid", "Tanh", "ELU", "Softmax", "GELU"):
        layer = LAYERS[name]()
        assert np.isfinite(layer.forward(x)).all()
        dx = layer.backward(np.ones_like(x))
        assert dx is not None
        assert np.isfinite(dx).all()


def test_a_replica_with_buffers_of_its_own_moves_no_other_statistics(
    network: Sequential, rng: np.random.Generator
) -> None:
    before = {name: array.copy() for name, array in network.named_buffers().items()}
    twin = network.replica().own_buffers().train()
    assert all(np.array_equal(twin.named_buffers()[name], before[name]) for name in before)
    twin.forward(rng.standard_normal((4, 1, 6, 6)))
    assert before
    for name, array in network.named_buffers().items():
        assert np.array_equal(array, before[name])
        assert not np.array_equal(array, twin.named_buffers()[name])
