"""The bottom line: the most useful keys here, dim where they cannot be used now."""

from typing import Any

from textual.screen import Screen

from tui import keymap
from tui.compat import action_is_enabled
from tui.widgets.line import Line, TextPart

MOST = 8
"""Keys at a time."""


class KeyBar(Line):
    """At most eight keys, from the keymap; a click presses the key."""

    def __init__(self, where: str) -> None:
        super().__init__(id="keybar")
        self.where = where

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self.call_after_refresh(self.update)

    def on_resize(self) -> None:
        self.update()

    def _changed(self, screen: Screen[Any]) -> None:
        self.update()

    def update(self) -> None:
        """Draw, if anything changed."""
        rows = [key for key in keymap.keys_of(self.where) if key.footer and self._label(key)]
        app = [key for key in keymap.keys_of(keymap.APP) if key.footer]
        for key in reversed(rows[:]):  # what cannot be done now makes room for what can
            if len(rows) + len(app) > MOST and not self._possible(key):
                rows.remove(key)
        own = [self._parts(key) for key in rows[: MOST - len(app)]]
        everywhere = [self._parts(key) for key in app]
        room = self.size.width - 1
        if _width(own + everywhere) > room:  # the words of the keys that are everywhere go first
            everywhere = [parts[:1] for parts in everywhere]
        while own and _width(own + everywhere) > room - 1:
            own.pop()
        self.show(
            tuple(part for parts in own for part in parts),
            (*(part for parts in everywhere for part in parts), TextPart(" ")),
        )

    def _parts(self, key: keymap.Key) -> list[TextPart]:
        screen = self.screen
        usable = keymap.usable(key, screen.focused)
        if not usable:
            return []
        pressed = usable[0]
        shown = key.first_shown if pressed == key.keys.split(",")[0] else keymap.written(pressed)
        possible = self._possible(key)
        label = self._label(key)
        action = f"app.simulate_key('{pressed}')"
        return [
            TextPart(f" {shown}", "bold $accent" if possible else "$muted 60%", action),
            TextPart(
                f" {label} ", "$foreground" if possible else "$muted 60%", action, key.description
            ),
        ]

    def _label(self, key: keymap.Key) -> str:
        screen = self.screen
        return screen.key_label(key) if hasattr(screen, "key_label") else key.label

    def _possible(self, key: keymap.Key) -> bool:
        node = self.app if key.where == keymap.APP else self.screen
        return action_is_enabled(self.app, key.action, node)


def _width(keys: list[list[TextPart]]) -> int:
    return sum(len(part.text) for parts in keys for part in parts)
