"""What a training run needs besides time: memory, a look inside, and a start."""

import statistics
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path

from benchmarks import memory
from benchmarks.report import Section, Verdict, markdown_table, milliseconds
from benchmarks.timing import Effort, Way, compare
from benchmarks.twins import CLASSES, NETWORKS, STEPS, engine_trainer, preset_work
from engine.data import Batches
from engine.inspection.health import examine
from engine.inspection.profiler import noise
from engine.parallel.workers import Workers
from engine.train.trainer import Trainer
from tui.redraw import INTERVAL

BATCH = 128


def peak_memory(effort: Effort) -> Section:
    """Peak memory of a child process that trains for some steps."""
    section = Section(f"Peak memory, training at batch {BATCH}")
    section.text.append(
        f"Each in a process of its own, {memory.STEPS} steps with {memory.WORKERS} workers or "
        "threads; resident memory at its highest, and what of it training added to the imports."
    )
    rows = []
    for network in NETWORKS:
        sides = {
            "ours": "ours",
            "PyTorch, default": "contiguous_format",
            "PyTorch, channels_last": "channels_last",
        }
        found = {name: memory.measure(side, network, BATCH) for name, side in sides.items()}
        for name, peaks in found.items():
            rows.append(
                (
                    f"{network}: {name}",
                    *(_mb(b) for b in (peaks["peak"], peaks["imports"], _added(peaks))),
                )
            )
        ours = found.pop("ours")
        lowest = min(found.values(), key=lambda peaks: peaks["peak"])
        leanest = min(found.values(), key=_added)
        section.verdicts.append(
            Verdict(
                f"{network}, peak memory, ours / PyTorch's",
                ours["peak"] / lowest["peak"],
                0.5,
                0.4,
                low=True,
                note=f"without imports {_added(ours) / _added(leanest):.2f}",
            )
        )
    section.text.append(markdown_table(("MB", "peak", "after imports", "added"), rows))
    return section


def telemetry(effort: Effort) -> Section:
    """What looking inside as often as the app does costs."""
    section = Section("Telemetry")
    section.text.append(
        "A step with a look inside (copies of weights and gradients, gradient RMS, update ratios, "
        "dead ReLUs, and their rules) against a plain one, in turn. The median of their "
        f"differences, every {INTERVAL:g} s as in the app, is the share of the time that telemetry "
        "costs."
    )
    rows = []
    for network in NETWORKS:
        work = preset_work(network)
        batches = noise(work.shape, CLASSES, BATCH, STEPS)
        with ExitStack() as stack:
            trainer = engine_trainer(work.model(), stack.enter_context(Workers(2)))
            turn = count()
            ways = {
                "plain": Way(partial(_step, trainer, batches, turn, False)),
                "watched": Way(partial(_step, trainer, batches, turn, True)),
            }
            result = compare(ways, Effort(4 * effort.rounds, effort.turn, effort.limit))
        plain, watched = result.seconds["plain"], result.seconds["watched"]
        extra = statistics.median(b - a for a, b in zip(plain, watched, strict=True))
        step, fastest = result.median("plain"), min(watched) - min(plain)
        share = max(extra, 0.0) / max(INTERVAL, step)
        rows.append(
            (
                network,
                milliseconds(step),
                f"{1e3 * extra:.2f}",
                f"{1e3 * fastest:.2f}",
                f"{100 * share:.2f} %",
            )
        )
        section.verdicts.append(
            Verdict(f"{network}, telemetry", 100 * share, 2.0, 0.5, unit=" %", low=True)
        )
    section.text.append(
        markdown_table(
            ("", "plain step, ms", "a look more, ms", "of the fastest, ms", "share of the time"),
            rows,
        )
    )
    return section


def startup(effort: Effort) -> Section:
    """``cnn-tui --help``, the whole process, against an interpreter that does nothing."""
    section = Section("Start")
    ways = {
        "cnn-tui --help": _process(*_console_script(), "--help"),
        "python -c pass": _process(sys.executable, "-c", "pass"),
    }
    result = compare(ways, Effort(3 * effort.rounds, 0.0, effort.limit), warm=False)
    rows = [
        (name, milliseconds(result.median(name)), milliseconds(min(result.seconds[name])))
        for name in ways
    ]
    section.text.append(markdown_table(("", "median ms", "fastest ms"), rows))
    value = result.median("cnn-tui --help") / result.median("python -c pass")
    section.verdicts.append(
        Verdict("cnn-tui --help / python -c pass", value, 3.0, 2.0, unit="x", low=True)
    )
    return section


def _step(trainer: Trainer, batches: Batches, turn: "count[int]", look: bool) -> None:
    _, snapshot = trainer.step(batches, 0, next(turn) % STEPS, inspect=look)
    if snapshot is not None:
        examine(snapshot)


def _console_script() -> list[str]:
    script = Path(sys.executable).parent / "cnn-tui"
    return [str(script)] if script.is_file() else [sys.executable, "-m", "tui"]


def _process(*command: str) -> Way:
    return Way(partial(subprocess.run, command, check=True, stdout=subprocess.DEVNULL))


def _added(peaks: dict[str, int]) -> int:
    return peaks["peak"] - peaks["imports"]


def _mb(number: int) -> str:
    return f"{number / 1e6:,.0f}"
