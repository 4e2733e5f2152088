"""Screen 1: choosing, understanding, saving."""

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.support.app_pilot import Until, on_screen, seen, tap
from tests.support.proofs import rest_as_proofs
from tui.app import CnnApp
from tui.screens.configs.config_list import ConfigList
from tui.screens.configs.copied import Copied, broken
from tui.screens.dialogs import AskPath, Confirm
from tui.state.workspace import Workspace
from tui.widgets.line import Line

MakeApp = Callable[..., CnnApp]


def _words(app: CnnApp, selector: str) -> str:
    return str(app.screen.query_one(selector).render())


async def test_the_first_screen_says_which_key_trains(home: Path, until: Until) -> None:
    app = CnnApp(Workspace.opened())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "r  train quickstart now" in _words(app, "#go"))
        assert "no download" in _words(app, "#go")
        assert "$ cnn-tui --no-ui --config quickstart" in _words(app, "#command")


async def test_the_meaning_of_a_config(make_app: MakeApp, until: Until) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "an epoch" in _words(app, "#overview-text"))
        words = _words(app, "#overview-text")
        for piece in (
            "A run that is over in a moment.",
            "540 train + 60 validation",
            "✓ bundled",
            "500 parameters",
            "2 epochs, batch 64, sgd, lr 0.05",
            "about 0.1 s an epoch",
            "MaxPool2D",
            "1×7×7",
            "Dense(49→10)",
        ):
            assert piece in words


async def test_moving_along_the_list_shows_other_configs(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        names = [path.stem for path in app.workspace.paths]
        assert names[0] == "quickstart"
        assert names[-1] == "tiny"
        await pilot.press("g")
        assert app.workspace.document.name == "quickstart"
        await pilot.press("j", "j")
        assert app.workspace.document.name == names[2]


@pytest.mark.parametrize(
    ("change", "mark"),
    [
        (("train.lr", 0.5), "● tiny             ✓"),
        (("train.lr", "fast"), "● tiny             ✗"),
        (("dataset", "cifar10"), "● tiny             ↓"),
    ],
)
async def test_the_list_marks_configs_as_they_are_with_unsaved_changes(
    make_app: MakeApp,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, object],
    mark: str,
    until: Until,
) -> None:
    monkeypatch.setenv("CNN_TUI_DATA", str(home))
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        configs = app.screen.query_one(ConfigList)

        def line() -> str:
            assert configs.highlighted is not None
            return str(configs.get_option_at_index(configs.highlighted).prompt).rstrip()

        await until(pilot, lambda: line() == "  tiny             ✓")
        app.workspace.document.set(*change)
        await until(pilot, lambda: line() == mark)
        configs.fill()
        assert line() == mark
        app.workspace.document.undo()
        await until(pilot, lambda: line() == "  tiny             ✓")


