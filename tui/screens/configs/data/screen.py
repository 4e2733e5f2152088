"""The data of a config: images a class, a sample of each, and how augmentation changes one."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from engine.arrays import Array
from engine.config import Config
from engine.data import how_to_get
from engine.errors import EngineError
from engine.layers import shape_text
from engine.services.datasets import Overview
from tui import keymap, text
from tui.jobs import Job
from tui.screens.base import BaseScreen
from tui.screens.configs.data.class_table import ClassCounts
from tui.screens.configs.data.view import EPOCHS, DataView
from tui.screens.configs.summary import augment_words, data_state
from tui.widgets.empty import advice, hints
from tui.widgets.line import Line, TextPart
from tui.widgets.table import Table
from tui.widgets.tiles import Tiles


class ClassSamples(Tiles):
    """An image of every class."""

    HELP_TEXT = (
        "An image of every class, of those that this config trains on. Arrows choose one, n and N "
        "go through the images of the classes, and enter, or a, shows the chosen one as the "
        "network gets it in training."
    )


class AugmentedSample(Tiles):
    """The chosen image in the first epochs of the training."""

    HELP_TEXT = (
        "The chosen image as it is, and as the training sees it in its first epochs: "
        "augmentation shifts, mirrors, partly covers or mixes it anew every epoch, so that the "
        "network learns what stays the same. These are the random numbers of the run itself. "
        "data.augment in the config says what is done; e on the configs screen edits it."
    )


class DataScreen(BaseScreen):
    """The classes at the left, their images at the right.

    Args:
        config: the config whose data is shown.
    """

    WHERE = "data"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    HELP_TEXT: ClassVar[str] = (
        "What the chosen config trains on: how many images each class has, what they look like in "
        "the size that the network gets, and what augmentation makes of them."
    )

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._config = config
        self._view: DataView | None = None
        self._turn = 0
        self._jobs: dict[str, Job] = {}
        self._shown: dict[str, int] = {}

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        yield Static(id="facts", markup=False)
        yield Static(id="nothing", classes="empty", markup=False)
        with Horizontal(id="body"):
            yield ClassCounts(id="counts")
            with Vertical(id="pictures"):
                with Vertical(id="samples-pane", classes="pane"):
                    yield ClassSamples(id="samples")
                with Vertical(id="augmented-pane", classes="pane"):
                    yield AugmentedSample(id="augmented")

    def on_mount(self) -> None:
        self._show_subject("")
        self._say("reading ...")
        config, training = self._config, self.cnn.training
        self._compute("data", 0, lambda job: DataView.read(config, training), self._read)

    def _show_subject(self, place: str) -> None:
        info = self._config.dataset_info
        self.query_one("#subject", Line).show(
            (
                TextPart(" data ", "$muted"),
                TextPart(f" {text.line(info.name, 40)}  ", "bold"),
                TextPart(f"{text.line(info.title, 60)}  ", "$foreground"),
                TextPart(text.line(place), "$muted"),
            )
        )

    def on_unmount(self) -> None:
        for job in self._jobs.values():
            job.cancel()

    def _compute(
        self, what: str, key: int, work: Callable[[Job], Any], show: Callable[[Any], None]
    ) -> None:
        """Compute something in the background, unless it is what is shown; one at a time."""
        if what in self._jobs or self._shown.get(what) == key:
            return

        def done(result: Any) -> None:
            del self._jobs[what]
            self._shown[what] = key
            show(result)
            self.refresh_tick()

        self._jobs[what] = self.cnn.start_job(work, on_done=done, on_error=self._failed, name=what)

    def _failed(self, error: Exception) -> None:
        self._view = None
        words = str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"
        self._say(advice(f"✗ {words}", "esc goes back"))

    def _say(self, words: str | Content) -> None:
        self.add_class("-nothing")
        self.query_one("#nothing", Static).update(words)

    def _read(self, view: DataView | None) -> None:
        config = self._config
        if view is None:
            how = how_to_get(config.dataset, config.data.root)
            title = f"{config.dataset_info.title} is not on this machine."
            self._say(hints(title, text.wrapped(how, 56), [("esc r", "fetches it, and trains")]))
            return
        self._view = view
        self.remove_class("-nothing")
        names = tuple(text.line(name, 40) for name in view.dataset.classes)
        self.query_one(ClassCounts).show_counts(names, view.overview)
        self.query_one("#facts", Static).update(_facts(view.overview))
        ships = data_state(config).bundled
        self._show_subject("ships with cnn-tui" if ships else f"in {view.overview.place}")
        self.query_one(ClassCounts).focus()
        self.refresh_bindings()

    # -- drawing --------------------------------------------------------------------------------

    def tick(self) -> None:
        view, config, turn = self._view, self._config, self._turn
        if view is None:
            return
        self._compute("samples", turn, lambda job: view.pictures(turn), self._show_samples)
        sample = view.sample(self.query_one(ClassCounts).cursor, turn)
        pane = self.query_one("#augmented-pane")
        if not pane.display:
            return
        if sample is None or not augment_words(config):
            self._show_no_versions(sample)
            return
        self._compute(
            "augmented", sample, lambda job: view.augmented(config, sample), self._show_versions
        )

    def _show_samples(self, pictures: Array) -> None:
        view, turn = self._view, self._turn
        assert view is not None
        chosen = [view.sample(label, turn) for label in range(len(pictures))]
        names = [text.line(name, 40) for name in view.dataset.classes]
        captions = [
            name if sample is not None else f"none of {name}"
            for name, sample in zip(names, chosen, strict=True)
        ]
        self.query_one(ClassSamples).show(pictures, captions, None)
        pane = self.query_one("#samples-pane")
        pane.border_title = Content(f"image {turn + 1} of every class")

    def _show_versions(self, pictures: Array) -> None:
        captions = ["original", *(f"epoch {epoch + 1}" for epoch in range(EPOCHS))]
        self.query_one(AugmentedSample).show(pictures, captions, None)
        pane = self.query_one("#augmented-pane")
        pane.border_title = Content(f"as it is trained on: {augment_words(self._config)}")
        pane.border_subtitle = Content(f"training image {self._shown['augmented']}")

    def _show_no_versions(self, sample: int | None) -> None:
        self._shown.pop("augmented", None)
        tiles = self.query_one(AugmentedSample)
        why = (
            "no image of this class is trained on"
            if sample is None
            else "every epoch sees the images as they are\nesc e: data.augment changes them"
        )
        if tiles.empty == why and not len(tiles.pictures):
            return
        tiles.empty = why
        tiles.show(np.zeros((0, 1, 1)), (), None)
        pane = self.query_one("#augmented-pane")
        pane.border_title, pane.border_subtitle = Content("as it is trained on"), Content("")

    @on(Table.Moved)
    def _class_chosen(self, event: Table.Moved) -> None:
        self.query_one(ClassSamples).go(event.table.cursor)
        self.refresh_tick()

    @on(ClassSamples.Moved)
    def _sample_chosen(self, event: Tiles.Moved) -> None:
        if isinstance(event.tiles, ClassSamples):
            self.query_one(ClassCounts).move_to(str(event.tiles.cursor))

    @on(Table.Chosen)
    @on(ClassSamples.Chosen)
    def _entered(self) -> None:
        self._show_augmented(True)

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if action in ("sample", "augmented") and self._view is None:
            return "there is nothing to show yet"
        return None

    def key_label(self, key: keymap.Key) -> str:
        if key.action == "augmented" and self.has_class("-augmented"):
            return "samples"
        return key.label

    def action_sample(self, step: int) -> None:
        """Another image of every class."""
        assert self._view is not None
        most = max(map(len, self._view.samples))
        self._turn = (self._turn + step) % max(most, 1)
        self.refresh_tick()

    def action_augmented(self) -> None:
        """Samples, or what is trained on."""
        self._show_augmented(not self.has_class("-augmented"))

    def _show_augmented(self, augmented: bool) -> None:
        self.set_class(augmented, "-augmented")
        self.refresh_bindings()
        target = self.query_one(AugmentedSample) if augmented else self.query_one(ClassCounts)
        self.call_after_refresh(target.focus)
        self.call_after_refresh(self.refresh_tick)

    def action_leave(self) -> None:
        """Back to the configs, or to the samples."""
        self.dismiss(None)


def _facts(found: Overview) -> Content:
    """Sizes and pixel statistics, and where it came from, in a line or a few."""
    info = found.info
    pixels = [", ".join(text.significant(v) for v in values) for values in (info.mean, info.std)]
    source = " ".join(str(found.source[key]) for key in ("kind", "path") if key in found.source)
    return Content.assemble(
        f"{shape_text(info.image_shape)}  {len(info.classes):,} classes  "
        f"{len(found.dataset.train):,} train + {len(found.dataset.test):,} test  ",
        (f"mean {pixels[0]}  std {pixels[1]}", "$muted"),
        (f"\nfrom {text.line(source, 200)}" if source else "", "$muted"),
    )
