"""``config list``, ``check``, ``show``, ``new`` and ``schema``."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.checkpoints import checkpoint
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


def begins_with(weights: Path) -> str:
    """``TEXT`` with ``train.init_from`` in its last line, in column 14."""
    text, _, _ = TEXT.partition("train: {")
    return f"{text}train:\n  epochs: 2\n  init_from: {weights}\n"


def test_check_says_where_the_weights_to_begin_with_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tuned.yaml"
    path.write_text(begins_with(tmp_path / "gone.npz"))
    line = len(path.read_text().splitlines())
    spoken = speak(capsys)
    assert config.check([str(path)], [], spoken.out) == 2
    found = spoken.read()[1].splitlines()
    place = f"{path}:{line}:14: train.init_from: "
    assert found == [f"{place}{tmp_path / 'gone.npz'}: no such file", "1 problem, nothing was run."]
    (tmp_path / "gone.npz").write_bytes(b"no weights")
    assert config.check([str(path)], [f"train.init_from={tmp_path}"], spoken.out) == 2
    (override, _) = spoken.read()[1].splitlines()
    assert override.startswith("--set train.init_from=")
    assert override.endswith(f"{tmp_path}: the folder holds no weights.npz and no checkpoint")
    assert config.check([str(path)], [], spoken.out) == 2
    assert spoken.read()[1].startswith(f"{place}{tmp_path / 'gone.npz'}: not a cnn-tui checkpoint")


@pytest.mark.parametrize("kind", ["ours", "plain"])
def test_check_lists_what_does_not_fit_array_by_array(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    path, weights = tmp_path / "tuned.yaml", tmp_path / "old.npz"
    path.write_text(begins_with(weights))
    arrays = {"1.weight": np.zeros((12, 784), np.float32), "2.bias": np.zeros(3, np.float32)}
    if kind == "ours":
        own = {f"model/{name}": array for name, array in arrays.items()}
        checkpoint.save(weights, own, {})
    else:
        np.savez(weights, **arrays)  # type: ignore[arg-type]
    spoken = speak(capsys)
    assert config.check([str(path)], [], spoken.out) == 2
    *found, _ = spoken.read()[1].splitlines()
    assert [line.partition("old.npz: ")[2] for line in found] == [
        "1.weight has shape (12, 784), expected (10, 784)",
        "1.bias is missing, of shape (10,)",
        "2.bias is not expected, of shape (3,)",
    ]
    assert all(":14: train.init_from: " in line for line in found)
    assert config.check([str(path)], ["train.init_except=[1]"], spoken.out) == 2
    (line, _) = spoken.read()[1].splitlines()
    assert line.endswith("2.bias is not expected, of shape (3,)")


def test_check_is_content_with_weights_that_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], trained: Path
) -> None:
    path = tmp_path / "tuned.yaml"
    path.write_text(begins_with(trained))
    spoken = speak(capsys)
    assert config.check([str(path)], [], spoken.out) == 0


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
