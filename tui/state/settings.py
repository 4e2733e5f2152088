"""Settings kept from one session to the next."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, fields

from engine.storage import atomic
from tui.state_folder import state_dir

_LIMIT = 64 << 10


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
