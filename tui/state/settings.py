"""Settings kept from one session to the next, and the folder of the log."""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from engine import paths
from engine.storage import atomic

_LIMIT = 64 << 10


def state_dir() -> Path | None:
    """The folder of what the app remembers; it may not exist yet.

    ``$XDG_STATE_HOME/cnn-tui``, or ``~/.local/state/cnn-tui``; on Windows in ``%LOCALAPPDATA%``.
    None where there is no home folder either.
    """
    given = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    if given and os.path.isabs(given):
        return Path(given) / "cnn-tui"
    home = paths.home()
    return None if home is None else home / ".local" / "state" / "cnn-tui"


@dataclass
class AppSettings:
    """The last session.

    Attributes:
        config: path of the config that was chosen last; empty before the first.
        theme: name of the theme; empty for the default.
        declined: the run that was cut and is not to be resumed; empty if there is none.
    """

    config: str = ""
    theme: str = ""
    declined: str = ""

    @classmethod
    def load(cls) -> "AppSettings":
        """Read those of the last session; the defaults where there is no valid file."""
        folder = state_dir()
        if folder is None:
            return cls()
        try:
            saved = json.loads(atomic.read_limited(folder / "session.json", _LIMIT))
        except (OSError, ValueError, RecursionError):
            return cls()
        if not isinstance(saved, dict):
            return cls()
        names = {field.name for field in fields(cls)}
        good = {k: v for k, v in saved.items() if k in names and isinstance(v, str)}
        return cls(**good)

    def save(self) -> None:
        """Write them; an error is ignored."""
        folder = state_dir()
        if folder is None:
            return
        text = json.dumps(asdict(self), indent=2) + "\n"
        with suppress(OSError):
            atomic.make_folder(folder)
            atomic.write_atomic(folder / "session.json", text.encode())
