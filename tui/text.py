"""Text from files and file names, made safe to put on a terminal.

Names, messages and config values come from anywhere. They are shown as plain text, never as
markup, and without the characters that move the cursor, change colours or reverse the line.
"""

import math
import unicodedata

from textual.content import Content

STAND_IN = "\N{REPLACEMENT CHARACTER}"


def clean(text: object, limit: int | None = None) -> str:
    """One line or several, without control, escape, bidi or other invisible characters.

    Args:
        text: anything; ``str`` of it is shown. Tabs become spaces, the others ``\ufffd``.
        limit: longer text is cut, with an ellipsis.
    """
    raw = str(text).replace("\r\n", "\n").expandtabs(4)
    if not raw.isprintable():
        raw = "".join(c if c == "\n" or _harmless(c) else STAND_IN for c in raw)
    return raw if limit is None or len(raw) <= limit else raw[: max(limit - 1, 0)] + "…"


def plain(text: object, style: str = "") -> Content:
    """The same as ``Content``: shown as it stands, whatever brackets are in it."""
    return Content.styled(clean(text), style)


def line(text: object, limit: int | None = None) -> str:
    """As ``clean``, in one line."""
    return clean(str(text).replace("\n", " "), limit)


def _harmless(character: str) -> bool:
    # Cc: control and escape; Cf: bidi and zero width; Cs, Co, Cn: not characters; Zl, Zp: breaks.
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def count(number: float) -> str:
    """A size in few characters: 61,706 stays, 11,173,962 is ``11.2 M``."""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(number) >= limit:
            return f"{number / limit:.3g} {unit}"
    return f"{number:,.0f}"


def size(number: float) -> str:
    """Bytes in few characters: ``11.2 MB``."""
    for limit, unit in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if number >= limit:
            return f"{number / limit:.3g} {unit}"
    return f"{number:.0f} B"


def duration(seconds: float) -> str:
    """A time in few characters: ``0.4 s``, ``12 s``, ``3:05``, ``1:02:03``; ``–`` if unknown."""
    if not math.isfinite(seconds) or seconds < 0:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def metric(value: float | None, digits: int = 4) -> str:
    """A metric with a fixed number of digits; ``–`` for None, a word for what is not finite."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if value and not 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}"
    return f"{value:.{digits}f}"
