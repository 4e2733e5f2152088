"""Tables of text."""

from engine.text_table import table


def test_tables_are_aligned() -> None:
    text = table(("name", "n"), [("a", "1"), ("long", "1000")], "lr")
    assert text.splitlines() == ["name     n", "a        1", "long  1000"]
    assert table(("name", "n"), []) == "name  n"


def test_texts_may_be_wider_than_their_characters() -> None:
    text = table(("", "n"), [("猫", "1"), ("dog", "2")], "lr", lambda text: len(text.encode("gbk")))
    assert text.splitlines() == ["     n", "猫   1", "dog  2"]
