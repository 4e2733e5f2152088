"""Registry of export formats."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from engine.errors import ConfigError, MissingPackageError, require_package
from engine.export.architecture import Architecture

if TYPE_CHECKING:
    from engine.arrays import Array
    from engine.layers import Sequential

Files = Callable[[Path], list[Path]]
"""All files that are made of an output path, which comes first."""

Write = Callable[[Path, "Sequential", Architecture], None]
"""Writes those files.

It raises OSError where the disk refuses, and an EngineError where the format cannot hold the
network.
"""

W = TypeVar("W", bound=Write)


class Runner(NamedTuple):
    """Another program that computes what a written file says.

    Attributes:
        package: what it needs, as Python imports it.
        logits: from the output path and images (N, C, H, W), float32 pixels divided by 255, to
            logits (N, classes).
    """

    package: str
    logits: Callable[[Path, "Array"], "Array"]


class Exporter(NamedTuple):
    """An export format.

    Attributes:
        name: as in ``--format``.
        files: its files.
        write: the function that writes them.
        about: what it is for, in a few words for the app.
        suffix: of the path that the app proposes.
        extra: the extra of ``cnn-tui`` with the packages that it needs; empty for none.
        package: of these, the one to look for, as Python imports it.
        runner: what can run the files; None for those that hold numbers only.
    """

    name: str
    files: Files
    write: Write
    about: str
    suffix: str
    extra: str
    package: str
    runner: Runner | None

    def is_missing(self) -> bool:
        """Whether a package that the format needs is not installed."""
        return bool(self.package) and find_spec(self.package) is None

    def check_installed(self) -> None:
        """Check that the packages are there which the format needs.

        Raises:
            MissingPackageError: they are not; it says how to install them.
        """
        if self.package:
            require_package(self.package, self.extra, f"{self.name} needs")

    def expect_runner(self) -> Runner:
        """The program that can run the files.

        Raises:
            ConfigError: there is none.
            MissingPackageError: it is not installed.
        """
        if self.runner is None:
            those = " and ".join(name for name, other in EXPORTERS.items() if other.runner)
            raise ConfigError(
                f"{self.name} files hold no program that could be run to verify them; "
                f"{those} files do"
            )
        if find_spec(self.runner.package) is None:
            raise MissingPackageError(
                f"to verify {self.name} files needs the package {self.runner.package}, which is "
                f"not installed: pip install {self.runner.package}"
            )
        return self.runner


EXPORTERS: dict[str, Exporter] = {}
"""Every exporter by the name of its format."""


def register(
    name: str,
    files: Files = lambda path: [path],
    *,
    about: str = "",
    suffix: str | None = None,
    extra: str = "",
    package: str = "",
    runner: Runner | None = None,
) -> Callable[[W], W]:
    """Register the decorated function as the writer of a format.

    Args:
        name: the format, as in ``--format``.
        files: all files that the function makes of an output path; default: just that one.
        suffix: of the path that the app proposes; default: the name.
        about, extra, package, runner: see ``Exporter``.

    Raises:
        ValueError: the name is taken.
    """
    if name in EXPORTERS:
        raise ValueError(f"there are two exporters named {name}")

    def decorate(write: W) -> W:
        EXPORTERS[name] = Exporter(
            name, files, write, about, suffix or name, extra, package, runner
        )
        return write

    return decorate
