"""What an empty pane says: what belongs there, and the keys that bring it."""

from collections.abc import Sequence

from textual.content import Content

from tui import text


def hints(title: str, words: Sequence[str], keys: Sequence[tuple[str, str]]) -> Content:
    """A title, some lines under it, and a line for each key.

    Args:
        title: in bold; may be empty.
        words: lines in grey; shown as they stand.
        keys: key and what it does.
    """
    lines = [Content.styled(text.clean(title), "bold $foreground"), Content("")] if title else []
    lines += [Content.styled(text.clean(line), "$muted") for line in words]
    lines += [Content("")] if keys else []
    longest = max((len(text.clean(what)) for _, what in keys), default=0)
    width = max((len(key) for key, _ in keys), default=0)
    lines += [
        Content.assemble(
            (f"{key:>{width}}", "bold $accent"),
            (f"  {text.clean(what):<{longest}}", "$foreground"),
        )
        for key, what in keys
    ]
    return Content("\n").join(lines)


def advice(title: str, step: str) -> Content:
    """What happened, and what to do next."""
    parts = [(text.clean(title), "bold")]
    if step:
        parts.append((f"\n→ {text.clean(step)}", "$muted"))
    return Content.assemble(*parts)
