"""Text from files and from people, made safe to show in a terminal."""


def printable(text: str, limit: int = 60) -> str:
    """Text from a file, safe to show: no control, bidi or other invisible characters.

    Args:
        text: anything.
        limit: longer text is cut, with an ellipsis.
    """
    clean = "".join(character for character in text[: 4 * limit] if character.isprintable())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def visible(text: str) -> str:
    """Text without control characters, which would act on the terminal; lines stay lines."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
