"""The process of a sweep: it hands out the trials, and continues whatever becomes of one."""

import queue
import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, Protocol

from engine.config import dump
from engine.errors import RunError
from engine.parallel.workers import usable_cores
from engine.runs.directory import read_record
from engine.runs.listing import RunInfo
from engine.services.signals import GRACE
from engine.sweeps.children import ChildProcess, Post, Starter, TrialProcess
from engine.sweeps.course import Course
from engine.sweeps.folder import (
    SETTLED,
    TABLE,
    SweepFolder,
    can_resume,
    remove_beginning,
)
from engine.sweeps.plan import Trial
from engine.sweeps.planner import Planner
from engine.sweeps.results import Outcome, outcome_of, write_table

RETRIES = 3
"""How often a trial is gone on with after its process died, before it counts as killed."""

_POLL = 0.5
"""Seconds between two looks at runs that another process holds."""

_Message = tuple[TrialProcess | None, Mapping[str, Any] | None]


class Watcher(Protocol):
    """What is told of a sweep, in the thread that runs it."""

    def began(self, trial: Trial, resumed: bool) -> None:
        """A trial is begun, or gone on with."""
        ...

    def epoch(self, trial: Trial, logs: Mapping[str, Any]) -> None:
        """A trial has another epoch; its number is among the logs."""
        ...

    def warned(self, trial: Trial | None, message: str) -> None:
        """Something went wrong, in a trial or in the sweep, that it survives."""
        ...

    def ended(self, outcome: Outcome) -> None:
        """A trial is over, or cannot be trained."""
        ...

    def progressed(self, share: float, running: int) -> None:
        """So much of the sweep is done, from 0 to 1, and so many trials are being trained."""
        ...


class Here:
    """Starts processes on this machine."""

    def can_start(self) -> bool:
        return True

    def start(self, post: Post) -> TrialProcess:
        return ChildProcess(post)


