"""What layers say of themselves, by hand: shapes, costs, ranges, first values; and edges."""

import math
from typing import Any

import numpy as np
import pytest

from engine.initializers import INITS, init_bias
from engine.layers import (
    ELU,
    GELU,
    LAYERS,
    ArgumentError,
    AvgPool2D,
    BatchNorm1D,
    BatchNorm2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
)

Shape = tuple[int, ...]

FIGURES: list[tuple[Layer, Shape, Shape, int, int]] = [
    # layer, input, output, multiply-adds, numbers of scratch memory: all of one sample
    (Conv2D(3, 4, 3), (3, 8, 7), (4, 6, 5), 4 * 3 * 9 * 30, 3 * (9 * 5)),
    (Conv2D(3, 4, 3, padding=1), (3, 8, 7), (4, 8, 7), 4 * 3 * 9 * 56, 3 * (90 + 9 * 7)),
    (Conv2D(4, 6, (3, 2), groups=2), (4, 8, 7), (6, 6, 6), 6 * 2 * 6 * 36, 4 * (6 * 6)),
    (Conv2D(3, 4, 3, (2, 1), "same"), (3, 8, 7), (4, 4, 7), 4 * 27 * 28, 3 * (90 + 9 * 7)),
    (Conv2D(3, 4, 3, 1, 0, (2, 3)), (3, 8, 7), (4, 4, 1), 4 * 27 * 4, 3 * 9),
    (Dense(5, 3), (5,), (3,), 15, 0),
    (MaxPool2D(2), (3, 8, 7), (3, 4, 3), 0, 0),
    (MaxPool2D(3, 1), (3, 8, 7), (3, 6, 5), 0, 0),
    (MaxPool2D(3, (2, 1), (1, 0)), (3, 8, 7), (3, 4, 5), 0, 3 * 10 * 7),
    (AvgPool2D((3, 2), 1, 1), (3, 8, 7), (3, 8, 8), 0, 3 * 10 * 9),
    (GlobalAvgPool2D(), (3, 8, 7), (3,), 0, 0),
    (Flatten(), (3, 8, 7), (168,), 0, 0),
    (BatchNorm2D(3), (3, 8, 7), (3, 8, 7), 168, 0),
    (BatchNorm1D(3), (3,), (3,), 3, 0),
    (ReLU(), (3, 8, 7), (3, 8, 7), 0, 0),
    (Residual([Dense(4, 4), Tanh(), Dense(4, 4)], [Dense(4, 4)]), (4,), (4,), 48, 0),
]


@pytest.mark.parametrize(("layer", "shape", "out", "multiply_adds", "scratch"), FIGURES)
def test_shapes_and_costs_by_hand(
    layer: Layer, shape: Shape, out: Shape, multiply_adds: int, scratch: int
) -> None:
    assert layer.output_shape(shape) == out
    assert layer.multiply_adds(shape) == multiply_adds
    assert layer.scratch_size(shape) == scratch


