"""A run from beginning to end: what it leaves behind, the same bits again, callbacks, schedules."""

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from engine.callbacks import Callback
from engine.config import load
from engine.errors import Cancelled
from engine.events import CheckpointSaved, Ended, EpochEnded, Started
from engine.runs.directory import RunDir
from engine.runs.weight_files import WEIGHTS
from engine.train import loop
from engine.train.loop import Loop
from engine.train.session import TrainingSession
from engine.train.trainer import Trainer
from tests.support.proofs import rest_as_proofs
from tests.support.small_runs import (
    PLAIN,
    RICH,
    STEPS,
    Do,
    Recorder,
    Run,
    make_config,
    results,
    same_arrays,
    saved_model,
    train,
)

USERS_EXAMPLE = """
dataset: mnist_mini
model: lenet_mnist
seed: 42

train:
  epochs: 10
  batch_size: 128
  lr: 0.01
  optimizer: sgd
  momentum: 0.9
  weight_decay: 5e-4
  scheduler:
    name: step
    step_size: 5
    gamma: 0.5

callbacks:
  - early_stopping:
      monitor: val_loss
      patience: 5
  - checkpoint:
      filepath: checkpoints/lenet_best.npz
      monitor: val_acc
      mode: max
"""


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(make_config(tmp_path_factory.mktemp("rich"), RICH))


