"""From configs to the objects that train."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import callbacks
from engine.config import Config
from engine.errors import Cancelled, DataError
from engine.layers import Whitening2D
from engine.losses import MSE, SoftmaxCrossEntropy
from engine.optim import SGD, Adam, AdamW, Momentum, Muon, RMSprop
from engine.schedulers import OneCycleLR, ReduceLROnPlateau, Warmup
from engine.train import factory
from tests.support.small_runs import PLAIN, make_config


def config(*overrides: str, text: str = PLAIN) -> Config:
    return make_config(Path("/nowhere"), text, *overrides)


@pytest.mark.parametrize(
    ("overrides", "kind", "attributes"),
    [
        (["train.optimizer=sgd", "train.momentum=0.8"], SGD, {"momentum": 0.8}),
        (["train.optimizer=sgd", "train.momentum=0"], SGD, {"momentum": 0.0, "weight_decay": 0.0}),
        (
            ["train.optimizer=momentum", "train.nesterov=true", "train.weight_decay=0.1"],
            Momentum,
            {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        ),
        (["train.optimizer=rmsprop", "train.alpha=0.5"], RMSprop, {"alpha": 0.5, "eps": 1e-8}),
        (["train.optimizer=adam", "train.betas=[0.8, 0.9]"], Adam, {"betas": (0.8, 0.9)}),
        (["train.optimizer=adamw", "train.eps=1e-6"], AdamW, {"eps": 1e-6}),
        (
            ["train.optimizer=muon", "train.momentum=null", "train.newton_schulz=5"],
            Muon,
            {"momentum": 0.6, "nesterov": False, "newton_schulz": 5},
        ),
    ],
)
def test_optimizers(overrides: list[str], kind: type, attributes: dict[str, Any]) -> None:
    optimizer = factory.make_optimizer(config(*overrides))
    assert type(optimizer) is kind
    assert optimizer.lr == 0.02
    for name, value in attributes.items():
        assert getattr(optimizer, name) == value


def test_losses() -> None:
    assert isinstance(factory.make_loss(config("train.loss=mse")), MSE)
    loss = factory.make_loss(config("train.label_smoothing=0.1"))
    assert isinstance(loss, SoftmaxCrossEntropy)
    assert loss.label_smoothing == 0.1
    assert loss.class_weights is None


def test_class_weights_are_of_the_counts_if_the_config_wants_some() -> None:
    counts = np.array([4, 1, 2, 1])
    for overrides, given, expected in (
        (["train.class_weights=balanced"], counts, [0.5, 2, 1, 2]),
        (["train.class_weights=balanced"], None, None),
        ([], counts, None),
    ):
        loss = factory.make_loss(config(*overrides), given)
        assert isinstance(loss, SoftmaxCrossEntropy)
        found = None if loss.class_weights is None else loss.class_weights.tolist()
        assert found == expected


def test_class_counts_are_of_the_samples_that_are_trained_on() -> None:
    chosen = config("data.limit=300", "data.validation=50")
    dataset = factory.load_dataset(chosen)
    sources = factory.make_sources(chosen, dataset)
    held_out = dataset.train.labels[sources.validation.batch_indices(0, 0)]
    everything = np.bincount(dataset.train.labels[:300], minlength=10)
    np.testing.assert_array_equal(
        sources.class_counts, everything - np.bincount(held_out, minlength=10)
    )


def test_schedulers_take_what_they_need_from_the_run() -> None:
    assert factory.make_scheduler(config(), 4).lr(99, 999) == 0.02
    cosine = factory.make_scheduler(config("train.scheduler={name: cosine}"), 4)
    assert cosine.lr(3, 0) == pytest.approx(0)  # three epochs
    cycle = factory.make_scheduler(config("train.scheduler={name: one_cycle}"), 4)
    assert isinstance(cycle, OneCycleLR)
    assert (cycle.total_steps, cycle.base_lr) == (12, 0.02)
    warm = factory.make_scheduler(config("train.warmup={steps: 10, start_factor: 0.5}"), 4)
    assert isinstance(warm, Warmup)
    assert [warm.lr(0, k) for k in (0, 5, 10)] == pytest.approx([0.01, 0.015, 0.02])


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_one_cycle_fits_the_shortest_runs(steps: int) -> None:
    scheduler = factory.make_scheduler(
        config("train.scheduler={name: one_cycle}", "train.epochs=1"), steps
    )
    assert all(math.isfinite(scheduler.lr(0, k)) for k in range(steps + 1))


@pytest.mark.parametrize(
    ("monitor", "mode", "expected"),
    [
        ("val_loss", "auto", "min"),
        ("val_acc", "auto", "max"),
        ("val_acc", "min", "min"),
        ("loss", "max", "max"),
    ],
)
def test_plateau_knows_which_way_is_better(monitor: str, mode: str, expected: str) -> None:
    scheduler = factory.make_scheduler(
        config(f"train.scheduler={{name: plateau, monitor: {monitor}, mode: {mode}, factor: 0.3}}"),
        4,
    )
    assert isinstance(scheduler, ReduceLROnPlateau)
    assert (scheduler.mode, scheduler.factor) == (expected, 0.3)


def test_callbacks_in_order_after_the_one_that_is_always_on() -> None:
    items = [
        "checkpoint: {filepath: a.npz, monitor: val_acc}",
        "terminate_on_nan",
        "early_stopping: {monitor: acc, patience: 2, min_delta: 0.1}",
        "csv_logger: {filepath: b.csv}",
    ]
    made = factory.make_callbacks(config(f"callbacks=[{', '.join(items)}]"))
    assert [type(callback) for callback in made] == [
        callbacks.TerminateOnNaN,
        callbacks.ModelCheckpoint,
        callbacks.EarlyStopping,
        callbacks.CSVLogger,
    ]
    stopping = made[2]
    assert isinstance(stopping, callbacks.EarlyStopping)
    assert (stopping.patience, stopping.maximise, stopping.min_delta) == (2, True, 0.1)
    assert [type(callback) for callback in factory.make_callbacks(config())] == [
        callbacks.TerminateOnNaN
    ]


def test_sources_split_limit_and_augment() -> None:
    chosen = config("data.limit=300", "data.validation=50", "data.augment.shift=2")
    dataset = factory.load_dataset(chosen)
    sources = factory.make_sources(chosen, dataset)
    sizes = [
        batches.samples_per_epoch for batches in (sources.train, sources.validation, sources.test)
    ]
    assert sizes == [250, 50, 1000]
    assert sources.train.augment is not None
    assert sources.validation.augment is None
    assert factory.make_sources(config(), dataset).train.augment is None
    training = {int(i) for step in range(6) for i in sources.train.batch_indices(0, step)}
    held_out = set(sources.validation.batch_indices(0, 0).tolist())
    assert training | held_out == set(range(300))
    assert not training & held_out
    test = [sources.test.batch_indices(0, step) for step in range(sources.test.steps_per_epoch)]
    np.testing.assert_array_equal(np.concatenate(test), np.arange(1000))


def test_weights_follow_from_the_seed() -> None:
    one, same, other = (factory.make_model(config(f"seed={seed}")) for seed in (1, 1, 2))
    weights = [model.named_parameters()["0.weight"] for model in (one, same, other)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])
    assert weights[0].dtype == np.float32
    assert factory.make_model(config(), "float64").named_parameters()["0.weight"].dtype == "f8"


def test_loading_can_be_cancelled() -> None:
    with pytest.raises(Cancelled, match="mnist_mini: loading was cancelled"):
        factory.load_dataset(config(), cancelled=lambda: True)


def test_the_data_root_of_the_config_counts(tmp_path: Path) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (folder / f"{name}-ubyte").write_bytes(b"not a data set")
    with pytest.raises(DataError, match=str(tmp_path)):
        factory.load_dataset(config("dataset=mnist", f"data.root={tmp_path}"))


def test_a_whitening_layer_gets_its_filters_from_the_images_to_train_on() -> None:
    chosen = config(
        "model=null",
        "layers=[Whitening2D, Flatten, Dense: {out_features: 10}]",
        "data.limit=60",
        "data.augment.flip=true",
    )
    batches, _ = factory.training_batches(chosen, factory.load_dataset(chosen))
    model = factory.make_starting_model(chosen, batches)
    expected = factory.make_model(chosen)
    first = expected[0]
    assert isinstance(first, Whitening2D)
    before = first.weight.copy()
    first.learn_from(batches.load(batches.indices)[0])
    np.testing.assert_array_equal(model[0].weight, first.weight)
    assert not np.array_equal(before, first.weight)
