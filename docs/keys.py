"""The table of keys in ``docs/keys.md``, which is the app's own.

    python -m docs.keys

writes it anew, after a change of ``tui/keymap.py``.
"""

import sys
from pathlib import Path

import tui.screens  # noqa: F401, registers the screens and their keys
from tui import keymap

PAGE = Path(__file__).with_name("keys.md")
START, END = "<!-- keys -->\n", "<!-- /keys -->"


def table() -> str:
    """The keys of every screen, those of a screen over another behind the other's."""
    return keymap.markdown() + "\n"


def written(page: str) -> str:
    """The page with today's table between its marks."""
    before, found, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not (found and end):
        raise SystemExit(
            f"docs/keys.md: expected {START.strip()} and {END} around the table of keys"
        )
    return before + START + table() + END + after


def main() -> None:
    """Write the page."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print("docs/keys.md is up to date", file=sys.stderr)


if __name__ == "__main__":
    main()
