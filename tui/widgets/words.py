"""Words that are laid out anew only where they need another number of lines."""

from textual.content import Content
from textual.widgets import Static


class Words(Static):
    """Text whose height follows it; ``show`` sets it.

    Every layout draws the whole screen anew, which numbers that change all the time must not do.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._shown: Content | None = None
        self._needed: tuple[int, int] | None = None

    def show(self, words: Content) -> None:
        """Set the text."""
        if self._shown is not None and words.is_same(self._shown):
            return
        self._shown = words
        width = self.content_region.width
        needed = width, words.get_height(self.styles.get_rules(), width) if width else 0
        self.update(words, layout=needed != self._needed)
        self._needed = needed
