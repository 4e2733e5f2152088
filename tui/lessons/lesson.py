"""A lesson as it was read: steps, and the questions in them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Option:
    """One answer to choose.

    Attributes:
        text: the answer, as Markdown.
        right: whether it is marked as right.
        why: what is said once it was chosen; may be empty.
    """

    text: str
    right: bool
    why: str


@dataclass(frozen=True)
class Step:
    """One step of a lesson.

    Attributes:
        title: its heading.
        text: what it says, as Markdown, without the question and the fields.
        line: of the heading in the file, from 1.
        options: the answers of its question; empty without one. None of them is right in a
            prediction.
        screen: the id of the screen that it is done on, as in ``tui.keymap``; or empty.
        key: the key to press there, as it is written; or empty.
        run: the config that it trains, or empty.
        overrides: changes of that config, as ``KEY=VALUE``.
    """

    title: str
    text: str
    line: int
    options: tuple[Option, ...] = ()
    screen: str = ""
    key: str = ""
    run: str = ""
    overrides: tuple[str, ...] = ()

    @property
    def is_prediction(self) -> bool:
        """Whether its question asks for a guess, which a later step answers."""
        return bool(self.options) and not any(option.right for option in self.options)


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    Attributes:
        name: of its file, without the ending.
        path: its file.
        title: what it is about.
        minutes: how long it takes.
        needs: what is needed for it, in a few words; may be empty.
        steps: at least one.
        source: the text of the file.
    """

    name: str
    path: Path
    title: str
    minutes: int
    needs: str
    steps: tuple[Step, ...]
    source: str
