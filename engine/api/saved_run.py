"""A run of ``cnn-tui train``, opened from Python: its config, curves, weights and network."""

import html
from pathlib import Path
from typing import Any

import numpy as np

from engine.api.history import History
from engine.api.sequential import Sequential
from engine.checkpoints import checkpoint
from engine.config import Config, dump
from engine.errors import EngineError
from engine.runs.directory import RunDir
from engine.runs.listing import RunInfo
from engine.sanitize import printable
from engine.services.runs import find_run
from engine.train import factory
from engine.train.weights import find_weights

_LINES = (("status", "status"), ("dataset", "data set"), ("test", "test"), ("seconds", "seconds"))


class SavedRun:
    """A run as it is on disk; each part is read when it is asked for. ``load`` opens one.

    Attributes:
        path: its directory.
        id: its name there.
        status: "finished", "stopped", "running", ...; None if its record cannot be read.
        record: what ``run.json`` says: data, versions, results.
    """

    def __init__(self, info: RunInfo) -> None:
        self.path, self.id = info.path, info.id
        self.status, self.record = info.status, info.record

    @property
    def config(self) -> Config:
        """Its config, checked: ``run.config.train.lr``.

        Raises:
            CheckpointError, ConfigError: it cannot be read.
        """
        return factory.config_of(self.path)

    @property
    def history(self) -> History:
        """The metrics of every epoch, from ``metrics.csv``.

        Raises:
            RunError: the file cannot be read.
        """
        rows = RunDir.view(self.path).read_metrics()
        kept = [{name: value for name, value in row.items() if name != "epoch"} for row in rows]
        stopped = None if self.status in ("finished", None) else self.status
        reason = self.record.get("reason")
        return History(kept, printable(str(reason or stopped), 200) if stopped else None)

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """Its finished (or best, or latest) weights by PyTorch's names: ``0.weight``.

        Raises:
            CheckpointError: there are none, or they are damaged.
        """
        arrays = checkpoint.load(find_weights(self.path), only="model/").arrays
        return {name.removeprefix("model/"): array for name, array in arrays.items()}

    def model(self) -> Sequential:
        """Its network with these weights, to ask, to measure, or to train on.

        Raises:
            CheckpointError: there are no weights, or they are damaged.
        """
        return Sequential.load(self.path)

    def __repr__(self) -> str:
        return f"SavedRun({printable(str(self.path), 200)!r}, {self.status})"

    def _repr_html_(self) -> str:
        """The curves, what the record says, and the config to unfold."""
        rows = "".join(
            f"<tr><th>{title}</th><td>{html.escape(_words(self.record[key]))}</td></tr>"
            for key, title in _LINES
            if self.record.get(key) not in (None, {})
        )
        try:
            curves, config = self.history._repr_html_(), dump(self.config)
        except EngineError as error:
            curves, config = "", str(error)
        return (
            f"<b>{html.escape(self.id)}</b>{curves}<table>{rows}</table>"
            f"<details><summary>config</summary><pre>{html.escape(config)}</pre></details>"
        )


def load(name: str | Path) -> SavedRun:
    """Open a run.

    Args:
        name: the path of a run, or of a file in it; or of a run in ``runs`` its id, or the name of
            its config, which means the newest.

    Raises:
        CheckpointError: there is no such run; the message suggests one.
        ConfigError: the name means several runs.

    Examples:
        >>> load("runs/none")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        engine.errors.CheckpointError: runs: no run 'runs/none'. ...
    """
    return SavedRun(find_run(Path("runs"), str(name), newest=True))


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{printable(key, 40)} {_words(one)}" for key, one in value.items())
    return f"{value:.4g}" if isinstance(value, float) else printable(str(value), 200)
