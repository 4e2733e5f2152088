"""Which pixels of an image speak for a class, as a heat map beside the image."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from engine.errors import EngineError
from engine.saliency import METHODS
from engine.services.explain import Explanation, Subject, explain
from engine.services.predict import TrainedNetwork
from tui import keymap, text
from tui.charts.layer_images import as_pictures
from tui.jobs import Job
from tui.screens.inspect.glossary import explained
from tui.screens.inspect.images import ShownImage, inspected
from tui.screens.network_screen import run_parts
from tui.screens.newest import NewestScreen
from tui.state.network_inspector import NetworkInspector
from tui.state.selection import Selection
from tui.widgets.line import Line
from tui.widgets.tiles import Tiles


class WhyImage(Tiles, can_focus=False):
    """The image as the network sees it."""

    CHOOSES = False


class Heat(Tiles):
    """The heat map."""

    CHOOSES = False
    HELP_TEXT = (
        "Orange (above zero) speaks for the class, blue (below zero) against it; the darker (on a "
        "light theme: the lighter), the less. The lines below name the strongest places, and what "
        "the method does. m shows another method, ] and [ another class: ask why it is not an 8. "
        "Methods differ: believe what several of them show. A network that is right for a wrong "
        "reason, the background say, is found here."
    )


class WhyScreen(NewestScreen):
    """The image at the left, the heat map at the right.

    Args:
        image: the one that is shown first, and the network.
    """

    WHERE = "why"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    FIRST_FOCUS = "#heat"
    HELP_TEXT: ClassVar[str] = (
        "See which pixels of an image speak for a class, and which against. "
    ) + explained("saliency", "occlusion", "logit", "gradient")

    def __init__(self, image: ShownImage) -> None:
        super().__init__()
        self._image = image
        self._test, self._index = image.test, image.index
        self._info = image.config.dataset_info
        self._network: tuple[ShownImage, TrainedNetwork] | None = None
        self._method = next(iter(METHODS))
        self._target: int | None = None
        self._version = image.inspector.version if image.inspector is not None else 0
        self._job: Job | None = None
        self._ask_again = False
        self.found: Explanation | None = None
        self._problem = ""

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        with Horizontal(id="body"):
            yield WhyImage(id="image", classes="pane")
            yield Heat(id="heat", classes="pane")
        yield Static(id="words", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self._ask()

    # -- asking ---------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Explain the image of now in a job; while one is at work, once it is done."""
        if self._job is not None:
            self._ask_again = True
            return
        image, picture = self._image, self._test.images[self._index]
        subject = Subject(f"#{self._index}", picture, int(self._test.labels[self._index]))
        method, target = self._method, self._target
        self._job = self.cnn.start_job(
            lambda job: explain(self._loaded(image), subject, method, target),
            on_done=self._explained,
            on_error=self._failed,
            name="why",
        )

    def _loaded(self, image: ShownImage) -> TrainedNetwork:
        """The network of an image; kept for what is asked next."""
        if self._network is None or self._network[0] is not image:
            self._network = image, image.network()
        return self._network[1]

    @property
    def asked(self) -> tuple[Selection, ...]:
        return () if self._image.inspector is not None else (self._image.selection,)

    def use(self, networks: tuple[Selection, ...]) -> None:
        (selection,) = networks
        self._image = replace(self._image, selection=selection)
        self._ask()

    def _follow(self, inspector: NetworkInspector) -> None:
        """Ask the network that trains as it is now."""
        if self._job is not None:
            return
        inspector.poll()
        image = inspected(self.cnn, inspector, self._index)
        if image is not None and inspector.version != self._version:
            self._version, self._image = inspector.version, image
            self._ask()

    def _explained(self, found: Explanation) -> None:
        inspector, job = self._image.inspector, self._job
        if inspector is not None and job is not None:
            inspector.pace.rest(job.seconds)
        self._job, self._problem = None, ""
        if self._asked_again():
            return
        self.found, self._target = found, found.target
        self._show()

    def _failed(self, error: Exception) -> None:
        self._job = None
        if self._asked_again():
            return
        self.found = None
        self._problem = str(error) or type(error).__name__
        if not isinstance(error, EngineError):
            self.cnn.show_message(self._problem, severity="error")
        self._show()

    def _asked_again(self) -> bool:
        """Whether something else was asked in the meantime, which begins now."""
        again, self._ask_again = self._ask_again, False
        if again:
            self._ask()
        return again

    # -- drawing --------------------------------------------------------------------------------

    def tick(self) -> None:
        inspector, selection = self._image.inspector, self._image.selection
        right = () if inspector is not None else self.newest_parts(selection)
        room = self.size.width - sum(len(part.text) for part in right)
        word = "run" if selection.run else "config"
        left = run_parts(selection.name, selection.what, room, word)
        self.query_one("#subject", Line).show(left, right)
        if inspector is not None:
            self._follow(inspector)

    def _show(self) -> None:
        image, heat = self.query_one(WhyImage), self.query_one(Heat)
        image.show(as_pictures(self._test.images[self._index : self._index + 1]), [""], None)
        image.border_title = Content(f"image #{self._index} of the test set")
        found = self.found
        if found is None:
            heat.empty = self._problem or "asking ..."
            heat.show(np.zeros((0, 1, 1)), [], 0.0)
            heat.border_title = Content(METHODS[self._method].title)
            image.border_subtitle = heat.border_subtitle = Content("")
            self.query_one("#words", Static).update("m shows another method")
            return
        values = found.heat.values
        limit = max(float(np.abs(values).max()), 1e-12)
        heat.show(values[None], [""], limit)
        heat.border_title = Content(METHODS[self._method].title)
        heat.border_subtitle = Content(f"for {self._class(found.target)}")
        share = float(found.probabilities[found.predicted])
        mark = "✓" if found.predicted == found.subject.label else "✗"
        image.border_subtitle = Content(
            f"{self._class(int(found.subject.label or 0))}, predicted as "
            f"{self._class(found.predicted)} {share:.0%} {mark}"
        )
        self.query_one("#words", Static).update(self._words(found))

    def _words(self, found: Explanation) -> Content:
        values = found.heat.values
        parts = [("▲ for: ", "bold $curve-val"), (_place(values, 1), "$foreground")]
        if values.min() < 0:
            parts += [("  ▼ against: ", "bold $curve-train"), (_place(values, -1), "$foreground")]
        lines = [Content.assemble(*parts), Content.styled(METHODS[self._method].about, "$muted")]
        if not np.isnan(found.heat.baseline):
            total, rise = float(values.sum()), found.heat.score - found.heat.baseline
            words = f"all add up to {text.significant(total)}, its rise of {text.significant(rise)}"
            lines.append(Content.styled(f"{words} above the mean image", "$muted"))
        return Content("\n").join(lines)

    def _class(self, label: int) -> str:
        return text.line(self._info.classes[label], 16)

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        return self.refuse_newest(action)

    def action_method(self) -> None:
        """Another method."""
        names = list(METHODS)
        self._method = names[(names.index(self._method) + 1) % len(names)]
        self._ask()

    def action_target(self, step: int) -> None:
        """Another class."""
        if self._target is not None:  # else the predicted class is not known yet
            self._target = (self._target + step) % len(self._info.classes)
            self._ask()

    def action_sample(self, step: int) -> None:
        """Another image; its predicted class is explained."""
        self._index = (self._index + step) % len(self._test)
        self._target = None
        self._ask()

    def action_leave(self) -> None:
        """Back to the screen before."""
        if self._job is not None:
            self._job.cancel()
        self.dismiss(None)


def _place(values: np.ndarray, sign: int) -> str:
    """The place of the strongest value of a sign."""
    row, column = np.unravel_index((sign * values).argmax(), values.shape)
    return f"row {row}, column {column}"
