"""``train --resume``: resume the newest unfinished run of the config, or start one."""

import shutil
from pathlib import Path

import pytest

from engine.callbacks import Callback, Logs
from engine.config import Config
from engine.storage.locks import Lock
from engine.train.session import TrainingSession
from tests.support.command_runs import Spoken, make_config, run, speak
from tui.cli.commands.train import train


class StopAfter(Callback):
    def __init__(self, batches: int) -> None:
        self.left = batches

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        self.left -= 1
        if self.left == 0:
            self.run.controls.stop("test")  # type: ignore[attr-defined]


def cut(config: Config, name: str = "", batches: int = 3) -> Path:
    """A run that was stopped; it gets another name on disk, to be older or newer."""
    path = TrainingSession(config, extra_callbacks=[StopAfter(batches)]).run().run_dir
    return path.rename(path.with_name(name)) if name else path


@pytest.fixture
def spoken(capsys: pytest.CaptureFixture[str]) -> Spoken:
    return speak(capsys)


def runs(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "runs").iterdir())


def test_without_an_unfinished_run_it_starts(tmp_path: Path, spoken: Spoken) -> None:
    config = make_config(tmp_path)
    for count in (1, 2):
        assert train(config, spoken.out, resume=True) == 0
        assert len(runs(tmp_path)) == count
        first = spoken.read()[1].splitlines()[0]
        assert first == (
            f"no unfinished run of this config in {tmp_path}/runs: training from the start"
        )


def test_the_newest_one_is_finished_with_the_same_bits(tmp_path: Path, spoken: Spoken) -> None:
    config = make_config(tmp_path)
    cut(config, "20250101-000000-small-0001")
    newest = cut(config, "20250102-000000-small-0002")
    other_workers = make_config(tmp_path, "train.workers=1")
    assert train(other_workers, spoken.out, resume=True) == 0
    err = spoken.read()[1]
    assert err.startswith(f"resuming the unfinished run {newest.name}\n")
    assert "resumed after batch 3 of epoch 1" in err
    assert len(runs(tmp_path)) == 2
    whole = run(tmp_path / "whole")
    assert (newest / "weights.npz").read_bytes() == (whole / "weights.npz").read_bytes()
    assert train(config, spoken.out, resume=True) == 0  # the one before it, too
    assert len(runs(tmp_path)) == 2


@pytest.mark.parametrize("change", ["train.lr=0.1", "seed=1", "name=other", "train.epochs=3"])
def test_a_run_of_another_config_is_left_alone(tmp_path: Path, spoken: Spoken, change: str) -> None:
    cut(make_config(tmp_path))
    assert train(make_config(tmp_path, change), spoken.out, resume=True) == 0
    assert len(runs(tmp_path)) == 2


def test_a_run_with_other_callbacks_is_left_alone(tmp_path: Path, spoken: Spoken) -> None:
    writes = make_config(tmp_path, f"callbacks=[csv_logger: {{filepath: {tmp_path}/log.csv}}]")
    cut(writes)
    assert train(make_config(tmp_path), spoken.out, resume=True) == 0
    assert len(runs(tmp_path)) == 2


def test_a_run_that_is_held_is_left_alone(tmp_path: Path, spoken: Spoken) -> None:
    config = make_config(tmp_path)
    path = cut(config)
    record = (path / "run.json").read_text().replace('"stopped"', '"running"', 1)
    (path / "run.json").write_text(record)
    with Lock(path / ".lock"):
        assert train(config, spoken.out, resume=True) == 0
    assert len(runs(tmp_path)) == 2
    assert train(config, spoken.out, resume=True) == 0  # its lock is free now
    assert len(runs(tmp_path)) == 2


def test_a_run_without_a_checkpoint_or_config_is_passed_over(
    tmp_path: Path, spoken: Spoken
) -> None:
    config = make_config(tmp_path)
    good = cut(config, "20250101-000000-small-0001")
    empty = cut(config, "20250102-000000-small-0002")
    shutil.rmtree(empty / "checkpoints")
    broken = cut(config, "20250103-000000-small-0003")
    (broken / "config.yaml").write_text("[")
    assert train(config, spoken.out, resume=True) == 0
    assert spoken.read()[1].startswith(f"resuming the unfinished run {good.name}\n")
