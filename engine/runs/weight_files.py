"""The files of weights of a run, and the one that stands for it."""

from pathlib import Path

from engine import paths
from engine.checkpoints.retention import CheckpointStore
from engine.errors import CheckpointError
from engine.films import film
from engine.runs.directory import CHECKPOINTS

WEIGHTS = "weights.npz"
"""The finished network of a run, in its directory."""
START = "start.npz"
"""The weights that a run with ``train.init_from`` began with, to train it again."""


def find_weights(path: Path) -> Path:
    """The file of weights at a path: the file itself, or a run's finished, best or latest one.

    A run that saved none of these has the last frame of its film.

    Raises:
        CheckpointError: there is none, or the folder may not be entered.
    """
    if paths.kind_at(path, CheckpointError) != "folder":
        return path
    for candidate in (path / WEIGHTS, path / CHECKPOINTS / "best.npz"):
        if paths.kind_at(candidate, CheckpointError) == "file":
            return candidate
    store = CheckpointStore(path / CHECKPOINTS)
    for step in reversed(store.steps()):
        return store.path(step)
    frames = film.frames(path)
    if frames:
        return frames[-1]
    raise CheckpointError(f"{path}: the folder holds no {WEIGHTS} and no checkpoint")
