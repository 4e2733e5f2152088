import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tui.charts.braille import BrailleCanvas


def _picture(canvas: BrailleCanvas, colour: int = 0) -> dict[tuple[int, int], str]:
    return {(column, row): ch for column, row, own, ch in canvas.cells() if own == colour}


def test_a_level_line_has_a_dot_in_every_half_column() -> None:
    canvas = BrailleCanvas(3, 1)
    canvas.line(np.array([0.0, 1.0]), np.array([0.0, 0.0]), 0)
    assert _picture(canvas) == {(0, 0): "⣀", (1, 0): "⣀", (2, 0): "⣀"}


def test_an_upright_line_has_all_dots_of_its_half_column() -> None:
    canvas = BrailleCanvas(1, 2)
    canvas.line(np.array([0.0, 0.0]), np.array([0.0, 1.0]), 0)
    assert _picture(canvas) == {(0, 0): "⡇", (0, 1): "⡇"}


def test_a_single_point_is_one_dot() -> None:
    canvas = BrailleCanvas(2, 1)
    canvas.line(np.array([1.0]), np.array([1.0]), 0)
    assert _picture(canvas) == {(1, 0): "⠈"}


def test_the_last_line_covers_those_below() -> None:
    canvas = BrailleCanvas(2, 1)
    canvas.line(np.array([0.0, 1.0]), np.array([0.0, 0.0]), 0)
    canvas.line(np.array([0.0]), np.array([1.0]), 1)
    assert _picture(canvas, 0) == {(1, 0): "⣀"}
    assert _picture(canvas, 1) == {(0, 0): "⠁"}


@given(
    st.lists(st.tuples(st.floats(-1, 2), st.floats(-1, 2)), max_size=30),
    st.integers(0, 20),
    st.integers(0, 10),
)
def test_lines_are_connected_and_stay_inside(
    points: list[tuple[float, float]], columns: int, rows: int
) -> None:
    canvas = BrailleCanvas(columns, rows)
    x, y = (np.array([p[i] for p in points]) for i in (0, 1))
    canvas.line(x, y, 0)
    cells = set(_picture(canvas))
    assert bool(cells) == bool(points and columns and rows)
    seen, todo = set(), [next(iter(cells))] if cells else []
    while todo:
        column, row = todo.pop()
        seen.add((column, row))
        near = {(column + i, row + j) for i in (-1, 0, 1) for j in (-1, 0, 1)}
        todo += (near & cells) - seen
    assert seen == cells
