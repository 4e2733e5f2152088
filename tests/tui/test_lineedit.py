import pytest

from tui.lineedit import LineEdit


@pytest.mark.parametrize(
    ("keys", "text", "caret"),
    [
        (["left", "left"], "0.05", 2),
        (["home", "right"], "0.05", 1),
        (["backspace"], "0.0", 3),
        (["home", "delete"], ".05", 0),
        (["left", "ctrl+u"], "5", 0),
        (["home", "right", "ctrl+k"], "0", 1),
        (["home", "left", "backspace"], "0.05", 0),
        (["right", "delete"], "0.05", 4),
    ],
)
def test_editing_keys(keys: list[str], text: str, caret: int) -> None:
    edit = LineEdit("0.05", 4)
    for key in keys:
        assert edit.press(key)
    assert (edit.text, edit.caret) == (text, caret)


def test_insert_is_at_the_caret_and_in_one_line() -> None:
    edit = LineEdit("ad", 1)
    edit.insert("b\n\x1bc")
    assert (edit.text, edit.caret) == ("abcd", 3)


def test_a_word_is_cut() -> None:
    edit = LineEdit("runs and more", 8)
    edit.press("ctrl+w")
    assert edit.text == "runs more"


def test_other_keys_are_not_its_business() -> None:
    assert not LineEdit("x", 1).press("f2")