async def test_a_list_that_has_to_scroll_has_a_line_for_every_config(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    for i in range(20):
        (home / "configs" / f"a_name_of_length_{i}.yaml").write_text("dataset: mnist_mini\n")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        box = app.screen.query_one(ConfigList)
        await until(pilot, lambda: box.show_vertical_scrollbar)
        await pilot.pause()
        assert box.virtual_size.height == box.option_count
        assert re.search("tiny +✓", seen(app))


async def test_data_that_is_not_here_is_said_before_running(
    make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    monkeypatch.setenv("CNN_TUI_DATA", str(home))
    (home / "configs" / "far.yaml").write_text("dataset: cifar10\nmodel: tiny_vgg_cifar10\n")
    app = make_app("far")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "↓ downloaded first, 162 MB" in _words(app, "#overview-text"))
        assert "fetches the data first" in _words(app, "#go")


async def test_changes_are_marked_saved_and_undone(
    make_app: MakeApp, home: Path, until: Until
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        app.workspace.document.set("seed", 9)
        configs = app.screen.query_one(ConfigList)
        place = [path.stem for path in app.workspace.paths].index("tiny")
        await until(pilot, lambda: "●" in str(configs.get_option_at_index(place).prompt))
        await until(pilot, lambda: "--set seed=9" in _words(app, "#command"))
        await pilot.press("u")
        assert not app.workspace.document.dirty
        await pilot.press("U")
        assert app.workspace.document.dirty
        await pilot.press("w")
        assert not app.workspace.document.dirty
        assert "seed: 9" in (home / "configs" / "tiny.yaml").read_text()
        await tap(pilot, "q")
        await until(pilot, lambda: not app.is_running)


async def test_a_config_with_errors_is_not_saved_without_a_question(
    make_app: MakeApp, home: Path
) -> None:
    path = home / "configs" / "tiny.yaml"
    before = path.read_text()
    app = make_app()
    async with app.run_test() as pilot:
        app.workspace.document.set("seed", "many")
        for answer in ("enter", "y"):
            assert path.read_text() == before
            await pilot.press("w")
            await pilot.pause()
            await on_screen(pilot, Confirm)
            await pilot.press(answer)
            await pilot.pause()
        assert "seed: many" in path.read_text()


async def test_save_as_suggests_a_name_and_asks_before_replacing(
    make_app: MakeApp, home: Path
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("W")
        await on_screen(pilot, AskPath)
        assert app.screen.query_one(Input).value == "configs/tiny-2.yaml"
        await pilot.press("enter")
        await pilot.pause()
        assert (home / "configs" / "tiny-2.yaml").is_file()
        assert app.workspace.document.name == "tiny-2"
        assert "tiny-2" in [path.stem for path in app.workspace.paths]
        await pilot.press("W")
        app.screen.query_one(Input).value = "configs/tiny"
        await pilot.press("enter")
        await pilot.pause()
        await on_screen(pilot, Confirm)
        await pilot.press("n")
        assert app.workspace.document.name == "tiny-2"


async def test_unsaved_changes_are_asked_about_when_quitting(
    make_app: MakeApp, until: Until
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        app.workspace.document.set("seed", 9)
        await pilot.press("q")
        await on_screen(pilot, Confirm)
        await pilot.press("n")
        assert app.is_running
        await tap(pilot, "D", "q")
        await until(pilot, lambda: not app.is_running)


async def test_the_command_is_copied(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("y")
        assert app.clipboard == "cnn-tui --no-ui --config tiny"
        await pilot.pause()
        await on_screen(pilot, Copied)
        assert str(app.screen.query_one("#command", Static).render()) == app.clipboard
        assert "if your terminal" in str(app.screen.query_one(".detail", Static).render())
        await pilot.press("escape")
        assert not isinstance(app.screen, Copied)


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_a_copied_command_is_broken_where_a_shell_joins_it(width: int) -> None:
    words = ["cnn-tui", "--no-ui", "--set", "'data.augment={shift: 1}'", *["--set", "a=1"] * 30]
    lines = broken(words, width)
    script = 'show() { printf "%s\\n" "$@"; }; show ' + "\n".join(lines)
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == [shlex.split(word)[0] for word in words]
    assert all(len(line) <= width for line in lines if "augment" not in line)


async def test_a_click_on_the_go_line_trains(make_app: MakeApp, until: Until) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await until(pilot, lambda: "train" in _words(app, "#go"))
        await pilot.click("#go", offset=(8, 0))
        await until(pilot, lambda: app.training.started)
        await until(pilot, lambda: not app.training.running)


async def test_a_click_on_the_top_line_goes_there(make_app: MakeApp, until: Until) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        header = app.screen.query_one("#header", Line)

        def train() -> list[int]:
            actions = [getattr(header.part_at(x), "action", "") for x in range(80)]
            return [x for x, action in enumerate(actions) if "train" in action]

        await until(pilot, train)
        await pilot.click("#header", offset=(train()[0], 0))
        assert app.current_mode == "train"


async def test_the_editor_of_the_environment(
    make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = home / "editor.sh"
    script.write_text('#!/bin/sh\nsed -i "s/seed: 1/seed: 77/" "$1"\n')
    script.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(script))
    monkeypatch.delenv("VISUAL", raising=False)
    app = make_app()
    async with app.run_test() as pilot:
        _suspendable(app, monkeypatch)
        await pilot.press("v")
        assert app.workspace.document.config is not None
        assert app.workspace.document.config.seed == 77
        assert app.workspace.document.dirty
        monkeypatch.setenv("EDITOR", str(home / "nothing"))
        await pilot.press("v")
        assert app.workspace.document.config.seed == 77


def _suspendable(app: CnnApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """The headless driver cannot be suspended; there is no terminal to give away either."""
    from contextlib import nullcontext

    monkeypatch.setattr(app, "suspend", nullcontext)


@pytest.mark.parametrize("size", rest_as_proofs([(60, 16), (80, 24), (120, 40), (200, 60)]))
async def test_all_sizes(make_app: MakeApp, size: tuple[int, int]) -> None:
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await _everywhere(pilot)


async def _everywhere(pilot: Pilot) -> None:
    for key in ("p", "e", "ctrl+t", "escape", "2", "z", "z", "1", "question_mark", "escape"):
        await pilot.press(key)
