"""Text from files and from people, made safe to show in a terminal.

Text that is not ours may move the cursor, change colours or reverse the line. ``visible`` puts a
mark in place of such characters, ``printable`` drops them and cuts, ``literal`` escapes them.
"""

import unicodedata

STAND_IN = "\N{REPLACEMENT CHARACTER}"

# Cc: control and escape; Cf: bidi and zero width; Cs, Co, Cn: not characters; Zl, Zp: breaks.
_HARMFUL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def visible(text: str) -> str:
    """Text with ``STAND_IN`` for every control, bidi or invisible character; lines stay lines."""
    if text.isprintable():
        return text
    return "".join(
        STAND_IN if unicodedata.category(character) in _HARMFUL and character != "\n" else character
        for character in text
    )


def printable(text: str, limit: int | None = 60) -> str:
    """Text in one line, without control, bidi and other invisible characters.

    Args:
        text: anything.
        limit: longer text is cut, with an ellipsis; None for no limit.
    """
    if limit is None:
        return "".join(filter(str.isprintable, text))
    clean = "".join(filter(str.isprintable, text[: 4 * limit]))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def literal(value: object, limit: int = 60) -> str:
    """A value as Python writes it, in ASCII, cut to so many characters."""
    text = ascii(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
