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

    def _shown(self) -> ShownImage:
        """The chosen image, whose network the other screens are about from now on."""
        image = self.image()
        assert image is not None
        if image.layers is None:
            self.cnn.choice.chosen = image.selection
        return image

    def action_inspect(self) -> None:
        """The feature maps of the chosen image."""
        image = self._shown()
        self.cnn.action_go("inspect")
        while len(self.app.screen_stack) > 1:  # a screen that was left open over Inspect
            self.app.pop_screen()
        screen = self.app.screen
        assert isinstance(screen, MapsScreen)
        screen.show_image(image.index)

    def action_microscope(self) -> None:
        """The arithmetic behind the numbers that the network makes of the chosen image."""
        image = self._shown()
        inspector = image.inspector or NetworkInspector(self.cnn)
        inspector.sample = image.index
        self.app.push_screen(MicroscopeScreen(inspector, FIRST_LAYER))

    def action_why(self) -> None:
        """Which pixels of the chosen image speak for its class."""
        self.app.push_screen(WhyScreen(self._shown()))


class MapsScreen(ImageScreen):
    """A screen that shows what the layers make of an image."""

    def show_image(self, index: int) -> None:
        """Show the feature maps of an image of the test set."""
        raise NotImplementedError
