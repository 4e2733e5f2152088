"""Help on the focused pane, and every key that works there."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from tui import keymap
from tui.screens.base import BaseScreen
from tui.widgets.table import Table


def help_of(widget: Widget | None) -> str:
    """The help text of the focused widget, or of one around it; empty if there is none."""
    while widget is not None and not isinstance(widget, BaseScreen):
        text = getattr(widget, "HELP_TEXT", "")
        if text:
            return text
        parent = widget.parent
        widget = parent if isinstance(parent, Widget) else None
    return ""


class HelpScreen(ModalScreen[None]):
    """The help; esc, ``?`` and ``q`` close it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q,enter", "dismiss", "close"),
        Binding("j", "down", show=False),
        Binding("k", "up", show=False),
    ]

    def __init__(self, about: BaseScreen) -> None:
        super().__init__()
        self._where, self._focused = about.WHERE, about.focused
        self._texts = [help_of(about.focused), about.help_text()]
        self._columns = _columns(about.focused)

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", id="help") as box:
            box.border_title = f"Help: {keymap.SCREENS[self._where].title}"
            box.border_subtitle = "esc closes"
            for text in dict.fromkeys(self._texts):
                if text:
                    yield Static(text, markup=False, classes="help-text")
                if text == self._texts[0] and self._columns:
                    yield Static(self._columns, classes="help-text")
            yield Static(_table(self._where, self._focused), id="help-keys")

    def on_mount(self) -> None:
        self.query_one("#help").focus()

    def action_down(self) -> None:
        """Scroll."""
        self.query_one("#help").scroll_down(animate=False)

    def action_up(self) -> None:
        """Scroll."""
        self.query_one("#help").scroll_up(animate=False)


def _columns(widget: Widget | None) -> Content:
    """What each column of a table says, a line for each that has an explanation."""
    columns = widget.columns if isinstance(widget, Table) else ()
    return Content("\n").join(
        Content.assemble((f"{column.title}: ", "bold $accent"), (column.about, "$foreground"))
        for column in columns
        if column.about
    )


def _table(where: str, focused: Widget | None) -> Content:
    """The keys that work on a screen, while a widget has the focus."""
    lines: list[Content] = []
    for place in (where, keymap.APP):
        for group, keys in keymap.groups(place):
            rows = [
                Content.assemble(
                    (f"  {' '.join(map(keymap.written, usable)):12} ", "bold $accent"),
                    (key.description, "$foreground"),
                )
                for key in keys
                if (usable := keymap.usable(key, focused))
            ]
            if rows:
                lines.append(Content.styled(f"\n{group}" if lines else group, "bold $primary"))
                lines += rows
    lines.append(Content.styled("\nPanes", "bold $primary"))
    for shown, text in (
        ("tab", "Next pane; shift+tab: previous pane"),
        ("↑ ↓ ← →", "Move; h j k l do the same in lists and tables"),
    ):
        lines.append(Content.assemble((f"  {shown:12} ", "bold $accent"), (text, "$foreground")))
    return Content("\n").join(lines)
