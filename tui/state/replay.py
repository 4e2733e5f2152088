"""Replay: a network at the moments of its run's film, for every screen about a network."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from engine import numbers
from engine.config import Config
from engine.errors import CheckpointError
from engine.films import film
from tui.state.selection import Selection

Move = Literal["first", "previous", "next", "last"]
"""To which frame; the run's own weights lie between the last one and the first."""

HELP = (
    "Every run keeps a film, the network at some moments of its training: . and , replay it here, "
    "and past its ends the weights are shown that were there before. "
)
"""For the help of the screens that replay."""


def no_film(selection: Selection | None) -> str | None:
    """Why a network cannot be replayed, in one line with what to do; None if it can."""
    if selection is None or selection.run is None:
        return "only a run has a film; o chooses one"
    try:
        if film.frames(selection.run):
            return None
    except CheckpointError as error:
        return str(error)
    if not selection.config.train.film:
        return "this run kept no film: train.film is off"
    return "this run kept no film: it is older than films are, or its network is too large for one"


def replayed(selection: Selection, move: Move) -> Selection:
    """The network of another frame of its run's film.

    Args:
        selection: a network with a film: a frame of it, or what ``entered_from`` is to be.
        move: to which frame.

    Returns:
        The frame; after the last one, and before the first, what the film was entered from.
    """
    run, outside = selection.run, selection.entered_from or selection
    assert run is not None
    try:
        frames = film.frames(run)
    except CheckpointError:
        frames = []
    here = frames.index(selection.weights) if selection.weights in frames else None
    place = {
        "first": 0,
        "last": len(frames) - 1,
        "next": 0 if here is None else here + 1,
        "previous": len(frames) - 1 if here is None else here - 1,
    }[move]
    if not 0 <= place < len(frames):
        return outside
    what = f"film {place + 1}/{len(frames)}: {words(frames[place], selection.config)}"
    return replace(selection, weights=frames[place], what=what, entered_from=outside)


def words(frame: Path, config: Config) -> str:
    """When a frame was taken, and how good the network was then."""
    try:
        moment = film.moment(frame)
    except CheckpointError:
        return "cannot be read"  # why is said where it is loaded
    epochs, step = config.train.epochs, f"step {numbers.count(moment.global_step)}"
    if moment.step == 0 and moment.epoch:
        return f"epoch {moment.epoch} of {epochs}, {step}{_accuracy(moment, 'val_acc')}"
    if moment.global_step:
        return f"in epoch {moment.epoch + 1} of {epochs}, {step}{_accuracy(moment, 'acc')}"
    return f"before epoch 1 of {epochs}, {step}"


def _accuracy(moment: film.Moment, key: str) -> str:
    value = moment.logs.get(key)
    return "" if value is None else f", {key} {numbers.percent(value, 3)}"
