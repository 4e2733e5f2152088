"""The base of the screens with pictures at the left and the arithmetic of a number at the right."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from tui import keymap, text
from tui.charts.layer_images import LayerPlace
from tui.jobs import Job
from tui.screens.inspect.microscope.calculation import Calculation
from tui.screens.inspect.microscope.pixels import FramedPicture
from tui.screens.network_screen import NetworkScreen
from tui.state.network_inspector import NetworkInspector
from tui.widgets.line import Line
from tui.widgets.titles import set_titles
from tui.widgets.words import Words

Found = TypeVar("Found")


class ArithmeticScreen(NetworkScreen, Generic[Found]):
    """One number, computed in jobs, one at a time, from what the inspector finds.

    A subclass writes ``pictures`` and ``tick``.

    Attributes:
        found: what was found out last about the number; None before, and where that failed.

    Args:
        inspector: what follows the network.
    """

    CSS_PATH = Path(__file__).with_name("screen.tcss")
    CALCULATION: ClassVar[type[Calculation]] = Calculation

    def __init__(self, inspector: NetworkInspector) -> None:
        super().__init__()
        self._inspector = inspector
        self.found: Found | None = None
        self._problem = ""
        self._job: Job | None = None
        self._asked: object = None
        self._seen: object = None

    def pictures(self) -> tuple[FramedPicture, FramedPicture]:
        """The widgets at the left: an image, and numbers of the network."""
        raise NotImplementedError

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        yield Static(id="nothing", classes="empty", markup=False)
        with Horizontal(id="body"):
            with Vertical(id="left", classes="pane"):
                yield from self.pictures()
                yield Words(id="here")
            with Vertical(id="right", classes="pane"):
                yield self.CALCULATION(id="sum")
                yield Words(id="verdict")

    def on_unmount(self) -> None:
        if self._job is not None:
            self._job.cancel()

    # -- finding out ----------------------------------------------------------------------------

    def compute(self, asked: object, work: Callable[[], Found]) -> None:
        """Have something found out in a job, unless it is, or something else is just now."""
        if self._job is not None or asked == self._asked:
            return
        self._asked = asked

        def ended(found: Found | None, problem: str) -> None:
            self._inspector.pace.rest(job.seconds, least=0)
            self._job = None
            self.found, self._problem = found, problem
            self._redraw()

        job = self._job = self.cnn.start_job(
            lambda job: work(),
            on_done=lambda found: ended(found, ""),
            on_error=lambda error: ended(None, str(error) or type(error).__name__),
            name=self.WHERE,
        )

    def _redraw(self) -> None:
        self._seen = None
        if self.is_attached:
            self.refresh_tick()

    # -- drawing --------------------------------------------------------------------------------

    def say_nothing(self, reason: str) -> None:
        """Say why nothing is shown; without a reason, that it is waited for."""
        words = f"✗ {text.line(reason)}" if reason else "inspecting ..."
        self.query_one("#nothing", Static).update(Content.styled(words, "$muted"))

    def show_number(
        self, place: LayerPlace, of: str, heading: str, where: str, value: float
    ) -> None:
        """Show the chosen number, and name the layer that it belongs to.

        Args:
            place: the layer.
            of: which of its pictures is shown.
            heading: both, where there is little room.
            where: the number's place there.
            value: it.
        """
        set_titles(self.query_one("#left"), Content(f"{place.name} {place.kind}"), Content(of))
        low = self.has_class("-very-low")  # there are no frames to put the titles into
        number = Content.assemble(
            (f"{heading}\n" if low else "", "$primary"),
            (f"{where}  ", "$muted"),
            (text.metric(value), "bold"),
        )
        self.query_one("#here", Words).show(number)

    @property
    def calculation(self) -> Calculation:
        """The pane of the arithmetic."""
        return self.query_one(Calculation)

    def show_arithmetic(self, title: str, lines: list[Content], verdict: Content) -> None:
        """Show the arithmetic.

        Args:
            title: of the pane.
            lines: what it says.
            verdict: what comes of it.
        """
        pane = self.query_one("#right")
        set_titles(pane, Content(text.line(title, max(pane.size.width - 4, 1))))
        self.calculation.show(lines)
        self.query_one("#verdict", Words).show(verdict)

    def say_why(self) -> None:
        """Say in the pane why there is no arithmetic."""
        self.calculation.say(self._problem or "calculating ...")
        self.query_one("#verdict", Words).show(Content(""))

    def on_resize(self) -> None:
        super().on_resize()
        self._seen = None

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        return self.refuse_lever() if action in ("pause", "step") else None

    def key_label(self, key: keymap.Key) -> str:
        paused = key.action == "pause" and self.cnn.training.paused
        return "resume" if paused else key.label

    def action_scroll(self, pages: int) -> None:
        """Scroll the arithmetic."""
        self.calculation.scroll_pages(pages)

    def action_leave(self) -> None:
        """Back to the screen before."""
        self.dismiss(None)
