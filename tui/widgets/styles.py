"""Cached styles by the names of the theme, for widgets that draw their own lines."""

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.color import Color
from textual.widget import Widget


def half_blocks(upper: str, lower: str, length: int) -> Segment:
    """So many cells of two pixels each, one over the other; a blank is drawn without a seam."""
    if upper == lower:
        return Segment(" " * length, _two_colours(None, upper))
    return Segment("▀" * length, _two_colours(upper, lower))


@lru_cache(maxsize=1 << 14)
def _two_colours(front: str | None, back: str) -> RichStyle:
    """A style that is made once: pictures have thousands of cells, and few colours."""
    return RichStyle(color=front, bgcolor=back)


class ThemedWidget(Widget):
    """A widget that caches its styles, which Textual would compute anew for every line.

    It keeps the focus where the news that it was hidden arrives when it is shown again.

    Beside another base class it comes last: Textual takes the CSS of the first.
    """

    _styles_by_words: dict[str, RichStyle]
    _style_key: tuple[object, ...] = ()

    def on_hide(self, event: events.Hide) -> None:
        if all(node.display for node in self.ancestors_with_self if isinstance(node, Widget)):
            event.prevent_default()  # which hands the focus to a neighbour, for good

    def notify_style_update(self) -> None:
        self._style_key = ()
        super().notify_style_update()

    @property
    def base(self) -> RichStyle:
        """The widget's own style, as ``rich_style`` is."""
        return self.style_for("")

    def style_for(self, words: str) -> RichStyle:
        """The widget's own style with other colours.

        Args:
            words: ``bold`` or not, then variables of the theme: that of the text, and after
                ``on`` that of the background. ``bold error on panel``.
        """
        key = (self.app.theme, self.has_focus)
        if key != self._style_key:
            self._style_key, self._styles_by_words = key, {"": self.rich_style}
        if words not in self._styles_by_words:
            self._styles_by_words[words] = self._mixed(words)
        return self._styles_by_words[words]

    def colour(self, variable: str) -> str:
        """A variable of the theme, as ``#rrggbb``."""
        return Color.parse(self.app.theme_variables.get(variable, "#888888")).hex6

    @property
    def palette(self) -> str:
        """Which colours are used, as in ``colours.diverging``."""
        if self.app.no_color:
            return "grey"
        return "dark" if self.app.current_theme.dark else "light"

    def _mixed(self, words: str) -> RichStyle:
        front, _, back = words.partition(" on ")
        names = [name for name in front.split() if name != "bold"]
        return self._styles_by_words[""] + RichStyle(
            color=self.colour(names[0]) if names else None,
            bgcolor=self.colour(back) if back else None,
            bold="bold" in front.split() or None,
        )
