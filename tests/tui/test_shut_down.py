"""The ways out of the app: with and without questions, by signals, and in the middle of things."""

import signal
import threading
from collections.abc import Callable

import pytest

from engine.runs.listing import list_runs
from engine.services.signals import Signals
from engine.train.session import TrainingSession
from tests.support.app_pilot import Until, on_screen, tap, training
from tui.app import CnnApp
from tui.screens.dialogs import Confirm
from tui.state.settings import AppSettings
from tui.state.workspace import Workspace

MakeApp = Callable[..., CnnApp]


async def test_quitting_asks_only_while_training_and_saves(slow_app: CnnApp, until: Until) -> None:
    app = slow_app
    async with training(app, until) as pilot:
        await tap(pilot, "q")
        await on_screen(pilot, Confirm)
        await tap(pilot, "escape")
        assert app.training.running
        await tap(pilot, "q")
        await until(
            pilot, lambda: any(button.has_focus for button in app.screen.query("#yes").results())
        )
        await tap(pilot, "enter")
        await until(pilot, lambda: not app.is_running)
    assert app.return_value == 0
    assert not app.training.thread_alive
    assert "cnn-tui resume" in app.exit_sequence.exit_message[0]
    (run,) = list_runs("runs")
    assert run.status == "stopped"
    assert list((run.path / "checkpoints").iterdir())


async def test_the_question_closes_once_the_training_has_ended_behind_it(
    slow_app: CnnApp, until: Until
) -> None:
    app = slow_app
    async with training(app, until) as pilot:
        await tap(pilot, "q")
        await on_screen(pilot, Confirm)
        app.training.stop("ended behind the question")
        await until(pilot, lambda: not app.training.running)
        await until(pilot, lambda: not isinstance(app.screen, Confirm))
        assert app.is_running


async def test_who_leaves_begins_nothing_new(make_app: MakeApp) -> None:
    """Keys that were typed behind the q, faster than it could be carried out."""
    app = make_app()
    async with app.run_test():
        app.shut_down()
        assert not app.run_document()
        assert not await app.run_action("run", app.screen)
    assert not app.training.thread_alive
    assert list_runs("runs") == []


async def test_a_download_that_hangs_does_not_keep_the_app_from_leaving(
    make_app: MakeApp, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()

    def hang(session: TrainingSession) -> None:
        session.phase = "downloading"
        never.wait(60)

    monkeypatch.setattr(TrainingSession, "run", hang)
    app = make_app()
    async with app.run_test() as pilot:
        await tap(pilot, "r")
        await until(pilot, lambda: app.training.phase == "downloading")
        await tap(pilot, "q")
        await on_screen(pilot, Confirm)
        assert "nothing to save yet" in str(app.screen.query_one(".detail").render())
        await tap(pilot, "y")
        await until(pilot, lambda: not app.is_running)
    assert app.return_value == 0
    assert app.training.thread_alive  # it is left behind; a daemon does not keep the process
    never.set()


async def test_quitting_does_not_ask_when_nothing_is_going_on(
    make_app: MakeApp, until: Until
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await tap(pilot, "q")
        await until(pilot, lambda: not app.is_running)
    assert app.exit_sequence.exit_message == []


async def test_the_next_session_opens_with_the_same_config_and_theme(
    make_app: MakeApp, until: Until
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("t")
        theme = app.theme
        await tap(pilot, "q")
        await until(pilot, lambda: not app.is_running)
    settings = AppSettings.load()
    assert settings.theme == theme
    assert Workspace.opened(None, settings.config).document.name == "tiny"
    assert CnnApp(settings=settings).theme == theme


async def test_a_signal_saves_and_leaves_without_a_question(slow_app: CnnApp, until: Until) -> None:
    app = slow_app
    with Signals(app.signalled) as app.signals:
        async with training(app, until) as pilot:
            signal.raise_signal(signal.SIGTERM)
            await until(pilot, lambda: not app.is_running)
    assert app.return_value == 143
    (run,) = list_runs("runs")
    assert (run.status, run.record["reason"]) == ("stopped", "SIGTERM")
