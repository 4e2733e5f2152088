import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from tui.charts import scales
from tui.charts.figure import Marker, Picture, Plotter, Series
from tui.widgets.chart import Chart

ODD = st.sampled_from(
    [math.nan, math.inf, -math.inf, 1e308, -1e308, 1e100, 5e-324, 0.0, -0.0, 1.0, -1.0, 2.3]
)
LINE = Series("a", "curve-train", np.array([0.0, 1.0]), np.array([1.0, 1.0]))
VALUES = st.lists(st.one_of(ODD, st.floats()), max_size=60)


@settings(max_examples=150)
@given(
    x=VALUES,
    y=VALUES,
    width=st.integers(0, 90),
    height=st.integers(0, 30),
    log=st.booleans(),
    end=st.one_of(ODD, st.floats()),
    limits=st.one_of(st.none(), st.tuples(ODD, ODD)),
)
def test_a_chart_of_anything_of_any_size_is_drawn(
    x: list[float],
    y: list[float],
    width: int,
    height: int,
    log: bool,
    end: float,
    limits: tuple[float, float] | None,
) -> None:
    series = (
        Series("a", "red", np.array(x), np.array(y)),
        Series("b", "red", np.sort(np.array(x)), np.array(y), marker="•", backdrop=True),
    )
    marks = tuple(Marker("★", "red", a, b) for a, b in zip(x, y, strict=False))
    picture = Picture(series, marks, x_end=end, log=log, y_limits=limits)
    lines = Plotter().plot(picture, width, height, lambda name: (255, 0, 0))
    assert lines is None or len(lines) <= height


@pytest.mark.parametrize(
    "values",
    [[], [1.0], [2.0] * 50, [math.nan] * 9, [math.inf], [1e308, -1e308], [0.0] * 5],
    ids=["empty", "one point", "flat", "nan", "inf", "huge", "zero"],
)
@pytest.mark.parametrize("log", [False, True])
def test_what_is_not_there_is_not_drawn(values: list[float], log: bool) -> None:
    y = np.array(values)
    picture = Picture((Series("a", "red", np.arange(len(y)) + 1.0, y),), x_end=10, log=log)
    lines = Plotter().plot(picture, 40, 12, lambda name: (1, 2, 3))
    drawable = [v for v in values if math.isfinite(v) and abs(v) < 1e100 and (v > 0 or not log)]
    assert (lines is not None) == bool(drawable)


def test_a_gap_stays_a_gap() -> None:
    y = np.array([1.0, 2.0, math.nan, math.nan, 5.0])
    pieces = scales.thin(np.arange(5.0), y, 10, 5.0)
    assert [piece[1].tolist() for piece in pieces] == [[1.0, 2.0], [5.0]]


def test_thinning_keeps_the_extremes_of_every_column() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=10_000)
    y[1234], y[8765] = 50.0, -50.0
    ((thin_x, thin_y),) = scales.thin(np.arange(10_000.0), y, 40, 10_000.0)
    assert len(thin_x) == 80
    assert thin_y.max() == 50.0
    assert thin_y.min() == -50.0
    assert (np.diff(thin_x) >= 0).all()


def test_new_points_leave_the_columns_before_them_alone() -> None:
    y = np.random.default_rng(0).normal(size=1000)
    ((x, seen),) = scales.thin(np.arange(600.0), y[:600], 50, 1000.0)
    ((later_x, later),) = scales.thin(np.arange(1000.0), y, 50, 1000.0)
    assert len(seen) == 60
    np.testing.assert_array_equal(later[:60], seen)
    np.testing.assert_array_equal(later_x[:60], x)


def test_windows_grow_in_steps() -> None:
    windows = [scales.steady(n) for n in range(1, 30)]
    assert sorted(set(windows)) == [1, 2, 3, 4, 6, 8, 12, 16, 24]
    assert all(n / 1.5 < window <= n for n, window in enumerate(windows, 1))


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_an_axis_is_a_little_longer_than_what_it_shows(low: float, span: float) -> None:
    high = low + span
    first, last = scales.limits([np.array([low, high])])
    assert low - 0.08 * span <= first < low < high < last <= high + 0.08 * span


def test_an_axis_lies_still_while_values_creep() -> None:
    seen = {scales.limits([np.array([1.0 - 1e-4 * i, 2.013])]) for i in range(100)}
    assert len(seen) <= 2


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.96, 0.995, ["0.96", "0.97", "0.98", "0.99"]),
        (0.71, 1.01, ["0.8", "0.9", "1"]),
        (0.001, 0.1, ["1e-3", "0.01", "0.1"]),
    ],
)
def test_a_logarithmic_axis_has_round_numbers(low: float, high: float, expected: list[str]) -> None:
    ticks = scales.log_ticks(math.log10(low), math.log10(high), 4)
    labels = [label for _, label in ticks]
    assert [float(label) for label in labels] == [float(label) for label in expected]
    assert [10**place for place, _ in ticks] == pytest.approx([float(label) for label in labels])


