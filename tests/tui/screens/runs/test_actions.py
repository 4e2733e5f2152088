"""Runs: resumed, exported and deleted."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from textual.widgets import Input, Static

from engine.export import EXPORTERS
from engine.runs.directory import RunDir
from engine.runs.listing import RunInfo, list_runs
from tests.support.app_pilot import Until, on_screen, tap
from tests.support.patience import PATIENCE
from tests.support.run_makers import CONV
from tests.support.runs_screen import BAD, CUT, ONE, column, go_to, line, opened
from tui.app import CnnApp
from tui.screens.dialogs import AskPath, Choose, Confirm
from tui.screens.inspect.screen import InspectScreen

MakeApp = Callable[..., CnnApp]


async def test_enter_says_what_can_be_done(make_app: MakeApp, runs: Path, until: Until) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        screen = await opened(app, pilot, until)
        await go_to(screen, runs / CUT, pilot, until)
        await tap(pilot, "enter")
        chooser = await on_screen(pilot, Choose)
        actions = [key for key, _, _ in chooser._options]
        assert actions == ["inspect", "evaluate", "gradients", "resume", "export", "delete"]
        await pilot.press("enter")
        await on_screen(pilot, InspectScreen)


async def test_a_stopped_run_is_resumed(make_app: MakeApp, home: Path, until: Until) -> None:
    (home / "configs" / "conv.yaml").write_text(CONV.replace("epochs: 3", "epochs: 400"))
    app = make_app("conv")
    async with app.run_test() as pilot:
        await tap(pilot, "r")
        await until(pilot, lambda: app.training.history)
        app.training.stop()
        await until(pilot, lambda: not app.training.running)
        run = app.training.run_dir
        assert run is not None
        screen = await opened(app, pilot, until)
        await until(pilot, lambda: column(screen, 3) == ["■ stopped"])
        assert screen.refuse("resume") is None
        await tap(pilot, "R")
        await until(pilot, lambda: app.training.running and app.training.started)
        assert app.training.run_dir == run
        assert app.training.started is not None
        assert app.training.started.epoch >= 1
        await tap(pilot, "5")
        await until(pilot, lambda: column(screen, 3) == ["▶ running"])
        assert "running" in (screen.refuse("resume") or "")
        assert "running" in (screen.refuse("delete") or "")
        app.training.stop()
        await until(pilot, lambda: not app.training.running)
        await until(pilot, lambda: column(screen, 3) == ["■ stopped"])


def problem_in(screen: object) -> str:
    """What a dialog says of the path that was typed."""
    assert isinstance(screen, AskPath)
    return str(screen.query_one(".problem", Static).render())


@pytest.mark.proof
async def test_a_network_is_exported_and_what_was_written_is_said(
    make_app: MakeApp, runs: Path, home: Path, until: Until
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot, until)
        await go_to(screen, runs / ONE, pilot, until)

        async def choose(file_format: str) -> None:
            await tap(pilot, "x")
            await on_screen(pilot, Choose)
            downs = ["down"] * list(EXPORTERS).index(file_format)
            await pilot.press("home", *downs, "enter")
            await on_screen(pilot, AskPath)

        async def export(path: str) -> None:
            await choose("npz")
            app.screen.query_one(Input).value = path
            await pilot.press("enter")

        for name, exporter in EXPORTERS.items():
            await choose(name)
            assert Path(app.screen.query_one(Input).value).suffix == f".{exporter.suffix}"
            await tap(pilot, "escape")
            await until(pilot, lambda: app.screen is screen)
        await export("out/[b]net.npz")
        await until(pilot, lambda: "wrote [b]net.npz" in line(screen))
        with np.load(home / "out" / "[b]net.npz") as saved:
            assert "0.weight" in saved
        await export("out/[b]net.npz")
        await on_screen(pilot, Confirm)
        await tap(pilot, "n")
        await export(str(home / "out"))
        await until(pilot, lambda: "it is a folder" in problem_in(app.screen))
        app.screen.query_one(Input).value = "  "
        await until(pilot, lambda: not problem_in(app.screen))
        await pilot.press("enter")
        await until(pilot, lambda: "type the path of a file" in problem_in(app.screen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)


async def test_deleting_asks_and_forgets(make_app: MakeApp, runs: Path, until: Until) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot, until)
        for run in (ONE, BAD):
            await go_to(screen, runs / run, pilot, until)
            await tap(pilot, "D")
            await on_screen(pilot, Confirm)
            await tap(pilot, "enter")  # what cannot be undone wants more than that
            await until(pilot, lambda: app.screen is screen)
            assert (runs / run).exists()
            await tap(pilot, "D")
            await on_screen(pilot, Confirm)
            await tap(pilot, "y")
            await until(pilot, lambda run=run: not (runs / run).exists())
            await until(pilot, lambda run=run: f"deleted {run}" in line(screen))
        await until(pilot, lambda: column(screen, 1) == ["cut", "two"])


async def test_a_run_that_is_deleted_while_the_runs_are_read_is_not_listed_again(
    make_app: MakeApp, runs: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    was_read, may_answer = threading.Event(), threading.Event()

    def read_before(root: Path) -> list[RunInfo]:
        found = list_runs(root)
        was_read.set()
        may_answer.wait(PATIENCE)
        return found

    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot, until)
        await go_to(screen, runs / ONE, pilot, until)
        with monkeypatch.context() as patch:
            patch.setattr("tui.state.runs_store.list_runs", read_before)
            screen.store.refresh()
            await until(pilot, was_read.is_set)
        await tap(pilot, "D")
        await on_screen(pilot, Confirm)
        await tap(pilot, "y")
        await until(pilot, lambda: f"deleted {ONE}" in line(screen))
        may_answer.set()
        await until(pilot, lambda: "one" not in column(screen, 1))


async def test_a_run_that_somebody_holds_is_not_deleted(
    make_app: MakeApp, runs: Path, until: Until
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot, until)
        await go_to(screen, runs / ONE, pilot, until)
        with RunDir.open(runs / ONE):
            await tap(pilot, "D")
            await on_screen(pilot, Confirm)
            await tap(pilot, "y")
            await until(pilot, lambda: "✗" in line(screen))
        assert (runs / ONE).exists()
