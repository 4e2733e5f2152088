"""A lesson as it was read: steps, and the questions in them."""

from dataclasses import dataclass
from pathlib import Path

from engine.config import Config, load, loads
from engine.services.configs import resolve


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
        run: the name of the config that it trains, or empty.
        overrides: changes of that config, as ``KEY=VALUE``.
        own_config: the text of a config of its own that it trains, or empty.
    """

    title: str
    text: str
    line: int
    options: tuple[Option, ...] = ()
    screen: str = ""
    key: str = ""
    run: str = ""
    overrides: tuple[str, ...] = ()
    own_config: str = ""

    @property
    def trains(self) -> bool:
        """Whether it trains a network."""
        return bool(self.run or self.own_config)

    def config(self) -> Config:
        """The config that it trains.

        Raises:
            ConfigError: there is no such config any more, or it cannot be run.
        """
        if self.own_config:
            return loads(self.own_config, "lesson.yaml")
        return load(resolve(self.run), self.overrides)

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
