"""The text field of the form, which lies over the value of the chosen row."""

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.visual import Visual

from tui import text
from tui.screens.configs import form_rows
from tui.screens.configs.form_rows import FormRow
from tui.widgets.text_field import TextField

if TYPE_CHECKING:
    from tui.screens.configs.form import Form


class ValueField(TextField):
    """The value of the chosen row; of one with options, the options."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
    ]

    HELP_TEXT = (
        "Every key of the config. ↑ ↓ go from row to row, ← → choose, typing fills in; an empty "
        "field means the default, which is grey. Comments in the YAML are kept. "
        "tab goes to the YAML."
    )

    def __init__(self, form: "Form") -> None:
        super().__init__(compact=True, select_on_focus=False)
        self._form = form
        self._row: FormRow | None = None
        self._showing = False
        self.cursor_blink = False

    def show(self, row: FormRow, value: str) -> None:
        """Show a row and its value, with the cursor at the end."""
        value = "" if row.options else text.line(value)
        if row == self._row and value == self.value:
            return
        self._row = row
        self._showing = True
        self.value = value
        self.cursor_position = len(value)
        self._showing = False

    @property
    def _options(self) -> bool:
        return self._row is not None and bool(self._row.options)

    def watch_value(self, value: str) -> None:
        if not self._showing:
            self._form.typed(value)

    def replace(self, text: str, start: int, end: int) -> None:
        """Put text in, where there is a text to edit."""
        if self._row is not None and form_rows.is_text(self._row):
            super().replace(text, start, end)

    async def action_submit(self) -> None:
        """To the next row."""
        self._form.move(1)

    def action_move(self, by: int) -> None:
        """To another row."""
        self._form.move(by)

    def action_page(self, by: int) -> None:
        """As many rows on as can be seen."""
        self._form.move(by * max(self._form.scrollable_content_region.height - 1, 1))

    async def on_key(self, event: events.Key) -> None:
        # Where it does nothing, that of the class above it is called too.
        character = event.character if event.is_printable else None
        if self._options and self._form.press(event.key, character):
            event.stop().prevent_default()

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if self._options:
            self._form.click(self._form.cursor, event.x)

    def on_focus(self) -> None:
        if self._row is not None:
            self._form.point(self._form.cursor)

    def on_blur(self) -> None:
        self._form.commit()
        self._form.arrange_lines()

    def render_line(self, y: int) -> Strip:
        if not self._options:
            return super().render_line(y)
        assert self._row is not None
        width = self.size.width
        content = self._form.choice(self._row, self.has_focus).truncate(width, pad=True)
        return Visual.to_strips(self, content, width, 1, self.visual_style)[0]
