"""What runs on a worker of a cluster: it trains a trial in a process of its own.

Dask calls the functions below in the worker's process, for the process of the sweep, which sends
orders and fetches what has happened. The run is in a folder of the worker's own, whose files are
fetched while it is trained, so it does not matter whether the machines share a disk.
"""

import asyncio
import csv
import platform
import queue
import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import engine
from engine import portable
from engine.errors import EngineError
from engine.sweeps.children import ChildProcess
from engine.sweeps.cluster.parcel import Marks, Parcel, pack, place, unpack
from engine.sweeps.folder import REPORTS, RUNS

BETWEEN = 5.0
"""Seconds between two parcels of a run that is being trained."""

LEASE = 60.0
"""Seconds without a word from the sweep's process after which its trial is stopped."""

_LOOK = 1.0
"""Seconds between two looks at whether anybody asks."""

LAST = ("end", "failed", "stopped")
"""Messages with which a trial is over."""


@dataclass
class News:
    """What has happened since it was last asked for.

    Attributes:
        messages: of the process that trains, as in ``engine.sweeps.child``.
        parcel: files of the run, if some have changed.
        result: the row of ``results.csv`` of a run that is over.
        ending: how the process ended; None while it is there.
    """

    messages: list[dict[str, Any]] = field(default_factory=list)
    parcel: Parcel | None = None
    result: dict[str, str] | None = None
    ending: str | None = None


class Trainer:
    """A process on this worker that trains trials, one after the other.

    Args:
        scratch: the folder in which it makes its own.
        working: its working folder, where there is such a folder here.
        is_portable: whether it computes portably, for which it needs variables of this machine.
    """

    def __init__(self, scratch: Path, working: str, is_portable: bool) -> None:
        self._folder = scratch / f"cnn-tui-{secrets.token_hex(4)}"
        self._folder.mkdir(parents=True)
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._sent: Marks = {}
        self._packed = self._heard = time.monotonic()
        here = Path(working) if Path(working).is_dir() else self._folder
        more = portable.variables() if is_portable and not portable.not_possible() else {}
        self._child = ChildProcess(self._post, here, more)
        self._over = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _post(self, child: ChildProcess, message: Mapping[str, Any] | None) -> None:
        self._messages.put(None if message is None else dict(message))

    def send(self, line: Mapping[str, Any]) -> None:
        """Hand a line on to the process."""
        self._heard = time.monotonic()
        self._child.send(line)

    def begin(self, order: dict[str, Any], parcel: Parcel | None) -> None:
        """Train a trial, or resume the run in a parcel, if there is one."""
        try:
            for name in (RUNS, REPORTS):
                shutil.rmtree(self._folder / name, ignore_errors=True)
            self._sent = {}
            if parcel is not None:
                run = self._folder / RUNS / parcel.run
                place(unpack(parcel), parcel.names, run)
                order["resume"] = str(run)
        except (OSError, EngineError) as error:
            reason = getattr(error, "strerror", None) or error
            message = f"its run cannot be unpacked on the worker: {reason}"
            self._messages.put({"event": "failed", "trial": order["trial"], "reason": message})
            return
        self.send({**order, "folder": str(self._folder)})

    def leave(self) -> None:
        """Have the process end; what it trains is saved first."""
        self._child.leave()

    def news(self) -> News:
        """What has happened since the last call."""
        self._heard = time.monotonic()
        news = News()
        while True:
            try:
                message = self._messages.get_nowait()
            except queue.Empty:
                break
            if message is None:
                news.ending = self._child.ending
            else:
                news.messages.append(message)
        is_over = any(message["event"] in LAST for message in news.messages)
        if is_over or news.ending or time.monotonic() - self._packed > BETWEEN:
            self._packed = time.monotonic()
            for run in self._runs():
                news.parcel = pack(run, self._sent)
        if is_over:
            news.result = self._result()
        if news.ending:
            self._over.set()
        return news

    def _runs(self) -> list[Path]:
        with suppress(OSError):
            return [path for path in (self._folder / RUNS).iterdir() if path.is_dir()]
        return []

    def _result(self) -> dict[str, str] | None:
        with (
            suppress(OSError, ValueError),
            (self._folder / REPORTS / "results.csv").open(newline="", encoding="utf-8") as file,
        ):
            return next(iter(csv.DictReader(file)), None)
        return None

    def _watch(self) -> None:
        """Wait until all is fetched, or nobody asks any more; then remove what is here."""
        while not self._over.wait(_LOOK):
            if time.monotonic() - self._heard > LEASE:
                self._child.leave()
                self._child.wait()
                break
        shutil.rmtree(self._folder, ignore_errors=True)
        for key, trainer in list(_trainers.items()):
            if trainer is self:
                del _trainers[key]


_trainers: dict[str, Trainer] = {}
"""The trainers of this worker by their keys."""


def versions() -> dict[str, str]:
    """What the bits of a training depend on, and what both sides must have in common."""
    python = platform.python_version()
    return {"cnn-tui": engine.__version__, "NumPy": np.__version__, "Python": python}


async def start(working: str, is_portable: bool, dask_worker: Any) -> str:
    """Start a process that trains; returns its key. Dask adds the worker."""

    def begin() -> str:
        key = secrets.token_hex(8)
        _trainers[key] = Trainer(Path(dask_worker.local_directory), working, is_portable)
        return key

    return await asyncio.to_thread(begin)


async def give(key: str, order: dict[str, Any], parcel: Parcel | None) -> None:
    """Have a process train a trial."""
    await asyncio.to_thread(_trainers[key].begin, order, parcel)


async def send(key: str, line: Mapping[str, Any]) -> None:
    """Hand a line on to a process."""
    await asyncio.to_thread(_trainers[key].send, line)


async def leave(key: str) -> None:
    """Have a process end."""
    await asyncio.to_thread(_trainers[key].leave)


async def news(key: str) -> News:
    """What has happened in a process."""
    return await asyncio.to_thread(_trainers[key].news)
