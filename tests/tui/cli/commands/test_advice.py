"""Advice and remarks on the command line: a line on stderr, and a place in the JSON."""

import json
from pathlib import Path

import pytest

from engine.config import loads
from engine.train import loop
from tests.support.command_runs import TEXT, make_config, speak
from tui.cli.commands.config import check
from tui.cli.commands.train import train

SOFTMAX = TEXT.replace("out_features: 10}]", "out_features: 10}, Softmax]")
SMOOTHED = TEXT.replace("lr: 0.05", "lr: 0.05, label_smoothing: 0.1")


@pytest.mark.parametrize(
    ("text", "level", "key"),
    [
        (SOFTMAX, "warning", "layers.2.Softmax"),
        (SMOOTHED, "note", "train.label_smoothing"),
    ],
)
def test_config_check_says_it_and_ends_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, level: str, key: str
) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    spoken = speak(capsys, quiet=True)
    assert check([str(path)], (), spoken.out) == 0
    out, err = spoken.read()
    assert err.startswith(f"{level}: {path}: {key}: ")
    assert len(err.splitlines()) == 1
    assert "Dense(784→10)" in out
    assert check([str(path)], (), speak(capsys, as_json=True).out) == 0
    (advice,) = json.loads(spoken.read()[0])["advice"]
    assert (advice["level"], advice["path"]) == (level, key)
    assert advice["message"] in err


def test_config_check_of_an_ordinary_config_says_nothing_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plain.yaml"
    path.write_text(TEXT)
    spoken = speak(capsys, as_json=True, quiet=True)
    check([str(path)], (), spoken.out)
    out, err = spoken.read()
    assert (json.loads(out)["advice"], err) == ([], "")


def test_training_says_what_config_check_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = [f"runs_dir={tmp_path / 'runs'}", f"reports_dir={tmp_path / 'reports'}"]
    spoken = speak(capsys)
    assert train(loads(SOFTMAX, "odd.yaml", places), spoken.out) == 0
    assert "warning: layers.2.Softmax: Softmax limits the scores" in spoken.read()[1]


def test_remarks_on_the_curves_are_made_headless_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "new_remarks", lambda history, classes: [("collapse", "it fell")])
    spoken = speak(capsys)
    assert train(make_config(tmp_path, "train.epochs=1"), spoken.out) == 0
    out, err = spoken.read()
    assert "remark: it fell" in err.splitlines()
    assert "it fell" not in out
    spoken = speak(capsys, as_json=True, quiet=True)
    train(make_config(tmp_path, "train.epochs=1"), spoken.out)
    out, err = spoken.read()
    remarks = [line for line in map(json.loads, out.splitlines()) if line["event"] == "remark"]
    assert remarks == [
        {
            "event": "remark",
            "rule": "collapse",
            "message": "it fell",
            "epoch": 1,
            "level": "warning",
        }
    ]
    assert err == ""
