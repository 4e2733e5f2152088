"""The Runs screen, opened and read."""

from pathlib import Path

from textual.pilot import Pilot

from tests.support.app_pilot import Until, on_screen, tap
from tui.app import CnnApp
from tui.screens.runs.screen import RunsScreen, RunTable
from tui.widgets.line import Line

ONE, TWO, CUT, BAD = (
    "20260101-100000-one-00aa",
    "20260102-100000-two-00bb",
    "20260103-100000-cut-00cc",
    "20260104-100000-bad-00dd",
)


async def opened(app: CnnApp, pilot: Pilot, until: Until) -> RunsScreen:
    await tap(pilot, "5")
    screen = await on_screen(pilot, RunsScreen)
    await until(pilot, lambda: screen.ready and screen.store.runs is not None and not app.jobs)
    return screen


async def go_to(screen: RunsScreen, run: Path, pilot: Pilot, until: Until) -> None:
    screen.query_one(RunTable).move_to(str(run))
    await until(pilot, lambda: run in screen.store.details and not screen.app.jobs)  # type: ignore[attr-defined]
    await until(pilot, lambda: str(screen.query_one("#facts-pane").border_title) == run.name)


def column(screen: RunsScreen, index: int) -> list[str]:
    return [row[index][0] for row in screen.query_one(RunTable).rows]


def facts(screen: RunsScreen) -> str:
    return str(screen.query_one("#facts").render())


def line(screen: RunsScreen) -> str:
    return screen.query_one("#subject", Line).render().plain
