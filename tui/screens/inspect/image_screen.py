"""The base of the screens on which an image is chosen, with the same three keys for all of them."""

from tui.screens.inspect.images import ShownImage
from tui.screens.inspect.microscope.screen import MicroscopeScreen
from tui.screens.inspect.why.screen import WhyScreen
from tui.screens.network_screen import NetworkScreen
from tui.state.network_inspector import NetworkInspector

FIRST_LAYER = ""


class ImageScreen(NetworkScreen):
    """A screen with a chosen image; ``keymap.IMAGE_KEYS`` lead on from it.

    A subclass writes ``image``, and asks ``refuse_image`` in its ``refuse``.
    """

    def image(self) -> ShownImage | None:
        """The chosen image, or None if there is none."""
        raise NotImplementedError

    def refuse_image(self, action: str, reason: str) -> str | None:
        """The reason why there is no image, if the action needs one; else None."""
        needs_one = action in ("inspect", "microscope", "why")
        return reason if needs_one and self.image() is None else None

    def _chosen_image(self) -> ShownImage:
        image = self.image()
        assert image is not None
        return image

    def action_inspect(self) -> None:
        """The feature maps of the chosen image, in Inspect, which is about its network from now."""
        image = self._chosen_image()
        if image.inspector is None:
            self.cnn.choice.chosen = image.selection
        self.cnn.go_to("inspect")
        screen = self.app.screen
        assert isinstance(screen, MapsScreen)
        screen.show_image(image.index)

    def action_microscope(self) -> None:
        """The arithmetic behind the numbers that the network makes of the chosen image."""
        image, choice = self._chosen_image(), self.cnn.choice
        inspector, before = image.inspector, choice.chosen
        if inspector is None:
            inspector, choice.chosen = NetworkInspector(self.cnn), image.selection

        def back(_: None) -> None:
            if choice.chosen is image.selection:  # no other one was chosen in the meantime
                choice.chosen = before

        inspector.sample = image.index
        self.app.push_screen(MicroscopeScreen(inspector, FIRST_LAYER), back)

    def action_why(self) -> None:
        """Which pixels of the chosen image speak for its class."""
        self.app.push_screen(WhyScreen(self._chosen_image()))


class MapsScreen(ImageScreen):
    """A screen that shows what the layers make of an image."""

    def show_image(self, index: int) -> None:
        """Show the feature maps of an image of the test set."""
        raise NotImplementedError
