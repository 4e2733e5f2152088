"""Text from files and file names, made safe to put on a terminal.

Names, messages and config values come from anywhere. They are shown as plain text, never as
markup, and without the characters that move the cursor, change colours or reverse the line.
"""

from collections.abc import Sequence

from rich.cells import cell_len, chop_cells, set_cell_size
from textual.content import Content

from engine.numbers import (
    count,
    duration,
    exponent,
    metric,
    percent,
    short,
    significant,
    size,
)
from engine.sanitize import visible

__all__ = [
    "cell_len",
    "clean",
    "count",
    "cut",
    "cut_all",
    "duration",
    "exponent",
    "line",
    "metric",
    "percent",
    "plain",
    "short",
    "significant",
    "size",
    "wrapped",
]


def clean(text: object, limit: int | None = None) -> str:
    """One line or several, without control, escape, bidi or other invisible characters.

    Args:
        text: anything; ``str`` of it is shown. Tabs become spaces, the others ``\ufffd``.
        limit: longer text is cut, with an ellipsis.
    """
    raw = visible(str(text).replace("\r\n", "\n").expandtabs(4))
    return raw if limit is None or len(raw) <= limit else raw[: max(limit - 1, 0)] + "…"


def plain(text: object, style: str = "") -> Content:
    """The same as ``Content``: shown as it stands, whatever brackets are in it."""
    return Content.styled(clean(text), style)


def line(text: object, limit: int | None = None) -> str:
    """As ``clean``, in one line."""
    return clean(str(text).replace("\n", " "), limit)


def cut(text: str, width: int) -> str:
    """As much of a text as goes into so many cells, with an ellipsis if that is not all."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1) + "…" if width > 0 else ""


def cut_all(texts: Sequence[str], room: int) -> list[str]:
    """Texts that share so many cells: the longest are cut first, and none below 6."""
    widths = [cell_len(text) for text in texts]
    while sum(widths) > room and max(widths, default=0) > 6:
        widths[widths.index(max(widths))] -= 1
    return [cut(text, width) for text, width in zip(texts, widths, strict=True)]


def wrapped(text: object, width: int) -> list[str]:
    """The words of a text in lines of so many cells; a word that is wider is parted."""
    lines = [""]
    for word in line(text).split():
        for piece in chop_cells(word, max(width, 1)):
            gap = " " if lines[-1] else ""
            if cell_len(lines[-1] + gap + piece) > width and lines[-1]:
                lines.append(piece)
            else:
                lines[-1] += gap + piece
    return lines
