"""The predicted probability of each class."""

import numpy as np
from textual.content import Content
from textual.widgets import Static

from engine.arrays import Array
from tui import text
from tui.widgets.run_bar import meter

_MOST = 10
"""Classes up to which all are shown, each in its place."""


class Predictions(Static):
    """The predicted probability of each class; of many classes, the most probable ones."""

    HELP_TEXT = (
        "The predicted probability of each class (softmax). Of more than ten classes, the ten most "
        "probable ones are shown, and what is left for the others."
    )

    def show(self, names: tuple[str, ...], shares: Array) -> None:
        """Set the classes, whose names are shown as they stand, and their shares."""
        wide = min(max(map(text.cell_len, names)), max(16, self.size.width // 3))
        order = list(range(len(names)))
        if len(names) > _MOST:
            order = np.argsort(-shares, kind="stable")[:_MOST].tolist()
        best = int(shares.argmax())
        lines = [
            self._line(
                names[i], float(shares[i]), wide, "bold $success" if i == best else "$foreground"
            )
            for i in order
        ]
        if len(names) > _MOST:
            rest = max(1 - float(shares[order].sum()), 0.0)
            lines.append(self._line(f"{len(names) - _MOST:,} others", rest, wide, "$muted"))
        # Its size is fixed: a layout would draw the whole screen anew for every stroke.
        self.update(Content("\n").join(lines), layout=False)

    def _line(self, name: str, share: float, wide: int, style: str) -> Content:
        name = text.cut(name, wide)
        return Content.assemble(
            (f" {' ' * (wide - text.cell_len(name))}{name} ", style),
            *meter(share, max(self.size.width - wide - 10, 6)),
            (f" {share:4.0%}", style),
        )
