"""Areas of braille: single dots, told from lines without colour."""

import numpy as np

from engine.arrays import Array
from tui.charts.braille import BrailleCanvas


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
