"""The titles in a pane's frame."""

from textual.app import App, ComposeResult
from textual.content import Content
from textual.widgets import Static

from tui.widgets.titles import set_titles


class Pane(Static):
    """Counts how often it is asked to be painted."""

    painted = 0

    def refresh(self, *regions: object, **kwargs: object) -> "Pane":
        self.painted += 1
        return self


class OnePane(App[None]):
    def compose(self) -> ComposeResult:
        yield Pane("", markup=False)


async def test_a_pane_is_painted_for_titles_that_differ_and_no_others() -> None:
    app = OnePane()
    async with app.run_test():
        pane = app.query_one(Pane)
        title, subtitle = Content.styled("loss [1]", "$primary"), Content("m metric")
        set_titles(pane, title, subtitle)
        before = pane.painted
        set_titles(pane, title, subtitle)
        set_titles(pane, title)
        assert pane.painted == before
        set_titles(pane, Content("loss [1]"))
        assert pane.painted == before + 1, "without the colour"
        set_titles(pane, subtitle=Content(""))
        assert pane.painted == before + 2
        set_titles(pane, subtitle=Content(""))
        assert pane.painted == before + 2
        assert (pane._border_title, pane._border_subtitle) == (Content("loss [1]"), Content(""))
