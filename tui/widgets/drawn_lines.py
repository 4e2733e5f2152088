"""A widget whose lines are drawn together."""

from textual.geometry import Region
from textual.strip import Strip

from tui.widgets.styles import ThemedWidget


class DrawnLines(ThemedWidget):
    """Lines that are drawn once for every change of what they show, the size or the theme.

    A subclass writes ``_draw``, and calls ``draw_again`` where there is something else to show.
    """

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._drawn: tuple[object, ...] | None = None
        self._strips: list[Strip] = []

    def _draw(self, width: int, height: int) -> list[Strip]:
        """The lines; those that are missing are blank."""
        raise NotImplementedError

    def draw_again(self) -> None:
        """Draw; only lines that differ are rendered, which takes much longer."""
        before = self._strips if self._drawn == self._key else None
        if before is None:
            self._drawn = None
            self.refresh()
            return
        self._strips = self._draw(*self.size)
        if len(before) != len(self._strips):
            self.refresh()
            return
        width = self.size.width
        lines = enumerate(zip(before, self._strips, strict=True))
        changed = [Region(0, y, width, 1) for y, (old, new) in lines if old != new]
        if changed:  # no region would mean all of it
            self.refresh(*changed)

    @property
    def _key(self) -> tuple[object, ...]:
        """The state that the lines depend on, besides what they show."""
        return (self.size, self.app.theme)

    def notify_style_update(self) -> None:
        self._drawn = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        key = self._key
        if self._drawn != key:
            self._drawn = key
            self._strips = self._draw(*self.size)
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.base)
