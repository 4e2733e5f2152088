"""Errors of the engine and their exit codes; each message is one line with the next step."""

from collections.abc import Sequence
from enum import IntEnum
from importlib.util import find_spec


class ExitCode(IntEnum):
    """Exit codes of all commands and of the app; ``meaning`` is what ``--help`` says of each."""

    meaning: str

    def __new__(cls, number: int, meaning: str) -> "ExitCode":
        member = int.__new__(cls, number)
        member._value_ = number
        member.meaning = meaning
        return member

    DONE = 0, "done"
    FAILED = (
        1,
        "the run failed: it diverged, was not saved, or gradcheck, runs verify or lr-find failed",
    )
    BAD_INPUT = (
        2,
        "the command line or the config is wrong, or needs a package that is not installed",
    )
    BAD_FILE = 3, "a data set or checkpoint is missing or corrupt"

    @staticmethod
    def of_signal(number: int) -> int:
        """128 + the signal's number, as shells have it: 130, 143 or 129."""
        return 128 + number


class EngineError(Exception):
    """Base of the errors that are shown to the user as one line, without a traceback."""

    exit_code: int = ExitCode.FAILED


class RunError(EngineError):
    """A run failed: it diverged, or what it wrote could not be kept."""


class Diverged(RunError):
    """The loss or the gradient is no longer a finite number; no parameter was changed.

    Args:
        what: what is not finite.
        epoch, step: where, both from 0; no step if it was seen after the epoch's last one.
        lr: the learning rate of that step.
        source: what first was not finite, ``layer 3 Conv2D(6→16, k=5)`` or ``the images``; None
            if only gradients are not, or unknown.
    """

    def __init__(
        self, what: str, epoch: int, step: int | None, lr: float, source: str | None = None
    ) -> None:
        self.epoch, self.step, self.lr, self.source = epoch, step, lr, source
        batch = "after its last batch" if step is None else f"batch {step + 1}"
        first = f"; first not finite: {source}" if source else ""
        super().__init__(
            f"diverged in epoch {epoch + 1}, {batch}, at learning rate {lr:g}: "
            f"{what}{first}. Try a smaller lr, or train.clip_norm"
        )


class UnreadableRunError(RunError):
    """A run directory, or a file in it, is missing or cannot be read."""

    exit_code = ExitCode.BAD_FILE


class ShapeError(EngineError, ValueError):
    """An array has a shape that does not fit; the message names both shapes."""

    exit_code = ExitCode.BAD_INPUT


class DTypeError(EngineError, TypeError):
    """An array has a dtype that cannot be computed with; the message names the one that can."""

    exit_code = ExitCode.BAD_INPUT


class NotReadyError(EngineError, RuntimeError):
    """A layer or a loss was called too early; the message names the call that is missing."""


class ConfigError(EngineError):
    """A config or a command line asks for something that cannot be."""

    exit_code = ExitCode.BAD_INPUT


class MissingPackageError(ConfigError):
    """What was asked for needs a package that is not installed; the message says how to get it."""


def require_package(package: str, extra: str, needed_by: str) -> None:
    """Check that an optional package is installed, without importing it.

    Args:
        package: as it is imported and installed.
        extra: of cnn-tui that installs it.
        needed_by: what needs it, with the verb, as ``figures need``.

    Raises:
        MissingPackageError: it is not; the message says how to install it.
    """
    if find_spec(package) is None:
        raise MissingPackageError(
            f"{needed_by} the package {package}, which is not installed: "
            f"pip install 'cnn-tui[{extra}]'"
        )


class SpecError(ConfigError):
    """A list of layers cannot be built.

    Attributes:
        path: where in the list, e.g. ``(3, "Conv2D", "kernel_size")``.
        reason: what is wrong there, without the place.
    """

    def __init__(self, path: Sequence[str | int], reason: str) -> None:
        self.path = tuple(path)
        self.reason = reason
        where = ".".join(str(part) for part in self.path)
        super().__init__(f"layers.{where}: {reason}" if where else f"layers: {reason}")


class DataError(EngineError):
    """A data set is missing, incomplete or corrupt."""

    exit_code = ExitCode.BAD_FILE


class Cancelled(EngineError):
    """Work was cancelled at the caller's request, before it had a result."""

    exit_code = 3


class CheckpointError(EngineError):
    """A checkpoint is missing, corrupt, or belongs to another network."""

    exit_code = ExitCode.BAD_FILE
