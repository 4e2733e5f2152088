"""What becomes of the mutants: who notices each, and which changes change nothing."""

import contextlib
import importlib
import signal
import threading
import time
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from engine.arrays import Array
from tests.support.cases import Case
from tests.support.checks import CHECKS, fresh_memory_is_nan, run
from tests.support.formulas import Formulas
from tests.support.mutation import Mutant
from tests.support.ordinary import Call, calls_of

T = TypeVar("T")

PATIENCE = 60
"""Seconds of computing after which a check never ends, which is noticed too; waiting is free."""


@dataclass
class Tally:
    """What became of the mutants, for the end of the test run.

    Attributes:
        killed: by module, how many a check noticed.
        checks: by check, how many it noticed first.
        equivalent: by module, how many change no result.
        seconds: by module, how long that took.
        survived: those that no check noticed.
    """

    killed: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    equivalent: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    survived: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """A table by module, and the sums."""
        modules = sorted({**self.killed, **self.equivalent, **self.seconds})
        width = max(map(len, modules), default=0)
        lines = [f"{'broken module':{width}}  mutants  killed  no change  survived  seconds"]
        for module in modules:
            killed, same = self.killed[module], self.equivalent[module]
            left = sum(change.startswith(f"{module}.") for change in self.survived)
            lines.append(
                f"{module:{width}}  {killed + same + left:7,}  {killed:6,}  {same or '':>9}  "
                f"{left or '':>8}  {self.seconds[module]:7.1f}"
            )
        total, same = sum(self.killed.values()), sum(self.equivalent.values())
        noticed = ", ".join(f"{name} {count:,}" for name, count in self.checks.most_common(12))
        lines.append(
            f"{total + same + len(self.survived):,} mutants: {total:,} killed, {same} change no "
            f"result ({EQUIVALENTS.name}), {len(self.survived)} survived"
        )
        return [*lines, f"most by: {noticed}", *(f"survived: {one}" for one in self.survived)]


TALLY = Tally()
EQUIVALENTS = Path(__file__).with_name("equivalents.txt")


def equivalents() -> dict[str, str]:
    """The changes that change no result, each with the reason."""
    reasons, reason, last = {}, "", ""
    for line in EQUIVALENTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            reason = f"{reason} {line[2:]}" if last.startswith("#") else line[2:]
        elif line:
            reasons[line] = reason
        last = line
    return reasons


class Battery:
    """The checks that no mutant of a module may pass: ordinary tests, then the conformance table.

    To be quick, what noticed the last mutant is tried first on the next; of the table, the rows
    on which a mutant computes something else than the original are found first, and checked
    first. It counts as killed only when a check fails.
    """

    def __init__(self, module: types.ModuleType, formulas: Formulas) -> None:
        self.calls: list[Call] = []
        for name in formulas.tests:
            self.calls += calls_of(importlib.import_module(name))
        self.cases = formulas.rows(module)
        self.checks = list(CHECKS)
        with _strict():
            self.calls.sort(key=_seconds)  # which also shows that all of them pass
            self.originals = {str(case): _outcome(case) for case in self.cases}

    def kill(self, mutant: Mutant) -> str | None:
        """The name of the check that fails on a mutant, or None."""
        with mutant.installed(), _strict():
            return self._kill()

    def _kill(self) -> str | None:
        for call in self.calls:
            if _fails(call):
                _to_front(self.calls, call)
                return call.name
        for case in self.cases:
            if self._differs(case):
                for name, check in CHECKS.items():
                    if _fails(check, case):
                        _to_front(self.cases, case)
                        return name
        for name in self.checks:
            for case in self.cases:
                if _fails(CHECKS[name], case):
                    _to_front(self.cases, case)
                    _to_front(self.checks, name)
                    return name
        return None

    def _differs(self, case: Case) -> bool:
        try:
            found, original = _outcome(case), self.originals[str(case)]
            return not all(np.allclose(found[name], original[name]) for name in original)
        except Exception:
            return True


def _to_front(items: list[T], item: T) -> None:
    """The next mutant is often like this one."""
    items.remove(item)
    items.insert(0, item)


def _outcome(case: Case) -> dict[str, Array]:
    return run(case.make(), case.input(), case.upstream())


def _seconds(call: Call) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


@contextlib.contextmanager
def _strict() -> Iterator[None]:
    """Warnings are errors, and memory that was not written to shows."""
    with warnings.catch_warnings(), fresh_memory_is_nan():
        warnings.simplefilter("error")
        yield


def _fails(check: Callable[..., None], *arguments: Any) -> bool:
    try:
        with _limit():
            check(*arguments)
    except (Exception, pytest.fail.Exception):
        return True
    return False


@contextlib.contextmanager
def _limit() -> Iterator[None]:
    """Raise in what takes too long, where the system can: a changed loop may never end."""
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def stop(*_: Any) -> None:
        raise TimeoutError(f"no end after {PATIENCE} seconds")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
