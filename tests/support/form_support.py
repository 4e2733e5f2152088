"""What the tests of the form share."""

from textual.pilot import Pilot

from tui.app import CnnApp
from tui.screens.configs.edit_screen import EditScreen
from tui.screens.configs.form import Form
from tui.state.document import ConfigDocument


async def to_row(pilot: Pilot, path: str = "") -> Form:
    """The editor's form, with the cursor on a row."""
    if not isinstance(pilot.app.screen, EditScreen):
        await pilot.press("e")
    form = pilot.app.screen.query_one(Form)
    form.focus()
    if path:
        form.focus_row(path)
    await pilot.pause()
    assert not path or form.row.path == path
    return form


def document_of(pilot: Pilot) -> ConfigDocument:
    app = pilot.app
    assert isinstance(app, CnnApp)
    return app.workspace.document


def all_rows_on(document: ConfigDocument) -> None:
    """Switch on all that brings rows of its own."""
    document.set("train.warmup", {"steps": 10})
    document.set("train.scheduler", {"name": "one_cycle"})
    document.set(
        "callbacks",
        [
            {"early_stopping": {"monitor": "val_loss"}},
            {"checkpoint": {"filepath": "a.npz"}},
            {"csv_logger": {"filepath": "a.csv"}},
        ],
    )
    document.end_edit()
