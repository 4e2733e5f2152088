"""Text that is not ours, made safe to show."""

import pytest

from engine.sanitize import literal, printable, visible


def test_what_acts_on_a_terminal_is_marked_and_lines_stay_lines() -> None:
    assert visible("a\x1b[31mb\u202ec\nd é ×") == "a\ufffd[31mb\ufffdc\nd é ×"
    assert visible("a\tb\rc\u2028d\ud800e") == "a\ufffdb\ufffdc\ufffdd\ufffde"


def test_spaces_of_other_scripts_are_spaces() -> None:
    assert visible("1\u00a0000\u3000x") == "1\u00a0000\u3000x"


def test_what_cannot_be_seen_is_dropped() -> None:
    assert printable("a\x1b[31mb\u202ec\nd") == "a[31mbcd"


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [("abcd", 4, "abcd"), ("abcde", 4, "abc…"), ("\x00abcde", 4, "abc…"), ("abcde", None, "abcde")],
)
def test_long_text_is_cut_with_an_ellipsis(text: str, limit: int | None, shown: str) -> None:
    assert printable(text, limit) == shown


def test_a_literal_is_ascii_and_no_longer_than_asked_for() -> None:
    assert literal("é\n") == r"'\xe9\n'"
    assert literal("x" * 58) == repr("x" * 58)
    assert literal("x" * 59) == "'" + "x" * 56 + "..."
    assert len(literal(list(range(100)), 40)) == 40
