"""Starting a sweep of the chosen config, from the screens Configs and Sweeps."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.app import CnnApp


def refuse_new_sweep(app: "CnnApp") -> str | None:
    """Why no sweep of the chosen config can be started, or None."""
    if app.workspace.document.config is None:
        return "the config has errors; 1 shows them"
    return None


def ask_new_sweep(app: "CnnApp") -> None:
    """Ask for the grid of a sweep of the chosen config, as it is now; then train it."""
    from tui.screens.sweeps.new_sweep import NewSweep

    document = app.workspace.document
    if not app.config_watch.look() or document.config is None:
        return

    def made(folder: Path | None) -> None:
        if folder is not None:
            app.sweeps.newest = folder
            app.sweeps.start(folder)
            app.show_message(
                "the sweep is started", "it continues when the app is closed", timeout=6
            )
            app.go_to("sweeps")

    app.push_screen(NewSweep(document.text, document.name, document.config), made)
