"""What the tests of the form share."""

from textual.pilot import Pilot

from tests.support.app_pilot import until
from tui.app import CnnApp
from tui.screens.configs.edit_screen import EditScreen
from tui.screens.configs.form import Form
from tui.state.document import ConfigDocument


async def to_row(pilot: Pilot, path: str = "") -> Form:
    """The editor's form, with the cursor on a row."""
    if not isinstance(pilot.app.screen, EditScreen):
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, EditScreen))
        await until(pilot, lambda: pilot.app.screen.query(Form))
    form = pilot.app.screen.query_one(Form)
    form.focus()
    if path:
        move_to(form, path)
    await pilot.pause()
    assert not path or form.row.path == path
    return form


def move_to(form: Form, path: str) -> None:
    """Move the cursor of a form, row by row, to that of a key."""
    form.move(-1000)
    before = -1
    while form.row.path != path and form.cursor != before:
        before = form.cursor
        form.move(1)


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
