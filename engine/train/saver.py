"""Saving checkpoints and weights during a run.

A file that cannot be written does not stop training: there is a warning, the next save tries
again, and the failure is remembered until then, so that the run does not end as finished.
"""

import time
from collections.abc import Callable
from pathlib import Path

from engine.arrays import Array
from engine.checkpoints import checkpoint
from engine.config import Config
from engine.errors import CheckpointError, RunError
from engine.events import CheckpointSaved, Event, Logs, Warned
from engine.films import film
from engine.films.film import FilmWriter, Moment
from engine.runs.directory import RunDir
from engine.runs.record import weights_meta
from engine.runs.weight_files import START
from engine.storage import atomic
from engine.train.run_state import RunState


class Saver:
    """Writer of a run's checkpoints and weights.

    Args:
        config: the run's.
        state: the state to save.
        run_dir: the run's directory.
        steps_per_epoch: batches of an epoch.
        emit: called with an event for every save, and a warning for every failure.
        prepare: called before every save; makes the run directory if it is gone.
    """

    def __init__(
        self,
        config: Config,
        state: RunState,
        run_dir: RunDir,
        steps_per_epoch: int,
        emit: Callable[[Event], None],
        prepare: Callable[[], None],
    ) -> None:
        self._config = config
        self._state = state
        self._run, self._store = run_dir.path, run_dir.store
        self._emit = emit
        self._prepare = prepare
        self._film: FilmWriter | None = None
        if config.train.film:
            arrays = state.trainer.model.state_dict()
            self._film = FilmWriter(self._run, arrays, steps_per_epoch)
        self._start: dict[str, Array] = {}
        self._failed: dict[Path, str] = {}
        self._last = time.monotonic()

    @property
    def problem(self) -> str | None:
        """The first file that could not be written, in one line; None if there is none."""
        return next(iter(self._failed.values()), None)

    def checkpoint(self, *, best: bool = False, silent: bool = False) -> None:
        """Save the whole state of the run.

        Args:
            best: keep it as the best one too.
            silent: emit no event, as before the start.
        """
        progress = self._state.progress
        meta = weights_meta(self._config, self._state.trainer.model) | self._state.meta()

        def save() -> None:
            arrays = self._state.arrays()
            judged = self._state.judged(arrays) if best else None
            path = self._store.save(progress.global_step, arrays, meta, best=judged)
            if not silent:
                self._emit(CheckpointSaved(path, progress.epoch, progress.step, best))

        self._try(self._store.folder, save)
        self._last = time.monotonic()

    @property
    def batches_until_due(self) -> int | None:
        """Batches until a checkpoint or a frame is due; None if neither counts them."""
        found = [self._until_checkpoint]
        if self._film is not None:
            found.append(self._film.steps_until_due(self._state.progress.global_step))
        return min((batches for batches in found if batches is not None), default=None)

    @property
    def _until_checkpoint(self) -> int | None:
        every = self._config.train.checkpoint_every.steps
        return None if every is None else every - self._state.progress.global_step % every

    def checkpoint_if_due(self) -> None:
        """Save a checkpoint inside an epoch, as often as the config says."""
        every = self._config.train.checkpoint_every
        by_step = every.steps is not None and self._until_checkpoint == every.steps
        waited = time.monotonic() - self._last
        if by_step or (every.seconds is not None and waited >= every.seconds):
            self.checkpoint()

    def rewind_film(self) -> None:
        """Remove the frames after the present moment, which will be taken again."""
        try:
            film.go_back(self._run, self._state.progress.global_step)
        except CheckpointError as error:
            self._emit(Warned(str(error)))

    def frame(self, logs: Logs) -> None:
        """Add the present moment to the film; a failure is said once, and is not the run's.

        Args:
            logs: the metrics of the moment.
        """
        progress, model = self._state.progress, self._state.trainer.model
        if self._film is None:
            return
        now = Moment(progress.epoch, progress.step, progress.global_step, dict(logs))
        arrays = {f"model/{name}": array for name, array in model.state_dict().items()}
        try:
            self._prepare()
            self._film.add(now, arrays, weights_meta(self._config, model))
        except (CheckpointError, RunError) as error:
            self._film = None
            self._emit(Warned(f"{error}; training continues, its film ends here"))

    def frame_if_due(self) -> None:
        """Add a frame inside the first epoch."""
        progress = self._state.progress
        if self._film is not None and self._film.is_due(progress.global_step):
            self.frame(progress.training_logs() if progress.step else {})

    def keep_start(self) -> None:
        """Keep the weights that came from a file, so that the run can be trained again without it.

        Raises:
            CheckpointError: they cannot be written, or hold numbers that are not finite.
        """
        state = self._state.trainer.model.state_dict()
        self._start = {f"model/{name}": array.copy() for name, array in state.items()}
        self.write_start()

    def write_start(self) -> None:
        """Write the weights that were kept, if there are some.

        Raises:
            CheckpointError: the disk refused.
        """
        if self._start:
            meta = weights_meta(self._config, self._state.trainer.model)
            checkpoint.save(self._run / START, self._start, meta)

    def weights(self, path: Path, latest_of: Path | None = None) -> bool:
        """Write the weights with the network's architecture; False if that failed.

        Args:
            path: the file.
            latest_of: for a file that the user named: its name with placeholders. A later file of
                that name makes up for one that could not be written, and a link is followed.
        """
        model = self._state.trainer.model

        def save() -> None:
            arrays = {f"model/{name}": array for name, array in model.state_dict().items()}
            atomic.make_folder(path.parent)
            meta = weights_meta(self._config, model)
            checkpoint.save(path, arrays, meta, follow_symlinks=latest_of is not None)

        return self._try(latest_of or path, save)

    def _try(self, path: Path, save: Callable[[], None]) -> bool:
        try:
            self._prepare()
            save()
        except (CheckpointError, RunError, OSError) as error:
            reason = str(error)
            if isinstance(error, OSError):
                reason = f"{path}: not saved: {error.strerror or error}"
            self._failed[path] = reason
            self._emit(Warned(f"{reason}; training continues"))
            return False
        self._failed.pop(path, None)
        return True
