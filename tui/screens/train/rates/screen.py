"""Learning rate: a short training of the open config whose rate grows, and what it suggests."""

import math
from typing import ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from engine.config import Config
from engine.errors import ConfigError
from engine.services.rate_finder import KEY, RateFinding, find_rate
from engine.workbench import RatePoint, RateRange, Reading, read
from tui import keymap, text
from tui.jobs import Job
from tui.screens.base import BaseScreen
from tui.state.document import ConfigDocument
from tui.widgets.chart import Chart, Marker, Picture, Series
from tui.widgets.line import Line, TextPart
from tui.widgets.run_bar import meter


class RateChart(Chart):
    """The loss over the learning rate."""

    HELP_TEXT = (
        "From left to right the learning rate grows, by the same factor with every batch, so that "
        "each step of the axis is a power of ten. At the left it is too small to change anything; "
        "then the loss falls; at the right the steps are too large, and it rises: the network "
        "diverges. The line is the smoothed loss, the grey cloud ⠿ behind it the single batches; "
        "what is far above the beginning is drawn at the upper edge. ▲ at the lower edge is the "
        "suggestion, ● its place on the line, ✗ where the numbers were not finite any more."
    )


class RatesScreen(BaseScreen):
    """The learning rate finder on the open config."""

    WHERE = "rates"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    FIRST_FOCUS = "#curve"
    HELP_TEXT: ClassVar[str] = (
        "Which learning rate suits this config? A copy with fresh weights is trained on a hundred "
        "of its batches while the rate grows from one millionth to ten. A tenth of the rate of the "
        "lowest loss is suggested: that rate itself is close to diverging. No run is made, and no "
        "file is touched; w writes the suggestion into the open config, where u undoes it. "
        "'cnn-tui lr-find' does the same with any range."
    )

    def __init__(self) -> None:
        super().__init__()
        self.rates = RateRange()
        self.points: list[RatePoint] = []
        self.found: RateFinding | None = None
        self.error = ""
        self._config: Config | None = None
        self._document: ConfigDocument | None = None
        self._job: Job | None = None
        self._seen: object = None

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        yield RateChart(id="curve")
        yield Static(id="words", markup=False)
        yield Line(id="said")

    def on_mount(self) -> None:
        super().on_mount()
        self.action_again()

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None

    # -- drawing --------------------------------------------------------------------------------

    def tick(self) -> None:
        if self.cnn.training.running:
            self._make_way()
            return
        self._show_subject()
        self._say()
        points = list(self.points)
        seen = (self._config, len(points), self.found, self.error)
        if seen != self._seen:
            self._seen = seen
            self._draw(points)
            words = "\n".join(self.found.sentences()) if self.found else self._waiting()
            self.query_one("#words", Static).update(Content.styled(words, "$foreground"))

    def _make_way(self) -> None:
        """Give a training that began on another screen its cores, and its place."""
        self._cancel()
        if self.app.screen is self:
            self.dismiss(None)

    def _waiting(self) -> str:
        if self.error:
            return ""
        return (
            "A copy with fresh weights trains on the config's own batches, while the learning "
            "rate grows."
        )

    def _show_subject(self) -> None:
        config, document = self._config, self._document
        if config is None or document is None:
            return
        train, lr = config.train, (document.config or config).train.lr
        self.query_one("#subject", Line).show(
            (
                TextPart(" config ", "$muted"),
                TextPart(f" {text.line(config.name, 24)}  ", "bold"),
                TextPart(f"{train.optimizer}, batches of {train.batch_size:,}", "$muted"),
            ),
            (TextPart(f"{KEY} {text.significant(lr)} ", "$muted"),),
        )

    def _say(self) -> None:
        self.query_one("#said", Line).show(tuple(TextPart(*part) for part in self._said()))

    def _said(self) -> list[tuple[str, str]]:
        """What is under way, or can be done next."""
        job = self._job
        if job is not None:
            if not self.points:
                label = text.line(job.label, 40) or "loading"
                return [(f" {label} ...", "$muted")]
            share = len(self.points) / self.rates.steps
            last = self.points[-1]
            return [
                (" ", ""),
                *meter(share, max(min(self.size.width - 44, 40), 8)),
                (f" batch {len(self.points)}/{self.rates.steps}", "$foreground"),
                (f"  lr {text.significant(last.lr, 2)}", "$muted"),
                (f"  loss {text.metric(last.loss)}", "$muted"),
            ]
        if self.error:
            return [(f" ✗ {text.line(self.error)}", "$error")]
        found, document = self.found, self._document
        if found is None or found.suggestion is None or document is None:
            return [(" r", "bold $accent"), (" starts over", "")]
        if document.config is not None and document.config.train.lr == found.suggestion:
            rest = ", unsaved; 1: w saves, u undoes" if document.dirty else ""
            return [(f" ✓ the config has {found.override}{rest}", "$success")]
        name = text.line(document.name, 24)
        return [(" w", "bold $accent"), (f" writes {found.override} into {name}", "")]

    def _draw(self, points: list[RatePoint]) -> None:
        chart = self.query_one(RateChart)
        reading = self.found.reading if self.found else read(points, self.rates)
        chart.show(picture(points, self.rates, reading, self.found))
        title = [("loss over learning rate", ""), ("  ─ smoothed", "$curve-train")]
        chart.titles(
            Content.assemble(*title, ("  ⠿ batches", "$curve-train-dim")),
            Content.styled(self._suggestion(), "$curve-val"),
        )

    def _suggestion(self) -> str:
        if self.found is None:
            return ""
        rate = self.found.suggestion
        return "no suggestion" if rate is None else f"▲ {text.significant(rate)} is suggested"

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if action == "again" and self._job is not None:
            return "the sweep is under way; esc stops it"
        if action == "again" and self.cnn.workspace.document.config is None:
            return "the config has errors; 1 shows them"
        if action == "write":
            return self._why_not_written()
        return None

    def _why_not_written(self) -> str | None:
        found, config = self.found, self.cnn.workspace.document.config
        if self._job is not None:
            return "the sweep is under way; wait for its end"
        if found is None or found.suggestion is None:
            return "there is nothing to write; r starts over"
        if config is None:
            return "the config has errors; 1 shows them"
        if self.cnn.workspace.document is not self._document:
            return "another config is open now; r sweeps that one"
        if config.train.lr == found.suggestion:
            return f"{KEY} is {text.significant(found.suggestion)} already"
        return None

    def action_again(self) -> None:
        """Sweep the open config from the beginning."""
        document, rates, points = self.cnn.workspace.document, self.rates, list[RatePoint]()
        config = document.config
        if config is None:
            self.error = "the config has errors; 1 shows them"
            return
        self._document, self._config, self.points = document, config, points
        self.found, self.error = None, ""

        def work(job: Job) -> RateFinding:
            return find_rate(
                config,
                rates,
                progress=job.report,
                cancelled=lambda: job.cancelled,
                on_point=points.append,
            )

        self._job = self.cnn.start_job(
            work, on_done=self._done, on_error=self._failed, name="rates"
        )
        self._refresh()

    def _done(self, found: RateFinding) -> None:
        self._job, self.found = None, found
        self._refresh()

    def _failed(self, error: Exception) -> None:
        self._job, self.error = None, str(error) or type(error).__name__
        self._refresh()

    def _refresh(self) -> None:
        self.refresh_bindings()
        self.refresh_tick()

    def action_write(self) -> None:
        """Write the suggestion into the open config."""
        assert self.found is not None
        document = self.cnn.workspace.document
        document.end_edit()  # what was typed before is a change of its own
        try:
            document.set(KEY, self.found.suggestion)
        except ConfigError as error:
            self.cnn.show_message(str(error), "set it by hand: keys 1, e", severity="error")
            return
        self._refresh()

    def action_leave(self) -> None:
        """Stop the sweep, and go back."""
        self._cancel()
        self.dismiss(None)


