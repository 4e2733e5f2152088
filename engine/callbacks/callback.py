"""The contract of callbacks: Keras' hooks, called in the thread that trains.

``logs`` holds the metrics by the names that are the same everywhere: ``loss``, ``acc``,
``val_loss``, ``val_acc``, ``lr``. Epochs count from 0 in the hooks, as in Keras.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from engine import path_templates, paths
from engine.arrays import Array
from engine.layers import Sequential
from engine.options import Section

Logs = Mapping[str, float]


class Run(Protocol):
    """A session as its callbacks see it."""

    history: list[dict[str, float]]

    @property
    def folder(self) -> Path | None:
        """The folder of the run; None for a training that keeps none."""
        ...

    @property
    def model(self) -> Sequential:
        """The network, between two batches."""
        ...

    @property
    def stop_reason(self) -> str | None:
        """The reason to end training after this batch or epoch, or None; callbacks set it."""
        ...

    @stop_reason.setter
    def stop_reason(self, reason: str | None) -> None: ...

    def save_weights(self, path: Path, latest_of: Path | None = None) -> bool:
        """Write the current weights with the network's architecture; False if it failed."""
        ...

    def warn(self, message: str) -> None:
        """Report a problem that training survives."""
        ...


class CallbackOptions(Section):
    """Base of the options that a config can give below a callback's name.

    Attributes:
        output_key: the option, in classes that have it, which names the file or folder to write.
    """

    output_key: ClassVar[str] = "filepath"

    @classmethod
    def writes(cls) -> bool:
        """Whether the callback writes a file or a folder."""
        return cls.output_key in cls.model_fields

    @property
    def output(self) -> Path | None:
        """The file or folder to write; None where the options name none."""
        return getattr(self, self.output_key, None)

    def with_output(self, folder: Path, path: Path) -> "CallbackOptions":
        """The same options with ``folder / path`` as the output."""
        placed = path_templates.below(folder, path)
        return self.model_copy(update={self.output_key: placed})

    def check(self) -> None:
        """Check that the output can be written.

        Raises:
            ConfigError: it cannot be, or a package is missing.
        """
        if self.output is not None:
            paths.check_writable(Path(path_templates.sample(str(self.output))))

    @classmethod
    def starting_values(cls, name: str) -> dict[str, Any]:
        """The values that a form writes when it switches the callback on.

        Args:
            name: of the config, for the names of files.
        """
        return {}


class Callback:
    """Base of the callbacks; every hook does nothing.

    The constructor takes the options, by name. A callback that remembers something across epochs
    gives it to ``state_dict`` (JSON values) and ``arrays`` (arrays of a shape that does not
    change), so that a resumed run continues exactly.
    """

    class Options(CallbackOptions):
        """The options of a callback without any."""

    summary: ClassVar[str] = ""
    """What it does, in a few words for the form; set by ``register``."""
    always_on: ClassVar[bool] = False
    """Whether every run has it, named in its config or not; it then has no options."""
    shapes_result: ClassVar[bool] = True
    """Whether ``config_hash`` covers it: what is trained may depend on it."""
    keeps_weights: ClassVar[bool] = False
    """Whether it adds a copy of the weights to every checkpoint."""

    run: Run

    def on_train_begin(self) -> None:
        """Before the first batch, also of a resumed run."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Before an epoch's first batch."""

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """After an optimizer step; ``batch`` counts within the epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """After an epoch's validation."""

    def on_train_end(self) -> None:
        """After the last epoch, not if the run is only interrupted.

        Changes made here are in the finished weights, not in the last checkpoint: a run that is
        resumed for more epochs continues from the weights of its last epoch, and a finished run
        that is resumed calls this hook again.
        """

    def state_dict(self) -> dict[str, Any]:
        """The state to save, as JSON values."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state from ``state_dict``."""

    def arrays(self) -> dict[str, Array]:
        """The arrays to save; a resumed run restores them in place."""
        return {}


CALLBACKS: dict[str, type[Callback]] = {}
"""Every callback by its name in configs, in the order of every list."""

Hook = TypeVar("Hook", bound=Callback)


def register(name: str, summary: str) -> Callable[[type[Hook]], type[Hook]]:
    """Make a callback known by a name: to configs, ``--set``, the form and the JSON Schema.

    Args:
        name: the key in a config's ``callbacks``.
        summary: what it does, in a few words.

    Raises:
        ValueError: the name is taken.
    """

    def add(cls: type[Hook]) -> type[Hook]:
        if name in CALLBACKS:
            raise ValueError(f"there are two callbacks named {name}")
        cls.summary = summary
        CALLBACKS[name] = cls
        return cls

    return add
