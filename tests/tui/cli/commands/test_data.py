"""``data list``, ``fetch`` and ``verify``."""

import json
import os
import shutil
import signal
from pathlib import Path
from unittest.mock import patch

import pytest

from engine.data import DATASETS
from engine.errors import Cancelled, ConfigError
from engine.resources import shipped
from engine.services.signals import Interrupted
from tests.support.command_runs import speak
from tui.cli.commands import data


def test_data_list_names_every_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys, as_json=True)
    assert data.list_datasets(tmp_path, spoken.out) == 0
    lines = {line["name"]: line for line in spoken.lines()}
    assert lines.keys() == DATASETS.keys()
    assert lines["mnist_mini"]["place"] is not None
    assert lines["cifar10"]["place"] is None
    spoken = speak(capsys)
    data.list_datasets(tmp_path, spoken.out)
    assert "not here" in spoken.read()[0]


def test_verify_tells_good_from_bad(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys)
    assert data.verify_dataset("mnist_mini", None, spoken.out) == 0
    assert spoken.read()[0].count(" ok") == 4
    folder = tmp_path / "mnist"
    shutil.copytree(shipped("data", "mnist_mini"), folder)
    spoken = speak(capsys, as_json=True)
    assert data.verify_dataset("mnist", tmp_path, spoken.out) == 3
    out, err = spoken.read()
    assert {json.loads(line)["state"] for line in out.splitlines()} <= {"corrupt", "missing"}
    assert err.startswith("mnist: run 'cnn-tui data fetch mnist --root ")
    with pytest.raises(ConfigError, match="unknown data set 'mnits'"):
        data.verify_dataset("mnits", tmp_path, speak(capsys).out)


def test_fetch_ends_at_a_signal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fetch(name: str, root: Path, progress: object, cancelled: object) -> Path:
        os.kill(os.getpid(), signal.SIGTERM)
        assert callable(cancelled)
        if cancelled():
            raise Cancelled("given up")
        return root

    spoken = speak(capsys)
    with patch("engine.data.fetch", fetch), pytest.raises(Interrupted) as caught:
        data.fetch_dataset("mnist", tmp_path, spoken.out)
    assert caught.value.exit_code == 143
    assert spoken.bar.closed


def test_fetch_says_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys)
    assert data.fetch_dataset("mnist_mini", tmp_path, spoken.out) == 0
    assert spoken.read()[0].startswith("mnist_mini is in ")