class Sweep:
    """The trials of a sweep that are left, handed out to processes.

    Args:
        folder: of the sweep.
        jobs: how many trials are trained at once, at most.
        watcher: is told what happens.
        starter: starts the processes that train.

    Attributes:
        outcomes: of every trial, by its number.
    """

    def __init__(
        self, folder: SweepFolder, jobs: int, watcher: Watcher, starter: Starter | None = None
    ) -> None:
        self._folder, self._watcher = folder, watcher
        self._starter = starter or Here()
        self._found = folder.found()
        folder.check_runs(self._found)
        self.outcomes = {trial.index: self._outcome(trial) for trial in folder.trials}
        self._waiting = deque(trial for trial in folder.trials if not self._is_settled(trial))
        self._unplanned = folder.size - len(folder.trials)
        self._planner = Planner(folder.recipe) if self._unplanned else None
        self._course = Course(folder)
        for index, info in self._found.items():
            self._course.read(index, info.path)
        self._jobs = min(jobs, self.remaining)
        self._workers = max(1, usable_cores() // max(jobs, 1))
        self._messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._children: list[TrialProcess] = []
        self._deaths: Counter[int] = Counter()
        self._whole = folder.size
        self._shares = {trial.index: 0.0 for trial in self._waiting}
        self._stillborn = 0
        self._stopping = False
        self._patience = 0.0

    @property
    def left(self) -> list[Trial]:
        """The trials that are there and not done."""
        return list(self._waiting)

    @property
    def remaining(self) -> int:
        """How many trials are not done, with those that are not planned yet."""
        return len(self._waiting) + self._unplanned

    def stop(self) -> None:
        """Have the trials that are trained saved, and end; may be called in a signal handler."""
        self._messages.put((None, None))

    def run(self) -> None:
        """Train what is left, until it is done or ``stop`` is called.

        Raises:
            RunError: no process can be started, or the table cannot be written.
        """
        self._patience = time.monotonic() + GRACE + 5
        self._write_table()
        try:
            while True:
                self._hand_out()
                if not self._children and (self._stopping or not self.remaining):
                    break
                try:
                    more = self._waiting or len(self._children) < min(self._jobs, self.remaining)
                    child, message = self._messages.get(timeout=_POLL if more else None)
                except queue.Empty:
                    continue
                if child is None:
                    self._stopping = True
                    for one in self._children:
                        one.leave()
                elif message is None:
                    self._died(child)
                else:
                    child.ready = True
                    self._heard(child, message)
        finally:
            for one in self._children:
                one.leave()
        self._write_table()

    def _hand_out(self) -> None:
        """Give a trial to each process that has none; end those for which there is none left."""
        if self._stopping:
            return
        for child in [one for one in self._children if one.idle]:
            self._give(child)
        while len(self._children) < self._jobs and self.remaining and self._starter.can_start():
            trial = self._next()
            if trial is None:
                break
            try:
                child = self._starter.start(lambda *message: self._messages.put(message))
            except OSError as error:
                self._waiting.appendleft(trial)
                if not self._children:
                    raise RunError(
                        f"no process can be started: {error.strerror or error}"
                    ) from None
                break
            self._children.append(child)
            self._train(child, trial)

    def _give(self, child: TrialProcess) -> None:
        trial = self._next()
        if trial is not None:
            self._train(child, trial)
        elif not self.remaining:
            child.leave()

    def _next(self) -> Trial | None:
        """The next trial whose run no other process holds; None if there is none now."""
        for _ in range(len(self._waiting)):
            trial = self._waiting.popleft()
            info = self._found.get(trial.index)
            if info is not None and info.status == "running":
                # A process that was orphaned saves it, or somebody resumed it by hand.
                info = self._look_again(trial)
            if info is None or info.status != "running":
                if not self._is_settled(trial):
                    return trial
                self._settle(self._outcome(trial, info))
            elif time.monotonic() > self._patience:
                self._settle(Outcome(trial, "running", info.path, "another process trains it"))
            else:
                self._waiting.append(trial)
        return self._plan()

    def _plan(self) -> Trial | None:
        """A trial that was not there before; None if there is to be no more."""
        if not self._unplanned or self._planner is None:
            return None
        index = len(self._folder.trials) + 1
        told = self._course.told(self.outcomes)
        trial = self._planner.propose(index, told, self._folder.trials)
        if trial is None:
            done, whole = index - 1, self._folder.size
            trials = "1 trial" if done == 1 else f"{done} trials"
            message = f"no other values are left to be planned: {trials} of {whole}"
            self._watcher.warned(None, message)
            self._whole -= self._unplanned
            self._unplanned = 0
            self._progress()
            return None
        trial = self._folder.add(trial)
        self._unplanned -= 1
        self._shares[trial.index] = 0.0
        self.outcomes[trial.index] = outcome_of(trial, None)
        return trial

    def _train(self, child: TrialProcess, trial: Trial) -> None:
        info = self._found.get(trial.index)
        resumed = info is not None and can_resume(info)
        if info is not None and not resumed:
            remove_beginning(info)
        own, share = trial.config.train.workers, child.cores or self._workers
        order = {
            "config": dump(trial.config),
            "resume": str(info.path) if info is not None and resumed else None,
            "workers": share if own is None else min(own, share),
            "asks": self._folder.recipe.prune is not None,
        }
        child.give(trial, order)
        self._watcher.began(trial, resumed)

    def _heard(self, child: TrialProcess, message: Mapping[str, Any]) -> None:
        trial = child.trial
        if trial is None or message.get("trial") != trial.index:
            return  # it only says that it is there
        match message["event"]:
            case "epoch":
                logs = {key: message[key] for key in message if key not in ("event", "trial")}
                self._watcher.epoch(trial, logs)
                self._epoch(child, trial, logs)
            case "warning":
                self._watcher.warned(trial, message["message"])
            case "progress":
                self._shares[trial.index] = message["share"]
                self._progress()
            case "stopped":
                child.trial = None
                self._leave_open(trial)
            case "failed":
                child.trial = None
                info = self._look_again(trial)
                run = None if info is None else info.path
                self._settle(Outcome(trial, "failed", run, message["reason"]))
            case "end":
                child.trial = None
                if message["status"] == "stopped" and trial.index in self._folder.pruned:
                    self._settle(self._outcome(trial, self._look_again(trial)))
                elif message["status"] == "stopped":
                    self._leave_open(trial)
                else:
                    self._settle(self._read(trial, message))

    def _epoch(self, child: TrialProcess, trial: Trial, logs: Mapping[str, Any]) -> None:
        """Prune a trial after an epoch, or let it continue; it waits to be told."""
        over = self._course.should_prune(trial, logs, self.outcomes)
        if over:
            self._folder.prune(trial.index, logs["epoch"])
        if self._folder.recipe.prune is not None:
            child.answer(over)

    def _read(self, trial: Trial, message: Mapping[str, Any]) -> Outcome:
        """What a run has in its record, now that it is over."""
        path = self._folder.runs / message["run"]
        try:
            record = read_record(path)
        except RunError as error:
            return Outcome(trial, "failed", path, str(error))
        info = RunInfo(path, path.name, trial.config.name, None, message["status"], record)
        return outcome_of(trial, info)

    def _died(self, child: TrialProcess) -> None:
        """A process ended: as it should, or with a trial that another one resumes."""
        self._children.remove(child)
        trial = child.trial
        if trial is None:
            return
        if self._stopping:
            self._leave_open(trial)
            return
        self._stillborn = 0 if child.ready else self._stillborn + 1
        if self._stillborn > RETRIES:
            self._waiting.appendleft(trial)
            raise RunError(f"the processes that were to train trials {child.ending} at their start")
        self._deaths[trial.index] += 1
        info = self._look_again(trial)
        if self._is_settled(trial):  # it died between its last word to the disk and that to us
            self._settle(self._outcome(trial, info))
            return
        times = self._deaths[trial.index]
        if times > RETRIES:
            run = None if info is None else info.path
            reason = f"its process {child.ending}, {times} times"
            self._settle(Outcome(trial, "killed", run, reason))
            return
        self._watcher.warned(trial, f"its process {child.ending}; it is gone on with")
        self._waiting.appendleft(trial)

    def _is_settled(self, trial: Trial) -> bool:
        info = self._found.get(trial.index)
        return info is not None and (info.status in SETTLED or trial.index in self._folder.pruned)

    def _outcome(self, trial: Trial, info: RunInfo | None = None) -> Outcome:
        """What has become of a trial, from its run, which is the one that was found by default."""
        info = info or self._found.get(trial.index)
        return outcome_of(trial, info, self._folder.pruned.get(trial.index))

    def _look_again(self, trial: Trial) -> RunInfo | None:
        self._found.pop(trial.index, None)
        info = self._folder.found().get(trial.index)
        if info is not None:
            self._found[trial.index] = info
        return info

    def _leave_open(self, trial: Trial) -> None:
        """A trial was stopped with the sweep: show how far it came."""
        self.outcomes[trial.index] = self._outcome(trial, self._look_again(trial))

    def _settle(self, outcome: Outcome) -> None:
        self.outcomes[outcome.trial.index] = outcome
        self._shares[outcome.trial.index] = 1.0
        self._write_table()
        self._watcher.ended(outcome)
        self._progress()

    def _progress(self) -> None:
        settled = len(self.outcomes) - len(self._shares)
        share = (settled + sum(self._shares.values())) / self._whole
        self._watcher.progressed(share, sum(one.trial is not None for one in self._children))

    def _write_table(self) -> None:
        try:
            write_table(self._folder.path / TABLE, list(self.outcomes.values()))
        except RunError as error:
            self._watcher.warned(None, str(error))
