"""A line of text with parts that can be clicked."""

from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.widget import Widget


@dataclass(frozen=True)
class TextPart:
    """A piece of the line.

    Attributes:
        text: what is shown, as it stands.
        style: a Textual style, e.g. ``bold $accent``.
        action: what a click runs; empty if nothing.
        hint: tooltip.
    """

    text: str
    style: str = ""
    action: str = ""
    hint: str = ""


class Line(Widget):
    """Text at the left and at the right; ``show`` sets it, and draws only if it changed."""

    DEFAULT_CSS = "Line { height: 1; }"
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._left: tuple[TextPart, ...] = ()
        self._right: tuple[TextPart, ...] = ()

    def show(self, left: tuple[TextPart, ...], right: tuple[TextPart, ...] = ()) -> None:
        """Set the parts."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    def _layout(self) -> list[TextPart]:
        width = self.size.width
        used = sum(_cells(part.text) for part in self._left + self._right)
        gap = TextPart(" " * max(width - used, 1))
        return [*self._left, gap, *self._right] if self._right else [*self._left]

    def render(self) -> Content:
        return Content.assemble(*((part.text, part.style) for part in self._layout())).truncate(
            self.size.width, ellipsis=False
        )

    def part_at(self, x: int) -> TextPart | None:
        """The part at a column of the widget."""
        for part in self._layout():
            x -= _cells(part.text)
            if x < 0:
                return part
        return None

    async def on_click(self, event: events.Click) -> None:
        part = self.part_at(event.x)
        if part is not None and part.action:
            event.stop()
            await self.app.run_action(part.action, default_namespace=self.screen)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        part = self.part_at(event.x)
        self.tooltip = part.hint or None if part is not None else None


def _cells(text: str) -> int:
    return Content(text).cell_length
