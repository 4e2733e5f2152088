"""How a chart is drawn by plotext and by us."""

import numpy as np
import pytest

from tui import compat
from tui.charts.figure import Marker, Picture, Plotter, Series


def test_axes_are_built_again_only_where_they_look_different(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built = 0
    cells = compat.built_cells

    def counted(figure: object) -> object:
        nonlocal built
        built += 1
        return cells(figure)

    monkeypatch.setattr(compat, "built_cells", counted)
    plotter = Plotter()

    def drawn(points: int, height: int = 20, mark: float = 3.0) -> int:
        nonlocal built
        x = np.arange(points)
        series = Series("loss", "curve-train", x, np.cos(x))
        marks = (Marker("★", "curve-best", mark, 0.5),)
        picture = Picture((series,), marks, x_end=50.0, y_limits=(-1.0, 1.0))
        before = built
        lines = plotter.plot(picture, 60, height, lambda name: (1, 2, 3))
        took = built - before
        assert lines == Plotter().plot(picture, 60, height, lambda name: (1, 2, 3))
        return took

    assert [drawn(10), drawn(20), drawn(30)] == [1, 0, 0]
    assert drawn(30, height=18) == 1
    assert drawn(30, height=18, mark=20.0) == 1
