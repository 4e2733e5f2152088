"""Offering to resume a run: the one that a crash cut off, or the newest that can be."""

from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.runs.groups import place_of
from engine.runs.listing import RunInfo, list_unfinished
from engine.train.factory import config_of
from tui.screens.base import BaseScreen
from tui.screens.dialogs import Confirm

if TYPE_CHECKING:
    from tui.app import CnnApp

_FROM_OUTSIDE = ("SIGTERM", "SIGHUP")
"""Reasons of a stop that came from outside."""


def offer_to_resume(app: "CnnApp") -> None:
    """Look for the newest unfinished run; if it was cut, ask whether to resume it, once."""
    root = app.choice.runs_root
    app.start_job(
        lambda job: _cut_run(root),
        on_done=lambda info: _ask(app, info),
        on_error=lambda error: None,  # screen 5 says what is wrong with the runs
        name="offer",
    )


def resume_newest(app: "CnnApp") -> None:
    """Look for the newest run that can be resumed, and resume it after a question."""
    root = app.choice.runs_root

    def found(info: RunInfo | None) -> None:
        if info is None:
            app.show_message(
                "no run can be resumed", "r trains; 5 shows all runs", severity="warning"
            )
            return
        words = f"{info.id} was {'cut off' if info.status == 'interrupted' else info.status}"
        app.confirm(
            f"Resume {info.name}?",
            f"{words}; it continues exactly where it was saved{_rest(info)}. 5 shows all runs.",
            yes="resume",
            no="no",
            then=lambda: _resume(app, info),
        )

    app.start_job(lambda job: next(list_unfinished(root), None), on_done=found, name="resume")


def _cut_run(root: Path) -> RunInfo | None:
    """The newest unfinished run, if it was a crash, a kill or a closed terminal that ended it."""
    info = next(list_unfinished(root), None)
    if info is None:
        return None
    cut = info.status == "interrupted" or info.record.get("reason") in _FROM_OUTSIDE
    return info if cut else None


def _ask(app: "CnnApp", info: RunInfo | None) -> None:
    if info is None or info.id == app.settings.declined:
        return
    if app.training.running or not isinstance(app.screen, BaseScreen):
        return  # there is something else to do already

    def answered(yes: bool | None) -> None:
        if yes:
            _resume(app, info)
        elif yes is False:  # esc is no answer
            app.settings.declined = info.id
            app.settings.save()

    question = f"{info.name} was cut off before its end. Resume it?"
    detail = (
        f"{info.id}: it continues exactly where it was saved{_rest(info)}. esc asks again next "
        "time; 5 shows all runs."
    )
    app.push_screen(Confirm(question, detail, yes="resume", no="no, do not ask again"), answered)


def _rest(info: RunInfo) -> str:
    """What follows the run, if it is one of several seeds."""
    place = place_of(info.record)
    return f", and so do the other seeds of its {place.size}" if place else ""


def _resume(app: "CnnApp", info: RunInfo) -> None:
    try:
        config = config_of(info.path)
    except EngineError as error:
        app.show_message(str(error), "it cannot be resumed; 5 shows all runs", severity="error")
        return
    place = place_of(info.record)
    if place is not None:
        app.seeds.resume(place.group, info.path.parent)
        return
    app.start_training(config, info.path)
