"""One weight: where its gradient comes from at the right, its filter and an image at the left."""

from typing import ClassVar

from textual import on

from engine.arrays import Array
from tui import keymap
from tui.charts.layer_images import LayerPlace
from tui.screens.inspect.glossary import explained
from tui.screens.inspect.microscope import words as arithmetic
from tui.screens.inspect.microscope.arithmetic_screen import ArithmeticScreen
from tui.screens.inspect.microscope.look import Frame, strongest
from tui.screens.inspect.microscope.pixels import FeatureMap, FramedPicture
from tui.screens.inspect.microscope.weight import words
from tui.screens.inspect.microscope.weight.look import (
    Spot,
    WeightLook,
    WeightMicroscope,
    moved,
    picture,
)
from tui.screens.inspect.microscope.weight.panes import BatchImage, WeightCalculation, Weights
from tui.state.network_inspector import Inspection, InspectionContext, NetworkInspector
from tui.state.selection import find_dataset
from tui.widgets.line import Line, TextPart


class WeightScreen(ArithmeticScreen[WeightLook]):
    """One weight of a network.

    Args:
        inspector: what follows the network.
        spot: the weight that is shown first.
    """

    WHERE = "weight"
    BINDINGS = keymap.bindings(WHERE)
    CALCULATION = WeightCalculation
    FIRST_FOCUS = "#weights"
    HELP_TEXT: ClassVar[str] = (
        "See why training changes a weight as it does: which samples of the next batch, and which "
        "places in them, pull at it; and how the optimizer makes a step of that. While the network "
        "trains, the numbers follow it. "
    ) + explained(
        "filter", "channel", "product", "gradient", "dy", "velocity", "moments", "orthogonal"
    )

    def __init__(self, inspector: NetworkInspector, spot: Spot) -> None:
        super().__init__(inspector)
        self.spot = spot
        self.chosen = 0
        """Which of the largest products is shown in its image."""
        self.wants_update = False
        self._microscope: WeightMicroscope | None = None

    def pictures(self) -> tuple[FramedPicture, FramedPicture]:
        return BatchImage(id="image"), Weights(id="weights")

    # -- what is looked at ----------------------------------------------------------------------

    @property
    def _known(self) -> tuple[InspectionContext, Inspection] | None:
        context, inspection = self._inspector.context, self._inspector.inspection
        return None if context is None or inspection is None else (context, inspection)

    @property
    def _places(self) -> list[LayerPlace]:
        """The layers that have weights."""
        known = self._known
        return [place for place in known[0].places if place.parameters] if known else []

    @property
    def _place(self) -> LayerPlace | None:
        """The layer; the first one where the network has none of that name."""
        places = self._places
        named = (place for place in places if place.name == self.spot.layer)
        return next(named, places[0] if places else None)

    def _parameters(self, place: LayerPlace) -> dict[str, Array]:
        """What the layer learns, by name."""
        known = self._known
        assert known is not None
        weights = known[1].layers[place.name].weights
        return {key: array for key, array in weights.items() if not key.startswith("running")}

    def _settle(self, place: LayerPlace) -> Array:
        """The array of the chosen weight, which is brought into it."""
        arrays, spot = self._parameters(place), self.spot
        parameter = spot.parameter if spot.parameter in arrays else next(iter(arrays))
        array = arrays[parameter]
        fits = len(spot.index) == array.ndim and all(
            i < n for i, n in zip(spot.index, array.shape, strict=True)
        )
        index = spot.index if fits else strongest(array)
        self.spot = Spot(place.name, parameter, index)
        return array

    def tick(self) -> None:
        self._inspector.poll()
        known, place = self._known, self._place
        self.set_class(place is None, "-nothing")
        if known is None or place is None:
            reason = "this network has no weights" if known else ""
            self.say_nothing(self._inspector.problem or reason)
            return
        array = self._settle(place)
        self._compute(*known)
        key = self.spot, self.chosen, self.wants_update
        seen = (self._inspector.version, *key, self.found, self.size)
        if seen != self._seen:
            self._seen = seen
            self._show_subject()
            self._show_weights(place, array)
            self._show_image()
            self._show_calculation(known[0])
            self.refresh_bindings()

    def _compute(self, context: InspectionContext, inspection: Inspection) -> None:
        if self._microscope is None or self._microscope.context is not context:
            training = self.cnn.training
            self._microscope = WeightMicroscope(
                context, lambda: find_dataset(context.config, training)
            )
        microscope, spot = self._microscope, self.spot
        self.compute(
            (self._inspector.version, spot),
            lambda: microscope.look(inspection, spot, words.LISTED),
        )

    # -- drawing --------------------------------------------------------------------------------

    def _show_subject(self) -> None:
        right: tuple[TextPart, ...] = ()
        if self.found is not None:
            step = self.found.step
            where = f"batch {step.batch + 1} of epoch {step.epoch + 1} "
            right = (TextPart(where, "$muted"),)
        self.query_one("#subject", Line).show(self.fitted(self.selection_parts(), right), right)

    def _show_weights(self, place: LayerPlace, array: Array) -> None:
        spot = self.spot
        shown, limit, row, column = picture(place, array, spot)
        self.query_one(Weights).show(shown, limit, Frame(row, row + 1, column, column + 1))
        of = spot.parameter
        if array.ndim == 4:
            of = f"filter {spot.index[0]}, input {spot.index[1]} of {array.shape[1]}"
        where = f"{spot.parameter}[{', '.join(map(str, spot.index))}]"
        self.show_number(place, of, f"{place.name} {place.kind}", where, float(array[spot.index]))

    @property
    def _fits(self) -> bool:
        """Whether what was found is about the chosen weight."""
        return self.found is not None and self.found.spot == self.spot

    def _show_image(self) -> None:
        found, image = self.found, self.query_one(BatchImage)
        if found is None or not self._fits or not found.fields:
            return
        sample, frame = found.fields[min(self.chosen, len(found.fields) - 1)]
        image.show(found.images[sample], None, frame)

    def _show_calculation(self, context: InspectionContext) -> None:
        found = self.found
        if found is None:
            self.say_why()
            return
        width, shown = self.calculation.line_width, found.weight.gradient.arithmetic
        if self.wants_update:
            title = f"the update of {shown.title.removeprefix('the gradient of ')}"
            lines = words.update(found, self._memory(found), width)
            self.show_arithmetic(title, lines, words.before_and_after(found))
        else:
            names = context.config.dataset_info.classes
            lines = words.gradient(found, self.chosen, names, width)
            self.show_arithmetic(shown.title, lines, arithmetic.verdict(shown))

    def _memory(self, found: WeightLook) -> str:
        """What the optimizer remembers."""
        optimizer, slots = found.step.optimizer, found.step.slots
        if optimizer.t:
            remembers = (
                f"it remembers {len(slots)} numbers of this weight" if slots else "no memory"
            )
            return f"{optimizer.t:,} steps taken; {remembers}"
        selection = self.cnn.choice.current
        if self.cnn.choice.live or selection is None or selection.weights is None:
            return "no step taken yet: moments are 0"
        return "this file has weights alone: moments are 0, as before the first step"

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if action in ("pause", "step", "leave", "choose_network"):
            return super().refuse(action)
        place = self._place
        if place is None:
            return "there is nothing to look at yet"
        if action in ("map", "channel") and len(self.spot.index) != 4:
            return "only filters have input channels; the arrows go through these weights"
        if action == "parameter" and len(self._parameters(place)) < 2:
            return "this layer learns nothing else"
        if action in ("strongest", "product") and not self._fits:
            return "calculating; wait a moment"
        return None

    def key_label(self, key: keymap.Key) -> str:
        if key.action == "update" and self.wants_update:
            return "gradient"
        return super().key_label(key)

    def _go(self, spot: Spot) -> None:
        self.spot, self.chosen = spot, 0
        self.refresh_tick()

    @on(FeatureMap.Moved)
    def _moved(self, event: FeatureMap.Moved) -> None:
        place = self._place
        if place is not None:
            array = self._settle(place)
            columns = picture(place, array, self.spot)[0].shape[1]
            self._go(moved(array, self.spot, event.row, event.column, columns))

    def action_layer(self, step: int) -> None:
        """Another layer that has weights."""
        place, places = self._place, self._places
        assert place is not None
        target = places.index(place) + step
        if not 0 <= target < len(places):
            where = "last" if step > 0 else "first"
            self.cnn.show_message(f"this is the {where} layer with weights", timeout=2)
            return
        self.calculation.scroll_home(animate=False)
        self._go(Spot(places[target].name, "weight", ()))

    def action_map(self, step: int) -> None:
        """The same place in another filter."""
        self._shift(0, step)

    def action_channel(self, step: int) -> None:
        """The same place in another input channel."""
        self._shift(1, step)

    def _shift(self, axis: int, step: int) -> None:
        place = self._place
        assert place is not None
        index, array = list(self.spot.index), self._settle(place)
        index[axis] = (index[axis] + step) % array.shape[axis]
        self._go(Spot(place.name, self.spot.parameter, tuple(index)))

    def action_parameter(self) -> None:
        """The layer's next array."""
        place = self._place
        assert place is not None
        names = list(self._parameters(place))
        name = names[(names.index(self.spot.parameter) + 1) % len(names)]
        self._go(Spot(place.name, name, ()))

    def action_strongest(self) -> None:
        """The weight of the array whose gradient is farthest from zero."""
        assert self.found is not None
        spot = self.spot
        self._go(Spot(spot.layer, spot.parameter, strongest(self.found.gradients)))

    def action_product(self, step: int) -> None:
        """Another of the largest products."""
        assert self.found is not None
        self.chosen = (self.chosen + step) % max(len(self.found.fields), 1)
        self.refresh_tick()

    def action_update(self) -> None:
        """The optimizer's arithmetic, or the gradient."""
        self.wants_update = not self.wants_update
        self.calculation.scroll_home(animate=False)
        self.refresh_tick()
