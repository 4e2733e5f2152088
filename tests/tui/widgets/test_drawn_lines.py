"""Widgets whose lines are drawn together."""

from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.strip import Strip

from tui.widgets.drawn_lines import DrawnLines


class Words(DrawnLines):
    """A word a line."""

    words = ("one", "two", "three")

    def __init__(self) -> None:
        super().__init__()
        self.rendered: list[int] = []

    def _draw(self, width: int, height: int) -> list[Strip]:
        return [Strip([Segment(word)]) for word in self.words[:height]]

    def render_line(self, y: int) -> Strip:
        self.rendered.append(y)
        return super().render_line(y)


class WordsApp(App[None]):
    """The words alone."""

    def compose(self) -> ComposeResult:
        yield Words()


async def test_of_a_new_drawing_only_lines_that_differ_are_rendered() -> None:
    async with WordsApp().run_test(size=(20, 4)) as pilot:
        words = pilot.app.query_one(Words)
        assert {*words.rendered} == {0, 1, 2, 3}
        words.rendered.clear()
        words.draw_again()
        await pilot.pause()
        assert not words.rendered
        words.words = ("one", "2", "three")
        words.draw_again()
        await pilot.pause()
        assert words.rendered == [1]
        await pilot.resize_terminal(20, 2)
        await pilot.pause()
        assert {*words.rendered} == {0, 1}
