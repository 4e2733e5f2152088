"""Layer times and counted products: that they cover everything, never how fast it is."""

import threading
from typing import Any

import numpy as np
import pytest

from engine.inspection.profiler import (
    counted_products,
    frozen_trainer,
    layer_times,
    median_seconds,
    noise,
    product_share,
)
from engine.layers import Sequential
from engine.models import build
from engine.parallel.workers import Workers

SHAPE = (3, 8, 8)
SPECS: list[Any] = [
    {"Conv2D": {"out_channels": 4, "kernel_size": 3, "padding": 1}},
    "BatchNorm2D",
    "ReLU",
    {"Residual": {"body": [{"Conv2D": {"out_channels": 4, "kernel_size": 3, "padding": 1}}]}},
    "Flatten",
    {"Dropout": {"p": 0.5}},
    {"Dense": {"out_features": 10}},
]


@pytest.fixture
def model(rng: np.random.Generator) -> Sequential:
    return build(SPECS, SHAPE).initialise(rng)


def test_every_layer_is_timed_and_counted_once(model: Sequential) -> None:
    x, labels = noise(SHAPE, 10, 6).load(np.arange(6))
    rows = {row.name: row for row in layer_times(model, x, labels, 0.0)}
    assert list(rows) == ["0", "1", "2", "3", "3.body.0", "4", "5", "6"]
    assert all(row.forward > 0 and row.backward > 0 for row in rows.values())
    # 2 operations a multiply-add; the first layer has no gradient towards the images.
    first, inner, dense = 6 * 64 * 4 * 3 * 9, 6 * 64 * 4 * 4 * 9, 6 * 256 * 10
    assert (rows["0"].forward_flops, rows["0"].backward_flops) == (2 * first, 2 * first)
    assert (rows["3.body.0"].forward_flops, rows["3.body.0"].backward_flops) == (
        2 * inner,
        4 * inner,
    )
    assert (rows["6"].forward_flops, rows["6"].backward_flops) == (2 * dense, 4 * dense)
    assert rows["1"].forward_flops == rows["3"].forward_flops == 0


def test_a_container_is_charged_only_for_its_own_work(
    model: Sequential, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr("engine.inspection.profiler.time.perf_counter", lambda: float(next(clock)))
    x, labels = noise(SHAPE, 10, 4).load(np.arange(4))
    rows = {row.name: row for row in layer_times(model, x, labels, 0.0)}
    # Every look at the clock moves it by one: a leaf takes 1, and what holds one leaf 3 in all.
    assert rows["3.body.0"].forward == rows["3.body.0"].backward == 1
    assert rows["3"].forward == rows["3"].backward == 2


def test_layer_times_leave_the_weights_and_the_network_alone(model: Sequential) -> None:
    before = {name: array.copy() for name, array in model.named_parameters().items()}
    x, labels = noise(SHAPE, 10, 4).load(np.arange(4))
    layer_times(model.eval(), x, labels, 0.0)
    assert not model.training
    assert all(layer.saved is None and "forward" not in vars(layer) for layer in model.walk())
    for name, array in model.named_parameters().items():
        np.testing.assert_array_equal(array, before[name])


def test_products_of_all_threads_are_counted_while_it_is_open() -> None:
    matmul = np.matmul
    a, b = np.ones((5, 2, 3), np.float32), np.ones((5, 3, 4), np.float32)
    out = np.empty((5, 2, 4), np.float32)
    with counted_products() as products:
        np.testing.assert_array_equal(np.matmul(a, b), np.full((5, 2, 4), 3))
        thread = threading.Thread(target=np.matmul, args=(a, b), kwargs={"out": out})
        thread.start()
        thread.join()
    np.testing.assert_array_equal(out, np.full((5, 2, 4), 3))
    assert (products.calls, products.flops) == (2, 2 * 2 * 5 * 2 * 3 * 4)
    assert products.seconds > 0
    assert np.matmul is matmul


def test_numpy_is_itself_again_after_an_error() -> None:
    matmul = np.matmul
    with pytest.raises(ValueError, match="matmul"), counted_products():
        np.matmul(np.ones((2, 3)), np.ones((2, 3)))
    assert np.matmul is matmul


def test_a_still_trainer_works_and_changes_no_weight(model: Sequential) -> None:
    before = {name: array.copy() for name, array in model.named_parameters().items()}
    batches = noise(SHAPE, 10, 20, steps=2)
    assert batches.steps_per_epoch == 2
    with Workers(1) as workers:
        result, _ = frozen_trainer(model, workers).step(batches, 0, 1)
    assert result.samples == 20
    assert result.grad_norm > 0
    for name, array in model.named_parameters().items():
        np.testing.assert_array_equal(array, before[name])


def test_the_share_of_products_is_a_share(model: Sequential) -> None:
    share = product_share(model, noise(SHAPE, 10, 8), 0.0)
    assert 0 < share.share < 1
    assert share.flops_per_s > 0


def test_the_first_run_only_warms_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    costs = iter([100.0, 3.0, 1.0, 2.0, 50.0])
    monkeypatch.setattr("engine.inspection.profiler.time.perf_counter", lambda: now[0])

    def run() -> None:
        now[0] += next(costs)

    assert median_seconds(run, 6.0) == 2.0
