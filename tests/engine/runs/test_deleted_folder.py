"""The folder of a run is deleted while it trains."""

import shutil
from pathlib import Path

from engine.storage.locks import Lock
from engine.train.factory import config_of
from engine.train.session import TrainingSession
from tests.support.small_runs import PLAIN, STEPS, Do, Run, Stop, make_config, train


def delete(run: TrainingSession) -> None:
    shutil.rmtree(run.run_dir.path)


def test_it_is_made_again_and_nothing_is_missing(tmp_path: Path) -> None:
    whole = train(make_config(tmp_path / "whole"))
    run = train(make_config(tmp_path), Do(STEPS + 1, delete))
    assert run.ended.status == "finished"
    assert any("deleted under the run; made again" in warning for warning in run.warnings)
    assert run.weights == whole.weights
    assert run.metrics == whole.metrics
    names = {path.name for path in whole.path.iterdir()}
    assert {path.name for path in run.path.iterdir()} == names
    assert (run.path / "config.yaml").exists()


def test_it_can_be_resumed(tmp_path: Path) -> None:
    whole = train(make_config(tmp_path / "whole"))
    run = train(make_config(tmp_path), Do(1, delete), stop=Stop((1, 1)))
    assert run.ended.status == "stopped"
    session = TrainingSession(config_of(run.path), resume=run.path)
    assert Run(session, session.run(), []).weights == whole.weights


def test_what_another_process_made_of_it_is_left_alone(tmp_path: Path) -> None:
    locks = []

    def take_over(run: TrainingSession) -> None:
        delete(run)
        run.run_dir.path.mkdir()
        locks.append(Lock(run.run_dir.path / ".lock"))

    run = train(make_config(tmp_path, PLAIN), Do(STEPS + 1, take_over))
    locks[0].release()
    assert run.ended.status == "failed"
    assert "in use by process" in run.ended.reason
    assert [path.name for path in run.path.iterdir()] == [".lock"]


def test_a_place_where_it_cannot_be_made_is_said_and_training_goes_on(tmp_path: Path) -> None:
    def block(run: TrainingSession) -> None:
        delete(run)
        run.run_dir.path.write_text("a file")

    whole = train(make_config(tmp_path / "whole"))
    run = train(make_config(tmp_path, PLAIN), Do(STEPS + 1, block))
    assert run.ended.status == "failed"
    assert "is not a folder" in run.ended.reason
    assert run.history == whole.history
