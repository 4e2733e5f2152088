"""A training in memory: the command's trainer, loop and order of random numbers, without files."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from engine.api.encoding import NAME, Encoding
from engine.api.history import History
from engine.callbacks import Callback
from engine.config import Config
from engine.config.cross_checks import check, check_layers
from engine.config.errors import Finding, dotted
from engine.config.validation import validate
from engine.data import Dataset, DatasetInfo, Split
from engine.errors import CheckpointError, ConfigError
from engine.events import EpochEnded, Event, Hinted, Noted, Warned
from engine.layers import Sequential
from engine.numbers import metric
from engine.parallel.workers import Workers
from engine.train import factory
from engine.train.controls import Controls
from engine.train.hinting import Hinting
from engine.train.loop import Loop, Stopped
from engine.train.metric_buffer import MetricBuffer
from engine.train.run_state import Progress, RunState
from engine.train.trainer import Trainer

_ARGUMENTS = {"data.validation": "validation_split", "data.augment": "augment"}
"""Names of ``fit`` that are others in a config; ``train.lr`` is ``lr``, and so on."""


def make_config(
    info: DatasetInfo,
    layers: Sequence[Any],
    *,
    seed: int,
    validation: float | int,
    augment: Mapping[str, Any],
    callbacks: Sequence[Any],
    train: Mapping[str, Any],
) -> Config:
    """The config that says the same as the arguments of ``fit``, checked as one from a file.

    Raises:
        ConfigError: something is wrong with it; in one line, by the argument's name.
    """
    values: dict[str, Any] = {
        "name": info.name,
        "dataset": info.name,
        "layers": list(layers),
        "seed": seed,
        "data": {"validation": validation, "augment": dict(augment)},
        "train": dict(train),
        "callbacks": list(callbacks),
    }
    values = _plain(values)
    config, findings = validate(values)
    if not findings:
        findings += check_layers(values, [], info)
    if config is not None and not findings:
        config.know(info)
        findings += check(config, set())
    if findings:
        raise ConfigError(_in_words(findings))
    assert config is not None
    return config


def _plain(value: Any) -> Any:
    """A value without NumPy's scalars, which the schema does not know."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value


def _in_words(findings: Sequence[Finding]) -> str:
    key = dotted(findings[0].path)
    for name, argument in _ARGUMENTS.items():
        key = argument + key.removeprefix(name) if key.startswith(name) else key
    message = f"{key.removeprefix('train.')}: {findings[0].message}"
    for name in ("train.", "data."):
        message = message.replace(f"'{name}", "'")
    more = len(findings) - 1
    return f"{message} (and {more} more problem{'s' * (more > 1)})" if more else message


def dataset_of(encoding: Encoding, train: Split, test: Split) -> Dataset:
    """Samples to train on and to measure with, as a data set."""
    return Dataset(NAME, train, test, encoding.names, encoding.mean, encoding.std)


def sources_of(
    config: Config, encoding: Encoding, samples: Split, held_out: Split | None
) -> factory.Sources:
    """The batches: of the samples a share is held out, unless there are others to measure with."""
    dataset = dataset_of(encoding, samples, samples if held_out is None else held_out)
    if held_out is None:
        return factory.make_sources(config, dataset)
    everything = np.arange(len(samples))
    measured = factory.evaluation_batches(held_out, dataset)
    train = factory.batches_of(config, dataset, everything)
    return factory.Sources(dataset, train, measured, measured, {})


class Nowhere:
    """A keeper of nothing: what is trained from Python stays in memory."""

    batches_until_due: int | None = None

    def checkpoint(self, *, best: bool = False) -> None:
        """Keep nothing."""

    def checkpoint_if_due(self) -> None:
        """Keep nothing."""

    def frame(self, logs: Mapping[str, float]) -> None:
        """Keep nothing."""

    def frame_if_due(self) -> None:
        """Keep nothing."""

    def append_metrics(self, row: Mapping[str, int | float | None]) -> str | None:
        """Keep nothing: the history has them."""
        return None


