"""The command palette: every row of the keymap, those of the present screen first."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from textual.command import DiscoveryHit, Hit, Hits, Provider

from engine import paths
from engine.storage import atomic
from tui import keymap
from tui.screens.ask_file import ask_file
from tui.screens.base import BaseScreen

if TYPE_CHECKING:
    from tui.app import CnnApp


class Command(NamedTuple):
    """One line of the palette."""

    title: str
    help: str
    run: Callable[[], object]


def commands(app: "CnnApp", here: str) -> Iterator[Command]:
    """All commands, those of the present screen first.

    Args:
        app: the app.
        here: the screen that the palette was opened on.
    """
    others = [spec.id for spec in keymap.tabs() if spec.id != here]
    for where in (here, keymap.APP, *others):
        for key in keymap.keys_of(where):
            if key.action != "command_palette":
                place = keymap.SCREENS[where].title if where in keymap.SCREENS else "everywhere"
                run = partial(app.call_next, partial(_run, app, where, key.action))
                yield Command(key.description, f"{place}, key {key.all_shown}", run)
    yield Command("Choose a theme", "everywhere", app.action_change_theme)
    yield Command("Save a screenshot (SVG)", "everywhere", partial(_picture, app))


async def _run(app: "CnnApp", where: str, action: str) -> None:
    if where == keymap.APP:
        await app.run_action(action, default_namespace=app)
        return
    if not isinstance(app.screen, BaseScreen) or where != app.screen.WHERE:
        await app.switch_mode(where)
    await app.run_action(action, default_namespace=app.screen)


def _picture(app: "CnnApp") -> None:
    app.call_after_refresh(_ask_for_picture, app)  # the palette has to be gone first


def _ask_for_picture(app: "CnnApp") -> None:
    picture = app.export_screenshot()

    def save(path: Path) -> None:
        try:
            atomic.make_folder(paths.absolute(path).parent)
            atomic.write_atomic(path, picture.encode(), follow_symlinks=True)
        except OSError as error:
            reason = f"{path}: not saved: {paths.reason(error)}"
            app.show_message(reason, "save it in another folder", severity="error")
            return
        app.show_message(f"saved {os.path.abspath(path)}")

    ask_file(
        app,
        "Save a screenshot",
        "The screen as it is now, as an SVG file.",
        value=f"cnn-tui-{datetime.now():%Y%m%d-%H%M%S}.svg",
        suffixes=(".svg",),
        then=save,
    )


class Actions(Provider):
    """Lists and searches the commands."""

    def _commands(self) -> Iterator[Command]:
        screen = self.screen
        here = screen.WHERE if isinstance(screen, BaseScreen) else ""
        return commands(self.app, here)  # type: ignore[arg-type]

    async def discover(self) -> Hits:
        for command in self._commands():
            yield DiscoveryHit(command.title, command.run, help=command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands():
            score = max(matcher.match(command.title), 0.8 * matcher.match(command.help))
            if score > 0:
                title = matcher.highlight(command.title)
                yield Hit(score, title, command.run, help=command.help)
