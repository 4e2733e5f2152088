"""Run the app on a terminal, and restore the terminal when it ends."""

import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

from engine import paths
from engine.errors import ConfigError, RunError
from engine.sanitize import visible
from engine.services.signals import LastResort, Signals
from tui.app import CnnApp
from tui.lessons import Lesson
from tui.state.lesson_desk import check_places
from tui.state.settings import AppSettings
from tui.state.workspace import Workspace
from tui.state_folder import state_dir

_LAST = 5.0
"""Seconds that threads have to end after the app."""


def launch(config: Path | None, overrides: Sequence[str] = (), lesson: Lesson | None = None) -> int:
    """Run the app until it is left.

    Args:
        config: the config to open; default the one of the last session, or quickstart.
        overrides: changes of it that are not saved, e.g. ``["train.lr=0.1"]``.
        lesson: the lesson to open beside the first screen.

    Returns:
        0, 1 after a crash, 2 where an override or the lesson is wrong, 130, 143 or 129 after a
        signal.
    """
    log_path = open_log()
    settings = AppSettings.load()
    workspace = Workspace.opened(config, settings.config)
    try:
        workspace.document.override(overrides)
        if lesson is not None:
            check_places(lesson)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    app = CnnApp(workspace, settings=settings, log_path=log_path)
    if lesson is not None:
        app.lessons.open(lesson)
    code = _run(app)
    LastResort().begin(code, _LAST)  # a thread that does not end would keep the process
    with suppress(OSError):  # the terminal may be gone
        for line in app.exit_sequence.exit_message:
            print(visible(line), file=sys.stderr)
    return code


def _run(app: CnnApp) -> int:
    with Signals(app.signalled, app.give_terminal_back) as app.signals:
        try:
            code = app.run()
        except Exception as error:  # on the way out: all before that is shown by the app itself
            app.exit_sequence.exit_message = app.exit_sequence.crash(error)
            return app.signals.exit_code or 1
        finally:
            app.give_terminal_back()
    return (app.return_code or 0) if code is None else code


def open_log() -> Path | None:
    """Open the app's log file, of at most 1 MB; None where none can be written."""
    log = logging.getLogger("cnn_tui")
    log.propagate = False
    log.setLevel(logging.INFO)
    logging.raiseExceptions = False  # a full disk must not write over the screen
    folder = state_dir()
    try:
        if folder is None:
            raise RunError("there is no home folder")
        path = folder / "cnn-tui.log"
        paths.check_writable(path, RunError)  # opening a pipe would wait for its reader
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=1 << 20, backupCount=1, encoding="utf-8")
    except (OSError, RunError):
        log.addHandler(logging.NullHandler())
        return None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    return path
