import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from engine.data import Batches, Split
from engine.hints import LayerStats
from engine.layers import Sequential
from engine.losses import SoftmaxCrossEntropy
from engine.models import build
from engine.optim import SGD
from engine.optim.parameters import FlatParameters
from engine.parallel.workers import Workers
from engine.train.snapshot import (
    LayerSnapshot,
    Snapshot,
    dead_shares,
    layer_stats,
    take_snapshot,
    weights_snapshot,
)
from engine.train.trainer import Trainer
from tests.support.small_runs import copy_state, same_arrays

SPECS: list[Any] = [
    {"Conv2D": {"out_channels": 4, "kernel_size": 3}},
    "BatchNorm2D",
    {"Residual": {"body": [{"Conv2D": {"out_channels": 4, "kernel_size": 1}}, "ReLU"]}},
    "ReLU",
    "Flatten",
    {"Dense": {"out_features": 3}},
]


@pytest.fixture
def trainer() -> Iterator[Trainer]:
    model = build(SPECS, (1, 6, 6)).initialise(np.random.default_rng(0))
    with Workers(1) as workers:
        yield Trainer(model, SoftmaxCrossEntropy(), SGD(lr=0.1), seed=0, workers=workers)


@pytest.fixture
def batches(rng: np.random.Generator) -> Batches:
    images = rng.integers(0, 256, (40, 1, 6, 6), dtype=np.uint8)
    split = Split(images, rng.integers(0, 3, 40))
    return Batches(split, np.arange(40), 40, seed=0, shuffle=True, mean=(0.5,), std=(0.3,))


def by_name(snapshot: Snapshot) -> dict[str, LayerSnapshot]:
    return {layer.name: layer for layer in snapshot.layers}


def test_weights_are_copies_by_layer(trainer: Trainer) -> None:
    snapshot = weights_snapshot(trainer.model)
    layers = by_name(snapshot)
    assert list(layers) == ["0", "1", "2.body.0", "2.body.1", "3", "4", "5"]
    assert layers["1"].weights.keys() == {"weight", "bias", "running_mean", "running_var"}
    assert layers["5"].layer.startswith("Dense")
    assert all(not layer.grads and layer.dead is None for layer in snapshot.layers)
    taken = {f"{n}.{k}": a for n, layer in layers.items() for k, a in layer.weights.items()}
    assert same_arrays(taken, copy_state(trainer.model))
    live = trainer.model.state_dict().values()
    assert not any(np.shares_memory(one, other) for one in taken.values() for other in live)


def test_a_step_that_is_inspected_tells_weights_gradients_and_updates(
    trainer: Trainer, batches: Batches
) -> None:
    before = copy_state(trainer.model)
    _, snapshot = trainer.step(batches, 0, 0, inspect=True)
    assert snapshot is not None
    for name, layer in by_name(snapshot).items():
        for key, grad in layer.grads.items():
            old, new = before[f"{name}.{key}"], layer.weights[key]
            np.testing.assert_allclose(new, old - 0.1 * grad, rtol=1e-5, atol=1e-7)
            size = max(float(np.sqrt((old.astype("f8") ** 2).mean())), 1e-12)
            update = 0.1 * float(np.sqrt((grad.astype("f8") ** 2).mean()))
            assert layer.update_ratio[key] == pytest.approx(update / size, rel=1e-2, abs=1e-9)
    assert by_name(snapshot)["1"].grads.keys() == {"weight", "bias"}  # buffers have none
    taken = copy.deepcopy(snapshot)
    trainer.step(batches, 1, 0)
    for layer, expected in zip(snapshot.layers, taken.layers, strict=True):
        assert same_arrays(layer.weights, expected.weights)
        assert same_arrays(layer.grads, expected.grads)