def test_a_run_leaves_config_record_metrics_checkpoints_weights_and_one_row(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    run = train(config)
    assert run.ended.status == "finished"
    assert load(run.path / "config.yaml") == config
    record = json.loads((run.path / "run.json").read_text())
    assert record["status"] == "finished"
    assert (record["seed"], record["epochs"], record["parameters"]) == (7, 3, 2008)
    assert record["test"] == run.ended.test
    assert record["environment"]["numpy"] == np.__version__
    assert [row["epoch"] for row in run.metrics] == ["1", "2", "3"]
    assert float(run.metrics[-1]["val_acc"]) == run.session.history[-1]["val_acc"]
    names = sorted(path.name for path in (run.path / "checkpoints").iterdir())
    assert names == ["best.npz", "step-00000008.npz", "step-00000012.npz"]
    (row,) = results(tmp_path)
    assert row["run"] == run.path.name
    assert (row["epochs"], row["status"], row["seed"]) == ("3", "finished", "7")
    assert float(row["best_val_acc"]) == max(logs["val_acc"] for logs in run.session.history)
    assert float(row["best_val_loss"]) == min(logs["val_loss"] for logs in run.session.history)
    assert float(row["test_acc"]) == run.ended.test["test_acc"]
    assert not run.warnings


def test_events_tell_the_run_in_order(tmp_path: Path) -> None:
    run = train(make_config(tmp_path, PLAIN, "train.epochs=2"))
    kinds = [type(event) for event in run.events]
    epoch = [CheckpointSaved, EpochEnded]
    assert kinds == [Started, *epoch, *epoch, CheckpointSaved, Ended]
    started = run.events[0]
    assert isinstance(started, Started)
    assert (started.epochs, started.steps_per_epoch, started.samples) == (2, STEPS, 160)
    epochs = [event for event in run.events if isinstance(event, EpochEnded)]
    assert [event.epoch for event in epochs] == [1, 2]
    assert epochs[0].logs.keys() >= {"loss", "acc", "val_loss", "val_acc", "lr"}


def test_training_metrics_are_means_over_samples_not_over_batches(tmp_path: Path) -> None:
    run = train(make_config(tmp_path, PLAIN, "train.epochs=1"))
    losses = run.session.metric_buffer.curve().column("loss")
    sizes = np.array([48, 48, 48, 16])
    assert run.session.history[0]["loss"] == pytest.approx((losses * sizes).sum() / 160)


def test_hooks_are_called_as_in_keras(tmp_path: Path) -> None:
    recorder = Recorder()
    train(make_config(tmp_path, PLAIN, "train.epochs=2"), recorder)
    batches = [f"batch end {i}" for i in range(STEPS)]
    assert recorder.calls == [
        "train begin",
        *("epoch begin 0", *batches, "epoch end 0"),
        *("epoch begin 1", *batches, "epoch end 1"),
        "train end",
    ]


# -- the same bits -----------------------------------------------------------------------------


@pytest.mark.parametrize("workers", rest_as_proofs([2, 1, 4]))
@pytest.mark.parametrize("worth", [0, 10**12], ids=["processes", "threads"])
def test_any_number_of_workers_gives_the_same_weights(
    tmp_path: Path, rich: Run, workers: int, worth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.train.evaluator.WORTH_PROCESSES", worth)
    run = train(make_config(tmp_path, RICH, f"train.workers={workers}"))
    assert run.weights == rich.weights
    assert run.metrics == rich.metrics


def test_another_seed_gives_other_weights(tmp_path: Path, rich: Run) -> None:
    assert train(make_config(tmp_path, RICH, "seed=1")).weights != rich.weights


def test_watching_changes_nothing(tmp_path: Path, rich: Run) -> None:
    def look(run: TrainingSession) -> None:
        run.controls.request_snapshot()
        run.controls.checkpoint_now()

    run = train(make_config(tmp_path, RICH), *(Do(i, look) for i in range(12)))
    assert run.weights == rich.weights


@pytest.mark.parametrize("turn", [0.0, 1000.0])
def test_short_batches_are_trained_in_turns_and_all_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turn: float
) -> None:
    monkeypatch.setattr(loop, "TURN", turn)
    looks: list[int] = []

    def progressed(label: str, done: int, total: int) -> None:
        if label.startswith("epoch"):
            looks.append(done)

    changes = "train.batch_size=16", "train.epochs=2", "train.film=false"
    session = TrainingSession(make_config(tmp_path, RICH, *changes), on_progress=progressed)
    session.run()
    # Ten batches an epoch; the pace is not known before the first, and the last but one is alone,
    # as its layers are looked at.
    assert looks == ([*range(1, 21)] if turn == 0 else [1, 8, 9, 10, 18, 19, 20])
    assert session.metric_buffer.curve().column("step").tolist() == list(range(1, 21))
    assert session.progress.trained == 320
    # One who looks at every batch sees each before the next.
    watched = train(make_config(tmp_path / "watched", RICH, *changes), Recorder())
    assert (
        watched.session.metric_buffer.curve().values.tolist()
        == session.metric_buffer.curve().values.tolist()
    )
    assert watched.weights == (session.run_dir.path / WEIGHTS).read_bytes()


def test_a_small_last_batch_says_nothing_about_the_length_of_a_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """161 samples in batches of 16: the last has one, and is over at once.

    The last but one, whose layers are looked at, is no part of a turn.
    """
    now = 0.0
    turns: list[int] = []
    real = Trainer.steps

    def steps(trainer: Trainer, *arguments: Any) -> Any:
        nonlocal now
        done = real(trainer, *arguments)
        turns.append(len(done))
        now += 0.01 * sum(result.samples for result in done)
        return done

    monkeypatch.setattr(loop, "TURN", 0.5)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(Trainer, "steps", steps)
    changes = "train.batch_size=16", "train.epochs=2", "data.limit=201", "data.validation=40"
    train(make_config(tmp_path, PLAIN, *changes, "train.film=false"))
    assert turns == [1, 3, 3, 2, 1, 3, 3, 3, 1]


def test_a_hook_of_an_object_alone_sees_every_batch_too(tmp_path: Path) -> None:
    class Counting(Callback):
        pass

    seen: list[int] = []
    callback = Counting()
    callback.on_train_batch_end = lambda batch, logs: seen.append(  # type: ignore[method-assign]
        callback.run.progress.global_step  # type: ignore[attr-defined]
    )
    train(make_config(tmp_path, PLAIN), callback)
    assert seen == list(range(1, 3 * STEPS + 1))


def test_checkpoints_inside_an_epoch_come_when_they_are_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "TURN", 1000.0)
    changes = "train.batch_size=16", "train.epochs=2", "train.checkpoint_every.steps=4"
    run = train(make_config(tmp_path, RICH, *changes))
    saved = [event for event in run.events if isinstance(event, CheckpointSaved)]
    assert [(event.epoch, event.step) for event in saved] == [
        (0, 4), (0, 8), (1, 0), (1, 2), (1, 6), (1, 10), (2, 0), (2, 0)
    ]  # fmt: skip


# -- the user's example, and odd networks --------------------------------------------------------


def test_the_users_example_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("example.yaml").write_text(USERS_EXAMPLE)
    recorder = Recorder()
    run = train(load("example.yaml", ["data.limit=700", "train.epochs=6"]), recorder)
    assert run.ended.status == "finished"
    accuracies = [logs["val_acc"] for logs in run.session.history]
    assert accuracies[-1] > 0.5
    best = accuracies.index(max(accuracies))
    file = tmp_path / "checkpoints" / "lenet_best.npz"
    assert same_arrays(saved_model(file), recorder.after_epoch[best])
    assert [logs["lr"] for logs in run.session.history] == [0.01] * 5 + [0.005]
    assert len(results(tmp_path)) == 1


