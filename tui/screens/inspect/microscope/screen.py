"""The microscope: a feature map at the left, the arithmetic of one of its numbers at the right."""

from typing import ClassVar

from textual import on

from engine.arrays import Array
from tui import keymap, text
from tui.charts import layer_images
from tui.charts.layer_images import LayerPlace, as_pictures
from tui.screens.inspect.glossary import explained
from tui.screens.inspect.microscope import words
from tui.screens.inspect.microscope.arithmetic_screen import ArithmeticScreen
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
from tui.state.network_inspector import Inspection, InspectionContext, NetworkInspector
from tui.widgets.line import Line, TextPart


class MicroscopeScreen(ArithmeticScreen[Look]):
    """One number of a network.

    Args:
        inspector: what follows the network.
        layer: name of the layer that is shown first.
        channel: its feature map that is shown first.
    """

    WHERE = "microscope"
    BINDINGS = keymap.bindings(WHERE)
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
        super().__init__(inspector)
        self._layer, self._map = layer, channel
        self.index: Index | None = None
        self.channel: int | None = None
        """The input channel whose products are shown; None is the one that weighs most."""
        self.gradient = False
        self._microscope: Microscope | None = None
        self._stops: tuple[InspectionContext, tuple[LayerPlace, ...]] | None = None

    def pictures(self) -> tuple[FramedPicture, FramedPicture]:
        return FramedPicture(id="image"), FeatureMap(id="map")

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

    def tick(self) -> None:
        self._inspector.poll()
        known, place = self._known, self.place
        self.set_class(known is None or place is None, "-nothing")
        if known is None or place is None:
            context = self._inspector.context
            self.say_nothing(self._inspector.problem or (context.note if context else ""))
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
        if self._microscope is None or self._microscope.context is not context:
            self._microscope = Microscope(context)
        microscope, gradient = self._microscope, self.gradient
        self.compute(
            (self._inspector.version, place.name, index, gradient),
            lambda: microscope.look(inspection, place, index, gradient=gradient),
        )

    # -- drawing --------------------------------------------------------------------------------

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
        self.show_number(
            place,
            of,
            f"{place.name} {place.kind}, {of}",
            _where(place, index),
            float(output[index]),
        )

    def _show_calculation(self) -> None:
        if self.found is None:
            self.say_why()
            return
        shown = self.found.arithmetic
        lines = words.written(shown, self._channel, self.calculation.line_width)
        self.show_arithmetic(shown.title, lines, words.verdict(shown))

    @property
    def _channel(self) -> int:
        """The input channel whose products are shown."""
        if self.found is None:
            return 0
        patch = self.found.arithmetic.patch
        if self.channel is None or patch is None or patch.ndim != 3:
            return words.heaviest_channel(self.found.arithmetic)
        return min(self.channel, len(patch) - 1)

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if action in ("pause", "step", "leave", "choose_network"):
            return super().refuse(action)
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
        if key.action == "gradient" and self.gradient:
            return "number"
        return super().key_label(key)

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
        self.calculation.scroll_home(animate=False)
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
        self.calculation.scroll_home(animate=False)
        self.refresh_tick()

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


def _where(place: LayerPlace, index: Index) -> str:
    if len(index) == 1:
        return f"{'class' if place.name == LOSS else 'feature'} {index[0]}"
    return f"row {index[1]}, column {index[2]}"
