"""What the Train screen says is whole at every width, and not by colour alone."""

import re
from collections.abc import Callable

import pytest
from textual.app import App, ComposeResult
from textual.content import Content

from tests.support.app_pilot import Until, seen
from tests.support.fakes import train_to
from tests.support.proofs import rest_as_proofs
from tui import text
from tui.app import CnnApp
from tui.messages import LogEntry
from tui.screens.train.event_log import EventLog
from tui.widgets.chart import Chart

MakeApp = Callable[..., CnnApp]
HINT = "overfitting: val_loss rose from 0.4 in epoch 3 to 0.55, while loss fell from 0.333 to 0.167"


class LogApp(App[None]):
    def compose(self) -> ComposeResult:
        yield EventLog()


@pytest.mark.parametrize("width", [24, 28, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("height", [12, 40])
async def test_a_hint_is_shown_whole(width: int, height: int) -> None:
    async with LogApp().run_test(size=(width, height)) as pilot:
        log = pilot.app.query_one(EventLog)
        log.show(
            [
                LogEntry(1.5, "info", "x"),
                LogEntry(75.0, "warning", HINT),
                LogEntry(80.0, "good", "y"),
            ]
        )
        await pilot.pause()
        height = log.virtual_size.height
        log.scroll_to(y=0, animate=False, immediate=True)
        lines = [log.render_line(y).text for y in range(height)]
        words = " ".join(" ".join(line[8:] for line in lines).split())
        assert words == f"x {HINT} y"
        assert lines[0].startswith("1.5 s ")
        assert lines[1].startswith(" 1:15 ! ")
        assert lines[-1].startswith(" 1:20 ✓ ")


@pytest.mark.parametrize("width", range(1, 30))
def test_wrapping_loses_nothing_and_keeps_to_the_width(width: int) -> None:
    words = f"{HINT} 日本語のラベル abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
    lines = text.wrapped(words, max(width, 2))
    assert all(text.cell_len(line) <= max(width, 2) for line in lines)
    assert "".join(lines).replace(" ", "") == words.replace(" ", "")


@pytest.mark.parametrize("size", rest_as_proofs([(60, 16), (80, 24), (120, 40), (200, 60)]))
async def test_the_lines_and_figures_of_a_chart_are_named(
    make_app: MakeApp, until: Until, size: tuple[int, int]
) -> None:
    app = make_app()
    async with app.run_test(size=size) as pilot:
        train_to(app, 6.6)
        await pilot.press("2")
        for name, train, val in (("#loss", "0.1015", "0.0708"), ("#acc", "0.9716", "0.9823")):
            curve = app.screen.query_one(name, Chart)
            await until(pilot, lambda curve=curve: curve.picture.has_backdrop)
            await until(pilot, lambda curve=curve: "⠿" in str(curve.border_title))
            title, figures = _plain(curve.border_title), _plain(curve.border_subtitle)
            assert re.search(r"─ ?train ─• ?val ⠿ ?(single )?batch", title)
            assert re.search(rf"(train |─){train} +(val |─•){val} +★", figures)
            await until(pilot, lambda words=figures: words in seen(app))
            assert title in seen(app), "it is not cut"


def _plain(markup: object) -> str:
    return Content.from_markup(str(markup)).plain
