"""Callbacks against a run that is played by hand."""

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    ModelCheckpoint,
    TerminateOnNaN,
)
from engine.errors import ConfigError, Diverged, RunError
from engine.models import build
from engine.options import maximises
from tests.support.small_runs import copy_state, same_arrays

NAN = math.nan


class Play:
    """A run in which the weights of epoch e are all e."""

    def __init__(self, *callbacks: Callback) -> None:
        specs: list[Any] = [{"Dense": {"out_features": 2}}, "BatchNorm1D"]
        self.model = build(specs, (3,)).initialise(np.random.default_rng(0))
        self.history: list[dict[str, float]] = []
        self.stop_reason: str | None = None
        self.saved: list[tuple[Path, float]] = []
        self.warnings: list[str] = []
        self.disk_full = False
        self.folder: Path | None = None
        self.callbacks = callbacks
        for callback in callbacks:
            callback.run = self
            callback.on_train_begin()

    @property
    def epoch_of_weights(self) -> float:
        values = {float(value) for a in self.model.state_dict().values() for value in a.ravel()}
        (value,) = values
        return value

    def save_weights(self, path: Path, latest_of: Path | None = None) -> bool:
        if self.disk_full:
            return False
        self.saved.append((path, self.epoch_of_weights))
        return True

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def epoch(self, **logs: float) -> None:
        epoch = len(self.history)
        for array in self.model.state_dict().values():
            array[...] = epoch
        full = {"loss": 1.0, "acc": 0.5, "val_loss": 1.0, "val_acc": 0.5, "lr": 0.1, **logs}
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, full)
        self.history.append(full)

    def epochs(self, monitor: str, values: list[float]) -> int:
        """Play epochs until the run is to stop; returns how many there were."""
        for value in values:
            self.epoch(**{monitor: value})
            if self.stop_reason is not None:
                break
        for callback in self.callbacks:
            callback.on_train_end()
        return len(self.history)


@pytest.mark.parametrize(
    ("monitor", "mode", "expected"),
    [
        ("val_loss", "auto", False),
        ("val_acc", "auto", True),
        ("acc", "min", False),
        ("loss", "max", True),
    ],
)
def test_which_way_is_better(monitor: str, mode: str, expected: bool) -> None:
    assert maximises(monitor, mode) is expected
    with pytest.raises(ConfigError, match="expected auto, min or max, got 'best'"):
        maximises(monitor, "best")


# -- early stopping --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patience", "values", "epochs", "best"),
    [
        (2, [5, 4, 3, 3, 3, 1], 5, 2),  # an equal value is no improvement
        (2, [5, 6, 4, 5, 6, 1], 5, 2),
        (1, [1, 2, 0], 2, 0),
        (0, [1, 2, 0], 2, 0),  # as in Keras: the first epoch that is no better
        (3, [5, 4, 3, 2, 1], 5, 4),
        (2, [5, NAN, NAN, 1], 3, 0),
        (2, [NAN, 4, 5, 3, 9, 9], 6, 3),
        (2, [math.inf, 4, 5, 6], 4, 1),
    ],
)
def test_early_stopping(patience: int, values: list[float], epochs: int, best: int) -> None:
    stopping = EarlyStopping("val_loss", patience)
    run = Play(stopping)
    assert run.epochs("val_loss", values) == epochs
    assert run.epoch_of_weights == best
    assert stopping.best_epoch == best
    if epochs < len(values):
        assert run.stop_reason == f"early stopping: val_loss was best in epoch {best + 1}"


def test_min_delta_is_what_an_improvement_has_to_exceed() -> None:
    run = Play(EarlyStopping("val_acc", patience=2, min_delta=0.1))
    assert run.epochs("val_acc", [0.5, 0.55, 0.61, 0.65, 0.7, 0.99]) == 5
    assert run.epoch_of_weights == 2


def test_weights_come_back_even_if_it_never_stopped_early() -> None:
    run = Play(EarlyStopping("val_loss", patience=9))
    run.epochs("val_loss", [3, 1, 2])
    assert run.epoch_of_weights == 1


def test_without_a_best_epoch_nothing_comes_back() -> None:
    run = Play(EarlyStopping("val_loss", patience=9))
    run.epochs("val_loss", [NAN, NAN])
    assert run.epoch_of_weights == 1
    run = Play(EarlyStopping("val_loss", patience=9, restore_best=False))
    run.epochs("val_loss", [1, 2])
    assert run.epoch_of_weights == 1
    assert run.callbacks[0].arrays() == {}


