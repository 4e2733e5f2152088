"""Train: curves, progress and controls."""

import time
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from tui import keymap, text
from tui.charts.figure import Picture
from tui.messages import TrainingView
from tui.screens.resume_prompt import resume_newest
from tui.screens.train import curves
from tui.screens.train.curves import Points
from tui.screens.train.event_log import EventLog
from tui.screens.train.hints.screen import HintsScreen
from tui.screens.train.rates.screen import RatesScreen
from tui.screens.zoom_screen import ZoomScreen
from tui.state.training import LR_FACTOR
from tui.widgets.chart import Chart
from tui.widgets.empty import advice
from tui.widgets.run_bar import RunBar


class LossChart(Chart):
    """The loss."""

    HELP_TEXT = (
        "The loss measures how wrong the network is: 0 means certain and right on every image. "
        "The line is the training loss, smoothed (m); the grey cloud ⠿ behind it shows the single "
        "batches. • is the validation loss after each epoch, ★ its best, ▴ a change of the "
        "learning rate, ✗ where training diverged. ⠕ single dots are the validation loss of the "
        "seeds that finished before, mean ± standard deviation (of the sample, n − 1). Validation "
        "loss that rises while training loss falls is overfitting. y makes the axis logarithmic."
    )


class AccChart(Chart):
    """The accuracy."""

    pause = 0.6
    HELP_TEXT = (
        "The share of images that are classified correctly: in training, smoothed, with the "
        "single batches as a grey cloud ⠿ behind it, and • in validation. ★ is the best epoch."
    )


class LrChart(Chart):
    """The learning rate."""

    pause = 1.0
    HELP_TEXT = (
        "The learning rate of every batch: the schedule, scaled by your + and -. "
        "▲ marks a change by hand."
    )


