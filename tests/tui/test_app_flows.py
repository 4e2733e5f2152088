"""The app as it is used: start, train, stop, quit, and what goes wrong on the way."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, OptionList

from engine.events import EpochEnded, Event, Started
from engine.runs.listing import list_runs
from tests.support.app_pilot import Until, on_screen, seen, tap, training, write_slow
from tests.support.patience import PATIENCE
from tui import keymap
from tui.app import CnnApp
from tui.messages import TrainingEvent
from tui.palette import commands
from tui.screens.configs.screen import ConfigsScreen
from tui.screens.configs.yaml_editor import YamlEditor
from tui.screens.dialogs import Confirm
from tui.screens.help import HelpScreen
from tui.screens.inspect.screen import InspectScreen
from tui.screens.train import curves
from tui.screens.train.screen import LossChart, TrainScreen
from tui.state import training as training_module
from tui.state.workspace import Workspace

MakeApp = Callable[..., CnnApp]


async def test_one_key_from_the_start_to_a_moving_curve(home: Path, until: Until) -> None:
    app = CnnApp(Workspace.opened())
    async with app.run_test(size=(80, 24)) as pilot:
        await tap(pilot, "r")
        await on_screen(pilot, TrainScreen)
        await until(
            pilot, lambda: app.training.metric_buffer and app.training.metric_buffer.version > 3
        )
        curve = app.screen.query_one("#loss")
        await until(pilot, lambda: curve.picture.series)  # type: ignore[attr-defined]
        assert app.training.config is not None
        assert app.training.config.name == "quickstart"
        app.training.stop()
        await until(pilot, lambda: not app.training.running)


async def test_a_run_to_its_end(make_app: MakeApp, until: Until) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await tap(pilot, "r")
        await until(pilot, lambda: app.training.ended and not app.training.running)
        assert app.training.phase == "finished"
        assert len(app.training.history) == 2
        assert "test_acc" in app.training.ended.test  # type: ignore[union-attr]
        await until(pilot, lambda: "Finished" in str(app.screen.query_one("#banner").render()))
        (run,) = list_runs("runs")
        assert run.status == "finished"


@pytest.mark.parametrize("keys", ["z", "zz"])
@pytest.mark.proof
async def test_the_titles_of_a_zoomed_chart_use_its_room(
    make_app: MakeApp, until: Until, keys: str
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await tap(pilot, "r")
        screen = await on_screen(pilot, TrainScreen)
        await until(pilot, lambda: app.training.ended is not None)
        curve = screen.query_one(LossChart)
        await until(pilot, lambda: curve.border_title)
        curve.focus()
        for key in keys:
            width = curve.size.width
            await tap(pilot, key)
            await until(pilot, lambda width=width: curve.size.width != width)

        def titles() -> tuple[str, str]:
            parts = (curve.border_title, curve.border_subtitle)
            title, subtitle = (Content.from_markup(str(part)).plain for part in parts)
            return title, subtitle

        points = curves.read(app.training)
        wanted = tuple(part.plain for part in screen._titles(curve, points, False))
        await until(pilot, lambda: titles() == wanted)


async def test_a_training_that_is_quicker_than_the_screen_is_told_once(make_app: MakeApp) -> None:
    """The news of its start comes when it is three epochs on."""
    app = make_app()
    async with app.run_test() as pilot:
        training, session = app.training, SimpleNamespace(history=[], rates_before=())
        training.session = session  # type: ignore[assignment]
        logs = {"loss": 1.0, "acc": 0.5, "val_loss": 1.0, "val_acc": 0.5}
        events: list[Event] = [Started("run", Path("run"), 1, 0, 4, 10, 100, 7, "mnist_mini", 1)]
        events += [EpochEnded(epoch, 4, logs) for epoch in (2, 3, 4)]
        session.history = [logs] * 4
        for event in events:
            training.on_training_event(TrainingEvent(session, event))  # type: ignore[arg-type]
        assert len(training.history) == 4
        training.session = None
        await pilot.pause()


@pytest.mark.proof
async def test_a_zoomed_pane_is_left_by_esc(slow_app: CnnApp, until: Until) -> None:
    app = slow_app
    async with training(app, until) as pilot:
        for screen in ("2", "3"):
            await tap(pilot, screen)
            await until(
                pilot, lambda: app.screen.check_action("zoom", ()) and app.screen.is_mounted
            )
            await tap(pilot, "z")
            await until(pilot, lambda: app.screen.query(".zoomed-out"))
            await tap(pilot, "escape")
            await until(pilot, lambda: not app.screen.query(".zoomed-out"))


async def test_every_screen_is_one_key_away(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        for key, where in zip("123456", app.MODES, strict=False):
            await pilot.press(key)
            assert app.current_mode == where
            await pilot.press("question_mark")
            await on_screen(pilot, HelpScreen)
            await pilot.press("escape")


async def test_screens_are_imported_before_they_are_opened_and_before_a_training_starts(
    make_app: MakeApp, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported, started = [], []
    load, go = keymap.ScreenSpec.load, threading.Event()

    def loaded(spec: keymap.ScreenSpec) -> type[Screen[None]]:
        if threading.current_thread() is not threading.main_thread():
            go.wait(PATIENCE)
            imported.append(spec.id)
        return load(spec)

    monkeypatch.setattr(keymap.ScreenSpec, "load", loaded)
    app = make_app()
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.jobs)
        monkeypatch.setattr(app.training, "start", lambda *_: started.append(len(imported)))
        threading.Timer(0.1, go.set).start()
        await tap(pilot, "r")
        await until(pilot, lambda: started)
        assert started == [len(keymap.tabs())] == [len(imported)]


async def test_pause_one_batch_and_go_on(slow_app: CnnApp, until: Until) -> None:
    app = slow_app
    async with training(app, until) as pilot:
        await tap(pilot, "space")
        await until(pilot, lambda: app.training.phase == "paused")
        before = app.training.view()
        await tap(pilot, "s")
        await until(pilot, lambda: app.training.view().step == before.step + 1)
        await tap(pilot, "space")
        await until(pilot, lambda: app.training.view().step > before.step + 2)
        assert not app.training.paused


async def test_the_learning_rate_changes_live_and_is_marked(slow_app: CnnApp, until: Until) -> None:
    app = slow_app
    async with training(app, until) as pilot:
        await tap(pilot, "plus", "plus", "minus", "plus")
        await until(pilot, lambda: app.training.lr_changes)
        await until(pilot, lambda: app.training.lr_changes[-1][1] == pytest.approx(0.05 * 10**0.2))
        await until(pilot, lambda: app.screen.query_one("#lr").picture.marks)  # type: ignore[attr-defined]


async def test_the_learning_rate_adds_up_while_paused(slow_app: CnnApp, until: Until) -> None:
    app = slow_app
    async with training(app, until) as pilot:
        await tap(pilot, "space")
        await until(pilot, lambda: app.training.phase == "paused")
        for presses in (1, 2, 3):
            await tap(pilot, "plus")
            await until(pilot, lambda n=presses: len(app.training.lr_changes) == n)
        assert app.training.view().lr == pytest.approx(0.05 * 10**0.3)


async def test_a_collection_looks_through_no_screen_that_stays_but_at_the_training_before(
    slow_app: CnnApp, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    names = ("collect", "freeze", "unfreeze")
    collector = {name: lambda name=name: done.append(name) for name in names}
    monkeypatch.setattr(training_module, "gc", SimpleNamespace(**collector))
    app = slow_app
    async with training(app, until) as pilot:
        await on_screen(pilot, TrainScreen)
        assert done[:2] == ["collect", "freeze"]
        done.clear()
        await tap(pilot, "3")
        await on_screen(pilot, InspectScreen)
        assert done == ["freeze"]
        await tap(pilot, "question_mark")
        await on_screen(pilot, HelpScreen)
        assert done == ["freeze"], "it does not stay"
        await tap(pilot, "escape")
        app.training.stop()
        await until(pilot, lambda: not app.training.running)
        done.clear()
        assert app.training.config is not None
        app.start_training(app.training.config)
        assert done == ["unfreeze", "collect", "freeze"]


async def test_stop_asks_saves_and_can_be_resumed(
    make_app: MakeApp, until: Until, home: Path
) -> None:
    write_slow(home, epochs=15, limit=2000)
    app = make_app("slow")
    async with training(app, until) as pilot:
        await tap(pilot, "x")
        await on_screen(pilot, Confirm)
        await tap(pilot, "n")
        assert app.training.running
        await tap(pilot, "x", "y")
        await until(pilot, lambda: not app.training.running)
        assert app.training.phase == "stopped"
        run = app.training.run_dir
        assert run is not None
        assert list((run / "checkpoints").iterdir())
        await tap(pilot, "R")
        await until(pilot, lambda: app.training.ended and not app.training.running)
        assert app.training.phase == "finished"
        assert app.training.run_dir == run
        assert len(app.training.history) == 15


async def test_a_diverged_run_says_where_and_why_and_keeps_its_curve(
    make_app: MakeApp, until: Until, home: Path
) -> None:
    (home / "configs" / "wild.yaml").write_text(
        "dataset: mnist_mini\nmodel: lenet_mnist\ntrain: {epochs: 3, batch_size: 32, lr: 1e6}\n"
    )
    app = make_app("wild")
    async with app.run_test(size=(120, 40)) as pilot:
        await tap(pilot, "r")
        await until(pilot, lambda: app.training.ended and not app.training.running)
        assert app.training.phase == "diverged"
        curve = app.screen.query_one("#loss")
        await until(pilot, lambda: "✗" in [mark.symbol for mark in curve.picture.marks])  # type: ignore[attr-defined]
        assert any(len(series.y) for series in curve.picture.series)  # type: ignore[attr-defined]
        await until(pilot, lambda: "Diverged" in str(app.screen.query_one("#banner").render()))
        banner = str(app.screen.query_one("#banner").render())
        assert "Diverged in epoch 1, batch" in banner
        assert "learning rate 1e+06" in banner
        assert "lower train.lr" in banner


async def test_data_that_cannot_be_had_says_where_to_put_it(
    make_app: MakeApp, until: Until, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from engine.data import DATASETS

    nowhere = replace(DATASETS["mnist"], mirrors=("http://127.0.0.1:9/",))
    monkeypatch.setitem(DATASETS, "mnist", nowhere)
    config = home / "configs" / "missing.yaml"
    config.write_text(
        f"dataset: mnist\nmodel: lenet_mnist\ndata: {{root: {home / 'nothing'}}}\n"
        "train: {epochs: 1}\n"
    )
    app = make_app("missing")
    async with app.run_test() as pilot:
        await tap(pilot, "r")
        await until(pilot, lambda: not app.training.running)
        await until(pilot, lambda: "cannot" in str(app.screen.query_one("#banner").render()))
        banner = str(app.screen.query_one("#banner").render())
        assert "cannot download" in banner
        assert "put train-images-idx3-ubyte.gz" in banner
        assert "1 goes back to the configs" in banner
        assert not list_runs("runs")


async def test_a_broken_config_is_shown_with_line_and_column(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    (home / "configs" / "broken.yaml").write_text("dataset: mnist_mini\ntrain:\n  lr: fast\n")
    app = make_app("broken")
    async with app.run_test() as pilot:
        await until(
            pilot, lambda: "problem" in str(app.screen.query_one("#overview-text").render())
        )
        words = str(app.screen.query_one("#overview-text").render())
        assert "2 problems" in words
        assert "3:7" in words
        assert "train.lr" in words
        await pilot.press("r")
        await on_screen(pilot, ConfigsScreen)
        assert not app.training.running


async def test_names_with_markup_and_escapes_are_shown_as_text(home: Path, until: Until) -> None:
    nasty = home / "configs" / "a[bold]b[@click=app.quit] [\u202ex.yaml"
    nasty.write_text("# \x1b]0;title\x07 [/red] comment\ndataset: '[/'\n")
    app = CnnApp(Workspace.opened(nasty))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "a[bold]b[@click=app.quit]" in seen(app))
        await pilot.press("p")
        await until(pilot, lambda: "[/red] comment" in seen(app))
        picture = app.export_screenshot()
        assert "\u202e" not in picture
        assert "\x1b" not in picture
        await pilot.press("e")
        await until(pilot, lambda: app.screen.query(YamlEditor))
        await until(pilot, lambda: "[bold]b" in seen(app))
        assert "\u202e" not in app.export_screenshot()


async def test_a_terminal_that_is_too_small_says_so(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(50, 12)) as pilot:
        await pilot.pause()
        assert app.screen.query_one("TooSmall").display
        await pilot.resize_terminal(60, 16)
        await pilot.pause()
        assert not app.screen.query_one("TooSmall").display


@pytest.mark.proof
async def test_the_terminal_changes_its_size_while_it_trains(
    slow_app: CnnApp, until: Until
) -> None:
    app = slow_app
    async with training(app, until) as pilot:
        await until(pilot, lambda: app.training.history)
        learning_rate = app.screen.query_one("#lr")
        for size in ((200, 60), (60, 16), (50, 10), (80, 24)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda size=size: app.screen.size == size)
        lines = range(learning_rate.size.height)
        await until(pilot, lambda: any("┤" in learning_rate.render_line(y).text for y in lines))


async def test_a_key_that_cannot_be_used_says_why(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("2", "x")
        await pilot.pause()
    assert "nothing is training" in caplog.text


async def test_the_palette_has_every_action_and_runs_them(make_app: MakeApp, until: Until) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        titles = [command.title for command in commands(app, "configs")]
        for row in keymap.KEYS:
            over = row.where in keymap.SCREENS and keymap.SCREENS[row.where].over
            if row.action != "command_palette" and not over:
                assert row.description in titles, row.id
        assert titles[0] == keymap.keys_of("configs")[0].description
        await pilot.press("ctrl+p")
        app.screen.query_one(Input).value = "smoothing of the curves"
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count == 1)
        deadline = time.monotonic() + PATIENCE
        while not isinstance(app.screen, TrainScreen):  # the list may be filled once more
            assert time.monotonic() < deadline
            await tap(pilot, "enter")
        screen = app.screen
        await until(pilot, lambda: screen.ready and screen.smoothing == "strong")


async def test_a_failing_job_is_told_and_the_app_lives_on(
    make_app: MakeApp, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        results: list[object] = []
        app.start_job(lambda job: 1 / 0)
        app.start_job(lambda job: 42, on_done=results.append)
        cancelled = app.start_job(lambda job: 43, on_done=results.append)
        cancelled.cancel()
        await until(pilot, lambda: not app.jobs)
        assert results == [42]
    assert "division by zero" in caplog.text


async def test_the_question_whether_to_stop_closes_when_the_training_has_ended(
    slow_app: CnnApp, until: Until
) -> None:
    app = slow_app
    async with training(app, until) as pilot:
        await tap(pilot, "x")
        await on_screen(pilot, Confirm)
        app.training.stop()
        await until(pilot, lambda: not app.training.running)
        await on_screen(pilot, TrainScreen)
