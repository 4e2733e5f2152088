"""Mistakes: the test images with the largest loss, or the most confident wrong predictions."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from engine.services.evaluation.evaluate import ORDERS, Measurement, Order, worst_images
from tui import keymap, text
from tui.charts.layer_images import as_pictures
from tui.screens.evaluate.measuring import measured
from tui.screens.inspect.glossary import explained
from tui.screens.inspect.image_screen import ImageScreen
from tui.screens.inspect.images import ShownImage
from tui.screens.network_screen import run_parts
from tui.screens.newest import NewestScreen
from tui.screens.work_screen import WorkScreen
from tui.state.selection import Selection
from tui.widgets.line import Line, TextPart
from tui.widgets.table import Cell, Column, Table
from tui.widgets.tiles import Tiles

MOST = 500
"""Images that are listed at most."""

_TITLES: dict[Order, str] = {
    "loss": "largest loss first",
    "confidence": "wrong, the most confident first",
}
_COLUMNS = (
    Column("image", right=True, rank=2),
    Column("true", flexible=True, least=4),
    Column("predicted", flexible=True, least=6),
    Column("sure", right=True, rank=1),
    Column("loss", right=True),
)


class WorstImages(Table):
    """The images that a network does worst on."""

    HELP_TEXT = (
        "A line for every image, the worst first. sure: the probability that the network gives to "
        "the class it predicts, right or wrong. loss: how far it is from the true class; it is "
        "large where that class got little probability. By loss the list has all images, and ✓ "
        "marks those that are right; by confidence, the wrong ones alone: a sure mistake may be a "
        "wrong label, or an image that even people would mistake. s switches between both."
    )


class WorstImage(Tiles, can_focus=False):
    """The image of the cursor."""

    CHOOSES = False


class MistakesScreen(ImageScreen, WorkScreen, NewestScreen):
    """The list at the left, the image of the cursor at the right.

    Args:
        selection: the network that was evaluated.
        found: what came of it.
    """

    WHERE = "mistakes"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    FIRST_FOCUS = "#worst"
    HELP_TEXT: ClassVar[str] = (
        "The images of the test set that the network does worst on, one by one. Three keys lead on "
        "from each: to what its layers make of it, to the arithmetic, and to the reasons. "
    ) + explained("loss", "logit")

    def __init__(self, selection: Selection, found: Measurement) -> None:
        super().__init__()
        self._selection, self._found = selection, found
        self._order: Order = "loss"
        self._names = tuple(text.line(name) for name in found.classes)

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        with Horizontal(id="body"):
            yield WorstImages(_COLUMNS, id="worst", classes="pane")
            yield WorstImage(id="image", classes="pane")
        yield Static(id="words", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self._list()

    @property
    def index(self) -> int | None:
        """The number of the chosen image in the test set; None if the list is empty."""
        key = self.query_one(WorstImages).key
        return None if key is None else int(key)

    def image(self) -> ShownImage | None:
        index = self.index
        return None if index is None else ShownImage(self._selection, self._found.test, index)

    @property
    def asked(self) -> tuple[Selection, ...]:
        return (self._selection,)

    def use(self, networks: tuple[Selection, ...]) -> None:
        (selection,) = networks

        def then(found: Measurement) -> None:
            self._selection, self._found = selection, found
            self._list()

        self.start("", lambda job: measured(job, selection), then)

    # -- drawing --------------------------------------------------------------------------------

    def tick(self) -> None:
        selection = self._selection
        if self.job is not None:
            right: tuple[TextPart, ...] = (TextPart(f"{self.progress_words()} ", "$muted"),)
        elif self.problem:
            right = (TextPart(f"✗ {text.line(self.problem, 60)} ", "$error"),)
        else:
            right = self.newest_parts(selection)
        room = self.size.width - sum(len(part.text) for part in right)
        left = run_parts(selection.name, selection.what, room)
        self.query_one("#subject", Line).show(left, right)

    def _list(self) -> None:
        """Fill the list in the order of now."""
        table, images = (
            self.query_one(WorstImages),
            worst_images(self._found.result, self._order, MOST),
        )
        table.empty = "no mistakes"
        table.show([self._row(index) for index in images], [str(index) for index in images])
        table.border_title = Content(_TITLES[self._order])
        wrong = int((self._found.result.predictions != self._found.result.labels).sum())
        table.border_subtitle = Content(
            f"{wrong:,} of {len(self._found.result.labels):,} are wrong"
        )
        self._show_image()

    def _row(self, index: int) -> tuple[Cell, ...]:
        result = self._found.result
        label, predicted = int(result.labels[index]), int(result.predictions[index])
        right = label == predicted
        name = self._names[predicted] if predicted >= 0 else "nothing"
        return (
            (f"#{index}", "muted"),
            (self._names[label], "foreground"),
            (f"{'✓' if right else '✗'} {name}", "foreground" if right else "warning"),
            (text.metric(float(result.confidences[index]), 3), "foreground"),
            (text.metric(float(result.losses[index])), "foreground"),
        )

    def _show_image(self) -> None:
        index, pane = self.index, self.query_one(WorstImage)
        chosen = [] if index is None else [index]
        pane.show(as_pictures(self._found.test.images[chosen]), [""] * len(chosen), None)
        pane.border_title = Content("" if index is None else f"image #{index}")
        words = self.query_one("#words", Static)
        if index is None:
            words.update(Content.styled("Every image is predicted right.", "$muted"))
            return
        result = self._found.result
        predicted = int(result.predictions[index])
        name = self._names[predicted] if predicted >= 0 else "nothing: its numbers are NaN"
        words.update(
            Content.assemble(
                (f"{text.cut(self._names[int(result.labels[index])], 20)}", "bold"),
                (f", predicted as {text.cut(name, 28)}", "$foreground"),
                ("   i", "bold $accent"),
                (" inside  ", "$muted"),
                ("u", "bold $accent"),
                (" numbers  ", "$muted"),
                ("y", "bold $accent"),
                (" why", "$muted"),
            )
        )

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if action == "newest" and self.job is not None:
            return "the newest weights are being evaluated"
        none = "there is no mistake in the list; s lists by loss"
        return self.refuse_image(action, none) or self.refuse_newest(action)

    def key_label(self, key: keymap.Key) -> str:
        if key.action == "order":
            return "by loss" if self._order == "confidence" else "by confidence"
        return key.label

    def action_order(self) -> None:
        """The other order, from its first image."""
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._list()
        self.query_one(WorstImages).action_move(-MOST)
        self.refresh_bindings()

    def action_leave(self) -> None:
        """Back to the evaluation."""
        self.dismiss(None)

    def on_table_moved(self, event: Table.Moved) -> None:
        self._show_image()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        self.action_inspect()
