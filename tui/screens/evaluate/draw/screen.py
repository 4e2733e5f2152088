"""Draw a picture, and see at once what a network predicts."""

import time
from typing import ClassVar

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from engine.arrays import Array
from engine.layers import Sequential, Softmax
from engine.train.weights import load_model
from tui import keymap, text
from tui.screens.base import BaseScreen
from tui.screens.evaluate.draw.canvas import DrawingCanvas
from tui.state.selection import Selection
from tui.widgets.empty import hints
from tui.widgets.line import Line, TextPart
from tui.widgets.run_bar import meter
from tui.widgets.tiles import Tiles

_SLOW = 0.03
"""A network that takes more seconds for an image is asked only now and then while one draws."""


_MOST = 10
"""Classes up to which all are shown, each in its place."""


class Predictions(Static):
    """The predicted probability of each class; of many classes, the most probable ones."""

    HELP_TEXT = (
        "The predicted probability of each class (softmax). Of more than ten classes, the ten most "
        "probable ones are shown, and what is left for the others."
    )

    def show(self, names: tuple[str, ...], shares: Array) -> None:
        """Set the classes, whose names are shown as they stand, and their shares."""
        wide = min(max(map(text.cell_len, names)), max(16, self.size.width // 3))
        order = list(range(len(names)))
        if len(names) > _MOST:
            order = np.argsort(-shares, kind="stable")[:_MOST].tolist()
        best = int(shares.argmax())
        lines = [
            self._line(
                names[i], float(shares[i]), wide, "bold $success" if i == best else "$foreground"
            )
            for i in order
        ]
        if len(names) > _MOST:
            rest = max(1 - float(shares[order].sum()), 0.0)
            lines.append(self._line(f"{len(names) - _MOST:,} others", rest, wide, "$muted"))
        self.update(Content("\n").join(lines))

    def _line(self, name: str, share: float, wide: int, style: str) -> Content:
        name = text.cut(name, wide)
        return Content.assemble(
            (f" {' ' * (wide - text.cell_len(name))}{name} ", style),
            *meter(share, max(self.size.width - wide - 10, 6)),
            (f" {share:4.0%}", style),
        )


class NetworkInput(Tiles, can_focus=False):
    """The input of the network, where there is room."""

    def on_mount(self) -> None:
        self.cursor = -1  # none of them is chosen


class DrawScreen(BaseScreen):
    """The canvas at the left, the predictions at the right.

    Args:
        selection: the network, with weights.
        samples: images of its test set, uint8 (N, 1, H, W), to begin from; None without any.
    """

    WHERE = "draw"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    HELP_TEXT: ClassVar[str] = (
        "Draw something and see what the network predicts, while you draw. A digit is first "
        "centred and scaled like those of MNIST, as the network knows no others. Try something "
        "that is not a digit: the network has an answer for everything."
    )

    def __init__(self, selection: Selection, samples: Array | None) -> None:
        super().__init__()
        self._selection, self._samples = selection, samples
        self._info = selection.config.dataset_info
        self._model: Sequential | None = None
        self._sample = -1
        self._stale = True
        self._took = 0.0
        self._pen_shown = False

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        with Horizontal(id="body"):
            with Vertical(id="paper", classes="pane"):
                yield DrawingCanvas(*self._info.image_shape[1:], id="pad")
            with Vertical(id="answers", classes="pane"):
                yield Predictions(id="guesses", markup=False)
                yield NetworkInput(id="seen")

    def on_mount(self) -> None:
        self.query_one("#paper").border_title = Content("draw here")
        self.query_one("#answers").border_title = Content("predicted as")
        config, weights = self._selection.config, self._selection.weights
        assert weights is not None
        self.cnn.start_job(
            lambda job: load_model(config, weights).eval(),
            on_done=self._loaded,
            on_error=self._failed,
            name="draw",
        )
        self.query_one(DrawingCanvas).focus()

    def _loaded(self, model: Sequential) -> None:
        self._model = model
        self.refresh_tick()

    def _failed(self, error: Exception) -> None:
        self.app.pop_screen()
        self.cnn.show_message(str(error), "o chooses another run", severity="error")

    # -- what is shown --------------------------------------------------------------------------

    def tick(self) -> None:
        name = text.line(self._selection.name, 44)
        self.query_one("#subject", Line).show(
            (
                TextPart(" run ", "$muted"),
                TextPart(f" {name}  ", "bold"),
                TextPart(self._selection.what, "$muted"),
            )
        )
        pad = self.query_one(DrawingCanvas)
        if pad.pen_down != self._pen_shown:
            self._pen_shown = pad.pen_down
            words = "the pen is down" if pad.pen_down else ""
            self.query_one("#paper").border_subtitle = Content(words)
        if self._stale and self._model is not None:
            self._predict(self._model, pad)

    def _predict(self, model: Sequential, pad: DrawingCanvas) -> None:
        self._stale = False
        predictions = self.query_one(Predictions)
        if pad.drawing.is_empty:
            self.query_one(NetworkInput).show(np.zeros((0, 1, 1)), [], None)
            predictions.update(
                hints(
                    "",
                    ["Draw a digit with the mouse,", "or with the arrows:"],
                    [("space", "puts the pen down"), ("n", "loads an image of the test set")],
                )
            )
            return
        began = time.monotonic()
        digits = self._selection.config.dataset in ("mnist", "mnist_mini")
        ink = pad.drawing.as_digit() if digits and self._sample < 0 else pad.drawing.ink
        self.query_one(NetworkInput).show(ink[None], ["network input"], None)
        (mean,), (std,) = self._info.mean, self._info.std
        logits = model.forward(((ink - mean) / std).astype(np.float32)[None, None])
        self._took = time.monotonic() - began
        names = tuple(text.line(name) for name in self._info.classes)
        if not np.isfinite(logits).all():
            predictions.update(hints("", ["the prediction is not a number (NaN)"], []))
            return
        predictions.show(names, Softmax().eval().forward(logits)[0])

    @on(DrawingCanvas.Changed)
    def _drawn(self) -> None:
        self._stale = True
        if self._took < _SLOW:
            self.tick()

    def on_resize(self) -> None:
        super().on_resize()
        self._stale = True

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if action == "sample" and self._samples is None:
            return "the test set is not loaded yet: esc, then e evaluates on it"
        return None

    def key_label(self, key: keymap.Key) -> str:
        if key.action == "pen" and self.query_one(DrawingCanvas).pen_down:
            return "lift pen"
        return key.label

    def action_pen(self) -> None:
        """Pen down, or up."""
        self.query_one(DrawingCanvas).switch_pen()
        self.refresh_bindings()
        self.refresh_tick()

    def action_clear(self) -> None:
        """Clear the paper."""
        self._sample = -1
        self.query_one(DrawingCanvas).clear()

    def action_sample(self, step: int) -> None:
        """An image of the test set."""
        assert self._samples is not None
        self._sample = (self._sample + step) % len(self._samples)
        self.query_one(DrawingCanvas).show(self._samples[self._sample, 0] / np.float32(255))

    def action_leave(self) -> None:
        """Back to the evaluation."""
        self.dismiss(None)