def test_inspecting_changes_no_bit(batches: Batches) -> None:
    states = []
    for inspect in (False, True):
        model = build(SPECS, (1, 6, 6)).initialise(np.random.default_rng(0))
        with Workers(1) as workers:
            trainer = Trainer(model, SoftmaxCrossEntropy(), SGD(lr=0.1), seed=0, workers=workers)
            for epoch in range(3):
                _, snapshot = trainer.step(batches, epoch, 0, inspect=inspect)
                assert (snapshot is not None) == inspect
        states.append(copy_state(model))
    assert same_arrays(*states)


def test_dead_channels_are_counted(trainer: Trainer, batches: Batches) -> None:
    body = trainer.model.named_parameters()
    body["2.body.0.weight"][[0, 2, 3]] = 0
    body["2.body.0.bias"][[0, 2]] = -1  # these two give nothing but zeros
    body["2.body.0.bias"][3] = 1
    _, snapshot = trainer.step(batches, 0, 0, inspect=True)
    assert snapshot is not None
    layers = by_name(snapshot)
    assert layers["2.body.1"].dead == 0.5
    assert layers["3"].dead == 0
    assert layers["5"].dead is None


def test_a_channel_is_dead_where_it_is_zero_for_every_sample_and_pixel() -> None:
    model = Sequential([*build(["ReLU", "Flatten", "ReLU"], (4, 2, 2))])
    x = np.full((3, 4, 2, 2), -1.0, np.float32)
    x[1, 0, 0, 1] = x[2, 1, 1, 0] = x[0, 1, 1, 1] = 0.5
    model.forward(x)
    # Two of four channels; as features, three of sixteen are alive.
    shares = dead_shares(model)
    assert shares == {"0": 0.5, "2": 1 - 3 / 16}
    assert {type(share) for share in shares.values()} == {float}


def test_a_snapshot_has_the_buffers_too(rng: np.random.Generator) -> None:
    model = build(["BatchNorm2D"], (2, 3, 3)).initialise(rng)
    flat = FlatParameters(model)
    before = flat.vector.copy()
    flat.vector *= 1.5
    (layer,) = take_snapshot(model, flat, 2 * flat.vector, before, {}).layers
    assert layer.weights.keys() == {"weight", "bias", "running_mean", "running_var"}
    assert layer.update_ratio == pytest.approx({"weight": 0.5, "bias": 0.0})
    np.testing.assert_array_equal(layer.grads["weight"], [3.0, 3.0])
    assert layer.dead is None


def test_a_frozen_layer_is_marked_and_has_neither_gradients_nor_updates(trainer: Trainer) -> None:
    model = trainer.model
    model[2].freeze()  # its ReLU as well, which has nothing to freeze
    flat = FlatParameters(model)
    after = take_snapshot(model, flat, flat.vector, flat.vector / 2, {})
    for snapshot in (after, weights_snapshot(model)):
        frozen = {name for name, layer in by_name(snapshot).items() if layer.frozen}
        assert frozen == {"2.body.0"}
    layers = by_name(after)
    assert {name for name, layer in layers.items() if layer.grads} == {"0", "1", "5"}
    assert {name for name, layer in layers.items() if layer.update_ratio} == {"0", "1", "5"}
    assert layers["2.body.0"].weights.keys() == {"weight", "bias"}


def test_the_statistics_of_a_layer_are_those_of_its_weight() -> None:
    arrays = {"weight": np.array([[3.0, 4.0], [0.0, 0.0]]), "bias": np.array([7.0, 7.0])}
    learns = LayerSnapshot(
        "3.body.0", "Dense(2→2)", arrays, arrays, {"weight": 0.25, "bias": 0.5}, None
    )
    dies = LayerSnapshot("3.body.1", "ReLU()", {}, {}, {}, 0.75)
    assert layer_stats(Snapshot((learns, dies))) == (
        LayerStats(name="3.body.0", kind="Dense", grad_rms=2.5, update_ratio=0.25, dead=None),
        LayerStats(name="3.body.1", kind="ReLU", grad_rms=None, update_ratio=None, dead=0.75),
    )
