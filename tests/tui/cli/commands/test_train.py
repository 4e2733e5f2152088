"""``train`` and ``resume`` in this process; for signals and pipes see ``test_faults``."""

import dataclasses
import gzip
import json
import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from engine.data import DATASETS
from engine.data.sets.mnist_mini import MNIST_MINI
from engine.resources import shipped
from engine.services.signals import Interrupted
from engine.train import loop, session
from engine.train.controls import Controls
from tests.support.command_runs import make_config, run, speak
from tests.support.proofs import rest_as_proofs
from tui.cli.commands.evaluate import evaluate
from tui.cli.commands.gradcheck import gradcheck
from tui.cli.commands.resume import resume
from tui.cli.commands.train import train
from tui.cli.verifying import verify

EPOCH = re.compile(
    r"epoch 1/2  loss \d\.\d{4}  acc \d\.\d{4}  val_loss \d\.\d{4}  val_acc \d\.\d{4}"
    r"  lr 0\.05  \d+\.\d s  [\d,]+ samples/s"
)


def test_data_is_a_line_an_epoch_and_the_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = speak(capsys)
    assert train(make_config(tmp_path), spoken.out) == 0
    out, err = spoken.read()
    first, second, test = out.splitlines()
    assert EPOCH.fullmatch(first)
    assert second.startswith("epoch 2/2")
    assert test.startswith("test_loss ")
    assert "mnist_mini: 270 samples, 7,850 parameters, seed 0" in err
    (path,) = tmp_path.glob("runs/*")
    assert f"run {path}\n" in err
    assert f"weights {path / 'weights.npz'}\n" in err
    assert spoken.bar.closed
    assert "epoch 2/2" in " ".join(spoken.bar.labels)
    assert {"validating", "testing"} <= set(spoken.bar.labels)


def test_json_lines_name_their_event(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys, as_json=True, quiet=True)
    assert train(make_config(tmp_path), spoken.out) == 0
    lines = spoken.lines()
    names = [line["event"] for line in lines]
    assert names == ["start", "checkpoint", "epoch", "checkpoint", "epoch", "checkpoint", "end"]
    epoch = lines[2]
    assert (epoch["epoch"], epoch["epochs"]) == (1, 2)
    assert epoch.keys() >= {"loss", "acc", "val_loss", "val_acc", "lr"}
    assert lines[-1]["status"] == "finished"
    assert lines[-1]["test"]["test_acc"] > 0.2


def test_a_divergence_is_one_line_and_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys, quiet=True)
    assert train(make_config(tmp_path, "train.lr=3e38", "train.momentum=0"), spoken.out) == 1
    out, err = spoken.read()
    assert "test_loss" not in out
    (line,) = [line for line in err.splitlines() if not line.startswith("warning")]
    assert line.startswith("diverged in epoch 1, batch ")


LENET = ("model=lenet_mnist", "layers=null", "data.limit=500", "train.optimizer=adam")


@pytest.mark.parametrize(
    ("overrides", "status"),
    rest_as_proofs(
        [
            ((*LENET, "train.lr=10"), "diverged"),
            ((*LENET, "train.lr=1000"), "diverged"),
            ((*LENET, "train.lr=0.3", "train.loss=mse"), "diverged"),
            ((*LENET, "train.lr=1e-7"), "finished"),  # slow is not diverged
            (("train.lr=1000",), "finished"),  # a linear network takes any rate
        ],
        rows=True,
    ),
    ids=str,
)
def test_a_run_that_exploded_without_a_nan_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], overrides: tuple[str, ...], status: str
) -> None:
    spoken = speak(capsys, quiet=True)
    code = train(make_config(tmp_path, *overrides), spoken.out)
    out, err = spoken.read()
    assert code == (1 if status == "diverged" else 0)
    assert "test_loss" in out
    if status == "diverged":
        assert re.fullmatch(r"diverged: the loss rose to \S+, and .* Try a smaller lr.*\n", err)
    (path,) = tmp_path.glob("runs/*")
    assert json.loads((path / "run.json").read_text())["status"] == status
    verified = speak(capsys)
    assert verify(path.parent, path.name, verified.out) == 0
    assert "verified: 3 of 3 hashes are the same" in verified.read()[0]


@pytest.mark.parametrize("command", ["train", "evaluate", "gradcheck"])
def test_a_broken_file_that_was_passed_over_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    config, weights = make_config(tmp_path), run(tmp_path)
    copy = tmp_path / "data"
    shutil.copytree(shipped("data", "mnist_mini"), copy)
    broken = copy / "train-labels-idx1-ubyte.gz"
    (copy / "train-labels.idx1-ubyte").write_bytes(gzip.decompress(broken.read_bytes()))
    broken.write_bytes(broken.read_bytes()[:100])
    info = dataclasses.replace(MNIST_MINI, folders=(str(copy),))
    monkeypatch.setitem(DATASETS, "mnist_mini", info)
    spoken = speak(capsys)
    code = {
        "train": lambda: train(config, spoken.out),
        "evaluate": lambda: evaluate(config, weights, spoken.out),
        "gradcheck": lambda: gradcheck(config, spoken.out, samples=1),
    }[command]()
    assert code == 0
    assert f"{broken}: it is cut short; {copy}" in spoken.read()[1]


def test_nan_is_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys, as_json=True)
    real = session.Loop._validate
    with patch.object(
        session.Loop, "_validate", lambda self: {**real(self), "val_acc": float("nan")}
    ):
        train(make_config(tmp_path), spoken.out)
    assert [line["val_acc"] for line in spoken.lines() if line["event"] == "epoch"] == [None] * 2


def test_stopping_says_how_to_go_on_and_going_on_finishes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "it's a folder"
    spoken = speak(capsys)
    take, left = Controls.take, [4]

    def interrupt(controls: Controls) -> object:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return take(controls)

    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with patch.object(Controls, "take", interrupt), patch.object(loop, "TURN", 0):
            assert train(make_config(folder), spoken.out) == 130
    finally:
        signal.signal(signal.SIGINT, old)
    (path,) = folder.glob("runs/*")
    _, err = spoken.read()
    assert "stopped (SIGINT) after epoch 0; resume with:  cnn-tui resume '" in err
    assert resume(path, spoken.out) == 0
    out, err = spoken.read()
    assert "resumed after batch 3 of epoch 1" in err
    assert len(out.splitlines()) == 3


def test_a_signal_while_loading_runs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = session.factory.data.load

    def load(*args: Any, **kwargs: Any) -> object:
        os.kill(os.getpid(), signal.SIGTERM)
        return real(*args, **kwargs)

    with patch.object(session.factory.data, "load", load), pytest.raises(Interrupted) as caught:
        train(make_config(tmp_path), speak(capsys).out)
    assert caught.value.exit_code == 143
    assert not list(tmp_path.iterdir())
