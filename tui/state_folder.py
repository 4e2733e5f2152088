"""The folder of what is kept from one session to the next, and of the log."""

from pathlib import Path

import platformdirs


def state_dir() -> Path | None:
    """Folder of the settings and the log; it may not exist yet.

    On Linux ``$XDG_STATE_HOME/cnn-tui``, or ``~/.local/state/cnn-tui``; on Windows and macOS the
    system's own place. None where there is no home folder.
    """
    try:
        folder = platformdirs.user_state_path("cnn-tui", appauthor=False)
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None
