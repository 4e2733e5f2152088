"""Text for empty panes and verdicts: what belongs there, and what to do."""

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


def advice(title: str, step: str, *, reason: str = "", gap: str = "\n") -> Content:
    """An outcome, and what to do next.

    Args:
        title: in bold.
        step: what to do; may be empty.
        reason: after the title; may be empty.
        gap: between these and the step.
    """
    parts = [(text.clean(title), "bold")]
    if reason:
        parts.append((f" {text.clean(reason)}", "$foreground"))
    if step:
        parts.append((f"{gap}→ {text.clean(step)}", "$muted"))
    return Content.assemble(*parts)
