"""A line of text with a caret: what editing keys do to it."""

from dataclasses import dataclass


@dataclass
class LineEdit:
    """Text and caret.

    Attributes:
        text: the line.
        caret: from 0 to the length.
    """

    text: str = ""
    caret: int = 0

    def __post_init__(self) -> None:
        self.caret = min(max(self.caret, 0), len(self.text))

    def insert(self, piece: str) -> None:
        """Put text in at the caret; what cannot be in one line is left out."""
        piece = "".join(c for c in piece if c.isprintable())
        self.text = self.text[: self.caret] + piece + self.text[self.caret :]
        self.caret += len(piece)

    def press(self, key: str) -> bool:
        """Do what an editing key does; False for any other key."""
        match key:
            case "left":
                self.caret = max(0, self.caret - 1)
            case "right":
                self.caret = min(len(self.text), self.caret + 1)
            case "home" | "ctrl+a":
                self.caret = 0
            case "end" | "ctrl+e":
                self.caret = len(self.text)
            case "backspace":
                self._cut(max(0, self.caret - 1), self.caret)
            case "delete" | "ctrl+d":
                self._cut(self.caret, self.caret + 1)
            case "ctrl+u":
                self._cut(0, self.caret)
            case "ctrl+k":
                self._cut(self.caret, len(self.text))
            case "ctrl+w":
                word = self.text[: self.caret].rstrip().rpartition(" ")[0]
                self._cut(len(word), self.caret)
            case _:
                return False
        return True

    def _cut(self, start: int, end: int) -> None:
        self.text = self.text[:start] + self.text[end:]
        self.caret = start
