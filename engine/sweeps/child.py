"""A process that trains trials of a sweep, one after the other: ``python -m engine.sweeps.child``.

It reads orders from stdin and writes what happens to stdout, both a line of JSON each. The end of
stdin means that the sweep is over, or that its process died: what is being trained is saved, and
the process ends. Signals are meant for the sweep's process, which knows what to do.
"""

import gc
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from engine.config import Config, loads
from engine.errors import Cancelled, EngineError, ExitCode
from engine.events import EpochEnded, Event, Warned
from engine.numbers import null_for_nan
from engine.services.signals import LastResort
from engine.sweeps.folder import REPORTS, RUNS
from engine.sweeps.results import pruning_reason
from engine.train import factory
from engine.train.session import TrainingSession

_OFTEN = 0.2
"""Seconds between two reports of the progress."""

STOPPED = "the sweep was stopped"
"""The reason in the record of a run that was stopped with its sweep."""


class Child:
    """The trials that one process is given.

    Args:
        orders: lines to read, each with the keys ``trial`` (its number), ``config`` (its text),
            ``resume`` (the run to be resumed, or None), ``workers``, and ``asks``: whether it waits
            after each epoch for a line with the key ``prune``, true if that was to be its last. On
            a worker of a cluster, ``folder`` is where the run and its reports are.
        answers: lines to write, each with the key ``event``.
        on_leave: called when it is to end before its trial has.
    """

    def __init__(
        self,
        orders: BinaryIO,
        answers: BinaryIO,
        on_leave: Callable[[], None] = lambda: None,
    ) -> None:
        self._orders, self._answers, self._on_leave = orders, answers, on_leave
        self._waiting: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._verdicts: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._session: TrainingSession | None = None
        self._asks = False
        self._leaving = False
        self._said = 0.0

    def serve(self) -> None:
        """Carry out orders until there are no more."""
        threading.Thread(target=self._read, name="cnn-tui-orders", daemon=True).start()
        self._tell(event="ready")
        while (order := self._waiting.get()) is not None and not self._leaving:
            self._tell(trial=order["trial"], **self._train(order))
            self._session = None
            gc.collect()  # the arrays of a session are in circles with its callbacks

    def _read(self) -> None:
        """Queue the orders; their end stops what is being trained."""
        with suppress(ValueError):  # its process was killed while it wrote the line
            for line in self._orders:
                order = json.loads(line)
                if "prune" in order:
                    self._verdicts.put(order["prune"])
                else:
                    self._waiting.put(order)
        self._leaving = True
        session = self._session
        if session is not None:
            session.controls.stop(STOPPED)
            self._on_leave()
        self._waiting.put(None)
        self._verdicts.put(False)

    def _train(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Train a trial; what became of it."""
        self._asks = order["asks"]
        try:
            config, run = _config_of(order)
            session = TrainingSession(
                config,
                resume=run,
                adopt="folder" in order,
                on_event=lambda event: self._happened(order["trial"], event),
                on_progress=lambda label, done, total: self._progressed(order["trial"]),
            )
            self._session = session
            if self._leaving:
                return {"event": "stopped"}
            ended = session.run()
        except Cancelled:
            return {"event": "stopped"}
        except EngineError as error:
            return {"event": "failed", "reason": str(error)}
        except Exception as error:
            text = " ".join(str(error).split())
            return {"event": "failed", "reason": f"{type(error).__name__}: {text}"}
        return {"event": "end", "status": ended.status, "reason": ended.reason, "run": ended.run}

    def _happened(self, trial: int, event: Event) -> None:
        match event:
            case EpochEnded():
                self._tell(event="epoch", trial=trial, epoch=event.epoch, **event.logs)
                if self._asks and self._verdicts.get() and self._session is not None:
                    self._session.controls.stop(pruning_reason(event.epoch))
            case Warned():
                self._tell(event="warning", trial=trial, message=event.message)

    def _progressed(self, trial: int) -> None:
        now, session = time.monotonic(), self._session
        if session is None or now - self._said < _OFTEN:
            return
        self._said = now
        progress = session.progress
        steps = progress.epoch * session.steps_per_epoch + progress.step
        whole = session.config.train.epochs * max(session.steps_per_epoch, 1)
        self._tell(event="progress", trial=trial, share=min(steps / whole, 1.0))

    def _tell(self, **values: Any) -> None:
        """Write an answer; where nobody reads any more, the end of stdin says so, too."""
        line = json.dumps(null_for_nan(values), allow_nan=False) + "\n"
        with suppress(OSError):
            self._answers.write(line.encode())
            self._answers.flush()


def _config_of(order: Mapping[str, Any]) -> tuple[Config, Path | None]:
    """The config of an order, with its share of the cores, and the run to be resumed."""
    run = None if order["resume"] is None else Path(order["resume"])
    if run is None or "folder" in order:
        config = loads(order["config"], "<the sweep>")
    else:
        config = factory.config_of(run)
    if "folder" in order:
        folder = Path(order["folder"])
        places = {"runs_dir": folder / RUNS, "reports_dir": folder / REPORTS}
        config = config.model_copy(update=places)
    train = config.train.model_copy(update={"workers": order["workers"]})
    return config.model_copy(update={"train": train}), run


def main() -> None:
    """Serve the process at the other end of stdin and stdout."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints there is no answer
    gc.freeze()
    Child(sys.stdin.buffer, answers, lambda: LastResort().begin(ExitCode.FAILED)).serve()


if __name__ == "__main__":
    main()
