"""Draw a picture or open one, and see at once what a network predicts."""

import time
from pathlib import Path
from typing import ClassVar

import numpy as np
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from engine.arrays import Array
from engine.importing.folders import DiskFile
from engine.layers import Softmax
from engine.services.predict import read_picture
from tui import keymap, text
from tui.charts import layer_images
from tui.screens.ask_file import existing_file
from tui.screens.base import BaseScreen
from tui.screens.dialogs import AskPath
from tui.screens.evaluate.draw.canvas import DrawingCanvas
from tui.screens.evaluate.draw.layer_rows import LayerRows
from tui.screens.evaluate.draw.network import DrawingNetwork
from tui.screens.evaluate.draw.predictions import Predictions
from tui.screens.network_screen import run_parts
from tui.state.replay import HELP, Move, no_film, replayed
from tui.state.selection import Selection
from tui.widgets.empty import hints
from tui.widgets.line import Line
from tui.widgets.tiles import Tiles
from tui.widgets.titles import set_titles

_SLOW = 0.03
"""A network that takes more seconds for an image is asked only now and then while one draws."""


_LARGEST = 32
"""Pixels of the longer side of an image that can be drawn: more do not fit into 80 by 24."""

_ARROWS = {"left", "right", "up", "down", "h", "j", "k", "l"}
"""Keys that move the pen where there is one."""


class NetworkInput(Tiles, can_focus=False):
    """The input of the network, where there is room."""

    CHOOSES = False


class LayerMaps(Tiles):
    """The feature maps of one layer."""

    HELP_TEXT = (
        "What one layer makes of the image: a small picture for each of its feature maps. Orange "
        "is above zero, blue below. [ and ] choose the layer, m goes back to the predictions."
    )


