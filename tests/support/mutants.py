"""Which functions are broken on purpose, what must notice it, and which changes change nothing."""

import importlib
import math
import pkgutil
import types
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

import engine.kernels
import engine.layers
from engine import losses
from engine.kernels import im2col, pooling, window
from engine.layers import LAYERS
from tests.support.cases import Array, Case
from tests.support.checks import CHECKS, fresh_memory_is_nan, run
from tests.support.conformance import CASES
from tests.support.kernel_checks import GEOMETRY_CHECKS, IM2COL_CHECKS, POOL_CHECKS
from tests.support.loss_checks import LOSS_CHECKS
from tests.support.mutation import Mutant, mutants_of

T = TypeVar("T")


@dataclass
class Tally:
    """What became of the mutants, for the end of the test run.

    Attributes:
        killed: by function, how many a check noticed.
        checks: by check, how many it noticed first.
        equivalent: by function, how many change no result.
        survived: those that no check noticed.
    """

    killed: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    equivalent: Counter[str] = field(default_factory=Counter)
    survived: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """A table by function, and the sums."""
        made = {
            place: self.killed[place]
            + self.equivalent[place]
            + sum(change.startswith(f"{place}: ") for change in self.survived)
            for place in {**self.killed, **self.equivalent}
        }
        width = max(map(len, made), default=0)
        lines = [f"{'broken function':{width}}  mutants  killed  no change  survived"]
        for place, count in made.items():
            killed, same = self.killed[place], self.equivalent[place]
            lines.append(
                f"{place:{width}}  {count:7}  {killed:6}  {same or '':>9}  "
                f"{count - killed - same or '':>8}".rstrip()
            )
        noticed = ", ".join(f"{name} {count:,}" for name, count in self.checks.most_common())
        total, same = sum(self.killed.values()), sum(self.equivalent.values())
        lines.append(
            f"{total + same + len(self.survived):,} mutants: {total:,} killed, {same} change no "
            f"result (tests/engine/equivalents.txt), {len(self.survived)} survived"
        )
        return [*lines, f"killed by: {noticed}", *(f"survived: {one}" for one in self.survived)]


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


def modules() -> list[types.ModuleType]:
    """All layers, all kernels but those for workers, memory and tuning, and the losses."""
    skipped = {
        "arguments",
        "base",
        "summary",
        "memory",
        "workspace",
        "workers",
        "meeting",
        "team",
        "crew",
        "shared",
        "parts",
        "products",
    }
    found = [
        importlib.import_module(f"{package.__name__}.{info.name}")
        for package in (engine.layers, engine.kernels)
        for info in pkgutil.iter_modules(package.__path__)
        if info.name not in skipped
    ]
    return [*found, losses]


def wanted(module: types.ModuleType) -> Callable[[str], bool]:
    """Of a layer: backward and what it calls. Of the rest: all that computes."""
    if module.__name__.startswith("engine.layers"):
        return lambda name: name == "backward" or (name[0] == "_" and not name.startswith("__"))
    if module is losses:
        return lambda name: name in ("forward", "backward", "per_sample", "_evaluate")
    return lambda name: not name.startswith("__")


def by_function() -> dict[str, list[Mutant]]:
    """All mutants, by the function that they break."""
    found: dict[str, list[Mutant]] = {}
    for module in modules():
        for mutant in mutants_of(module, wanted(module)):
            found.setdefault(mutant.place, []).append(mutant)
    return found


def cases_of(module: types.ModuleType) -> list[Case]:
    """The rows of the conformance table whose layer computes with a module; small ones first."""
    kernels = {
        "conv": {"Conv2D"},
        "pool": {"MaxPool2D", "AvgPool2D"},
        "geometry": {"Conv2D", "MaxPool2D", "AvgPool2D"},
    }
    room, name = module.__name__.split(".")[1:]
    layers = {layer for layer, cls in LAYERS.items() if cls.__module__ == module.__name__}
    if room == "kernels":
        layers = kernels.get(name, set(LAYERS))
    found = [case for case in CASES if case.layer in layers]
    return sorted(found, key=lambda case: math.prod(case.shape))


class Battery:
    """The checks that no mutant of a module may pass.

    To be quick, the rows on which a mutant computes something else than the original are found
    first, and checked first. It counts as killed only when a check fails.
    """

    def __init__(self, module: types.ModuleType) -> None:
        by_hand = {
            losses: LOSS_CHECKS,
            im2col: IM2COL_CHECKS,
            window: GEOMETRY_CHECKS,
            pooling: POOL_CHECKS,
        }
        self.by_hand = by_hand.get(module, {})
        self.cases = [] if module in (losses, im2col) else cases_of(module)
        self.checks = list(CHECKS)
        self.originals = {str(case): _outcome(case) for case in self.cases}

    def kill(self, mutant: Mutant) -> str | None:
        """The name of the check that fails on a mutant, or None."""
        with mutant.installed(), warnings.catch_warnings(), fresh_memory_is_nan():
            warnings.simplefilter("error")
            return self._kill()

    def _kill(self) -> str | None:
        for name, by_hand in self.by_hand.items():
            if _fails(by_hand):
                return name
        for case in list(self.cases):
            if self._differs(case):
                for name, check in CHECKS.items():
                    if _fails(check, case):
                        _to_front(self.cases, case)
                        return name
        for name in list(self.checks):
            for case in list(self.cases):
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


def _fails(check: Callable[..., None], *arguments: object) -> bool:
    try:
        check(*arguments)
    except Exception:
        return True
    return False
