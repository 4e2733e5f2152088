"""Signals while a command shows its progress."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.services.signals import Signals
from tui.cli.output import Output


@contextmanager
def interruptible(
    out: Output, on_signal: Callable[[str], None] = lambda name: None
) -> Iterator[Signals]:
    """Catch signals while a command runs, and take its progress off the screen at the end.

    A second Ctrl-C leaves at once, and gives the terminal back.

    Args:
        out: shows the progress.
        on_signal: as for ``Signals``.

    Raises:
        Interrupted: a signal came, and the command was cancelled for it.
    """
    with Signals(on_signal, out.progress.abandon) as signals:
        try:
            yield signals
        finally:
            out.progress.close()
