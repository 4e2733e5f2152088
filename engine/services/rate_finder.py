"""Find a learning rate for a config, and say why it is that one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.config import Config, line_ends, loads, read_raw, set_value
from engine.errors import Cancelled, ConfigError, Diverged
from engine.numbers import significant
from engine.parallel.workers import Workers
from engine.paths import kind_at
from engine.services.configs import STDIN, is_read_only, resolve
from engine.storage import atomic
from engine.train import factory
from engine.workbench import RatePoint, RateRange, Reading, read, sweep
from engine.workbench.rate_sweep import MARGIN, STOP_AT

KEY = "train.lr"
"""What is found, as configs and ``--set`` name it."""

End = Literal["range", "rose", "not finite"]
"""Why a sweep ended: at its last rate, at a loss far above the lowest, at NaN or infinity."""


@dataclass(frozen=True)
class RateFinding:
    """A sweep, and what follows from it.

    Attributes:
        config: that it was made with.
        rates: its range.
        points: its batches, all with finite losses.
        end: why it ended.
        last_lr: the rate at which it ended.
        source: what first was not finite, if that is known.
        reading: of the curve; None for too few points.
    """

    config: Config
    rates: RateRange
    points: tuple[RatePoint, ...]
    end: End
    last_lr: float
    source: str | None
    reading: Reading | None

    @property
    def suggestion(self) -> float | None:
        """The learning rate to train with; None where the loss never fell."""
        return self.reading.suggestion if self.reading and self.reading.fell else None

    @property
    def override(self) -> str:
        """The suggestion as ``--set`` takes it; empty where there is none."""
        return "" if self.suggestion is None else f"{KEY}={significant(self.suggestion)}"

    def sentences(self) -> list[str]:
        """The suggestion with its reason, or why there is none; then what else is to be known."""
        return [self._verdict(), *self._remarks()]

    def _verdict(self) -> str:
        reading, suggestion = self.reading, self.suggestion
        if reading is not None and suggestion is not None:
            lowest = significant(reading.lowest_lr, 2)
            if reading.still_falling and self.end == "range":
                return (
                    f"Suggested: {significant(suggestion)}, a tenth of {lowest}: there, at the end "
                    f"of the range, the loss was still falling ({significant(reading.start)} → "
                    f"{significant(reading.lowest)}). A range up to "
                    f"{significant(self.rates.high * MARGIN)} may show a better one."
                )
            return (
                f"Suggested: {significant(suggestion)}, a tenth of {lowest}, where the smoothed "
                f"loss has fallen ({significant(reading.start)} → {significant(reading.lowest)}). "
                f"{lowest} itself is near diverging, and a training stays at its rate for longer "
                "than this sweep."
            )
        if self.end == "not finite" and len(self.points) == 0:
            what = f" ({self.source})" if self.source else ""
            return (
                f"No suggestion: the first batch gives no finite numbers{what}, whatever the "
                "learning rate. Look at the network, the loss and the images."
            )
        if self.end != "range" and len(self.points) <= self.rates.steps // 4:
            return (
                "No suggestion: the loss did not fall before it rose. Begin far below "
                f"{significant(self.rates.low)}."
            )
        return (
            "No suggestion: the loss did not fall by more than chance from "
            f"{significant(self.rates.low)} to {significant(self.last_lr, 2)}. Try a wider range, "
            "more steps or larger batches; or the network cannot learn this."
        )

    def _remarks(self) -> list[str]:
        return [*self._unused(), *self._about_curve(), *self._about_end()]

    def _unused(self) -> list[str]:
        """What of the config is left out, since it changes the rate itself."""
        train = self.config.train
        unused = [f"train.scheduler ({train.scheduler.name})"] if train.scheduler else []
        unused += ["train.warmup"] if train.warmup else []
        if not unused:
            return []
        if len(unused) == 1:
            return [f"{unused[0]} is not used in the sweep; in a training it scales {KEY}."]
        both = " and ".join(unused)
        return [f"{both} are not used in the sweep; in a training they scale {KEY}."]

    def _about_curve(self) -> list[str]:
        reading = self.reading
        if reading is None or not reading.fell or reading.steepest_lr is None:
            return []
        return [
            f"The loss falls steepest at {significant(reading.steepest_lr, 2)}; that depends on "
            "the luck of a few batches, so it is not what is suggested."
        ]

    def _about_end(self) -> list[str]:
        at = significant(self.last_lr, 2)
        if self.end == "rose":
            return [f"The sweep ended at {at}, with {STOP_AT:g} times the lowest loss."]
        if self.end == "not finite" and self.points:
            return [f"The sweep ended at {at}: the numbers are not finite any more."]
        return []


def find_rate(
    config: Config,
    rates: RateRange,
    *,
    say: Callable[[str], None] = lambda text: None,
    progress: Callable[[str, int, int], None] = lambda label, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    on_point: Callable[[RatePoint], None] = lambda point: None,
) -> RateFinding:
    """Sweep the learning rate on fresh weights; the same config gives the same bytes.

    No run folder is touched, and nothing is written but a data set that has to be downloaded.

    Args:
        config: what would be trained.
        rates: to try.
        say: called with a line on images that are passed over.
        progress: called with what is being done, how much of it is done, and the total.
        cancelled: polled in any thread; true ends the sweep.
        on_point: called with every point as soon as it is known.

    Raises:
        Cancelled: ``cancelled`` returned true.
        ConfigError: there are too few samples.
        DataError: the data set cannot be had, or is damaged.
    """

    def check() -> None:
        if cancelled():
            raise Cancelled("the sweep was cancelled")

    dataset = factory.load_dataset(config, progress=progress, cancelled=cancelled)
    for problem in dataset.passed_over:
        say(problem)
    points: list[RatePoint] = []
    end: End = "range"
    last_lr, source = rates.high, None
    with Workers(config.train.workers) as workers:
        try:
            for point in sweep(config, dataset, workers, rates, check):
                check()
                points.append(point)
                on_point(point)
                progress("finding a learning rate", len(points), rates.steps)
        except Diverged as error:
            end, last_lr, source = "not finite", error.lr, error.source
        else:
            if len(points) < rates.steps:
                end, last_lr = "rose", points[-1].lr
    return RateFinding(config, rates, tuple(points), end, last_lr, source, read(points, rates))


def writable_config(argument: str | None) -> Path:
    """The file of a config that is to be changed.

    Raises:
        ConfigError: it is no file, or belongs to the installed package.
    """
    path = None if argument == STDIN else resolve(argument)
    if path is None or kind_at(path) != "file":
        raise ConfigError(f"{argument}: --write needs the file of a config")
    if is_read_only(path):
        raise ConfigError(
            f"{path}: ships with the program; copy it into ./configs, and --write there"
        )
    return path


def write_rate(path: Path, rate: float) -> None:
    """Write a learning rate into a config's file; all else in it stays, comments included.

    Raises:
        ConfigError: the file cannot be read, changed so or written; it is then untouched.
    """
    raw = read_raw(path)
    text = line_ends.restored(set_value(line_ends.plain(raw), KEY, rate), raw)
    loads(text.removeprefix(line_ends.MARK), str(path))
    try:
        atomic.write_atomic(path, text.encode(), follow_symlinks=True)
    except OSError as error:
        raise ConfigError(f"{path}: not saved: {error.strerror or error}") from error
