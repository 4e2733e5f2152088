"""Pictures in the terminal: in colour, in characters, or none."""

import io
import re
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TextIO

import numpy as np
import pytest

from tui.cli.tables.contact_sheet import contact_sheet

IMAGES = np.zeros((3, 4, 3, 16, 16), np.uint8)
IMAGES[0, :, 0] = 255
IMAGES[1, :, :, 8:] = 255


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"TERM": "xterm", "COLORTERM": "truecolor", "COLUMNS": "80", "LINES": "24"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)


def sheet(classes: Sequence[str] = ("red", "half", "none"), stdout: TextIO | None = None) -> str:
    """The sheet of some classes; the third has no images."""
    with redirect_stdout(stdout or Screen()):
        return contact_sheet(
            classes, lambda label, most: [] if label == 2 else list(IMAGES[label % 2][:most])
        )


def test_in_colour_a_cell_has_two_pixels() -> None:
    assert "38;2;255;0;0;48;2;255;0;0m▀" in sheet()


def test_without_colours_it_is_drawn_in_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    drawn = sheet()
    assert "\x1b" not in drawn
    assert "@@@" in drawn
    assert "▀" not in drawn


def test_what_is_no_terminal_gets_none() -> None:
    assert sheet(stdout=io.StringIO()) == ""


def test_there_are_as_many_samples_as_fit_and_none_is_wider_than_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    assert len(re.findall("red|half", sheet())) == 2
    monkeypatch.setenv("COLUMNS", "200")
    lines = sheet().splitlines()
    assert len(re.findall("red|half", lines[-1])) == 6, "three of each"
    assert max(map(len, lines)) <= 200
    assert len(lines) <= 12, "half of the terminal"


def test_a_hundred_classes_are_drawn_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    names = [f"class {i}" for i in range(100)]
    lines = sheet(names).splitlines()
    assert all(any(name in line for line in lines) for name in names if name != "class 2")
    assert max(map(len, lines)) <= 80


def test_names_of_strangers_move_no_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    drawn = sheet(("\x1b[2Jred\x07", "h\u202ealf", "none"))
    assert "\x1b" not in drawn
    assert "\u202e" not in drawn
    assert "half" in drawn