RANGES: list[tuple[Layer, tuple[float, float], tuple[float, float]]] = [
    (ReLU(), (-2.0, 0.5), (0.0, 0.5)),
    (ReLU(), (-2.0, -1.0), (0.0, 0.0)),
    (ReLU(), (0.25, 0.5), (0.25, 0.5)),
    (LeakyReLU(0.5), (-2.0, 3.0), (-1.0, 3.0)),
    (LeakyReLU(0.5), (-2.0, -1.0), (-1.0, -0.5)),
    (LeakyReLU(0.5), (0.25, 0.5), (0.25, 0.5)),
    (LeakyReLU(0.0), (-2.0, 0.5), (0.0, 0.5)),
    (LeakyReLU(0.0), (-math.inf, -1.0), (0.0, 0.0)),
    (LeakyReLU(0.0), (0.25, 0.5), (0.25, 0.5)),
    (ELU(2.0), (-1.0, 0.5), (2 * math.expm1(-1.0), 0.5)),
    (ELU(2.0), (-2.0, -1.0), (2 * math.expm1(-2.0), 2 * math.expm1(-1.0))),
    (ELU(2.0), (0.25, 0.5), (0.25, 0.5)),
    (SiLU(), (-2.0, 0.5), (-0.2785, 0.5)),
    (SiLU(), (-2.0, -1.0), (-0.2785, 0.0)),
    (GELU(), (-2.0, 0.5), (-0.1701, 0.5)),
    (GELU(), (-2.0, -1.0), (-0.1701, 0.0)),
    (Sigmoid(), (-2.0, 0.5), (0.0, 1.0)),
    (Tanh(), (-2.0, 0.5), (-1.0, 1.0)),
    (Softmax(), (-2.0, 0.5), (0.0, 1.0)),
    (Dropout(0.5), (-2.0, 0.5), (-4.0, 1.0)),
    (Dropout(0.5), (-2.0, -1.0), (-4.0, 0.0)),
    (Dropout(0.5), (1.0, 2.0), (0.0, 4.0)),
    (MaxPool2D(2), (-2.0, 0.5), (-2.0, 0.5)),
    (AvgPool2D(2), (1.0, 2.0), (0.0, 2.0)),
    (AvgPool2D(2), (-2.0, -1.0), (-2.0, 0.0)),
    (GlobalAvgPool2D(), (-2.0, 0.5), (-2.0, 0.5)),
    (Flatten(), (-2.0, 0.5), (-2.0, 0.5)),
    (Dense(2, 2), (-2.0, 0.5), (-math.inf, math.inf)),
    (Residual([Sigmoid()]), (-2.0, 0.5), (-2.0, 1.5)),
    (Residual([ReLU(), Tanh()], [Sigmoid()]), (-2.0, 0.5), (-1.0, 2.0)),
    (Sequential([ReLU(), LeakyReLU(0.5)]), (-2.0, 0.5), (0.0, 0.5)),
]


@pytest.mark.parametrize(("layer", "given", "expected"), RANGES)
def test_ranges_by_hand(
    layer: Layer, given: tuple[float, float], expected: tuple[float, float]
) -> None:
    assert layer.output_range(*given) == expected


def test_the_samples_that_statistics_need() -> None:
    assert BatchNorm2D(4).least_samples((4, 2, 1)) == 1
    assert BatchNorm2D(4).least_samples((4, 1, 1)) == 2
    assert BatchNorm1D(4).least_samples((4,)) == 2
    assert Dense(4, 2).least_samples((4,)) == 1
    assert Sequential([]).least_samples((4,)) == 1
    assert Sequential([BatchNorm1D(4), ReLU()]).least_samples((4,)) == 2
    assert Residual([ReLU()], [BatchNorm1D(4)]).least_samples((4,)) == 2


@pytest.mark.parametrize("init", INITS)
def test_first_values_are_drawn_weight_before_bias_with_the_fans_of_the_weight(init: str) -> None:
    for layer, shape, fan_in in (
        (Conv2D(6, 4, (3, 2), groups=2, init=init), (4, 3, 3, 2), 18),
        (Dense(6, 4, init=init), (4, 6), 6),
    ):
        layer.initialise(np.random.default_rng(1), np.float32)
        rng = np.random.default_rng(1)
        weight = INITS[init](shape, rng, np.float32)
        assert layer.params["weight"].tobytes() == weight.tobytes()
        bias = init_bias(init, (4,), fan_in, rng, np.float32)
        assert layer.params["bias"].tobytes() == bias.tobytes()
        assert all(not grad.any() for grad in layer.grads.values())


def test_a_batch_norm_begins_as_the_standard_normal_s() -> None:
    layer = BatchNorm2D(2).initialise(np.random.default_rng(0))
    assert {name: array.tolist() for name, array in layer.state_dict().items()} == {
        "weight": [1, 1],
        "bias": [0, 0],
        "running_mean": [0, 0],
        "running_var": [1, 1],
    }
    assert not np.shares_memory(layer.params["bias"], layer.buffers["running_mean"])
    assert not np.shares_memory(layer.params["weight"], layer.buffers["running_var"])


def test_containers_draw_in_order() -> None:
    network = Sequential([Dense(3, 2), Residual([Dense(2, 2)], [Dense(2, 2)]), Dense(2, 1)])
    network.initialise(np.random.default_rng(1))
    rng = np.random.default_rng(1)
    for name, array in network.named_parameters().items():
        if name.endswith("weight"):
            expected = INITS["he"](array.shape, rng, np.float32)
            assert array.tobytes() == expected.tobytes(), name


