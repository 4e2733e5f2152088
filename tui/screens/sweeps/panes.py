"""The panes below the trials: curves, parallel coordinates, and which setting matters."""

from collections.abc import Sequence

from rich.segment import Segment
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from tui.charts.parallel import Axis, Trace, parallel
from tui.widgets.chart import Chart
from tui.widgets.styles import ThemedWidget


class TrialChart(Chart):
    """The curves of the best trials and of the chosen one."""

    HELP_TEXT = (
        "The curves of the best trials over epochs, with the number that they have in the list at "
        "the end of each, and of the chosen one ●; ▶ are some that are being trained. Trials that "
        "differ in the seed alone are one curve, their mean, with mean ± standard deviation as "
        "single dots ⠕ around it. m: next metric, y: logarithmic axis, p: next picture, z: zoom."
    )


class ParallelPane(ThemedWidget, can_focus=True):
    """Parallel coordinates of the trials; ``show`` sets them."""

    ALLOW_SELECT = False
    HELP_TEXT = (
        "Parallel coordinates. Every finished trial is a line from left to right: it crosses the "
        "axis of each key where the trial's value is, and the last axis where its result is, the "
        "best one above. The best five carry their number on every axis, the chosen one ●. Look "
        "where the best lines go through the same place: that value is a good one. Where lines "
        "from one value end everywhere, that key does not matter by itself."
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self._axes: Sequence[Axis] = ()
        self._traces: Sequence[Trace] = ()
        self._drawn: tuple[object, ...] = ()
        self._lines: list[Strip] = []

    def show(self, axes: Sequence[Axis], traces: Sequence[Trace]) -> None:
        """Set axes and lines; draw if they differ."""
        if (axes, traces) != (self._axes, self._traces):
            self._axes, self._traces = axes, traces
            self._drawn = ()
            self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._drawn = ()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        key = (self.size, self.app.theme, self.has_focus)
        if key != self._drawn:
            self._drawn = key
            self._lines = self._draw(*self.size)
        if y < len(self._lines):
            return self._lines[y]
        return Strip.blank(self.size.width, self.base)

    def _draw(self, width: int, height: int) -> list[Strip]:
        lines = parallel(self._axes, self._traces, width, height) if self._traces else []
        if not lines:
            words = "no room: z zooms" if self._traces else "no trial is finished yet"
            middle = Strip([Segment(words[:width].center(width), self.style_for("muted"))], width)
            return [*([Strip.blank(width, self.base)] * (height // 2)), middle]
        return [
            Strip([Segment(words, self.style_for(colour)) for words, colour in line], width)
            for line in lines
        ]


class ImportancePane(VerticalScroll):
    """How much each key explains; ``show`` sets it."""

    HELP_TEXT = (
        "Which setting matters: the share of the differences in the metric, over the finished "
        "trials, that each key explains by itself (its main effect in an analysis of variance). A "
        "key with 60% decides most of the result; one with 1% could have been left alone. seed is "
        "chance: what explains less than it is not to be trusted. What is missing to 100% is due "
        "to values that only matter together. With few trials this is a hint, no proof."
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self._shown: Content | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="shares", markup=False)

    def show(self, words: Content) -> None:
        """Set the text."""
        if words != self._shown:
            self._shown = words
            self.query_one("#shares", Static).update(words)


PANES: tuple[type[Widget], ...] = (TrialChart, ParallelPane, ImportancePane)
"""In the order in which the key goes through them."""
