"""Two lines about a run: what is trained, and the progress."""

from textual.content import Content
from textual.widgets import Static

from tui import text
from tui.messages import TrainingView
from tui.redraw import RedrawTimer
from tui.state.training import Training
from tui.widgets.header import STYLES, SYMBOLS

_SHORTEST = 7
"""Cells of the shortest meter, with the gaps around it."""

_UNFINISHED = ("training", "paused", "validating", "testing", "saving")


class RunBar(Static):
    """The training: name, phase, progress, time left and speed."""

    DEFAULT_CSS = "RunBar { height: 2; padding: 0 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._shown: object = None
        self._redraw_timer = RedrawTimer()

    def show(self, training: Training, view: TrainingView) -> None:
        """Draw, if anything changed; how far the training is, only now and then."""
        step = view.step if view.phase == "paused" else None
        state = id(training.session), view.phase, step, training.stopping, training.ended
        if not self._redraw_timer.due((*state, self.size)):
            return
        content = Content("\n").join(
            [self._name_line(training, view), self._progress_line(training, view)]
        )
        if (content, self.size) != self._shown:
            self._shown = (content, self.size)
            self.update(content, layout=False)  # it is always two lines high

    def _name_line(self, training: Training, view: TrainingView) -> Content:
        config = training.config
        if config is None:
            return Content("")
        parts = [
            (text.line(config.name), "bold"),
            (f"  {config.dataset}  {config.model or 'custom layers'}", "$muted"),
        ]
        if training.started is not None:
            parts.append((f"  {training.started.parameters:,} parameters", "$muted"))
            if self.size.width >= 100:
                parts.append((f"  run {training.started.run}", "$muted"))
        speed = ""
        if view.phase in _UNFINISHED and view.samples_per_s:
            speed = f"  {view.samples_per_s:,.0f} samples/s"
        width = max(self.size.width - 2 - len(speed), 0)
        first = Content.assemble(*parts).truncate(width, ellipsis=True, pad=True)
        return first.append_text(speed, "$muted")

    def _progress_line(self, training: Training, view: TrainingView) -> Content:
        style = STYLES.get(view.phase, "$muted")
        parts = [
            (
                f"{SYMBOLS.get(view.phase, '○')} {_word(training, view, self.size.width)}",
                f"bold {style}",
            )
        ]
        width = max(self.size.width - 2, 20)
        if view.phase == "downloading":
            share = view.done / view.total if view.total else 0.0
            after = f"  {share:4.0%}  {text.size(view.done)} of {text.size(view.total)}"
            parts += [("  ", ""), *meter(share, width - len(parts[0][0]) - len(after) - 3)]
            parts.append((after, "$muted"))
        elif view.phase in _UNFINISHED:
            room = width - len(parts[0][0]) - _SHORTEST
            after = f"  {view.fraction:4.0%}  {self._rest(view, room)}"
            space = width - len(parts[0][0]) - len(after) - 3
            parts += [("  ", ""), *meter(view.fraction, min(max(space, 4), 60))]
            parts.append((after, "$muted"))
        elif training.ended is not None:
            parts.append((f"  {self._result(training)}", "$foreground"))
        return Content.assemble(*parts).truncate(width, ellipsis=True)

    def _rest(self, view: TrainingView, room: int) -> str:
        if view.phase == "paused":
            return f"batch {view.step}/{view.steps_per_epoch}  lr {text.significant(view.lr)}"
        epoch, everything = text.duration(view.eta_epoch), text.duration(view.eta_total)
        longest = f"left: epoch {epoch:>5}, all {everything:>5}"
        fits = self.size.width >= 76 and len(longest) + len("  100%  ") <= room
        return longest if fits else f"left {everything}"

    @staticmethod
    def _result(training: Training) -> str:
        ended = training.ended
        assert ended is not None
        word = "epoch" if ended.epochs_done == 1 else "epochs"
        epochs = f"{ended.epochs_done} {word} in {text.duration(ended.seconds)}"
        speed = f"{ended.samples_per_s:,.0f} samples/s"
        if "test_acc" in ended.test:
            views = ended.test.get("test_acc_views")
            more = "" if views is None else f" views {text.metric(views)}"
            return f"test_acc {text.metric(ended.test['test_acc'])}{more}  {epochs}  {speed}"
        if "val_acc" in ended.best:
            return f"best val_acc {text.metric(ended.best['val_acc'])}  {epochs}  {speed}"
        return f"after {epochs}"


def _word(training: Training, view: TrainingView, width: int) -> str:
    if training.stopping:
        return "stopping"
    if view.phase == "downloading":
        return text.line(view.what, 40)
    seed = f"  {training.seeds.words}" if training.seeds else ""
    seed = seed if width >= 76 else seed.replace(" of ", "/")
    if view.phase in ("training", "paused", "validating"):
        return f"{view.phase}{seed}  epoch {view.epoch}/{view.epochs}"
    return view.phase + seed


def meter(share: float, width: int) -> list[tuple[str, str]]:
    """A bar of half cells, as styled pieces."""
    share = min(max(share, 0.0), 1.0)
    halves = round(share * 2 * max(width, 0))
    full, half = divmod(halves, 2)
    rest = max(width, 0) - full - half
    return [("━" * full + "╸" * half, "$primary"), ("─" * rest, "$curve-axis")]
