"""Tables of text."""

from engine.text_table import table


def test_tables_are_aligned() -> None:
    text = table(("name", "n"), [("a", "1"), ("long", "1000")], "lr")
    assert text.splitlines() == ["name     n", "a        1", "long  1000"]
    assert table(("name", "n"), []) == "name  n"
