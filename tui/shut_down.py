"""Shutting down: what is running is saved, and the process ends in any case."""

import asyncio
import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.paths import real_path
from engine.services.resume import resume_command
from engine.sweeps.folder import near
from tui.text import clean

if TYPE_CHECKING:
    from tui.app import CnnApp

log = logging.getLogger("cnn_tui")

HANGUP = 129
"""The exit code where the terminal is gone."""
_PATIENCE = {"loading": 0.3, "downloading": 0.3}
"""Seconds that a phase in which there is nothing to save may keep the app from leaving."""
_LONGEST_SAVE = 30.0
_LAST = 5.0
"""Seconds from there to the end, at most."""


class ExitSequence:
    """The steps from quit to the end of the process; one that fails is logged.

    Args:
        app: what is left.

    Attributes:
        begun: whether it is being left.
        exit_message: lines printed once the terminal is itself again.
    """

    def __init__(self, app: "CnnApp") -> None:
        self._app = app
        self.begun = False
        self.exit_message: list[str] = []

    def begin(self, exit_code: int) -> None:
        """Stop what is running, and exit once it is saved."""
        if self.begun:
            return
        self.begun = True
        self._end_in_any_case(exit_code)
        with logged("the training cannot be told to stop"):
            reason = "quit" if exit_code == 0 else signal.Signals(exit_code - 128).name
            self._app.training.stop(reason)
        for job in self._app.jobs:
            job.cancel()
        self._app.run_worker(self._leave(exit_code), exit_on_error=False)

    async def _leave(self, exit_code: int) -> None:
        try:
            with logged("waiting for the training"):
                await self._wait_for_training()
            with logged("the session is not remembered"):
                self._remember()
            with logged("there is no exit message"):
                self._compose_exit_message()
        finally:
            self._end_in_any_case(exit_code, _LAST)
            self._app.exit(exit_code)

    def _end_in_any_case(self, exit_code: int, seconds: float | None = None) -> None:
        if self._app.signals is not None:
            self._app.signals.last_resort.begin(exit_code, seconds)

    async def _wait_for_training(self) -> None:
        training = self._app.training
        began, told = time.monotonic(), False
        while training.thread_alive:
            waited = time.monotonic() - began
            if waited > _PATIENCE.get(training.phase, _LONGEST_SAVE):
                break
            if waited > 0.4 and not told:
                told = True
                self._app.show_message(
                    "saving the checkpoint ...", "q again quits at once", timeout=30
                )
            await asyncio.sleep(0.02)
        await asyncio.sleep(0)  # let the last messages of the training arrive

    def _remember(self) -> None:
        settings, path = self._app.settings, self._app.workspace.document.path
        settings.config = str(real_path(path)) if path else ""
        settings.theme = self._app.theme
        settings.save()

    def _compose_exit_message(self) -> None:
        training = self._app.training
        run = training.run_dir
        for folder in sorted(self._app.sweeps.open):
            self.exit_message.append(
                f"a sweep continues: {clean(near(folder))}; key 7 in the app shows and stops it"
            )
        if self._app.seeds.command:
            self.exit_message.append(f"stopped and saved; resume with:  {self._app.seeds.command}")
            return
        if run is None or training.session is None:
            return
        if training.session.controls.stop_reason is not None:
            self.exit_message.append(f"stopped and saved; resume with:  {resume_command(run)}")

    def crash(self, error: Exception) -> list[str]:
        """Save what is running, after an internal error.

        Returns:
            What is to be said about it; it is logged as well.
        """
        training = self._app.training
        self._end_in_any_case(1, 2 * _LAST)
        log.critical("the app crashed", exc_info=error)
        with logged("the training cannot be told to stop"):
            training.stop("the app crashed")
            deadline = time.monotonic() + _LAST
            while training.thread_alive and time.monotonic() < deadline:
                time.sleep(0.02)
        lines = [f"cnn-tui: internal error: {type(error).__name__}: {clean(error, 300)}"]
        if self._app.log_path is not None:
            lines.append(f"details in {self._app.log_path}")
        if training.run_dir is not None:
            lines.append(f"the run is saved; resume with:  {resume_command(training.run_dir)}")
        return lines


@contextmanager
def logged(what: str) -> Iterator[None]:
    """Log an exception instead of raising it."""
    try:
        yield
    except Exception:
        log.exception("while leaving: %s", what)