@pytest.mark.parametrize(
    "layers",
    [
        "[AvgPool2D: {kernel_size: [14, 5], stride: [14, 5]}, Flatten]",
        "[Flatten, Dense: {out_features: 10}]",
        "[GlobalAvgPool2D, BatchNorm1D, Dense: {out_features: 10}]",
    ],
    ids=["no parameters", "one layer", "batch norm first"],
)
def test_networks_at_the_edge_train(tmp_path: Path, layers: str) -> None:
    run = train(make_config(tmp_path, PLAIN, f"layers={layers}", "train.epochs=1"))
    assert run.ended.status == "finished"


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_a_run_learns(tmp_path: Path, loss: str) -> None:
    overrides = [f"train.loss={loss}", "train.optimizer=adam", "train.lr=0.01"]
    run = train(make_config(tmp_path, PLAIN, *overrides, "train.epochs=8", "train.batch_size=8"))
    losses = [logs["loss"] for logs in run.session.history]
    assert losses[-1] < 0.7 * losses[0]
    assert run.session.history[-1]["val_acc"] > 0.4


@pytest.mark.parametrize("steps", ["train.batch_size=1000", "train.batch_size=1"])
def test_one_batch_an_epoch_or_one_sample_a_batch(tmp_path: Path, steps: str) -> None:
    config = make_config(tmp_path, PLAIN, steps, "train.epochs=1", "data.limit=20")
    assert train(config).ended.status == "finished"


# -- schedules -----------------------------------------------------------------------------------


def one_cycle(k: int, total: int, peak: float) -> float:
    """PyTorch's OneCycleLR (cos, two phases) after k steps."""
    up, down = 0.3 * total - 1, total - 1 - (0.3 * total - 1)
    if k <= up:
        return peak / 25 + (peak - peak / 25) * (1 - math.cos(math.pi * k / up)) / 2
    low = peak / 25 / 1e4
    return low + (peak - low) * (1 + math.cos(math.pi * (k - up) / down)) / 2


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        ("{name: StepLR, step_size: 2, gamma: 0.1}", [0.02, 0.02, 0.002, 0.002, 0.0002]),
        ("{name: multi_step, milestones: [1, 3], gamma: 0.5}", [0.02, 0.01, 0.01, 0.005, 0.005]),
        ("{name: exponential, gamma: 0.5}", [0.02 * 0.5**e for e in range(5)]),
        ("{name: cosine}", [0.01 * (1 + math.cos(math.pi * e / 5)) for e in range(5)]),
        (
            "{name: cosine, T_max: 2, eta_min: 0.004}",
            [0.004 + 0.008 * (1 + math.cos(math.pi * e / 2)) for e in range(5)],
        ),
        ("{name: one_cycle}", [one_cycle(4 * e + 3, 20, 0.02) for e in range(5)]),
        ("{name: one_cycle, max_lr: 0.1}", [one_cycle(4 * e + 3, 20, 0.1) for e in range(5)]),
        ("null", [0.02] * 5),
    ],
)
def test_the_logged_lr_is_pytorchs(tmp_path: Path, scheduler: str, expected: list[float]) -> None:
    overrides = ["train.epochs=5", f"train.scheduler={scheduler}", "train.optimizer=sgd"]
    run = train(make_config(tmp_path, PLAIN, *overrides))
    assert [logs["lr"] for logs in run.session.history] == pytest.approx(expected, rel=1e-9)
    assert [float(row["lr"]) for row in run.metrics] == pytest.approx(expected, rel=1e-9)


