"""What a step may touch, what a state holds, and errors that teach."""

import copy
import math
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from engine.errors import ShapeError
from engine.optim import OPTIMIZERS
from engine.optim.optimizer import BLOCK, register
from tests.support.optim_problem import LR, Arrays, all_cases, every_rule, gradients, problem


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@all_cases
def test_bug_18_dtypes_stay_and_updates_are_in_place(
    name: str, options: dict[str, Any], dtype: type
) -> None:
    params = problem(dtype)
    before = dict(params)
    memory = {key: p.__array_interface__["data"] for key, p in params.items()}
    start = {key: p.copy() for key, p in params.items()}
    grads = gradients(params, 1)
    kept = {key: g.copy() for key, g in grads.items()}
    optimizer = OPTIMIZERS[name](LR, **options)
    optimizer.lr = np.float64(LR)  # a NumPy scalar must not let float64 in
    optimizer.step(params, grads)
    optimizer.step(params, grads)
    for key, p in params.items():
        assert p is before[key]
        assert p.__array_interface__["data"] == memory[key]
        assert p.dtype == dtype
        assert (p != start[key]).all()
        np.testing.assert_array_equal(grads[key], kept[key])
        for arrays in optimizer.slots.values():
            assert arrays[key].dtype == dtype
            assert arrays[key].shape == p.shape
    assert optimizer.t == 2


@every_rule
def test_bug_9_slots_share_no_memory(name: str) -> None:
    params = problem()
    optimizer = OPTIMIZERS[name](LR)
    optimizer.step(params, gradients(params, 1))
    arrays = [a for slots in optimizer.slots.values() for a in slots.values()]
    for i, a in enumerate(arrays):
        for b in [*arrays[:i], *params.values()]:
            assert not np.shares_memory(a, b)


@all_cases
def test_cutting_the_parameters_changes_no_bit(name: str, options: dict[str, Any]) -> None:
    size = 2 * BLOCK + 1237
    rng = np.random.default_rng(5)
    whole = rng.standard_normal(size).astype(np.float32)
    pieces = whole.copy()
    cuts = [0, 1, 17, 1000, BLOCK - 3, BLOCK + 5, size]
    parts = {str(a): pieces[a:b] for a, b in pairwise(cuts)}
    one, many = OPTIMIZERS[name](LR, **options), OPTIMIZERS[name](LR, **options)
    for _ in range(3):
        grad = rng.standard_normal(size).astype(np.float32)
        one.step({"flat": whole}, {"flat": grad})
        many.step(parts, {k: grad[int(k) : int(k) + p.size] for k, p in parts.items()})
    np.testing.assert_array_equal(whole, pieces)


