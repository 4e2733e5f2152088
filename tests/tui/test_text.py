import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui import text

HOSTILE = "\x1b[31mred\x1b[0m \u202eesrever [@click=app.quit]link[/] [/ \x07\u200b"


def test_escape_and_bidi_characters_become_a_symbol() -> None:
    shown = text.clean(HOSTILE)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\x07" not in shown
    assert "[@click=app.quit]link[/] [/" in shown


@given(st.text())
def test_what_is_shown_is_printable(raw: str) -> None:
    assert all(c.isprintable() or c == "\n" or c.isspace() for c in text.clean(raw))
    assert "\n" not in text.line(raw)


def test_markup_is_shown_as_it_stands() -> None:
    assert text.plain("[bold]x[/bold] [/").plain == "[bold]x[/bold] [/"


def test_text_is_cut_by_the_cells_that_it_takes() -> None:
    assert text.cut("abcdef", 6) == "abcdef"
    assert text.cut("abcdefg", 6) == "abcde…"
    assert text.cell_len(text.cut("猫科动物", 6)) == 6
    assert [text.cut("ab", width) for width in (2, 1, 0)] == ["ab", "…", ""]


def test_of_texts_that_share_a_room_the_longest_is_cut_first() -> None:
    assert text.cut_all(["a" * 30, "b"], 20) == ["a" * 18 + "…", "b"]
    assert text.cut_all(["a" * 30, "b" * 12], 24) == ["a" * 11 + "…", "b" * 12]
    assert text.cut_all(["a" * 30, "b" * 12], 3) == ["aaaaa…", "bbbbb…"]
    assert text.cut_all([], 3) == []


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert text.clean("abcdef", 4) == "abc…"
    assert text.clean("abcd", 4) == "abcd"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.44, "0.4 s"), (12.3, "12 s"), (185, "3:05"), (3723, "1:02:03"), (math.nan, "–")],
)
def test_durations(seconds: float, words: str) -> None:
    assert text.duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (math.nan, "nan"), (math.inf, "inf"), (0.98254, "0.9825"), (1e-5, "1e-5")],
)
def test_metrics(value: float | None, words: str) -> None:
    assert text.metric(value) == words


def test_counts_and_sizes() -> None:
    assert text.count(61_706) == "61,706"
    assert text.count(11_173_962) == "11.2 M"
    assert text.size(9_912_422) == "9.45 MB"
    assert text.size(12) == "12 B"