def test_a_replica_begins_without_gradients() -> None:
    layer = Dense(3, 2).initialise(np.random.default_rng(0))
    layer.grads["weight"][...] = 7
    replica = layer.replica()
    assert all(not grad.any() for grad in replica.grads.values())
    assert not np.shares_memory(replica.grads["weight"], layer.grads["weight"])


def test_a_block_by_itself_names_its_branches() -> None:
    names = [name for name, *_ in Residual([ReLU(), Tanh()], [Sigmoid()]).named_shapes((4,))]
    assert names == ["body.0", "body.1", "shortcut.0"]


def test_a_channel_is_dead_where_no_sample_and_no_pixel_of_it_is_above_zero() -> None:
    layer, x = ReLU(), np.full((3, 4, 2, 2), -1.0, np.float32)
    x[1, 0, 0, 1] = x[2, 1, 1, 0] = x[0, 1, 1, 1] = 0.5
    layer.forward(x)
    assert layer.dead_share() == 0.5
    layer.forward(x.reshape(3, 16))
    assert layer.dead_share() == 1 - 3 / 16
    assert type(layer.dead_share()) is float


def test_windows_are_those_of_the_arguments() -> None:
    pool = AvgPool2D((3, 2), (2, 1), (1, 0))
    assert pool.window.kernel == (3, 2)
    assert pool.window.stride == (2, 1)
    assert pool.window.pads == ((1, 1), (0, 0))
    assert MaxPool2D((3, 2)).window.stride == (3, 2)
    conv = Conv2D(2, 2, (3, 2), (2, 1), (1, 0), (1, 3))
    assert (conv.window.stride, conv.window.dilation) == ((2, 1), (1, 3))


def test_a_kernel_that_is_too_large_is_named_height_first() -> None:
    with pytest.raises(ArgumentError, match="got 300x400"):
        MaxPool2D((300, 400))


# -- edges -----------------------------------------------------------------------------------------


def test_what_relu_cuts_off_is_plus_zero() -> None:
    for shape in ((1, 2), (1, 1, 1, 2)):
        out = ReLU().forward(np.full(shape, -1.0, np.float32))
        assert out.tobytes() == bytes(8)


@pytest.mark.parametrize(("slope", "dtype"), [(0.0, np.float64), (1e-60, np.float32)])
def test_a_slope_of_zero_leaves_infinity_and_cuts_off_the_rest(slope: float, dtype: Any) -> None:
    x = np.array([[-np.inf, -2.0, 0.0, 0.5, 2.0, np.inf]], dtype)
    expected = np.array([[np.nan, 0.0, 0.0, 0.5, 2.0, np.inf]], dtype)
    np.testing.assert_array_equal(LeakyReLU(slope).forward(x), expected)


def test_dropout_of_nothing_draws_nothing() -> None:
    layer, x = Dropout(0.0), np.ones((2, 3))
    assert layer.forward(x) is x
    assert layer.backward(x) is x


def test_dropout_keeps_what_draws_its_own_probability() -> None:
    class Quarter(np.random.Generator):
        def random(self, size: Any, *_: Any, **__: Any) -> Any:  # type: ignore[override]
            return np.full(size, 0.25, np.float32)

    layer = Dropout(0.25)
    layer.set_rng(Quarter(np.random.PCG64(0)))
    np.testing.assert_allclose(layer.forward(np.ones((2, 3))), 1 / 0.75)


@pytest.mark.parametrize(
    ("name", "argument", "most", "too_much"),
    [
        ("Dropout", "p", 0.999, 1.0),
        ("LeakyReLU", "negative_slope", 1.0, 1.001),
        ("BatchNorm1D", "momentum", 1.0, 1.001),
        ("BatchNorm2D", "eps", 1.0, 1.001),
    ],
)
def test_the_largest_arguments(name: str, argument: str, most: float, too_much: float) -> None:
    others = {"num_features": 3} if name.startswith("BatchNorm") else {}
    assert getattr(LAYERS[name](**others, **{argument: most}), argument) == most
    with pytest.raises(ArgumentError, match=argument):
        LAYERS[name](**others, **{argument: too_much})


def test_the_smallest_eps() -> None:
    assert BatchNorm2D(2, eps=1e-12).eps == 1e-12
    with pytest.raises(ArgumentError, match="eps"):
        BatchNorm2D(2, eps=9e-13)
