"""The table: how wide its columns are, and where its cursor stays."""

from textual.app import App, ComposeResult

from tui.widgets.table import Column, Table, lay_out

COLUMNS = (
    Column("layer", flexible=True, least=6),
    Column("size", right=True, rank=2),
    Column("extra", rank=3),
    Column("word", least=9),
)


def test_where_there_is_room_every_column_has_its_own_width() -> None:
    assert lay_out(COLUMNS, [20, 5, 5, 9], 80) == [20, 5, 5, 9]


def test_the_flexible_column_gives_before_columns_are_left_out() -> None:
    assert lay_out(COLUMNS, [20, 5, 5, 9], 35) == [10, 5, 5, 9]


def test_columns_of_the_highest_rank_go_first_and_those_of_none_stay() -> None:
    assert lay_out(COLUMNS, [20, 5, 5, 9], 30) == [12, 5, -1, 9]
    assert lay_out(COLUMNS, [20, 5, 5, 9], 20) == [9, -1, -1, 9]
    assert lay_out(COLUMNS, [20, 5, 5, 9], 3) == [6, -1, -1, 9]


def test_flexible_columns_share_what_is_missing() -> None:
    two = (Column("true", flexible=True, least=4), Column("predicted", flexible=True, least=4))
    assert lay_out(two, [40, 40], 42) == [20, 20]
    assert lay_out(two, [8, 40], 42) == [8, 32], "the short one is not cut"
    assert lay_out(two, [8, 40], 3) == [4, 4]


class TableApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, str | None]] = []

    def compose(self) -> ComposeResult:
        yield Table(COLUMNS)

    def on_table_moved(self, event: Table.Moved) -> None:
        self.heard.append(("moved", event.table.key))

    def on_table_chosen(self, event: Table.Chosen) -> None:
        self.heard.append(("chosen", event.table.key))

    def fill(self, *keys: str) -> Table:
        table = self.query_one(Table)
        blank = ("", "")
        table.show([((f"[b]{key}[/b]", "bold error"), blank, blank, blank) for key in keys], keys)
        return table


async def test_the_cursor_stays_on_its_row_whatever_comes_before_it() -> None:
    app = TableApp()
    async with app.run_test(size=(40, 10)) as pilot:
        table = app.fill("a", "b", "c")
        await pilot.press("down")
        assert table.key == "b"
        app.fill("z", "a", "b")
        assert table.key == "b"
        app.fill("z")
        assert table.key == "z"
        app.fill()
        assert table.key is None
        await pilot.press("down", "enter")
        assert table.key is None


async def test_it_is_walked_through_with_keys_and_scrolls_along() -> None:
    app = TableApp()
    async with app.run_test(size=(40, 10)) as pilot:
        table = app.fill(*(str(i) for i in range(50)))
        await pilot.press("j", "j", "k", "enter")
        assert table.key == "1"
        assert app.heard[-1] == ("chosen", "1")
        await pilot.press("end")
        assert table.key == "49"
        await pilot.pause()
        text = [strip.text for strip in (table.render_line(y) for y in range(10))]
        assert any("▸[b]49[/b]" in line for line in text), "markup is shown as it stands"
        assert text[0].strip().startswith("layer"), "the first line never scrolls away"
        await pilot.press("home")
        assert table.key == "0"
        assert table.scroll_offset.y == 0


async def test_a_click_moves_and_a_second_one_chooses() -> None:
    app = TableApp()
    async with app.run_test(size=(40, 10)) as pilot:
        table = app.fill("a", "b", "c")
        await pilot.click(Table, offset=(3, 2))
        assert table.key == "b"
        assert ("chosen", "b") not in app.heard
        await pilot.click(Table, offset=(3, 2))
        assert ("chosen", "b") in app.heard
        await pilot.click(Table, offset=(3, 8))
        assert table.key == "b", "there is no row there"
