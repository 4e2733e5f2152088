"""Inspect: every layer in numbers, one of them in pictures."""

from typing import ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from engine.inspection.health import LayerFacts
from engine.inspection.sentences import whitened
from engine.layers import LAYERS
from tui import keymap, text
from tui.charts import layer_images
from tui.charts.layer_images import Gallery, LayerPlace, as_pictures
from tui.screens.inspect.bench.screen import BenchScreen
from tui.screens.inspect.gallery import GalleryPane, Pictures
from tui.screens.inspect.glossary import explained
from tui.screens.inspect.histogram import Histogram
from tui.screens.inspect.image_screen import MapsScreen
from tui.screens.inspect.images import ShownImage, inspected
from tui.screens.inspect.microscope.screen import MicroscopeScreen
from tui.screens.inspect.rows import COLUMNS, LEVELS, cells_of, flagged, flags, prediction_parts
from tui.screens.inspect.space.screen import SpaceScreen
from tui.screens.zoom_screen import ZoomScreen
from tui.state.network_inspector import NetworkInspector
from tui.state.replay import HELP
from tui.widgets.empty import hints
from tui.widgets.line import Line, TextPart
from tui.widgets.table import Table
from tui.widgets.titles import set_titles
from tui.widgets.words import Words


class LayerTable(Table):
    """The layers."""

    HELP_TEXT = (
        "A line for every layer, from the image to the answer. f goes to the next flagged layer. "
        "Without a training the gradients are those of the first batch, and there is no step."
    )


class Histograms(Horizontal, can_focus=True):
    """Weights and gradients of the chosen layer."""

    HELP_TEXT = (
        "The distribution of the chosen layer's weights, and of their gradients: upwards now, "
        "downwards before the first step. The axis fits the values of now; the bars at its ends "
        "count everything beyond. Weights that stay where they started learn nothing; gradients "
        "that are all 0 mean dead units."
    )


