"""The base of the screens about what was found with weights of a run, which may train on."""

from tui.screens.base import BaseScreen
from tui.state.selection import Selection
from tui.widgets.line import TextPart


class NewestScreen(BaseScreen):
    """A screen that says when there are newer weights; ``keymap.NEWEST_KEY`` uses them.

    A subclass writes ``asked`` and ``use``, shows ``newest_parts`` in its first line, and asks
    ``refuse_newest`` in its ``refuse``.
    """

    @property
    def asked(self) -> tuple[Selection, ...]:
        """The networks whose weights were asked."""
        raise NotImplementedError

    def use(self, networks: tuple[Selection, ...]) -> None:
        """Ask others in their place."""
        raise NotImplementedError

    def newest_parts(self, network: Selection) -> tuple[TextPart, ...]:
        """What the first line says of newer weights of a network, at the right."""
        if self.cnn.choice.newer(network) is None:
            return ()
        return (
            TextPart("newer weights: ", "$warning"),
            TextPart("e ", "bold $accent", "newest"),
        )

    def refuse_newest(self, action: str) -> str | None:
        """Why the newest weights cannot be used, if that is the action; else None."""
        if action != "newest" or any(map(self.cnn.choice.newer, self.asked)):
            return None
        return "these are the newest weights that there are"

    def action_newest(self) -> None:
        """Use the newest weights."""
        self.use(tuple(self.cnn.choice.newer(one) or one for one in self.asked))
