"""Advice and hints on the command line: lines on stderr, and a place in the JSON."""

import json
from pathlib import Path

import pytest

from engine.config import loads
from engine.hints import RULES, Fix, Rule
from tests.support.command_runs import TEXT, make_config, speak
from tui.cli.commands.config import check
from tui.cli.commands.runs import show
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


RAISED = Rule(
    "raised",
    "rate raised",
    "always",
    "less",
    "Because.",
    lambda evidence: (f"{len(evidence.history)} epochs", Fix("go back", ("train.lr=0.01",))),
)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> None:
    """One rule alone, which always holds."""
    for name in tuple(RULES):
        monkeypatch.delitem(RULES, name)
    monkeypatch.setitem(RULES, "raised", RAISED)


@pytest.mark.usefixtures("only")
def test_a_hint_is_told_when_it_begins_and_with_fix_and_reason_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = speak(capsys)
    assert train(make_config(tmp_path, "train.epochs=1"), spoken.out) == 0
    out, err = spoken.read()
    lines = err.splitlines()
    assert lines.count("hint: rate raised: 0 epochs") == 1
    at = lines.index("rate raised: 1 epochs")
    assert lines[at + 1] == "  fix: go back: --set train.lr=0.01"
    assert lines[at + 2] == "  why: Because."
    assert "raised" not in out


@pytest.mark.usefixtures("only")
def test_hints_are_events_in_the_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = speak(capsys, as_json=True, quiet=True)
    train(make_config(tmp_path, "train.epochs=1"), spoken.out)
    out, err = spoken.read()
    hints = [line for line in map(json.loads, out.splitlines()) if line["event"] == "hint"]
    assert hints[-1] == {
        "event": "hint",
        "rule": "raised",
        "title": "rate raised",
        "message": "1 epochs",
        "why": "Because.",
        "fix": ["train.lr=0.01"],
        "fix_label": "go back",
        "epoch": 1,
        "at_end": True,
    }
    assert [hint["at_end"] for hint in hints] == [False, True]
    assert err == ""


@pytest.mark.usefixtures("only")
def test_runs_show_lists_the_hints_of_a_finished_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoken = speak(capsys, quiet=True)
    config = make_config(tmp_path, "train.epochs=1")
    train(config, spoken.out)
    spoken.read()
    assert show(config.runs_dir, config.name, spoken.out) == 0
    out, _ = spoken.read()
    assert "rate raised: 1 epochs\n  fix: go back: --set train.lr=0.01\n  why: Because." in out
