"""Every dialog of the app that takes a path, and everything that may be typed there."""

import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.command import CommandList
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.support.app_pilot import Until, on_screen
from tests.support.privileges import ordinary_user
from tests.support.proofs import rest_as_proofs
from tests.support.run_makers import make_run
from tests.support.typed_paths import TYPED, litter, unlock
from tui.app import CnnApp
from tui.palette import commands
from tui.screens.dialogs import AskPath, Choose, Confirm

MakeApp = Callable[..., CnnApp]
RUN = "20250101-000000-net-0001"

NO_ANSWER = {"nothing", "a blank"}
GOOD = {"bytes that are no text", "braces"}


@pytest.fixture
def folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder, with things that are no files and a run to export."""
    monkeypatch.setenv("HOME", str(home / "me"))
    make_run(home / "runs", RUN)
    litter(home)
    with ordinary_user():
        yield home
    unlock(home)


async def save_as(pilot: Pilot, until: Until) -> None:
    await pilot.press("W")


async def export(pilot: Pilot, until: Until) -> None:
    await pilot.press("5")
    await until(pilot, lambda: pilot.app.screen.refuse("export") is None)  # type: ignore[attr-defined]
    await pilot.press("x")
    await on_screen(pilot, Choose)  # of the format; the first is npz
    await pilot.press("enter")


async def save_picture(pilot: Pilot, until: Until) -> None:
    app = pilot.app
    assert isinstance(app, CnnApp)
    (command,) = (one for one in commands(app, "") if "screenshot" in one.title)
    command.run()


DIALOGS = {"Save as": save_as, "Export": export, "Save a screenshot": save_picture}


@asynccontextmanager
async def asked(app: CnnApp, dialog: str, until: Until) -> AsyncIterator[Pilot]:
    """The app with a dialog open."""
    async with app.run_test(size=(100, 30)) as pilot:
        await DIALOGS[dialog](pilot, until)
        await until(pilot, lambda: isinstance(app.screen, AskPath) and app.screen.query(Input))
        yield pilot


def problem(app: CnnApp) -> str:
    """What the dialog says of what was typed."""
    return str(app.screen.query_one(".problem", Static).render())


def all_files(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*") if "state" not in path.parts)


@pytest.mark.parametrize("dialog", rest_as_proofs(DIALOGS))
async def test_whatever_is_typed_the_dialog_says_what_is_wrong_with_it(
    dialog: str, make_app: MakeApp, folder: Path, until: Until
) -> None:
    app = make_app()
    before = all_files(folder)
    async with asked(app, dialog, until) as pilot:
        for case in [case for case in TYPED if case not in NO_ANSWER | GOOD]:
            line = app.screen.query_one(Input)
            line.value = "x"
            await until(pilot, lambda: not problem(app))
            line.value = TYPED[case]
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, AskPath) and problem(app))
            assert problem(app).isprintable(), case
            assert len(problem(app)) < 500, case
        assert all_files(folder) == before
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, AskPath))
    assert app.return_code in (0, None)


@pytest.mark.parametrize("case", sorted(NO_ANSWER))
@pytest.mark.parametrize("dialog", rest_as_proofs(DIALOGS))
async def test_no_answer_writes_nothing_and_says_what_is_missing(
    dialog: str, case: str, make_app: MakeApp, folder: Path, until: Until
) -> None:
    app = make_app()
    before = all_files(folder)
    async with asked(app, dialog, until) as pilot:
        app.screen.query_one(Input).value = TYPED[case]
        await pilot.press("enter")
        await until(pilot, lambda: "type the path of a file" in problem(app))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, AskPath))
    assert all_files(folder) == before


@pytest.mark.parametrize(
    ("typed", "written"),
    rest_as_proofs(
        [("~/x", "me/x"), ("./~/x", "~/x"), ("new folder/x", "new folder/x"), ("{x}", "{x}")],
        every=3,
        rows=True,
    ),
)
@pytest.mark.parametrize("dialog", rest_as_proofs(DIALOGS))
async def test_what_can_be_written_is_written_there(
    dialog: str, typed: str, written: str, make_app: MakeApp, folder: Path, until: Until
) -> None:
    app = make_app()
    async with asked(app, dialog, until) as pilot:
        app.screen.query_one(Input).value = typed
        await pilot.press("enter")
        parent, name = os.path.split(folder / written)
        await until(pilot, lambda: os.path.isdir(parent) and files_like(parent, name))


def files_like(folder: str, name: str) -> list[str]:
    """The files of that name, with or without one of our suffixes."""
    return [
        file for file in os.listdir(folder) if re.fullmatch(re.escape(name) + r"(\.\w+)?", file)
    ]


@pytest.mark.parametrize(
    ("dialog", "typed", "there"),
    rest_as_proofs(
        [
            ("Save as", "file", "file.yaml"),
            ("Save as", "file.yaml", "file.yaml"),
            ("Export", "file.npz", "file.npz"),
            ("Export", "file.npz", "file.json"),
            ("Save a screenshot", "file", "file.svg"),
        ],
        rows=True,
    ),
)
async def test_nothing_is_replaced_without_a_question(
    dialog: str, typed: str, there: str, make_app: MakeApp, folder: Path, until: Until
) -> None:
    (folder / there).write_text("mine")
    (folder / there).chmod(0o600)
    app = make_app()
    async with asked(app, dialog, until) as pilot:
        app.screen.query_one(Input).value = typed
        await pilot.press("enter")
        await on_screen(pilot, Confirm)
        assert (folder / there).read_text() == "mine"
        await pilot.press("y")
        await until(pilot, lambda: (folder / there).read_bytes() != b"mine")
    assert (folder / there).stat().st_mode & 0o777 == 0o600


async def test_the_screenshot_is_of_the_screen_and_its_place_is_said(
    make_app: MakeApp, folder: Path, until: Until
) -> None:
    def found() -> bool:
        return "screenshot" in str(app.screen.query_one(CommandList).highlighted_option)

    app = make_app()
    said: list[str] = []
    app.show_message = lambda message, *rest, **more: said.append(message)  # type: ignore[method-assign]
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("ctrl+p")
        await pilot.press(*"save a screenshot")
        await until(pilot, found)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AskPath) and app.screen.query(Input))
        name = app.screen.query_one(Input).value
        await pilot.press("enter")
        await until(pilot, lambda: said)
    assert said == [f"saved {folder / name}"]
    picture = (folder / name).read_text()
    assert "quickstart" in picture
    assert "Search" not in picture