class Training:
    """A training, as its callbacks see it (``engine.callbacks.callback.Run``).

    Args:
        config: what to train.
        sources: the batches.
        model: with the weights to begin with; it is trained in place.
        callbacks: called beside those of the config.
        say: called with a line for every epoch, and for what there is to be said.
        save: writes the present weights to a file.

    Attributes:
        history: the logs of every epoch done.
    """

    def __init__(
        self,
        config: Config,
        sources: factory.Sources,
        model: Sequential,
        *,
        callbacks: Sequence[Callback],
        say: Callable[[str], None],
        save: Callable[[Path], None],
    ) -> None:
        self.config = config
        self.model = model
        self.history: list[dict[str, float]] = []
        self._sources = sources
        self._progress = Progress()
        self._callbacks = [*factory.make_callbacks(config), *callbacks]
        self._say, self._save = say, save
        self._notes: list[str] = []

    def result(self, stopped: str | None = None) -> History:
        """What was trained so far, and why it ended early, if it did."""
        return History(self.history, stopped, self._notes)

    def run(self) -> History:
        """Train all epochs, or until Ctrl-C, which is as harmless as the end.

        Raises:
            Diverged: a number was not finite; the weights are those before it.
        """
        config, controls = self.config, Controls()
        with Workers(config.train.workers) as workers, _stopped_by_ctrl_c(controls):
            state = self._state(workers)
            for callback in self._callbacks:
                callback.run = self
                callback.on_train_begin()
            hinting = Hinting(config, self._sources, self.history, state.looks, self._on_event)
            hinting.begin()
            nowhere = Nowhere()
            loop = Loop(
                config=config,
                state=state,
                sources=self._sources,
                callbacks=self._callbacks,
                controls=controls,
                saver=nowhere,
                run_dir=nowhere,
                metric_buffer=MetricBuffer(2),
                emit=self._on_event,
                show=lambda phase, done, total: None,
                on_progress=lambda text, done, total: None,
                give_hints=hinting.after_epoch,
            )
            try:
                loop.run()
            except (Stopped, KeyboardInterrupt):
                return self.result(self._interrupted())
        return self.result(self._progress.stop_reason)

    def _state(self, workers: Workers) -> RunState:
        config, steps = self.config, self._sources.train.steps_per_epoch
        trainer = Trainer(
            self.model,
            factory.make_loss(config, self._sources.class_counts),
            factory.make_optimizer(config),
            seed=config.seed,
            workers=workers,
            clip_norm=config.train.clip_norm,
            slow=factory.make_slow_weights(config, steps),
        )
        scheduler = factory.make_scheduler(config, steps)
        return RunState(trainer, scheduler, self._callbacks, self._progress, self.history)

    def _interrupted(self) -> str:
        done, steps = self._progress, self._sources.train.steps_per_epoch
        where = f"batch {done.step} of {steps} in epoch {done.epoch + 1}"
        return f"{INTERRUPTED} after {where if done.step else f'epoch {done.epoch}'}"

    def _on_event(self, event: Event) -> None:
        if isinstance(event, EpochEnded):
            numbers = "  ".join(
                f"{name} {metric(event.logs[name])}"
                for name in ("loss", "acc", "val_loss", "val_acc")
            )
            self._say(f"epoch {event.epoch}/{event.epochs}  {numbers}")
        elif isinstance(event, Hinted):
            self.warn(f"{event.title}: {event.message}")
        elif isinstance(event, (Warned, Noted)):
            self.warn(event.message)

    @property
    def stop_reason(self) -> str | None:
        """The reason to end after this batch or epoch; callbacks set it."""
        return self._progress.stop_reason

    @stop_reason.setter
    def stop_reason(self, reason: str | None) -> None:
        self._progress.stop_reason = reason

    @property
    def folder(self) -> None:
        """None: such a training keeps no folder."""
        return None

    def warn(self, message: str) -> None:
        """Keep a remark for the history, and say it."""
        self._notes.append(message)
        self._say(f"note: {message}")

    def save_weights(self, path: Path, latest_of: Path | None = None) -> bool:
        """Write the present weights as ``Sequential.save`` does; a failure is a note."""
        try:
            self._save(path)
        except CheckpointError as error:
            self.warn(str(error))
            return False
        return True


INTERRUPTED = "interrupted"
"""Begins what a history says of a training that Ctrl-C ended."""


@contextmanager
def _stopped_by_ctrl_c(controls: Controls) -> Iterator[None]:
    """Let the first Ctrl-C end the training between two batches, and a second one at once.

    Python's own way, an exception anywhere, would leave an update half done.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        if controls.stop_reason is not None:
            before(number, frame)
        controls.stop_from_signal(INTERRUPTED)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
