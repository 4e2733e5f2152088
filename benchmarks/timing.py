"""Several ways of doing the same work, timed in turn."""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: how often each way has its turn.
        turn: seconds of a turn, at least; work that takes longer is done once a turn.
        limit: seconds after which no round begins, but for the first three.
    """

    rounds: int
    turn: float
    limit: float


FULL = Effort(rounds=15, turn=0.1, limit=6.0)
QUICK = Effort(rounds=3, turn=0.02, limit=5.0)
FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Way:
    """One way of doing the work.

    Attributes:
        run: does it.
        prepare: called before each turn, not timed.
        times: how often a run does it.
    """

    run: Callable[[], object]
    prepare: Callable[[], object] = lambda: None
    times: int = 1


@dataclass(frozen=True)
class Comparison:
    """Seconds that each way took, a number for each round."""

    seconds: Mapping[str, list[float]]

    def median(self, name: str) -> float:
        """Seconds of one run."""
        return statistics.median(self.seconds[name])

    def best(self, whose: str) -> str:
        """The fastest of those whose name starts so."""
        return min((name for name in self.seconds if name.startswith(whose)), key=self.median)

    def speedup(self, name: str, over: str) -> float:
        """The throughput of one way divided by that of another."""
        return self.median(over) / self.median(name)

    def speedup_range(self, name: str, over: str) -> tuple[float, float]:
        """The middle half of the rounds' own speed-ups: how much the machine lets them vary."""
        ratios = sorted(
            slow / fast for slow, fast in zip(self.seconds[over], self.seconds[name], strict=True)
        )
        quarter = len(ratios) // 4
        return ratios[quarter], ratios[-1 - quarter]


def compare(
    ways: Mapping[str, Way],
    effort: Effort,
    *,
    warm: bool = True,
    clock: Callable[[], float] = time.perf_counter,
) -> Comparison:
    """Give every way its turn, again and again, so that what else the machine does hits all alike.

    Args:
        ways: by name.
        effort: how long to measure.
        warm: begin a turn with a run that is not timed: it wakes this way's threads, lets those
            of the one before fall asleep, and brings its memory into the caches. False where one
            run is long enough not to mind; a turn is then a single run.
        clock: what is compared; ``time.process_time`` leaves other processes out.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    runs: dict[str, int] = {}
    names = list(ways)
    began = time.perf_counter()
    for turn in range(effort.rounds):
        if turn >= FEWEST_ROUNDS and time.perf_counter() - began > effort.limit:
            break
        for i in range(len(names)):
            name = names[(i + turn) % len(names)]
            way = ways[name]
            way.prepare()
            if not warm:
                seconds[name].append(_timed(way.run, 1, clock) / way.times)
                continue
            way.run()
            if name not in runs:
                # The very first run may be slow, so the number of runs is set by the second.
                took = _timed(way.run, 1, clock)
                runs[name] = min(max(1, math.ceil(effort.turn / took)), 1000)
            took = _timed(way.run, runs[name], clock)
            seconds[name].append(took / (runs[name] * way.times))
    return Comparison(seconds)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent of them do not exceed; 0 where there are none."""
    if not values:
        return 0.0
    return sorted(values)[math.ceil(percent / 100 * len(values)) - 1]


def _timed(run: Callable[[], object], times: int, clock: Callable[[], float]) -> float:
    began = clock()
    for _ in range(times):
        run()
    return clock() - began
