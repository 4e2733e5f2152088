"""``config`` and ``data``."""

import json
import os
import shutil
import signal
from pathlib import Path
from unittest.mock import patch

import pytest
from command_runs import TEXT, speak

from engine.commands import config, data
from engine.commands.signals import Interrupted
from engine.config import ConfigProblems, load
from engine.data import DATASETS, FetchCancelledError
from engine.errors import ConfigError
from engine.resources import shipped


def test_every_shipped_config_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys, as_json=True)
    assert config.list_all(spoken.out) == 0
    lines = {line["name"]: line for line in spoken.lines()}
    assert {"quickstart", "mnist_lenet", "cifar10_resnet"} <= lines.keys()
    assert all("problem" not in line for line in lines.values())
    spoken = speak(capsys)
    config.list_all(spoken.out)
    assert len(spoken.read()[0].splitlines()) == len(lines) + 1


def test_a_broken_config_is_listed_with_its_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    Path("configs/broken.yaml").write_text("dataset: mnst\n")
    spoken = speak(capsys, as_json=True)
    assert config.list_all(spoken.out) == 0
    (broken,) = [line for line in spoken.lines() if line["name"] == "broken"]
    assert "mnst" in broken["problem"]


def test_check_shows_the_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    spoken = speak(capsys)
    assert config.check(path, [], spoken.out) == 0
    out, err = spoken.read()
    assert "7,850" in out
    assert err == f"{path}: fine\n"
    spoken = speak(capsys, as_json=True)
    config.check(path, ["seed=5"], spoken.out)
    (line,) = spoken.lines()
    assert (line["ok"], line["parameters"], line["config"]["seed"]) == (True, 7850, 5)


def test_check_tells_all_problems_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(TEXT.replace("lr: 0.05", "lr: fast, epoch: 2"))
    with pytest.raises(ConfigProblems) as caught:
        config.check(path, ["seed=-1"], speak(capsys).out)
    assert str(caught.value).endswith("3 problems, nothing was run.")
    assert caught.value.exit_code == 2


def test_show_can_be_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    spoken = speak(capsys)
    assert config.show(path, ["train.lr=0.5"], spoken.out) == 0
    copy = tmp_path / "copy.yaml"
    copy.write_text(spoken.read()[0])
    assert load(copy) == load(path, ["train.lr=0.5"])


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    for as_json in (False, True):
        spoken = speak(capsys, as_json=as_json)
        assert config.schema(spoken.out) == 0
        schema = json.loads(spoken.read()[0])
        assert "train" in schema["properties"]


def test_resolve_finds_shipped_configs_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ours = shipped("configs") / "quickstart.yaml"
    for name in (None, "quickstart", "quickstart.yaml", "configs/quickstart.yaml"):
        assert config.resolve(name) == ours
    Path("quickstart.yaml").write_text(TEXT)
    assert config.resolve("quickstart.yaml") == Path("quickstart.yaml")
    for name in ("nothing", "other/quickstart.yaml", "quickstart.json", "", "x" * 5000):
        assert config.resolve(name) == Path(name)


# -- data ------------------------------------------------------------------------------------------


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
    assert {line["state"] for line in spoken.lines()} <= {"corrupt", "missing"}
    with pytest.raises(ConfigError, match="unknown data set 'mnits'"):
        data.verify_dataset("mnits", tmp_path, speak(capsys).out)


def test_fetch_ends_at_a_signal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fetch(name: str, root: Path, progress: object, cancelled: object) -> Path:
        os.kill(os.getpid(), signal.SIGTERM)
        assert callable(cancelled)
        if cancelled():
            raise FetchCancelledError("given up")
        return root

    spoken = speak(capsys)
    with patch.object(data, "fetch", fetch), pytest.raises(Interrupted) as caught:
        data.fetch_dataset("mnist", tmp_path, spoken.out)
    assert caught.value.exit_code == 143
    assert spoken.bar.closed


def test_fetch_says_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys)
    assert data.fetch_dataset("mnist_mini", tmp_path, spoken.out) == 0
    assert spoken.read()[0].startswith("mnist_mini is in ")
