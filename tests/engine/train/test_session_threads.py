"""A session in a thread of its own, with its levers pulled from another one."""

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.callbacks import Callback, Logs
from engine.config import Config
from engine.events import Ended, LearningRateChanged
from engine.layers import Sequential
from engine.runs.directory import RunDir
from engine.train import loop
from engine.train.session import TrainingSession
from engine.train.snapshot import Snapshot
from tests.support.patience import PATIENCE, wait_until
from tests.support.small_runs import PLAIN, RICH, Do, Recorder, make_config, train


class Background:
    """A session that runs in a thread."""

    def __init__(self, config: Config, *callbacks: Callback) -> None:
        self.events: list[object] = []
        self.session = TrainingSession(
            config, on_event=self.events.append, extra_callbacks=callbacks
        )
        self.controls = self.session.controls
        self.ended: Ended | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        self.ended = self.session.run()

    def wait_for_phase(self, phase: str) -> None:
        wait_until(lambda: self.session.phase == phase)

    def pause(self) -> None:
        self.controls.pause()
        self.wait_for_phase("paused")

    @property
    def steps(self) -> int:
        return self.session.progress.global_step

    def finish(self) -> Ended:
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "the session never ended"
        assert self.ended is not None
        return self.ended


@contextmanager
def background(config: Config, *callbacks: Callback) -> Iterator[Background]:
    run = Background(config, *callbacks)
    run.controls.pause()
    run.thread.start()
    try:
        run.wait_for_phase("paused")
        yield run
    finally:
        run.controls.stop("over")
        run.thread.join(PATIENCE)


def weights_of(snapshot: Snapshot) -> dict[str, np.ndarray]:
    return {
        f"{layer.name}.{key}": array
        for layer in snapshot.layers
        for key, array in layer.weights.items()
    }


