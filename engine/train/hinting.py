"""Advice and hints of a session: what they look at, and the events that tell them."""

from collections.abc import Callable, Sequence
from typing import Any

from engine.config import Config, advise
from engine.events import Event, Hinted, Logs, Noted, Warned
from engine.hints import Evidence, Hint, Look, holding
from engine.train.factory import Sources

_MEASURED = 512
"""Training images whose mean and deviation are measured."""


class Hinting:
    """The hints of a session, told when they begin to hold and once more at the end.

    Args:
        config: what is trained.
        sources: its samples.
        history: the logs of every epoch done; the session's own list.
        looks: at the layers; the session's own list.
        emit: called with every event.

    Attributes:
        current: the hints that hold; replaced as a whole, so that any thread may read it.
    """

    def __init__(
        self,
        config: Config,
        sources: Sources,
        history: Sequence[Logs],
        looks: Sequence[Look],
        emit: Callable[[Event], None],
    ) -> None:
        self._config, self._history, self._looks, self._emit = config, history, looks, emit
        self._sources, self._classes = sources, sources.dataset.classes
        self._counts = tuple(sources.class_counts.tolist())
        images, _ = sources.train.load(sources.train.indices[:_MEASURED])
        self._inputs = float(images.mean()), float(images.std())
        self.current: tuple[Hint, ...] = ()

    def begin(self) -> None:
        """Tell likely mistakes in config and data, and hints that hold before the first epoch.

        A resumed run has told the hints.
        """
        for advice in advise(self._config):
            warns = advice.level == "warning"
            self._emit(Warned(str(advice)) if warns else Noted(advice.key, str(advice)))
        for warning in self._sources.warnings(self._config):
            self._emit(Warned(warning))
        self.current = tuple(holding(self.evidence()))
        if not self._history:
            self._tell(self.current)

    def after_epoch(self) -> None:
        """Tell what did not hold an epoch earlier."""
        before = {hint.rule for hint in self.current}
        self.current = tuple(holding(self.evidence()))
        self._tell([hint for hint in self.current if hint.rule not in before])

    def end(self, diverged: str = "") -> None:
        """Tell all that holds at the end.

        Args:
            diverged: why the numbers of the training broke down, or empty.
        """
        self.current = tuple(holding(self.evidence(diverged)))
        self._tell(self.current, at_end=True)

    def evidence(self, diverged: str = "") -> Evidence:
        """What the rules look at, as it is now."""
        done = len(self._history)
        return Evidence(
            config=self._config,
            history=tuple(self._history),
            counts=self._counts,
            classes=self._classes,
            looks=tuple(look for look in self._looks if look.epoch <= done),
            inputs=self._inputs,
            diverged=diverged,
        )

    def _tell(self, hints: Sequence[Hint], *, at_end: bool = False) -> None:
        for hint in hints:
            self._emit(Hinted(**_flat(hint), epoch=len(self._history), at_end=at_end))

    def to_json(self) -> list[dict[str, Any]]:
        """The hints that hold, for the run's record."""
        return [{**flat, "fix": list(flat["fix"])} for flat in map(_flat, self.current)]


def _flat(hint: Hint) -> dict[str, Any]:
    fix = hint.fix
    return {
        "rule": hint.rule,
        "title": hint.title,
        "message": hint.words,
        "why": hint.why,
        "fix": fix.overrides if fix else (),
        "fix_label": fix.label if fix else "",
    }
