"""``config list``, ``check``, ``show``, ``new`` and ``schema``."""

import json
from pathlib import Path

import pytest

from engine.config import load
from engine.errors import ConfigError
from engine.services.configs import resolve
from tests.support.command_runs import TEXT, speak
from tests.support.imported_sets import make_set
from tui.cli.commands import config


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
    assert config.check([str(path)], [], spoken.out) == 0
    out, err = spoken.read()
    assert "7,850" in out
    assert err == f"{path}: fine\n"
    spoken = speak(capsys, as_json=True)
    config.check([str(path)], ["seed=5"], spoken.out)
    (line,) = spoken.lines()
    assert (line["ok"], line["parameters"], line["config"]["seed"]) == (True, 7850, 5)


def test_check_tells_all_problems_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(TEXT.replace("lr: 0.05", "lr: fast, epoch: 2"))
    spoken = speak(capsys)
    assert config.check([str(path)], ["seed=-1"], spoken.out) == 2
    out, err = spoken.read()
    assert out == ""
    assert err.endswith("3 problems, nothing was run.\n")


def test_check_goes_on_to_the_next_config_after_a_bad_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(TEXT)
    bad.write_text("dataset: mnst\n")
    names = [str(bad), "nowhere", str(good)]
    spoken = speak(capsys, as_json=True)
    assert config.check(names, [], spoken.out) == 2
    assert [(line["file"], line["ok"]) for line in spoken.lines()] == [
        (name, name == str(good)) for name in names
    ]
    assert config.check([str(good), "quickstart"], [], spoken.out) == 0


def test_show_can_be_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    spoken = speak(capsys)
    assert config.show(str(path), ["train.lr=0.5"], spoken.out) == 0
    copy = tmp_path / "copy.yaml"
    copy.write_text(spoken.read()[0])
    assert load(copy) == load(path, ["train.lr=0.5"])


def test_new_prints_a_config_that_can_be_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_set(tmp_path)
    spoken = speak(capsys)
    assert config.new("pets", tmp_path, spoken.out) == 0
    path = tmp_path / "pets.yaml"
    path.write_text(spoken.read()[0])
    assert load(path).dataset_info.classes == ("cat", "dog", "a fox")
    spoken = speak(capsys, as_json=True)
    config.new("pets", tmp_path, spoken.out)
    (line,) = spoken.lines()
    assert line["data"]["root"] == str(tmp_path)
    with pytest.raises(ConfigError, match="unknown data set 'pest'"):
        config.new("pest", tmp_path, spoken.out)


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    for as_json in (False, True):
        spoken = speak(capsys, as_json=as_json)
        assert config.schema(spoken.out) == 0
        schema = json.loads(spoken.read()[0])
        assert "train" in schema["properties"]


def test_every_name_that_the_list_shows_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    for name in ("mine.yaml", "mine.v2.yml"):
        Path("configs", name).write_text(TEXT)
    spoken = speak(capsys, as_json=True)
    config.list_all(spoken.out)
    for line in spoken.lines():
        assert resolve(line["name"]) == Path(line["path"])
        assert resolve(f"configs/{Path(line['path']).name}").samefile(line["path"])
