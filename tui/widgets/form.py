"""A config as a form: a line a key, made from the schema.

It is one widget, not one for each of the sixty keys: it opens at once, also while the processor
is busy training.
"""

from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from engine.errors import ConfigError
from tui import formrows, text
from tui.document import Document
from tui.formrows import Row
from tui.lineedit import LineEdit

_LABEL, _HINT = 19, 17


class Form(ScrollView, can_focus=True):
    """All rows; ``follow`` lets it show its document, keys and clicks change the document."""

    HELP_TEXT = (
        "Every key of the config. ↑ ↓ go from row to row, ← → choose, typing fills in; an empty "
        "field means the default, which is grey. Comments in the YAML are kept. "
        "tab goes to the YAML."
    )
    ALLOW_SELECT = False

    class Edited(Message):
        """The document was changed by the form."""

    class Pointed(Message):
        """Another row has the cursor."""

        def __init__(self, help: str) -> None:
            super().__init__()
            self.help = help

    def __init__(self, document: Document, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self._document = document
        self._lines: list[Row | str] = []
        self._cursor = 0  # a line, always that of a row
        self._edit = LineEdit()
        self._wrong: dict[str, str] = {}
        self.border_title = "form"

    # -- following ------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.follow()

    def follow(self) -> None:
        """Show the document as it is now; rows come and go with what is in it."""
        document = self._document
        if document.readable or not self._lines:
            path = self.row.path if self._lines else None
            self._lines = _lines(document)
            places = [i for i, line in enumerate(self._lines) if isinstance(line, Row)]
            same = [i for i in places if getattr(self._lines[i], "path", "") == path]
            self._cursor = same[0] if same else min(places, key=lambda i: abs(i - self._cursor))
            self._sync()
        self.disabled = not document.readable
        self._wrong = {problem.path: problem.message for problem in document.problems}
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._lines))
        self.refresh()

    def _sync(self) -> None:
        """Let the edited line show the document, unless it means the same already."""
        row = self.row
        value = formrows.shown(self._document, row)
        if formrows.parse(row, self._edit.text) != formrows.parse(row, value):
            self._edit = LineEdit(value, len(value))

    @property
    def row(self) -> Row:
        """The row with the cursor."""
        line = self._lines[self._cursor]
        assert isinstance(line, Row)
        return line

    def focus_row(self, path: str) -> None:
        """Put the cursor on the row of a key, if there is one."""
        for i, line in enumerate(self._lines):
            if isinstance(line, Row) and line.path == path:
                self._point(i)

    # -- drawing --------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        place = round(self.scroll_y) + y
        if place >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[place]
        if isinstance(line, str):
            content = Content.styled(line, "bold $accent")
        else:
            content = self._row_content(line, place == self._cursor, width)
        content = content.truncate(width, pad=True)
        return Visual.to_strips(self, content, width, 1, self.visual_style)[0]

    def _row_content(self, row: Row, current: bool, width: int) -> Content:
        active = current and self.has_focus
        problem = self._wrong.get(row.path, "")
        label = f"{'  ' * row.depth}{row.label}"
        style = "bold $primary" if active else ("$error" if problem else "$foreground")
        mark = "▌" if current else " "
        value_width = max(width - _LABEL - _HINT - 1, 8)
        hint = "✗ wrong" if problem else _hint(row)
        value = self._value(row, active, value_width)
        parts = Content.assemble(
            (mark, "$primary"), (f"{text.line(label, _LABEL - 1):<{_LABEL}}", style)
        )
        fill = " " * max(value_width - value.cell_length, 0)
        tail = Content.styled(f"{fill}{hint:>{_HINT}}", "$error" if problem else "$muted")
        found = parts.append(value).append(tail)
        return found.stylize_before("on $surface") if current else found

    def _value(self, row: Row, active: bool, width: int) -> Content:
        if row.options:
            explicit = row.switch or formrows.value_at(self._document.values, row.path) is not None
            style = "bold $accent" if explicit else "$foreground"
            style = "bold $text on $primary-muted" if active else style
            return _choice(row.options, formrows.shown(self._document, row), style, width)
        given = formrows.shown(self._document, row)
        if active and row.path != "layers":
            return _edited(self._edit, formrows.placeholder(self._document, row), width)
        if given:
            return Content.styled(text.line(given, width), "$accent")
        return Content.styled(formrows.placeholder(self._document, row)[:width], "$muted 70%")

    def on_focus(self) -> None:
        self._point(self._cursor)

    def on_blur(self) -> None:
        self.commit()
        self.refresh()

    def on_resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._lines))

    # -- keys and clicks ------------------------------------------------------------------------

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Letters belong to the form while it has the focus."""
        return character is not None and character.isprintable()

    def on_key(self, event: events.Key) -> None:
        if self._handle(event):
            event.stop()
            event.prevent_default()

    def _handle(self, event: events.Key) -> bool:
        page = max(self.scrollable_content_region.height - 1, 1)
        moves = {"up": -1, "down": 1, "pageup": -page, "pagedown": page}
        row = self.row
        if event.key in moves:
            self._move(moves[event.key])
        elif event.key == "enter" and not row.options:
            self._move(1)
        elif row.options and event.key in ("left", "right", "space", "enter"):
            self._change(_next(row.options, self._shown, -1 if event.key == "left" else 1))
        elif row.options and event.key in ("backspace", "delete"):
            self._change("")
        elif row.options and event.is_printable:
            self._jump(event.character or "")
        elif row.options:
            return False
        elif event.is_printable and event.character is not None:
            self._edit.insert(event.character)
            self._typed()
        elif self._edit.press(event.key):
            self._typed()
        else:
            return False
        return True

    def _typed(self) -> None:
        """Let the document follow; a field that is empty may only be so for a moment."""
        if self._edit.text.strip():
            self._change(self._edit.text)
        else:
            self.refresh()

    def commit(self) -> None:
        """An empty field means the default: take the key out, with its comment."""
        if not self.row.options and not self._edit.text.strip() and self._shown:
            self._change("")

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        if not self.row.options:
            self._edit.insert(event.text.split("\n")[0])
            self._typed()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        place = round(self.scroll_y) + (offset.y if offset is not None else -1)
        if offset is None or not 0 <= place < len(self._lines):
            return
        line = self._lines[place]
        if not isinstance(line, Row):
            return
        again = place == self._cursor
        self.commit()
        self._point(place)
        if line.options:
            width = max(self.scrollable_content_region.width - _LABEL - _HINT - 1, 8)
            hit = _option_at(line.options, offset.x - _LABEL - 1, width)
            if hit is not None:
                self._change(hit)
            elif again:
                self._change(_next(line.options, self._shown, 1))

    @property
    def _shown(self) -> str:
        return formrows.shown(self._document, self.row)

    def _move(self, by: int) -> None:
        self.commit()
        places = [i for i, line in enumerate(self._lines) if isinstance(line, Row)]
        here = places.index(self._cursor)
        self._point(places[min(max(here + by, 0), len(places) - 1)])

    def _point(self, place: int) -> None:
        self._cursor = place
        value = self._shown
        self._edit = LineEdit(value, len(value))
        above = 1 if place and isinstance(self._lines[place - 1], str) else 0
        self.scroll_to_region(Region(0, place - above, 1, 1 + above), animate=False)
        self.refresh()
        self.post_message(self.Pointed(formrows.help_text(self._document, self.row)))

    def _jump(self, letter: str) -> None:
        """To the next option that begins with a letter."""
        options = self.row.options
        here = options.index(self._shown) if self._shown in options else -1
        for option in options[here + 1 :] + options[: here + 1]:
            if option.startswith(letter.lower()):
                self._change(option)
                return

    def _change(self, value: str) -> None:
        version = self._document.version
        try:
            formrows.change(self._document, self.row, value)
        except ConfigError as error:
            self.notify(text.clean(error), severity="warning", markup=False)
        self.refresh()
        if self._document.version != version:
            self.post_message(self.Edited())


def _lines(document: Document) -> list[Row | str]:
    """The rows with their headings, an empty line before each heading but the first."""
    lines: list[Row | str] = []
    section = ""
    for row in formrows.rows(document):
        if row.section != section:
            section = row.section
            lines += ["", f" {section}"] if lines else [f" {section}"]
        lines.append(row)
    return lines


def _hint(row: Row) -> str:
    return "" if row.options else row.field.range.removeprefix("from ")


def _next(options: tuple[str, ...], value: str, by: int) -> str:
    if value not in options:
        return options[0 if by > 0 else -1]
    return options[(options.index(value) + by) % len(options)]


def _fits(options: tuple[str, ...], width: int) -> bool:
    return sum(len(option) + 2 for option in options) <= width + _HINT


def _choice(options: tuple[str, ...], value: str, chosen: str, width: int) -> Content:
    """All options side by side where there is room, else the chosen one between arrows."""
    known = value in options
    if not _fits(options, width):
        word = f" {text.line(value) or '–'} "
        arrow = "$curve-axis"
        return Content.assemble(("‹", arrow), (word, chosen if known else "$error"), ("›", arrow))
    parts = [(f" {o} ", chosen if o == value else "$muted") for o in options]
    if value and not known:
        parts.append((f" {text.line(value)} ", "$error"))
    return Content.assemble(*parts)


def _option_at(options: tuple[str, ...], x: int, width: int) -> str | None:
    """The option at a column of the value, where they stand side by side."""
    if x < 0 or not _fits(options, width):
        return None
    for option in options:
        x -= len(option) + 2
        if x < 0:
            return option
    return None


def _edited(edit: LineEdit, placeholder: str, width: int) -> Content:
    """The line with its caret, moved along where it is too long."""
    if not edit.text:
        rest = placeholder[: width - 1]
        return Content.assemble((rest[:1] or " ", "reverse"), (rest[1:], "$muted 70%"))
    start = max(0, edit.caret - width + 1)
    visible = text.line(edit.text)[start : start + width - 1] + " "
    caret = edit.caret - start
    return Content.assemble(
        (visible[:caret], "$accent"),
        (visible[caret : caret + 1], "reverse"),
        (visible[caret + 1 :], "$accent"),
    )
