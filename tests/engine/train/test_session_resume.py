"""A run that is cut anywhere and resumed is, bit for bit, the run that never stopped."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from engine.callbacks import Callback
from engine.config import Config, config_hash
from engine.errors import CheckpointError, RunError
from engine.optim import Optimizer
from engine.parallel.processes import can_fork
from engine.runs.directory import RunDir
from engine.train import evaluator
from engine.train.factory import config_of as config_in
from engine.train.session import TrainingSession
from tests.support.proofs import rest_as_proofs
from tests.support.small_runs import (
    PLAIN,
    RICH,
    STEPS,
    Do,
    Recorder,
    Run,
    Stop,
    make_config,
    results,
    train,
)

Moment = str | tuple[int, int]

MOMENTS: list[tuple[Moment, int]] = [
    ("start", 1),
    ((0, 0), 1),
    ((1, 1), 1),
    ((1, STEPS - 1), 1),
    ((2, STEPS - 1), 1),
    ("validating", 2),
    ("testing", 1),
    ("testing", 2),
]

KINDS: dict[str, tuple[str, list[str]]] = {
    "batch norm, dropout, augmentation": (RICH, []),
    "one cycle, adamw": (
        RICH,
        ["train.optimizer=adamw", "train.scheduler={name: one_cycle}", "train.clip_norm=0.5"],
    ),
    "momentum, warm-up, step": (
        PLAIN,
        [
            "train.nesterov=true",
            "train.warmup={steps: 7, start_factor: 0.1}",
            "train.scheduler={name: step, step_size: 1, gamma: 0.5}",
        ],
    ),
    "whitening, groups, lookahead, views": (
        PLAIN,
        [
            "layers=[Whitening2D, ReLU, BatchNorm2D: {scale: false}, GlobalMaxPool2D,"
            " Dense: {out_features: 10}, Scale: {factor: 0.5}]",
            "train.groups=[{match: BatchNorm2D.bias, lr_scale: 8}, {match: 0.bias, epochs: 1}]",
            "train.lookahead={every: 2, decay: 0.9}",
            "train.scheduler={name: triangle}",
            "train.batch_size=40",
            "train.drop_last=true",
            "data.validation=36",
            "data.augment={flip: true, alternate: true, shift: 1, rotate: 9, zoom: 0.1}",
            "data.augment.mixup=0.4",
            "data.test_views=mirror_shift",
        ],
    ),
    "muon": (PLAIN, ["train.optimizer=muon", "train.nesterov=true", "train.clip_norm=0.5"]),
    "average of the weights": (RICH, ["train.average={every: 3, decay: 0.9}"]),
    "early stopping, plateau, class weights": (
        RICH,
        [
            "train.epochs=9",
            "train.optimizer=rmsprop",
            "train.class_weights=balanced",
            "train.scheduler={name: plateau, monitor: acc, mode: min, patience: 0, factor: 0.5}",
            "callbacks=[early_stopping: {monitor: loss, mode: max, patience: 2}]",
        ],
    ),
}


def config_of(kind: str, folder: Path) -> Config:
    text, overrides = KINDS[kind]
    return make_config(folder, text, *overrides)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Every kind of run, without a stop."""
    return {kind: train(config_of(kind, tmp_path_factory.mktemp("whole"))) for kind in KINDS}


def assert_same(run: Run, expected: Run) -> None:
    assert run.ended.status == "finished"
    assert run.weights == expected.weights
    assert run.metrics == expected.metrics
    assert run.history == expected.history
    assert run.ended.test == expected.ended.test
    assert run.ended.reason == expected.ended.reason
    best, other = run.ended.best, expected.ended.best
    assert (best["epoch"], best["val_acc"]) == (other["epoch"], other["val_acc"])


@pytest.mark.parametrize(("moment", "nth"), rest_as_proofs(MOMENTS, every=2, rows=True), ids=str)
@pytest.mark.parametrize("kind", rest_as_proofs(KINDS))
def test_stopped_and_resumed_is_the_same_run(
    tmp_path: Path, whole: dict[str, Run], kind: str, moment: Moment, nth: int
) -> None:
    config = config_of(kind, tmp_path)
    cut = train(config, stop=Stop(moment, nth))
    assert (cut.ended.status, cut.ended.reason) == ("stopped", "test")
    run = train(config, resume=cut.path)
    assert_same(run, whole[kind])
    assert run.path == cut.path
    assert len(results(tmp_path)) == 1
    assert results(tmp_path)[0]["status"] == "finished"


@pytest.mark.proof
def test_every_batch_in_a_session_of_its_own(tmp_path: Path, whole: dict[str, Run]) -> None:
    kind = "early stopping, plateau, class weights"
    config = config_of(kind, tmp_path)
    run = train(config, Do(0, lambda run: run.controls.stop("test")))
    sessions = 1
    while run.ended.status == "stopped":
        stop = Do(0, lambda run: run.controls.stop("test"))
        run = train(config, stop, resume=run.path)
        sessions += 1
    assert sessions > 12
    assert_same(run, whole[kind])


