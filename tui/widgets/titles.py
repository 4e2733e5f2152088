"""The titles in the frame of a pane."""

from textual.content import Content
from textual.widget import Widget


def set_titles(pane: Widget, title: Content | None = None, subtitle: Content | None = None) -> None:
    """Set titles where they differ; Textual paints a pane with all in it for an equal one too.

    Args:
        pane: its frame has the titles.
        title: in the upper edge; None leaves it as it is.
        subtitle: in the lower edge; the same.
    """
    if title is not None and title.markup != pane.border_title:
        pane.border_title = title
    if subtitle is not None and subtitle.markup != pane.border_subtitle:
        pane.border_subtitle = subtitle