@pytest.mark.parametrize(
    "values", [[0.0029, 0.00291, 0.00292], [1e-7, 1.01e-7], [0.5, 1.0], [123456.0, 123457.0]]
)
def test_no_two_ticks_have_the_same_label(values: list[float]) -> None:
    labels = scales.tick_labels(values)
    assert len(set(labels)) == len(values)
    assert [float(label) for label in labels] == pytest.approx(values, rel=1e-3)


def test_a_column_without_a_number_parts_the_line() -> None:
    y = np.ones(1000)
    y[300:700] = np.nan
    pieces = scales.thin(np.arange(1000.0), y, 20, 1000.0)
    assert len(pieces) == 2


@given(VALUES, st.integers(1, 20))
def test_smoothing_keeps_length_gaps_and_range(values: list[float], window: int) -> None:
    y = scales.finite([v if abs(v) < 1e50 else math.nan for v in values])
    smooth = scales.smooth(y, window)
    assert smooth.shape == y.shape
    assert (np.isnan(smooth) == np.isnan(y)).all()
    if np.isfinite(y).any():
        span = max(abs(np.nanmin(y)), abs(np.nanmax(y)))
        assert np.nanmax(np.abs(smooth)) <= span * (1 + 1e-9) + 1e-9 * span * len(y)


def test_smoothing_is_the_mean_of_the_last_values() -> None:
    y = scales.smooth(np.array([1.0, 2.0, 3.0, 4.0]), 2)
    assert y.tolist() == [1.0, 1.5, 2.5, 3.5]


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(1, 12))
def test_ticks_are_few_round_and_inside(low: float, span: float, count: int) -> None:
    marks = scales.ticks(low, low + span, count)
    assert len(marks) <= count + 1
    tolerance = 1e-6 * max(abs(low), span)
    assert all(low - tolerance <= mark <= low + span + tolerance for mark in marks)


@given(st.floats(-12, 12), st.floats(1e-3, 20), st.integers(1, 10))
def test_log_ticks_are_inside(low: float, span: float, count: int) -> None:
    for place, label in scales.log_ticks(low, low + span, count):
        assert low - 1e-6 <= place <= low + span + 1e-6
        assert label


@given(st.floats(-1e12, 1e12).filter(lambda v: v == 0 or abs(v) > 1e-99))
def test_labels_are_short(value: float) -> None:
    assert len(scales.tick_label(value)) <= 8


@given(st.floats(0, 1000), st.integers(1, 1000))
def test_the_axis_holds_what_is_there_and_ends_with_the_run(now: float, epochs: int) -> None:
    end = scales.horizon(now, epochs)
    assert end >= min(now, epochs)
    assert end <= max(now, epochs, 1)


def test_a_chart_of_one_line_says_what_is_on_it() -> None:
    picture = Picture((Series("lr", "red", np.array([0.0, 1.0]), np.array([0.002, 0.002])),))
    lines = Plotter().plot(picture, 40, 3, lambda name: (1, 2, 3))
    assert lines is not None
    assert "0.002" in "".join(words for words, _ in lines[0])


async def test_only_the_lines_that_changed_are_rendered_anew() -> None:
    class Pane(App[None]):
        def compose(self) -> ComposeResult:
            yield Chart(classes="")

    def rising(count: int) -> Picture:
        x = np.arange(count) / 100
        y = np.where(x == 0.01, 1.0, x)  # all of the axis is there from the beginning
        return Picture((Series("a", "curve-train", x, y),), x_end=1.0)

    app = Pane()
    async with app.run_test(size=(40, 20)) as pilot:
        curve = app.query_one(Chart)
        curve.show(rising(50))
        await pilot.pause()
        rendered: list[int] = []
        render_line = curve.render_line
        curve.render_line = lambda y: (rendered.append(y), render_line(y))[1]  # type: ignore
        curve.show(rising(60))
        await pilot.pause()
        assert 1 <= len(set(rendered)) <= 4
        lines = [curve.render_line(y).text for y in range(20)]
        rendered.clear()
        curve.show(rising(60))
        await pilot.pause()
        assert not rendered
        fresh = Chart(classes="")
        await app.mount(fresh)
        await curve.remove()
        fresh.show(rising(60))
        await pilot.pause()
        assert [fresh.render_line(y).text for y in range(20)] == lines


@pytest.mark.parametrize(
    ("height", "series", "words"),
    [(2, (LINE,), "no room: z maximizes"), (9, (), "nothing yet"), (9, (LINE,), "┤")],
)
async def test_a_pane_without_a_chart_says_why(
    height: int, series: tuple[Series, ...], words: str
) -> None:
    class Pane(App[None]):
        def compose(self) -> ComposeResult:
            yield Chart(classes="")

    app = Pane()
    async with app.run_test(size=(40, height)) as pilot:
        curve = app.query_one(Chart)
        curve.show(Picture(series))
        await pilot.pause()
        assert any(words in curve.render_line(y).text for y in range(height))
