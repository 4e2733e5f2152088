"""Feed a reader with what nobody should ever give it, and watch what it does."""

import gc
import random
import signal
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from engine.errors import EngineError

SECONDS = 2.0
"""The longest that reading may take."""
MEMORY = 1.2
"""The most memory that reading may take, as a share of what the good files take."""
_HANGS = 60.0


@dataclass(frozen=True)
class Target:
    """A reader, and what it reads.

    Attributes:
        name: what it is called.
        good: inputs that it must accept.
        bad: makes another input by chance.
        read: reads one; raises ``EngineError`` if it is refused.
        share: how many of a round's inputs it gets, in relation to the others.
    """

    name: str
    good: Sequence[Any]
    bad: Callable[[random.Random], Any]
    read: Callable[[Any], object]
    share: float = 1.0


@dataclass
class Report:
    """What a reader did.

    Attributes:
        name: the target's.
        inputs, refused: how many there were, and how many of them were refused.
        slowest: seconds of processor time that the slowest took.
        memory: peak of the thirstiest, as a share of that of the good files.
        findings: inputs that should have been read otherwise, and why.
    """

    name: str
    inputs: int = 0
    refused: int = 0
    slowest: float = 0.0
    memory: float = 0.0
    findings: list[tuple[Any, str]] = field(default_factory=list)


class _Hangs(BaseException):
    """It was given up."""


def fuzz(target: Target, count: int, rng: random.Random) -> Report:
    """Read the good inputs, then ``count`` bad ones."""
    report = Report(target.name)
    tracemalloc.start()
    try:
        for _ in range(2):  # the first time fills caches that later ones use
            most = max(_read(target, item, Report("good"))[1] for item in target.good)
        for _ in range(count):
            item = target.bad(rng)
            seconds, peak = _read(target, item, report)
            report.inputs += 1
            report.slowest = max(report.slowest, seconds)
            report.memory = max(report.memory, peak / most)
            if seconds > SECONDS:
                report.findings.append((item, f"took {seconds:.1f} s"))
            if peak > MEMORY * most:
                report.findings.append((item, f"took {peak:,} bytes, a good one takes {most:,}"))
    finally:
        tracemalloc.stop()
    return report


def _read(target: Target, item: Any, report: Report) -> tuple[float, int]:
    """Processor time and peak memory of one input."""
    gc.collect(0)
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    began = time.process_time()
    try:
        with _given_up_after(_HANGS):
            target.read(item)
    except EngineError as error:
        report.refused += 1
        if not str(error).strip() or "\x1b" in str(error):
            report.findings.append((item, f"a bad message: {str(error)!r}"))
    except (Exception, _Hangs) as error:
        report.findings.append((item, f"{type(error).__name__}: {error}"))
    if report.name == "good" and (report.refused or report.findings):
        raise AssertionError(f"{target.name}: a good input is not read: {report.findings}")
    return time.process_time() - began, tracemalloc.get_traced_memory()[1] - before


@contextmanager
def _given_up_after(seconds: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer"):
        yield
        return

    def give_up(number: int, frame: FrameType | None) -> None:
        raise _Hangs(f"more than {seconds} s")

    old = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
