import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tui.cli.output import Output


def test_data_goes_to_stdout_and_narration_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output()
    out.text("data")
    out.json({"not": "shown"})
    out.say("narration")
    out.complain("warning")
    captured = capsys.readouterr()
    assert captured.out == "data\n"
    assert captured.err == "narration\nwarning\n"


def test_json_replaces_text_and_quiet_silences_only_narration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = Output(as_json=True, quiet=True)
    out.text("for people")
    out.json({"a": 1})
    out.say("narration")
    out.complain("warning")
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"a": 1}
    assert captured.err == "warning\n"


def test_any_value_is_a_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=True)
    row: dict[Any, Any] = {"loss": float("nan"), 3: np.float32(0.5), "path": Path("a/b")}
    out.json(row | {"shape": (1, 2)})
    assert capsys.readouterr().out == '{"loss": null, "3": 0.5, "path": "a/b", "shape": [1, 2]}\n'


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output()
    out.text("\x1b]0;title\x07")
    out.complain("\x1b[2J")
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_an_encoding_does_not_know_is_replaced(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    out = Output()
    out.text("1×28 → 10 \udcff")
    out.text("and on")
    first, second = raw.getvalue().decode(encoding).splitlines()
    assert first.startswith("1")
    assert second == "and on"
    assert out.problem is None


def test_missing_streams_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    out = Output()
    out.text("data")
    out.say("narration")
    assert out.problem is None


def test_closed_streams_are_no_crash(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = io.TextIOWrapper(io.BytesIO())
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    out = Output()
    out.text("data")
    out.text("data")
    assert out.problem is not None
    assert capsys.readouterr().err.count("stdout:") == 1


def test_a_reader_that_goes_away_ends_the_output_only(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        out = Output()
        out.text("first")
        os.close(reader)
        for _ in range(3):
            out.text("more")
        out.close()  # what is in the buffer is given up: the stream can be closed
    assert out.problem is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        out = Output()
        for _ in range(3):
            out.text("data")
        out.close()
    assert out.problem == "stdout: No space left on device"
    assert capsys.readouterr().err == "stdout: No space left on device\n"
