"""The copy of a run that is trained elsewhere, in the folder of its sweep."""

import json
from pathlib import Path

from engine.config import dump
from engine.errors import RunError
from engine.runs import locations
from engine.runs.directory import CONFIG, LOCK, RECORD
from engine.storage import atomic
from engine.storage.locks import Lock
from engine.sweeps.cluster.parcel import Marks, Parcel, pack, place, unpack
from engine.sweeps.plan import Trial


class Mirror:
    """The run of a trial, as far as it has come back; locked, as it is being trained.

    It belongs here: its config names this folder, and its record says that it was started here, so
    that it can be gone on with by hand.

    Args:
        trial: of a sweep, with the folders of its runs and reports.
    """

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._lock: Lock | None = None

    def send(self, run: Path) -> Parcel | None:
        """The run that a worker is to resume.

        Raises:
            RunError: it cannot be read.
        """
        marks: Marks = {}
        try:
            self._hold(run)
            return pack(run, marks)
        except OSError as error:
            raise RunError(f"{run}: {error.strerror or error}") from None

    def keep(self, parcel: Parcel) -> None:
        """Write what has come back.

        Raises:
            RunError: it was damaged on its way, or the disk refused.
        """
        files = unpack(parcel)
        run = self._trial.config.runs_dir / parcel.run
        try:
            self._hold(run)
            if CONFIG in files:
                self._keep_config(run)
                del files[CONFIG]
            if RECORD in files and (run / CONFIG).exists():
                record = json.loads(files[RECORD])
                config = self._trial.config
                files[RECORD] = json.dumps(
                    {**record, locations.KEY: locations.origin(run, config)}, indent=2
                ).encode()
            place(files, parcel.names, run)
        except OSError as error:
            raise RunError(f"{run}: not written: {error.strerror or error}") from None

    def _keep_config(self, run: Path) -> None:
        """Write the config once: its time of change tells that the run was started here."""
        if not (run / CONFIG).exists():
            atomic.write_atomic(run / CONFIG, dump(self._trial.config).encode())

    def _hold(self, run: Path) -> None:
        if self._lock is None:
            atomic.make_folder(run)
            self._lock = Lock(run / LOCK)

    def release(self) -> None:
        """Release the lock: nothing more comes back."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None
