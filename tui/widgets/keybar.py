"""The bottom line: the keys that matter here. Those that cannot be used now are dim."""

from textual.screen import Screen

from tui import keymap
from tui.widgets.line import Line, Part


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

    def _changed(self, screen: Screen) -> None:
        self.update()

    def update(self) -> None:  # type: ignore[override]
        """Draw, if anything changed."""
        own = [key for key in keymap.keys_of(self.where) if key.footer]
        everywhere = [key for key in keymap.keys_of(keymap.APP) if key.footer]
        self.show(
            tuple(part for key in own for part in self._parts(key)),
            tuple(part for key in everywhere for part in self._parts(key)),
        )

    def _parts(self, key: keymap.Key) -> list[Part]:
        screen = self.screen
        pressed = self._usable(key)
        if pressed is None:
            return []
        shown = key.first_shown if pressed == key.keys.split(",")[0] else keymap.written(pressed)
        node = self.app if key.where == keymap.APP else screen
        possible = bool(self.app._check_action_state(key.action, node))
        label = screen.key_label(key) if hasattr(screen, "key_label") else key.label
        action = f"app.simulate_key('{pressed}')"
        return [
            Part(f" {shown}", "bold $accent" if possible else "$muted 60%", action),
            Part(f" {label} ", "$foreground" if possible else "$muted 60%", action, key.description),
        ]

    def _usable(self, key: keymap.Key) -> str | None:
        """The first of its keys that the widget with the focus does not take for itself."""
        focused = self.screen.focused
        for pressed in key.keys.split(","):
            character = pressed if len(pressed) == 1 else keymap.CHARACTERS.get(pressed)
            if focused is None or not focused.check_consume_key(pressed, character):
                return pressed
        return None
