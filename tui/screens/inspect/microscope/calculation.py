"""The pane of an arithmetic: lines that one can follow, and that scroll."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from tui import text
from tui.widgets.words import Words

_WIDEST = 76
"""Columns of a line of the arithmetic: the number at its end belongs to the words at its start."""

_NARROWEST = 30


class Calculation(VerticalScroll):
    """The arithmetic, from products to the number."""

    HELP_TEXT = (
        "How the network got the chosen number, in steps that a pocket calculator can follow. A "
        "convolution multiplies a patch of its input with its weights, number by number, and adds "
        "up all products of all input channels, and a bias. [ and ] choose the input channel "
        "whose products are shown; at first it is the one that weighs most. Numbers are rounded "
        "for the screen, the sums are not. At the end is what the steps add up to, beside what "
        "the network itself computed: both agree but for rounding. g shows the gradient instead: "
        "how the loss would change if this number grew, added up over all numbers of the next "
        "layer that are made from it: dy is the gradient at such a number, and the slope how much "
        "it grows with this one. The arrows scroll."
    )

    DEFAULT_CSS = "Calculation > Words { width: 1fr; height: auto; }"

    def compose(self) -> ComposeResult:
        yield Words()

    @property
    def line_width(self) -> int:
        """Columns of a line; one is left for the scroll bar, whether it is there or not."""
        return min(max(self.size.width - 1, _NARROWEST), _WIDEST)

    def show(self, lines: Sequence[Content]) -> None:
        """Set the lines."""
        self.query_one(Words).show(Content("\n").join(lines))

    def say(self, words: str) -> None:
        """Say why there are none."""
        self.show([Content.styled(text.clean(words), "$muted")])

    def scroll_pages(self, pages: int) -> None:
        """Scroll by what is seen, but for a line."""
        self.scroll_relative(y=pages * max(self.size.height - 1, 1), animate=False)
