"""After a crash the app offers to resume, once."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from engine.config import loads
from engine.events import Event, Started
from engine.storage.locks import Lock
from engine.train.session import TrainingSession
from tests.support.app_pilot import Until, on_screen
from tests.support.proofs import rest_as_proofs
from tui.app import CnnApp
from tui.screens.dialogs import Confirm
from tui.state.settings import AppSettings

MakeApp = Callable[..., CnnApp]


def cut(home: Path, status: str = "running", reason: str = "") -> Path:
    """A run of the tiny config that was cut before its first batch."""
    config = loads((home / "configs" / "tiny.yaml").read_text(), "tiny.yaml")

    def stop(event: Event) -> None:
        if isinstance(event, Started):
            session.controls.stop("test")

    session = TrainingSession(config, on_event=stop)
    path = session.run().run_dir
    record = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(record | {"status": status, "reason": reason}))
    return path


async def looked(app: CnnApp, pilot: Pilot, until: Until) -> bool:
    """Whether a question is there, once the app has looked for a run."""
    await pilot.pause()
    await until(pilot, lambda: not app.jobs)
    await pilot.pause()
    return isinstance(app.screen, Confirm)


@pytest.mark.parametrize(
    ("status", "reason"),
    rest_as_proofs([("running", ""), ("stopped", "SIGHUP"), ("stopped", "SIGTERM")], rows=True),
)
async def test_one_key_goes_on_with_a_run_that_was_cut(
    home: Path, make_app: MakeApp, until: Until, status: str, reason: str
) -> None:
    path = cut(home, status, reason)
    app = make_app()
    async with app.run_test() as pilot:
        assert await looked(app, pilot, until)
        assert path.name in str(app.screen.query_one(".detail").render())
        await pilot.press("y")
        await until(pilot, lambda: app.training.ended and not app.training.running)
        assert app.current_mode == "train"
        assert app.training.run_dir == path
        assert app.training.phase == "finished"


async def test_esc_at_the_offer_is_no_answer(home: Path, make_app: MakeApp, until: Until) -> None:
    cut(home)
    for _ in range(2):
        app = make_app()
        app.settings = AppSettings.load()
        async with app.run_test() as pilot:
            assert await looked(app, pilot, until)
            await pilot.press("escape")
            await until(pilot, lambda app=app: not isinstance(app.screen, Confirm))
            assert not app.training.running
    assert AppSettings.load().declined == ""


@pytest.mark.parametrize("final", rest_as_proofs([False, True]))
@pytest.mark.parametrize(("key", "answer"), [("y", True), ("n", False), ("escape", None)])
async def test_a_question_tells_no_from_no_answer(
    make_app: MakeApp, until: Until, key: str, answer: bool | None, final: bool
) -> None:
    app = make_app()
    answers: list[bool | None] = []
    async with app.run_test() as pilot:
        app.push_screen(Confirm("?", yes="yes", no="no", final=final), answers.append)
        await on_screen(pilot, Confirm)
        await pilot.press(key)
        await until(pilot, lambda: answers)
    assert answers == [answer]


@pytest.mark.parametrize(
    ("status", "word"), rest_as_proofs([("stopped", "stopped"), ("running", "cut off")], rows=True)
)
async def test_train_resumes_the_run_that_the_list_of_runs_shows(
    home: Path, make_app: MakeApp, until: Until, status: str, word: str
) -> None:
    path = cut(home, status)
    app = make_app()
    app.settings.declined = path.name
    async with app.run_test() as pilot:
        await until(pilot, lambda: not app.jobs)
        await pilot.press("2")
        await pilot.press("R")
        await on_screen(pilot, Confirm)
        assert f"{path.name} was {word}" in str(app.screen.query_one(".detail", Static).render())
        await pilot.press("y")
        await until(pilot, lambda: app.training.ended is not None)
        assert app.training.run_dir == path
        assert app.training.phase == "finished"


async def test_without_a_run_to_resume_train_says_so(
    home: Path, make_app: MakeApp, until: Until
) -> None:
    cut(home, "finished")
    app = make_app()
    async with app.run_test() as pilot:
        await until(pilot, lambda: not app.jobs)
        await pilot.press("2")
        await pilot.press("R")
        await until(
            pilot, lambda: any("no run can be resumed" in n.message for n in app._notifications)
        )


async def test_a_run_that_was_declined_is_not_offered_again(
    home: Path, make_app: MakeApp, until: Until
) -> None:
    path = cut(home)
    app = make_app()
    async with app.run_test() as pilot:
        assert await looked(app, pilot, until)
        await pilot.press("n")
        await pilot.pause()
        assert not app.training.running
    assert AppSettings.load().declined == path.name
    again = make_app()
    again.settings = AppSettings.load()
    async with again.run_test() as pilot:
        assert not await looked(again, pilot, until)
    path.rename(path.with_name("20990101-000000-tiny-0001"))
    other = make_app()
    other.settings = AppSettings.load()
    async with other.run_test() as pilot:
        assert await looked(other, pilot, until)


@pytest.mark.parametrize(
    ("status", "reason"), [("stopped", "quit"), ("finished", ""), ("diverged", "")]
)
async def test_a_run_that_somebody_ended_is_not_offered(
    home: Path, make_app: MakeApp, until: Until, status: str, reason: str
) -> None:
    cut(home, status, reason)
    app = make_app()
    async with app.run_test() as pilot:
        assert not await looked(app, pilot, until)


async def test_a_run_that_another_process_trains_is_not_offered(
    home: Path, make_app: MakeApp, until: Until
) -> None:
    with Lock(cut(home) / ".lock"):
        app = make_app()
        async with app.run_test() as pilot:
            assert not await looked(app, pilot, until)


async def test_a_run_that_cannot_be_read_is_no_crash(
    home: Path, make_app: MakeApp, until: Until
) -> None:
    path = cut(home)
    (path / "config.yaml").write_text("[")
    app = make_app()
    async with app.run_test() as pilot:
        assert await looked(app, pilot, until)
        await pilot.press("y")
        await pilot.pause()
        assert not app.training.running
