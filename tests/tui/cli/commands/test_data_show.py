"""``data show``."""

import sys
from pathlib import Path

import pytest

from engine.errors import ConfigError, DataError
from tests.support.command_runs import speak
from tests.support.imported_sets import make_set
from tui.cli.commands import data


def test_it_says_what_a_set_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_set(tmp_path, train=62, test=12)
    spoken = speak(capsys)
    assert data.show_dataset("pets", tmp_path, spoken.out) == 0
    out, _ = spoken.read()
    assert "1×8×8, 62 train + 12 test, 3 classes" in out
    assert str(tmp_path / "processed" / "pets") in out
    assert "kind: made up" in out
    assert "1.1 (largest class 21, smallest 20 training images)" in out
    rows = {line.split()[0]: line for line in out.split("\n\n")[1].splitlines()}
    assert rows["cat"].split()[1] == "21"
    assert rows["cat"].count("█") > rows["a"].count("█") > 40, "and a bar for each"
    assert max(map(len, rows.values())) <= 80
    assert "▀" not in out, "stdout is no terminal"


def test_a_terminal_gets_samples_of_each_class(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_set(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    spoken = speak(capsys)
    data.show_dataset("pets", tmp_path, spoken.out)
    sheet = spoken.read()[0].splitlines()[-17:]
    assert sheet[-1].split() == ["cat", "dog", "a", "fox"]
    assert any("@@@@" in line or "%%%%" in line for line in sheet), "the bright rows"
    data.show_dataset("pets", tmp_path, speak(capsys, as_json=True).out)
    assert len(spoken.lines()) == 1, "and no picture"


def test_as_json_it_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_set(tmp_path, train=2, test=3)
    spoken = speak(capsys, as_json=True)
    assert data.show_dataset("pets", tmp_path, spoken.out) == 0
    (line,) = spoken.lines()
    assert line["classes"] == ["cat", "dog", "a fox"]
    assert line["train_counts"] == [1, 1, 0]
    assert line["test_counts"] == [1, 1, 1]
    assert line["imbalance"] is None
    assert line["source"] == {"kind": "made up"}


def test_a_hundred_classes_with_long_names_stay_in_their_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tuple(f"貓貓貓貓貓貓貓貓貓貓貓貓貓貓貓貓貓貓貓貓\x1b[31m {i}" for i in range(100))
    make_set(tmp_path, classes=names, shape=(3, 8, 8), train=300, test=100)
    spoken = speak(capsys)
    data.show_dataset("pets", tmp_path, spoken.out)
    out, _ = spoken.read()
    assert out.count("█") >= 200
    assert "\x1b" not in out


def test_what_cannot_be_shown_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match="cnn-tui data fetch cifar10"):
        data.show_dataset("cifar10", tmp_path, speak(capsys).out)
    with pytest.raises(ConfigError, match="Did you mean 'mnist'"):
        data.show_dataset("mnits", tmp_path, speak(capsys).out)
    make_set(tmp_path)
    images = tmp_path / "processed" / "pets" / "train-images.npy"
    images.write_bytes(images.read_bytes()[:-1])
    with pytest.raises(DataError, match="bytes, expected"):
        data.show_dataset("pets", tmp_path, speak(capsys).out)
