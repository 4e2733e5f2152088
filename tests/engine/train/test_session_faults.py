"""What goes wrong while a run trains: numbers that are not finite, disks that are full."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from engine.errors import ConfigError, RunError
from engine.storage import atomic
from engine.train.session import TrainingSession
from tests.support.small_runs import (
    PLAIN,
    RICH,
    STEPS,
    Do,
    Recorder,
    all_finite,
    make_config,
    results,
    same_arrays,
    saved_model,
    train,
)


@contextmanager
def full_disk(*names: str) -> Iterator[None]:
    """Files of these names cannot be written."""
    real = atomic.replace

    def replace(source: Path, target: Path) -> None:
        if any(target.match(name) for name in names):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    with patch.object(atomic, "replace", replace):
        yield


# -- divergence -----------------------------------------------------------------------------------


def poison(run: TrainingSession) -> None:
    """A weight that is not a number, as a wild step would leave one."""
    run.model.named_parameters()["3.weight"][3, 3] = np.nan


def test_a_run_that_diverges_keeps_the_last_finite_state(tmp_path: Path) -> None:
    recorder = Recorder()
    run = train(make_config(tmp_path, PLAIN), recorder, Do(STEPS + 1, poison))
    assert run.ended.status == "diverged"
    assert "\n" not in run.ended.reason
    for part in (
        "epoch 2, batch 3",
        "learning rate 0.02",
        "the loss is nan",
        "layer 3 Dense(192→10)",
    ):
        assert part in run.ended.reason
    (checkpoint,) = (run.path / "checkpoints").glob("step-*")
    assert checkpoint.name == f"step-{STEPS:08d}.npz"
    assert same_arrays(saved_model(checkpoint), recorder.after_epoch[0])
    assert not (run.path / "weights.npz").exists()
    assert json.loads((run.path / "run.json").read_text())["status"] == "diverged"
    assert results(tmp_path)[0]["status"] == "diverged"
    assert len(run.metrics) == 1


def test_a_learning_rate_that_is_far_too_large_is_found_out(tmp_path: Path) -> None:
    run = train(make_config(tmp_path, RICH, "train.optimizer=sgd", "train.lr=1e30"))
    assert run.ended.status == "diverged"
    assert "learning rate 1e+30" in run.ended.reason
    assert "Try a smaller lr" in run.ended.reason
    for path in (run.path / "checkpoints").glob("*.npz"):
        assert all_finite(saved_model(path).values())


def test_a_validation_that_is_not_finite_is_a_divergence(tmp_path: Path) -> None:
    def break_statistics(run: TrainingSession) -> None:
        run.model.named_buffers()["7.running_mean"][0] = np.nan

    run = train(make_config(tmp_path, RICH), Do(2 * STEPS - 1, break_statistics))
    assert run.ended.status == "diverged"
    assert "epoch 2, after its last batch" in run.ended.reason
    assert "val_loss is nan" in run.ended.reason
    assert [path.name for path in (run.path / "checkpoints").glob("step-*")] == [
        f"step-{STEPS:08d}.npz"
    ]


def test_weights_that_are_not_finite_never_replace_finite_ones(tmp_path: Path) -> None:
    config = make_config(tmp_path, PLAIN, "train.checkpoint_every.steps=1")
    run = train(config, Do(5, poison))
    assert run.ended.status == "diverged"
    (warning,) = run.warnings
    assert "not finite" in warning
    names = sorted(path.name for path in (run.path / "checkpoints").glob("step-*"))
    assert names == ["step-00000004.npz", "step-00000005.npz"]


# -- disks ----------------------------------------------------------------------------------------


def test_checkpoints_that_cannot_be_written_do_not_stop_training(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    expected = train(config)
    with full_disk("step-*.npz"):
        run = train(config)
    assert run.ended.status == "failed"
    assert "No space left on device" in run.ended.reason
    film, *checkpoints = run.warnings
    assert "training continues, its film ends here" in film
    assert len(checkpoints) == 4  # three epochs and the end: each tried again
    assert "training continues" in checkpoints[0]
    assert run.weights == expected.weights
    assert run.metrics == expected.metrics
    assert results(tmp_path)[-1]["status"] == "failed"


def test_a_checkpoint_that_is_written_in_the_end_makes_up_for_it(tmp_path: Path) -> None:
    with full_disk(f"checkpoints/step-{STEPS:08d}.npz"):
        run = train(make_config(tmp_path))
    assert run.ended.status == "finished"
    assert len(run.warnings) == 1


@pytest.mark.parametrize("name", ["weights.npz", "mine.npz"])
def test_weights_that_are_not_written_make_the_run_fail(tmp_path: Path, name: str) -> None:
    callback = f"checkpoint: {{filepath: {tmp_path}/mine.npz, monitor: val_acc}}"
    config = make_config(tmp_path, PLAIN, f"callbacks=[{callback}]")
    with full_disk(name):
        run = train(config)
    assert run.ended.status == "failed"
    assert f"{name}: not saved: No space left on device" in run.ended.reason
    run = train(config, resume=run.path)
    # weights.npz is made again; the user's file would need an epoch that is better.
    assert run.ended.status == "finished"
    assert (tmp_path / "mine.npz").exists() == (name == "weights.npz")


def test_a_folder_that_cannot_be_made_is_a_warning(tmp_path: Path) -> None:
    class File(Recorder):
        """Puts a file where the folder is to be, once it trains."""

        def on_epoch_begin(self, epoch: int) -> None:
            (tmp_path / "file").write_text("")

    callback = f"checkpoint: {{filepath: {tmp_path}/file/best.npz}}"
    table = f"csv_logger: {{filepath: {tmp_path}/file/table.csv}}"
    config = make_config(tmp_path, PLAIN, f"callbacks=[{callback}, {table}]", "train.epochs=1")
    run = train(config, File())
    assert run.ended.status == "failed"
    assert len(run.warnings) == 2
    assert all("\n" not in warning for warning in run.warnings)
    assert "best.npz: not saved" in run.ended.reason


PLACES = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "a folder under a file": lambda path: path.parent.write_text(""),
    "a circle of links": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("callback", ["checkpoint", "csv_logger"])
def test_a_file_that_cannot_be_written_is_said_before_it_trains(
    tmp_path: Path, callback: str, place: str
) -> None:
    path = tmp_path / "x" / "mine"
    if place != "a folder under a file":
        path.parent.mkdir()
    PLACES[place](path)
    callbacks = f"callbacks=[terminate_on_nan, {callback}: {{filepath: {path}}}]"
    with pytest.raises(ConfigError) as caught:
        train(make_config(tmp_path, PLAIN, callbacks))
    message = str(caught.value)
    assert message.startswith(f"callbacks.1.{callback}.filepath: {path}: ")
    assert message.isprintable()
    assert not (tmp_path / "runs").exists()


def test_files_of_epochs_are_written_through_links(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "01.npz").symlink_to("elsewhere/first.npz")
    callback = f"checkpoint: {{filepath: '{tmp_path}/{{epoch:02d}}.npz', monitor: val_acc}}"
    run = train(make_config(tmp_path, PLAIN, f"callbacks=[{callback}]", "train.epochs=1"))
    assert run.ended.status == "finished"
    assert (tmp_path / "01.npz").is_symlink()
    assert (tmp_path / "elsewhere" / "first.npz").is_file()


def test_a_later_file_of_the_same_name_makes_up_for_one_that_failed(tmp_path: Path) -> None:
    callback = f"checkpoint: {{filepath: '{tmp_path}/net-{{epoch}}.npz', monitor: loss}}"
    with full_disk("net-1.npz"):
        run = train(make_config(tmp_path, PLAIN, f"callbacks=[{callback}]", "train.epochs=2"))
    assert run.ended.status == "finished", run.ended.reason
    assert [path.name for path in tmp_path.glob("net-*")] == ["net-2.npz"]


def test_metrics_that_cannot_be_written_are_a_warning(tmp_path: Path) -> None:
    class Folder(Recorder):
        """Puts a folder where the metrics are to be."""

        def on_epoch_begin(self, epoch: int) -> None:
            session: Any = self.run
            (session.run_dir.path / "metrics.csv").mkdir(exist_ok=True)

    run = train(make_config(tmp_path), Folder())
    assert run.ended.status == "finished"
    assert len(run.warnings) == 3
    assert "metrics.csv" in run.warnings[0]


def test_reports_that_cannot_be_written_are_a_warning(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file")
    run = train(make_config(tmp_path))
    assert run.ended.status == "finished"
    (warning,) = run.warnings
    assert "results.csv: not written" in warning
    assert json.loads((run.path / "run.json").read_text())["status"] == "finished"


def test_a_record_that_cannot_be_written_costs_no_row(tmp_path: Path) -> None:
    config = make_config(tmp_path)

    def fill(run: TrainingSession) -> None:
        context.__enter__()

    context = full_disk("run.json")
    try:
        run = train(config, Do(11, fill))
    finally:
        context.__exit__(None, None, None)
    assert "run.json: not written" in run.warnings[0]
    assert results(tmp_path)[0]["run"] == run.path.name


@pytest.mark.parametrize("name", ["config.yaml", "run.json"])
def test_no_run_directory_is_left_where_nothing_was_run(tmp_path: Path, name: str) -> None:
    with full_disk(name), pytest.raises(RunError, match="No space left"):
        train(make_config(tmp_path))
    assert not list((tmp_path / "runs").iterdir())


def test_runs_that_cannot_be_made_are_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(RunError, match="cannot make a run"):
        train(make_config(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