@all_cases
def test_a_part_of_the_parameters_is_one_worker_s_share(name: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(5)
    whole = rng.standard_normal(1000).astype(np.float32)
    shared = whole.copy()
    one = OPTIMIZERS[name](LR, **options)
    # Every worker has an optimizer of its own; what it remembers is shared too.
    crew = [OPTIMIZERS[name](LR, **options) for _ in range(3)]
    for worker in crew:
        for slot in worker.slot_names:
            worker.slots[slot] = crew[0].slots[slot]
            worker.slots[slot]["flat"] = np.zeros(1000, np.float32)
    for _ in range(3):
        grad = rng.standard_normal(1000).astype(np.float32)
        one.step({"flat": whole}, {"flat": grad})
        for worker, part in zip(crew, (slice(0, 3), slice(3, 700), slice(700, 1000)), strict=True):
            worker.step({"flat": shared}, {"flat": grad}, part)
    np.testing.assert_array_equal(shared, whole)


@all_cases
def test_a_step_allocates_nothing_of_a_parameters_size(name: str, options: dict[str, Any]) -> None:
    params = {"w": np.ones(300_000, np.float32)}
    grads = {"w": np.ones(300_000, np.float32)}
    optimizer = OPTIMIZERS[name](LR, **options)
    optimizer.step(params, grads)
    tracemalloc.start()
    optimizer.step(params, grads)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@all_cases
def test_a_restored_state_goes_on_bit_for_bit(
    name: str, options: dict[str, Any], dtype: type
) -> None:
    params = problem(dtype)
    optimizer = OPTIMIZERS[name](LR, **options)
    for t in range(1, 8):
        optimizer.step(params, gradients(params, t))
    optimizer.lr = 0.003
    restored = OPTIMIZERS[name](LR, **options)
    restored.t, restored.lr = optimizer.t, optimizer.lr
    restored.slots = copy.deepcopy(optimizer.slots)
    other = {key: p.copy() for key, p in params.items()}
    for t in range(8, 15):
        optimizer.step(params, gradients(params, t))
        restored.step(other, gradients(other, t))
    for key, p in params.items():
        np.testing.assert_array_equal(other[key], p)


def test_a_gradient_in_another_memory_order_is_the_same_gradient() -> None:
    params, other = problem(), problem()
    grads = gradients(params, 1)
    OPTIMIZERS["sgd"](LR).step(params, grads)
    OPTIMIZERS["sgd"](LR).step(other, {key: np.asfortranarray(g) for key, g in grads.items()})
    for key, p in params.items():
        np.testing.assert_array_equal(other[key], p)


def test_a_state_of_another_network_is_refused_before_anything_is_updated() -> None:
    params = problem()
    optimizer = OPTIMIZERS["adam"](LR)
    optimizer.step(params, gradients(params, 1))
    optimizer.slots["exp_avg"]["1.weight"] = np.zeros((7, 5))
    before = {key: p.copy() for key, p in params.items()}
    with pytest.raises(ShapeError, match=r"1.weight has shape \(5, 7\), its exp_avg \(7, 5\)"):
        optimizer.step(params, gradients(params, 2))
    for key, p in params.items():
        np.testing.assert_array_equal(p, before[key])
    assert optimizer.t == 1


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda p, g: g.pop("0.bias"), ValueError, "one gradient of its name; not so for 0.bias"),
        (lambda p, g: g.update(x=np.ones(2)), ValueError, "not so for x"),
        (lambda p, g: g.update({"0.bias": np.ones((4, 1))}), ShapeError, r"\(4,\).*\(4, 1\)"),
        (
            lambda p, g: g.update({"0.bias": np.ones(4, np.float32)}),
            ValueError,
            "dtype float64, its gradient float32",
        ),
        (lambda p, g: p.update({"0.bias": np.ones(8)[::2]}), ValueError, "C-contiguous"),
        (lambda p, g: p.update({"0.bias": np.ones(4, int)}), ValueError, "array of floats"),
    ],
)
def test_step_errors_teach_and_nothing_is_updated(
    change: Callable[[Arrays, Arrays], Any], error: type[Exception], words: str
) -> None:
    params = problem()
    grads = gradients(params, 1)
    change(params, grads)
    before = params["0.weight"].copy()
    optimizer = OPTIMIZERS["sgd"](LR)
    with pytest.raises(error, match=words):
        optimizer.step(params, grads)
    np.testing.assert_array_equal(params["0.weight"], before)
    assert optimizer.t == 0


@pytest.mark.parametrize("lr", [0.0, -0.1, math.nan, math.inf])
@every_rule
def test_impossible_learning_rates(name: str, lr: float) -> None:
    with pytest.raises(ValueError, match="lr must be a finite number above 0"):
        OPTIMIZERS[name](lr)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("sgd", {"weight_decay": -1e-4}, "weight_decay must be a finite number of at least 0"),
        ("adam", {"weight_decay": math.nan}, "weight_decay"),
        ("momentum", {"momentum": 1.0}, "momentum must be at least 0 and below 1, got 1.0"),
        ("momentum", {"momentum": math.nan}, "momentum"),
        ("rmsprop", {"alpha": -0.1}, "alpha"),
        ("rmsprop", {"eps": 0.0}, "eps must be a finite number above 0"),
        ("adam", {"betas": (1.0, 0.999)}, r"betas\[0\]"),
        ("adamw", {"betas": (0.9, 1.0)}, r"betas\[1\]"),
        ("adam", {"eps": -1e-8}, "eps"),
    ],
)
def test_impossible_options(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        OPTIMIZERS[name](LR, **options)


def test_a_schedule_may_set_the_learning_rate_to_zero_but_not_to_nonsense() -> None:
    params = problem()
    before = {key: p.copy() for key, p in params.items()}
    optimizer = OPTIMIZERS["adam"](LR)
    optimizer.lr = 0.0
    optimizer.step(params, gradients(params, 1))
    for key, p in params.items():
        np.testing.assert_array_equal(p, before[key])
    for bad in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="lr must be"):
            optimizer.lr = bad


@pytest.mark.parametrize("bad", [math.nan, math.inf, 3e38])
@every_rule
def test_gradients_that_are_not_finite_print_no_warnings(name: str, bad: float) -> None:
    params = {"w": np.ones(4, np.float32)}
    optimizer = OPTIMIZERS[name](LR)
    for _ in range(2):
        optimizer.step(params, {"w": np.array([bad, -bad, 1.0, 1.0], np.float32)})
    assert np.isfinite(params["w"][2:]).all()


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="there are two optimizers named sgd"):
        register("sgd")(OPTIMIZERS["adam"])
