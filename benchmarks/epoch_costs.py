"""Processor time that a trained sample costs, with all threads and worker processes.

    python -m benchmarks.epoch_costs RESULT CONFIG [KEY=VALUE]...

is the process that ``benchmarks.views`` starts to train headless. What else the machine does
changes the time that a training takes, and hardly the processor time that it uses. Linux only.
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path

import engine.config as configs
from engine.callbacks import Callback, Logs
from engine.train.session import TrainingSession


class EpochCosts(Callback):
    """Notes what every epoch has cost.

    Attributes:
        seconds: processor seconds and seconds of every epoch that began since ``begin``.
    """

    def __init__(self) -> None:
        self.seconds: list[tuple[float, float]] = []
        self._before: tuple[float, float] | None = None

    def on_epoch_begin(self, epoch: int) -> None:
        self._before = processor_seconds(os.getpid()), time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if self._before is not None:
            used, began = self._before
            now = processor_seconds(os.getpid()), time.perf_counter()
            self.seconds.append((now[0] - used, now[1] - began))

    def begin(self) -> None:
        """Count from the next epoch on."""
        self.seconds, self._before = [], None

    def summary(self) -> dict[str, float]:
        """Medians of the epochs; NaN before the first one."""
        columns = zip(*self.seconds, strict=True) if self.seconds else ([float("nan")],) * 2
        return dict(
            zip(("epoch_cost", "epoch_seconds"), map(statistics.median, columns), strict=True)
        )


def processor_seconds(pid: int) -> float:
    """User and system time that a process and those that it has started have used so far."""
    parents, seconds = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):  # lists of children are not always complete
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        process = int(path.parent.name)
        parents[process] = int(fields[1])
        ticks = sum(map(int, fields[11:15]))  # of its own, and of children that have ended
        seconds[process] = ticks / os.sysconf("SC_CLK_TCK")
    return sum(used for process, used in seconds.items() if _descends(process, pid, parents))


def _descends(process: int, ancestor: int, parents: dict[int, int]) -> bool:
    while process != ancestor and process in parents:
        process = parents[process]
    return process == ancestor


def main() -> None:
    result, config, *overrides = sys.argv[1:]
    costs = EpochCosts()
    TrainingSession(configs.load(Path(config), overrides), extra_callbacks=[costs]).run()
    costs.seconds = costs.seconds[1:]  # the first epoch wakes threads and fills caches
    Path(result).write_text(json.dumps(costs.summary()))


if __name__ == "__main__":
    main()
