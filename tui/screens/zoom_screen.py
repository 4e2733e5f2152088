"""Maximizing one pane of a screen."""

from typing import ClassVar

from textual.widget import Widget

from tui.screens.base import BaseScreen


class ZoomScreen(BaseScreen):
    """A screen that can show one of its panes alone: of rows of panes in ``#body``.

    Its style sheet hides ``.zoomed-out``; the screen has the class ``-zoomed`` meanwhile.
    """

    DEFAULT_PANE: ClassVar[int] = 0
    """The pane to maximize while none has the focus."""

    zoomed: Widget | None = None
    """The pane that is shown alone."""

    def redraw(self) -> None:
        """Draw everything again, after the sizes of panes changed."""
        raise NotImplementedError

    def action_zoom(self) -> None:
        """Maximize the focused pane, or restore all."""
        panes = list(self.query(".pane"))
        if self.zoomed is None:
            around = self.focused.ancestors_with_self if self.focused is not None else []
            self.zoomed = next((pane for pane in panes if pane in around), panes[self.DEFAULT_PANE])
        else:
            self.zoomed = None
        alone = self.zoomed
        self.set_class(alone is not None, "-zoomed")
        for pane in panes:
            pane.set_class(alone is not None and pane is not alone, "zoomed-out")
        for row in self.query("#body > Horizontal"):
            row.set_class(alone is not None and alone not in row.children, "zoomed-out")
        self.redraw()

    def action_back(self) -> None:
        """Restore all panes."""
        if self.zoomed is not None:
            self.action_zoom()
