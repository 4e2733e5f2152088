"""How far someone has come in each lesson, kept from one session to the next."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from engine.storage import atomic
from tui.lessons.lesson import Lesson
from tui.state_folder import state_dir

_FILE = "lessons.json"
_LIMIT = 1 << 20
_MOST = 1000


@dataclass
class Place:
    """How far someone is in one lesson.

    Attributes:
        step: the step that is open, from 0.
        seen: the number of steps that were opened.
        answers: the number of the answer that was chosen, by the number of its step.
    """

    step: int = 0
    seen: int = 1
    answers: dict[int, int] = field(default_factory=dict)

    def fitted(self, lesson: Lesson) -> "Place":
        """The same, without what a changed lesson does not have any more."""
        steps = lesson.steps
        answers = {
            step: answer
            for step, answer in self.answers.items()
            if step < len(steps) and answer < len(steps[step].options)
        }
        return Place(min(self.step, len(steps) - 1), min(self.seen, len(steps)), answers)

    def is_done(self, lesson: Lesson) -> bool:
        """Whether every step was opened, and every question has its right answer."""
        return self.seen >= len(lesson.steps) and all(
            (answer := self.answers.get(number)) is not None
            and (step.is_prediction or step.options[answer].right)
            for number, step in enumerate(lesson.steps)
            if step.options
        )

    def words(self, lesson: Lesson) -> str:
        """How far, in a word or two."""
        if self.is_done(lesson):
            return "✓ done"
        return f"step {self.step + 1} of {len(lesson.steps)}"


class Progress:
    """The places of all lessons that were begun, by their names."""

    def __init__(self, places: dict[str, Place] | None = None) -> None:
        self.places = places or {}

    @classmethod
    def load(cls) -> "Progress":
        """Read what was kept; nothing where there is no valid file."""
        folder = state_dir()
        if folder is None:
            return cls()
        try:
            saved = json.loads(atomic.read_limited(folder / _FILE, _LIMIT))
        except (OSError, ValueError, RecursionError):
            return cls()
        if not isinstance(saved, dict):
            return cls()
        places = {name: _place(value) for name, value in saved.items()}
        return cls({name: place for name, place in places.items() if place is not None})

    def save(self) -> None:
        """Write it; an error is ignored."""
        folder = state_dir()
        if folder is None:
            return
        newest = list(self.places.items())[-_MOST:]
        saved = {
            name: {
                "step": place.step,
                "seen": place.seen,
                "answers": {str(step): answer for step, answer in place.answers.items()},
            }
            for name, place in newest
        }
        with suppress(OSError):
            atomic.make_folder(folder)
            atomic.write_atomic(folder / _FILE, (json.dumps(saved, indent=2) + "\n").encode())

    def of(self, lesson: Lesson) -> Place | None:
        """The place in a lesson; None if it was not begun."""
        place = self.places.get(lesson.name)
        return None if place is None else place.fitted(lesson)

    def words(self, lesson: Lesson) -> str:
        """How far someone is in a lesson; empty if it was not begun."""
        place = self.of(lesson)
        return "" if place is None else place.words(lesson)


def _place(value: Any) -> Place | None:
    """A place as it was written; None if it is none."""
    if not isinstance(value, Mapping):
        return None
    step, seen, answers = value.get("step"), value.get("seen"), value.get("answers")
    if not (_whole(step) and _whole(seen) and isinstance(answers, dict)):
        return None
    good = {int(k): v for k, v in answers.items() if k.isdecimal() and len(k) < 6 and _whole(v)}
    return Place(step, seen, good)


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 100_000
