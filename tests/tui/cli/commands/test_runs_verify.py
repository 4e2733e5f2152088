"""``runs verify``: a run is trained again, and every recorded hash has to come out."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.callbacks import Callback, Logs
from engine.checkpoints import checkpoint
from engine.errors import CheckpointError
from engine.runs import environment
from engine.services.signals import Interrupted
from engine.services.verify import read_provenance
from engine.train.factory import config_of
from engine.train.session import TrainingSession
from tests.support.command_runs import make_config, run, speak
from tui.cli.verifying import verify


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs, with callbacks that write."""
    folder = tmp_path_factory.mktemp("whole")
    best, log = (f"{{filepath: {folder / name}}}" for name in ("best.npz", "log.csv"))
    return run(folder, f"callbacks=[checkpoint: {best}, csv_logger: {log}]")


def copy(run_dir: Path, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a run with another record."""
    other = folder / run_dir.name
    shutil.copytree(run_dir, other)
    record = json.loads((other / "run.json").read_text())
    change(record)
    (other / "run.json").write_text(json.dumps(record))
    return other


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_is_verified_and_nothing_is_written(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(whole.parents[1])
    spoken = speak(capsys)
    assert verify(whole.parent, "small", spoken.out) == 0
    assert files(whole.parents[1]) == before
    first, second, final, last = spoken.read()[0].splitlines()
    assert first.startswith("epoch 1: same")
    assert second.startswith("epoch 2: same")
    assert final.startswith("finished weights: same")
    assert last == "verified: 3 of 3 hashes are the same"


def test_json_has_every_hash(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys, as_json=True)
    assert verify(whole.parent, whole.name, spoken.out) == 0
    *epochs, final, end = spoken.lines()
    assert [line["epoch"] for line in epochs] == [1, 2]
    assert all(line["recorded"] == line["derived"] for line in [*epochs, final])
    assert len({line["derived"] for line in epochs}) == 2
    assert end == {"event": "end", "run": whole.name, "verified": True, "differs": []}


def test_the_first_epochs_only(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys)
    assert verify(whole.parent, whole.name, spoken.out, epochs=1) == 0
    assert [line.split(":")[0] for line in spoken.read()[0].splitlines()] == ["epoch 1", "verified"]
    assert not any(label.startswith("epoch 2") for label in spoken.bar.labels)


def test_another_hash_is_found_and_no_fact_explains_it(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def lie(record: dict[str, Any]) -> None:
        record["provenance"]["weights"][0] = "0" * 64

    other = copy(whole, tmp_path, lie)
    spoken = speak(capsys)
    assert verify(tmp_path, other.name, spoken.out) == 1
    epoch, verdict, reason = spoken.read()[0].splitlines()
    assert epoch.startswith("epoch 1: differs")
    assert verdict == "not verified: the first difference is in epoch 1"
    assert reason.startswith("  no recorded fact differs")


def test_facts_that_differ_are_named(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def lie(record: dict[str, Any]) -> None:
        provenance = record["provenance"]
        provenance["final"] = "0" * 64
        facts = provenance["parts"][0]["environment"]
        facts["numpy"] = "1.0"
        facts["blas"][0]["architecture"] = "Prescott"
        facts["cores"] = 999  # never matters
        later = {**provenance["parts"][0], "step": 5, "config_hash": "f" * 64}
        provenance["parts"].append(later)

    other = copy(whole, tmp_path, lie)
    spoken = speak(capsys)
    assert verify(tmp_path, other.name, spoken.out) == 1
    lines = spoken.read()[0].splitlines()
    assert lines[3] == "not verified: the first difference is in finished weights"
    told = [line.strip().split(":")[0] for line in lines[4:]]
    since = [f"{fact} (from step 5 on)" for fact in ("config", "numpy", "blas")]
    assert told == ["numpy", "blas", *since]
    assert "Prescott" in lines[5]
    assert lines[4].startswith("  numpy: recorded 1.0, here ")


def test_a_run_of_an_earlier_version_is_verified_by_its_weights(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def forget(record: dict[str, Any]) -> None:
        del record["provenance"]

    other = copy(whole, tmp_path, forget)
    for path in (other / "checkpoints").glob("*.npz"):
        saved = checkpoint.load(path)
        del saved.meta["provenance"]
        checkpoint.save(path, saved.arrays, saved.meta)
    spoken = speak(capsys)
    assert verify(tmp_path, other.name, spoken.out) == 0
    assert spoken.read()[0].splitlines()[-1] == "verified: 1 of 1 hashes are the same"
    (other / "weights.npz").unlink()
    with pytest.raises(CheckpointError, match="no such file"):
        verify(tmp_path, other.name, spoken.out)


class Lever(Callback):
    """Changes the learning rate, and stops, at two moments."""

    def __init__(self, change: int, stop: int) -> None:
        self.moments = {change: "lr", stop: "stop"}
        self.seen = 0

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        self.seen += 1
        session: Any = self.run
        match self.moments.get(self.seen):
            case "lr":
                session.controls.set_lr(0.3)
            case "stop":
                session.controls.stop("test")


@pytest.mark.parametrize("change", [0, 2, 5], ids=["at once", "in an epoch", "after its end"])
def test_a_run_that_was_cut_resumed_and_steered_is_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: int
) -> None:
    config = make_config(tmp_path, "train.scheduler={name: exponential, gamma: 0.5}")
    session = TrainingSession(config, extra_callbacks=[Lever(change, change + 2)])
    if change == 0:
        session.controls.set_lr(0.3)
    cut = session.run()
    spoken = speak(capsys)
    assert TrainingSession(config_of(cut.run_dir), resume=cut.run_dir).run().status == "finished"
    recorded = read_provenance(cut.run_dir)
    assert (len(recorded.rates), len(recorded.parts)) == (1, 1)
    assert verify(cut.run_dir.parent, cut.run_dir.name, spoken.out) == 0
    plain = run(tmp_path / "plain", "train.scheduler={name: exponential, gamma: 0.5}")
    assert read_provenance(plain).final != read_provenance(cut.run_dir).final


def test_a_run_that_was_cut_before_its_first_epoch_has_nothing_to_compare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = TrainingSession(make_config(tmp_path), extra_callbacks=[Lever(99, 1)]).run()
    with pytest.raises(CheckpointError, match="nothing to compare"):
        verify(cut.run_dir.parent, cut.run_dir.name, speak(capsys).out)


def test_a_resume_elsewhere_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = TrainingSession(make_config(tmp_path), extra_callbacks=[Lever(99, 1)]).run()
    monkeypatch.setattr(environment.platform, "python_version", lambda: "9.9")
    TrainingSession(config_of(cut.run_dir), resume=cut.run_dir).run()
    parts = read_provenance(cut.run_dir).parts
    assert [(part.step, part.environment["python"] == "9.9") for part in parts] == [
        (0, False),
        (1, True),
    ]


@pytest.mark.parametrize(
    "value", [3, [], {"weights": 3}, {"weights": [1, 2], "rates": [], "parts": [], "final": ""}]
)
def test_a_record_of_somebody_else_is_one_line(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], value: object
) -> None:
    other = copy(whole, tmp_path, lambda record: record.update(provenance=value))
    with pytest.raises(CheckpointError, match="cannot be read"):
        verify(tmp_path, other.name, speak(capsys).out)


def test_a_run_that_diverged_is_verified_as_far_as_it_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Poison(Callback):
        def on_epoch_begin(self, epoch: int) -> None:
            if epoch == 1:
                self.run.model.named_parameters()["1.weight"][0, 0] = np.nan

    config = make_config(tmp_path)
    ended = TrainingSession(config, extra_callbacks=[Poison()]).run()
    assert ended.status == "diverged"
    spoken = speak(capsys)
    assert verify(ended.run_dir.parent, ended.run_dir.name, spoken.out) == 0
    assert spoken.read()[0].splitlines()[-1] == "verified: 1 of 1 hashes are the same"


def test_a_divergence_here_is_a_difference(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = copy(whole, tmp_path, lambda record: None)
    text = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(text.replace("lr: 0.05", "lr: 1.0e+38"))
    spoken = speak(capsys)
    assert verify(tmp_path, other.name, spoken.out) == 1
    lines = spoken.read()[0].splitlines()
    assert lines[-2] == "not verified: the first difference is in epoch 1"
    assert lines[-1].startswith("  config: recorded ")


def test_a_signal_ends_it(
    whole: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken = speak(capsys)
    monkeypatch.setattr(spoken.bar, "update", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    old = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with pytest.raises(Interrupted):
            verify(whole.parent, whole.name, spoken.out)
    finally:
        signal.signal(signal.SIGTERM, old)
