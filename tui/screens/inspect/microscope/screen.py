"""The microscope: a feature map at the left, the arithmetic of one of its numbers at the right."""

import time
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from engine.arrays import Array
from tui import keymap, text
from tui.charts import layer_images
from tui.charts.layer_images import LayerPlace, as_pictures
from tui.jobs import Job
from tui.screens.inspect.glossary import explained
from tui.screens.inspect.microscope import words
from tui.screens.inspect.microscope.calculation import Calculation
from tui.screens.inspect.microscope.look import (
    LOSS,
    Frame,
    Index,
    Look,
    Microscope,
    carried,
    probabilities,
    stops,
    strongest,
)
from tui.screens.inspect.microscope.pixels import FeatureMap, FramedPicture
from tui.screens.inspect.microscope.weight.look import Spot
from tui.screens.inspect.microscope.weight.screen import WeightScreen
from tui.screens.network_screen import NetworkScreen
from tui.state.network_inspector import Inspection, InspectionContext, NetworkInspector
from tui.widgets.line import Line, TextPart
from tui.widgets.titles import set_titles
from tui.widgets.words import Words

INTERVAL = 1.0
"""Seconds between two looks at a training: numbers that change faster cannot be followed."""


class MicroscopeScreen(NetworkScreen):
    """One number of a network.

    Args:
        inspector: what follows the network.
        layer: name of the layer that is shown first.
        channel: its feature map that is shown first.
    """

    WHERE = "microscope"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    FIRST_FOCUS = "#map"
    HELP_TEXT: ClassVar[str] = (
        "See how the network gets one of its numbers, from the pixels of the image to the last "
        "addition. Move over the feature map with the arrows, and go from layer to layer with "
        "the comma and the full stop, through a residual block's body and shortcut to their sum, "
        "and behind the last layer to the loss. While the network trains, the numbers follow it. "
    ) + explained(
        "filter", "feature map", "channel", "pool", "receptive field", "patch", "product", "logit",
        "loss", "gradient", "dy", "slope",
    )  # fmt: skip

    def __init__(self, inspector: NetworkInspector, layer: str, channel: int = 0) -> None:
        super().__init__()
        self._inspector = inspector
        self._layer, self._map = layer, channel
        self.index: Index | None = None
        self.channel: int | None = None
        """The input channel whose products are shown; None is the one that weighs most."""
        self.gradient = False
        self.found: Look | None = None
        self._problem = ""
        self._microscope: Microscope | None = None
        self._stops: tuple[InspectionContext, tuple[LayerPlace, ...]] | None = None
        self._job: Job | None = None
        self._asked: object = None
        self._seen: object = None
        self._next_look = 0.0

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        yield Static(id="nothing", classes="empty", markup=False)
        with Horizontal(id="body"):
            with Vertical(id="left", classes="pane"):
                yield FramedPicture(id="image")
                yield FeatureMap(id="map")
                yield Words(id="here")
            with Vertical(id="right", classes="pane"):
                yield Calculation(id="sum")
                yield Words(id="verdict")

    def on_unmount(self) -> None:
        if self._job is not None:
            self._job.cancel()

    # -- what is looked at ----------------------------------------------------------------------

    @property
    def _known(self) -> tuple[InspectionContext, Inspection, dict[str, Array]] | None:
        """What the inspector found, with the numbers of every place."""
        context, inspection = self._inspector.context, self._inspector.inspection
        if context is None or inspection is None or inspection.maps is None:
            return None
        if self._stops is None or self._stops[0] is not context:
            self._stops = context, stops(context)
        logits = inspection.maps[context.places[-1].name]
        return context, inspection, inspection.maps | {LOSS: probabilities(logits)}

    @property
    def _places(self) -> tuple[LayerPlace, ...]:
        """Where one can go; nothing before there is a network."""
        return () if self._known is None or self._stops is None else self._stops[1]

    @property
    def place(self) -> LayerPlace | None:
        """The layer; the first one where the network has none of that name."""
        places = self._places
        named = (place for place in places if place.name == self._layer)
        return next(named, places[0] if places else None)

    def _settle(self, place: LayerPlace, output: Array) -> Index:
        """The chosen number, brought into the layer's output."""
        index = self.index
        fits = index is not None and len(index) == output.ndim
        if (
            index is None
            or not fits
            or any(i >= n for i, n in zip(index, output.shape, strict=True))
        ):
            channel = min(self._map, output.shape[0] - 1) if output.ndim == 3 else None
            index = strongest(output, channel)
        self._layer, self.index = place.name, index
        return index

    def _follow(self) -> None:
        """Have the network inspected: at once where that was asked for, else once in a while."""
        now, inspection = time.monotonic(), self._inspector.inspection
        waited_for = inspection is None or inspection.sample != self._inspector.sample
        if waited_for or now >= self._next_look:
            self._next_look = now + INTERVAL
            self._inspector.poll()

    def tick(self) -> None:
        self._follow()
        known, place = self._known, self.place
        self.set_class(known is None or place is None, "-nothing")
        if known is None or place is None:
            self._say_nothing()
            return
        context, inspection, maps = known
        index = self._settle(place, maps[place.name])
        self._compute(context, inspection, place, index)
        seen = (self._inspector.version, place, index, self.channel, self.found, self.size)
        if seen != self._seen:
            self._seen = seen
            self._show_subject(context, inspection)
            self._show_pictures(context, inspection, place, index, maps[place.name])
            self._show_calculation()
            self.refresh_bindings()

    def _compute(
        self, context: InspectionContext, inspection: Inspection, place: LayerPlace, index: Index
    ) -> None:
        """Have the number computed, unless it is, or another one is just now."""
        asked = (self._inspector.version, place.name, index, self.gradient)
        if self._job is not None or asked == self._asked:
            return
        self._asked = asked
        if self._microscope is None or self._microscope.context is not context:
            self._microscope = Microscope(context)
        microscope, gradient = self._microscope, self.gradient
        self._job = self.cnn.start_job(
            lambda job: microscope.look(inspection, place, index, gradient=gradient),
            on_done=self._looked,
            on_error=self._failed,
            name="microscope",
        )

    def _looked(self, found: Look) -> None:
        self._job = None
        self.found, self._problem = found, ""
        self._redraw()

    def _failed(self, error: Exception) -> None:
        self._job = None
        self.found, self._problem = None, str(error) or type(error).__name__
        self._redraw()

    def _redraw(self) -> None:
        self._seen = None
        if self.is_attached:
            self.refresh_tick()

    # -- drawing --------------------------------------------------------------------------------

    def _say_nothing(self) -> None:
        context = self._inspector.context
        reason = self._inspector.problem or (context.note if context else "")
        words = f"✗ {text.line(reason)}" if reason else "inspecting ..."
        self.query_one("#nothing", Static).update(Content.styled(words, "$muted"))

    def _show_subject(self, context: InspectionContext, inspection: Inspection) -> None:
        samples = context.samples
        assert samples is not None
        sample = inspection.sample
        name = text.cut(text.line(samples.classes[samples.label(sample)]), 12)
        image = TextPart(f"image #{samples.index(sample)}: {name} ", "$muted", "sample(1)")
        left = self.fitted(self.selection_parts(), (image,))
        self.query_one("#subject", Line).show(left, (image,))

    def _show_pictures(
        self,
        context: InspectionContext,
        inspection: Inspection,
        place: LayerPlace,
        index: Index,
        output: Array,
    ) -> None:
        samples, found = context.samples, self.found
        assert samples is not None
        number = samples.index(inspection.sample)
        image = as_pictures(samples.split.images[number : number + 1])[0]
        fits = found is not None and (found.place, found.index) == (place, index)
        self.query_one(FramedPicture).show(image, None, found.field if found and fits else None)
        gallery = layer_images.maps(place, output)
        picture = gallery.pictures[index[0] if len(index) == 3 else 0]
        row, column = index[1:] if len(index) == 3 else divmod(index[0], picture.shape[1])
        frame = Frame(row, row + 1, column, column + 1)
        self.query_one(FeatureMap).show(picture, gallery.limit, frame)
        words = "probabilities" if place.name == LOSS else "features"
        of = f"map {index[0]} of {len(output)}" if len(index) == 3 else f"{output.size} {words}"
        set_titles(self.query_one("#left"), Content(f"{place.name} {place.kind}"), Content(of))
        low = self.has_class("-very-low")  # there are no frames to put the titles into
        value = Content.assemble(
            (f"{place.name} {place.kind}, {of}\n" if low else "", "$primary"),
            (f"{_where(place, index)}  ", "$muted"),
            (text.metric(float(output[index])), "bold"),
        )
        self.query_one("#here", Words).show(value)

    def _show_calculation(self) -> None:
        pane, calculation = self.query_one("#right"), self.query_one(Calculation)
        verdict = self.query_one("#verdict", Words)
        if self.found is None:
            calculation.say(self._problem or "calculating ...")
            verdict.show(Content(""))
            return
        shown = self.found.arithmetic
        set_titles(pane, Content(text.line(shown.title, max(pane.size.width - 4, 1))))
        calculation.show(words.written(shown, self._channel, calculation.line_width))
        verdict.show(words.verdict(shown))

    @property
    def _channel(self) -> int:
        """The input channel whose products are shown."""
        if self.found is None:
            return 0
        patch = self.found.arithmetic.patch
        if self.channel is None or patch is None or patch.ndim != 3:
            return words.heaviest_channel(self.found.arithmetic)
        return min(self.channel, len(patch) - 1)

    def on_resize(self) -> None:
        super().on_resize()
        self._seen = None

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if action in ("pause", "step"):
            return self.refuse_lever()
        if action in ("leave", "choose_network"):
            return None
        place = self.place
        if place is None:
            return "there is nothing to look at yet"
        if action == "map" and len(place.out_shape) != 3:
            return "this layer has features, no maps; the arrows go through them"
        if action == "weight" and not any(each.parameters for each in self._places):
            return "this network has no weights"
        patch = self.found.arithmetic.patch if self.found else None
        if action == "channel" and (patch is None or patch.ndim != 3 or len(patch) < 2):
            return "this number is made of one input channel, or of none"
        return None

    def key_label(self, key: keymap.Key) -> str:
        if key.action == "pause" and self.cnn.training.paused:
            return "resume"
        if key.action == "gradient" and self.gradient:
            return "number"
        return key.label

    @on(FeatureMap.Moved)
    def _moved(self, event: FeatureMap.Moved) -> None:
        known, place = self._known, self.place
        if known is None or place is None or self.index is None:
            return
        output = known[2][place.name]
        if output.ndim == 3:
            self.index = (self.index[0], event.row, event.column)
        else:
            columns = layer_images.maps(place, output).pictures.shape[2]
            self.index = (min(event.row * columns + event.column, output.size - 1),)
        self.refresh_tick()

    def action_layer(self, step: int) -> None:
        """The same place in another layer."""
        place, places = self.place, self._places
        if place is None or self.index is None:
            return
        target = places.index(place) + step
        if not 0 <= target < len(places):
            where = "nothing is behind the loss" if place.name == LOSS else "this is the last layer"
            self.cnn.show_message(where if step > 0 else "this is the first layer", timeout=2)
            return
        self.index = carried(self.index, place.out_shape, places[target].out_shape)
        self._layer, self.channel = places[target].name, None
        self.query_one(Calculation).scroll_home(animate=False)
        self.refresh_tick()

    def action_map(self, step: int) -> None:
        """Another feature map, at the same place."""
        place = self.place
        if place is not None and self.index is not None:
            self.index = ((self.index[0] + step) % place.out_shape[0], *self.index[1:])
            self.refresh_tick()

    def action_channel(self, step: int) -> None:
        """The products of another input channel."""
        if self.found is not None and self.found.arithmetic.patch is not None:
            self.channel = (self._channel + step) % len(self.found.arithmetic.patch)
            self.refresh_tick()

    def action_gradient(self) -> None:
        """The gradient of the number, or the number."""
        self.gradient = not self.gradient
        self.query_one(Calculation).scroll_home(animate=False)
        self.refresh_tick()

    def action_scroll(self, pages: int) -> None:
        """Scroll the arithmetic."""
        self.query_one(Calculation).scroll_pages(pages)

    def action_strongest(self) -> None:
        """The number of the map that is farthest from zero."""
        known, place = self._known, self.place
        if known is not None and place is not None and self.index is not None:
            self.index = strongest(known[2][place.name], self.index[0])
            self.refresh_tick()

    def action_sample(self, step: int) -> None:
        """Another image."""
        self._inspector.sample += step
        self.refresh_tick()

    def action_weight(self) -> None:
        """The weight that matters most here, or of the next layer that has weights."""
        place = self.place
        assert place is not None
        behind = self._places[self._places.index(place) :] + self._places[::-1]
        target = next(each for each in behind if each.parameters)
        index: Index = ()
        if self.found is not None and (self.found.place, target) == (place, place):
            kernel, patch = self.found.arithmetic.kernel, self.found.arithmetic.patch
            if kernel is not None and patch is not None:
                index = (self.found.index[0], *strongest(kernel * patch))
        self.app.push_screen(WeightScreen(self._inspector, Spot(target.name, "weight", index)))

    def action_leave(self) -> None:
        """Back to the screen before."""
        self.dismiss(None)


def _where(place: LayerPlace, index: Index) -> str:
    if len(index) == 1:
        return f"{'class' if place.name == LOSS else 'feature'} {index[0]}"
    return f"row {index[1]}, column {index[2]}"