class TrainScreen(ZoomScreen):
    """The run that is being trained, or was last."""

    WHERE = "train"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    HELP_TEXT: ClassVar[str] = (
        "Watch a network learn, and adjust it while it does. Training continues in the "
        "background, whichever screen is shown."
    )

    def __init__(self) -> None:
        super().__init__()
        self.smoothing = "light"
        self.log_axes: set[str] = set()
        self._said = Content("")
        self._seen: object = None
        self._curves: list[Chart] = []
        self._stale: set[Chart] = set()
        self._due: dict[Chart, float] = {}
        self._hints = 0

    def compose_body(self) -> ComposeResult:
        yield RunBar(id="runbar")
        yield Static(id="banner", markup=False)
        yield Static(id="nothing", classes="empty", markup=False)
        with Vertical(id="body"):
            with Horizontal(classes="top"):
                yield LossChart(id="loss")
                yield AccChart(id="acc")
            with Horizontal(classes="bottom"):
                yield LrChart(id="lr")
                yield EventLog(id="events")

    def on_mount(self) -> None:
        self._curves = list(self.query(Chart))

    # -- drawing --------------------------------------------------------------------------------

    def tick(self) -> None:
        training = self.cnn.training
        view = training.view()
        self.set_class(training.session is None, "-idle")
        if training.session is None:
            self._say_how_to_start()
            return
        self.query_one(RunBar).show(training, view)
        self.query_one(EventLog).show(training.entries)
        self._show_banner(view)
        if len(training.hints) != self._hints:
            self._hints = len(training.hints)
            self.refresh_bindings()  # the key bar has their number
        self._draw_curves()

    def _say_how_to_start(self) -> None:
        document = self.cnn.workspace.document
        lines = (
            f"trains {text.line(document.name)}",
            "finds a learning rate for it",
            "chooses another config",
            "opens a lesson",
        )
        width = max(map(len, lines))
        words = Content.assemble(
            ("Nothing is training yet.\n\n", "$muted"),
            ("r", "bold $accent"),
            (f"  {lines[0]:<{width}}\n", "$foreground"),
            ("f", "bold $accent"),
            (f"  {lines[1]:<{width}}\n", "$foreground"),
            ("1", "bold $accent"),
            (f"  {lines[2]:<{width}}\n", "$foreground"),
            ("8", "bold $accent"),
            (f"  {lines[3]:<{width}}", "$foreground"),
        )
        if words != self._said:
            self._said = words
            self.query_one("#nothing", Static).update(words)

    def _draw_curves(self) -> None:
        """Draw what is new: the loss every time, the others less often.

        While it trains, every drawing holds the training up for as long as it takes.
        """
        training = self.cnn.training
        buffer = training.metric_buffer
        # Zooming gives a chart its new room after the next layout only, and its titles with it.
        rooms = [curve.size for curve in self._curves]
        seen = (id(training.session), buffer.version if buffer else 0, training.version, rooms)
        charts = [curve for curve in self._curves if curve.display]
        if seen != self._seen:
            self._seen = seen
            self._stale.update(charts)
        now = time.monotonic()
        hurry = not training.running or len(charts) == 1
        waiting = [
            curve
            for curve in charts
            if curve in self._stale and (hurry or now >= self._due.get(curve, 0.0))
        ]
        if waiting:
            points = curves.read(training)
            for curve in waiting:
                self._draw(curve, points)

    def _draw(self, curve: Chart, points: Points) -> None:
        self._stale.discard(curve)
        self._due[curve] = time.monotonic() + curve.pause
        log = (curve.id or "") in self.log_axes
        if isinstance(curve, LrChart):
            curve.show(curves.lr_picture(points, log=log))
        else:
            name = "loss" if isinstance(curve, LossChart) else "acc"
            picture = curves.metric_picture(points, name, log=log, smoothing=self.smoothing)
            curve.show(picture)
        curve.titles(*self._titles(curve, points, log))

    def _titles(self, curve: Chart, points: Points, log: bool) -> tuple[Content, Content]:
        scale = " log" if log else ""
        if isinstance(curve, LrChart):
            now = text.significant(points.lr[-1]) if len(points.lr) else ""
            return Content(f"learning rate{scale}"), Content.styled(now, "$curve-lr")
        name = "loss" if isinstance(curve, LossChart) else "acc"
        room = curve.size.width - 2
        seeds = len(points.seeds.curves) if points.seeds else 0
        return _legend(name, scale, curve.picture, room, seeds), _figures(name, points, room)

    def redraw(self) -> None:
        self._seen = None
        self._stale.clear()
        self._due.clear()
        self.refresh_tick()

    def on_resize(self) -> None:
        self._seen = None

    # -- banner ---------------------------------------------------------------------------------

    def _show_banner(self, view: TrainingView) -> None:
        banner = self.query_one("#banner", Static)
        words, kind = self._banner(view)
        if (words, kind) == getattr(banner, "shown", None):
            return
        banner.shown = (words, kind)  # type: ignore[attr-defined]
        banner.set_class(bool(words), "-shown")
        banner.set_class(kind == "good", "-good")
        banner.set_class(kind == "info", "-info")
        banner.update(words)

    def _banner(self, view: TrainingView) -> tuple[Content, str]:
        training = self.cnn.training
        if training.error is not None:
            first = text.clean(training.error) or type(training.error).__name__
            return _advice("✗ Training could not start.", first, self._where_log()), "error"
        ended = training.ended
        if ended is None or training.running:
            return Content(""), ""
        if ended.status == "diverged":
            step = "lower train.lr (keys 1, e; f finds one) and run again (r); y: log scale"
            return _advice("✗", _sentence(ended.reason), step), "error"
        if ended.status == "failed":
            return _advice("✗ Not saved.", _sentence(ended.reason), self._where_log()), "error"
        if ended.status == "stopped":
            rest = " and the seeds that are left" if training.seeds else ""
            return _advice("■ Stopped and saved.", "", f"R resumes it{rest}, r starts over"), "info"
        step = "5 compares runs, 6 shows its mistakes, r trains again"
        result = self.cnn.seeds.result or ended.reason
        return _advice("✓ Finished.", _sentence(result), step), "good"

    def _where_log(self) -> str:
        log = self.cnn.log_path
        return "1 goes back to the configs" + (f"; details in {log}" if log else "")

    # -- controls -------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        training = self.cnn.training
        if action in ("pause", "step", "checkpoint", "lr"):
            if not training.running:
                return "nothing is training; r starts"
            if training.started is None:
                return "training is still loading; wait a moment"
            if training.stopping:
                return "training is stopping"
        if action == "stop" and not training.running:
            return "nothing is training"
        if action in ("run", "resume", "seeds") and training.running:
            return "a training is running already; x stops it"
        if action == "find_rate" and training.running:
            return "a training is running and needs the processor; x stops it"
        if action in ("run", "find_rate", "seeds") and self.cnn.workspace.document.config is None:
            return "the config has errors; 1 shows them"
        return None

    def key_label(self, key: keymap.Key) -> str:
        if key.action == "pause" and self.cnn.training.paused:
            return "resume"
        if key.action == "hints" and (count := len(self.cnn.training.hints)):
            return f"{count} hint{'s' * (count > 1)}"
        return key.label

    def action_pause(self) -> None:
        """Pause, or continue."""
        self.cnn.training.toggle_pause()
        self.refresh_bindings()

    def action_step(self) -> None:
        """One batch."""
        self.cnn.training.step()
        self.refresh_bindings()

    def action_stop(self) -> None:
        """Stop, after a question."""
        self.cnn.confirm(
            "Stop training?",
            "A checkpoint is saved first; R resumes from it"
            + (", and trains the seeds that are left." if self.cnn.training.seeds else "."),
            yes="stop",
            no="keep training",
            holds=lambda: self.cnn.training.running,
            then=lambda: self.cnn.training.stop("stopped by hand"),
        )

    def action_checkpoint(self) -> None:
        """Save now."""
        self.cnn.training.checkpoint()
        self.cnn.show_message("a checkpoint is being saved", timeout=2)

    def action_lr(self, direction: int) -> None:
        """Change the learning rate."""
        self.cnn.training.scale_lr(LR_FACTOR**direction)

    def action_run(self) -> None:
        """Train the chosen config."""
        self.cnn.run_document()

    def action_seeds(self) -> None:
        """Train the chosen config with several seeds, after a question for their number."""
        self.cnn.seeds.ask()

    def action_find_rate(self) -> None:
        """Find a learning rate for the chosen config."""
        self.app.push_screen(RatesScreen())

    def action_resume(self) -> None:
        """Resume the run that was stopped here, else the newest that can be resumed."""
        training = self.cnn.training
        if self.cnn.seeds.command:
            self.cnn.seeds.resume_rest()
        elif (
            training.config is None or training.ended is None or training.ended.status != "stopped"
        ):
            resume_newest(self.cnn)
        else:
            self.cnn.start_training(training.config, training.run_dir)

    # -- view -----------------------------------------------------------------------------------

    def action_hints(self) -> None:
        """What goes wrong, and what to change."""
        self.app.push_screen(HintsScreen())

    def action_log(self) -> None:
        """Logarithmic axis, or not."""
        curve = self.focused if isinstance(self.focused, Chart) else self.zoomed
        name = (curve.id if isinstance(curve, Chart) else None) or "loss"
        self.log_axes ^= {name}
        self.redraw()

    def action_smooth(self) -> None:
        """The next kind of smoothing."""
        names = list(curves.SMOOTHING)
        self.smoothing = names[(names.index(self.smoothing) + 1) % len(names)]
        self.cnn.show_message(f"smoothing: {self.smoothing}", timeout=2)
        self.redraw()


