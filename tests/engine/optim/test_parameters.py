from typing import Any

import numpy as np
import pytest

from engine.layers import Dense, Sequential
from engine.models import build
from engine.optim import Adam
from engine.optim.parameters import FlatParameters, rms, share_buffers, share_slots

SPECS: list[Any] = [
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


def test_what_is_frozen_lies_behind_what_is_trained(model: Sequential) -> None:
    before = {name: array.copy() for name, array in model.named_parameters().items()}
    for i in (0, 2):
        model[i].freeze()
    flat = FlatParameters(model)
    assert flat.names == tuple(before)
    order = ["1.weight", "1.bias", "4.weight", "4.bias"]
    assert flat.trained == sum(before[name].size for name in order)
    order += ["0.weight", "0.bias", "2.body.0.weight", "2.body.0.bias"]
    np.testing.assert_array_equal(
        flat.vector, np.concatenate([before[name].ravel() for name in order])
    )
    for name, array in model.named_parameters().items():
        np.testing.assert_array_equal(array, before[name])
        np.testing.assert_array_equal(flat.vector[flat.slices[name]], before[name].ravel())


def test_all_is_trained_or_nothing(model: Sequential, rng: np.random.Generator) -> None:
    assert FlatParameters(model).trained == model.count_parameters()
    assert FlatParameters(model.freeze()).trained == 0
    assert FlatParameters(Dense(3, 2).initialise(rng).freeze()).trained == 0


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


def test_a_network_of_one_layer_has_names_without_a_prefix(rng: np.random.Generator) -> None:
    layer = Dense(3, 2).initialise(rng)
    weight, bias = (array.copy() for array in layer.params.values())
    flat = FlatParameters(layer)
    assert flat.names == ("weight", "bias")
    np.testing.assert_array_equal(flat.vector, [*weight.ravel(), *bias])
    assert np.shares_memory(layer.params["bias"], flat.vector)
    assert flat.slices == {"weight": slice(0, 6), "bias": slice(6, 8)}


def test_a_fresh_gradient_is_zero_whatever_the_replica_had(model: Sequential) -> None:
    flat, replica = FlatParameters(model), model.replica()
    for grad in replica.named_grads().values():
        grad[...] = 7
    vector = flat.gradients_of(replica)
    assert vector.tobytes() == bytes(4 * vector.size)
    assert all(np.shares_memory(grad, vector) for grad in replica.named_grads().values())


def test_buffers_keep_their_values_when_they_become_shared(rng: np.random.Generator) -> None:
    model = build(["BatchNorm2D", {"Residual": {"body": ["BatchNorm2D"]}}], (3, 2, 2))
    model.initialise(rng)
    for i, array in enumerate(model.named_buffers().values(), 1):
        array += np.arange(3) * i
    before = {name: array.copy() for name, array in model.named_buffers().items()}
    old = list(model.named_buffers().values())
    shared = share_buffers(model)
    assert [id(array) for array in shared] == [id(a) for a in model.named_buffers().values()]
    assert not any(np.shares_memory(a, b) for a, b in zip(shared, old, strict=True))
    for name, array in model.named_buffers().items():
        np.testing.assert_array_equal(array, before[name])


def test_an_optimizer_remembers_zeros_of_the_vector(model: Sequential) -> None:
    flat, optimizer = FlatParameters(model), Adam(0.1)
    share_slots(optimizer, flat)
    assert optimizer.slots.keys() == {"exp_avg", "exp_avg_sq"}
    for arrays in optimizer.slots.values():
        (array,) = arrays.values()
        assert list(arrays) == [""]
        assert (array.shape, array.dtype) == (flat.vector.shape, flat.vector.dtype)
        assert array.tobytes() == bytes(array.nbytes)


def test_the_size_of_one_number_is_its_own() -> None:
    assert rms(np.array([-3.0])) == 3.0
    assert type(rms(np.array([3.0], np.float32))) is float