class InspectScreen(ZoomScreen, MapsScreen):
    """A network from the inside."""

    WHERE = "inspect"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    FIRST_FOCUS = "#layers"
    DEFAULT_PANE = 1  # the pictures
    HELP_TEXT: ClassVar[str] = (
        (
            "Look inside the network while it trains, once a second, or inside a run or a config "
            "that does not train. The last column sums up the numbers in a word; advice "
            "is below the table. "
        )
        + HELP
        + explained("filter", "feature map", "channel", "pool", "loss", "gradient")
    )

    def __init__(self) -> None:
        super().__init__()
        self.channel = 0
        self.wants_maps = False
        self._seen: object = None
        self._inspector: NetworkInspector | None = None

    @property
    def inspector(self) -> NetworkInspector:
        """The inspector of the network."""
        if self._inspector is None:
            self._inspector = NetworkInspector(self.cnn)
        return self._inspector

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        yield Static(id="nothing", classes="empty", markup=False)
        with Vertical(id="body"):
            yield LayerTable(COLUMNS, id="layers", classes="pane")
            yield Words(id="about")
            with Horizontal(classes="bottom"):
                yield GalleryPane(id="gallery")
                with Histograms(id="histograms", classes="pane"):
                    yield Histogram("weights", id="weights")
                    yield Histogram("gradients", id="gradients")

    # -- drawing --------------------------------------------------------------------------------

    def tick(self) -> None:
        self.inspector.poll()
        self._show_selection()
        table = self.query_one(LayerTable)
        room = self.size, self.has_class("-high"), self.has_class("-very-low")
        seen = (self.inspector.version, table.key, self.channel, self.wants_maps, room)
        if seen == self._seen:
            return
        self._seen = seen
        context, inspection = self.inspector.context, self.inspector.inspection
        self.set_class(context is None or inspection is None, "-nothing")
        if context is None or inspection is None:
            self._say_nothing()
            return
        self._show_table(context.places, inspection.facts)
        place = self.place
        if place is not None:
            self._show_gallery(place)
            self._show_histograms(place)
        self.refresh_bindings()

    def _say_nothing(self) -> None:
        if self.inspector.problem is not None:
            words = hints(f"✗ {self.inspector.problem}", [], [("o", "chooses another network")])
        elif self.cnn.choice.current is None and not self.cnn.choice.live:
            words = hints(
                "",
                ["The chosen config has errors."],
                [("1", "shows them"), ("o", "chooses a run")],
            )
        else:
            words = Content.styled("inspecting ...", "$muted")
        self.query_one("#nothing", Static).update(words)

    def _show_selection(self) -> None:
        context, inspection = self.inspector.context, self.inspector.inspection
        right: tuple[TextPart, ...] = ()
        key: tuple[TextPart, ...] = ()
        if context is not None and context.note:
            right = (TextPart(f"{text.line(context.note, 60)} ", "$warning"),)
        elif context is not None and inspection is not None and inspection.maps and context.samples:
            right = prediction_parts(
                inspection.maps[context.places[-1].name], context.samples, inspection.sample
            )
            key = (
                TextPart(" n", "bold $accent", "sample(1)"),
                TextPart(" next ", "$muted"),
            )
        left = self.selection_parts()
        room = self.size.width - 2 - sum(len(part.text) for part in left)
        if sum(len(part.text) for part in right + key) <= room:
            right += key
        while right and sum(len(part.text) for part in right) > room:
            right = right[1:]
        self.query_one("#subject", Line).show(left, right)

    def _show_table(self, places: tuple[LayerPlace, ...], facts: tuple[LayerFacts, ...]) -> None:
        table = self.query_one(LayerTable)
        rows = [cells_of(place, fact) for place, fact in zip(places, facts, strict=True)]
        table.show(rows, [place.name for place in places])
        table.styles.height = None if self.zoomed else len(rows) + 3
        total = sum(place.parameters for place in places)
        title = Content(f"{len(places)} layers, {text.count(total)} parameters")
        set_titles(table, title, flags(flagged(facts)))
        self._show_about(next((fact for fact in facts if fact.name == table.key), None))

    def _show_about(self, chosen: LayerFacts | None) -> None:
        """Show advice on the chosen layer, and what it does."""
        lines = []
        if chosen is not None and chosen.health.advice:
            style = LEVELS[chosen.health.level].split()[-1]
            lines.append(
                Content.styled(f"{chosen.health.symbol} {chosen.health.advice}", f"${style}")
            )
        table, place = self.query_one(LayerTable), self.place
        table.HELP_TEXT = LayerTable.HELP_TEXT
        if chosen is not None and chosen.kind in LAYERS:
            about = f"{LAYERS[chosen.kind].about}."
            here = self._in_numbers(place) if place is not None else ""
            table.HELP_TEXT = f"{chosen.kind} {about} {here}\n\n{LayerTable.HELP_TEXT}"
            if self.has_class("-high"):
                about = f"{about} {here}"
            if not self.has_class("-very-low"):
                lines.append(Content.assemble((f"{chosen.kind} ", "bold"), (about, "$muted")))
        self.query_one("#about", Words).show(Content("\n").join(lines))
        self.set_class(bool(lines), "-about")

    def _in_numbers(self, place: LayerPlace) -> str:
        """What a layer does in this network; of a whitening layer, what its filters stand for."""
        inspection = self.inspector.inspection
        if place.whitening_eps is None or inspection is None:
            return place.in_numbers
        weight = inspection.layers[place.name].weights["weight"]
        return f"{place.in_numbers} {whitened(layer_images.variance_shares(place, weight))}"

    @property
    def place(self) -> LayerPlace | None:
        """The chosen layer; the first one before the table is drawn."""
        context, key = self.inspector.context, self.query_one(LayerTable).key
        if context is None:
            return None
        return next((place for place in context.places if place.name == key), context.places[0])

    def _gallery(self, place: LayerPlace) -> Gallery | None:
        inspection = self.inspector.inspection
        assert inspection is not None
        if not self.shows_maps(place):
            return layer_images.filters(place, inspection.layers[place.name], self.channel)
        return layer_images.maps(place, inspection.maps[place.name]) if inspection.maps else None

    def shows_maps(self, place: LayerPlace) -> bool:
        """Whether feature maps are shown: if they are wanted, or there are no filters."""
        return self.wants_maps or place.parameters == 0

    def _show_gallery(self, place: LayerPlace) -> None:
        shown, what = self._gallery(place), f"{place.name} {place.kind}"
        note, subtitle = "", ""
        if shown is None:
            note = "The data set is not downloaded,\nso there is no image to show."
        elif self.shows_maps(place):
            subtitle = "m filters" if place.parameters else ""
        elif len(shown.views) > 1:
            subtitle = f"[ ] {shown.views[min(self.channel, len(shown.views) - 1)]}   m maps"
        else:
            subtitle = "m feature maps"
        title = f"{what}: {shown.title}" if shown else what
        image = self._image() if self.shows_maps(place) else None
        self.query_one(GalleryPane).show(shown, title, subtitle, note, image)

    def _image(self) -> tuple[np.ndarray, str] | None:
        """The image that the maps are of, and its caption."""
        context, inspection = self.inspector.context, self.inspector.inspection
        if context is None or inspection is None or context.samples is None:
            return None
        index = context.samples.index(inspection.sample)
        return as_pictures(context.samples.split.images[index : index + 1]), f"#{index}"

    def _show_histograms(self, place: LayerPlace) -> None:
        context, inspection = self.inspector.context, self.inspector.inspection
        assert context is not None
        assert inspection is not None
        now = inspection.layers[place.name]
        start = context.start[place.name] if context.start else None
        without = "" if place.parameters else "this layer has no weights"
        no_gradients = "no gradients: it is frozen" if now.frozen else "no gradients without data"
        if place.whitening_eps is not None:
            no_gradients = "no gradients: its filters are not trained"
        for name, arrays in (("weights", "weights"), ("gradients", "grads")):
            histogram = self.query_one(f"#{name}", Histogram)
            histogram.show(
                getattr(now, arrays).get("weight"),
                getattr(start, arrays).get("weight") if start else None,
                without or (no_gradients if name == "gradients" else ""),
            )
        set_titles(self.query_one(Histograms), Content(f"{place.name} {place.kind}"))

    def image(self) -> ShownImage | None:
        return inspected(self.cnn, self.inspector, self.inspector.sample)

    # -- actions --------------------------------------------------------------------------------

    def show_image(self, index: int) -> None:
        """Show the feature maps of an image of the test set."""
        self.inspector.sample = index
        self.wants_maps = True
        self.action_back()

    def action_space(self) -> None:
        """Where the network puts the images of the test set."""
        self.app.push_screen(SpaceScreen(self.inspector))

    def refuse(self, action: str) -> str | None:
        if action == "frame":
            return self.refuse_frame()
        place = self.place
        if action in ("pause", "step"):
            return self.refuse_lever()
        if action == "bench" and self.inspector.inspection is not None:
            return None
        if place is None:
            known = action in ("choose_network", "space")
            return None if known else "there is nothing to inspect yet"
        if action == "flagged":
            inspection = self.inspector.inspection
            return None if inspection and flagged(inspection.facts) else "no layer is flagged"
        if action == "maps" and place.parameters == 0:
            return "this layer has no filters, only feature maps"
        if action == "channel" and (self.shows_maps(place) or not place.shows_channels):
            return "only filters have input channels; m shows them"
        context = self.inspector.context
        if action in ("sample", "microscope", "why") and (
            context is None or context.samples is None
        ):
            return "the data set is not downloaded; training downloads it"
        return None

    def key_label(self, key: keymap.Key) -> str:
        if key.action == "maps" and self.wants_maps:
            return "filters"
        if key.action == "pause" and self.cnn.training.paused:
            return "resume"
        return key.label

    def action_maps(self) -> None:
        """Filters, or feature maps."""
        self.wants_maps = not self.wants_maps
        self.refresh_tick()

    def action_channel(self, step: int) -> None:
        """Another input channel of the filters."""
        shown = self._gallery(self.place) if self.place else None
        if shown is not None:
            views = len(shown.views)
            self.channel = (min(self.channel, views - 1) + step) % views
        self.refresh_tick()

    def action_sample(self, step: int) -> None:
        """Another image."""
        self.inspector.sample += step
        self.refresh_tick()

    def action_microscope(self) -> None:
        """The arithmetic of a number of the chosen layer, in the chosen feature map."""
        place = self.place
        assert place is not None
        channel = self.query_one(Pictures).cursor
        self.app.push_screen(MicroscopeScreen(self.inspector, place.name, channel))

    def action_bench(self, breaks: bool = False) -> None:
        """A copy of the network as it is shown, to step through, or to break at once."""
        inspection, choice = self.inspector.inspection, self.cnn.choice
        config = self.cnn.training.config if choice.live else None
        if config is None and choice.current is not None:
            config = choice.current.config
        if inspection is not None and config is not None:
            layers = tuple(inspection.layers.values())
            optimizer = inspection.optimizer
            done = optimizer.t if optimizer else inspection.step or 0
            self.app.push_screen(BenchScreen(config, layers, done, optimizer, breaks))

    def action_flagged(self) -> None:
        """Go to the next layer that is flagged, after the last one to the first."""
        inspection, table = self.inspector.inspection, self.query_one(LayerTable)
        assert inspection is not None
        names = [fact.name for fact in flagged(inspection.facts)]
        keys = [key for key in table.keys[table.cursor + 1 :] + table.keys if key in names]
        table.move_to(keys[0])
        self.refresh_tick()

    def redraw(self) -> None:
        self._seen = None
        self.refresh_tick()

    def on_table_moved(self, event: Table.Moved) -> None:
        self.refresh_tick()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        self.query_one(Pictures).focus()