def differs(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    assert one.keys() == other.keys()
    return any(one[name].tobytes() != other[name].tobytes() for name in one)


def test_pause_step_resume(tmp_path: Path) -> None:
    with background(make_config(tmp_path)) as run:
        assert run.steps == 0
        assert run.controls.paused
        for expected in (1, 2):
            run.controls.step()
            wait_until(lambda expected=expected: run.steps == expected)
            run.wait_for_phase("paused")
        assert run.steps == 2
        run.controls.step()
        run.controls.step()
        wait_until(lambda: run.steps == 4)
        run.wait_for_phase("paused")  # at the end of the epoch, before its validation
        assert not run.session.history
        run.controls.resume()
        assert run.finish().status == "finished"
    assert run.steps == 12


def test_a_paused_run_is_the_same_run(tmp_path: Path) -> None:
    expected = train(make_config(tmp_path / "expected", RICH))
    with background(make_config(tmp_path, RICH)) as run:
        for _ in range(5):
            before = run.steps
            run.controls.step()
            run.controls.request_snapshot().result(PATIENCE)
            wait_until(lambda before=before: run.steps > before)
        run.controls.resume()
        ended = run.finish()
    assert (ended.run_dir / "weights.npz").read_bytes() == expected.weights


def test_stop_while_paused_saves(tmp_path: Path) -> None:
    with background(make_config(tmp_path)) as run:
        run.controls.step()
        wait_until(lambda: run.steps == 1)
        run.controls.stop("enough")
        ended = run.finish()
    assert (ended.status, ended.reason) == ("stopped", "enough")
    assert (ended.run_dir / "checkpoints" / "step-00000001.npz").exists()


def test_stop_from_a_signal_handler_ends_a_paused_run(tmp_path: Path) -> None:
    with background(make_config(tmp_path)) as run:
        run.controls.stop_from_signal("SIGTERM")
        assert run.finish().reason == "SIGTERM"


def test_the_learning_rate_is_set_before_the_next_batch(tmp_path: Path) -> None:
    recorder = Recorder()
    with background(make_config(tmp_path), recorder) as run:
        run.controls.step()
        wait_until(lambda: run.steps == 1)
        run.controls.set_lr(0.5)
        run.controls.set_lr(0.125)
        run.controls.step()
        wait_until(lambda: run.steps == 2)
    assert recorder.rates == [0.02, 0.125]
    changed = [event for event in run.events if isinstance(event, LearningRateChanged)]
    assert changed[-1] == LearningRateChanged(1, 0.125)


@pytest.mark.parametrize("lr", [0.0, -1.0, float("nan"), float("inf")])
def test_a_learning_rate_that_cannot_be_is_refused_in_the_callers_thread(
    tmp_path: Path, lr: float
) -> None:
    session = TrainingSession(make_config(tmp_path))
    with pytest.raises(ValueError, match="above 0"):
        session.controls.set_lr(lr)


def test_a_schedule_at_0_cannot_be_scaled(tmp_path: Path) -> None:
    overrides = ["train.scheduler={name: cosine, T_max: 2}", "train.epochs=4"]
    recorder = Recorder()
    with background(make_config(tmp_path, PLAIN, *overrides), recorder) as run:
        for step in range(1, 10):
            run.controls.step()
            wait_until(lambda step=step: run.steps == step)
        run.controls.set_lr(0.1)
        run.controls.step()
        wait_until(lambda: run.steps == 10)
        run.controls.resume()
        assert run.finish().status == "finished"
    assert recorder.rates[8:12] == [0.0] * 4
    assert recorder.rates[12] == pytest.approx(0.01)


def test_checkpoint_now(tmp_path: Path) -> None:
    with background(make_config(tmp_path)) as run:
        run.controls.step()
        wait_until(lambda: run.steps == 1)
        run.controls.checkpoint_now()
        path = run.session.run_dir.store.path(1)
        wait_until(path.exists)


def test_a_snapshot_while_paused_is_that_of_the_last_batch(tmp_path: Path) -> None:
    recorder = Recorder()
    with background(make_config(tmp_path, RICH), recorder) as run:
        first = run.controls.request_snapshot().result(PATIENCE)
        run.controls.step()
        wait_until(lambda: run.steps == 1)
        run.wait_for_phase("paused")
        second = run.controls.request_snapshot().result(PATIENCE)
    assert not differs(weights_of(second), recorder.after_batch[0])
    assert differs(weights_of(first), weights_of(second))
    assert all(not layer.grads for layer in first.layers)
    dense = next(layer for layer in second.layers if layer.name == "9")
    assert dense.grads.keys() == {"weight", "bias"}
    assert 0 < dense.update_ratio["weight"] < 1


def test_snapshots_while_it_trains_are_of_one_batch_each(tmp_path: Path) -> None:
    recorder = Recorder()
    snapshots: list[Snapshot] = []
    with background(make_config(tmp_path, RICH, "train.epochs=5"), recorder) as run:
        run.controls.resume()
        while run.thread.is_alive() and len(snapshots) < 8:
            try:
                snapshots.append(run.controls.request_snapshot().result(PATIENCE))
            except CancelledError:
                break
        run.finish() if run.session.phase == "ended" else run.controls.stop("enough")
    assert snapshots
    for snapshot in snapshots:
        own = weights_of(snapshot)
        assert any(not differs(own, batch) for batch in recorder.after_batch)


def test_a_snapshot_that_nobody_wants_any_more_does_no_harm(tmp_path: Path) -> None:
    with background(make_config(tmp_path)) as run:
        run.controls.stop_from_signal("hold on")  # so that the request is seen when it is cancelled
        future = run.controls.request_snapshot()
        future.cancel()
        assert run.finish().status == "stopped"


def test_every_request_is_answered_or_cancelled(tmp_path: Path) -> None:
    asked: list[Future[Snapshot]] = []

    class Ask(Callback):
        controls: Any

        def on_train_begin(self) -> None:
            asked.append(self.controls.request_snapshot())

        def on_epoch_end(self, epoch: int, logs: Logs) -> None:
            asked.append(self.controls.request_snapshot())

        def on_train_end(self) -> None:
            asked.append(self.controls.request_snapshot())

    ask = Ask()
    # The weights of the first epoch come back in the end: no snapshot of a batch is theirs.
    stopping = "callbacks=[early_stopping: {monitor: loss, mode: max, patience: 9}]"
    session = TrainingSession(
        make_config(tmp_path, PLAIN, stopping),
        on_event=lambda event: ask.on_train_begin() if isinstance(event, Ended) else None,
        extra_callbacks=[Do(10, lambda run: run.controls.request_snapshot()), ask],
    )
    ask.controls = session.controls
    session.run()
    assert [future.done() for future in asked] == [True] * 6
    final = weights_of(asked[-1].result(0))
    assert not differs(final, session.model.state_dict())
    late = session.controls.request_snapshot()
    assert late.cancelled()


def test_a_request_made_while_the_run_is_closed_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = TrainingSession(make_config(tmp_path))
    asked: list[Future[Snapshot]] = []
    close = RunDir.close

    def ask_and_close(run_dir: RunDir) -> None:
        asked.append(session.controls.request_snapshot())
        close(run_dir)

    monkeypatch.setattr(RunDir, "close", ask_and_close)
    session.run()
    assert [future.cancelled() for future in asked] == [True]


def test_a_request_that_cannot_be_answered_is_cancelled_and_the_run_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(model: object) -> Snapshot:
        raise MemoryError

    monkeypatch.setattr(loop, "weights_snapshot", out_of_memory)
    session = TrainingSession(make_config(tmp_path))
    session.controls.pause()
    future = session.controls.request_snapshot()
    with pytest.raises(MemoryError):
        session.run()
    assert future.cancelled()
    assert list((tmp_path / "runs").iterdir()) == []


def test_stop_while_it_validates_does_not_wait_for_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[str] = []
    config = make_config(tmp_path, PLAIN, "data.limit=1200", "data.validation=1000")
    session = TrainingSession(config, on_progress=lambda label, *_: reported.append(label))
    forward = Sequential.forward

    def stop_and_compute(model: Sequential, x: np.ndarray) -> np.ndarray:
        if not model.training:
            session.controls.stop("enough")
        return forward(model, x)

    monkeypatch.setattr(Sequential, "forward", stop_and_compute)
    assert session.run().status == "stopped"
    assert "validating" not in reported


def test_a_request_is_cancelled_when_the_run_never_begins(tmp_path: Path) -> None:
    session = TrainingSession(make_config(tmp_path))
    session.controls.stop()
    future = session.controls.request_snapshot()
    with pytest.raises(Exception, match="cancelled"):
        session.run()
    assert future.cancelled()


@pytest.mark.proof
def test_watchers_may_poll_all_the_time(tmp_path: Path) -> None:
    with background(make_config(tmp_path, PLAIN, "train.epochs=6")) as run:
        run.controls.resume()
        lengths = []
        while run.thread.is_alive():
            curve = run.session.metric_buffer.curve()
            assert np.isfinite(curve.values).all()
            lengths.append(len(curve.values))
        run.finish()
    assert lengths == sorted(lengths)
    assert len(run.session.metric_buffer.curve().values) == 24
