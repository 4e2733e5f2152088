"""The top line: the screens, and what the training is doing."""

from tui import keymap
from tui.redraw import RedrawTimer
from tui.widgets.line import Line, TextPart

SYMBOLS = {
    "idle": "○",
    "loading": "…",
    "downloading": "↓",
    "training": "▶",
    "paused": "‖",
    "validating": "▶",
    "testing": "▶",
    "saving": "↧",
    "finished": "✓",
    "stopped": "■",
    "diverged": "✗",
    "failed": "✗",
}

STYLES = {
    "training": "$success",
    "validating": "$success",
    "testing": "$success",
    "paused": "$warning",
    "finished": "$success",
    "diverged": "$error",
    "failed": "$error",
}


class Header(Line):
    """``cnn-tui  1 Configs  2 Train ...``; a click goes there."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._redraw_timer = RedrawTimer()

    def show_state(self, active: str, phase: str, fraction: float) -> None:
        """Draw, if anything changed; how far the training is, only now and then."""
        if not self._redraw_timer.due((active, phase, self.size)):
            return
        tabs, width = keymap.tabs(), self.size.width
        titles = sum(len(spec.title) + 4 for spec in tabs)
        wide = width >= titles + 2 * len(tabs) + 24
        tight = width < titles + 17  # the name of the app makes room, and blanks after titles
        narrow = tight and width < titles - len(tabs) + 8
        gap = "  " if wide else ""
        parts = [] if tight and not narrow else [TextPart(" cnn-tui " + gap, "bold $accent")]
        for spec in tabs:
            here = spec.id == active
            style = "bold $text on $primary-muted" if here else "$foreground"
            key = "bold $text on $primary-muted" if here else "bold $primary"
            action = f"app.go('{spec.id}')"
            title = f" {spec.title}" if here or not narrow else ""
            title += "" if tight and not narrow and not here else " "
            parts.append(TextPart(f" {spec.key}", key, action, spec.hint))
            parts.append(TextPart(f"{title}{gap if not here else ''}", style, action, spec.hint))
            if here and gap:
                parts.append(TextPart(gap))
        status = self._status(phase, fraction, wide)
        self.show(tuple(parts), (TextPart(status, STYLES.get(phase, "$muted")),))

    @staticmethod
    def _status(phase: str, fraction: float, wide: bool) -> str:
        symbol = SYMBOLS.get(phase, "○")
        running = phase in ("training", "paused", "validating", "testing")
        share = f"{fraction:.0%}" if running else ""
        words = f"{phase} {share}".rstrip() if wide else share
        return f"{symbol} {words} " if words else f"{symbol} "
