import numpy as np
import pytest

from engine.layers import Sequential
from engine.models import build
from engine.optim.parameters import FlatParameters, rms

SPECS = [
    {"Conv2D": {"out_channels": 2, "kernel_size": 3}},
    "BatchNorm2D",
    {"Residual": {"body": [{"Conv2D": {"out_channels": 2, "kernel_size": 1}}]}},
    "Flatten",
    {"Dense": {"out_features": 3}},
]


@pytest.fixture
def model(rng: np.random.Generator) -> Sequential:
    return build(SPECS, (1, 5, 5)).initialise(rng)


def test_the_vector_holds_every_parameter_and_the_layers_see_it(model: Sequential) -> None:
    before = {name: array.copy() for name, array in model.named_parameters().items()}
    flat = FlatParameters(model)
    assert flat.names == tuple(before)
    assert flat.vector.size == model.count_parameters()
    assert flat.vector.dtype == np.float32
    np.testing.assert_array_equal(
        flat.vector, np.concatenate([array.ravel() for array in before.values()])
    )
    x = np.ones((2, 1, 5, 5), np.float32)
    y = model.eval().forward(x)
    flat.vector *= 2
    for name, array in model.named_parameters().items():
        np.testing.assert_array_equal(array, 2 * before[name])
    assert not np.array_equal(model.forward(x), y)


def test_replicas_share_parameters_and_have_gradients_of_their_own(model: Sequential) -> None:
    flat = FlatParameters(model)
    one, two = model.replica(), model.replica()
    mine, others = flat.gradients_of(one), flat.gradients_of(two)
    one.train().forward(np.ones((2, 1, 5, 5), np.float32))
    one.backward(np.ones((2, 3), np.float32))
    np.testing.assert_array_equal(
        mine, np.concatenate([grad.ravel() for grad in one.named_grads().values()])
    )
    assert mine.any()
    assert not others.any()
    flat.vector[:] = 7
    assert all((array == 7).all() for array in two.named_parameters().values())


def test_the_parts_of_a_vector_are_views_in_their_order(
    model: Sequential, rng: np.random.Generator
) -> None:
    flat = FlatParameters(model)
    vector = rng.random(flat.vector.size, dtype=np.float32)
    parts = flat.split(vector)
    assert {name: part.shape for name, part in parts.items()} == {
        name: array.shape for name, array in model.named_parameters().items()
    }
    np.testing.assert_array_equal(np.concatenate([part.ravel() for part in parts.values()]), vector)
    assert all(np.shares_memory(part, vector) for part in parts.values())


def test_float64_and_no_parameters_at_all(rng: np.random.Generator) -> None:
    wide = build(SPECS, (1, 5, 5)).initialise(rng, np.float64)
    assert FlatParameters(wide).vector.dtype == np.float64
    empty = build(["Flatten"], (1, 2, 2)).initialise(rng)
    flat = FlatParameters(empty)
    assert flat.vector.shape == (0,)
    assert flat.gradients_of(empty.replica()).shape == (0,)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rms(dtype: type) -> None:
    assert rms(np.array([[3, 4], [0, 0]], dtype)) == pytest.approx(2.5)
    assert rms(np.zeros((0, 3), dtype)) == 0
    assert rms(np.full(4, 1e30, dtype)) == pytest.approx(1e30)  # its square is no float32
