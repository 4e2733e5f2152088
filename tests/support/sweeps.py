"""Sweeps of trainings of a moment, whose processes are threads."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from engine.events import EpochEnded, Event
from engine.storage import atomic
from engine.sweeps import sweep
from engine.sweeps.child import Child
from engine.sweeps.children import ChildProcess
from engine.sweeps.folder import SweepFolder
from engine.sweeps.grid import parse_grid
from engine.sweeps.plan import Recipe, Trial, make_trials
from engine.sweeps.planner import Planner, with_plan
from engine.sweeps.results import Outcome

TEXT = """
name: tiny
dataset: mnist_mini
seed: 0
layers: [Flatten, Dense: {out_features: 10}]
data: {limit: 300}
train: {epochs: 2, batch_size: 64, lr: 0.05}
"""


def recipe(*grid: str, random: int | None = None, text: str = TEXT) -> Recipe:
    axes, problems = parse_grid(grid)
    assert problems == []
    return Recipe(text, "tiny.yaml", (), tuple(axes), random)


def trials(*grid: str, random: int | None = None) -> list[Trial]:
    return make_trials(recipe(*grid, random=random))


def make_folder(
    path: Path, *grid: str, optuna: int | None = None, prune: str | None = None
) -> SweepFolder:
    one = with_plan(recipe(*grid), optuna, prune, "val_acc")
    trials = make_trials(one) if optuna is None else [Planner(one).first()]
    return SweepFolder.create(path, one, trials, 1)


class ThreadChild(ChildProcess):
    """A child that is a thread, so that no process has to start.

    Attributes:
        held: the number of a trial that stays after its first epoch until it is stopped.
    """

    held: int | None = None

    def __init__(
        self,
        post: Callable[[ChildProcess, Mapping[str, Any] | None], None],
        folder: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.trial, self.ready, self._left = None, False, False
        orders, to_child = os.pipe()
        from_child, answers = os.pipe()

        class Process:
            stdin = os.fdopen(to_child, "wb")
            stdout = os.fdopen(from_child, "rb")
            returncode = 0

            def wait(self) -> None:
                pass

        self._process: Any = Process()
        child = Child(os.fdopen(orders, "rb"), os.fdopen(answers, "wb"))

        def happened(trial: int, event: Event) -> None:
            Child._happened(child, trial, event)
            if trial == self.held and isinstance(event, EpochEnded):
                assert child._session is not None
                while child._session.controls.stop_reason is None:
                    time.sleep(0.001)

        child._happened = happened  # type: ignore[method-assign]

        def serve() -> None:
            with child._orders, child._answers:
                child.serve()

        threading.Thread(target=serve, daemon=True).start()
        threading.Thread(target=self._read, args=[post], daemon=True).start()


@contextmanager
def in_threads() -> Iterator[None]:
    """Sweeps train in threads of this process, and wait for no disk."""
    with (
        patch.object(sweep, "ChildProcess", ThreadChild),
        patch.object(atomic, "sync"),
        patch.object(atomic, "sync_folder"),
    ):
        yield


class Deadly:
    """A child that dies as soon as it is given a trial.

    Attributes:
        given: the numbers of the trials, as often as they were given to one.
    """

    given: list[int]
    ready = True
    ending = "killed by SIGKILL"
    cores = None

    def __init__(self, post: Callable[["Deadly", Mapping[str, Any] | None], None]) -> None:
        self._post = post
        self.trial: Trial | None = None

    @property
    def idle(self) -> bool:
        return False

    def give(self, trial: Trial, order: Mapping[str, Any]) -> None:
        self.trial = trial
        self.given.append(trial.index)
        self._post(self, None)

    def leave(self) -> None:
        pass


class Remembering:
    """A watcher that remembers what it was told."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, bool]] = []
        self.outcomes: list[Outcome] = []
        self.warnings: list[str] = []
        self.shares: list[float] = []
        self.on_epoch: Callable[[Trial], None] = lambda trial: None
        self.stop: Callable[[], None] = lambda: None

    def began(self, trial: Trial, resumed: bool) -> None:
        self.begun.append((trial.index, resumed))

    def epoch(self, trial: Trial, logs: Mapping[str, Any]) -> None:
        self.on_epoch(trial)

    def warned(self, trial: Trial | None, message: str) -> None:
        self.warnings.append(message)

    def ended(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def progressed(self, share: float, running: int) -> None:
        self.shares.append(share)


def files_of(folder: Path) -> dict[str, bytes]:
    """The weights of a sweep's runs, by the name of each."""
    found = {}
    for path in folder.glob("runs/*/weights.npz"):
        with suppress(FileNotFoundError):
            found[path.parent.name[16:-5]] = path.read_bytes()
    return found
