"""The README's table of keys, which is the app's own.

    python -m docs.keys

writes it anew, after a change of ``tui/keymap.py``.
"""

import sys
from pathlib import Path

import tui.screens  # noqa: F401, registers the screens and their keys
from tui import keymap

README = Path(__file__).parents[1] / "README.md"
START, END = "<!-- keys -->\n", "<!-- /keys -->"


def table() -> str:
    """The keys of every screen, those of a screen over another behind the other's."""
    return keymap.markdown() + "\n"


def written(readme: str) -> str:
    """A README with the table of today between its marks."""
    before, found, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not (found and end):
        raise SystemExit(f"README.md: expected {START.strip()} and {END} around the table of keys")
    return before + START + table() + END + after


def main() -> None:
    readme = README.read_text(encoding="utf-8")
    README.write_text(written(readme), encoding="utf-8")
    print("README.md is up to date", file=sys.stderr)


if __name__ == "__main__":
    main()
