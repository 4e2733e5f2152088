"""Evaluate: a trained network on the test set, class by class, and its mistakes."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from engine.errors import Cancelled, EngineError
from engine.services.evaluation.evaluate import Measurement, measure, worst_mistakes
from tui import keymap, text
from tui.jobs import Job
from tui.screens.evaluate.cell_images import CellImages, CellPane
from tui.screens.evaluate.compare.choosing import choose_second
from tui.screens.evaluate.draw.screen import DrawScreen
from tui.screens.evaluate.epochs.screen import EpochsScreen
from tui.screens.evaluate.heatmap import Heatmap
from tui.screens.evaluate.mistakes.screen import MistakesScreen
from tui.screens.evaluate.scores import MANY, ClassTable, MistakeTable
from tui.screens.inspect.image_screen import ImageScreen
from tui.screens.inspect.images import ShownImage
from tui.state.replay import no_film
from tui.state.selection import Selection
from tui.widgets.empty import advice, hints
from tui.widgets.line import Line
from tui.widgets.run_bar import meter
from tui.widgets.table import Table

_TIGHT = 76
"""Columns below which there is no room for the classes beside the matrix."""


class EvaluateScreen(ImageScreen):
    """A network on the test set."""

    WHERE = "evaluate"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    FIRST_FOCUS = "#matrix"
    HELP_TEXT: ClassVar[str] = (
        "How good a trained network is on images that it was not trained on, class by class, "
        "and which classes it confuses. It evaluates the chosen run, or the one trained last."
    )

    def __init__(self) -> None:
        super().__init__()
        self.found: Measurement | None = None
        self.error: Exception | None = None
        self._of: Selection | None = None
        self._job: Job | None = None
        self._stop = False
        self._seen: object = None
        self._zoomed = False

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        yield Static(id="verdict", markup=False)
        yield Static(id="nothing", classes="empty", markup=False)
        with Vertical(id="body"):
            with Horizontal(id="upper"):
                with Vertical(id="matrix-pane", classes="pane"):
                    yield Heatmap(id="matrix")
                yield ClassTable(id="classes")
            with Horizontal(id="lower"):
                yield MistakeTable(id="mistakes")
                yield CellPane(id="images-pane")

    @property
    def running(self) -> bool:
        """Whether an evaluation is under way."""
        return self._job is not None

    @property
    def selection(self) -> Selection | None:
        """The network to evaluate: the chosen one if it has weights, else the newest with any."""
        current = self.cnn.choice.current
        has_weights = current is not None and current.weights is not None
        return current if has_weights else self.cnn.choice.trained

    @property
    def _drawn_for(self) -> Selection | None:
        """The network to draw for: that to evaluate, or a config that begins with weights."""
        current = self.cnn.choice.current
        begins = current is not None and current.config.train.init_from is not None
        return current if begins else self.selection

    @property
    def _trains(self) -> bool:
        """Whether the network of the training is meant, which has other weights every moment."""
        return self.cnn.choice.live and self.cnn.training.started is not None

    def on_resize(self) -> None:
        super().on_resize()
        self.set_class(self.size.width < _TIGHT, "-tight")

    # -- drawing --------------------------------------------------------------------------------

    def tick(self) -> None:
        selection = self.selection
        left = self.selection_parts(selection) if selection is not None else ()
        self.query_one("#subject", Line).show(left)
        job = self._job
        progress = (job.label, job.done, job.total) if job else None
        room = self.query_one("#matrix-pane").size
        seen = (progress, id(self.found), self.error, selection, self._stop, self.size, room)
        if seen == self._seen:
            return
        self._seen = seen
        self.set_class(self._of is None, "-nothing")
        self.set_class(self.found is None, "-no-result")
        if self._of is None:
            self._say_how_to_start(selection)
            return
        self._show_verdict()
        self._name_cell()

    def _say_how_to_start(self, selection: Selection | None) -> None:
        nothing = self.query_one("#nothing", Static)
        if selection is not None:
            nothing.update(
                hints(
                    "How good is it on images that it has not seen?",
                    [f"{text.line(selection.name, 50)}, {selection.what}"],
                    [
                        ("e", "evaluates it on the test set"),
                        ("d", "draws an image for it, or opens one from a file"),
                        ("o", "chooses another run"),
                    ],
                )
            )
            return
        nothing.update(
            hints(
                "There is no trained network yet.",
                [],
                [
                    ("2", "goes to Train, and r there trains one"),
                    ("o", "chooses a run"),
                ],
            )
        )

    def _show_verdict(self) -> None:
        verdict = self.query_one("#verdict", Static)
        verdict.remove_class("-bad", "-good", "-running")
        width = max(self.size.width - 6, 20)
        if self._job is not None:
            verdict.add_class("-running")
            verdict.update(self._progress(self._job, width))
        elif self.error is not None:
            verdict.add_class("-bad")
            if isinstance(self.error, Cancelled):
                verdict.update(advice("■ Stopped.", "e starts over"))
            else:
                verdict.update(advice(f"✗ {self.error}", "o chooses another run"))
        elif self.found is not None:
            verdict.add_class("-good")
            verdict.update(self._result(self.found, width))

    def _progress(self, job: Job, width: int) -> Content:
        share = job.done / job.total if job.total else 0.0
        label = "stopping" if self._stop else text.line(job.label or "loading", 34)
        after = f"  {job.done:,} of {job.total:,}" if job.total else ""
        bar = meter(share, min(max(width - len(label) - len(after) - 2, 8), 60))
        return Content.assemble((f"{label}  ", "$foreground"), *bar, (after, "$muted"))

    def _result(self, found: Measurement, width: int) -> Content:
        result, lost = found.result, len(found.result.labels) - int(found.confusion.sum())
        macro_f1 = (f"  macro F1 {text.metric(found.macro_f1)}", "$foreground")
        views = () if found.acc_views is None else (f"  views {text.metric(found.acc_views)}",)
        top5 = (f"  top-5 {text.metric(result.top5)}", "$foreground")
        parts = [
            (f"test_acc {text.metric(result.acc)}", "bold $success"),
            *((words, "$success") for words in views),
            macro_f1,
            (f"  loss {text.metric(result.loss)}", "$foreground"),
            *([top5] if len(found.classes) > 5 else []),
            (f"  {len(result.labels):,} images", "$muted"),
        ]
        for part in (top5, macro_f1):  # a second line would cost a row of the matrix
            if part in parts and sum(len(words) for words, _ in parts) > width:
                parts.remove(part)
        if lost:
            parts.append((f"   ✗ {lost:,} without a prediction: NaN", "$error"))
        if self._of is not None and self._of != self.selection:
            parts.append((f"   of {text.line(self._of.name, 40)}; e evaluates again", "$warning"))
        return Content.assemble(*parts)

    def _fill(self, found: Measurement) -> None:
        names = tuple(text.line(name) for name in found.classes)
        self.set_class(len(names) > MANY, "-many")
        self.query_one(Heatmap).show(found.confusion, names)
        self.query_one(ClassTable).show_scores(names, found.scores)
        self.query_one(MistakeTable).show_mistakes(names, found.confusion)
        mistakes = worst_mistakes(found.confusion)
        if mistakes:
            self.query_one(Heatmap).go(*mistakes[0])
        self._show_cell()

    def _show_cell(self) -> None:
        """Show the cell of the cursor: its row in the tables, its images, its name."""
        found = self.found
        if found is None:
            return
        row, column = self.query_one(Heatmap).cursor
        self.query_one(MistakeTable).move_to(f"{row} {column}")
        self.query_one(ClassTable).move_to(str(row))
        self.query_one(CellPane).show(found, row, column, self._words(found, 32))
        self._name_cell()
        self.refresh_bindings()

    def _name_cell(self) -> None:
        """Say which cell it is, and what is in it, in the room that there is."""
        found, heatmap = self.found, self.query_one(Heatmap)
        if found is None:
            return
        row, column = heatmap.cursor
        pane = self.query_one("#matrix-pane")
        count, total = int(found.confusion[row, column]), int(found.confusion[row].sum())
        figures = f": {count}/{total}" + (f" ({count / total:.1%})" if total else "")
        unit = "percent of the row" if heatmap.in_percent else "counts"
        pane.border_title = Content(f"confusion matrix, {unit}")
        room = pane.size.width - len(f"   predicted as {figures} ")
        pane.border_subtitle = Content(self._words(found, room) + figures)

    def _words(self, found: Measurement, room: int) -> str:
        """What is in the cell of the cursor, with names that share so many cells."""
        row, column = self.query_one(Heatmap).cursor
        if row == column:
            return f"{text.cut(text.line(found.classes[row]), room)} right"
        names = [text.line(found.classes[i]) for i in (row, column)]
        return " predicted as ".join(text.cut_all(names, room))

    def image(self) -> ShownImage | None:
        index = self.query_one(CellPane).index
        if index is None or self.found is None or self._of is None:
            return None
        return ShownImage(self._of, self.found.test, index)

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if action == "stop" and self._job is None:
            return "no evaluation is running; e starts one"
        if action == "evaluate":
            if self._job is not None:
                return "an evaluation is running; x stops it"
            if self.selection is None:
                return "there is no trained network yet; 2 trains one"
        if action == "draw" and self._drawn_for is None and not self._trains:
            return "there is no trained network yet; 2 trains one"
        if action == "epochs":
            return no_film(self.selection)
        if (
            action in ("next_mistake", "percent", "zoom", "mistakes", "compare")
            and self.found is None
        ):
            return "press e to evaluate first"
        return self.refuse_image(
            action,
            "there is no image of this; n goes to a mistake"
            if self.found
            else "press e to evaluate first",
        )

    def key_label(self, key: keymap.Key) -> str:
        if key.action == "back" and not self._zoomed:
            return ""  # the matrix is shown, and its keys need the room
        return key.label

    def action_evaluate(self) -> None:
        """Evaluate the network that is chosen."""
        selection = self.selection
        if selection is None or selection.weights is None:
            return
        weights = selection.weights
        self._of, self.error, self._stop = selection, None, False

        def work(job: Job) -> Measurement:
            return measure(
                selection.config,
                weights,
                progress=job.report,
                cancelled=lambda: job.cancelled or self._stop,
            )

        self._job = self.cnn.start_job(
            work, on_done=self._done, on_error=self._failed, name="evaluate"
        )
        self.refresh_bindings()
        self.refresh_tick()

    def _done(self, found: Measurement) -> None:
        self._job, self.found = None, found
        self.refresh_tick()
        self._fill(found)
        self.refresh_bindings()
        if found.note:
            self.cnn.show_message(found.note, severity="warning")
        if self.app.screen is self:
            self.set_focus(self.query_one(Heatmap))
        else:
            self.cnn.show_message(f"test_acc {text.metric(found.result.acc)}", "6 shows it")

    def _failed(self, error: Exception) -> None:
        self._job, self.error, self.found = None, error, None
        if not isinstance(error, EngineError):
            self.cnn.show_message(f"{type(error).__name__}: {error}", severity="error")
        self.refresh_bindings()
        self.refresh_tick()

    def action_stop(self) -> None:
        """Stop evaluating."""
        self._stop = True
        self.refresh_tick()

    def action_next_mistake(self) -> None:
        """Go to the next most frequent mistake."""
        assert self.found is not None
        cells = worst_mistakes(self.found.confusion)
        cursor = self.query_one(Heatmap).cursor
        if cells:
            place = cells.index(cursor) + 1 if cursor in cells else 0
            self.query_one(Heatmap).go(*cells[place % len(cells)])

    def action_percent(self) -> None:
        """Counts, or shares of the row."""
        heatmap = self.query_one(Heatmap)
        heatmap.in_percent = not heatmap.in_percent
        heatmap.refresh()
        self._show_cell()

    def action_zoom(self) -> None:
        """The images alone, or all."""
        self._show_alone(not self._zoomed)

    def action_mistakes(self) -> None:
        """List the images that it does worst on."""
        assert self.found is not None
        assert self._of is not None
        self.app.push_screen(MistakesScreen(self._of, self.found))

    def action_compare(self) -> None:
        """Compare with another run."""
        assert self.found is not None
        assert self._of is not None
        choose_second(self.cnn, self._of, self.found)

    def action_epochs(self) -> None:
        """Each class over the epochs of the run."""
        selection = self.selection
        assert selection is not None
        assert selection.run is not None
        self.app.push_screen(EpochsScreen(selection, selection.run))

    def action_draw(self) -> None:
        """Draw an image for the network."""
        training = self.cnn.training
        if self._trains and training.config is not None and training.session is not None:
            config, run = training.config, training.run_dir
            following = Selection(config.name, config, what="its newest weights", run=run)
            images = training.session.sources.dataset.test.images
            self.app.push_screen(DrawScreen(following, images))
        elif (selection := self._drawn_for) is not None:
            samples = self.found.test.images if self.found and self._of == selection else None
            self.app.push_screen(DrawScreen(selection, samples))

    def action_back(self) -> None:
        """Back to the matrix."""
        self._show_alone(False)
        self.query_one(Heatmap).focus()

    def _show_alone(self, alone: bool) -> None:
        self._zoomed = alone
        self.set_class(alone, "-images")
        self.refresh_bindings()
        target: Widget = self.query_one(CellImages) if alone else self.query_one(Heatmap)
        self.call_after_refresh(target.focus)

    def on_heatmap_moved(self, event: Heatmap.Moved) -> None:
        self._show_cell()

    def on_tiles_chosen(self, event: CellImages.Chosen) -> None:
        self.action_inspect()

    def on_heatmap_chosen(self, event: Heatmap.Chosen) -> None:
        self._show_alone(True)

    def on_table_moved(self, event: Table.Moved) -> None:
        table = event.table
        if isinstance(table, MistakeTable | ClassTable) and table.has_focus and table.cell:
            self.query_one(Heatmap).go(*table.cell)

    def on_table_chosen(self, event: Table.Chosen) -> None:
        table = event.table
        if isinstance(table, MistakeTable | ClassTable) and table.cell:
            self.query_one(Heatmap).go(*table.cell)
            self._show_alone(True)
