"""The one place where the command line opens the app."""

import os
import sys
from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from tui.lessons import Lesson


def why_not() -> str:
    """Why the app cannot be opened here, with what to do instead; empty if it can."""
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        return "the app needs a terminal; without one, train with: cnn-tui --no-ui"
    kind = os.environ.get("TERM", "")
    if os.name != "nt" and kind in ("", "dumb", "unknown"):
        return (
            f"the app cannot draw on this terminal (TERM is {kind or 'not set'}); "
            "train with: cnn-tui --no-ui"
        )
    return ""


def open_app(
    config: "Path | None", overrides: Sequence[str] = (), lesson: "Lesson | None" = None
) -> int:
    """Open the app, and return its exit code once it is left."""
    from tui.launch import launch

    return launch(config, overrides, lesson)
