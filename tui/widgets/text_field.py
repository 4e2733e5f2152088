"""A text field, and the order of keys in all text widgets."""

import asyncio
from contextlib import suppress

from textual import events
from textual.widget import Widget
from textual.widgets import Input

from engine.sanitize import printable

_PATIENCE = 2.0  # seconds; only a widget that is ending, or has failed, takes no more keys


async def take_in_order(widget: Widget, event: events.Key) -> None:
    """Run what a key is bound to before the widget takes the next key.

    Textual runs it when the key has bubbled up to the app. Until then the widget has taken the
    characters behind it: ``a``, backspace, ``b`` without a pause would leave an ``a``.
    """
    if not event.is_printable:
        active = widget.screen.active_bindings.get(event.key)
        if active and await widget.app.run_action(active.binding.action, active.node):
            event.stop().prevent_default()


async def drained(widget: Widget) -> None:
    """Wait until a widget has handled all messages sent to it.

    The app waits so before it looks at the next key: what that key does (save, train, go to
    another field) must not come before what was typed.
    """
    done = asyncio.Event()
    if widget.call_later(done.set):
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), _PATIENCE)


def one_line(text: str) -> str:
    """The first line that is not empty, without what cannot be seen."""
    lines = (line for line in text.splitlines() if line.strip())
    return printable(next(lines, text), None)


class TextField(Input):
    """Textual's input; keys take effect in their order, and text stays one line."""

    async def on_key(self, event: events.Key) -> None:
        await take_in_order(self, event)

    def on_paste(self, event: events.Paste) -> None:
        event.stop().prevent_default()
        self.replace(event.text, *self.selection)

    def replace(self, text: str, start: int, end: int) -> None:
        """Put text in; all that is typed, pasted and deleted comes through here."""
        super().replace(one_line(text), start, end)
