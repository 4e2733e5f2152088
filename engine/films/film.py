"""The film of a run: its network's weights and statistics at some moments of the training.

A frame is a file of weights like any other (see ``engine.checkpoints``), with the moment in its
``meta``: on any machine it is read, verified, evaluated and explained as such. A frame is whole or
absent, so a film that was cut off still has all frames before the cut.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.arrays import Array
from engine.checkpoints import checkpoint
from engine.checkpoints.archive import JSON
from engine.checkpoints.retention import CheckpointStore
from engine.errors import CheckpointError
from engine.films import schedule
from engine.numbers import null_for_nan
from engine.storage import atomic
from engine.storage.untrusted_json import METRICS, Count, Metrics, check_type

FOLDER = "film"
"""Of the frames, in the run's directory."""
_KEY = "film"


@dataclass(frozen=True)
class Moment:
    """When a frame was taken.

    Attributes:
        epoch: epochs done.
        step: batches done of the epoch after them.
        global_step: optimizer steps in all.
        logs: metrics of the last of those epochs, or of the batches so far in the first; None for
            one that was not finite; empty before the first batch.
    """

    epoch: Count
    step: Count
    global_step: Count
    logs: Metrics


def frames(run: Path) -> list[Path]:
    """The files of a run's frames, the earliest first; none if it has no film.

    Raises:
        CheckpointError: their folder cannot be read, or is a link.
    """
    store = CheckpointStore(run / FOLDER)
    return [store.path(step) for step in store.steps()]


def moment(frame: Path) -> Moment:
    """When a frame was taken; its arrays are neither read nor verified.

    Raises:
        CheckpointError: missing, damaged, or not a frame.
    """
    try:
        found: Moment = check_type(Moment, checkpoint.read_meta(frame).get(_KEY), _KEY)
    except ValueError as error:
        raise CheckpointError(f"{frame}: not a frame of a film: {error}") from None
    return found


def size(run: Path) -> tuple[int, int]:
    """How many frames a run has, and their bytes.

    Raises:
        CheckpointError: see ``frames``.
    """
    total, found = 0, frames(run)
    for path in found:
        with suppress(OSError):  # thinned in between
            total += path.stat().st_size
    return len(found), total


def go_back(run: Path, step: int) -> None:
    """Remove the frames after a step, before a resumed run takes them again.

    Raises:
        CheckpointError: see ``frames``.
    """
    store = CheckpointStore(run / FOLDER)
    later = [one for one in store.steps() if one > step]
    atomic.sweep(store.folder)
    _remove(store, later)


class FilmWriter:
    """The writer of a run's film, in the thread that trains.

    Args:
        run: its directory.
        arrays: the network's, by name, as every frame has them.
        steps_per_epoch: batches of an epoch.
    """

    def __init__(self, run: Path, arrays: Mapping[str, Array], steps_per_epoch: int) -> None:
        self._store = CheckpointStore(run / FOLDER)
        self._steps_per_epoch = steps_per_epoch
        # Beside the numbers a file has a line or two for each array, and the network's layers.
        frame = sum(array.nbytes + 1024 for array in arrays.values()) + 16_384
        self._room = schedule.room(frame)
        self._first = schedule.first_steps(steps_per_epoch, self._room) if self._room else []

    def steps_until_due(self, step: int) -> int | None:
        """Batches until the next frame inside the first epoch; None if there is none."""
        return min((due - step for due in self._first if due > step), default=None)

    def is_due(self, step: int) -> bool:
        """Whether a step of the first epoch, before its end, is a frame."""
        return step in self._first

    def add(self, now: Moment, arrays: Mapping[str, Array], meta: Mapping[str, JSON]) -> None:
        """Write a frame, then remove those that are thinned out.

        Args:
            now: the moment. Of its logs only the metrics are kept that do not depend on time, so
                the same training makes the same film.
            arrays: the network's, by name.
            meta: that of saved weights.

        Raises:
            CheckpointError: it was not written; the other frames are still there.
        """
        if not self._room:
            return
        before = self._store.steps()
        logs = {key: now.logs[key] for key in METRICS if key in now.logs}
        described = null_for_nan(asdict(now) | {"logs": logs})
        path = self._store.path(now.global_step)
        try:
            atomic.make_folder(path.parent)
        except OSError as exc:
            raise CheckpointError(f"{path}: not saved: {exc.strerror or exc}") from exc
        # A frame lost to a power cut is a gap in the film, not worth waiting for the disk.
        checkpoint.save(path, arrays, {**meta, _KEY: described}, durable=False)
        keep = schedule.kept(now.epoch, self._steps_per_epoch, self._room)
        _remove(
            self._store, [step for step in before if step < now.global_step and step not in keep]
        )


def _remove(store: CheckpointStore, steps: list[int]) -> None:
    for step in steps:
        with suppress(OSError):  # a frame too many does no harm
            atomic.remove(store.path(step))