def picture(
    points: list[RatePoint],
    rates: RateRange,
    reading: Reading | None,
    found: RateFinding | None,
) -> Picture:
    """The curve of a sweep.

    Args:
        points: so far.
        rates: of the sweep.
        reading: of these points, for the upper edge; None for too few.
        found: what follows from them, once they are complete.
    """
    ceiling = reading.ceiling if reading is not None else math.inf
    x = np.array([_place(point.lr, rates) for point in points])
    raw = np.minimum([point.loss for point in points], ceiling)
    smoothed = np.minimum([point.smoothed for point in points], ceiling)
    series = (
        Series("batches", "curve-train-dim", x, raw, backdrop=True),
        Series("smoothed", "curve-train", x, smoothed),
    )
    marks = []
    if found is not None and found.suggestion is not None:
        at = _place(found.suggestion, rates)
        marks.append(Marker("▲", "curve-val", at, -math.inf))
        marks.append(Marker("●", "curve-val", at, float(np.interp(at, x, smoothed))))
    if found is not None and found.end == "not finite":
        marks.append(Marker("✗", "error", _place(found.last_lr, rates), math.inf))
    return Picture(
        series if len(points) > 1 else (),
        tuple(marks),
        x_end=_place(rates.high, rates),
        x_from=rates.low,
        empty="no batch yet",
    )


def _place(rate: float, rates: RateRange) -> float:
    """Powers of ten above the first rate."""
    return math.log10(rate / rates.low)