def test_stopped_twice_at_the_same_place(tmp_path: Path, whole: dict[str, Run]) -> None:
    kind = "batch norm, dropout, augmentation"
    config = config_of(kind, tmp_path)
    cut = train(config, stop=Stop((1, 1)))
    again = train(config, resume=cut.path, stop=Stop("start"))
    assert (again.ended.status, again.session.progress.global_step) == ("stopped", STEPS + 2)
    assert_same(train(config, resume=cut.path), whole[kind])


@pytest.mark.parametrize("workers", rest_as_proofs([(1, 4), (4, 1)]), ids=str)
@pytest.mark.parametrize("worth", rest_as_proofs([0, 10**12]), ids=["processes", "threads"])
def test_resumed_with_other_workers(
    tmp_path: Path,
    whole: dict[str, Run],
    workers: tuple[int, int],
    worth: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.train.evaluator.WORTH_PROCESSES", worth)
    kind = "batch norm, dropout, augmentation"
    first, second = (make_config(tmp_path, RICH, f"train.workers={count}") for count in workers)
    cut = train(first, stop=Stop((1, 1)))
    run = train(second, resume=cut.path)
    assert_same(run, whole[kind])
    assert not run.warnings


def test_resumed_by_the_config_in_the_run(tmp_path: Path, whole: dict[str, Run]) -> None:
    kind = "momentum, warm-up, step"
    cut = train(config_of(kind, tmp_path), stop=Stop((2, 0)))
    session = TrainingSession(config_in(cut.path), resume=cut.path)
    assert config_hash(session.config) == config_hash(whole[kind].session.config)
    session.run()
    assert (cut.path / "weights.npz").read_bytes() == whole[kind].weights


def test_a_learning_rate_set_by_hand_stays_set(tmp_path: Path) -> None:
    def double(run: TrainingSession) -> None:
        run.controls.set_lr(0.05)

    config = config_of("momentum, warm-up, step", tmp_path)
    expected = train(config, Do(5, double))
    cut = train(config, Do(5, double), stop=Stop((2, 1)))
    run = train(config, resume=cut.path)
    assert_same(run, expected)
    # Set after the sixth batch; the seventh has it, and the next epoch half of it (warmed up).
    rates = expected.session.metric_buffer.curve().column("lr")
    assert rates[6] == pytest.approx(0.05)
    warmed = (0.1 + 0.9 * 6 / 7) / 1.0
    assert rates[8] == pytest.approx(0.05 / warmed * 0.5)


def test_mid_epoch_checkpoints_survive_a_crash(tmp_path: Path, whole: dict[str, Run]) -> None:
    kind = "batch norm, dropout, augmentation"
    text, _ = KINDS[kind]
    config = make_config(tmp_path, text, "train.checkpoint_every.steps=3")

    def crash(run: object) -> None:
        raise RuntimeError("crash")

    with pytest.raises(RuntimeError):
        train(config, Do(7, crash))  # the eighth batch, before epoch 2 is validated
    (path,) = tmp_path.glob("runs/*")
    recorder = Recorder()
    run = train(config, recorder, resume=path)
    assert recorder.calls[:3] == ["train begin", "epoch begin 1", "batch end 2"]
    assert_same(run, whole[kind])


@pytest.mark.skipif(not can_fork(), reason="worker processes are for Linux")
def test_a_worker_killed_while_it_updates_the_weights_costs_only_its_steps(
    tmp_path: Path, whole: dict[str, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = "batch norm, dropout, augmentation"
    text, _ = KINDS[kind]
    config = make_config(tmp_path, text, "train.checkpoint_every.steps=3", "train.workers=2")
    parent, step = os.getpid(), Optimizer.step

    def die(optimizer: Optimizer, *arguments: Any) -> None:
        step(optimizer, *arguments)
        if os.getpid() != parent and optimizer.t == 8:
            os.kill(os.getpid(), signal.SIGKILL)  # its part is updated, others' may not be

    with monkeypatch.context() as patch:
        patch.setattr(evaluator, "WORTH_PROCESSES", 0)
        patch.setattr(Optimizer, "step", die)
        with pytest.raises(RunError, match="worker process was killed"):
            train(config)
    (path,) = tmp_path.glob("runs/*")
    assert json.loads((path / "run.json").read_text())["status"] == "failed"
    assert_same(train(config, resume=path), whole[kind])


def test_a_crash_after_the_metrics_row_leaves_no_double_row(
    tmp_path: Path, whole: dict[str, Run]
) -> None:
    kind = "momentum, warm-up, step"
    config = config_of(kind, tmp_path)
    cut = train(config, stop=Stop((1, 2)))
    metrics = cut.path / "metrics.csv"
    row = metrics.read_text().splitlines()[-1]
    metrics.write_text(metrics.read_text() + "2" + row[1:] + "\n" + "2,0.5,0.")
    assert_same(train(config, resume=cut.path), whole[kind])


class _Crash(Callback):
    """Dies when the best weights were brought back, before the run could say that it is done."""

    def on_train_end(self) -> None:
        raise RuntimeError("crash")


def test_a_crash_at_the_end_trains_no_further_epoch(tmp_path: Path, whole: dict[str, Run]) -> None:
    kind = "early stopping, plateau, class weights"
    config = config_of(kind, tmp_path)
    with pytest.raises(RuntimeError):
        train(config, _Crash())
    (path,) = tmp_path.glob("runs/*")
    recorder = Recorder()
    run = train(config, recorder, resume=path)
    assert recorder.calls == ["train begin", "train end"]
    assert_same(run, whole[kind])


@pytest.mark.parametrize("kind", rest_as_proofs(KINDS))
def test_a_finished_run_trains_nothing_more(
    tmp_path: Path, whole: dict[str, Run], kind: str
) -> None:
    config = config_of(kind, tmp_path)
    done = train(config)
    (done.path / "weights.npz").unlink()
    recorder = Recorder()
    run = train(config, recorder, resume=done.path)
    assert recorder.calls == ["train begin", "train end"]
    assert_same(run, whole[kind])
    assert len(results(tmp_path)) == 1


def test_a_stop_inside_an_epoch_that_a_callback_ended_is_kept(tmp_path: Path) -> None:
    def end(run: TrainingSession) -> None:
        run.stop_reason = "enough"
        run.controls.stop("test")

    config = make_config(tmp_path, PLAIN)
    cut = train(config, Do(5, end))
    assert (cut.ended.status, cut.session.progress.global_step) == ("stopped", 6)
    recorder = Recorder()
    run = train(config, recorder, resume=cut.path)
    assert recorder.calls == ["train begin", "epoch begin 1", "epoch end 1", "train end"]
    assert (run.ended.status, run.ended.reason) == ("finished", "enough")


# -- damage ---------------------------------------------------------------------------------------


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_damaged_latest_checkpoint_costs_only_its_steps(
    tmp_path: Path, whole: dict[str, Run]
) -> None:
    kind = "batch norm, dropout, augmentation"
    config = config_of(kind, tmp_path)
    cut = train(config, stop=Stop((2, 1)))
    latest = cut.path / "checkpoints" / f"step-{2 * STEPS + 2:08d}.npz"
    flip(latest)
    recorder = Recorder()
    run = train(config, recorder, resume=cut.path)
    assert recorder.calls[1:3] == ["epoch begin 2", "batch end 0"]
    (warning,) = run.warnings
    assert latest.name in warning
    assert "damaged" in warning
    assert f"resuming from step-{2 * STEPS:08d}.npz" in warning
    assert_same(run, whole[kind])


def test_without_a_good_checkpoint_nothing_is_touched(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    cut = train(config, stop=Stop((1, 1)))
    for path in (cut.path / "checkpoints").glob("step-*"):
        flip(path)
    record = (cut.path / "run.json").read_bytes()
    metrics = (cut.path / "metrics.csv").read_bytes()
    with pytest.raises(CheckpointError, match="no checkpoint to resume from"):
        train(config, resume=cut.path)
    assert (cut.path / "run.json").read_bytes() == record
    assert (cut.path / "metrics.csv").read_bytes() == metrics
    RunDir.open(cut.path).close()  # the lock was given back
    shutil.rmtree(cut.path / "checkpoints")
    with pytest.raises(CheckpointError, match="there is no checkpoint to resume from"):
        train(config, resume=cut.path)


def test_a_run_of_another_network_is_refused(tmp_path: Path) -> None:
    cut = train(make_config(tmp_path, PLAIN), stop=Stop((1, 1)))
    with pytest.raises(CheckpointError, match="does not fit this network"):
        train(make_config(tmp_path, RICH), resume=cut.path)


def test_a_changed_config_is_said(tmp_path: Path) -> None:
    cut = train(make_config(tmp_path, PLAIN), stop=Stop((1, 1)))
    run = train(make_config(tmp_path, PLAIN, "train.lr=0.5"), resume=cut.path)
    (warning,) = run.warnings
    assert "config was changed" in warning


def test_a_run_that_is_in_use_is_refused(tmp_path: Path) -> None:
    cut = train(make_config(tmp_path), stop=Stop((1, 1)))
    with RunDir.open(cut.path), pytest.raises(RunError, match="in use by process"):
        train(make_config(tmp_path), resume=cut.path)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such run directory"):
        config_in(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match="not a run directory"):
        config_in(tmp_path)
