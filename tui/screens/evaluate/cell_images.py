"""The images of one cell of the confusion matrix."""

import numpy as np
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from engine.services.evaluation.evaluate import Measurement
from tui.charts.layer_images import as_pictures
from tui.widgets.tiles import Tiles

MOST = 200
"""Images of a cell that are shown at most."""


class CellImages(Tiles):
    """The images of the chosen cell."""

    HELP_TEXT = (
        "The test images of the chosen cell of the matrix, each with its number in the test set. "
        "enter, or i, shows what the layers of the network make of the chosen one, u how they get "
        "their numbers, and y which of its pixels speak for the class. "
        "z shows them alone, esc goes back to the matrix."
    )


class CellPane(Vertical):
    """The images, and how many there are."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self._indices: list[int] = []

    def compose(self) -> ComposeResult:
        yield CellImages(id="images")

    @property
    def index(self) -> int | None:
        """The number of the chosen image in the test set."""
        return self._indices[self.query_one(CellImages).cursor] if self._indices else None

    def show(self, found: Measurement, row: int, column: int, words: str) -> None:
        """Set the images of class ``row`` predicted as ``column``, and the title."""
        result = found.result
        chosen = np.flatnonzero((result.labels == row) & (result.predictions == column))
        self._indices = chosen[:MOST].tolist()
        tiles = self.query_one(CellImages)
        tiles.empty = "no such image"
        tiles.cursor = 0
        pictures = as_pictures(found.test.images[self._indices])
        tiles.show(pictures, [f"#{index}" for index in self._indices], None)
        self.border_title = Content(words)
        count = f"the first {MOST} of {len(chosen)}" if len(chosen) > MOST else f"{len(chosen)}"
        images = "image" if len(chosen) == 1 else "images"
        how = "   i inside, u numbers, y why" if len(chosen) else ""
        self.border_subtitle = Content(f"{count} {images}{how}")
