"""Learned space: where the network puts the images of the test set."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from tui import keymap, text
from tui.screens.inspect.glossary import explained
from tui.screens.inspect.image_screen import ImageScreen
from tui.screens.inspect.images import ShownImage, inspected
from tui.screens.inspect.space.follower import Space, SpaceFollower
from tui.screens.inspect.space.scatter import Scatter, class_colour, signs
from tui.state.network_inspector import NetworkInspector
from tui.state.replay import HELP
from tui.widgets.line import Line
from tui.widgets.titles import set_titles
from tui.widgets.words import Words

_LEGEND = 18


class SpaceScreen(ImageScreen):
    """The images as letters in a plane.

    Args:
        inspector: what follows the network.
    """

    WHERE = "space"
    BINDINGS = keymap.bindings(WHERE)
    CSS_PATH = "screen.tcss"
    FIRST_FOCUS = "#scatter"
    HELP_TEXT: ClassVar[str] = (
        "Every letter is an image of the test set, at the place where the network has put it just "
        "before its last layer. Images that it finds alike lie close together. Watch it while it "
        "trains: one heap becomes a group for each class. An underlined letter is an image that is "
        "predicted wrongly; look where it lies. " + HELP + explained("features", "variance", "PCA")
    )

    def __init__(self, inspector: NetworkInspector) -> None:
        super().__init__()
        self._inspector = inspector
        self._follower: SpaceFollower | None = None
        self._only: int | None = None
        self._seen: object = None

    @property
    def follower(self) -> SpaceFollower:
        """What measures the space."""
        if self._follower is None:
            self._follower = SpaceFollower(self.cnn, self._inspector)
        return self._follower

    def compose_body(self) -> ComposeResult:
        yield Line(id="subject")
        with Horizontal(id="body"):
            with Vertical(id="plane", classes="pane"):
                yield Scatter(id="scatter")
            with Vertical(id="classes", classes="pane"):
                yield Words(id="legend")
        yield Words(id="point")

    def tick(self) -> None:
        self.follower.poll()
        self.query_one("#subject", Line).show(self.selection_parts())
        self.set_class(self.cnn.choice.frame is not None, "-replays")
        seen = (self.follower.version, self._only, self.size, self.app.theme)
        if seen == self._seen:
            return
        self._seen = seen
        space, plane = self.follower.space, self.query_one("#plane")
        if space is not None and self._only is not None and self._only >= len(space.classes):
            self._only = None
        self.query_one(Scatter).show(space, self._only, self._nothing())
        self.refresh_bindings()
        self._say_point()
        if space is None:
            set_titles(plane, Content(""), Content(""))
            self.query_one("#legend", Words).show(Content(""))
            return
        set_titles(self.query_one("#classes"), Content("predicted wrong"))
        right, up = space.projection.shares
        set_titles(
            plane,
            Content(
                f"{len(space.labels)} images, {space.features} features each, seen in 2 directions"
            ),
            Content(f"→ {right:.0%} of the variance   ↑ {up:.0%}"),
        )
        self._show_legend(space)

    def _nothing(self) -> str:
        inspector = self._inspector
        if inspector.problem is not None:
            return text.line(f"✗ {inspector.problem}", self.size.width - 4)
        if inspector.context is not None and inspector.context.samples is None:
            return "the data set is not downloaded; training downloads it"
        if self.cnn.choice.current is None and not self.cnn.choice.live:
            return "the chosen config has errors; 1 shows them"
        return "measuring ..."

    def _show_legend(self, space: Space) -> None:
        palette = self.query_one(Scatter).palette
        marks = signs(space.classes)
        lines = []
        for label, name in enumerate(space.classes):
            mine = space.labels == label
            wrong = int((space.predicted[mine] != label).sum())
            chosen = "▸" if label == self._only else " "
            words = f"{chosen}{marks[label]} "
            if marks[label] != name:
                words += text.cut(text.line(name), _LEGEND - 9) + " "
            words += f"{wrong}/{int(mine.sum())} ✗" if wrong else "✓"
            lines.append(Content.styled(words, class_colour(label, palette) or "$foreground"))
        self.query_one("#legend", Words).show(Content("\n").join(lines))

    def _say_point(self) -> None:
        space, scatter = self.follower.space, self.query_one(Scatter)
        words = Content("")
        if space is not None and len(scatter.shown):
            point = scatter.cursor
            label, predicted = int(space.labels[point]), int(space.predicted[point])
            names = [text.line(space.classes[i], 14) for i in (label, predicted)]
            good = label == predicted
            words = Content.assemble(
                (f" image #{space.indices[point]}: {names[0]}  ", "$foreground"),
                (f"{'✓' if good else '✗'} predicted {names[1]}", "$success" if good else "$error"),
                ("   i", "bold $accent"),
                (" inside  ", "$muted"),
                ("u", "bold $accent"),
                (" numbers  ", "$muted"),
                ("y", "bold $accent"),
                (" why", "$muted"),
            )
        elif space is not None:
            words = Content.styled(" none of the images is of this class", "$muted")
        self.query_one("#point", Words).show(words)

    def image(self) -> ShownImage | None:
        space, scatter = self.follower.space, self.query_one(Scatter)
        if space is None or not len(scatter.shown):
            return None
        return inspected(self.cnn, self._inspector, int(space.indices[scatter.cursor]))

    # -- actions --------------------------------------------------------------------------------

    def refuse(self, action: str) -> str | None:
        if action == "frame":
            return self.refuse_frame()
        if action == "class" and self.follower.space is None:
            return "there are no images to choose from yet"
        if action == "pause":
            return self.refuse_training()
        return self.refuse_image(action, "there are no images to choose from yet")

    def key_label(self, key: keymap.Key) -> str:
        return "resume" if key.action == "pause" and self.cnn.training.paused else key.label

    def action_class(self, step: int) -> None:
        """One class alone, and after the last all of them."""
        space = self.follower.space
        assert space is not None
        place = 0 if self._only is None else self._only + 1
        place = (place + step) % (len(space.classes) + 1)
        self._only = place - 1 if place else None
        self.refresh_tick()

    def action_leave(self) -> None:
        """Back to the layers."""
        self.dismiss(None)

    @on(Scatter.Moved)
    def _moved(self) -> None:
        self._say_point()

    @on(Scatter.Chosen)
    def _chosen(self) -> None:
        if self.image() is not None:
            self.action_inspect()