def test_early_stopping_goes_on_from_its_state() -> None:
    one = EarlyStopping("val_loss", patience=3)
    run = Play(one)
    for value in (3.0, 1.0, 2.0):
        run.epoch(val_loss=value)
    other = EarlyStopping("val_loss", patience=3)
    resumed = Play(other)
    other.load_state_dict(one.state_dict())
    for name, array in other.arrays().items():
        array[...] = one.arrays()[name]
    resumed.history = list(run.history)
    assert resumed.epochs("val_loss", [2, 2, 0]) == 5
    assert resumed.epoch_of_weights == 1


def test_the_kept_weights_are_copies() -> None:
    stopping = EarlyStopping()
    run = Play(stopping)
    kept = copy_state(run.model)
    run.model.named_parameters()["0.weight"][:] = 9
    assert same_arrays(stopping.arrays(), kept)


def test_an_unknown_metric_is_named() -> None:
    run = Play(EarlyStopping("val_los"))
    with pytest.raises(ConfigError, match="no metric 'val_los'; there are loss, acc"):
        run.epoch()


# -- checkpoints -----------------------------------------------------------------------------------


def test_the_file_holds_the_best_and_never_a_worse_one() -> None:
    path = Path("best.npz")
    run = Play(ModelCheckpoint(path, "val_acc"))
    run.epochs("val_acc", [0.5, 0.4, 0.6, NAN, 0.6, 0.59, 0.7])
    assert run.saved == [(path, 0), (path, 2), (path, 6)]


def test_what_was_not_written_does_not_count_as_best() -> None:
    run = Play(ModelCheckpoint(Path("best.npz"), "val_acc"))
    run.epoch(val_acc=0.5)
    run.disk_full = True
    run.epoch(val_acc=0.9)
    run.disk_full = False
    run.epoch(val_acc=0.4)
    run.epoch(val_acc=0.6)
    assert [epoch for _, epoch in run.saved] == [0, 3]


def test_a_resumed_checkpoint_remembers_the_best() -> None:
    one = ModelCheckpoint(Path("best.npz"), "val_acc")
    Play(one).epoch(val_acc=0.8)
    other = ModelCheckpoint(Path("best.npz"), "val_acc")
    run = Play(other)
    other.load_state_dict(one.state_dict())
    run.epoch(val_acc=0.7)
    assert run.saved == []


def test_the_placeholders_of_a_file_are_filled_in() -> None:
    run = Play(ModelCheckpoint(Path("{epoch:02d}/net-{val_acc:.2f}.npz"), "val_acc"))
    run.epochs("val_acc", [0.5, 0.4, 0.625])
    assert [str(path) for path, _ in run.saved] == ["01/net-0.50.npz", "03/net-0.62.npz"]


# -- logs ------------------------------------------------------------------------------------------


def test_csv_logger_writes_all_epochs_so_far(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.csv"
    run = Play(CSVLogger(path))
    for loss in (3.0, 2.0, 1.0):
        run.epoch(loss=loss)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [float(row["loss"]) for row in rows] == [3, 2, 1]
    assert list(rows[0]) == ["epoch", "loss", "acc", "val_loss", "val_acc", "lr"]


def test_csv_logger_goes_on_when_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = Play(CSVLogger(tmp_path / "file" / "table.csv"))
    run.epoch()
    (warning,) = run.warnings
    assert warning.startswith(f"{tmp_path}/file/table.csv: the metrics were not written: ")


@pytest.mark.parametrize(("name", "value"), [("val_loss", NAN), ("loss", math.inf)])
def test_terminate_on_nan(name: str, value: float) -> None:
    run = Play(TerminateOnNaN())
    run.epoch()
    with pytest.raises(Diverged, match=f"epoch 2, after its last batch.*{name} is {value}"):
        run.epoch(**{name: value})
    assert issubclass(Diverged, RunError)
    assert Diverged("it", 0, 0, 0.1).exit_code == 1


def test_a_callback_needs_to_do_nothing() -> None:
    callback: Any = Callback()
    run = Play(callback)
    run.epochs("loss", [1, 2])
    assert callback.state_dict() == callback.arrays() == {}
