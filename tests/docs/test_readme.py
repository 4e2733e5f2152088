"""The README shows the app as it is."""

import re

import pytest

from docs import keys, screenshots
from docs.svg import portable
from tui.keymap import KEYS

README = keys.README.read_text(encoding="utf-8")


def test_the_table_of_keys_is_the_apps() -> None:
    assert keys.written(README) == README, "run: python -m docs.keys"
    assert all(f"| {key.description} |" in README for key in KEYS)


def test_a_readme_without_the_marks_is_not_written() -> None:
    with pytest.raises(SystemExit, match="expected <!-- keys -->"):
        keys.written("# cnn-tui\n")


def test_every_picture_is_there_and_shown() -> None:
    shown = set(re.findall(r"\(docs/screenshots/(\w+)\.svg\)", README))
    taken = {path.stem for path in screenshots.TARGET.glob("*.svg")}
    assert shown == taken == {take.__name__.strip("_") for take in screenshots.PICTURES}


TEXT = '<text class="r1" x="24.4" y="67.3" textLength="48.8" clip-path="url(#l)">{}</text>'


def test_dots_and_blocks_are_drawn() -> None:
    # The top dot of the left column, in the second cell of the third line.
    assert portable(TEXT.format("&#160;⠁")) == '<path class="r1" d="M38.4 50.5h3v3h-3z"/>\n'
    block = portable(TEXT.format("▀▀"))
    assert block == '<path class="r1" d="M24.4 48.8h24.6v12.2h-24.6z"/>\n'


def test_words_stay_words_beside_what_is_drawn() -> None:
    assert portable(TEXT.format("a&lt;b")) == TEXT.format("a&lt;b") + "\n"
    mixed = portable(TEXT.format("⠁★▄&lt;"))
    assert mixed.startswith("<path ")
    assert mixed.endswith(TEXT.format("\xa0★\xa0&lt;") + "\n")
    assert "path" not in portable(TEXT.format("⠀⠀"))


def test_no_picture_needs_the_network() -> None:
    for path in screenshots.TARGET.glob("*.svg"):
        svg = path.read_text(encoding="utf-8")
        assert "@font-face" not in svg
        assert not re.search(r"(href|src)=|url\(['\"]?http", svg)
        assert len(svg) < 300_000, path.name