def _legend(name: str, scale: str, picture: Picture, room: int, seeds: int) -> Content:
    """The legend of a chart, as long as there is room for; ``seeds`` are in its band."""
    word = "loss" if name == "loss" else "accuracy"
    long = f"val of {seeds} seed{'s: mean ± std' if seeds > 1 else ' before'}"
    variants = [
        (word, " ", "single batches", long),
        (word, " ", "batches", long),
        (word, " ", "batches", "seeds"),
        (name, "", "batch", "seeds"),
        *([(name, "", "", "seeds")] if picture.bands else []),
    ]
    return _fitting(
        room,
        [
            [
                (f"{title}{scale} ", ""),
                (f"─{gap}train ", "$curve-train"),
                (f"─•{gap}val", "$curve-val"),
                (f" ⠿{gap}{batches}" if picture.has_backdrop else "", "$curve-train-dim"),
                (f" ⠕{gap}{band}" if picture.bands else "", "$curve-lr"),
            ]
            for title, gap, batches, band in variants
        ],
    )


def _figures(name: str, points: Points, room: int) -> Content:
    """The last values of training and validation, and the best one, each with its word or mark."""
    if not points.history:
        return Content("")
    last, best = points.history[-1], curves.best_epoch(points, name)
    train, val = text.metric(last.get(name)), text.metric(last.get(f"val_{name}"))
    star = "" if best is None else text.metric(points.logged(f"val_{name}")[best])
    variants = [
        (f"train {train}", f"  val {val}", f"  ★ {star} epoch {(best or 0) + 1}"),
        (f"train {train}", f" val {val}", f" ★ {star}"),
        (f"─{train}", f" ─•{val}", f" ★{star}"),
    ]
    return _fitting(
        room,
        [
            [(first, "$curve-train"), (second + (third if star else ""), "$curve-val")]
            for first, second, third in variants
        ],
    )


def _fitting(room: int, variants: Sequence[Sequence[tuple[str, str]]]) -> Content:
    """The first of some texts that is not longer than there is room for, or the last."""
    found = [Content.assemble(*parts) for parts in variants]
    return next((content for content in found if content.cell_length <= room), found[-1])


def _sentence(reason: str) -> str:
    """A reason with a capital letter."""
    words = text.clean(reason)
    return words[:1].upper() + words[1:]


def _advice(title: str, reason: str, step: str) -> Content:
    # A line of its own only after a reason: every line is one less for the charts.
    return advice(title, step, reason=reason, gap="\n" if reason else "  ")
