"""Line ends in files: text has plain ones, files keep theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.line_ends import plain, restored

ENDS = ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1e"]
LINES = st.lists(st.tuples(st.sampled_from(["", "a: 1", "  b: 2", "# ö"]), st.sampled_from(ENDS)))
FILES = st.builds(
    lambda mark, lines, last: mark + "".join(a + b for a, b in lines) + last,
    st.sampled_from(["", "\ufeff"]),
    LINES,
    st.sampled_from(["", "c"]),
)


@given(FILES)
def test_what_is_not_edited_stays_byte_for_byte(raw: str) -> None:
    assert restored(plain(raw), raw) == raw


@given(FILES, st.lists(st.sampled_from(["a: 1", "new", ""])))
def test_whatever_is_made_of_it_the_lines_are_the_text_s(raw: str, lines: list[str]) -> None:
    text = "\n".join(lines)
    assert plain(restored(text, raw)) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\nb\nc\n", "a\r\nb\nc\r\n"),
        ("a\nB\nc\n", "a\r\nB\r\nc\r\n"),
        ("b\nc\n", "b\nc\r\n"),
        ("a\nb\nc\nd\n", "a\r\nb\nc\r\nd\r\n"),
        ("a\nb\nc", "a\r\nb\nc"),
    ],
)
def test_lines_that_are_not_changed_keep_their_end(text: str, written: str) -> None:
    assert restored(text, "a\r\nb\nc\r\n") == written


def test_a_byte_order_mark_stays() -> None:
    assert plain("\ufeffa\n") == "a\n"
    assert restored("b\n", "\ufeffa\n") == "\ufeffb\n"
