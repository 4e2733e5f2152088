"""All screens and all keys, each registered once.

Bindings, the key bar, the command palette, the help screen, the top line and the table in
docs/keys.md are all made from ``SCREENS`` and ``KEYS``. The keys that work everywhere are here; a
screen registers itself and its keys in its folder's ``__init__.py``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING

from textual.binding import Binding, BindingType

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.widget import Widget

APP = "app"


@dataclass(frozen=True)
class Key:
    """One action and the keys that start it.

    Attributes:
        keys: as Textual names them, the first is the one that is shown: ``plus,equals_sign``.
        action: the method ``action_<action>`` of the screen (or of the app), with arguments.
        label: one or two words, for the key bar.
        description: a whole sentence, for help and palette.
        group: the heading that it is listed under.
        footer: whether the key bar shows it, if there is room.
        shown: the key as it is written, where that is not clear from ``keys``.
        priority: whether it works even while a text field has the focus.
        where: the id of its screen, which ``register`` sets, or ``app``.
    """

    keys: str
    action: str
    label: str
    description: str
    group: str
    footer: bool = False
    shown: str = ""
    priority: bool = False
    where: str = APP

    @property
    def id(self) -> str:
        """Unique: ``train.pause``."""
        name = "".join(c if c.isalnum() or c == "_" else "-" for c in self.action).strip("-")
        return f"{self.where}.{name}"

    @property
    def all_shown(self) -> str:
        """All its keys as they are written: ``+ =``."""
        return " ".join(written(key) for key in self.keys.split(","))

    @property
    def first_shown(self) -> str:
        """Its first key as it is written."""
        return self.shown or written(self.keys.split(",")[0])


CHARACTERS = {
    "question_mark": "?",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "slash": "/",
    "comma": ",",
    "full_stop": ".",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "space": " ",
}
"""Keys with a name that a text field would take as a character."""

_WRITTEN = {
    **{key: character for key, character in CHARACTERS.items() if key != "space"},
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "pgup",
    "pagedown": "pgdn",
}


def written(key: str) -> str:
    """A key as it is written on the screen: ``?``, ``^p``, ``esc``."""
    if key.startswith("ctrl+"):
        return "^" + written(key.removeprefix("ctrl+"))
    return _WRITTEN.get(key, key)


KEYS: list[Key] = [
    Key("question_mark,f1", "help", "help", "Help on the focused pane", "App", footer=True),
    Key("ctrl+p", "command_palette", "actions", "Search all actions by name", "App", footer=True,
        priority=True),
    Key("q,ctrl+q", "quit", "quit", "Quit; asks first while training", "App", footer=True),
    Key("t", "next_theme", "theme", "Next theme: dark, light, colour-blind", "App"),
    Key("8,f9", "lesson", "lesson", "Choose a lesson, go to the open one, or close it", "Lessons"),
]  # fmt: skip
"""The table: the keys of the app, then those of every registered screen."""

FILM_KEYS = (
    Key("full_stop", "frame('next')", "replay", "Replay how it learned: the next moment", "Film",
        footer=True, shown=", ."),
    Key("comma", "frame('previous')", "prev. moment", "The moment before in the film", "Film"),
    Key("less_than_sign", "frame('first')", "first moment", "The first moment of the film", "Film"),
    Key("greater_than_sign", "frame('last')", "last moment", "The last moment of the film", "Film"),
)  # fmt: skip
"""Of every screen that can replay the film of a run."""

IMAGE_KEYS = (
    Key("i", "inspect", "inspect", "Show the feature maps of the chosen image", "Images",
        footer=True),
    Key("u", "microscope", "microscope",
        "Explain what the layers make of the chosen image, number by number", "Images"),
    Key("y,w", "why", "why", "Show which pixels of the chosen image speak for its class", "Images"),
)  # fmt: skip
"""Of every screen on which an image is chosen; Inspect itself has some of them among its own."""

NEWEST_KEY = Key("e", "newest", "newest weights",
    "Use the newest weights that the training of this run has saved", "Network")  # fmt: skip
"""Of every screen that shows what was found with weights of a run."""


@dataclass(frozen=True)
class ScreenSpec:
    """A screen, before it is imported.

    Attributes:
        id: its name in the keymap, and in actions: ``go('train')``.
        place: its class as ``module:class``.
        title: for the top line and the help.
        key: its number key; empty for a screen that lies over another one.
        hint: its purpose in a few words.
        over: the id of the screen that it lies over; empty for one with a number key.
    """

    id: str
    place: str
    title: str
    key: str = ""
    hint: str = ""
    over: str = ""

    def load(self) -> "type[Screen[None]]":
        """The class; its module is imported now."""
        module, name = self.place.split(":")
        return getattr(import_module(module), name)

    def make(self) -> "Screen[None]":
        """A new screen."""
        return self.load()()


SCREENS: dict[str, ScreenSpec] = {}
"""All registered screens by id, in the order in which they are shown."""


def register(
    id: str,
    place: str,
    *,
    title: str,
    key: str = "",
    hint: str = "",
    over: str = "",
    keys: Sequence[Key] = (),
) -> None:
    """Add a screen and its keys to the app.

    Args:
        id, place, title, key, hint, over: as in ``ScreenSpec``.
        keys: the rows of its keys; their ``where`` is set here.
    """
    SCREENS[id] = ScreenSpec(id, place, title, key, hint, over)
    KEYS.extend(replace(row, where=id) for row in keys)
    if key:
        KEYS.append(Key(key, f"go('{id}')", title.lower(), f"{title}: {hint}", "Screens"))


def tabs() -> list[ScreenSpec]:
    """The screens with a number key."""
    return [spec for spec in SCREENS.values() if spec.key]


def keys_of(where: str) -> tuple[Key, ...]:
    """The rows of a screen, or of the app."""
    return tuple(key for key in KEYS if key.where == where)


def usable(key: Key, focused: "Widget | None") -> list[str]:
    """The keys of a row that work while a widget has the focus; it may type the others."""
    keys = key.keys.split(",")
    if focused is None or key.priority:
        return keys
    return [
        pressed
        for pressed in keys
        if not focused.check_consume_key(
            pressed, pressed if len(pressed) == 1 else CHARACTERS.get(pressed)
        )
    ]


def bindings(where: str) -> list[BindingType]:
    """``BINDINGS`` of a screen, or of the app."""
    return [
        Binding(
            key.keys,
            key.action,
            key.label,
            show=key.footer,
            key_display=key.first_shown,
            tooltip=key.description,
            id=key.id,
            priority=key.priority,
        )
        for key in keys_of(where)
    ]


def groups(where: str) -> Iterator[tuple[str, list[Key]]]:
    """The rows of a screen, or of the app, by group."""
    rows = keys_of(where)
    for group in dict.fromkeys(key.group for key in rows):
        yield group, [key for key in rows if key.group == group]


def markdown() -> str:
    """The table of ``docs/keys.md``."""
    lines = ["| where | key | what it does |", "|---|---|---|"]
    titles = {spec.id: f"{spec.key} {spec.title}".strip() for spec in SCREENS.values()}
    for where, title in {APP: "everywhere", **titles}.items():
        for key in keys_of(where):
            keys = " ".join(f"`{written(one)}`" for one in key.keys.split(","))
            lines.append(f"| {title} | {keys} | {key.description} |")
            title = ""
    return "\n".join(lines)