def test_one_cycle_and_warmup_go_by_batches(tmp_path: Path) -> None:
    recorder = Recorder()
    train(make_config(tmp_path / "1", PLAIN, "train.scheduler={name: one_cycle}"), recorder)
    assert recorder.rates == pytest.approx([one_cycle(k, 12, 0.02) for k in range(12)])
    recorder = Recorder()
    warmup = "train.warmup={steps: 6, start_factor: 0.25}"
    config = make_config(
        tmp_path / "2", PLAIN, warmup, "train.scheduler={name: exponential, gamma: 0.5}"
    )
    train(config, recorder)
    ramp = [0.25 + 0.75 * min(k, 6) / 6 for k in range(12)]
    assert recorder.rates == pytest.approx([0.02 * 0.5 ** (k // 4) * ramp[k] for k in range(12)])


def test_plateau_follows_the_metric_that_it_monitors(tmp_path: Path) -> None:
    # A training accuracy that rises is no minimum: every epoch after the first is a bad one.
    scheduler = "{name: plateau, monitor: acc, mode: min, patience: 1, factor: 0.5, threshold: 0}"
    config = make_config(
        tmp_path, PLAIN, f"train.scheduler={scheduler}", "train.epochs=7", "train.batch_size=8"
    )
    run = train(config)
    lr, best, bad, expected = 0.02, math.inf, 0, []
    for logs in run.session.history:
        expected.append(lr)
        best, bad = (logs["acc"], 0) if logs["acc"] < best else (best, bad + 1)
        if bad > 1:
            lr, bad = lr * 0.5, 0
    assert len(set(expected)) > 1
    assert [logs["lr"] for logs in run.session.history] == pytest.approx(expected)


# -- early stopping, best checkpoints --------------------------------------------------------------


def test_early_stopping_brings_the_best_weights_back_and_best_npz_is_another_matter(
    tmp_path: Path,
) -> None:
    # A training loss that falls is never a better maximum: the first epoch stays the best one.
    stopping = "callbacks=[early_stopping: {monitor: loss, mode: max, patience: 2}]"
    recorder = Recorder()
    config = make_config(tmp_path, RICH, stopping, "train.epochs=9", "train.batch_size=16")
    run = train(config, recorder)
    assert run.ended.status == "finished"
    assert run.ended.epochs_done == len(run.session.history) == 3
    assert run.ended.reason == "early stopping: loss was best in epoch 1"
    assert same_arrays(saved_model(run.path / "weights.npz"), recorder.after_epoch[0])
    accuracies = [logs["val_acc"] for logs in run.session.history]
    best = accuracies.index(max(accuracies))
    assert best > 0, "the case needs epochs that differ"
    assert same_arrays(
        saved_model(run.path / "checkpoints" / "best.npz"), recorder.after_epoch[best]
    )
    assert run.ended.best["epoch"] == best + 1


def test_without_restore_best_the_last_weights_stay(tmp_path: Path) -> None:
    stopping = "early_stopping: {monitor: loss, mode: max, patience: 1, restore_best: false}"
    recorder = Recorder()
    run = train(make_config(tmp_path, PLAIN, f"callbacks=[{stopping}]"), recorder)
    assert run.ended.epochs_done == 2
    assert same_arrays(saved_model(run.path / "weights.npz"), recorder.after_epoch[-1])


def test_of_equal_epochs_the_first_is_the_best(tmp_path: Path) -> None:
    same = {"val_loss": 1.0, "val_acc": 0.5}
    recorder = Recorder()
    with patch.object(Loop, "_validate", lambda self: dict(same)):
        run = train(make_config(tmp_path, PLAIN), recorder)
    assert run.ended.best["epoch"] == 1
    best = saved_model(run.path / "checkpoints" / "best.npz")
    assert same_arrays(best, recorder.after_epoch[0])


def test_a_callback_may_end_training_inside_an_epoch(tmp_path: Path) -> None:
    enough = Do(5, lambda run: setattr(run, "stop_reason", "enough"))
    run = train(make_config(tmp_path), enough)
    assert (run.ended.status, run.ended.reason) == ("finished", "enough")
    assert run.ended.epochs_done == 2
    assert run.session.progress.global_step == 6


# -- what was never begun -----------------------------------------------------------------------


def test_a_stop_while_loading_runs_nothing(tmp_path: Path) -> None:
    session = TrainingSession(make_config(tmp_path))
    session.controls.stop()
    with pytest.raises(Cancelled):
        session.run()
    assert session.phase == "ended"
    assert not list(tmp_path.iterdir())


def test_an_error_in_the_first_batch_leaves_no_run_behind(tmp_path: Path) -> None:
    def fail(run: object) -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        train(make_config(tmp_path), Recorder(), _FailAtBegin())
    assert not list(tmp_path.glob("runs/*"))
    with pytest.raises(MemoryError):
        train(make_config(tmp_path), Do(0, fail))
    (run,) = tmp_path.glob("runs/*")
    record = RunDir.view(run).read_record()
    assert (record["status"], record["reason"]) == ("failed", "MemoryError: ")


class _FailAtBegin(Recorder):
    def on_epoch_begin(self, epoch: int) -> None:
        raise MemoryError
