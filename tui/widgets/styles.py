"""What widgets share that draw their own lines: styles by the theme's names, made only once."""

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.color import Color
from textual.widget import Widget


def half_blocks(upper: str, lower: str, length: int) -> Segment:
    """So many cells of two pixels each, one over the other; a blank is drawn without a seam."""
    if upper == lower:
        return Segment(" " * length, RichStyle(bgcolor=upper))
    return Segment("▀" * length, RichStyle(color=upper, bgcolor=lower))


class Inked(Widget):
    """Colours are asked for hundreds of times a second; Textual computes them anew every time.

    Beside another base class it comes last: Textual takes the CSS of the first.
    """

    _inks: dict[str, RichStyle]
    _ink_key: tuple[object, ...] = ()

    def notify_style_update(self) -> None:
        self._ink_key = ()
        super().notify_style_update()

    @property
    def base(self) -> RichStyle:
        """The widget's own style, as ``rich_style`` is."""
        return self.ink("")

    def ink(self, words: str) -> RichStyle:
        """The widget's own style with other colours.

        Args:
            words: ``bold`` or not, then variables of the theme: that of the text, and after
                ``on`` that of the background. ``bold error on panel``.
        """
        key = (self.app.theme, self.has_focus)
        if key != self._ink_key:
            self._ink_key, self._inks = key, {"": self.rich_style}
        if words not in self._inks:
            self._inks[words] = self._mixed(words)
        return self._inks[words]

    def colour(self, variable: str) -> str:
        """A variable of the theme, as ``#rrggbb``."""
        return Color.parse(self.app.theme_variables.get(variable, "#888888")).hex6

    def _mixed(self, words: str) -> RichStyle:
        front, _, back = words.partition(" on ")
        names = [name for name in front.split() if name != "bold"]
        return self._inks[""] + RichStyle(
            color=self.colour(names[0]) if names else None,
            bgcolor=self.colour(back) if back else None,
            bold="bold" in front.split() or None,
        )