class DrawScreen(BaseScreen):
    """The canvas at the left, the predictions beside it, and what every layer makes of it.

    A network that trains is followed: its newest weights are asked for once a second.

    Images in colour, and large ones, cannot be drawn: they are opened only.

    Args:
        selection: the network; without weights, that of the training, or with fresh ones.
        samples: images of its test set, uint8 (N, C, H, W), to begin from; None without any.
    """

    WHERE = "draw"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    HELP_TEXT: ClassVar[str] = (
        "See what the network predicts for an image that is new to it. Try something that is of "
        "none of its classes, too: the network has an answer for everything."
    )

    def __init__(self, selection: Selection, samples: Array | None) -> None:
        super().__init__()
        self._selection, self._samples = selection, samples
        self._info = selection.config.dataset_info
        self._network: DrawingNetwork | None = None
        self._layer = 0
        self._wants_maps = False
        self._sample = -1
        self._picture: Array | None = None
        self._stale = True
        self._took = 0.0
        self._pen_shown = False

    @property
    def _can_draw(self) -> bool:
        channels, height, width = self._info.image_shape
        return channels == 1 and max(height, width) <= _LARGEST

    @property
    def _kind(self) -> str:
        """Why images cannot be drawn, in a word."""
        return "colour" if self._info.image_shape[0] > 1 else "large"

    def help_text(self) -> str:
        if not self._can_draw:
            how = (
                "o opens an image file, n an image of the test set. The network expects "
                f"{self._kind} images, which cannot be drawn here."
            )
        else:
            how = (
                "Draw something, and the prediction follows while you draw; or open an image file, "
                "such as a photograph, with o, or an image of the test set with n."
            )
            if self._info.preparation.ink:
                how += (
                    " What you draw is first centred and scaled like the digits of MNIST, as the "
                    "network knows no others."
                )
        return f"{self.HELP_TEXT} {how} {HELP}"

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        with Horizontal(id="body"):
            with Vertical(id="paper", classes="pane"):
                if self._can_draw:
                    yield DrawingCanvas(*self._info.image_shape[1:], id="pad")
                else:
                    yield NetworkInput(id="pad")
            with Vertical(id="answers", classes="pane"):
                yield Predictions(id="guesses", markup=False)
                if self._can_draw:
                    yield NetworkInput(id="seen")
                yield LayerMaps(id="maps")
            with Vertical(id="rows", classes="pane"):
                yield LayerRows(id="layers")

    def on_mount(self) -> None:
        self.set_class(not self._can_draw, "-opens")
        self._show_title("draw here" if self._can_draw else "image")
        self.query_one("#rows").border_title = Content("what every layer makes of it")
        self._network = DrawingNetwork(self.cnn, self._selection, self._changed, self._failed)
        if self._can_draw:
            self.query_one(DrawingCanvas).focus()

    def _show_title(self, words: str) -> None:
        set_titles(self.query_one("#paper"), Content(words))

    def _changed(self) -> None:
        if self.is_attached:
            self._stale = True
            self.refresh_tick()

    def _failed(self, error: Exception) -> None:
        if self._selection.entered_from is not None:
            self.cnn.show_message(str(error), ", and . show other moments", severity="error")
            return
        if self.is_attached:
            self.app.pop_screen()
        self.cnn.show_message(str(error), "o chooses another run", severity="error")

    # -- what is shown --------------------------------------------------------------------------

    def tick(self) -> None:
        network = self._network
        assert network is not None
        self.query_one("#subject", Line).show(
            run_parts(self._selection.name, network.what, self.size.width)
        )
        self.set_class(self._selection.entered_from is not None, "-replays")
        network.poll()
        if self._can_draw:
            pad = self.query_one(DrawingCanvas)
            if pad.pen_down != self._pen_shown:
                self._pen_shown = pad.pen_down
                words = "the pen is down" if pad.pen_down else ""
                self.query_one("#paper").border_subtitle = Content(words)
        if self._stale and network.loaded:
            self._predict(network)

    def _input(self) -> Array | None:
        """What the network is to see, (C, H, W) from 0 to 1; None if there is nothing."""
        if not self._can_draw:
            return self._picture
        drawing = self.query_one(DrawingCanvas).drawing
        if drawing.is_empty and self._picture is None:
            return None
        drawn = self._picture is None and self._info.preparation.ink
        return (drawing.as_digit() if drawn else drawing.ink)[None]

    def _predict(self, network: DrawingNetwork) -> None:
        self._stale = False
        predictions, title = self.query_one(Predictions), "predicted as"
        picture = self._input()
        self._show_input(picture)
        if picture is None:
            predictions.update(self._how_to_begin())
            self._show_maps(network, {}, title)
            return
        began = time.monotonic()
        with np.errstate(all="ignore"):
            logits, outputs = network.forward(picture)
        names = tuple(text.line(name) for name in self._info.classes)
        if np.isfinite(logits).all():
            shares = Softmax().eval().forward(logits[None])[0]
            predictions.show(names, shares)
            best = int(shares.argmax())
            title += f" {text.cut(names[best], 12)}"
            if self._wants_maps:  # else the share is in the pane, and changes with every stroke
                title += f" {shares[best]:.0%}"
        else:
            predictions.update(hints("", ["the prediction is not a number (NaN)"], []))
        self._show_maps(network, outputs, title)
        self._took = time.monotonic() - began

    def _show_maps(self, network: DrawingNetwork, outputs: dict[str, Array], title: str) -> None:
        """What the layers make of it, in the panes that are shown."""
        places, rows = network.places, self.query_one(LayerRows)
        if rows.size.area:
            rows.show(places, outputs)
        elif self.query_one("#rows").display:
            self._stale = True  # it is not laid out yet: again with the next tick
        subtitle = ""
        if self._wants_maps:
            self._layer %= len(places)
            place, tiles = places[self._layer], self.query_one(LayerMaps)
            words = f"{place.name} {place.kind}"
            if outputs:
                shown = layer_images.maps(place, outputs[place.name])
                tiles.show(shown.pictures, shown.captions, shown.limit)
                words += f": {shown.title}"
            else:
                tiles.empty = "draw something,\nor n for a sample"
                tiles.show(np.zeros((0, 1, 1)), (), 0.0)
            subtitle = f"{self._layer + 1}/{len(places)} {words}"
        set_titles(self.query_one("#answers"), Content(title), Content(subtitle))

    def _show_input(self, picture: Array | None) -> None:
        tiles = self.query_one(NetworkInput)
        if picture is None:
            tiles.show(np.zeros((0, 1, 1)), [], None)
            return
        shown = picture[0] if len(picture) == 1 else np.moveaxis(picture, 0, 2)
        tiles.show(shown[None], ["network input"], None)

    def _how_to_begin(self) -> Content:
        opens = [("o", "opens an image file"), ("n", "loads an image of the test set")]
        if not self._can_draw:
            return hints("", ["See what the network predicts:"], opens)
        words = ["Draw with the mouse,", "or with the arrows:"]
        return hints("", words, [("space", "puts the pen down"), *opens])

    @on(DrawingCanvas.Changed)
    def _drawn(self) -> None:
        self.query_one(DrawingCanvas).draw_changes()
        self._stale = True
        if self._took < _SLOW:
            self.tick()

    def on_resize(self) -> None:
        super().on_resize()
        self._stale = True

    # -- actions --------------------------------------------------------------------------------

    def action_maps(self) -> None:
        """The maps of a layer, or the predictions."""
        self._wants_maps = not self._wants_maps
        self.set_class(self._wants_maps, "-maps")
        self._stale = True
        self.refresh_bindings()
        self.refresh_tick()

    def action_layer(self, step: int) -> None:
        """Another layer."""
        self._layer += step
        self._stale = True
        self.refresh_tick()

    def action_frame(self, move: Move) -> None:
        """Another frame of the film of the run."""
        assert self._network is not None
        self._selection = replayed(self._selection, move)
        self._network.show(self._selection)

    def refuse(self, action: str) -> str | None:
        if action == "frame":
            return no_film(self._selection)
        if action == "layer" and not self._wants_maps:
            return "the predictions are shown; m shows the maps of a layer"
        if action == "clear" and not self._can_draw and self._picture is None:
            return "there is nothing to clear; o opens a file"
        if action == "pen" and not self._can_draw:
            return f"it expects {self._kind} images, which cannot be drawn here; o opens a file"
        if action == "sample" and self._samples is None:
            return "the test set is not loaded yet: esc, then e evaluates on it"
        return None

    def on_key(self, event: events.Key) -> None:
        if not self._can_draw and event.key in _ARROWS:
            self._refuse_to_draw()

    def on_click(self, event: events.Click) -> None:
        if not self._can_draw and event.widget is self.query_one("#pad"):
            self._refuse_to_draw()

    def _refuse_to_draw(self) -> None:
        """Say why arrows and mouse do nothing, in the words that the pen's key has for it."""
        self.cnn.show_message(self.refuse("pen") or "", severity="warning", timeout=3)

    def key_label(self, key: keymap.Key) -> str:
        if key.action == "pen" and self._can_draw and self.query_one(DrawingCanvas).pen_down:
            return "lift pen"
        if key.action == "maps" and self._wants_maps:
            return "answer"
        return key.label

    def action_pen(self) -> None:
        """Pen down, or up."""
        self.query_one(DrawingCanvas).switch_pen()
        self.refresh_bindings()
        self.refresh_tick()

    def action_clear(self) -> None:
        """Clear the paper."""
        self._sample, self._picture = -1, None
        self._show_title("draw here" if self._can_draw else "image")
        self._stale = True
        if self._can_draw:
            self.query_one(DrawingCanvas).clear()
        self.refresh_bindings()
        self.refresh_tick()

    def action_sample(self, step: int) -> None:
        """An image of the test set."""
        assert self._samples is not None
        self._sample = (self._sample + step) % len(self._samples)
        self._show_picture(self._samples[self._sample], f"image {self._sample} of the test set")

    def action_open(self) -> None:
        """An image file."""
        self._ask_path()

    def _ask_path(self, value: str = "", problem: str = "") -> None:
        dialog = AskPath(
            "Open which image file?",
            "PNG, JPEG, BMP, GIF, WebP or TIFF",
            value=value,
            problem=problem,
            check=lambda answer: existing_file(answer, "an image file"),
            kind="an image file",
        )
        self.app.push_screen(dialog, self._read)

    def _read(self, path: Path | None) -> None:
        if path is None:
            return
        self.cnn.start_job(
            lambda job: read_picture(DiskFile("", str(path)), self._info),
            on_done=lambda picture: self._show_picture(picture, text.line(path.name, 28)),
            on_error=lambda error: self._not_read(path, error),
            name="open an image",
        )

    def _not_read(self, path: Path, error: Exception) -> None:
        if self.is_attached:
            self._ask_path(str(path), f"{text.line(path.name, 40)}: {error}")

    def _show_picture(self, picture: Array, title: str) -> None:
        """Put an image where the drawing is, uint8 (C, H, W)."""
        if not self.is_attached:
            return
        self._picture = picture / np.float32(255)
        self._show_title(title)
        self._stale = True
        if self._can_draw:
            self.query_one(DrawingCanvas).show(self._picture[0])
        self.refresh_bindings()
        self.refresh_tick()

    def action_leave(self) -> None:
        """Back to the evaluation."""
        self.dismiss(None)
