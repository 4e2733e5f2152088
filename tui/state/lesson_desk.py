"""The lesson that is open in the app: its step, and the answers given so far."""

from engine.suggest import suggestion
from tui import keymap
from tui.lessons import Lesson, LessonProblems, Progress, Step
from tui.lessons.progress import Place


class LessonDesk:
    """The open lesson; every change is kept at once.

    Attributes:
        lesson: it; None before one was opened.
        shown: whether it lies beside the screens.
        wants_focus: whether it is to have the focus as soon as it is drawn.
        version: grows with every change.
        progress: the places in all lessons.
    """

    def __init__(self) -> None:
        self.lesson: Lesson | None = None
        self.shown = False
        self.wants_focus = False
        self.version = 0
        self.progress = Progress()
        self.place = Place()

    def open(self, lesson: Lesson) -> None:
        """Show a lesson at the step where it was left; a finished one from its beginning."""
        self.progress = Progress.load()  # another app may have written it
        place = self.progress.of(lesson) or Place()
        if place.is_done(lesson):
            place = Place(0, place.seen, place.answers)
        self.lesson, self.place = lesson, place
        self.shown = self.wants_focus = True
        self._keep()

    def hide(self) -> None:
        """Put the lesson away; its place is kept."""
        self.shown = False
        self.version += 1

    @property
    def step(self) -> Step:
        """The step that is open."""
        assert self.lesson is not None
        return self.lesson.steps[self.place.step]

    @property
    def answer(self) -> int | None:
        """The number of the answer to this step's question; None without one."""
        return self.place.answers.get(self.place.step)

    def move(self, steps: int) -> bool:
        """Open the next or an earlier step; False at the ends."""
        assert self.lesson is not None
        step = self.place.step + steps
        if not 0 <= step < len(self.lesson.steps):
            return False
        self.place.step = step
        self.place.seen = max(self.place.seen, step + 1)
        self._keep()
        return True

    def choose(self, option: int) -> bool:
        """Answer this step's question; False if it has no such answer."""
        if option >= len(self.step.options):
            return False
        self.place.answers[self.place.step] = option
        self._keep()
        return True

    def prediction(self) -> str:
        """What was predicted last before this step; empty if nothing was."""
        assert self.lesson is not None
        for number in range(self.place.step - 1, -1, -1):
            step, answer = self.lesson.steps[number], self.place.answers.get(number)
            if step.is_prediction:
                return "" if answer is None else step.options[answer].text
        return ""

    def _keep(self) -> None:
        assert self.lesson is not None
        self.progress.places.pop(self.lesson.name, None)  # the last one is the newest
        self.progress.places[self.lesson.name] = self.place
        self.progress.save()
        self.version += 1


def check_places(lesson: Lesson) -> None:
    """Check that the app has every screen and key that a lesson names.

    Raises:
        LessonProblems: it has not.
    """
    problems = []
    for step in lesson.steps:
        if not step.screen:
            continue
        if step.screen not in keymap.SCREENS:
            meant = suggestion(step.screen, keymap.SCREENS)
            meant = meant or f" There are: {', '.join(keymap.SCREENS)}"
            problems.append((step.line, f"no screen is named '{step.screen}'.{meant}"))
            continue
        rows = (*keymap.keys_of(step.screen), *keymap.keys_of(keymap.APP))
        known = {shown for row in rows for shown in row.all_shown.split()}
        if step.key and step.key not in known:
            title = keymap.SCREENS[step.screen].title
            problems.append(
                (step.line, f"{title} has no key '{step.key}'; docs/keys.md lists all keys")
            )
    if problems:
        raise LessonProblems(lesson.path, problems)
