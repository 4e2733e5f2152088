"""Event files, as TensorBoard's own reader reads them."""

import math
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest

from engine.callbacks import Callback, Logs, TensorBoard
from engine.callbacks import tensorboard as module
from engine.config import Config, ConfigProblems, loads
from engine.errors import ConfigError, RunError
from engine.train.factory import check_files, config_of
from tests.engine.callbacks.test_callbacks import Play
from tests.support.config_text import BASE
from tests.support.small_runs import PLAIN, make_config, train

EVENTS = "callbacks=[tensorboard]"

needs_tensorboard = pytest.mark.skipif(
    find_spec("tensorboard") is None, reason="tensorboard is not installed"
)


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Tags and their (step, value), from the event files of a folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that TensorBoard imports
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        # Nothing is purged: an event that is there twice is seen twice.
        reader = EventAccumulator(str(folder), purge_orphaned_data=False)
        reader.Reload()
    tags = reader.Tags()["scalars"]
    return {tag: [(one.step, one.value) for one in reader.Scalars(tag)] for tag in tags}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run" / "tensorboard" / module.FILE


def play(folder: Path, *epochs: float, before: tuple[float, ...] = ()) -> Play:
    """A run in a folder, with the losses of epochs that were before it and of its own."""
    run = Play(TensorBoard())
    run.folder = folder / "run"
    run.history = [{"loss": loss, "lr": 0.1} for loss in before]
    for loss in epochs:
        run.epoch(loss=loss)
    return run


def losses(folder: Path) -> list[tuple[int, float]]:
    return scalars(folder / "run" / "tensorboard")["loss"]


def small(folder: Path, *overrides: str) -> Config:
    return make_config(folder, PLAIN, EVENTS, *overrides)


class Killed(Callback):
    """The death of the process once the events of an epoch are written."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if epoch == self.epoch:
            raise RunError("killed")


@needs_tensorboard
def test_a_run_writes_every_metric_with_the_epoch_as_step(tmp_path: Path) -> None:
    run = train(small(tmp_path))
    found = scalars(run.path / "tensorboard")
    assert {"loss", "acc", "val_loss", "val_acc", "lr", "samples_per_s"} <= found.keys()
    for tag, points in found.items():
        assert [step for step, _ in points] == [1, 2, 3]
        expected = [logs[tag] for logs in run.session.history]
        assert [value for _, value in points] == pytest.approx(expected)


@needs_tensorboard
def test_a_run_that_was_killed_and_resumed_has_each_epoch_once(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="killed"):
        train(small(tmp_path), Killed(1))
    (path,) = (tmp_path / "runs").iterdir()
    assert [step for step, _ in scalars(path / "tensorboard")["loss"]] == [1, 2]
    with (path / "tensorboard" / module.FILE).open("ab") as stream:
        stream.write(b"\x99\0\0\0\0\0\0\0cut")  # of an event, by the kill
    run = train(config_of(path), resume=path)
    points = scalars(path / "tensorboard")["loss"]
    assert [step for step, _ in points] == [1, 2, 3]
    assert [loss for _, loss in points] == pytest.approx([one["loss"] for one in run.history])


@needs_tensorboard
def test_a_folder_of_their_own_has_one_for_every_run(tmp_path: Path) -> None:
    option = f"callbacks=[tensorboard: {{log_dir: {tmp_path / 'logs'}}}]"
    runs = [train(make_config(tmp_path, PLAIN, option, "train.epochs=1")) for _ in range(2)]
    for run in runs:
        assert len(scalars(tmp_path / "logs" / run.path.name)["loss"]) == 1
        assert not (run.path / "tensorboard").exists()


@needs_tensorboard
@pytest.mark.parametrize("damage", ["lost", "cut", "garbage", "another's"])
def test_events_that_are_lost_or_damaged_are_written_again(
    tmp_path: Path, file: Path, damage: str
) -> None:
    play(tmp_path, 3.0, 2.0)
    whole = file.read_bytes()
    match damage:
        case "lost":
            file.unlink()
        case "cut":
            file.write_bytes(whole[:-5])
        case "garbage":
            file.write_bytes(whole[:80] + bytes(30) + whole[110:])
        case "another's":
            file.write_bytes(b"x" * 1000)
    run = play(tmp_path, 1.0, before=(3.0, 2.0))
    assert losses(tmp_path) == [(1, 3.0), (2, 2.0), (3, 1.0)]
    assert run.warnings == []


@needs_tensorboard
def test_epochs_before_the_callback_was_there_are_written_too(tmp_path: Path) -> None:
    play(tmp_path, 1.0, before=(3.0, 2.0))
    assert losses(tmp_path) == [(1, 3.0), (2, 2.0), (3, 1.0)]


@needs_tensorboard
def test_a_loss_that_is_no_number_is_an_event_too(tmp_path: Path) -> None:
    play(tmp_path, float("nan"), float("inf"))
    (_, first), (_, second) = losses(tmp_path)
    assert math.isnan(first)
    assert second == math.inf


@needs_tensorboard
def test_what_cannot_be_written_is_a_warning_and_training_goes_on(
    tmp_path: Path, file: Path
) -> None:
    file.mkdir(parents=True)
    run = play(tmp_path, 2.0)
    (warning,) = run.warnings
    assert warning.startswith(f"{file}: the events were not written: ")
    file.rmdir()
    run.epoch(loss=1.0)
    assert losses(tmp_path) == [(1, 2.0), (2, 1.0)]


@needs_tensorboard
@pytest.mark.parametrize("link", ["folder", "file"])
def test_no_link_in_the_run_is_followed(tmp_path: Path, file: Path, link: str) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / file.name).write_bytes(b"mine")
    if link == "folder":
        file.parent.parent.mkdir()
        file.parent.symlink_to(mine)
    else:
        file.parent.mkdir(parents=True)
        file.symlink_to(mine / file.name)
    run = play(tmp_path, 1.0)
    assert len(run.warnings) == 1
    assert (mine / file.name).read_bytes() == b"mine"


@needs_tensorboard
def test_a_training_without_a_folder_needs_one_to_be_named(tmp_path: Path) -> None:
    run = Play(TensorBoard())
    run.epoch(loss=1.0)
    (warning,) = run.warnings
    assert "give log_dir" in warning
    Play(TensorBoard(tmp_path / "logs")).epoch(loss=1.0)
    (folder,) = (tmp_path / "logs").iterdir()
    assert scalars(folder)["loss"] == [(1, 1.0)]


def test_a_missing_package_is_a_line_that_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.errors.find_spec", lambda name: None)
    command = r"pip install 'cnn-tui\[tensorboard\]'"
    with pytest.raises(ConfigError, match=rf"^callbacks.0.tensorboard: .*{command}$"):
        check_files(small(tmp_path))
    with pytest.raises(ConfigError, match=command):
        train(small(tmp_path))
    with pytest.raises(ConfigError, match=command):
        Play(TensorBoard())  # a run that is resumed
    assert not list(tmp_path.iterdir())


@needs_tensorboard
def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("mine")
    option = f"callbacks=[tensorboard: {{log_dir: {tmp_path / 'logs'}}}]"
    with pytest.raises(ConfigError, match=r"callbacks\.0\.tensorboard.*logs"):
        check_files(make_config(tmp_path, PLAIN, option))


def test_two_of_them_would_write_one_file() -> None:
    with pytest.raises(ConfigProblems, match="expected a file of its own"):
        loads(BASE + "callbacks: [tensorboard, tensorboard: {}]\n")
