"""A config as a form: a line for each key, made from the schema.

All lines are drawn by one widget, and one text field lies over the value of the chosen row. So the
form opens at once, also while the processor is busy training, and all keys go through one queue:
none can reach a row that was left, however fast they come.
"""

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget
from textual.widgets import Static

from engine.config import value_at
from engine.errors import ConfigError
from tui import text
from tui.screens.configs import form_rows
from tui.screens.configs.form_field import ValueField
from tui.screens.configs.form_rows import FormRow
from tui.state.document import ConfigDocument

_LABEL = 20  # columns, with the mark before it
_VALUE = 24  # columns that a value gets before there is more room for the hint
_HINT, _WRONG = 17, 8  # columns: of the longest hint; of the word for what is wrong


class Form(VerticalScroll, can_focus=False, inherit_bindings=False):
    """All rows; ``follow`` shows the document, keys and clicks change the document."""

    class Pointed(Message):
        """Another row has the cursor."""

        def __init__(self, help: str) -> None:
            super().__init__()
            self.help = help

    def __init__(self, document: ConfigDocument, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self._document = document
        self._lines: list[FormRow | str] = []
        self.cursor = 0  # a line, always that of a row
        self._changing = False
        self._wrong: set[str] = set()
        self._drawn = _Lines(self)
        self.field = ValueField(self)
        self.border_title = "form"

    def compose(self) -> ComposeResult:
        yield self._drawn
        yield self.field
        yield Static(id="unreadable", markup=False)

    # -- following ------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.follow()

    def follow(self) -> None:
        """Show the document as it is now; rows come and go with what is in it."""
        document = self._document
        self.set_class(not document.readable, "-unreadable")
        if not document.readable:
            self.query_one("#unreadable", Static).update(_unreadable(document))
            return
        path = self.row.path if self._lines else None
        self._lines = _lines(document)
        places = self._places
        same = [i for i in places if getattr(self._lines[i], "path", "") == path]
        self.cursor = same[0] if same else min(places, key=lambda i: abs(i - self.cursor))
        rows = [line for line in self._lines if isinstance(line, FormRow)]
        self._wrong = form_rows.wrong(rows, [problem.path for problem in document.problems])
        if not self._changing:
            self.field.show(self.row, form_rows.shown(document, self.row))
        self.arrange_lines()

    def arrange_lines(self) -> None:
        """Put the field over the value of the chosen row, and keep that row in view."""
        if not self._lines:  # the document never could be read
            return
        self._drawn.styles.height = len(self._lines)
        self.field.styles.offset = (_LABEL, self.cursor)
        self.field.styles.width = self.choice_width if self.row.options else self.value_width
        self.field.placeholder = form_rows.placeholder(self._document, self.row)
        self._drawn.refresh()
        self.field.refresh()
        if self.screen.focused is self.field:  # what is typed has to be seen
            self.call_after_refresh(self._reveal)

    def _reveal(self) -> None:
        place = self.cursor
        above = 1 if place and isinstance(self._lines[place - 1], str) else 0
        self.scroll_to_region(Region(0, place - above, 1, 1 + above), animate=False, force=True)

    @property
    def _places(self) -> list[int]:
        return [i for i, line in enumerate(self._lines) if isinstance(line, FormRow)]

    @property
    def row(self) -> FormRow:
        """The row with the cursor."""
        line = self._lines[self.cursor]
        assert isinstance(line, FormRow)
        return line

    def focus(self, scroll_visible: bool = True) -> "Form":
        """Give the focus to the chosen row, before the next key."""
        self.screen.set_focus(self.field, scroll_visible)
        return self

    # -- drawing --------------------------------------------------------------------------------

    @property
    def hint_width(self) -> int:
        """Columns at the end of a line for the hint or the mark of an error."""
        return min(max(self._drawn.size.width - _LABEL - _VALUE, _WRONG), _HINT)

    @property
    def value_width(self) -> int:
        """Columns of a value."""
        return max(self._drawn.size.width - _LABEL - self.hint_width, 8)

    @property
    def choice_width(self) -> int:
        """Columns of a row of options, which has no hint but the mark of an error."""
        return self.value_width + self.hint_width - _WRONG

    def line(self, place: int, width: int) -> Content:
        """A line as it is drawn; the field lies over the value of the chosen one."""
        if place >= len(self._lines):
            return Content("")
        line = self._lines[place]
        if isinstance(line, str):
            return Content.styled(line, "bold $accent")
        current = place == self.cursor
        wrong = line.path in self._wrong
        style = "$error" if wrong else "$foreground"
        style = "bold $primary" if current and self.field.has_focus else style
        label = f"{'  ' * line.depth}{line.label}"
        hint = "✗ error" if wrong else _hint(line)
        hint = hint if len(hint) < self.hint_width else ""
        value = self._value(line)
        fill = " " * max(width - _LABEL - value.cell_length - len(hint), 0)
        found = Content.assemble(
            ("▌" if current else " ", "$primary"),
            (f"{text.line(label, _LABEL - 2):<{_LABEL - 1}}", style),
            value,
            (fill + hint, "$error" if wrong else "$muted"),
        )
        return found.stylize_before("on $surface") if current else found

    def _value(self, row: FormRow) -> Content:
        if row.options:
            return self.choice(row).truncate(self.choice_width)
        given = form_rows.shown(self._document, row)
        if given:
            value = Content.styled(text.line(given), "$accent")
        else:
            value = Content.styled(form_rows.placeholder(self._document, row), "$muted 70%")
        return value.truncate(self.value_width, ellipsis=True)

    def choice(self, row: FormRow, active: bool = False) -> Content:
        """All options side by side where there is room, else the chosen one between arrows."""
        explicit = row.switch or value_at(self._document.values, row.path) is not None
        chosen = "bold $accent" if explicit else "$foreground"
        chosen = "bold $text on $primary-muted" if active else chosen
        value = form_rows.shown(self._document, row)
        known = value in row.options
        if not self._fits(row):
            word = f" {text.line(value) or '–'} "
            arrow = "$curve-axis"
            style = chosen if known else "$error"
            return Content.assemble(("‹", arrow), (word, style), ("›", arrow))
        parts = [(f" {o} ", chosen if o == value else "$muted") for o in row.options]
        if value and not known:
            parts.append((f" {text.line(value)} ", "$error"))
        return Content.assemble(*parts)

    def _fits(self, row: FormRow) -> bool:
        return sum(len(option) + 2 for option in row.options) <= self.choice_width

    # -- keys and clicks ------------------------------------------------------------------------

    def move(self, by: int) -> None:
        """Go to another row."""
        self.commit()
        places = self._places
        here = places.index(self.cursor) + by
        self.point(places[min(max(here, 0), len(places) - 1)])

    def point(self, place: int) -> None:
        """Put the cursor on the row of a line."""
        self.cursor = place
        self._document.end_edit()
        self.field.show(self.row, form_rows.shown(self._document, self.row))
        self.arrange_lines()
        self.post_message(self.Pointed(form_rows.help_text(self._document, self.row)))

    def typed(self, value: str) -> None:
        """Let the document follow; a field that is empty may only be so for a moment."""
        if value.strip():
            self._change(value)

    def commit(self) -> None:
        """An empty field means the default: take the key out, with its comment."""
        if self._lines and not self.row.options and not self.field.value.strip() and self._shown:
            self._change("")

    def press(self, key: str, character: str | None) -> bool:
        """Do what a key does on a row of options; False if it does nothing there."""
        options = self.row.options
        if key in ("left", "right", "space", "enter"):
            self._change(_next(options, self._shown, -1 if key == "left" else 1))
        elif key in ("backspace", "delete"):
            self._change("")
        elif character is not None:
            self._jump(character)
        else:
            return False
        return True

    def _jump(self, letter: str) -> None:
        """To the next option that begins with a letter."""
        options = self.row.options
        here = options.index(self._shown) if self._shown in options else -1
        for option in options[here + 1 :] + options[: here + 1]:
            if option.startswith(letter.lower()):
                self._change(option)
                return

    def click(self, place: int, x: int) -> None:
        """Take a click on a column of the value of a line."""
        if place >= len(self._lines) or not isinstance(self._lines[place], FormRow):
            return
        again = place == self.cursor
        self.focus()
        if not again:
            self.commit()
            self.point(place)
        row = self.row
        if row.options:
            hit = _option_at(row.options, x) if self._fits(row) else None
            if hit is not None:
                self._change(hit)
            elif again:
                self._change(_next(row.options, self._shown, 1))

    @property
    def _shown(self) -> str:
        return form_rows.shown(self._document, self.row)

    def _change(self, value: str) -> None:
        """Change the document; what is being typed stays as it was typed."""
        self._changing = bool(value) and not self.row.options
        try:
            form_rows.change(self._document, self.row, value)
        except ConfigError as error:
            self.notify(text.clean(error), severity="warning", markup=False)
        finally:
            self._changing = False


class _Lines(Widget):
    """Draws the lines of a form."""

    ALLOW_SELECT = False

    def __init__(self, form: Form) -> None:
        super().__init__(id="lines")
        self._form = form

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        content = self._form.line(y, width).truncate(width, pad=True)
        return Visual.to_strips(self, content, width, 1, self.visual_style)[0]

    def on_resize(self) -> None:
        self._form.arrange_lines()

    def on_click(self, event: events.Click) -> None:
        self._form.click(event.y, event.x - _LABEL)


def _lines(document: ConfigDocument) -> list[FormRow | str]:
    """The rows with their headings, an empty line before each heading but the first."""
    lines: list[FormRow | str] = []
    section = ""
    for row in form_rows.rows(document):
        if row.section != section:
            section = row.section
            lines += ["", f" {section}"] if lines else [f" {section}"]
        lines.append(row)
    return lines


def _unreadable(document: ConfigDocument) -> Content:
    """That the YAML cannot be read, why, and what to do."""
    parts = [Content.styled("✗ The YAML cannot be read", "bold $error")]
    for problem in document.problems[:1]:
        place = f"{problem.line}:{problem.column}  " if problem.line is not None else ""
        parts.append(Content.assemble((place, "$accent"), text.line(problem.message)))
    parts.append(
        Content.styled("→ correct it in the YAML, and the form returns; ^z undoes", "$muted")
    )
    return Content("\n\n").join(parts)


def _hint(row: FormRow) -> str:
    return "" if row.options else row.field.range.removeprefix("from ")


def _next(options: tuple[str, ...], value: str, by: int) -> str:
    if value not in options:
        return options[0 if by > 0 else -1]
    return options[(options.index(value) + by) % len(options)]


def _option_at(options: tuple[str, ...], x: int) -> str | None:
    """The option at a column of the value, where they stand side by side."""
    if x < 0:
        return None
    for option in options:
        x -= len(option) + 2
        if x < 0:
            return option
    return None
