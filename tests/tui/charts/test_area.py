"""Areas of braille: single dots, told from lines without colour."""

import numpy as np
import pytest

from engine.arrays import Array
from tui.charts.braille import BrailleCanvas
from tui.charts.figure import Band, Picture, Plotter, Series


def cells(canvas: BrailleCanvas) -> dict[tuple[int, int], str]:
    return {(column, row): character for column, row, _, character in canvas.cells()}


def drawn(low: float, high: float) -> dict[tuple[int, int], str]:
    canvas = BrailleCanvas(6, 4)
    ends: Array = np.array([0.0, 1.0])
    canvas.area(ends, np.full(2, low), np.full(2, high), 0)
    return cells(canvas)


def test_an_area_has_two_dots_a_cell_and_no_two_beside_each_other() -> None:
    found = drawn(0.0, 1.0)
    assert len(found) == 24, "every cell has dots"
    assert set(found.values()) == {"⠅", "⡂"}


def test_an_area_without_height_is_a_dotted_line() -> None:
    found = drawn(0.5, 0.5)
    assert [column for column, _ in sorted(found)] == [0, 1, 2, 3, 4, 5]
    assert all(bin(ord(character) - 0x2800).count("1") == 1 for character in found.values())


def test_a_line_covers_an_area() -> None:
    canvas = BrailleCanvas(4, 1)
    ends = np.array([0.0, 1.0])
    canvas.area(ends, np.zeros(2), np.ones(2), 1)
    canvas.line(ends, np.zeros(2), 0)
    assert "".join(character for *_, character in canvas.cells()) == "⣀⣀⣀⣀"


@pytest.mark.parametrize("log", [False, True])
def test_a_band_may_hold_anything(log: bool) -> None:
    x = np.arange(1.0, 5.0)
    low, high = np.array([-1.0, np.nan, 0.2, np.inf]), np.array([2.0, np.nan, 0.4, 3.0])
    picture = Picture(x_end=4.0, log=log, bands=(Band("curve-lr", x, low, high),))
    lines = Plotter().plot(picture, 60, 20, lambda name: (1, 2, 3))
    assert lines is not None
    shown = "".join(words for line in lines for words, _ in line)
    assert any("\u2800" < character <= "\u28ff" for character in shown)


def test_a_line_alone_and_a_band_alone_are_told_apart_without_colour() -> None:
    x = np.array([0.0, 10.0])
    flat = np.full(2, 0.5)
    band = Picture(x_end=10.0, bands=(Band("curve-lr", x, flat - 0.2, flat + 0.2),))
    line = Picture((Series("a", "curve-lr", x, flat),), x_end=10.0, bands=band.bands)

    def dots(picture: Picture) -> set[str]:
        lines = Plotter().plot(picture, 60, 20, lambda name: (1, 2, 3))
        assert lines is not None
        return {c for line in lines for words, _ in line for c in words if "\u2800" < c <= "\u28ff"}

    assert len(dots(line) - dots(band)) == 1, "the line has characters that the band has not"
